"""The page of a report: one HTML file with its pictures inside, that needs neither network nor scripts."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from recorrente.report.content import Content
from recorrente.runs import write_bytes, write_text

__all__ = ["gradient_in_words", "write"]


def write(folder: Path) -> Path:
    """Draws `figures/*.png` and writes `report.html` into a run folder; its path.

    Raises:
        RunError: a file of the run is missing or broken, or the folder cannot be written.
    """
    from recorrente.report.drawing import png  # matplotlib: only where a page is drawn
    from recorrente.report.figures import FIGURES, SHOWN

    content = Content.of(folder)
    names = [*SHOWN[content.kind], *(name for name in ("inspection", "watched") if getattr(content, name) is not None)]
    pictures = {name: png(FIGURES[name](content)) for name in names}
    for name, picture in pictures.items():
        write_bytes(folder / "figures" / f"{name}.png", picture)
    page = folder / "report.html"
    write_text(page, _html(content, pictures))
    return page


def _html(content: Content, pictures: dict[str, bytes]) -> str:
    environment = Environment(
        loader=PackageLoader("recorrente.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    both_ways = content.config["network"]["bidirectional"]
    return environment.get_template(f"{content.kind}.html").render(
        config=content.config,
        metrics=content.metrics,
        classes=content.classes,
        inspection=content.inspection,
        gradient=gradient_in_words(content.seen["gradient_norms"], both_ways=both_ways),
        pictures={name: base64.b64encode(picture).decode() for name, picture in pictures.items()},
        **PARTS.get(content.kind, lambda seen: {})(content.seen),
    )


def _written(seen: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What a model of running text wrote, and how it foretold what was held out."""
    columns = (seen[f"shown_{name}"].tolist() for name in ("tokens", "bits", "expected"))
    return {
        "samples": list(zip(seen["temperatures"].tolist(), seen["samples"].tolist(), strict=True)),
        "foretelling": list(zip(*columns, strict=True)),
    }


def _mistaken(seen: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The texts that were read wrong, the surest first."""
    columns = (seen[f"mistake_{name}"].tolist() for name in ("texts", "target", "prediction", "confidence"))
    return {"mistakes": list(zip(*columns, strict=True))}


def _tagged(seen: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Some sentences with their tags, and which tags are taken for which."""
    names = ("words", "target", "prediction", "confidence")
    count = sum(name.endswith("_words") for name in seen)
    columns = [[seen[f"sentence_{number}_{name}"].tolist() for name in names] for number in range(count)]
    sentences = [list(zip(*parts, strict=True)) for parts in columns]
    return {"sentences": sentences, "confused": seen["confused"].tolist()}


def _heard(seen: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """What would be written if a sequence ended at each of some steps."""
    names = seen["heard_names"].tolist()
    parts = [
        zip(seen[f"heard_{k}_seconds"].tolist(), seen[f"heard_{k}_so_far"].tolist(), strict=True)
        for k in range(len(names))
    ]
    return {"emerging": [(name, list(part)) for name, part in zip(names, parts, strict=True)]}


PARTS: dict[str, Callable[[Mapping[str, NDArray[Any]]], dict[str, Any]]] = {
    "language": _written,
    "text": _mistaken,
    "tags": _tagged,
    "speech": _heard,
    "visual-speech": _heard,
}
"""What the page of a kind shows as text."""


def gradient_in_words(norms: NDArray[np.floating], *, both_ways: bool = False) -> str:
    """How much of the gradient of the top layer's last step, reading forward, is left at its first; `norms (L, T, B)`.

    Example:
        >>> gradient_in_words(np.array([[[0.01], [0.1], [1.0]]]))
        'In the top layer the median gradient at the first step is 1 % of that at the last: most vanishes on the way.'
    """
    top = norms[-2 if both_ways else -1]
    first, last = (float(np.median(top[t])) for t in (0, -1))
    if not np.isfinite((first, last)).all():
        told = f"the median gradient is {first:g} at the first step and {last:g} at the last"
        return f"In the top layer {told}: it has left the range of numbers."
    if last == 0:
        return "No gradient reaches the last step."
    share = first / last
    verdict = "most vanishes on the way" if share < 0.1 else "it grows on the way" if share > 3 else "it arrives"
    return (
        f"In the top layer the median gradient at the first step is {share * 100:.3g} % of that at the last: {verdict}."
    )
