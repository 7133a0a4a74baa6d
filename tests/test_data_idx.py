"""IDX files: what is read is what was written, and everything that can be wrong with one is said."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from recorrente.data import idx
from recorrente.data.image import load
from recorrente.errors import InputError

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def as_idx(array: np.ndarray) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def parts() -> list[np.ndarray]:
    """Training pictures and labels, test pictures and labels: 12 and 6 of 5 x 3 pixels, 3 classes."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 256, (18, 5, 3), np.uint8)
    labels = np.arange(18) % 3
    return [pictures[:12], labels[:12], pictures[12:], labels[12:]]


@pytest.fixture
def folder(tmp_path: Path, parts: list[np.ndarray]) -> Path:
    folder = tmp_path / "my set"
    folder.mkdir()
    for name, part in zip(NAMES, parts, strict=True):
        (folder / name).write_bytes(as_idx(part))
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_a_folder_of_four_idx_files_is_read_exactly(folder: Path, parts: list[np.ndarray], packed: bool) -> None:
    if packed:
        for name in NAMES:
            (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
            (folder / name).unlink()
    data = load(folder)
    for came, wanted in zip(
        (data.train.images, data.train.labels, data.test.images, data.test.labels), parts, strict=True
    ):
        np.testing.assert_array_equal(came, wanted)
    assert (data.name, data.classes, data.size, data.maximum) == ("my set", ("0", "1", "2"), (5, 3), 255)


def test_other_spellings_of_the_names_are_found(folder: Path) -> None:
    for name in NAMES:
        (folder / name).rename(folder / f"emnist-{name.replace('t10k', 'test').replace('-idx', '.idx')}")
    assert len(load(folder).test) == 6


def test_packed_and_unpacked_side_by_side_are_one_file(folder: Path) -> None:
    (folder / f"{NAMES[0]}.gz").write_bytes(gzip.compress((folder / NAMES[0]).read_bytes()))
    assert len(load(folder).train) == 12


def test_two_sets_in_one_folder_are_refused(folder: Path) -> None:
    (folder / f"other-{NAMES[0]}").write_bytes((folder / NAMES[0]).read_bytes())
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte as training pictures"):
        load(folder)


ROLES = ("training pictures", "training labels", "test pictures", "test labels")


@pytest.mark.parametrize(("name", "role"), list(zip(NAMES, ROLES, strict=True)))
def test_a_missing_file_is_named(folder: Path, name: str, role: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"my set: got IDX files without the {role}"):
        load(folder)


@pytest.mark.parametrize("keep", [0, 3, 4, 10, 16, 50, -1])
def test_a_cut_off_file_is_refused(folder: Path, keep: int) -> None:
    path = folder / NAMES[0]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=NAMES[0]):
        load(folder)


def test_bytes_after_the_end_are_refused(folder: Path) -> None:
    with (folder / NAMES[1]).open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(
        InputError, match=r"train-labels-idx1-ubyte: got 21 bytes, wanted 20, as its header says \(12\)"
    ):
        load(folder)


@pytest.mark.parametrize("keep", [2, 9, 15, 40, -1, -5])
def test_a_cut_off_gzip_file_is_refused(folder: Path, keep: int) -> None:
    packed = gzip.compress((folder / NAMES[0]).read_bytes())
    (folder / NAMES[0]).unlink()
    (folder / f"{NAMES[0]}.gz").write_bytes(packed[:keep])
    with pytest.raises(
        InputError, match=r"train-images-idx3-ubyte.gz: got a gzip file that does not unpack.*get it again"
    ):
        load(folder)


def test_a_damaged_gzip_file_is_refused(folder: Path) -> None:
    packed = bytearray(gzip.compress((folder / NAMES[0]).read_bytes()))
    for byte in (12, len(packed) // 2, len(packed) - 8):  # in the deflate stream's head and body, and in the CRC
        damaged = packed.copy()
        damaged[byte] ^= 0xFF
        (folder / NAMES[0]).write_bytes(damaged)
        with pytest.raises(InputError, match="does not unpack"):
            load(folder)


def test_wrong_magic_says_both_numbers(folder: Path) -> None:
    labels = (folder / NAMES[1]).read_bytes()
    (folder / NAMES[0]).write_bytes(labels)
    with pytest.raises(InputError, match=r"magic number 0x00000801, wanted 0x00000803, an IDX file of pictures"):
        load(folder)


def test_labels_and_images_of_different_counts_are_refused(folder: Path, parts: list[np.ndarray]) -> None:
    (folder / NAMES[3]).write_bytes(as_idx(parts[3][:5]))
    with pytest.raises(InputError, match=r"t10k-labels.*got 5 labels, wanted 6, one for each picture of t10k-images"):
        load(folder)


def test_a_test_label_that_was_never_learnt_is_refused(folder: Path, parts: list[np.ndarray]) -> None:
    parts[3][2] = 7
    (folder / NAMES[3]).write_bytes(as_idx(parts[3]))
    with pytest.raises(InputError, match=r"got label 7 at test picture 2 .*wanted 0 to 2, for 3 classes"):
        load(folder)


def test_sizes_that_differ_are_refused(folder: Path) -> None:
    (folder / NAMES[2]).write_bytes(as_idx(np.zeros((6, 4, 3))))
    with pytest.raises(InputError, match="training pictures of 3x5 and test pictures of 3x4"):
        load(folder)


def test_an_empty_set_is_refused(folder: Path) -> None:
    (folder / NAMES[0]).write_bytes(as_idx(np.zeros((0, 5, 3))))
    (folder / NAMES[1]).write_bytes(as_idx(np.zeros(0)))
    with pytest.raises(InputError):
        load(folder)


def test_a_header_of_impossible_size_takes_no_memory(folder: Path) -> None:
    (folder / NAMES[0]).write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, *[2**32 - 1] * 3))
    with pytest.raises(InputError, match="as its header says"):
        load(folder)


def test_an_unreadable_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="absent"):
        idx.read(tmp_path / "absent", dimensions=1)
