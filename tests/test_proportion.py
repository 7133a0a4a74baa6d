"""Series that grow: when a logarithm is read, that it is one and comes back, and what it is worth."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recorrente import recipe
from recorrente.data import proportion
from recorrente.data.columns import Asked
from recorrente.data.tables import read
from recorrente.data.windows import WindowReader
from recorrente.kinds.base import Reading

MONTHS = 240


def growing(*, swing: float = 0.2, seed: int = 0) -> np.ndarray:
    """Months that grow fourfold in twenty years, their seasons and their noise with them."""
    t, random = np.arange(MONTHS), np.random.default_rng(seed)
    season = swing * np.sin(t * math.pi / 6)
    return 100 * 4 ** (t / MONTHS) * np.exp(season + 0.02 * random.standard_normal(MONTHS))


def steady(*, seed: int = 0) -> np.ndarray:
    """Months that grow as much, with a season that stays as it is."""
    t, random = np.arange(MONTHS), np.random.default_rng(seed)
    return 100 + 300 * t / MONTHS + 20 * np.sin(t * math.pi / 6) + 2 * random.standard_normal(MONTHS)


def table(path: Path, values: np.ndarray) -> Path:
    rows = [f"{2000 + k // 12}-{k % 12 + 1:02}-01,{value:.4f}" for k, value in enumerate(values)]
    path.write_text("\n".join(["month,value", *rows]))
    return path


@pytest.mark.parametrize("seed", range(5))
def test_a_logarithm_is_read_where_swings_grow_with_the_level(seed):
    assert proportion.proportional(growing(seed=seed), 12)
    assert not proportion.proportional(steady(seed=seed), 12)
    assert not proportion.proportional(np.random.default_rng(seed).standard_normal(MONTHS) + 10, 12)
    values = growing(seed=seed)
    values[7] = 0
    assert not proportion.proportional(values, 12)
    assert not proportion.proportional(growing(seed=seed) - 500, 12)


@pytest.mark.parametrize("values", [np.zeros(0), np.ones(3), np.ones(100), np.full(100, np.nan), np.arange(1.0, 101)])
def test_nothing_is_read_into_series_that_say_nothing(values):
    assert not proportion.proportional(values, 12)


def test_missing_values_do_not_decide():
    values = growing()
    values[::50] = np.nan
    assert proportion.proportional(values, 12)
    assert proportion.outgrown(values)
    assert not proportion.outgrown(np.full(9, np.nan))


@pytest.mark.parametrize(("mean", "deviation"), [(100.0, 30.0), (300.0, 10.0)])
def test_bent_is_the_logarithm_down_to_a_tenth_of_the_mean_and_then_its_tangent(mean, deviation):
    k = mean / deviation
    for y in (mean / 9, mean / 2, mean, 3 * mean):
        assert proportion.bent(np.array((y - mean) / deviation), np.array(k)) == pytest.approx(k * math.log(y / mean))
    for y in (mean / 10, 0.0, -mean):
        expected = k * (math.log(0.1) + (y - mean / 10) / (mean / 10))
        assert proportion.bent(np.array((y - mean) / deviation), np.array(k)) == pytest.approx(expected)
    u = np.linspace(-3 * k, 3 * k, 999)
    assert proportion.straight(proportion.bent(u, np.array(k)), np.array(k)) == pytest.approx(u, abs=1e-9)
    assert (np.diff(proportion.bent(u, np.array(k))) > 0).all()


def test_where_no_logarithm_was_read_none_is_undone():
    """A forecast of 1,000 deviations has no exponential; beside it stands one that has."""
    said, size = np.array([[1000.0, -1000.0], [1.0, 2.0]]), np.array([[0.0], [4.0]])
    with np.errstate(all="raise"):
        made = proportion.straight(said, size)
    assert made[0].tolist() == said[0].tolist()
    assert made[1] == pytest.approx(4 * (np.exp(said[1] / 4) - 1))


def test_windows_of_logarithms_come_back_as_they_were(tmp_path):
    made = read(table(tmp_path / "t.csv", growing()), Asked())
    reader = WindowReader.of(made, 168, horizon=12, context=48, segment=12, season=12)
    assert reader.logarithms == ("value",)
    assert not reader.absolute
    assert WindowReader.from_config(reader.to_config()) == reader
    laid, plain = reader.lay(made.tracks), replace(reader, proportion=((0.0,),)).lay(made.tracks)
    rows = laid.origins(0, MONTHS)
    cut = rows[:, :1] + np.arange(12), rows[:, 1:]
    assert not np.allclose(laid.target.numpy()[cut], plain.target.numpy()[cut], atol=0.1)
    assert laid.straight(laid.target.numpy()[cut], rows) == pytest.approx(plain.target.numpy()[cut], abs=1e-5)


def test_the_rules_know_nothing_of_what_comes_after_the_training_part(tmp_path):
    values = steady()
    before = read(table(tmp_path / "a.csv", values), Asked())
    after = read(table(tmp_path / "b.csv", np.where(np.arange(MONTHS) < 168, values, -1e6)), Asked())
    lengths = {"horizon": 12, "context": 48, "segment": 12, "season": 12}
    assert WindowReader.of(before, 168, **lengths) == WindowReader.of(after, 168, **lengths)


def test_growth_goes_on_beyond_what_was_learnt(tmp_path):
    """A plain continuation of the last season would be a season's growth, 7 %, behind throughout."""
    made = recipe.train(
        table(tmp_path / "t.csv", growing()),
        out=tmp_path / "run",
        plan=recipe.default_plan("airline", kind="forecast"),
    )
    metrics = made.run.read_json("metrics.json")
    assert any("logarithms" in note and "value" in note for note in metrics["notes"])
    (column,) = metrics["columns"]
    assert column["smape"] < 6
    assert metrics["mae"] < 0.6 * metrics["baselines"]["seasonal naive"]["mae"]
    assert made.evaluate()["mae"] == pytest.approx(metrics["mae"], rel=1e-5)
    rows = made.run.read_csv("predictions.csv")
    came = growing()[-len(rows) :]
    assert [float(row["target"]) for row in rows] == pytest.approx(came.tolist(), rel=1e-4)
    (said,) = made.predict([table(tmp_path / "u.csv", growing())])
    assert max(said.forecast) > growing().max()
    assert made.recipe.reading == Reading()
