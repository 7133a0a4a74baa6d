"""One picture file made like the pictures that a model learnt from: grey, of its size, and said in words.

Every file is read the same way: the first frame, turned as its EXIF data says, made grey, with transparent parts on
white (on black where the picture itself is light). Then there are two preparations:

    resize  scaled to fit and padded with the grey of its border: pictures of any kind.
    digit   ink on an empty ground, as MNIST was made: light ink on black, cropped to the ink, scaled to fit a box,
            placed by its centre of mass. Source: http://yann.lecun.com/exdb/mnist/.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFilter, UnidentifiedImageError

from recorrente.data.imageset import Pictures
from recorrente.errors import InputError

__all__ = ["SUFFIXES", "InkLayout", "extent", "prepare_digit", "prepare_resize", "read_grey"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm", ".pnm")
"""Names of files that are taken for pictures inside a folder; a file named one by one may be any that Pillow reads."""

InkLayout = tuple[int, float, float]
"""The longer side of the ink's bounding box, and the row and column of its centre of mass, in pixels."""

_DAMAGED = (OSError, EOFError, SyntaxError, ValueError, TypeError, struct.error, Image.DecompressionBombError)
"""What Pillow raises for files that are cut off, damaged or too large to be meant."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture lie as it is seen, by EXIF's orientation; 5 to 8 lie on their side."""

Grey = npt.NDArray[np.float32]
"""`(height, width)`, 0 black to 255 white."""

CONTRAST = 24
"""Grey levels of 255 that ink must differ from its ground to count as ink: less is paper, shadow and noise."""

WORKING_SIDE = 512
"""Pixels of the longer side that a large picture is averaged down to before its ink is looked for."""


def extent(path: Path) -> tuple[int, int]:
    """Height and width of a picture file as it is seen; most formats tell it without being decoded.

    Raises:
        InputError: the file is no picture.
    """
    with _opened(path) as image:
        try:
            return _seen(image)
        except _DAMAGED as error:
            raise _unreadable(path, error) from error


def _seen(image: Image.Image) -> tuple[int, int]:
    turned = _orientation(image) in (5, 6, 7, 8)
    return (image.width, image.height) if turned else (image.height, image.width)


def _orientation(image: Image.Image) -> object:
    return image.getexif().get(ExifTags.Base.Orientation)


def _turned(image: Image.Image) -> Image.Image:
    """As it is seen. `ImageOps.exif_transpose` also writes all other tags again, and falls over an odd one."""
    turn = TURNS.get(_orientation(image))  # type: ignore[call-overload]
    return image if turn is None else image.transpose(turn)


def read_grey(path: Path, *, at_least: int | None = None) -> tuple[Image.Image, tuple[int, int]]:
    """A picture file as an 8-bit grey picture, and the height and width that the file has.

    Args:
        path: any file that Pillow reads.
        at_least: pixels of each side that are enough: a large JPEG is then decoded at a half, a quarter or an eighth.

    Raises:
        InputError: the file is missing, is no picture, is cut off, or holds numbers that are not brightness.
    """
    with _opened(path) as image:
        try:
            size = _seen(image)
            if at_least is not None:
                image.draft("L", (at_least, at_least))
            return _grey(path, _turned(image)), size
        except InputError:
            raise
        except _DAMAGED as error:
            raise _unreadable(path, error) from error


def _opened(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except UnidentifiedImageError as error:
        raise InputError(
            str(path),
            came="a file that is no picture, or is damaged",
            wanted="a picture (PNG, JPEG, BMP, GIF, TIFF, ...)",
        ) from error
    except _DAMAGED as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    return InputError(str(path), came=f"a picture that cannot be read ({reason})", wanted="a whole picture file")


def _grey(path: Path, image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _from_wide(path, image)
    if image.has_transparency_data:
        return _on_ground(image.convert("RGBA"))
    if image.mode in ("P", "LAB", "HSV"):
        image = image.convert("RGB")
    return image.convert("L")


def _from_wide(path: Path, image: Image.Image) -> Image.Image:
    """16-bit pictures, which Pillow would clip rather than scale."""
    wide = np.asarray(image)
    if image.mode == "F" or wide.min() < 0 or wide.max() > 65535:
        raise InputError(
            str(path),
            came=f"pixels from {wide.min():g} to {wide.max():g}",
            wanted="brightness in 8 or 16 bits",
            cure="Save the picture as an 8-bit PNG",
        )
    return Image.fromarray((wide / 257).round().astype(np.uint8))


def _on_ground(image: Image.Image) -> Image.Image:
    """Transparent parts filled with white, or with black where what can be seen is light: the contrast stays."""
    light = np.asarray(image.convert("L"), np.float32)
    alpha = np.asarray(image.getchannel("A"), np.float32) / np.float32(255)
    seen = float((light * alpha).sum() / max(float(alpha.sum()), 1e-6))
    ground = 255.0 if seen < 128 else 0.0
    return _image(light * alpha + np.float32(ground) * (1 - alpha))


def _image(grey: Grey) -> Image.Image:
    return Image.fromarray(grey.round().clip(0, 255).astype(np.uint8))


def _border(of: Grey) -> Grey:
    """What lies on the outermost pixels of `(height, width, ...)`, one after the other."""
    return np.concatenate((of[0], of[-1], of[1:-1, 0], of[1:-1, -1]))


def _fit(size: tuple[int, int], height: int, width: int) -> tuple[int, int]:
    """The largest height and width of `size`'s proportions within a box; never less than a pixel."""
    scale = min(height / size[0], width / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _scaled(image: Image.Image, height: int, width: int) -> Image.Image:
    # Bilinear in Pillow averages over all that a pixel covers, and never overshoots.
    return image.resize((width, height), Image.Resampling.BILINEAR)


def prepare_resize(path: Path, height: int, width: int) -> tuple[Pictures, str]:
    """A picture scaled to fit `height` x `width`, its proportions kept, padded with the grey of its border.

    A picture of just that size is left as it is.

    Args:
        path: the picture file.
        height, width: of the result, in pixels.

    Returns:
        `(height, width)` uint8, and what was done in words.

    Raises:
        InputError: see `read_grey`.
    """
    image, size = read_grey(path, at_least=2 * max(height, width))
    if size == (height, width):
        return np.array(image), "used as it is"
    ground = np.median(_border(np.asarray(image, np.float32)))
    inner = _fit(size, height, width)
    canvas = np.full((height, width), ground, np.uint8)
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    canvas[top : top + inner[0], left : left + inner[1]] = np.asarray(_scaled(image, *inner))
    words = f"scaled from {_by(*size)} to {_by(*inner)}"
    return canvas, words + (f", padded to {_by(height, width)}" if inner != (height, width) else "")


def _by(height: int, width: int) -> str:
    return f"{width}x{height}"


def prepare_digit(path: Path, height: int, width: int, layout: InkLayout) -> tuple[Pictures, str]:
    """A picture of ink on an empty ground, of any size and polarity, laid out as the training pictures are.

    Where it already has the right size and shows light ink on black, it is left as it is. Else: ground and ink are
    told apart by the border, whose grey (a plane, as of paper in slanting light) becomes 0; what differs most from it
    becomes 255.

    Args:
        path: the picture file.
        height, width: of the result, in pixels.
        layout: where the training pictures have their ink.

    Returns:
        `(height, width)` uint8, and what was done in words.

    Raises:
        InputError: see `read_grey`; or the picture is blank.
    """
    image, _ = read_grey(path)
    grey = np.asarray(image, np.float32)
    ground = float(np.median(_border(grey)))
    if grey.shape == (height, width) and ground < CONTRAST and grey.max() >= 128:
        return np.array(image), "used as it is"
    ink, said = _ink(path, _reduced(image))
    cropped = _cropped(ink)
    fine = max(1, 32 // max(height, width))  # 8 x 8 digits were made from 32 x 32 bitmaps, MNIST's from themselves
    placed, inner = _placed(cropped, height * fine, width * fine, layout, fine)
    canvas = placed.reshape(height, fine, width, fine).mean(axis=(1, 3))
    canvas *= 255 / canvas.max()  # thin strokes pale when they are averaged down
    by = image.width / ink.shape[1]
    size = _by(round(cropped.shape[0] * by), round(cropped.shape[1] * by))
    scaled = _by(*(max(1, round(side / fine)) for side in inner))
    words = [*said, f"cropped to {size}", f"scaled to {scaled}", f"centred in {_by(height, width)}"]
    return canvas.round().astype(np.uint8), ", ".join(words)


def _reduced(image: Image.Image) -> Grey:
    """The picture, a large one averaged down: grain and compression average out, and the rest is quick."""
    longest = max(image.size)
    if longest > WORKING_SIDE:
        image = _scaled(image, *_fit((image.height, image.width), WORKING_SIDE, WORKING_SIDE))
    return np.asarray(image, np.float32)


def _ink(path: Path, grey: Grey) -> tuple[Grey, list[str]]:
    """How much ink is on each pixel, 0..1, and whether light and dark had to be swapped."""
    lighter = grey - _ground(grey)
    dark_on_light = -lighter.min() > lighter.max()
    distance = (-lighter if dark_on_light else lighter).clip(min=0)
    strongest = float(distance.max())
    if strongest < CONTRAST:
        raise InputError(
            str(path),
            came=f"an empty picture (grey {grey.min():.0f} to {grey.max():.0f})",
            wanted="a drawing that differs from its ground",
        )
    # Six times the median deviation is four standard deviations: the grain of paper, the noise of a camera; 0 in a
    # clean drawing.
    noise = min(6 * float(np.median(np.abs(_border(lighter)))), strongest / 2)
    ink = ((distance - noise) / (strongest - noise)).clip(min=0)
    return ink, ["inverted (dark ink on light ground)"] if dark_on_light else []


def _ground(grey: Grey) -> Grey:
    """The grey of the paper everywhere: a plane through the border, for light seldom falls evenly on a photograph."""
    rows, columns = np.indices(grey.shape, np.float32)
    points = np.stack([np.ones_like(grey), rows, columns], axis=-1)  # (height, width, 3)
    border, at = _border(grey), _border(points)
    # Ink that touches the border must not tilt the plane. In a clean drawing this keeps the pixels of one grey alone.
    away = np.abs(border - np.median(border))
    paper = away <= 6 * np.median(away)
    plane, *_ = np.linalg.lstsq(at[paper].astype(np.float64), border[paper].astype(np.float64), rcond=None)
    return np.asarray(points @ plane, np.float32)


def _cropped(ink: Grey) -> Grey:
    """The bounding box of the ink. A faint pixel counts beside others, not alone: specks of noise are no ink."""
    around = np.asarray(_image(ink * 255).filter(ImageFilter.BoxBlur(1)))  # the mean of 3 x 3
    mask = (ink > 0.1) & (around > 25)
    if not mask.any():
        return ink
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _placed(ink: Grey, height: int, width: int, layout: InkLayout, fine: int) -> tuple[Grey, tuple[int, int]]:
    """The ink scaled to its box, its centre of mass as near as can be to where it belongs with all of it inside.

    Height and width are those of the result, `fine` times as many as the layout's pixels. Also returns what the ink was
    scaled to.
    """
    box, *centre = layout
    inner = _fit(ink.shape, min(box * fine, height), min(box * fine, width))
    small = np.asarray(_scaled(_image(ink * 255), *inner), np.float32)
    corner = []
    for axis, room in ((0, height), (1, width)):
        mass = float(small.sum(axis=1 - axis) @ np.arange(inner[axis])) / max(float(small.sum()), 1e-6)
        aim = (centre[axis] + 0.5) * fine - 0.5  # from a pixel's index to that of its middle on the finer grid
        corner.append(min(max(round(aim - mass), 0), room - inner[axis]))
    placed = np.zeros((height, width), np.float32)
    placed[corner[0] : corner[0] + inner[0], corner[1] : corner[1] + inner[1]] = small
    return placed, inner
