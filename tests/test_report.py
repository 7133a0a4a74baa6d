"""The report: every number is the run's own, every picture is inside, and odd runs are drawn too."""

import io
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recorrente import report
from recorrente.errors import RunError
from recorrente.report import inside
from recorrente.report.content import Content
from recorrente.report.figures import SHOWN
from recorrente.report.page import gradient_in_words


class Page(HTMLParser):
    """The text, the sources and the alternative texts of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text: list[str] = []
        self.sources: list[str] = []
        self.tags: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        assert tag != "img" or dict(attributes)["alt"]

    def handle_data(self, data):
        self.text.append(data.strip())


@pytest.fixture
def copy(run_folder, tmp_path) -> Path:
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


def change(folder: Path, **arrays: np.ndarray) -> None:
    with np.load(folder / "observations.npz") as old:
        np.savez(folder / "observations.npz", **{**old, **arrays})


def test_the_page_tells_the_runs_numbers_and_needs_nothing_else(run_folder):
    page = Page(run_folder / "report.html")
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert f"{metrics['accuracy'] * 100:.2f} %" in page.text
    assert f"{metrics['loss']:.4f}" in page.text
    assert f"{metrics['parameters']:,}" in page.text
    for row in metrics["per_class"]:
        assert f"{row['f1']:.4f}" in page.text
    assert len(page.sources) == len(SHOWN["image"])
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not page.tags & {"script", "link", "iframe"}


def test_every_picture_shows_something(run_folder):
    for name in SHOWN["image"]:
        with Image.open(run_folder / "figures" / f"{name}.png") as image:
            assert min(image.size) > 80
            assert len(np.unique(np.asarray(image.convert("L")))) > 10


def test_the_same_run_gives_the_same_pictures(copy):
    before = {path.name: path.read_bytes() for path in (copy / "figures").iterdir()}
    report.write(copy)
    assert {path.name: path.read_bytes() for path in (copy / "figures").iterdir()} == before


def test_class_names_are_words_not_markup(copy):
    config = json.loads((copy / "config.json").read_text())
    config["data"]["classes"] = [f"<b>{k}</b> & $co {k}" for k in range(10)]
    (copy / "config.json").write_text(json.dumps(config))
    metrics = json.loads((copy / "metrics.json").read_text())
    for row, name in zip(metrics["per_class"], config["data"]["classes"], strict=True):
        row["class"] = name
    (copy / "metrics.json").write_text(json.dumps(metrics))
    page = Page(report.write(copy))
    assert "b" not in page.tags
    assert "<b>3</b> & $co 3" in page.text


def test_a_run_without_mistakes_read_pixel_by_pixel(copy):
    config = json.loads((copy / "config.json").read_text())
    config["data"]["reader"]["order"] = "pixels"
    (copy / "config.json").write_text(json.dumps(config))
    none = np.zeros(0, int)
    steps = np.linspace(0, 1, 64)[:, None] * np.ones(10)
    change(
        copy,
        mistake_images=np.zeros((0, 8, 8), np.uint8),
        **dict.fromkeys(("mistake_index", "mistake_target", "mistake_prediction", "mistake_confidence"), none),
        steps_probabilities=steps,
        steps_hidden=np.zeros((64, 5)),
        gradient_norms=np.zeros((2, 64, 3)),
    )
    page = Page(report.write(copy))
    assert any("pixel by pixel" in text for text in page.text)
    assert any("No gradient reaches" in text for text in page.text)


@pytest.mark.parametrize("name", ["metrics.json", "history.csv", "observations.npz"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(RunError, match=name):
        report.write(copy)


def test_a_history_without_an_epoch_is_named(copy):
    history = copy / "history.csv"
    history.write_text(history.read_text().splitlines()[0] + "\n")
    with pytest.raises(RunError, match=r"history\.csv: got no epoch"):
        report.write(copy)


def test_directions_have_names_of_their_own(copy):
    config = json.loads((copy / "config.json").read_text())
    config["network"]["bidirectional"] = True
    (copy / "config.json").write_text(json.dumps(config))
    assert Content.of(copy).layer_names() == ["layer 1", "layer 1 reverse", "layer 2", "layer 2 reverse"]
    change(copy, gradient_norms=np.ones((4, 8, 3)))
    labels = [line.get_label() for line in inside.gradient(Content.of(copy)).axes[0].lines]
    assert labels == Content.of(copy).layer_names()
    assert any("The lines called reverse" in text for text in Page(report.write(copy)).text)


def test_a_network_that_reads_one_way_has_no_lines_of_another(run_folder):
    assert not any("reverse" in text for text in Page(run_folder / "report.html").text)


def test_broken_arrays_are_refused(copy):
    content = (copy / "observations.npz").read_bytes()
    (copy / "observations.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match=r"observations\.npz: got a broken file"):
        report.write(copy)


@pytest.mark.parametrize(
    ("first", "last", "words"), [(1, 1, "arrives"), (0.001, 1, "vanishes"), (100, 1, "grows"), (1, 0, "No gradient")]
)
def test_the_gradient_in_words(first, last, words):
    assert words in gradient_in_words(np.array([[[first], [last]]], float))


@pytest.mark.parametrize(("first", "last"), [(np.inf, 1), (1, np.inf), (np.nan, 1), (1, np.nan), (np.inf, 0)])
def test_a_gradient_that_is_no_number_is_told_as_it_is(first, last):
    told = gradient_in_words(np.array([[[first] * 2, [last] * 2]], float))
    assert f"is {first:g} at the first step and {last:g} at the last: it has left the range of numbers" in told


def test_the_pictures_are_png_files_of_the_page(run_folder):
    content = (run_folder / "figures" / "grid.png").read_bytes()
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"


def test_epochs_of_the_watched_gradient_are_told_by_their_numbers(copy):
    """Watched from the 16th epoch on, with one that was not looked at."""
    lines = [f"{epoch},{layer},{t},0.5" for epoch in (16, 17, 19) for layer in (1, 2) for t in range(8)]
    (copy / "gradient.csv").write_text("\n".join(["epoch,layer,step,norm", *lines]) + "\n")
    content = Content.of(copy)
    assert content.watched.epochs == [16, 17, 19]
    assert content.watched.norms.shape == (2, 3, 8)
    axes = inside.watched(content).axes[0]
    assert axes.get_yticks().tolist() == [0, 1, 2]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["16", "17", "19"]


@pytest.mark.parametrize("skipped", [[], ["3/a.png: a broken picture"]])
def test_pictures_that_were_left_out_are_listed(copy, skipped):
    metrics = json.loads((copy / "metrics.json").read_text())
    assert "skipped" not in metrics  # nothing was
    if skipped:
        (copy / "metrics.json").write_text(json.dumps(metrics | {"skipped": skipped}))
    told = [text for text in Page(report.write(copy)).text if "could not be read" in text]
    assert told == [f"{len(skipped)} that could not be read: {one}" for one in skipped]
