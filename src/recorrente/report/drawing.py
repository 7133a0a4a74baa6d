"""How the pictures of a report are drawn: the colours, what several of them show alike, the file.

Each is on a white ground of its own, so that it reads the same on a light and on a dark page. The colours are the
Okabe-Ito palette and `viridis`, which the colour-blind can tell apart.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = [
    "BLUE",
    "CLASSES_NAMED",
    "COLOURS",
    "GREEN",
    "GREY",
    "ORANGE",
    "draw_likely",
    "gallery",
    "plain",
    "png",
    "quieten",
    "strip_of",
]

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#777777"
COLOURS = (BLUE, ORANGE, GREEN, RED, GREY)  # of layers
STRIP = 8  # frames of a clip that are shown
CLASSES_NAMED = 5  # curves of probability that are named; the others stay grey


def png(figure: Figure) -> bytes:
    """The figure as a PNG file, without a date in it: the same run gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def gallery(images: NDArray[Any], titles: list[str], columns: int) -> Figure:
    """Pictures in rows, each below its title."""
    rows = -(-len(images) // columns)
    lines = 1 + max(title.count("\n") for title in titles)
    figure = Figure(figsize=(1.5 * columns, (1.2 + 0.25 * lines) * rows), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, image, title in zip(figure.axes, images, titles, strict=False):
        axes.imshow(image, cmap="gray")
        axes.set_title(plain(title), fontsize=9)
    return figure


def strip_of(frames: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Evenly spread frames side by side, grey or in colour, in 0..1, and where each ends as a share of the whole."""
    shown = frames[np.linspace(0, len(frames) - 1, min(STRIP, len(frames))).round().astype(int)]
    low, high = float(shown.min()), float(shown.max())
    scaled = (shown.astype(np.float32) - low) / max(high - low, 1e-6)
    strip = np.concatenate(list(scaled if shown.shape[3] == 3 else scaled.mean(axis=3)), axis=1)
    return strip, np.linspace(0, 1, len(shown) + 1)


def draw_likely(
    axes: Axes, probabilities: NDArray[Any], classes: list[str], time: NDArray[Any] | None = None, **style: Any
) -> None:
    """The probability of each class over time, `(T, K)`: a colour a class; grey and unnamed, those never likely."""
    time = np.arange(len(probabilities)) if time is None else time
    for rank, k in enumerate(np.argsort(-probabilities.max(axis=0))):
        named = {"label": plain(classes[k]), "color": f"C{k % 10}"}
        own = named if rank < CLASSES_NAMED else {"color": "#dddddd", "zorder": 0}
        axes.plot(time, probabilities[:, k], **own, **style)
    axes.set(ylabel="probability", ylim=(-0.03, 1.03))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    quieten(axes)


def plain(name: str) -> str:
    """A name as matplotlib shows it letter by letter: a dollar would begin a formula."""
    return name.replace("$", r"\$")


def quieten(axes: Axes) -> None:
    """Takes away two of the four edges, and draws a faint grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, lw=0.5)
