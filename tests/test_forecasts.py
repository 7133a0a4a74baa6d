"""Forecasts: measures and windows against slow definitions, and a training from a table to what comes after it."""

import csv
import json
import math
import re
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from recorrente import forecasts, recipe
from recorrente.baselines import LinearForecast, seasonal_naive
from recorrente.data import sheets, tables
from recorrente.data.columns import Asked
from recorrente.data.tables import read
from recorrente.data.windows import Laid, WindowReader, batches, filled_forward
from recorrente.encoders import Ahead, Segments
from recorrente.errors import InputError
from recorrente.kinds import outcome
from recorrente.kinds.forecast import Said
from recorrente.recipe import Reading
from recorrente.tasks.forecast import Forecast

NAN = float("nan")


def holed(*shape: int, share: float = 0.2, seed: int = 0) -> np.ndarray:
    """Random numbers, some of them missing."""
    random = np.random.default_rng(seed)
    return np.where(random.random(shape) < share, NAN, random.standard_normal(shape))


def pairs(truth, said):
    """The numbers that have both, one by one."""
    return [(float(y), float(f)) for y, f in zip(truth.ravel(), said.ravel(), strict=True) if not math.isnan(y + f)]


def test_measures_are_what_their_formulas_say():
    truth, said = holed(7, 5, seed=1), holed(7, 5, share=0.1, seed=2)
    both = pairs(truth, said)
    mean = lambda values: sum(values) / len(values)  # noqa: E731
    assert forecasts.mae(truth, said) == pytest.approx(mean([abs(y - f) for y, f in both]))
    assert forecasts.mse(truth, said) == pytest.approx(mean([(y - f) ** 2 for y, f in both]))
    assert forecasts.rmse(truth, said) == pytest.approx(mean([(y - f) ** 2 for y, f in both]) ** 0.5)
    assert forecasts.smape(truth, said) == pytest.approx(mean([200 * abs(y - f) / (abs(y) + abs(f)) for y, f in both]))
    lower = said - 1
    within = [y - f <= 0 and y - f >= -1 for y, f in both]
    known = [(y, f) for y, f in zip(truth.ravel(), said.ravel(), strict=True) if not math.isnan(y)]
    assert forecasts.inside(truth, lower, said) == pytest.approx(sum(within) / len(known))


def test_the_scale_of_mase_leaves_out_what_is_missing():
    values = holed(60)
    apart = [abs(values[t] - values[t - 7]) for t in range(7, 60)]
    apart = [one for one in apart if not math.isnan(one)]
    assert forecasts.mase_scale(values, 7) == pytest.approx(sum(apart) / len(apart))
    assert math.isnan(forecasts.mase_scale(np.ones(20), 3))
    assert math.isnan(forecasts.mase_scale(np.ones(2), 3))


def test_nothing_to_measure_is_no_number():
    nothing = np.full(3, NAN)
    assert all(math.isnan(one(nothing, np.zeros(3))) for one in (forecasts.mae, forecasts.rmse, forecasts.smape))


def test_the_loss_is_the_pinball_loss_of_what_came():
    quantiles = (0.05, 0.5, 0.95)
    said = torch.randn(4, 6, 3, dtype=torch.float64, requires_grad=True)
    target = torch.from_numpy(holed(4, 6, share=0.4))
    total, count = 0.0, 0
    for k in range(4):
        for b in range(6):
            for number, q in enumerate(quantiles):
                error = float(target[k, b]) - said[k, b, number].item()
                if not math.isnan(error):
                    total, count = total + 2 * (q * error if error > 0 else (q - 1) * error), count + 1
    task = Forecast(quantiles)
    loss = task.loss_of(said, target)
    assert float(loss.detach()) == pytest.approx(total / count)
    assert forecasts.quantile_loss(target.numpy(), said.detach().numpy(), quantiles) == pytest.approx(total / count)
    loss.backward()
    assert (said.grad[torch.isnan(target)] == 0).all()
    assert (said.grad[~torch.isnan(target)] != 0).all()
    assert task.count(target) == count / 3
    ordered = said.detach().sort(-1).values
    within = (ordered[..., 0] <= target) & (target <= ordered[..., 2])
    assert int(task.correct(said, target)) == int(within.sum())
    assert float(task.loss_of(ordered, target)) <= float(loss.detach()) + 1e-12


def test_a_batch_without_any_target_has_no_loss_and_no_gradient():
    said = torch.randn(2, 3, 3, requires_grad=True)
    loss = Forecast().loss_of(said, torch.full((2, 3), NAN))
    loss.backward()
    assert float(loss.detach()) == 0
    assert (said.grad == 0).all()


@pytest.mark.parametrize("quantiles", [(), (0.1, 0.9), (0.9, 0.5, 0.1), (0.2, 0.5, 0.9), (0.0, 0.5, 1.0)])
def test_quantiles_stand_around_the_median(quantiles):
    with pytest.raises(InputError, match="quantiles"):
        Forecast(quantiles)


def test_the_seasonal_naive_forecast_looks_a_season_back():
    before = np.random.default_rng(0).standard_normal((20, 3))
    said = seasonal_naive(before, 7, 17)
    for k in range(17):
        back = 20 + k
        while back >= 20:
            back -= 7
        assert np.array_equal(said[k], before[back])


def test_the_linear_forecast_is_least_squares_where_all_is_known():
    random = np.random.default_rng(0)
    x, w = random.standard_normal((300, 4)), random.standard_normal((4, 2))
    after = x @ w + 1
    after[::9, 1] = NAN
    said = LinearForecast(x, after, x[:50], after[:50])(x[:5])
    assert said == pytest.approx(x[:5] @ w + 1, abs=0.05)


def table(
    folder: Path, *, name: str = "table.csv", days: int = 120, shops=("Centro", "São José"), seed: int = 0
) -> Path:
    """Shops that sell more at weekends and with a price cut that is known; some days are missing, some values too."""
    random = np.random.default_rng(seed)
    path = folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["dia", "loja", "vendas", "chuva", "promoção"])
        for number, shop in enumerate(shops):
            for k in range(days):
                cut = int(random.random() < 0.2)
                sold = (number + 1) * (100 + 30 * (k % 7 > 4) + 40 * cut + random.normal(0, 3))
                if random.random() < 0.03:
                    continue
                day = datetime(2024, 1, 1) + timedelta(days=k)
                row = [
                    f"{day:%Y-%m-%d}",
                    shop,
                    "" if random.random() < 0.05 else f"{sold:.2f}",
                    round(random.random(), 2),
                    cut,
                ]
                writer.writerow(row)
    return path


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Laid:
    made = read(table(tmp_path_factory.mktemp("table")), Asked(target="vendas", known="promoção"))
    reader = WindowReader.of(made, 80, horizon=5, context=14, segment=7, season=7)
    return reader.lay(made.tracks)


def test_windows_hold_what_was_known_then_and_what_came(laid):
    reader, target = laid.reader, laid.target.numpy()
    rows = laid.origins(0, 80)
    batch = laid.batch(rows)
    assert batch.x.shape == (19, len(rows), reader.read + 2)
    filled = filled_forward(target)
    for b, (o, d) in list(enumerate(rows))[::17]:
        level = next(target[t, d] for t in range(o - 1, -1, -1) if not math.isnan(target[t, d]))
        for k in range(14):
            t = o - 14 + k
            assert batch.x[k, b, 0] == pytest.approx(filled[t, d] - level, abs=1e-6)
            assert batch.x[k, b, 1] == math.isnan(target[t, d])
            assert np.array_equal(batch.x[k, b, 2:-2], torch.cat([laid.inputs[t], laid.known[t]]))
        for k in range(5):
            came = target[o + k, d] - level
            assert float(batch.target[k, b]) == pytest.approx(came, abs=1e-6, nan_ok=True)
            ahead = batch.x[14 + k, b]
            assert (ahead[:2] == 0).all()
            assert (ahead[2 : 2 + laid.inputs.shape[1]] == 0).all()
            assert np.array_equal(ahead[-2 - reader.foreknown : -2], laid.known[o + k])
        assert (batch.x[:, b, -2] == level).all()
        assert (batch.x[:, b, -1] == laid.series[o]).all()


def test_windows_never_cross_from_one_series_or_part_into_another(laid):
    for begin, end in ((0, 80), (80, 100), (100, 120)):
        for o, _ in laid.origins(begin, end):
            steps = slice(o - 14, o + 5)
            assert len(set(laid.series[steps])) == 1
            assert (np.diff(laid.place[steps]) == 1).all()
            assert begin <= laid.place[o]
            assert laid.place[o + 4] < end


def test_useful_windows_have_a_value_before_and_after(laid):
    rows = laid.origins(0, 120)
    target = laid.target.numpy().copy()
    target[20:45] = NAN
    sparse = replace(laid, target=torch.from_numpy(target))
    kept = {tuple(row) for row in sparse.useful(rows)}
    for o, d in rows:
        there = not np.isnan(target[o - 14 : o, d]).all() and not np.isnan(target[o : o + 5, d]).all()
        assert ((o, d) in kept) == there


def test_scales_come_from_the_training_part_alone(tmp_path):
    made = read(table(tmp_path, shops=("Centro",)), Asked(target="vendas", known="promoção"))
    (track,) = made.tracks
    later = track.targets.copy()
    later[80:] *= 1000
    reader = WindowReader.of(made, 80, horizon=5, context=14, segment=7, season=7)
    assert (
        WindowReader.of(
            replace(made, tracks=(replace(track, targets=later),)), 80, horizon=5, context=14, segment=7, season=7
        )
        == reader
    )
    known = track.targets[:80][~np.isnan(track.targets[:80])].astype(float)
    assert reader.mean[0][0] == pytest.approx(known.mean(), rel=1e-5)
    assert reader.deviation[0][0] == pytest.approx(known.std(), rel=1e-5)
    assert WindowReader.from_config(reader.to_config()) == reader


def test_a_batch_does_not_know_what_came(laid):
    rows = laid.origins(0, 60)[20:21]
    o = rows[0, 0]
    other = replace(laid, target=laid.target.clone(), filled=laid.filled.clone(), inputs=laid.inputs.clone())
    for one in (other.target, other.filled, other.inputs):
        one[o:] = 1e6
    assert torch.equal(laid.batch(rows).x, other.batch(rows).x)


def test_epochs_read_every_window_once_before_any_twice(laid):
    rows = laid.origins(0, 80)
    N = len(rows)
    seen = [
        tuple(map(float, batch.x[:, b].flatten()))
        for batch in batches(laid, rows, 10, steps=N // 10, seed=(0, 1))
        for b in range(10)
    ]
    assert len(seen) == len(set(seen)) == N // 10 * 10
    small = list(batches(laid, rows[:3], 10, steps=4, seed=(0, 1)))
    assert [len(batch) for batch in small] == [3, 3, 3, 3]
    assert sum(len(batch) for batch in batches(laid, rows, 10)) == N


def test_segments_are_read_whole_and_the_horizon_after_them():
    torch.manual_seed(0)
    encoder = Segments(3, 1, context=6, horizon=5, segment=3, series=2, width=8).requires_grad_(False)
    x = torch.randn(11, 2, 5)
    x[:, :, 3], x[:, :, 4] = x[0, :, 3], torch.tensor([0.0, 1.0])
    made = encoder(x)
    assert made.shape == (4, 2, 8)
    for b in range(2):
        level = x[:1, b, 3]
        for i in range(2):
            columns = x[3 * i : 3 * i + 3, b, :3].flatten()
            assert made[i, b] == pytest.approx(torch.relu(encoder.past(columns) + encoder.level(level)), abs=1e-6)
        for j in range(2):
            foreknown = [x[6 + 3 * j + k, b, 2] if 3 * j + k < 5 else torch.tensor(0.0) for k in range(3)]
            columns = torch.cat([torch.stack(foreknown), level])
            expected = torch.relu(encoder.future(columns)) + encoder.position[j, 0] + encoder.series.weight[b]
            assert made[2 + j, b] == pytest.approx(expected, abs=1e-6)


def test_the_head_tells_each_step_of_a_segment_and_learns_from_the_median_above_all():
    torch.manual_seed(0)
    h, head = torch.randn(4, 2, 8, requires_grad=True), Ahead(8, 5, 3, 3)
    told = head(h)
    assert told.shape == (5, 2, 3)
    for k in range(5):
        last, place = h[2 + k // 3], k % 3
        median = head.median(last)[:, place]
        around = [median + other(last)[:, place] for other in head.others]
        expected = torch.stack([around[0], median, around[1]], dim=-1)
        assert torch.allclose(told[k], expected, atol=1e-6)
    told[..., [0, 2]].sum().backward()
    a_fifth = 0.2 * sum(other.weight.sum(0) for other in head.others)
    assert torch.allclose(h.grad[2], a_fifth.expand(2, 8), atol=1e-5)  # of the three steps of a whole segment
    assert (head.median.weight.grad == 0).all()
    head(h)[..., 1].sum().backward()
    assert torch.allclose(h.grad[2], (a_fifth + head.median.weight.sum(0)).expand(2, 8), atol=1e-5)


def late(folder: Path, first: list[float], *, cut: int, days: int = 200) -> tuple[tables.Table, list[np.ndarray]]:
    """Two shops that sell by the day of the week, and one that opens so many days before the cut."""
    path, random = folder / "late.csv", np.random.default_rng(0)
    week = 10 * np.sin(np.arange(days) * 2 * np.pi / 7)
    sold = [100 + week, 50 + week / 2, (80 + week)[cut - len(first) :]]
    sold = [one + random.normal(0, 0.1, len(one)) for one in sold]
    sold[2][: len(first)] = first
    rows = [
        f"{datetime(2024, 1, 1) + timedelta(days=days - len(one) + k):%Y-%m-%d},{shop},{value}"
        for shop, one in zip(("Centro", "Lapa", "Novo"), sold, strict=True)
        for k, value in enumerate(one)
    ]
    path.write_text("\n".join(["day,shop,sold", *rows]))
    return read(path, Asked(target="sold", group="shop")), sold


@pytest.mark.parametrize("first", [[80.0], [0.0, 0.0], [80.0, 80.0, 81.0]])
def test_a_series_that_has_only_begun_is_scaled_as_the_others_swing(tmp_path, first):
    made, sold = late(tmp_path, first, cut=140)
    reader = WindowReader.of(made, 140, horizon=7, context=14, segment=7, season=7)
    own = [one[:140].std() for one in sold[:2]]
    assert np.ravel(reader.deviation) == pytest.approx([*own, np.mean(own)], rel=1e-6)
    assert np.ravel(reader.mean) == pytest.approx([*(one[:140].mean() for one in sold[:2]), np.mean(first)], rel=1e-6)


def test_series_with_two_seasons_or_as_short_as_all_are_scaled_by_themselves(tmp_path):
    for begin, cut in ((80.0 + np.arange(14.0), 140), (80.0 + np.arange(6.0), 8)):
        made, sold = late(tmp_path, begin.tolist(), cut=cut)
        reader = WindowReader.of(made, cut, horizon=2, context=2, segment=2, season=7)
        own = [one[:cut].std() for one in sold[:2]] + [begin.std()]
        assert np.ravel(reader.deviation) == pytest.approx(own, rel=1e-6)


def test_a_season_before_a_series_begins_there_is_no_naive_forecast(tmp_path):
    """Never one from another series, or from what is still to come."""
    made, sold = late(tmp_path, [80.0], cut=140)
    reader = WindowReader.of(made, 140, horizon=3, context=2, segment=1, season=7)
    laid = reader.lay(made.tracks)
    parts = outcome.Parts(laid, 140, laid.origins(0, 140), laid.origins(140, 160), laid.origins(140, 200))
    said = outcome.beside(parts)["seasonal naive"]
    assert np.isnan(said).any()
    for row, (o, _) in zip(said, parts.test, strict=True):
        own, number = sold[laid.series[o]], laid.series[o]
        at = o - laid.first[o] - 7 + np.arange(3)
        came = (own[np.maximum(at, 0)] - reader.mean[number][0]) / reader.deviation[number][0]
        assert row == pytest.approx(np.where(at < 0, NAN, came), abs=1e-4, nan_ok=True)


def test_a_season_longer_than_the_table_has_no_naive_forecast_at_all(tmp_path):
    path = tmp_path / "grown.csv"
    path.write_text("\n".join(["step,y", *(f"{k},{k % 3 if k < 80 else k}" for k in range(100))]))
    made = recipe.train(
        path,
        out=tmp_path / "run",
        reading=Reading(target="y", horizon=4, context=4, season=200),
        shape=recipe.default_shape(kind="forecast", hidden=4, embedding=4),
        plan=recipe.default_plan("airline", kind="forecast", epochs=1),
    )
    assert list(made.run.read_json("metrics.json")["baselines"]) == ["linear"]
    assert "naive" not in made.summary()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> recipe.Trained:
    folder = tmp_path_factory.mktemp("vendas")
    told: list[str] = []
    made = recipe.train(
        table(folder, days=200),
        out=folder / "run",
        reading=Reading(target="vendas", known="promoção", horizon=7, context=21),
        shape=recipe.default_shape(kind="forecast", hidden=24, embedding=24, dropout=0.1),
        plan=recipe.default_plan("airline", kind="forecast", epochs=6, batch=64, learning_rate=1e-2),
        tell=told.append,
    )
    assert "series: one for each loja" in told
    assert any(line.startswith("gaps") for line in told)
    return made


def test_a_training_leaves_a_whole_run_folder_and_beats_the_naive_forecast(trained):
    metrics = trained.run.read_json("metrics.json")
    assert list(metrics)[:4] == ["mse", "mae", "loss", "test_size"]
    assert metrics["mae"] < 0.6 * metrics["baselines"]["seasonal naive"]["mae"]
    assert metrics["mae"] < metrics["baselines"]["linear"]["mae"]  # which does not see the price cuts to come
    assert 0.6 < metrics["inside"] < 0.95  # which should be 0.8
    assert {"epochs", "train_seconds", "parameters"} <= set(metrics)
    (column,) = metrics["columns"]
    assert column["mase"] < 0.6
    rows = trained.run.read_csv("predictions.csv")
    assert {row["series"] for row in rows} == {"Centro", "São José"}
    assert all(float(row["low"]) <= float(row["prediction"]) <= float(row["high"]) for row in rows)
    page = (trained.run / "report.html").read_text()
    assert "São José" in page or "loja" in page
    assert {path.stem for path in trained.run.folder.glob("figures/*.png")} == {
        "forecast",
        "ahead",
        "learning",
        "gradient",
    }
    assert "MASE" in trained.summary()


def test_a_short_table_has_no_season_and_that_is_told(tmp_path):
    path = tmp_path / "horas.csv"
    hours = [f"{datetime(2024, 1, 1) + timedelta(hours=k):%Y-%m-%d %H:%M},{k % 7}" for k in range(140)]
    path.write_text("\n".join(["hora,carga", *hours]))
    told: list[str] = []
    recipe.train(
        path,
        out=tmp_path / "run",
        shape=recipe.default_shape("gru", kind="forecast", hidden=4, embedding=4),
        plan=recipe.default_plan(str(path), "gru", kind="forecast", epochs=1),
        tell=told.append,
    )
    assert any("season 1, for 140 steps are few for one of 24; --season 24 takes it" in line for line in told)


def test_one_step_is_told_as_one(tmp_path):
    path = tmp_path / "steps.csv"
    path.write_text("\n".join(["step,load", *(f"{k},{k % 7}" for k in range(60))]))
    made = recipe.train(
        path,
        out=tmp_path / "run",
        reading=Reading(horizon=1),
        shape=recipe.default_shape("gru", kind="forecast", hidden=4, embedding=4),
        plan=recipe.default_plan(str(path), "gru", kind="forecast", epochs=1),
    )
    assert re.search(r"\([0-9]+ windows of 1 step\)", made.summary())
    page = (made.run / "report.html").read_text()
    assert "1 step ahead" in page
    assert "at each segment of 1 step:" in page
    assert "one season (1 step) ahead" in page
    assert "1 steps" not in page


def test_predictions_csv_holds_what_came(trained):
    rows = trained.run.read_csv("predictions.csv")
    (made,) = {row["column"] for row in rows}
    assert made == "vendas"
    with Path(trained.recipe.source).open(encoding="utf-8") as file:
        there = {(row["dia"], row["loja"]): row["vendas"] for row in csv.DictReader(file)}
    for row in rows:
        came = there.get((row["time"], row["series"])) or "nan"
        assert float(row["target"]) == pytest.approx(float(came), rel=1e-4, nan_ok=True)


def test_evaluate_says_the_same_again(trained):
    metrics = trained.run.read_json("metrics.json")
    again = recipe.load(trained.run.folder)
    copy = trained.run.folder.parent / "the same.csv"
    copy.write_bytes(Path(trained.recipe.source).read_bytes())
    for scores in (again.evaluate(), again.evaluate(copy)):
        assert scores["mse"] == pytest.approx(metrics["mse"], rel=1e-5)


def test_a_run_from_before_the_intervals_were_calibrated_says_what_it_lacks(trained, command_here, tmp_path):
    run = Path(shutil.copytree(trained.run.folder, tmp_path / "an old run"))
    held = load_file(run / "model.safetensors")
    (lost,) = (name for name in held if name.endswith("widening"))
    kept = {name: weight for name, weight in held.items() if name != lost}
    source, told = trained.recipe.source, rf"an old run: got weights without {lost}, wanted .* another version"
    again = re.escape(f"recorrente train {source} --out '{run}' --overwrite")
    save_file(kept, run / "model.safetensors")
    with pytest.raises(InputError, match=f"{told}.*{again}"):
        recipe.load(run)
    for words in (("evaluate", run), ("predict", run, source), ("inspect", run)):
        outcome = command_here(*words)
        assert outcome.returncode == 1
        assert re.search(told, outcome.stderr), outcome.stderr
        assert "Traceback" not in outcome.stderr
    save_file({**kept, "head.widen": held[lost], lost: torch.zeros(3)}, run / "model.safetensors")
    with pytest.raises(InputError, match=f"got weights with head.widen, of other shapes: {lost}, wanted"):
        recipe.load(run)


def test_a_run_from_before_logarithms_is_refused_as_old_too(trained, tmp_path):
    run = Path(shutil.copytree(trained.run.folder, tmp_path / "run"))
    config = json.loads((run / "config.json").read_text())
    del config["data"]["reader"]["proportion"]
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"a config.json without proportion, .* another version .*--overwrite"):
        recipe.load(run)


def test_an_old_checkpoint_is_not_gone_on_with(trained, tmp_path):
    run = Path(shutil.copytree(trained.run.folder, tmp_path / "run"))
    content = torch.load(run / "checkpoint.pt", weights_only=True)
    content["network"].popitem()
    torch.save(content, run / "checkpoint.pt")
    with pytest.raises(InputError, match=r"checkpoint.pt: got .*another version.*Delete it to start this run over"):
        recipe.resume(run)


def test_inspect_reads_the_segments(trained):
    told = recipe.inspect(trained.run.folder)
    assert told["steps"] == 21 // 7 + 1
    assert len(told["layers"]) == 1


def future(folder: Path, cuts: list[int]) -> Path:
    """The table, and the price cuts of the days to come."""
    path = table(folder, days=200, name="mais.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    days = [f"{datetime(2024, 1, 1) + timedelta(days=200 + k):%Y-%m-%d}" for k in range(len(cuts))]
    lines += [f"{day},{shop},,,{cut}" for shop in ("Centro", "São José") for day, cut in zip(days, cuts, strict=True)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_what_comes_after_the_end_knows_the_price_cuts_to_come(trained, tmp_path):
    none, first = (trained.predict([future(tmp_path, cuts)]) for cuts in ([0] * 7, [1] + [0] * 6))
    assert [said.series for said in none] == ["Centro", "São José"]
    for before, said in zip(none, first, strict=True):
        assert len(said.times) == 7
        assert said.forecast[0] > before.forecast[0] + 15
        assert all(low <= middle <= high for low, middle, high in zip(said.low, said.forecast, said.high, strict=True))
    assert none[1].forecast[0] > 1.5 * none[0].forecast[0]
    assert list(none[0].rows()[0]) == ["time", "series", "column", "forecast", "low", "high"]


def test_predict_refuses_what_it_was_not_taught(trained, tmp_path):
    with pytest.raises(InputError, match=r"promoção.*7"):
        trained.predict([table(tmp_path, days=200)])
    with pytest.raises(InputError, match="Lapa"):
        trained.predict([table(tmp_path, days=200, shops=("Centro", "Lapa"))])
    with pytest.raises(InputError, match=r"at least the 21"):
        trained.predict([table(tmp_path, days=15)])
    (tmp_path / "other.csv").write_text("dia,vendas\n2024-01-01,5\n")
    with pytest.raises(InputError, match="a table without loja"):
        trained.predict([tmp_path / "other.csv"])
    with pytest.raises(InputError, match="running text"):
        trained.generate("x")


def test_predict_refuses_times_that_are_no_longer_what_they_were(trained, tmp_path):
    """Also where bad rows are skipped, and before a grid is made for all that lies between."""
    skipping = replace(trained, recipe=replace(trained.recipe, reading=replace(trained.recipe.reading, skip_bad=True)))
    head, *rows = table(tmp_path, days=60).read_text(encoding="utf-8").splitlines()
    other, far = tmp_path / "other.csv", tmp_path / "far.csv"
    other.write_text("\n".join([head, *(f"{row[8:10]}/{row[5:7]}/{row[:4]}{row[10:]}" for row in rows)]))
    said = r"times such as '01/01/2024' in dia, wanted times as they were learnt, such as 2026-11-25. Write them so"
    for made in (trained, skipping):
        with pytest.raises(InputError, match=said):
            made.predict([other])
    far.write_text("\n".join([head, f"0024-01-01{rows[0][10:]}", *rows[1:]]), encoding="utf-8")
    with pytest.raises(InputError, match=r"steps of 1 day, from 0024-01-01 to 2024-02-29, .* far from the others"):
        trained.predict([far])


def test_predict_refuses_one_time_of_1970_in_a_table_of_seconds(tmp_path):
    since, path = 1_700_000_000, tmp_path / "seconds.csv"
    for name in ("when", "timestamp"):
        times = [since + k for k in range(60)]
        written = [f"{datetime(1970, 1, 1) + timedelta(seconds=k)}" for k in times] if name == "when" else times
        path.write_text("\n".join([f"{name},value", *(f"{time},{k % 7}" for k, time in enumerate(written))]))
        learnt = read(path, Asked())
        assert learnt.spacing.words == "1 second"
        first = "1970-01-01 00:00:05" if name == "when" else "5"
        path.write_text("\n".join([f"{name},value", f"{first},3", *(f"{t},{k % 7}" for k, t in enumerate(written))]))
        said = r"from 1970-01-01 00:00:05 to 2023" if name == "when" else r"plain numbers in timestamp, wanted dates"
        with pytest.raises(InputError, match=rf"{said}.* far from the others"):
            tables.series_of(path, sheets.open_table(path), learnt.columns, learnt.spacing)


def test_a_meter_far_from_zero_is_no_constant(tmp_path):
    path = tmp_path / "meter.csv"
    days = [f"{datetime(2024, 1, 1) + timedelta(days=k):%Y-%m-%d},{1_700_000_000 + k % 7}" for k in range(140)]
    path.write_text("\n".join(["day,meter", *days]))
    made = read(path, Asked())
    reader = WindowReader.of(made, 100, horizon=7, context=14, segment=7, season=7)
    steps = np.arange(100) % 7
    assert reader.deviation[0][0] == pytest.approx(steps.std(), rel=1e-5)
    target = reader.lay(made.tracks).target[:100, 0]
    assert target.numpy() == pytest.approx((steps - steps.mean()) / steps.std(), abs=1e-5)


def test_as_many_figures_are_told_as_the_interval_needs():
    def told(middle: float, half: float) -> list[str]:
        said = Said(Path("t.csv"), "", "v", ["1"], [middle], [middle - half], [middle + half], 0.8)
        return [said.rows()[0][name] for name in ("low", "forecast", "high")]

    assert told(20.123456789, 3) == ["17.1235", "20.1235", "23.1235"]
    assert told(1_700_000_003.25, 2) == ["1700000001.25", "1700000003.25", "1700000005.25"]
    assert told(5.0, 0.0) == ["5", "5", "5"]


def test_tables_too_short_for_their_horizon_are_refused(tmp_path):
    path = table(tmp_path, days=30)
    plan = recipe.default_plan("airline", kind="forecast", epochs=1)
    for reading in (Reading(target="vendas", horizon=15), Reading(target="vendas", horizon=2, context=40)):
        with pytest.raises(InputError, match=r"wanted .* to learn from"):
            recipe.train(path, out=tmp_path / "run", reading=reading, plan=plan)
    with pytest.raises(InputError, match="horizon: got 0"):
        recipe.train(path, out=tmp_path / "run", reading=Reading(target="vendas", horizon=0), plan=plan)
    with pytest.raises(InputError, match="--context"):
        recipe.default_plan("airline", kind="forecast", window=20)


def test_the_command_prints_what_comes(trained, command_here):
    outcome = command_here("predict", trained.run.folder, future(trained.run.folder.parent, [0] * 7))
    assert outcome.returncode == 0, outcome.stderr
    lines = outcome.stdout.splitlines()
    assert lines[0].split("\t") == ["time", "series", "column", "forecast", "low", "high"]
    assert len(lines) == 1 + 2 * 7


def widened_by_hand(truth, low, high, share):
    """The smallest move outward after which the intervals hold ceil((n + 1) share) of n values: each is tried."""
    known = [k for k in range(len(truth)) if not math.isnan(truth[k])]
    wanted = min(math.ceil((len(known) + 1) * share - 1e-9), len(known))
    moves = sorted([low[k] - truth[k] for k in known] + [truth[k] - high[k] for k in known])
    for move in moves:
        if sum(low[k] - truth[k] <= move and truth[k] - high[k] <= move for k in known) >= wanted:
            return move
    raise AssertionError(moves)


@pytest.mark.parametrize("n", [1, 3, 4, 9, 63])
@pytest.mark.parametrize("share", [0.5, 0.9 - 0.1, 0.98])
def test_the_widening_is_the_smallest_that_holds_enough(n, share):
    random = np.random.default_rng(n)
    truth = random.standard_normal(n)
    truth[1::5] = NAN
    low = random.standard_normal(n) - 0.5
    high = low + random.random(n) * 2
    assert forecasts.widening(truth, low, high, share) == pytest.approx(widened_by_hand(truth, low, high, share))


def test_no_interval_is_calibrated_on_nothing():
    with pytest.raises(InputError, match="no value"):
        forecasts.widening(np.array([NAN]), np.zeros(1), np.ones(1), 0.8)


def test_widened_quantiles_stay_in_order_around_the_median():
    torch.manual_seed(0)
    task = Forecast((0.05, 0.25, 0.5, 0.75, 0.95))
    ordered = torch.randn(3, 50, 5, dtype=torch.float64).sort(-1).values
    by = [-0.5, 0.3]
    made = task.widened(ordered, torch.tensor(by, dtype=torch.float64))
    for row, said in zip(ordered.flatten(0, 1).tolist(), made.flatten(0, 1).tolist(), strict=True):
        inner = row[1] - by[1], row[3] + by[1]
        outer = min(row[0] - by[0], inner[0]), max(row[4] + by[0], inner[1])
        assert said == pytest.approx([outer[0], inner[0], row[2], inner[1], outer[1]])
    assert torch.equal(task.widened(ordered, torch.zeros(2)), ordered)
    assert (task.widened(ordered, torch.full((2,), -9.0)) == ordered[..., 2:3]).all()


def test_calibrated_intervals_hold_their_share_of_values_that_were_never_seen(tmp_path):
    """The noise is four times as strong after the training part, in the validation part and in the test part.

    500 values to calibrate on and 1,000 to test on: the share has a standard error of 0.022.
    """
    random, path = np.random.default_rng(0), tmp_path / "noise.csv"
    days = [datetime(2020, 1, 1) + timedelta(days=k) for k in range(5000)]
    rows = [f"{day:%Y-%m-%d},{10 * (k % 7) + random.normal(0, 4 if k < 3500 else 16)}" for k, day in enumerate(days)]
    path.write_text("\n".join(["day,value", *rows]))
    made = recipe.train(
        path,
        out=tmp_path / "run",
        reading=Reading(target="value", horizon=7, context=14),
        shape=recipe.default_shape(kind="forecast", hidden=16, embedding=16),
        plan=recipe.default_plan("airline", kind="forecast", epochs=2, batch=64, learning_rate=1e-2),
    )
    metrics = made.run.read_json("metrics.json")
    widening = metrics["widening"]
    assert widening > 0.3
    assert metrics["calibrated_on"] > 500
    assert metrics["inside"] == pytest.approx(0.8, abs=0.05)
    assert "conformalised" in (made.run / "report.html").read_text()
    again = recipe.load(made.run.folder)
    assert again.evaluate()["inside"] == pytest.approx(metrics["inside"], abs=1e-6)
    (said,) = again.predict([path])
    with torch.no_grad():
        again.network.head.widening.zero_()
    assert again.evaluate()["inside"] < 0.7
    (before,) = again.predict([path])
    deviation = again.recipe.reader.deviation[0][0]
    assert np.array(said.high) - np.array(before.high) == pytest.approx(widening * deviation, rel=1e-3)
    assert np.array(before.low) - np.array(said.low) == pytest.approx(widening * deviation, rel=1e-3)
    assert said.forecast == before.forecast
