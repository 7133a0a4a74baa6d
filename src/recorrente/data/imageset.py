"""Labelled pictures in memory, and how some of them are held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from recorrente.errors import InputError

__all__ = [
    "AT_RANDOM",
    "OWN",
    "ImageData",
    "ImageSet",
    "Labels",
    "Pictures",
    "Preparation",
    "hold_out",
    "split_validation",
]

AT_RANDOM, OWN = "at random, a fifth of each class", "the set's own"
WHOLE = "all of it, for nothing there says which part to test on"
"""How a test part was chosen, in words."""

Pictures = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

Preparation = Literal["digit", "resize"]
"""How a new picture is made like those of a set: `digit` finds and centres the ink, `resize` only scales and pads."""


@dataclass(frozen=True)
class ImageSet:
    """N grey pictures of one size, and the class of each.

    Attributes:
        images: `(N, height, width)` uint8. Bytes, not floats: MNIST takes 55 MB, and a batch is scaled when it is read.
        labels: `(N,)` int64.

    Raises:
        InputError: another type or shape, or unequal counts.
    """

    images: Pictures
    labels: Labels

    def __post_init__(self) -> None:
        for name, array, dimensions, kind in (("images", self.images, 3, "uint8"), ("labels", self.labels, 1, "int64")):
            if array.ndim != dimensions or array.dtype != np.dtype(kind):
                raise InputError(
                    name, came=f"{array.dtype} of shape {array.shape}", wanted=f"{kind} of {dimensions} dimensions"
                )
        if len(self.images) != len(self.labels):
            raise InputError("labels", came=len(self.labels), wanted=f"{len(self.images)}, one for each image")

    def __len__(self) -> int:
        """N, the number of pictures."""
        return len(self.labels)

    def subset(self, indices: npt.NDArray[np.intp] | npt.NDArray[np.bool_] | slice) -> ImageSet:
        """Those pictures and labels that `indices` names, in that order."""
        return ImageSet(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class ImageData:
    """A data set of pictures: what is learnt from, what is tested on, and what the labels mean.

    Attributes:
        name: for the report.
        classes: the name of each label.
        train, test: no picture is in both.
        maximum: the value of a pixel of full ink or light, 255 or 16.
        preparation: how a new picture becomes like these.
        skipped: what was left out, one line each.
        split: in words, how the test part was chosen.

    Raises:
        InputError: an empty part, a label that is no class, fewer than two classes, unequal sizes, a pixel too bright.
    """

    name: str
    classes: tuple[str, ...]
    train: ImageSet
    test: ImageSet
    maximum: int = 255
    preparation: Preparation = "resize"
    skipped: tuple[str, ...] = ()
    split: str = OWN

    def __post_init__(self) -> None:
        if len(self.classes) < 2:
            raise InputError(self.name, came=f"classes {list(self.classes)}", wanted="two classes or more")
        for part, images in (("train", self.train), ("test", self.test)):
            self._check(part, images)
        if self.train.images.shape[1:] != self.test.images.shape[1:]:
            raise InputError(
                self.name,
                came=f"training pictures of {_extent(self.train)} and test pictures of {_extent(self.test)}",
                wanted="one size",
            )

    def _check(self, part: str, images: ImageSet) -> None:
        if not len(images):
            raise InputError(self.name, came=f"no {part} pictures", wanted="at least one")
        wrong = np.flatnonzero((images.labels < 0) | (images.labels >= len(self.classes)))
        if len(wrong):
            raise InputError(
                self.name,
                came=f"label {images.labels[wrong[0]]} at {part} picture {wrong[0]} ({len(wrong)} such labels)",
                wanted=f"0 to {len(self.classes) - 1}, for {len(self.classes)} classes",
                cure="Are the labels of another data set?",
            )
        if images.images.max(initial=0) > self.maximum:
            raise InputError(self.name, came=f"a pixel of {images.images.max()}", wanted=f"0 to {self.maximum}")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of every picture, in pixels."""
        _, height, width = self.train.images.shape
        return height, width


def _extent(images: ImageSet) -> str:
    _, height, width = images.images.shape
    return f"{width}x{height}"


def split_validation(
    train: ImageSet, fraction: float, seed: int, names: Sequence[str] | None = None
) -> tuple[ImageSet, ImageSet]:
    """Cuts a validation part from the training pictures, with the same share of every class.

    Args:
        train: what the two parts are cut from; the test pictures are not involved.
        fraction: the share that is held out, 0 or more and less than 1; 0 holds out nothing.
        seed: which pictures; the same seed, the same split.
        names: of the classes, for the error.

    Returns:
        What is left to train on, and the validation part, each in the order of `train`.

    Raises:
        InputError: a fraction outside its range, or a class with too few pictures to be in both parts.

    Example:
        >>> images = ImageSet(np.zeros((20, 8, 8), np.uint8), np.repeat(np.arange(2), 10))
        >>> train, validation = split_validation(images, 0.2, seed=0)
        >>> len(train), validation.labels.tolist()
        (16, [0, 0, 1, 1])
    """
    if not 0 <= fraction < 1:
        raise InputError("validation", came=fraction, wanted="a fraction of 0 or more and less than 1")
    if fraction == 0:
        return train, train.subset(slice(0, 0))
    kept, held = hold_out(train.labels, fraction, seed, names, of="pictures to learn from")
    return train.subset(kept), train.subset(held)


def hold_out(
    labels: Labels, fraction: float, seed: int, names: Sequence[str] | None = None, *, of: str = "pictures"
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Indices to keep and to hold out, ascending, every class in both parts in its own share.

    Args:
        labels: of all.
        fraction: the share to hold out, rounded up.
        seed: which ones.
        names: of the classes, for the error.
        of: what is held out, in the plural, for the error.

    Raises:
        InputError: a class has a single picture.
    """
    from sklearn.model_selection import train_test_split

    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < 2:
        lonely = int(classes[counts.argmin()])
        raise InputError(
            of,
            came=f"a single one of class {names[lonely] if names else lonely}",
            wanted="two or more of each class, one to learn from and one to hold out",
            cure=f"Add {of} of that class, or leave the class out",
        )
    # Both parts get room for every class, however small the set.
    held = min(max(math.ceil(round(fraction * len(labels), 6)), len(classes)), len(labels) - len(classes))
    kept, out = train_test_split(np.arange(len(labels)), test_size=held, random_state=seed, stratify=labels)
    lent, given = _lacking(labels, kept, out), _lacking(labels, out, kept)  # where a share is less than one item
    kept = np.concatenate([np.setdiff1d(kept, lent), given])
    out = np.concatenate([np.setdiff1d(out, given), lent])
    return np.sort(kept), np.sort(out)


def _lacking(labels: Labels, here: npt.NDArray[np.intp], there: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """One index out of `here` for each class that `there` has nothing of."""
    lost = np.setdiff1d(labels, labels[there])
    return np.array([here[labels[here] == one][0] for one in lost], np.intp)
