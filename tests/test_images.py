"""Pictures as sequences: what a reader reads, what a batch holds, what a seed decides."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recorrente.data.image import (
    ImageData,
    ImageSet,
    Reader,
    batches,
    load,
    shift,
    split_validation,
)
from recorrente.errors import InputError

needs_mnist = pytest.mark.skipif(
    not Path(os.environ.get("RECORRENTE_DATA", "/absent"), "mnist").is_dir(),
    reason="no mnist folder in $RECORRENTE_DATA",
)


def noise(count: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width), np.uint8)


def numbered(count: int, classes: int = 2) -> ImageSet:
    """Pictures that each hold their own number in every pixel."""
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 4, 4)).copy()
    return ImageSet(images, np.arange(count) % classes)


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize(("height", "width"), [(28, 28), (5, 3), (1, 7), (7, 1)])
def test_each_order_reads_each_pixel_where_it_says(count: int, height: int, width: int) -> None:
    images = noise(count, height, width)
    rows, pixels, permuted = (Reader(height, width, order=order, seed=3) for order in ("rows", "pixels", "permuted"))
    permutation = permuted.permutation.tolist()
    assert sorted(permutation) == list(range(height * width))
    x_rows, x_pixels, x_permuted = rows(images), pixels(images), permuted(images)
    assert x_rows.shape == (rows.steps, count, rows.inputs) == (height, count, width)
    assert x_pixels.shape == x_permuted.shape == (pixels.steps, count, pixels.inputs) == (height * width, count, 1)
    for x in (x_rows, x_pixels, x_permuted):
        assert x.dtype == torch.float32
        assert x.is_contiguous()
    for b in range(count):
        for t in range(height * width):
            value = np.float32(images[b, t // width, t % width]) / np.float32(255)
            assert x_rows[t // width, b, t % width] == value
            assert x_pixels[t, b, 0] == value
            assert x_permuted[permutation.index(t), b, 0] == value


@pytest.mark.parametrize("maximum", [16, 255])
def test_the_scale_is_0_to_1_exactly(maximum: int) -> None:
    x = Reader(1, 2, maximum)(np.array([[[0, maximum]]], np.uint8))
    assert x.flatten().tolist() == [0.0, 1.0]


def test_tensors_arrays_views_and_read_only_arrays_read_alike() -> None:
    images = noise(6, 5, 3)
    reader = Reader(5, 3)
    wanted = reader(images[::2])
    frozen = images[::2].copy()
    frozen.flags.writeable = False
    for same in (torch.from_numpy(images)[::2], frozen, np.asfortranarray(images[::2])):
        assert torch.equal(reader(same), wanted)
    assert (images == noise(6, 5, 3)).all(), "reading must not change the pictures"


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 3, 5), np.uint8), np.zeros((5, 3), np.uint8), np.zeros((2, 5, 3), np.float32)]
)
def test_pictures_of_another_shape_or_type_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"wanted uint8 of shape \(B, 5, 3\)"):
        Reader(5, 3)(wrong)


def test_the_permutation_of_a_seed_never_changes() -> None:
    """A saved model is of no use under another permutation, so the numbers themselves are held here."""
    assert Reader(28, 28, order="permuted", seed=0).permutation[:5].tolist() == [693, 85, 647, 392, 765]
    assert not torch.equal(Reader(28, 28, seed=1).permutation, Reader(28, 28, seed=0).permutation)


@pytest.mark.parametrize("name", ["digits", pytest.param("mnist", marks=[needs_mnist, pytest.mark.mnist])])
@pytest.mark.parametrize("order", ["rows", "pixels", "permuted"])
def test_a_reader_survives_its_config_file(name: str, order: str) -> None:
    data = load(name)
    reader = Reader.of(data, order=order, seed=11)
    again = Reader.from_config(json.loads(json.dumps(reader.to_config())))
    assert again == reader
    some = data.test.images[:9]
    assert torch.equal(again(some), reader(some))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order": "columns"}, "order: got 'columns', wanted one of rows, pixels, permuted"),
        ({"height": 0}, "height: got 0, wanted an integer of 1 or more"),
        ({"maximum": "255"}, "maximum: got '255'"),
        ({"preparation": "crop"}, "preparation: got 'crop', wanted one of digit, resize"),
        ({"preparation": "digit"}, "ink: got None"),
        ({"colour": True}, "reader: got fields height, width, colour"),
    ],
)
def test_a_config_that_is_no_reader_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Reader.from_config({"height": 28, "width": 28, **change})


def test_batches_in_order_hold_every_picture_once() -> None:
    images = numbered(10)
    read = list(batches(images, Reader(4, 4), 4))
    assert [len(batch) for batch in read] == [4, 4, 2]
    assert torch.cat([batch.x[0, :, 0] for batch in read]).mul(255).round().int().tolist() == list(range(10))
    assert torch.cat([batch.target for batch in read]).tolist() == images.labels.tolist()
    assert all(batch.lengths is None for batch in read)


def epoch_of(images: ImageSet, size: int, **options: object) -> list[int]:
    """The numbers of `numbered` pictures in the order of their batches, each with the label that belongs to it."""
    numbers: list[int] = []
    for batch in batches(images, Reader(4, 4), size, **options):
        these = batch.x[0, :, 0].mul(255).round().long()
        assert torch.equal(batch.target, torch.from_numpy(images.labels)[these])
        numbers += these.tolist()
    return numbers


@settings(deadline=None)  # a busy machine is no fault
@given(count=st.integers(1, 200), size=st.integers(1, 64), seed=st.integers(0, 2**63 - 1), epoch=st.integers(0, 99))
def test_an_epoch_is_a_permutation_that_seed_and_epoch_decide(count: int, size: int, seed: int, epoch: int) -> None:
    images = numbered(count)
    numbers = epoch_of(images, size, seed=seed, epoch=epoch)
    assert sorted(numbers) == list(range(count))
    torch.rand(3)  # the state of torch's own generator must not matter
    assert epoch_of(images, size, seed=seed, epoch=epoch) == numbers


def test_other_epochs_and_seeds_have_other_orders() -> None:
    images = numbered(100)
    orders = {tuple(epoch_of(images, 32, seed=seed, epoch=epoch)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25


def test_augmented_batches_are_equal_when_an_epoch_is_run_again() -> None:
    data = load("digits")

    def epoch(number: int) -> torch.Tensor:
        augment = lambda images, generator: shift(images, 2, generator)  # noqa: E731
        read = batches(data.train, Reader.of(data), 64, seed=1, epoch=number, augment=augment)
        return torch.cat([batch.x for batch in read], dim=1)

    assert torch.equal(epoch(3), epoch(3))
    assert not torch.equal(epoch(3), epoch(4))


def test_wrong_batches_are_refused_when_they_are_asked_for() -> None:
    with pytest.raises(InputError, match="batch: got 0"):
        batches(numbered(3), Reader(4, 4), 0)
    with pytest.raises(InputError, match="seed: got None"):
        batches(numbered(3), Reader(4, 4), 1, augment=lambda images, generator: images)


@pytest.mark.parametrize("count", [0, 1, 9])
@pytest.mark.parametrize("pixels", [0, 1, 3, 8])
def test_shift_equals_moving_each_picture_by_hand(count: int, pixels: int) -> None:
    height, width = 6, 5
    images = torch.from_numpy(noise(count, height, width))
    came = shift(images, pixels, torch.Generator().manual_seed(4))
    moves = torch.randint(2 * pixels + 1, (2, count), generator=torch.Generator().manual_seed(4)) - pixels
    wanted = torch.zeros_like(images)
    for b, (down, across) in enumerate(moves.T.tolist()):
        for i in range(height):
            for j in range(width):
                if 0 <= i + down < height and 0 <= j + across < width:
                    wanted[b, i, j] = images[b, i + down, j + across]
    assert torch.equal(came, wanted)
    assert came.data_ptr() != images.data_ptr() or not count


def test_shift_draws_every_move_about_equally_often() -> None:
    images = torch.zeros(9_000, 5, 5, dtype=torch.uint8)
    images[:, 2, 2] = 1
    places = shift(images, 1, torch.Generator().manual_seed(0)).sum(0)
    assert places[1:4, 1:4].sum() == 9_000
    # 9 places of 1,000 each, standard deviation 30: 5 of them.
    assert (places[1:4, 1:4] - 1000).abs().max() < 150


def test_a_shift_below_zero_is_refused() -> None:
    with pytest.raises(InputError, match="shift: got -1"):
        shift(torch.zeros(1, 2, 2, dtype=torch.uint8), -1, torch.Generator())


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.5, 0.9])
def test_a_validation_part_is_stratified_disjoint_and_complete(fraction: float) -> None:
    train = load("digits").train
    kept, held = split_validation(train, fraction, seed=2)
    assert len(kept) + len(held) == len(train)
    assert len(held) == pytest.approx(fraction * len(train), abs=1)
    both = sorted(map(bytes, np.concatenate((kept.images, held.images))))
    assert both == sorted(map(bytes, train.images))
    for part in (kept, held):
        share = np.bincount(part.labels) / len(part) - np.bincount(train.labels) / len(train)
        assert abs(share).max() * len(part) < 1
    again = split_validation(train, fraction, seed=2)[1]
    np.testing.assert_array_equal(again.images, held.images)
    assert not np.array_equal(split_validation(train, fraction, seed=3)[1].images, held.images)


def test_a_validation_part_of_nothing_is_nothing() -> None:
    kept, held = split_validation(numbered(6), 0, seed=0)
    assert (len(kept), len(held)) == (6, 0)


def test_even_a_tiny_set_has_every_class_in_both_parts() -> None:
    kept, held = split_validation(numbered(6, classes=3), 0.1, seed=0)
    assert set(kept.labels) == set(held.labels) == {0, 1, 2}


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5])
def test_a_fraction_outside_its_range_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match="validation: got"):
        split_validation(numbered(6), fraction, seed=0)


def test_a_class_of_one_picture_cannot_be_split() -> None:
    images = ImageSet(np.zeros((3, 2, 2), np.uint8), np.array([0, 0, 1]))
    with pytest.raises(InputError, match="got a single one of class 1"):
        split_validation(images, 0.5, seed=0)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 3, 3)), np.zeros(2, np.int64), "images: got float64"),
        (np.zeros((2, 9), np.uint8), np.zeros(2, np.int64), r"images: got uint8 of shape \(2, 9\)"),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(2), "labels: got float64"),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(3, np.int64), "labels: got 3, wanted 2"),
    ],
)
def test_an_image_set_checks_itself(images: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ImageSet(images, labels)


def test_image_data_checks_itself() -> None:
    good = numbered(6)
    nothing = good.subset(slice(0, 0))
    for message, arguments in {
        "wanted two classes": (("a",), good, good),
        "no train pictures": (("a", "b"), nothing, good),
        "no test pictures": (("a", "b"), good, nothing),
        r"label 2 at test picture 2 \(2 such labels\), wanted 0 to 1": (("a", "b"), good, numbered(6, classes=3)),
        "a pixel of 5, wanted 0 to 4": (("a", "b"), good, good, 4),
    }.items():
        with pytest.raises(InputError, match=message):
            ImageData("mine", *arguments)


@needs_mnist
@pytest.mark.mnist
def test_mnist_is_fed_faster_than_a_network_can_learn() -> None:
    data = load("mnist")
    reader = Reader.of(data)
    some = data.train.subset(slice(0, 16_000))
    seconds = []
    for epoch in range(3):
        began = time.thread_time()
        count = sum(1 for _ in batches(some, reader, 32, seed=0, epoch=epoch))
        seconds.append((time.thread_time() - began) / count)
    # Measured: 80 microseconds of processor time on a busy two-core machine. Six times that would be felt in training.
    assert min(seconds) < 500e-6
