"""Series of numbers: the ways they are written, what is refused, what is learnt; on generated and on real ones."""

import csv
import json
import os
import shutil
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import recorrente
from recorrente import Plan, Shape
from recorrente.data import series
from recorrente.data.progress import silent
from recorrente.errors import InputError
from recorrente.kinds import find
from recorrente.kinds.base import Reading
from recorrente.kinds.series import Scaled, Series
from recorrente.recipe import Recipe
from recorrente.tasks.classify import Classify

REAL = Path(os.environ.get("RECORRENTE_DATA", "")) / "japanese_vowels"


def load(source, **how):
    return series.load(source, seed=0, progress=silent, **how)


def wave(label: int, random: np.random.Generator) -> np.ndarray:
    """Two channels that lead or follow each other: no step alone tells the class."""
    T, phase = int(random.integers(20, 40)), random.uniform(0, 6)
    time = np.arange(T) / 3 + phase
    return np.stack([np.sin(time), np.sin(time + (1 if label else -1))], axis=1).astype(np.float32)


def archive(folder: Path, suffix: str = ".ts") -> Path:
    random = np.random.default_rng(0)
    for part, count in (("TRAIN", 30), ("TEST", 20)):
        lines = ["# a comment", "@classLabel true leads follows", "@data"] if suffix == ".ts" else []
        for k in range(count):
            one, name = wave(k % 2, random), ("leads", "follows")[k % 2]
            if suffix == ".ts":
                lines.append(":".join(",".join(f"{v:.5f}" for v in channel) for channel in one.T) + f":{name}")
            else:
                lines.append("  ".join([f"{k % 2 + 1:.7e}", *(f"{v:.7e}" for v in one[:20, 0])]))
        folder.mkdir(exist_ok=True)
        (folder / f"Waves_{part}{suffix}").write_text("\n".join(lines) + "\n")
    return folder


def folders(folder: Path, count: int = 8) -> Path:
    random = np.random.default_rng(1)
    for label, name in enumerate(("à frente", "atrás")):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            one = wave(label, random)
            if k % 2:
                np.save(folder / name / f"{k}.npy", one)
            else:
                text = "\n".join(["x,y", *(",".join(map(str, row)) for row in one.tolist())])
                (folder / name / f"{k}.csv").write_text(text)
    return folder


@pytest.mark.parametrize(("suffix", "channels"), [(".ts", 2), (".txt", 1), (".tsv", 1)])
def test_archives_are_read(tmp_path, suffix, channels):
    folder = archive(tmp_path / "waves", suffix)
    for source in (folder, folder / f"Waves_TRAIN{suffix}"):
        data = load(source)
        assert (len(data.train), len(data.test), data.channels) == (30, 20, channels)
        assert data.classes == (("follows", "leads") if suffix == ".ts" else ("1", "2"))
    assert find(folder).kind == "series"
    assert find(folder / f"Waves_TRAIN{suffix}").kind == "series"


def test_a_mark_of_the_encoding_is_no_part_of_a_class(tmp_path):
    folder = archive(tmp_path / "waves", ".txt")
    for path in folder.iterdir():
        path.write_text("\n".join(line.strip() for line in path.read_text().splitlines()), encoding="utf-8-sig")
    assert load(folder).classes == ("1", "2")


def test_words_in_another_encoding_and_broken_tables_are_told(tmp_path):
    (tmp_path / "a.ts").write_text("@data\n1,2:é\n3,4:ã\n1,3:é\n2,4:ã\n", encoding="latin-1")
    assert load(tmp_path / "a.ts").classes == ("ã", "é")
    (tmp_path / "a.csv").write_text('x,y\n1,"2\n' + "3,4\n" * 100)  # a quote that is never closed
    limit = csv.field_size_limit(100)
    try:
        with pytest.raises(InputError, match=r"a\.csv: got a broken table \(field larger"):
            series.read_numbers(tmp_path / "a.csv")
    finally:
        csv.field_size_limit(limit)


def test_a_single_file_is_split(tmp_path):
    (folder := archive(tmp_path / "waves"))
    (folder / "Waves_TEST.ts").unlink()
    data = load(folder / "Waves_TRAIN.ts")
    assert (len(data.train), len(data.test)) == (24, 6)


def test_class_folders_of_tables_and_arrays_are_read(tmp_path):
    data = load(folders(tmp_path / "as séries"))
    assert data.classes == ("à frente", "atrás")
    assert (len(data.train), len(data.test), data.channels) == (12, 4, 2)
    assert find(tmp_path / "as séries").kind == "series"


BAD = {
    "a.ts": ("@classLabel true a b\n", "no line @data"),
    "b.ts": ("@data\n1,2,3:1,2:a\n", "line 2.*channels of unequal length"),
    "c.ts": ("@data\n1,2,x:a\n", "line 2.*wanted numbers"),
    "d.ts": ("@data\n1,2,NaN:a\n1,2:b\n", "line 2.*missing or infinite"),
    "e.ts": ("@data\n1,2:a\n3,4:a\n", "single class"),
    "f.ts": ("@data\n1,2:a\n1,2:3,4:b\n", "1, 2 channels"),
    "r.ts": ("@classLabel true a b\n@data\n\n", r"r\.ts: got no series, wanted one or more, a line each"),
    "g.csv": ("x,y\n1,2\n3\n", "rows of unequal length"),
    "h.csv": ("x,y\n", "no row of numbers"),
    "i.npy": ("no array", "no array"),
    "k.csv": ("1,\n2,3\n", "k.csv, line 1: .*''"),
    "l.csv": ("1,abc\n2,3\n", "l.csv, line 1: .*'abc'"),
    "m.csv": ("NA,1\n2,3\n", "m.csv, line 1: .*"),
    "n.csv": ("1,244\n1,044\n0,312\n", "n.csv: got 1,044, in which the comma .* wanted decimals after a point"),
    "o.csv": ("v\n1,244\n-0,544\n", "o.csv: got -0,544, in which the comma stands before decimals"),
    "p.csv": ("1,244;12\n2,251;7\n", "p.csv: got '1,244', which may have decimals or be of thousands"),
    "q.csv": ("1,5;2\n2,5;2.5\n", "q.csv: got '2.5' and '1,5', wanted the same mark before all decimals"),
    "j.csv": ("x,y\n\n1,2\n\n3,z\n", "j.csv, line 5: .*'z'"),
    "s.ts": ("@data\n1,?,3:a\n", r"line 2: got '\?', wanted numbers\. Fill gaps before training"),
    "t.ts": ("@data\n1,2,3\n", "line 2: got no class, wanted one at the end of the line"),
    "u.ts": ("@classLabel  False\n@data\n1,2\n", "u.ts: got @classlabel false, wanted @classLabel true"),
    "v.ts": ("@timeStamps true\n@data\n(0,1):a\n", "v.ts: got @timestamps true, wanted @timeStamps false"),
    "w.ts": ("@targetlabel true\n@data\n1,2:0.5\n", "w.ts: got @targetlabel true, wanted @classLabel true"),
    "x.tsv": ("1\t0.5\t\t0.25\n", "line 1: got '', wanted numbers. Fill gaps"),
    "y.tsv": ("1 0,5 0,25\n", "line 1: got '5 0', wanted numbers"),
    "z.tsv": ("class\tx\ty\n1\t2\t3\n", "line 1: got 'x', wanted numbers. Leave out a line of names"),
    "A.csv": ("1e39,2\n", "missing or infinite, or beyond 3e38"),
}


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("um só\t0.5\t-3", [0.5, -3]),
        ("um só\t0,5\t1,25", [0.5, 1.25]),
        ("um só;0,5;-3", [0.5, -3]),
        ("um só, 0.5, 1.25", [0.5, 1.25]),
        ("um 5e-1 1.25", [0.5, 1.25]),
        ("um\t 5e-1  1.25", [0.5, 1.25]),
        ("um\t0.5\tNaN\tnan\t", [0.5]),
    ],
)
def test_a_row_of_an_archive_is_read_as_it_is_parted(tmp_path, line, values):
    """Commas may stand before decimals where something else parts the values; short series are filled up with NaN."""
    (path := tmp_path / "a_TRAIN.TSV").write_text("\n".join([line, line.replace("um", "dois")] * 2))
    data = load(path)
    assert data.classes == (("dois só", "um só") if "só" in line else ("dois", "um"))
    assert [one.ravel().tolist() for one in (*data.train.values, *data.test.values)] == [values] * 4


def test_the_suffix_may_be_in_capitals(tmp_path):
    for path in archive(tmp_path / "waves").iterdir():
        path.rename(path.with_suffix(".TS"))
    assert find(tmp_path / "waves").kind == find(tmp_path / "waves" / "Waves_TRAIN.TS").kind == "series"
    assert (len(load(tmp_path / "waves").test), load(tmp_path / "waves").channels) == (20, 2)


def test_a_file_in_place_of_a_folder_and_loose_files_are_told_where_to_go(tmp_path):
    np.save(tmp_path / "1.npy", np.zeros((5, 2)))
    with pytest.raises(InputError, match=r"1\.npy: got a single series, wanted a folder, .*predict RUN 1\.npy"):
        load(tmp_path / "1.npy")
    with pytest.raises(InputError, match=r"got 1 series but no class folders.*Move each series into a folder"):
        load(tmp_path)


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_refused_with_its_place(tmp_path, name):
    (path := tmp_path / name).write_text(BAD[name][0])
    with pytest.raises(InputError, match=BAD[name][1]):
        load(path) if path.suffix in (".ts", ".tsv") else series.read_numbers(path)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,5;2,25\n-0,5;3,125\n", [[1.5, 2.25], [-0.5, 3.125]]),
        ("x;y\n1,5;2,25\n-0,5;3\n", [[1.5, 2.25], [-0.5, 3]]),
        ("1.234,5\t2\n0,5\t3\n", [[1234.5, 2], [0.5, 3]]),
        ('"-0,5"\n"1,244"\n', [[-0.5], [1.244]]),
        ('"1,234.5",2\n"12.5",3\n', [[1234.5, 2], [12.5, 3]]),
        ("1;2\n3;4\n", [[1, 2], [3, 4]]),
        ("sep=;\nx;y\n1;2,5\n", [[1, 2.5]]),
        ("1,244\n3,251\n-5,0\n", [[1, 244], [3, 251], [-5, 0]]),
        ("1,244,1\n0,044,2\n", [[1, 244, 1], [0, 44, 2]]),
        ("01,05\n02,15\n", [[1, 5], [2, 15]]),
        ("x,\n1,2\n", [[1, 2]]),
        ("1e-3,2\n.5,-3\n", [[1e-3, 2], [0.5, -3]]),
        ("x,y,\n1.5,2,\n.5,-3,\n", [[1.5, 2], [0.5, -3]]),
    ],
)
def test_numbers_are_read_in_many_writings(tmp_path, text, values):
    (path := tmp_path / "a.csv").write_text(text)
    assert series.read_numbers(path).tolist() == np.array(values, np.float32).tolist()


def test_channels_are_told_where_a_comma_could_be_before_decimals(tmp_path):
    for label in ("a", "b"):
        (tmp_path / "s" / label).mkdir(parents=True)
        for k in range(5):
            (tmp_path / "s" / label / f"{k}.csv").write_text(f"1,244\n2,{k + 300}\n3,251\n")
    assert load(tmp_path / "s").split.endswith("; 2 channels of whole numbers")
    assert "channels" not in load(folders(tmp_path / "other")).split


@pytest.mark.parametrize(
    "bad", [np.array([1.0, np.nan]), np.array([1.0, np.inf]), np.array([1 + 2j]), np.zeros((3, 0))], ids=str
)
def test_an_array_of_anything_but_finite_numbers_is_refused(tmp_path, bad):
    np.save(tmp_path / "a.npy", bad)
    with pytest.raises(InputError, match=r"missing or infinite|real numbers"):
        series.read_numbers(tmp_path / "a.npy")


def test_scaled_is_undone_by_its_own_numbers():
    values = [np.random.default_rng(k).normal(5, 3, (30, 2)).astype(np.float32) for k in range(4)]
    scaled = Scaled.of(values)
    seen = np.concatenate([scaled(one) for one in values])
    assert np.allclose(seen[:, :2].mean(axis=0), 0, atol=1e-5)
    assert np.allclose(seen.std(axis=0), 1, atol=1e-2)
    assert scaled.steps == 30
    assert Scaled.from_config(json.loads(json.dumps(scaled.to_config()))) == scaled


def test_a_level_far_from_zero_is_scaled_as_exactly_as_zero():
    """A month of minutes of air pressure at two places, in hPa."""
    values = [np.random.default_rng(k).normal(1013, 1, (10_000, 2)).astype(np.float32) for k in range(20)]
    scaled = Scaled.of(values)
    exact = np.concatenate(values).astype(np.float64)
    assert scaled.mean == pytest.approx(exact.mean(axis=0), abs=1e-6)
    assert scaled.deviation == pytest.approx(exact.std(axis=0), rel=1e-6)
    changes = np.concatenate([np.diff(one.astype(float), axis=0, prepend=one[:1]) for one in values])
    assert scaled.change == pytest.approx((changes / exact.std(axis=0)).std(axis=0), rel=1e-5)


@pytest.mark.parametrize("unit", [1.0, 1e-12])
def test_the_unit_of_a_channel_does_not_matter_and_one_that_stands_still_is_nothing(unit):
    """As the fields of a brain in tesla; beside it a sensor that was not connected."""
    values = tuple(
        np.stack([unit * np.random.default_rng(k).normal(3, 1, 40), np.full(40, 0.1)], axis=1).astype(np.float32)
        for k in range(10)
    )
    recipe = SimpleNamespace(reader=Scaled.of(values))
    seen = np.concatenate([recipe.reader(one) for one in values])
    assert seen.std(axis=0) == pytest.approx([1, 0, 1, 0], abs=0.01)
    made = Series().varied(recipe, series.Series(values, (0,) * 10), [], np.random.default_rng(0))
    assert np.abs(np.concatenate(made)).max() < 10


@pytest.mark.parametrize("level", [0, 1013])
def test_a_series_is_met_louder_around_its_level(level):
    values = tuple(np.random.default_rng(k).normal(level, 1, (50, 2)).astype(np.float32) for k in range(30))
    recipe = SimpleNamespace(reader=Scaled.of(values))
    made = Series().varied(recipe, series.Series(values, (0,) * 30), [], np.random.default_rng(0))
    assert max(float(np.abs(one[:, :2].mean(axis=0)).max()) for one in made) < 1
    assert np.concatenate(made)[:, :2].std() == pytest.approx(1, abs=0.2)


def test_series_are_told_apart_by_their_order_in_time(tmp_path):
    plan, shape = Plan(epochs=25, batch=8, learning_rate=1e-2), Shape("gru", hidden=16, layers=1)
    trained = recorrente.train(archive(tmp_path / "waves"), plan=plan, shape=shape, out=tmp_path / "run")
    assert trained.run.read_json("metrics.json")["accuracy"] >= 0.95
    again = recorrente.load(tmp_path / "run")
    np.save(tmp_path / "new.npy", wave(1, np.random.default_rng(5)))
    assert again.predict([tmp_path / "new.npy"])[0].label == "follows"
    with (tmp_path / "several.npy").open("wb") as file:
        np.savez(file, a=np.zeros(5))
    with pytest.raises(InputError, match=r"several\.npy: got no array .* wanted a \.npy file of numbers"):
        again.predict([tmp_path / "several.npy"])
    np.save(tmp_path / "odd.npy", np.zeros((5, 3)))
    with pytest.raises(InputError, match="3 channels, wanted 2"):
        again.predict([tmp_path / "odd.npy"])
    assert "Series as they arrive" in (tmp_path / "run" / "report.html").read_text()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short training on the class folders `à frente` and `atrás`."""
    place = tmp_path_factory.mktemp("run")
    plan, shape = Plan(epochs=1, batch=8), Shape("gru", hidden=4, layers=1)
    return recorrente.train(folders(place / "séries"), plan=plan, shape=shape, out=place / "run")


WHOLE, LEARNT = "all of it, for nothing there says which part to test on", ("à frente", "atrás")
FEW = {
    "b.ts": ("@data\n1,2:3,4:atrás\n", (1,), WHOLE),
    "c.ts": ("@data\n1,2:3,4:à frente\n1,2,3:3,4,5:atrás\n5,6:7,8:atrás\n", (0, 1, 1), WHOLE),
    "c_TEST.ts": ("@data\n1,2:3,4:atrás\n", (1,), WHOLE),
    "atrás/1.csv": ("x,y\n1.5,2\n3,4\n", (1,), WHOLE),
    "test/atrás/1.csv": ("x,y\n1.5,2\n3,4\n", (1,), "the folder test/"),
}


@pytest.mark.parametrize("name", FEW)
def test_few_series_of_few_classes_are_scored_whole(run, tmp_path, name):
    text, labels, split = FEW[name]
    (path := tmp_path / "outras" / name).parent.mkdir(parents=True)
    path.write_text(text)
    if name.startswith("test/"):
        (other := tmp_path / "outras" / "train" / "à frente").mkdir(parents=True)
        (other / "1.csv").write_text(text)
    source = path if path.suffix == ".ts" else tmp_path / "outras"
    data = run.kind.again(run.recipe, str(source), silent)
    assert (data.classes, data.test.labels, data.split) == (LEARNT, labels, split)
    assert run.evaluate(source)["test_size"] == len(labels)


def test_what_is_no_series_as_was_learnt_is_told(run, tmp_path):
    np.save(tmp_path / "lying.npy", np.zeros((2, 9)))
    with pytest.raises(InputError, match=r"got 9 channels, wanted 2, as was learnt\. Turn it round"):
        run.predict(tmp_path / "lying.npy")
    for path in archive(tmp_path / "many", ".tsv").iterdir():
        with pytest.raises(InputError, match=r"Waves_T\w+\.tsv: got a file of many series, .*recorrente evaluate"):
            run.predict(path)


def test_series_that_were_moved_keep_their_parts_and_strange_classes_are_named(run, tmp_path):
    moved = shutil.copytree(run.recipe.source, tmp_path / "movidas")
    assert run.evaluate(moved)["split"] == "at random, a fifth of each class"
    (moved / "atrás").rename(moved / "ao lado")
    (moved / "ao lado" / "0.csv").unlink()
    with pytest.raises(InputError, match=r"got the classes à frente, ao lado, wanted à frente, atrás.*learnt: ao lado"):
        run.evaluate(moved)


@pytest.mark.skipif(not REAL.is_dir(), reason="RECORRENTE_DATA does not lead to a folder with japanese_vowels")
@pytest.mark.parametrize(
    ("name", "sizes"),
    [("japanese_vowels", (270, 370, 12, 9)), ("gunpoint", (50, 150, 1, 2)), ("ecg200", (100, 100, 1, 2))],
)
def test_the_known_sets_are_read_whole(name, sizes):
    data = load(name)
    assert (len(data.train), len(data.test), data.channels, len(data.classes)) == sizes


def test_few_series_are_read_several_times_in_an_epoch_each_time_anew(tmp_path):
    kind, data = Series(), load(archive(tmp_path))  # 30 series: 26 to learn from, two batches of 16
    plan = kind.plan("waves", "gru", {})
    shape, reader = kind.shape("gru", Reading(), {}), kind.reader(data, Reading(), plan)
    made = Recipe("waves", "series", data.classes, reader, shape, Classify(), plan)
    feed = kind.feed(made, data)
    batches = list(feed.train(0))
    assert feed.steps == len(batches) == kind.least_steps == 10
    labels = [
        sorted(torch.cat([one.target for one in pair]).tolist()) for pair in zip(*[iter(batches)] * 2, strict=True)
    ]
    assert all(one == labels[0] for one in labels)  # all of them, each time
    met = [one.x for one in (*batches, *feed.train(1))]
    assert not any(a.shape == b.shape and torch.equal(a, b) for a, b in combinations(met, 2))
    assert all(torch.equal(a.x, b.x) for a, b in zip(batches, feed.train(0), strict=True))


@pytest.mark.parametrize(("T", "whole"), [(24, True), (100, False)])
def test_steps_are_cut_off_a_series_but_not_where_each_has_a_meaning(tmp_path, T, whole):
    """The ends are in what is met, at most a tenth longer or shorter, only where nothing is cut."""
    rising = np.linspace(1, 2, T, dtype=np.float32)[:, None]
    part = series.Series((rising,) * 50, (0, 1) * 25)
    reader = Scaled((0.0,), (1e-6,), (1.0,))  # noise is a share of the deviation: none to speak of
    plan = Series().plan("rising", "gru", {})
    made = Recipe("rising", "series", ("a", "b"), reader, Shape(), Classify(), plan)
    met = [one[:, 0] for one in Series().varied(made, part, [], np.random.default_rng(0))]
    kept = np.array([(one[-1] - one[0]) / one[0] for one in met])  # 1 where all steps are there, however loud
    assert np.allclose(kept, 1, atol=1e-3) if whole else (0.6 < kept.min() < 0.85 and kept.max() > 0.95)


@pytest.mark.parametrize(("steps", "spread"), [(24, False), (96, True)])
def test_time_scales_are_spread_over_the_steps_of_long_series(steps, spread):
    """The bias of z, which is within 1 / sqrt(H) as torch starts it, and log(T) for a unit that keeps T steps."""
    kind, plan = Series(), Series().plan("rising", "gru", {})
    reader, shape = Scaled((0.0,), (1.0,), (1.0,), steps), kind.shape("gru", Reading(), {})
    network = kind.network(Recipe("rising", "series", ("a", "b"), reader, shape, Classify(), plan))
    bias, weight = network.recurrence.bias_ih_l0[64:128], network.recurrence.weight_hh_l0[64:128]
    assert (bias.max() > np.log(10)) == spread
    assert torch.allclose(weight @ weight.T, torch.eye(64), atol=1e-5)
    assert kind.shape("elman", Reading(), {}).initial == "orthogonal"
