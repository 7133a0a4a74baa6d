"""Where the data that somebody names lies: a path of one's own, a known set, or a folder on the shelf."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from recorrente.data.known import KNOWN, shelf, suggest
from recorrente.errors import InputError

__all__ = ["TABLES", "as_made", "below", "is_file", "locate", "of_known"]

TABLES = (".csv", ".tsv", ".tab")
"""Names of files of rows and columns end so."""


def of_known(source: str | Path) -> bool:
    """Whether this is the name of a known set; a `Path` never is (write `./mnist` for one in a str)."""
    return isinstance(source, str) and source in KNOWN


def locate(source: str | Path) -> Path:
    """The file or folder itself, else the one of that name in `$RECORRENTE_DATA`.

    Raises:
        InputError: there is none.
    """
    own = shelf()
    path = Path(source).expanduser()
    for candidate in (path, *([own / source] if own and path.name == str(source) else [])):
        if candidate.exists():
            return candidate
    raise InputError(
        str(source),
        came="neither a known data set nor a file or folder",
        wanted=f"one of {', '.join(KNOWN)}, or a file or folder of your own",
        cure=suggest(path.name),
    )


def below(folder: Path) -> Iterator[Path]:
    """The files in it and in its folders, those behind links, too, each folder once; but hidden files."""
    met = {folder.resolve()}
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not _is_met(Path(place, name), met))
        found = (Path(place, name) for name in sorted(files) if not name.startswith("."))
        yield from (path for path in found if path.is_file())


def _is_met(folder: Path, met: set[Path]) -> bool:
    real = folder.resolve()
    if real in met:
        return True
    met.add(real)
    return False


def as_made(source: str | Path, what: str, given: Mapping[str, object]) -> None:
    """Refuses, for a known set whose `what` are there already, settings by which files would become them."""
    for name, value in given.items():
        if value is not None:
            raise InputError(name, came=value, wanted=f"nothing: the {what} of {source} are as they were made")


def is_file(given: str) -> bool:
    """Whether a string that may be a text is the path of a file."""
    try:
        return Path(given).is_file()
    except OSError:  # a text too long to be a path
        return False
