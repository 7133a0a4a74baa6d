"""The IDX format of MNIST and its relatives: numbers in a box, the box's sizes in front.

A file is two zero bytes, a type (8: unsigned byte), the number of dimensions, each dimension as four bytes with the
highest first, then the bytes. It may be packed with gzip. Source: http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recorrente.errors import InputError

__all__ = ["find", "read", "read_pair"]

_ROLES = {
    "training pictures": re.compile(r"(^|[-_.])train[-_.].*idx3[-_.]ubyte(\.gz)?$"),
    "training labels": re.compile(r"(^|[-_.])train[-_.].*idx1[-_.]ubyte(\.gz)?$"),
    "test pictures": re.compile(r"(^|[-_.])(t10k|test)[-_.].*idx3[-_.]ubyte(\.gz)?$"),
    "test labels": re.compile(r"(^|[-_.])(t10k|test)[-_.].*idx1[-_.]ubyte(\.gz)?$"),
}


def find(folder: Path) -> tuple[Path, ...] | None:
    """The four IDX files of a folder: training pictures and labels, test pictures and labels.

    Returns:
        Their paths, or None when the folder holds no IDX file at all.

    Raises:
        InputError: some are missing, or a role is claimed by more than one file.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    claims = {role: [name for name in names if pattern.search(name)] for role, pattern in _ROLES.items()}
    if not any(claims.values()):
        return None
    return tuple(folder / _only(folder, role, found) for role, found in claims.items())


def _only(folder: Path, role: str, found: list[str]) -> str:
    if not found:
        raise InputError(
            str(folder),
            came=f"IDX files without the {role}",
            wanted="four: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
            "t10k-labels-idx1-ubyte, packed with gzip or not",
        )
    if len({name.removesuffix(".gz") for name in found}) > 1:
        raise InputError(
            str(folder),
            came=f"{' and '.join(found)} as {role}",
            wanted="the four IDX files of one data set in a folder",
        )
    return found[0]  # the same file packed and unpacked: either will do


def read_pair(images: Path, labels: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Pictures `(N, height, width)` and their labels `(N,)`.

    Raises:
        InputError: a file cannot be read, or the two hold different counts.
    """
    pictures, classes = read(images, dimensions=3), read(labels, dimensions=1)
    if len(pictures) != len(classes):
        raise InputError(
            str(labels),
            came=f"{len(classes)} labels",
            wanted=f"{len(pictures)}, one for each picture of {images.name}",
            cure="The two files are not of one set: get both from the same place",
        )
    return pictures, classes.astype(np.int64)


def read(path: Path, *, dimensions: int) -> npt.NDArray[np.uint8]:
    """The array of one IDX file of unsigned bytes, packed with gzip or not.

    Args:
        path: the file; one that begins as gzip does is unpacked, whatever its name.
        dimensions: 3 for pictures, 1 for labels.

    Raises:
        InputError: the file is missing, cut off, too long, or not such an IDX file.
    """
    content = _content(path)
    magic, wanted = content[:4], bytes((0, 0, 8, dimensions))
    if magic != wanted:
        raise InputError(
            str(path),
            came=f"magic number 0x{magic.hex() or '(empty file)'}",
            wanted=f"0x{wanted.hex()}, an IDX file of {'pictures' if dimensions == 3 else 'labels'}",
        )
    start = 4 + 4 * dimensions
    shape = tuple(int.from_bytes(content[k : k + 4], "big") for k in range(4, start, 4))
    if len(content) != start + math.prod(shape):
        raise InputError(
            str(path),
            came=f"{len(content)} bytes",
            wanted=f"{start + math.prod(shape)}, as its header says ({' x '.join(map(str, shape))})",
            cure="The file is cut off or damaged: get it again",
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            str(path),
            came=f"a gzip file that does not unpack ({error})",
            wanted="a whole one",
            cure="The file is cut off or damaged: get it again",
        ) from error
    except OSError as error:
        raise InputError(str(path), came=error.strerror, wanted="a file that can be read") from error
