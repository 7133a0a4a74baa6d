"""The public data sets that have a name: their files, checksums, hosts, licence, and where they lie on this machine.

Knows nothing of what is in the files, nor of torch or numpy; each kind of data reads its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from recorrente.data.progress import Progress, silent
from recorrente.errors import InputError

__all__ = ["KNOWN", "KnownFile", "KnownSet", "cache", "files", "shelf", "suggest"]

TIMEOUT_SECONDS = (5, 30)
"""To connect, and between two pieces of a download: a machine without a network is told so soon."""


@dataclass(frozen=True)
class KnownFile:
    """A file as its hosts serve it.

    Attributes:
        name: the file's name at every host.
        sha256: of the file as it is served.
        unpacked_sha256: of its content without gzip, which is then accepted under the name without `.gz`.
    """

    name: str
    sha256: str
    unpacked_sha256: str = ""


@dataclass(frozen=True)
class KnownSet:
    """A public data set. One without files is embedded in a library we depend on."""

    name: str
    kind: str
    about: str
    classes: tuple[str, ...]
    licence: str
    citation: str
    files: tuple[KnownFile, ...] = ()
    hosts: tuple[str, ...] = ()


_DIGITS = tuple("0123456789")

_SETS = (
    KnownSet(
        name="digits",
        kind="image",
        about="1,797 handwritten digits of 8 x 8 pixels, 0..16; embedded, no download",
        classes=_DIGITS,
        licence="CC BY 4.0",
        citation="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, "
        "UCI Machine Learning Repository (1998)",
    ),
    KnownSet(
        name="mnist",
        kind="image",
        about="60,000 + 10,000 handwritten digits of 28 x 28 pixels",
        classes=_DIGITS,
        licence="CC BY-SA 3.0",
        citation="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document Recognition, "
        "Proceedings of the IEEE 86 (1998)",
        files=(
            KnownFile(
                "train-images-idx3-ubyte.gz",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            KnownFile(
                "train-labels-idx1-ubyte.gz",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            KnownFile(
                "t10k-images-idx3-ubyte.gz",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            KnownFile(
                "t10k-labels-idx1-ubyte.gz",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
        hosts=(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
    ),
    KnownSet(
        name="fashion-mnist",
        kind="image",
        about="60,000 + 10,000 pictures of clothes of 28 x 28 pixels",
        classes=(
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ),
        licence="MIT",
        citation="H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, arXiv 1708.07747 (2017)",
        files=(
            KnownFile("train-images-idx3-ubyte.gz", "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            KnownFile("train-labels-idx1-ubyte.gz", "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            KnownFile("t10k-images-idx3-ubyte.gz", "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            KnownFile("t10k-labels-idx1-ubyte.gz", "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
        hosts=(
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
    ),
)

KNOWN: dict[str, KnownSet] = {known.name: known for known in _SETS}
"""Every known set by its name."""


def shelf() -> Path | None:
    """`$RECORRENTE_DATA`, the user's own folder of data sets, or None where it is not set."""
    folder = os.environ.get("RECORRENTE_DATA")
    return Path(folder) if folder else None


def cache() -> Path:
    """The user's cache of downloads, as the platform places it; `$RECORRENTE_CACHE` moves it."""
    import pooch

    return Path(os.environ.get("RECORRENTE_CACHE") or pooch.os_cache("recorrente"))


def suggest(name: str) -> str:
    """What to try instead of a name that means nothing: close ones first, else all there are."""
    folder = shelf()
    own = [path.name for path in folder.iterdir() if path.is_dir()] if folder and folder.is_dir() else []
    close = get_close_matches(name.lower(), sorted({*KNOWN, *own}), n=3)
    return f"Did you mean {' or '.join(close)}?" if close else f"Known sets: {', '.join(KNOWN)}."


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
    if folder is not None and (folder / known.name).is_dir():
        return tuple(_verified(_on_shelf(folder / known.name, file), file) for file in known.files)
    hosts = list(known.hosts)
    return tuple(_cached(cache() / known.name, file, hosts, progress) for file in known.files)


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
    wanted = file.sha256 if path.name == file.name else file.unpacked_sha256
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
