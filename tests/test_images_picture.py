"""One picture made like those that a model learnt from: real digits drawn large, dark, coloured, noisy, found again."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from recorrente.data.image import ImageData, Reader, load, picture
from recorrente.data.picture import extent, read_grey
from recorrente.errors import InputError

needs_mnist = pytest.mark.skipif(
    not Path(os.environ.get("RECORRENTE_DATA", "/absent"), "mnist").is_dir(),
    reason="no mnist folder in $RECORRENTE_DATA",
)


@pytest.fixture(scope="module", params=["digits", pytest.param("mnist", marks=[needs_mnist, pytest.mark.mnist])])
def data(request: pytest.FixtureRequest) -> ImageData:
    return load(request.param)


@pytest.fixture
def reader(data: ImageData) -> Reader:
    return Reader.of(data)


def as_grey(image: np.ndarray, data: ImageData) -> np.ndarray:
    """0..255, whatever the set's maximum."""
    return (image * (255 / data.maximum)).round().astype(np.uint8)


def saved(path: Path, grey: np.ndarray) -> Path:
    Image.fromarray(grey).save(path)
    return path


def drawn_large(
    image: np.ndarray, data: ImageData, *, times: int = 12, margin: tuple[int, int, int, int]
) -> np.ndarray:
    """The digit as a large smooth drawing, light on black, with top, bottom, left and right margins."""
    size = (image.shape[1] * times, image.shape[0] * times)
    large = np.asarray(Image.fromarray(as_grey(image, data)).resize(size, Image.Resampling.BICUBIC))
    return np.pad(large, (margin[:2], margin[2:]))


def apart(came: np.ndarray, wanted: np.ndarray, data: ImageData) -> float:
    """Mean difference of a pixel, as a share of the maximum; a digit and another one are 0.15 to 0.3 apart."""
    return float(np.abs(came.astype(float) - wanted).mean()) / data.maximum


def test_the_models_own_pictures_go_through_unchanged(data: ImageData, reader: Reader, tmp_path: Path) -> None:
    for image in data.test.images[:200]:
        came, words = picture(saved(tmp_path / "own.png", as_grey(image, data)), reader)
        np.testing.assert_array_equal(came, image)
        assert came.dtype == np.uint8
        assert words == "used as it is"


def test_where_the_ink_lies_is_measured() -> None:
    assert Reader.of(load("digits")).ink == pytest.approx((8, 3.47, 3.54), abs=0.01)


ODD_TAGS = {"a unit of 100,000": (0x128, 4, 1, 100_000), "a resolution in letters": (0x11A, 2, 4, 0x00636261)}


@pytest.mark.parametrize("odd", ODD_TAGS.values(), ids=ODD_TAGS)
def test_a_turned_picture_with_an_odd_tag_is_read(tmp_path: Path, odd: tuple[int, int, int, int]) -> None:
    tags = [(0x112, 3, 1, 6), odd]  # tag, type, count, value; the first is the orientation, a quarter to the right
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    lying = np.repeat(np.array([[0, 255]], np.uint8), 16, axis=0).repeat(16, axis=1)  # (16, 32): black, then white
    exif = b"Exif\0\0II*\0" + struct.pack("<I", 8) + directory
    Image.fromarray(lying).save(tmp_path / "odd.jpg", exif=exif)
    seen, size = read_grey(tmp_path / "odd.jpg")
    assert extent(tmp_path / "odd.jpg") == size == (32, 16)
    np.testing.assert_allclose(np.asarray(seen, np.float32), lying.T, atol=3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_pillow_turns_them(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    Image.fromarray(np.arange(6, dtype=np.uint8).reshape(2, 3)).save(tmp_path / "a.png", exif=exif)
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    seen, size = read_grey(tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(seen), wanted)
    assert size == wanted.shape


@needs_mnist
@pytest.mark.mnist
def test_mnist_lies_as_its_makers_say() -> None:
    """In a box of 20 x 20, its centre of mass in the middle of 28 x 28."""
    assert Reader.of(load("mnist")).ink == pytest.approx((20, 14, 14), abs=0.02)


@pytest.mark.parametrize("inverted", [False, True])
def test_a_large_drawing_anywhere_on_the_page_is_found_again(
    data: ImageData, reader: Reader, tmp_path: Path, inverted: bool
) -> None:
    random = np.random.default_rng(0)
    learnt = data.train.images[:6000].reshape(-1, reader.height * reader.width).astype(np.float32)
    recognised = untouched = 0

    def nearest(pixels: np.ndarray) -> int:
        return int(data.train.labels[np.linalg.norm(learnt - pixels.reshape(-1), axis=1).argmin()])

    for image, label in zip(data.test.images[:60], data.test.labels, strict=False):
        grey = drawn_large(image, data, margin=tuple(random.integers(20, 200, 4)))
        grey = 255 - grey if inverted else grey
        came, words = picture(saved(tmp_path / "drawn.png", grey), reader)
        assert ("inverted (dark ink on light ground)" in words) == inverted
        assert f"centred in {reader.width}x{reader.height}" in words
        assert came.shape == image.shape
        assert came.max() == data.maximum
        recognised += nearest(came) == label
        untouched += nearest(image) == label
    # By the nearest picture that was learnt: 59 and 54 of the 60 untouched ones, 6 by chance.
    assert recognised >= untouched - 5


def test_grey_paper_noise_and_pencil_do_not_matter(data: ImageData, reader: Reader, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    image = data.test.images[3]
    ink = drawn_large(image, data, times=20, margin=(150, 90, 60, 200)) / 255
    clean, _ = picture(saved(tmp_path / "clean.png", (ink * 255).round().astype(np.uint8)), reader)
    paper = 190 - 110 * ink + random.normal(0, 6, ink.shape)
    came, words = picture(saved(tmp_path / "photo.jpg", paper.clip(0, 255).astype(np.uint8)), reader)
    assert words.startswith("inverted")
    assert apart(came, clean, data) < 0.05
    background = clean < 0.05 * data.maximum
    assert came[background].max() < 0.2 * data.maximum


def test_colour_alpha_and_16_bits_give_the_same_digit(data: ImageData, reader: Reader, tmp_path: Path) -> None:
    grey = drawn_large(data.test.images[5], data, margin=(40, 30, 90, 10))
    light = Image.fromarray(grey)
    nothing = Image.new("L", light.size, 0)
    files = {
        "blue on white.png": Image.merge(
            "RGB", (Image.fromarray(255 - grey), Image.fromarray(255 - grey), Image.new("L", light.size, 255))
        ),
        "black on clear.png": Image.merge("LA", (nothing, light)),
        "white on clear.png": Image.merge("LA", (Image.new("L", light.size, 255), light)),
        "16 bits.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "palette.png": Image.fromarray(255 - grey).convert("P"),
    }
    wanted, _ = picture(saved(tmp_path / "grey.png", grey), reader)
    for name, image in files.items():
        image.save(tmp_path / name)
        came, _ = picture(tmp_path / name, reader)
        assert apart(came, wanted, data) < 0.01, name


def test_what_was_done_is_said_with_widths_first(tmp_path: Path) -> None:
    grey = np.full((200, 120), 250, np.uint8)
    grey[50:113, 30:71] = 10  # 41 wide, 63 high
    came, words = picture(saved(tmp_path / "bar.png", grey), Reader(28, 28, preparation="digit", ink=(20, 14.0, 14.0)))
    assert words == "inverted (dark ink on light ground), cropped to 41x63, scaled to 13x20, centred in 28x28"
    rows, columns = np.flatnonzero(came.any(axis=1)), np.flatnonzero(came.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (4, 23, 8, 20)
    assert (came[4:24, 8:21] == 255).all()


@pytest.mark.parametrize(("height", "width"), [(1, 3), (3, 1), (2, 2), (3, 3000), (3000, 3), (5, 7), (2000, 3000)])
def test_every_size_of_picture_is_read(height: int, width: int, tmp_path: Path) -> None:
    grey = np.zeros((height, width), np.uint8)
    grey[height // 3 : height // 3 + max(1, height // 5), width // 3 : width // 3 + max(1, width // 9)] = 255
    reader = Reader(28, 28, preparation="digit", ink=(20, 14.0, 14.0))
    came, words = picture(saved(tmp_path / "odd.png", grey), reader)
    assert came.shape == (28, 28)
    assert came.max() == 255
    assert words.endswith("centred in 28x28")


def test_a_model_of_ones_own_folder_prepares_as_the_folder_was(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for part in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / part / name).mkdir(parents=True)
            for number, (height, width) in enumerate([(40, 90), (300, 200), (28, 28)]):
                colours = random.integers(0, 256, (height, width, 3), np.uint8)
                Image.fromarray(colours).save(tmp_path / part / name / f"{number}.jpg")
    data = load(tmp_path)
    reader = Reader.of(data)
    files = [tmp_path / "test" / name / f"{number}.jpg" for name in "ab" for number in range(3)]
    for path, image in zip(files, data.test.images, strict=True):
        came, words = picture(path, reader)
        np.testing.assert_array_equal(came, image)
        assert ("used as it is" in words) == (path.name == "2.jpg")
    assert picture(files[0], reader)[1] == "scaled from 90x40 to 28x12, padded to 28x28"


@pytest.mark.parametrize("value", [0, 77, 255])
def test_an_empty_picture_is_refused(tmp_path: Path, reader: Reader, value: int) -> None:
    for size in ((reader.height, reader.width), (60, 40)):
        with pytest.raises(InputError, match=r"empty.png: got an empty picture \(grey"):
            picture(saved(tmp_path / "empty.png", np.full(size, value, np.uint8)), reader)


@pytest.mark.parametrize("preparation", ["digit", "resize"])
def test_what_is_no_picture_is_refused(tmp_path: Path, preparation: str) -> None:
    reader = Reader(28, 28, preparation=preparation, ink=(20, 14.0, 14.0))
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(InputError, match=r"text.png: got a file that is no picture"):
        picture(text, reader)
    with pytest.raises(InputError, match=r"absent.png: got a picture that cannot be read \(No such file"):
        picture(tmp_path / "absent.png", reader)
    with pytest.raises(InputError, match="cannot be read"):
        picture(tmp_path, reader)
    depth = Image.fromarray(np.linspace(-1, 1, 900, dtype=np.float32).reshape(30, 30))
    depth.save(tmp_path / "depth.tiff")
    with pytest.raises(InputError, match=r"depth.tiff: got pixels from -1 to 1, wanted brightness in 8 or 16 bits"):
        picture(tmp_path / "depth.tiff", reader)
