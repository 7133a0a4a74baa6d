"""What a run folder holds, and how it is written: each file whole or not at all.

    config.json         what was asked for; its `format` tells which version of this file can read it
    model.safetensors   the weights
    history.csv         one row an epoch
    gradient.csv        the gradient through time, where it was watched
    metrics.json        scores on the test set
    predictions.csv     one row a test item
    samples.txt         what a model of running text wrote
    observations.npz    what the pictures are made from
    inspection.json     what `recorrente inspect` told last
    figures/*.png, report.html
    checkpoint.pt       what `--resume` goes on from

Knows files. What the numbers in them mean is `training`'s, `evaluation`'s and `recipe`'s matter.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import IO, Any

from recorrente.errors import RunError

__all__ = ["FORMAT", "WRITTEN", "Run", "layer_names", "refuse_taken", "write_bytes", "write_text"]

FORMAT = 1
"""The version of the run folder that this library writes; it reads this one and older ones."""

WRITTEN = (
    "model.safetensors",
    "history.csv",
    "gradient.csv",
    "metrics.json",
    "predictions.csv",
    "samples.txt",
    "observations.npz",
    "inspection.json",
    "figures/*.png",
    "report.html",
    "checkpoint.pt",
    ".*.part",
    "figures/.*.part",
)
"""What a run leaves in its folder beside `config.json`; the last are files that something broke off."""


class Run:
    """A run folder. `Run.create` makes one, `Run.open` reads one that is there."""

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.folder, self.config = folder, config

    @classmethod
    def create(cls, folder: str | Path, config: Mapping[str, Any], *, overwrite: bool = False) -> Run:
        """Makes the folder and writes `config.json` into it.

        Of a run that is overwritten its own files go; what else lies in its folder stays.

        Raises:
            RunError: the folder is there already (unless `overwrite` and it is a run folder), or cannot be written.
        """
        folder = Path(folder)
        refuse_taken(folder, overwrite=overwrite)
        if not _make(folder):
            _clear(folder)
        return cls._begun(folder, config)

    @classmethod
    def create_unnamed(cls, first: str | Path, config: Mapping[str, Any]) -> Run:
        """`create` in `first`, or in the first of `-2`, `-3`, ... that is free; runs that begin together do not meet.

        Raises:
            RunError: no folder can be made there.
        """
        folder, numbers = Path(first), count(2)
        while not _make(folder):
            folder = folder.with_name(f"{Path(first).name}-{next(numbers)}")
        return cls._begun(folder, config)

    @classmethod
    def _begun(cls, folder: Path, config: Mapping[str, Any]) -> Run:
        run = cls(folder, {"format": FORMAT, **config})
        run.write_json("config.json", run.config)
        return run

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """Reads a run folder's configuration.

        Raises:
            RunError: no run folder, or one of a newer version.
        """
        folder = Path(folder)
        path = folder / "config.json"
        if not path.is_file():
            came = "no such folder" if not folder.exists() else "a folder without config.json"
            raise RunError(str(folder), came=came, wanted="the run folder of a training")
        config = _read_json(path)
        version = config.get("format")
        if not isinstance(version, int):
            came = "a config.json that no training wrote"
            raise RunError(str(path), came=came, wanted="the run folder of a training")
        if version > FORMAT:
            cure = "Update recorrente to read it"
            raise RunError(str(path), came=f"format {version!r}", wanted=f"{FORMAT} or less", cure=cure)
        return cls(folder, config)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Writes one JSON file, whole."""
        write_text(self / name, json.dumps(content, indent=2, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> dict[str, Any]:
        """Reads one JSON file of the folder, or raises RunError."""
        return _read_json(self / name)

    def write_csv(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Writes one CSV file, whole, with a first row of column names."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        write_text(self / name, buffer.getvalue())

    def read_csv(self, name: str) -> list[dict[str, str]]:
        """Reads one CSV file of the folder, a dictionary a row, or raises RunError."""
        return list(csv.DictReader(io.StringIO(_read(self / name).decode())))

    def read_bytes(self, name: str) -> bytes:
        """Reads one file of the folder, or raises RunError."""
        return _read(self / name)


def refuse_taken(folder: str | Path, *, overwrite: bool = False) -> None:
    """Refuses a place where no run can be made; nothing is touched.

    Raises:
        RunError: it is not empty, and either not to be overwritten or no run folder.
    """
    folder = Path(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not folder.is_dir():
        raise RunError(str(folder), came="a file", wanted="a new folder", cure="Choose another name")
    if not overwrite:
        cure = "Choose another, or add --overwrite; an interrupted training goes on with --resume"
        raise RunError(str(folder), came="a folder that is not empty", wanted="a new folder", cure=cure)
    if not _is_run(folder):
        raise RunError(str(folder), came="something that is not a run folder", wanted="a run folder to overwrite")


def layer_names(layers: int, bidirectional: bool) -> list[str]:
    """What each layer and direction of a network is called, in torch's order.

    Example:
        >>> layer_names(2, True)
        ['layer 1', 'layer 1 reverse', 'layer 2', 'layer 2 reverse']
    """
    ways = ("", " reverse") if bidirectional else ("",)
    return [f"layer {number}{way}" for number in range(1, layers + 1) for way in ways]


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file beside its place and renames it there, so that no reader ever sees half of it.

    Raises:
        RunError: the disk is full, or the folder cannot be written; the old file, if any, is as it was.
    """
    _write(path, lambda file: file.write(content))


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for text, in UTF-8."""
    write_bytes(path, content.encode())


def _write(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        beside.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> RunError:
    if error.errno == errno.ENOSPC:
        cure = "Free some space; a training goes on with --resume"
        return RunError(str(path), came="a full disk", wanted="room to write", cure=cure)
    return RunError(str(path), came=error.strerror or str(error), wanted="a place that can be written")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RunError(str(path), came=error.strerror or str(error), wanted="a file of the run") from error


def _read_json(path: Path) -> dict[str, Any]:
    text = _read(path)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise RunError(str(path), came=f"broken JSON ({error})", wanted="the file as it was written") from error
    if not isinstance(content, dict):
        raise RunError(str(path), came=type(content).__name__, wanted="a JSON object")
    return content


def _is_run(folder: Path) -> bool:
    """Whether its `config.json` is a training's: other programs write files of that name, too."""
    try:
        config = _read_json(folder / "config.json")
    except RunError:
        return False
    return isinstance(config.get("format"), int) and "recorrente" in config


def _make(folder: Path) -> bool:
    """Makes a folder; whether it was not there yet. Of several that try at once, one has made it."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(folder, error) from error
    return True


def _clear(folder: Path) -> None:
    """Removes what a run wrote, but for `config.json`, which is replaced; what somebody else put there stays."""
    try:
        for path in [path for pattern in WRITTEN for path in folder.glob(pattern)]:
            path.unlink()
    except OSError as error:
        raise _unwritable(folder, error) from error
