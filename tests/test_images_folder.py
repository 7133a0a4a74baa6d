"""Folders of one's own pictures: real digits written as files, with odd names, sizes and formats."""

from __future__ import annotations

import errno
import os
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import recorrente
from recorrente import kinds
from recorrente.baselines import linear, softmax_regression
from recorrente.data.folder import PICTURES, divided, list_classes
from recorrente.data.image import load
from recorrente.data.imageset import WHOLE, ImageData, hold_out
from recorrente.errors import InputError
from recorrente.kinds.image import _pixels as pixels
from recorrente.recipe import Reading

CLASSES = ("1", "2", "10", "maçã com espaço", "zero")


@pytest.fixture(scope="module")
def digits() -> ImageData:
    return load("digits")


def write(folder: Path, digits: ImageData, classes: tuple[str, ...] = CLASSES, count: int = 10) -> None:
    """Class k gets pictures of digit k, 8 x 8 with values up to 255, numbered from 1."""
    for k, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(digits.train.images[digits.train.labels == k][:count], 1):
            Image.fromarray(image * 15).save(folder / name / f"picture {number}.png")


def test_class_folders_hold_out_a_fifth_of_each(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path / "my digits", digits)
    data = load(tmp_path / "my digits")
    assert (data.name, data.size, data.maximum, data.preparation) == ("my digits", (8, 8), 255, "resize")
    assert data.classes == CLASSES, "natural order: 2 before 10"
    assert np.bincount(data.train.labels).tolist() == [8] * 5
    assert np.bincount(data.test.labels).tolist() == [2] * 5
    wanted = {bytes(image * 15) for k in range(5) for image in digits.train.images[digits.train.labels == k][:10]}
    assert {bytes(image) for image in np.concatenate((data.train.images, data.test.images))} == wanted


def test_the_same_folder_and_seed_give_the_same_data(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path, digits)
    first, again, other = load(tmp_path), load(str(tmp_path)), load(tmp_path, seed=1)
    np.testing.assert_array_equal(first.test.images, again.test.images)
    np.testing.assert_array_equal(first.train.images, again.train.images)
    assert not np.array_equal(first.test.images, other.test.images)


def test_train_and_test_folders_are_taken_as_they_are(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path / "train", digits, count=12)
    write(tmp_path / "test", digits, count=3)
    data = load(tmp_path)
    assert np.bincount(data.train.labels).tolist() == [12] * 5
    assert np.bincount(data.test.labels).tolist() == [3] * 5
    # picture 10 is after picture 9
    own = digits.train.images[digits.train.labels == 0]
    np.testing.assert_array_equal(data.train.images[:12], own[:12] * 15)


@pytest.mark.parametrize(("train", "test"), [("Training", "Testing"), ("training_set", "test_set"), ("TRAIN", "Test")])
def test_the_parts_may_be_called_in_other_ways(tmp_path: Path, digits: ImageData, train: str, test: str) -> None:
    write(tmp_path / train, digits, count=4)
    write(tmp_path / test, digits, count=2)
    data = load(tmp_path)
    assert data.classes == CLASSES
    assert (len(data.train), len(data.test), data.split) == (20, 10, f"the folder {test}/")


def test_what_lies_beside_the_parts_is_left_aside_and_told(tmp_path: Path, digits: ImageData) -> None:
    for part, count in (("train", 4), ("val", 3), ("test", 2), ("more", 1)):
        write(tmp_path / part, digits, count=count)
    (tmp_path / "notes").mkdir()
    data = load(tmp_path)
    assert (len(data.train), len(data.test)) == (20, 10)
    assert data.split == "the folder test/; left aside: more/, val/"


def test_each_folder_is_read_once_wherever_links_lead(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path / "pets", digits, ("cats", "dogs"), 5)
    write(tmp_path / "more", digits, ("three",), 1)
    cats = tmp_path / "pets" / "cats"
    for name, to in {"self": ".", "up": "..", "out": "../..", "dogs": "../dogs", "three": "../../more/three"}.items():
        (cats / name).symlink_to(to)
    (cats / "three again").symlink_to("three")
    (tmp_path / "pets" / "self").symlink_to(".")
    data = load(tmp_path / "pets")
    assert data.classes == ("cats", "dogs")
    assert np.bincount([*data.train.labels, *data.test.labels]).tolist() == [6, 5]


def test_no_link_leads_from_the_training_part_to_the_test_part(tmp_path: Path, digits: ImageData) -> None:
    for part, count in (("train", 4), ("test", 2)):
        write(tmp_path / part, digits, ("cats", "dogs"), count)
    (tmp_path / "train" / "cats" / "up").symlink_to("../..")
    (tmp_path / "train" / "cats" / "test").symlink_to("../../test")
    data = load(tmp_path)
    assert (len(data.train), len(data.test)) == (8, 4)


def test_a_class_folder_whose_name_is_not_utf_8_is_named(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path, digits, ("b", "c"))
    try:
        (tmp_path / "b").rename(tmp_path / os.fsdecode(b"ma\xe7\xe3"))
    except OSError:
        pytest.skip("this system has no such names")
    with pytest.raises(InputError, match=r"ma\\xe7\\xe3: got a name that is not UTF-8.*Rename the folder"):
        load(tmp_path)


def test_a_class_folder_that_cannot_be_read_is_named(
    tmp_path: Path, digits: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, digits)
    look = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path.name == "zero":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    for read in (load, kinds.find):
        with pytest.raises(InputError, match=r"zero: got Permission denied, wanted a folder that can be read"):
            read(tmp_path)


def test_train_and_test_may_spell_an_accent_in_two_ways(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path / "train", digits, ("á", "b"))
    write(tmp_path / "test", digits, (unicodedata.normalize("NFD", "á"), "b"))
    assert load(tmp_path).classes == ("á", "b")


def test_a_name_on_the_shelf_is_a_folder_there(
    tmp_path: Path, digits: ImageData, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "my-letters", digits)
    monkeypatch.setenv("RECORRENTE_DATA", str(tmp_path))
    assert load("my-letters").name == "my-letters"


def test_what_systems_leave_behind_is_not_a_class_and_other_files_are_not_pictures(
    tmp_path: Path, digits: ImageData
) -> None:
    write(tmp_path, digits)
    for hidden in (".ipynb_checkpoints", "__MACOSX", "1/.hidden"):
        (tmp_path / hidden).mkdir()
        shutil.copy(tmp_path / "1" / "picture 1.png", tmp_path / hidden)
    (tmp_path / "1" / "._picture 1.png").write_bytes(b"resource fork")
    (tmp_path / "1" / "notes.txt").write_text("not a picture")
    (tmp_path / "README.md").write_text("about")
    assert len(load(tmp_path).train) == 40


def test_pictures_below_a_class_folder_belong_to_it(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path, digits)
    (tmp_path / "1" / "second writer").mkdir()
    shutil.copy(tmp_path / "1" / "picture 1.png", tmp_path / "1" / "second writer" / "x.PNG")
    data = load(tmp_path)
    assert len(data.train) + len(data.test) == 51


def test_formats_and_modes_of_one_picture_read_alike(tmp_path: Path, digits: ImageData) -> None:
    """The same picture in fourteen files; only JPEG may differ, by what it throws away at quality 95."""
    grey = Image.fromarray(np.kron(digits.train.images[0] * 15, np.ones((4, 4), np.uint8)))  # 32 x 32
    wide = np.asarray(grey).astype(np.uint16) * 257
    clear = Image.merge("LA", (Image.new("L", grey.size, 255), grey))  # white ink of that opacity
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    files = {
        "grey.png": grey,
        "colour.png": grey.convert("RGB"),
        "opaque.png": grey.convert("RGBA"),
        "clear.png": clear,
        "clear colour.png": clear.convert("RGBA"),
        "palette.png": grey.convert("P"),
        "palette.gif": grey.convert("P"),
        "sixteen.png": Image.fromarray(wide),
        "sixteen.tiff": Image.fromarray(wide),
        "bmp.bmp": grey,
        "webp.webp": grey.convert("RGB"),
        "jpeg.jpeg": grey,
        "cmyk.jpg": grey.convert("RGB").convert("CMYK"),
        "turned.png": grey.transpose(Image.Transpose.ROTATE_90),
    }
    options = {"turned.png": {"exif": exif}, "webp.webp": {"lossless": True}}
    options |= {name: {"quality": 95} for name in ("jpeg.jpeg", "cmyk.jpg")}
    for part in ("train", "test"):
        for name, image in files.items():
            (tmp_path / part / name).mkdir(parents=True)
            image.save(tmp_path / part / name / name, **options.get(name, {}))
    data = load(tmp_path)
    assert data.size == (32, 32)
    for label, name in enumerate(data.classes):
        apart = np.abs(data.train.images[label].astype(int) - np.asarray(grey).astype(int)).max()
        assert apart <= (24 if name in ("jpeg.jpeg", "cmyk.jpg") else 1), name


def test_pictures_of_many_sizes_become_28_by_28_with_their_proportions(tmp_path: Path) -> None:
    for name, ground, ink in (("dark", 10, 200), ("light", 240, 20)):
        (tmp_path / name).mkdir()
        for number, (height, width) in enumerate([(100, 50), (50, 100), (28, 28), (7, 9), (300, 60)]):
            grey = np.full((height, width), ground, np.uint8)
            grey[height // 4 : -height // 4, width // 4 : -width // 4] = ink
            Image.fromarray(grey).save(tmp_path / name / f"{number}.png")
    data = load(tmp_path)
    assert data.size == (28, 28)
    for images, labels in ((data.train.images, data.train.labels), (data.test.images, data.test.labels)):
        for image, label in zip(images, labels, strict=True):
            ground, ink = ((10, 200), (240, 20))[label]
            assert set(image[[0, 0, -1, -1], [0, -1, 0, -1]]) == {ground}, "padded with the ground's own grey"
            assert abs(int(image[14, 14]) - ink) < 40
    tall = load(tmp_path, size=(40, 20))
    assert tall.size == (40, 20)


def test_large_pictures_of_one_size_are_scaled_down_too(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.new("L", (90, 60), 100).save(tmp_path / name / f"{number}.jpg")
    assert load(tmp_path).size == (28, 28)


def test_progress_counts_every_picture(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path, digits)
    told: list[tuple[str, int, int]] = []
    load(tmp_path, progress=lambda *progress: told.append(progress))
    assert [done for what, done, total in told if what == "read pictures"] == list(range(1, 51))
    assert {total for _, _, total in told} == {50}


def test_an_empty_folder_has_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got a folder without pictures, wanted a folder for each class"):
        load(tmp_path)


def test_pictures_without_class_folders_are_told_where_to_go(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"got 1 pictures but no class folders.*Move each picture into a folder"):
        load(tmp_path)


@pytest.mark.parametrize("leave", [None, "notes.txt"])
def test_an_empty_class_folder_is_named(tmp_path: Path, digits: ImageData, leave: str | None) -> None:
    write(tmp_path, digits)
    (tmp_path / "empty").mkdir()
    if leave:
        (tmp_path / "empty" / leave).write_text("")
    with pytest.raises(InputError, match=r"empty: got a class folder without pictures.*Put pictures in, or remove"):
        load(tmp_path)


def test_a_single_class_is_refused(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path, digits, ("only",))
    with pytest.raises(InputError, match="got a single class folder, only, wanted two classes or more"):
        load(tmp_path)


@pytest.mark.parametrize("parts", [None, ("2",), ("zero",)])
def test_a_single_class_is_enough_where_it_was_learnt(
    parts: tuple[str, ...] | None, tmp_path: Path, digits: ImageData
) -> None:
    """Numbered by what was learnt; of a folder in parts, no class that is tested on has to be in the other part."""
    write(tmp_path / "test" if parts else tmp_path, digits, ("2",), 3)
    if parts:
        write(tmp_path / "train", digits, parts, 1)
    classes, listing = list_classes(tmp_path, PICTURES, ("1", "2", "zero"))
    places, split = ({1, 2, 3}, "the folder test/") if parts else ({0, 1, 2}, WHOLE)
    assert (classes, {listing.labels[k] for k in places}, listing.split) == (("1", "2", "zero"), {1}, split)
    tested = divided(tmp_path, classes, listing, range(len(listing.paths)), (), seed=0, of="pictures", learnt=classes)[
        1
    ]
    assert set(tested) == places
    with pytest.raises(InputError, match=r"data: got the classes .*, wanted a, b.*was not learnt: .*2"):
        list_classes(tmp_path, PICTURES, ("a", "b"))


def test_pictures_of_a_single_class_are_scored(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path / "own", digits, count=5)
    plan, shape = recorrente.Plan(epochs=1), recorrente.Shape(hidden=4)
    trained = recorrente.train(tmp_path / "own", plan=plan, shape=shape, out=tmp_path / "run")
    write(tmp_path / "other", digits, ("zero",), 1)
    scores = trained.evaluate(tmp_path / "other")
    assert (scores["test_size"], scores["split"]) == (1, WHOLE)
    said = trained.predict(tmp_path / "other" / "zero" / "picture 1.png")[0].label
    assert scores["accuracy"] == (said == "zero")


def test_a_class_of_one_picture_is_refused(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path, digits)
    (tmp_path / "lonely").mkdir()
    shutil.copy(tmp_path / "1" / "picture 1.png", tmp_path / "lonely")
    with pytest.raises(InputError, match="a single one of class lonely"):
        load(tmp_path)


def test_train_without_test_is_refused(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path / "train", digits)
    write(tmp_path / "val", digits)
    with pytest.raises(InputError, match=r"got folders train, val, wanted train and test"):
        load(tmp_path)


def test_a_test_class_that_is_not_learnt_is_refused(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path / "train", digits)
    write(tmp_path / "test", digits, (*CLASSES, "stranger"), count=2)
    with pytest.raises(InputError, match=r"test: got classes stranger, wanted only those to learn from"):
        load(tmp_path)


def test_all_unreadable_pictures_are_named_at_once(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path, digits)
    text, cut, empty = (tmp_path / "2" / name for name in ("a text.png", "b cut.png", "c empty.jpg"))
    text.write_text("this is no picture")
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    Image.fromarray(noise).save(cut)
    cut.write_bytes(cut.read_bytes()[:900])
    empty.touch()
    with pytest.raises(InputError, match=r"a text.png: got a file that is no picture") as caught:
        load(tmp_path, size=(8, 8))
    assert str(cut) in str(caught.value)
    assert str(empty) in str(caught.value)


def test_unreadable_pictures_are_left_out_and_named_where_that_is_asked(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path, digits)
    whole = load(tmp_path)
    (tmp_path / "1" / "a broken one.PNG").write_bytes(b"no picture")  # the first in order, by which the size is found
    for name in ("zero", "1"):
        (tmp_path / name / "empty.png").write_bytes(b"")
    with pytest.raises(InputError, match="or leave it out with --skip-bad"):
        load(tmp_path)
    data = load(tmp_path, skip_bad=True)
    assert [line.partition(":")[0] for line in data.skipped] == ["1/empty.png", "a broken one.PNG", "zero/empty.png"]
    assert len(data.train) + len(data.test) == 50
    assert data.size == (8, 8)
    assert sorted(map(bytes, [*data.train.images, *data.test.images])) == sorted(
        map(bytes, [*whole.train.images, *whole.test.images])
    )
    for path in (tmp_path / "zero").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"no pictures to learn from of class zero that can be .*left out: 1/e"):
        load(tmp_path, skip_bad=True)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_broken_picture_has_no_say_in_what_is_tested_on(number: int, tmp_path: Path, digits: ImageData) -> None:
    """Whichever picture of a tiny class is broken, the class is in both parts."""
    write(tmp_path, digits, CLASSES[:2], 12)
    write(tmp_path, digits, ("tiny",), 4)
    bad = tmp_path / "tiny" / f"picture {number}.png"
    bad.write_bytes(b"")
    with pytest.raises(InputError, match=rf"tiny.picture {number}.png: got .*--skip-bad"):
        load(tmp_path)
    data = load(tmp_path, skip_bad=True)
    assert len(data.skipped) == 1
    assert [np.bincount(part.labels)[2] for part in (data.train, data.test)] == [2, 1]


def test_a_class_of_which_no_test_picture_can_be_read_is_learnt(tmp_path: Path, digits: ImageData) -> None:
    for part in ("train", "test"):
        write(tmp_path / part, digits, CLASSES[:3], 4)
    for path in (tmp_path / "test" / "2").iterdir():
        path.write_bytes(b"")
    data = load(tmp_path, skip_bad=True)
    assert [np.bincount(part.labels).tolist() for part in (data.train, data.test)] == [[4, 4, 4], [4, 0, 4]]
    for path in (tmp_path / "train" / "2").iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"no pictures to learn from of class 2 .*left out: 2/picture 1.png: .*5 more"):
        load(tmp_path, skip_bad=True)


@pytest.mark.parametrize("seed", range(20))
def test_every_class_is_in_both_parts_however_small_its_share(seed: int) -> None:
    labels = np.repeat(np.arange(4), (40, 40, 3, 2))
    for fraction in (0.05, 0.2, 0.8):
        for part in hold_out(labels, fraction, seed):
            assert set(labels[part]) == {0, 1, 2, 3}


def test_a_class_that_is_too_small_without_what_was_left_out_names_it(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path, digits, CLASSES[:2])
    write(tmp_path, digits, ("tiny",), 2)
    (tmp_path / "tiny" / "picture 1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"a single one of class tiny.*left out: .*picture 1.png: a file that is no"):
        load(tmp_path, skip_bad=True)


def test_what_an_evaluation_leaves_out_is_named(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path / "digits", digits)
    shape, reading = recorrente.Shape("elman", hidden=2, layers=1), Reading(skip_bad=True)
    plan = recorrente.Plan(epochs=1)
    trained = recorrente.train(tmp_path / "digits", out=tmp_path / "run", shape=shape, plan=plan, reading=reading)
    metrics = trained.run.read_json("metrics.json")
    assert list(metrics["baselines"]) == ["majority class", "linear on pixels"]
    assert metrics["split"] == "at random, a fifth of each class"
    told = trained.summary().splitlines()
    assert told[1].startswith("beside it: majority class 0.2000, linear on pixels ")
    assert told[2] == "test part: at random, a fifth of each class"
    assert "linear on pixels" in (tmp_path / "run" / "report.html").read_text()
    assert "skipped" not in trained.evaluate()
    (tmp_path / "digits" / "zero" / "empty.png").write_bytes(b"")
    scores = trained.evaluate()
    assert [line.partition(":")[0] for line in scores["skipped"]] == ["empty.png"]
    assert "left out: 1 (empty.png" in trained.kind.summary(scores)


def test_a_cut_off_picture_is_refused(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path, digits)
    for suffix in ("png", "jpg", "bmp", "gif", "tif"):
        path = tmp_path / "2" / f"cut.{suffix}"
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8)).save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(InputError, match=rf"cut.{suffix}: got a picture that cannot be read"):
            load(tmp_path)
        path.unlink()


def test_how_the_test_part_was_chosen_is_told_before_the_training(tmp_path: Path, digits: ImageData) -> None:
    write(tmp_path / "train", digits, CLASSES[:2], 6)
    write(tmp_path / "test", digits, CLASSES[:2], 2)
    told: list[str] = []
    shape, plan = recorrente.Shape("elman", hidden=2, layers=1), recorrente.Plan(epochs=1)
    recorrente.train(tmp_path, out=tmp_path / "run", shape=shape, plan=plan, tell=told.append, kind="image")
    assert told == ["12 pictures to learn from, 4 to test on: the folder test/"]


def test_a_linear_model_of_pixels_finds_what_is_linear_whatever_their_size(digits: ImageData) -> None:
    x = digits.train.images.reshape(len(digits.train), -1).astype(np.float32)
    y = digits.train.labels.tolist()
    ours, theirs = (model(x[:900], y[:900], x[900:], y[900:]) for model in (softmax_regression, linear))
    assert abs(ours - theirs) < 0.03
    assert ours > 0.9
    assert pixels(np.zeros((2, 100, 3), np.uint8)).shape == (2, 25 * 1)
    large = np.kron(digits.test.images[:4], np.ones((12, 12), np.uint8))  # 96 x 96, of which each pixel stands 12 times
    assert np.array_equal(pixels(large).reshape(4, 32, 32)[:, ::4, ::4], digits.test.images[:4])


def test_an_empty_folder_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"got an empty folder, wanted pictures, texts, sounds"):
        kinds.find(tmp_path)
