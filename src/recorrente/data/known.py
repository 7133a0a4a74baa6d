"""Where the files of the known data sets lie on this machine: found, verified, or downloaded.

Which sets there are is `catalogue`'s matter. Knows nothing of what is in the files, nor of torch or numpy; each kind of
data reads its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from recorrente.data.catalogue import KNOWN, KnownFile, KnownSet
from recorrente.data.progress import Progress, silent
from recorrente.errors import InputError

__all__ = [
    "KNOWN",
    "KnownFile",
    "KnownSet",
    "cache",
    "describe",
    "files",
    "folder_of",
    "shelf",
    "suggest",
    "whereabouts",
]

TIMEOUT_SECONDS = (5, 30)
"""To connect, and between two pieces of a download: a machine without a network is told so soon."""


def shelf() -> Path | None:
    """`$RECORRENTE_DATA`, the user's own folder of data sets, or None where it is not set."""
    folder = os.environ.get("RECORRENTE_DATA")
    return Path(folder) if folder else None


def cache() -> Path:
    """The user's cache of downloads, as the platform places it; `$RECORRENTE_CACHE` moves it."""
    import pooch

    return Path(os.environ.get("RECORRENTE_CACHE") or pooch.os_cache("recorrente"))


def suggest(name: str) -> str:
    """What to try instead of a name that means nothing: those that are close to it."""
    folder = shelf()
    own = [path.name for path in folder.iterdir() if path.is_dir()] if folder and folder.is_dir() else []
    close = get_close_matches(name.lower(), sorted({*KNOWN, *own}), n=3)
    return f"Did you mean {' or '.join(close)}?" if close else ""


def place(known: KnownSet) -> str:
    """The name of a set's folder, on the shelf and in the cache."""
    return known.shelf or known.name


def files(known: KnownSet, progress: Progress = silent) -> tuple[Path, ...]:
    """Where a known set's files lie on this machine, each with the right checksum; fetches those that are missing.

    `$RECORRENTE_DATA/NAME/` is looked at first. Where that folder is, it must hold them all; else they come from the
    cache, and into the cache from the set's hosts.

    Args:
        known: the set.
        progress: told the bytes of each download.

    Returns:
        One path for each of `known.files`, in their order.

    Raises:
        InputError: a file is missing, differs from its checksum, or cannot be downloaded.
    """
    folder = shelf()
    if folder is not None and (folder / place(known)).is_dir():
        return tuple(_verified(_on_shelf(folder / place(known), file), file) for file in known.files)
    hosts = list(known.hosts)
    if not hosts and any(_present(cache() / place(known), file) is None for file in known.files):
        raise InputError(
            known.name,
            came="a set that cannot be fetched from here",
            wanted=", ".join(file.name for file in known.files),
            cure=f"Take it from {known.origin} and put it into {cache() / place(known)}",
        )
    return tuple(_cached(cache() / place(known), file, hosts, progress) for file in known.files)


def folder_of(known: KnownSet) -> Path:
    """The folder with the many files of a set that has one, on the shelf or in the cache.

    Raises:
        InputError: it is in neither.
    """
    places = [folder / place(known) / known.folder for folder in (shelf(), cache()) if folder]
    for there in places:
        if there.is_dir():
            return there
    raise InputError(
        known.name,
        came="a set that is not on this machine",
        wanted=f"its folder {known.folder}",
        cure=f"Take it from {known.origin} and put it into {places[-1].parent}",
    )


def whereabouts(known: KnownSet) -> str:
    """Where a set is now, in a word: `embedded`, `shelf`, `cache`, or `no`; the files are not read."""
    own = shelf()
    if known.folder:
        found = [
            n for n, at in (("shelf", own), ("cache", cache())) if at and (at / place(known) / known.folder).is_dir()
        ]
        return found[0] if found else "no"
    if not known.files:
        return "embedded"
    for name, folder in (("shelf", own), ("cache", cache())):
        if folder and all(_present(folder / place(known), file) for file in known.files):
            return name
    return "no"


def describe(name: str) -> dict[str, str | list[str]]:
    """What there is to know of a known set.

    Raises:
        InputError: no set of that name.
    """
    if name not in KNOWN:
        raise InputError(name, came="no known data set", wanted=f"one of {', '.join(KNOWN)}", cure=suggest(name))
    known = KNOWN[name]
    return {
        "name": known.name,
        "kind": known.kind,
        "about": known.about,
        "licence": known.licence,
        "citation": known.citation,
        "origin": known.origin or (known.hosts[0] if known.hosts else "in a library that is installed"),
        "here": whereabouts(known),
        "size": _size(known),
        "classes": list(known.classes),
        "files": [file.name for file in known.files],
    }


def _size(known: KnownSet) -> str:
    if not known.files:
        return "no file of its own"
    own = shelf()
    for folder in (own, cache()):
        found = [_present(folder / place(known), file) for file in known.files] if folder else []
        if found and all(found):
            return f"{sum(path.stat().st_size for path in found if path):,} bytes in {len(found)} files"
    return "told when it is here"


def _on_shelf(folder: Path, file: KnownFile) -> Path:
    found = _present(folder, file)
    if found is None:
        raise InputError(
            str(folder),
            came=f"a folder without {file.name}",
            wanted="all files of the data set",
            cure="Put the file there, or move the folder away to have the data set downloaded",
        )
    return found


def _present(folder: Path, file: KnownFile) -> Path | None:
    """The file as it is served, or unpacked where we know its checksum."""
    unpacked = [folder / file.name.removesuffix(".gz")] if file.unpacked_sha256 else []
    return next((path for path in (folder / file.name, *unpacked) if path.is_file()), None)


def _verified(path: Path, file: KnownFile) -> Path:
    wanted = file.sha256 if path.name == Path(file.name).name else file.unpacked_sha256
    with path.open("rb") as stream:
        came = hashlib.sha256()
        while piece := stream.read(1 << 20):
            came.update(piece)
    if came.hexdigest() != wanted:
        raise InputError(
            str(path),
            came=f"a file with SHA-256 {came.hexdigest()}",
            wanted=f"{wanted}, the known content of {path.name}",
            cure="The file is damaged or is another one: delete it and run again, or give a folder's path to use a "
            "set of your own",
        )
    return path


def _cached(folder: Path, file: KnownFile, hosts: list[str], progress: Progress) -> Path:
    found = _present(folder, file)
    return _verified(found, file) if found is not None else _download(folder, file, hosts, progress)


def _download(folder: Path, file: KnownFile, hosts: list[str], progress: Progress) -> Path:
    """The file from the first host that gives it; that host is then the first to be asked for the next file."""
    import pooch

    failures = []
    for host in tuple(hosts):
        # pooch writes beside the target and renames when the checksum is right, so no half file is ever found here.
        fetch = pooch.HTTPDownloader(
            progressbar=_Bytes(file.name, progress), timeout=TIMEOUT_SECONDS, chunk_size=1 << 16
        )
        try:
            path = pooch.retrieve(host + file.name, f"sha256:{file.sha256}", file.name, folder, downloader=fetch)
        except (OSError, ValueError) as error:
            failures.append(f"{urlsplit(host).netloc}: {_reason(error)}")
            continue
        hosts.sort(key=lambda other: other != host)
        return Path(path)
    raise InputError(
        file.name,
        came=f"no download ({'; '.join(failures)})",
        wanted="one of its hosts to answer",
        cure=f"Check the network, or fetch {_all_urls(file, hosts)} by other means and put it into {folder}",
    )


def _all_urls(file: KnownFile, hosts: Sequence[str]) -> str:
    return " or ".join(host + file.name for host in hosts)


def _reason(error: Exception) -> str:
    """One short clause: the library's own message for a bad checksum or a full disk, the kind for a network fault."""
    if isinstance(error, OSError) and error.strerror is None:
        response = getattr(error, "response", None)
        return f"HTTP {response.status_code}" if response is not None else type(error).__name__
    return str(error).splitlines()[0]


class _Bytes:
    """A progress bar, as pooch drives one, that tells `Progress`."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.what, self.progress, self.total, self.done = f"download {name}", progress, 0, 0

    def update(self, size: int) -> None:
        self.done += size
        self.progress(self.what, self.done, self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass
