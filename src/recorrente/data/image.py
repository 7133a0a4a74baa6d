"""Pictures as sequences: a name or a folder -> labelled pictures -> batches `(T, B, C)`.

What is stored where is known to `known`, `idx` and `folder`; a single file to `picture`. Here they meet: `load` chooses
among them, `Reader` says in which order the pixels are read, `batches` feeds a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recorrente.data import idx
from recorrente.data.batch import Batch
from recorrente.data.folder import load_folder
from recorrente.data.imageset import AT_RANDOM, ImageData, ImageSet, Pictures, Preparation, hold_out, split_validation
from recorrente.data.known import KNOWN, KnownSet, files, shelf, suggest
from recorrente.data.picture import prepare_digit, prepare_resize
from recorrente.data.progress import Progress, silent
from recorrente.errors import InputError

__all__ = [
    "Augment",
    "ImageData",
    "ImageSet",
    "Order",
    "Reader",
    "batches",
    "load",
    "picture",
    "shift",
    "split_validation",
]

Order = Literal["rows", "pixels", "permuted"]
"""How the pixels of a picture are read: a row a step, a pixel a step, or a pixel a step in a fixed random order."""

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""`(images (B, height, width) uint8, generator) -> images`: a change that keeps the label."""

DIGITS_SPLIT_SEED = 0

INK_SETS = ("digits", "mnist", "smnist", "psmnist")
"""Known sets of light ink on black: a new picture is searched for ink. The others are only scaled."""


def load(
    source: str | Path,
    *,
    size: tuple[int, int] | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    progress: Progress = silent,
) -> ImageData:
    """Labelled pictures, from a name or a folder.

    Args:
        source: one of these, looked for in this order (a `Path` is always a folder; write `./mnist` for one in a str):
            a known name, `digits`, `mnist` or `fashion-mnist`, found in `$RECORRENTE_DATA/NAME/`, then in the user's
            cache, then downloaded, with its checksum;
            a folder of class folders, or of the four IDX files of a set like MNIST;
            the name of such a folder in `$RECORRENTE_DATA`.
        size: height and width that a folder's pictures are scaled to; see `folder.load_folder`.
        skip_bad: leave out a folder's pictures that cannot be read, instead of refusing them all; they are named.
        seed: which pictures are held out of a folder that has no `test/`; known sets have their own fixed split.
        progress: told of downloads in bytes and of files in pictures.

    Raises:
        InputError: whatever is missing, damaged or not such data, with what to do about it.

    Example:
        >>> data = load("digits")
        >>> len(data.train), len(data.test), data.size, data.maximum
        (1437, 360, (8, 8), 16)
    """
    if isinstance(source, str) and source in KNOWN:
        return _known(KNOWN[source], progress)
    folder = _folder(source)
    four = idx.find(folder)
    if four is not None:
        return _idx_folder(folder, four)
    return load_folder(folder, size=size, skip_bad=skip_bad, seed=seed, progress=progress)


def _folder(source: str | Path) -> Path:
    own = shelf()
    path = Path(source).expanduser()
    for candidate in (path, *([own / source] if own and path.name == str(source) else [])):
        if candidate.is_dir():
            return candidate
    if path.exists():
        raise InputError(
            str(source),
            came="a file",
            wanted="a known name, or a folder of class folders or IDX files",
            cure=f"Give the folder that holds it: {path.resolve().parent}",
        )
    raise InputError(
        str(source),
        came="neither a known data set nor a folder",
        wanted=f"one of {', '.join(KNOWN)}, or a folder of your own",
        cure=suggest(path.name),
    )


def _known(known: KnownSet, progress: Progress) -> ImageData:
    if known.kind != "image":
        raise InputError(known.name, came=f"a set of {known.kind}", wanted="a set of images")
    if not known.files:
        return _digits(known)
    train_images, train_labels, test_images, test_labels = files(known, progress)
    return ImageData(
        known.name,
        known.classes,
        ImageSet(*idx.read_pair(train_images, train_labels)),
        ImageSet(*idx.read_pair(test_images, test_labels)),
        preparation=_preparation(known),
    )


def _preparation(known: KnownSet) -> Preparation:
    return "digit" if known.name in INK_SETS else "resize"


def _digits(known: KnownSet) -> ImageData:
    """scikit-learn's digits; a fifth of each class is held out, always the same."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    every = ImageSet(digits.images.astype(np.uint8), digits.target.astype(np.int64))
    train, test = (every.subset(part) for part in hold_out(every.labels, 0.2, DIGITS_SPLIT_SEED))
    return ImageData(known.name, known.classes, train, test, 16, _preparation(known), split=AT_RANDOM)


def _idx_folder(folder: Path, four: tuple[Path, ...]) -> ImageData:
    """Four IDX files of one's own; their classes are the numbers up to the greatest that is learnt."""
    train = ImageSet(*idx.read_pair(four[0], four[1]))
    test = ImageSet(*idx.read_pair(four[2], four[3]))
    classes = tuple(str(label) for label in range(int(train.labels.max(initial=-1)) + 1))
    return ImageData(folder.resolve().name, classes, train, test)


@dataclass(frozen=True)
class Reader:
    """How a picture becomes a sequence of numbers from 0 to 1.

        rows      T = height, C = width: step t is row t
        pixels    T = height * width, C = 1: row after row
        permuted  as pixels, in an order drawn once from the seed: arXiv 1504.00941

    It also holds how a picture from elsewhere is made like those that were learnt, so that a run folder's config says
    all about the input.

    Args:
        height, width: of every picture, in pixels.
        maximum: the pixel value that becomes 1.
        order: see above.
        seed: of the permutation; of no effect in the other orders.
        preparation: `digit` or `resize`; see `picture`.
        ink: for `digit`, where the training pictures have their ink: its longer side, and the row and column of its
            centre of mass, in pixels.

    Example:
        >>> reader = Reader(28, 28)
        >>> reader(np.full((3, 28, 28), 255, np.uint8)).shape, reader.steps, reader.inputs
        (torch.Size([28, 3, 28]), 28, 28)
    """

    height: int
    width: int
    maximum: int = 255
    order: Order = "rows"
    seed: int = 0
    preparation: Preparation = "resize"
    ink: tuple[int, float, float] | None = None

    def __post_init__(self) -> None:
        for name in ("height", "width", "maximum"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise InputError(name, came=repr(value), wanted="an integer of 1 or more")
        for name, choices in (("order", get_args(Order)), ("preparation", get_args(Preparation))):
            if getattr(self, name) not in choices:
                raise InputError(name, came=repr(getattr(self, name)), wanted=f"one of {', '.join(choices)}")
        if self.preparation == "digit" and self.ink is None:
            raise InputError("ink", came=None, wanted="where the ink lies, for the preparation 'digit'")

    @classmethod
    def of(cls, data: ImageData, *, order: Order = "rows", seed: int = 0) -> Reader:
        """The reader of a data set, with the size, the maximum and the layout of its training pictures."""
        ink = _ink_layout(data.train.images) if data.preparation == "digit" else None
        return cls(*data.size, data.maximum, order, seed, data.preparation, ink)

    @property
    def steps(self) -> int:
        """T."""
        return self.height if self.order == "rows" else self.height * self.width

    @property
    def inputs(self) -> int:
        """C."""
        return self.width if self.order == "rows" else 1

    @cached_property
    def permutation(self) -> Tensor:
        """`(T,)`: which pixel is read at each step in the order `permuted`."""
        # RandomState, not default_rng or torch: its stream is promised never to change, and a saved model needs it.
        return torch.from_numpy(np.random.RandomState(self.seed).permutation(self.height * self.width))

    def __call__(self, images: Tensor | Pictures) -> Tensor:
        """`x (T, B, C)` float32, contiguous, of pictures `(B, height, width)` uint8.

        Raises:
            InputError: pictures of another size or type.
        """
        pixels = images if isinstance(images, Tensor) else _tensor(images)
        if pixels.shape[1:] != (self.height, self.width) or pixels.dim() != 3 or pixels.dtype != torch.uint8:
            raise InputError(
                "images",
                came=f"{pixels.dtype} of shape {tuple(pixels.shape)}",
                wanted=f"uint8 of shape (B, {self.height}, {self.width})",
            )
        x = pixels.float().reshape(len(pixels), self.steps, self.inputs).transpose(0, 1).contiguous()
        if self.order == "permuted":
            x = x.index_select(0, self.permutation.to(x.device))
        return x.div_(self.maximum)

    def to_config(self) -> dict[str, Any]:
        """The reader as plain values for a config file."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Reader:
        """The reader that `to_config` wrote.

        Raises:
            InputError: a field is unknown or missing.
        """
        strange = sorted(set(config) - {field.name for field in fields(cls)})
        if strange or not {"height", "width"} <= set(config):
            raise InputError(
                "reader",
                came=f"fields {', '.join(config)}",
                wanted=f"{', '.join(field.name for field in fields(cls))}",
            )
        ink = config.get("ink")
        return cls(**{**config, "ink": None if ink is None else tuple(ink)})


def _tensor(array: npt.NDArray[Any]) -> Tensor:
    """A tensor on the array's memory; of a read-only array a copy, which torch cannot share."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _ink_layout(images: Pictures) -> tuple[int, float, float]:
    """The longer side of the ink's bounding box, and its centre of mass: the medians of up to 2,000 pictures."""
    some = images[:2000]
    mass = some.astype(np.float64).sum(axis=(1, 2)).clip(min=1)
    layout = []
    sides = []
    for axis, length in ((2, some.shape[1]), (1, some.shape[2])):
        profile = some.astype(np.float64).sum(axis=axis)  # (N, length)
        inked = profile > 0
        sides.append(length - inked.argmax(axis=1) - inked[:, ::-1].argmax(axis=1))
        layout.append(float(np.median(profile @ np.arange(length) / mass)))
    return int(np.median(np.maximum(*sides))), layout[0], layout[1]


def shift(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Moves each picture by a whole number of pixels, drawn evenly from -`pixels` to `pixels` in both directions.

    What comes in from outside is 0. The generator decides it all: the same state, the same pictures.

    Args:
        images: `(B, height, width)`.
        pixels: the farthest move.
        generator: a CPU generator.

    Returns:
        A new tensor of the same shape and type.

    Example:
        >>> dot = torch.zeros(1, 5, 5, dtype=torch.uint8).index_put((torch.tensor(0),) * 3, torch.tensor(9).byte())
        >>> int(shift(torch.nn.functional.pad(dot, (1, 1, 1, 1)), 1, torch.Generator().manual_seed(0)).sum())
        9
    """
    if pixels < 0:
        raise InputError("shift", came=pixels, wanted="0 pixels or more")
    count, height, width = images.shape
    padded = torch.nn.functional.pad(images, (pixels, pixels, pixels, pixels))
    down, across = torch.randint(2 * pixels + 1, (2, count), generator=generator)
    first = torch.arange(count) * padded.shape[1] + down  # the row of `padded` that becomes row 0 of each picture
    rows = first.unsqueeze(1) + torch.arange(height)  # (B, height)
    starts = rows * padded.shape[2] + across.unsqueeze(1)
    # Every run of `width` pixels in memory, as a view: one gather of whole rows, not of single pixels.
    runs = padded.as_strided((max(padded.numel() - width + 1, 0), width), (1, 1))
    return runs.index_select(0, starts.flatten()).view(count, height, width)


def batches(
    images: ImageSet,
    reader: Reader,
    size: int,
    *,
    seed: int | None = None,
    epoch: int = 0,
    augment: Augment | None = None,
) -> Iterator[Batch]:
    """The pictures as batches, each picture once; the last batch may be smaller.

    Args:
        images: what is read.
        reader: how.
        size: B.
        seed: of the order and of `augment`; None reads in order, as evaluation does.
        epoch: with `seed` alone decides what comes, so that an interrupted training goes on with equal batches.
        augment: changes the training pictures, for example `lambda images, generator: shift(images, 2, generator)`;
            needs a seed.

    Raises:
        InputError: a size below 1, or `augment` without a seed.

    Example:
        >>> data = load("digits")
        >>> [len(batch) for batch in batches(data.test, Reader.of(data), 128, seed=0)]
        [128, 128, 104]
    """
    if size < 1:
        raise InputError("batch", came=size, wanted="an integer of 1 or more")
    if augment is not None and seed is None:
        raise InputError("seed", came=None, wanted="a seed, which the augmentation is drawn from")
    order, generator = _draws(len(images), seed, epoch)
    return _batches(
        _tensor(images.images), _tensor(images.labels), reader, torch.split(order, size), augment, generator
    )


def _draws(count: int, seed: int | None, epoch: int) -> tuple[Tensor, torch.Generator]:
    """The order of an epoch, and the generator of its augmentation: two streams of one seed."""
    generator = torch.Generator()
    if seed is None:
        return torch.arange(count), generator
    for_order, for_augment = np.random.SeedSequence((seed, epoch)).generate_state(2, np.uint64)
    order = torch.randperm(count, generator=generator.manual_seed(int(for_order >> np.uint64(1))))
    return order, generator.manual_seed(int(for_augment >> np.uint64(1)))


def _batches(
    images: Tensor,
    labels: Tensor,
    reader: Reader,
    indices: tuple[Tensor, ...],
    augment: Augment | None,
    generator: torch.Generator,
) -> Iterator[Batch]:
    for chosen in indices:
        pictures = images.index_select(0, chosen)  # a ninth of the time of images[chosen]
        x = reader(augment(pictures, generator) if augment else pictures)
        yield Batch(x, labels.index_select(0, chosen))


def picture(path: str | Path, reader: Reader) -> tuple[Pictures, str]:
    """One picture file, made like the pictures that a model learnt from.

    Args:
        path: any picture that Pillow reads: any size, grey or colour, 8 or 16 bits, transparent or not; and for digits
            dark on light or light on dark.
        reader: the model's.

    Returns:
        `(height, width)` uint8, 0 to `reader.maximum`, ready for `reader(picture[None])`; and what was done, in words.

    Raises:
        InputError: no such file, no picture, or (for digits) an empty one.
    """
    if reader.preparation == "digit" and reader.ink is not None:
        pixels, words = prepare_digit(Path(path), reader.height, reader.width, reader.ink)
    else:
        pixels, words = prepare_resize(Path(path), reader.height, reader.width)
    if reader.maximum != 255:
        pixels = (pixels * (reader.maximum / 255)).round().astype(np.uint8)
    return pixels, words
