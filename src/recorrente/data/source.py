"""Where the data that somebody names lies: a path of one's own, a known set, or a folder on the shelf."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from recorrente.data.known import KNOWN, shelf, suggest
from recorrente.errors import InputError

__all__ = ["TABLES", "around", "as_made", "below", "enters", "inside", "is_file", "is_shown", "locate", "of_known"]

TABLES = (".csv", ".tsv", ".tab")
"""Names of files of rows and columns end so."""
HIDDEN = (".", "@")
"""How names begin that are hidden, on a disk in the network, too."""
LEFT_BEHIND = ("__MACOSX", "__pycache__")
"""What systems and programs leave in folders, beside what they hide."""


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


def is_shown(name: str) -> bool:
    """Whether what is called so, in a folder or an archive, is neither hidden nor left behind.

    Example:
        >>> [name for name in ("a.png", "._a.png", "@eaDir", "__MACOSX", "__label__a") if is_shown(name)]
        ['a.png', '__label__a']
    """
    return not name.startswith(HIDDEN) and name not in LEFT_BEHIND


def inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files and the folders in a folder, but what is hidden (.git, ._1.png, @eaDir) or left behind (__MACOSX).

    Raises:
        InputError: it cannot be read.
    """
    files: list[Path] = []
    folders: list[Path] = []
    try:
        for path in sorted(folder.iterdir()):
            if is_shown(path.name):
                (folders if path.is_dir() else files).append(path)
    except OSError as error:
        which, came = str(error.filename or folder), error.strerror or str(error)
        raise InputError(which, came=came, wanted="a folder that can be read") from error
    return files, folders


def around(folder: Path) -> set[Path]:
    """The folder and all that hold it, as they really are: a link to one of them leads back or out, not further in."""
    real = folder.resolve()
    return {real, *real.parents}


def enters(folder: Path, met: set[Path]) -> bool:
    """Whether it was not met before, by this name or another; from now on it was."""
    real = folder.resolve()
    if real in met:
        return False
    met.add(real)
    return True


def below(folder: Path, met: set[Path] | None = None) -> Iterator[Path]:
    """The files in it and in its folders, those behind links, too, each folder once; but nothing hidden.

    Args:
        folder: where to look.
        met: folders that are not entered any more; None takes those `around` it.

    Raises:
        InputError: a folder that cannot be read.
    """
    met = around(folder) if met is None else met
    files, folders = inside(folder)
    yield from (path for path in files if path.is_file())
    for inner in folders:
        if enters(inner, met):
            yield from below(inner, met)


def as_made(source: str | Path, what: str, given: Mapping[str, object]) -> None:
    """Refuses, for a known set whose `what` are there already, settings by which files would become them."""
    for name, value in given.items():
        if value is not None:
            came = "x".join(map(str, value)) if isinstance(value, tuple) else value
            raise InputError(name, came=came, wanted=f"nothing: the {what} of {source} are as they were made")


def is_file(given: str) -> bool:
    """Whether a string that may be a text is the path of a file."""
    try:
        return Path(given).is_file()
    except OSError:  # a text too long to be a path
        return False
