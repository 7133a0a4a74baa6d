"""The kinds of data: one file each for what is particular to it.

`find` names the kind of a source by looking at it, and imports none of them; `of_name` gives the kind itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from recorrente.errors import InputError
from recorrente.kinds.find import Found, find

__all__ = ["NAMES", "Found", "find", "of_name"]

_HOME = {
    "image": "Image",
    "language": "Language",
    "text": "Text",
    "tags": "Tags",
    "audio": "Audio",
    "series": "Series",
    "video": "Video",
    "joints": "Joints",
    "speech": "Speech",
    "visual-speech": "VisualSpeech",
    "forecast": "Forecast",
    "probe": "Probe",
}
NAMES = tuple(_HOME)
"""What `--kind` takes."""


def of_name(name: str) -> Any:
    """The kind of that name, a `kinds.base.Kind`.

    Raises:
        InputError: there is none.
    """
    if name not in _HOME:
        raise InputError("kind", came=repr(name), wanted=f"one of {', '.join(NAMES)}")
    return getattr(import_module(f"recorrente.kinds.{name.replace('-', '_')}"), _HOME[name])()
