"""Probes of memory: what their rules make, what a guess costs, and that a network learns them."""

import math

import numpy as np
import pytest
import torch

import recorrente
from recorrente import Plan, Shape, recipe
from recorrente.data.probes import AHEAD, DEVIATION, MEAN, PROBES, TAU
from recorrente.data.progress import silent
from recorrente.errors import InputError
from recorrente.kinds import find, of_name
from recorrente.kinds.probe import Length
from recorrente.recipe import Reading, Recipe
from recorrente.tasks.answer import Answer


@pytest.mark.parametrize("name", PROBES)
def test_a_guess_without_memory_costs_what_is_said(name):
    """The mean where a number is asked; where a class is, the even odds of those that may come."""
    rule, length = PROBES[name], 400 if name == "mackey-glass" else 50
    _, target = rule.make(np.random.default_rng(0), length, 2000)
    if target.dtype == np.float32:
        cost = target.var()
    elif name == "copy":
        cost = (target > 0).mean() * math.log(8)
        assert len(np.unique(target)) == 9
    else:
        cost = math.log(2)
        assert abs(target.mean() - 0.5) < 0.01
    assert cost == pytest.approx(rule.naive(length), rel=0.06)


def test_two_numbers_are_marked_one_in_each_half():
    x, target = PROBES["adding"].make(np.random.default_rng(1), 31, 50)
    assert (x[:15, :, 1].sum(0) == 1).all()
    assert (x[15:, :, 1].sum(0) == 1).all()
    assert np.allclose((x[..., 0] * x[..., 1]).sum(0), target)


def test_what_is_copied_is_shown_only_at_first():
    x, target = PROBES["copy"].make(np.random.default_rng(1), 30, 5)
    ids = x.argmax(-1)
    assert len(ids) == 50
    assert (ids[10:39] == 0).all()
    assert (ids[39:] == 9).all()
    assert (ids[:10] == target[-10:]).all()


def test_the_series_follows_its_equation():
    """dx/dt by differences of two units, beside the right-hand side with the delay of 17."""
    made, ahead = PROBES["mackey-glass"].make(np.random.default_rng(2), 500, 3)
    assert np.allclose(made[AHEAD:, :, 0], ahead[:-AHEAD])
    x = made[..., 0].astype(float) * DEVIATION + MEAN
    slope = (x[2:] - x[:-2])[TAU:] / 2  # at t = TAU + 1, ...
    late, now = x[1 : len(x) - TAU - 1], x[TAU + 1 : -1]
    right = 0.2 * late / (1 + late**10) - 0.1 * now
    assert np.corrcoef(slope.ravel(), right.ravel())[0, 1] > 0.995
    assert np.abs(slope - right).max() < 0.02
    wrong = 0.2 * x[2 : len(x) - TAU] / (1 + x[2 : len(x) - TAU] ** 10) - 0.1 * now  # a delay of 16
    assert np.abs(slope - wrong).max() > 2 * np.abs(slope - right).max()


@pytest.mark.parametrize("name", PROBES)
def test_the_same_seed_makes_the_same(name):
    one, other = (Length(name, 20).batch(3, 0, 1) for _ in range(2))
    assert torch.equal(one.x, other.x)
    assert torch.equal(one.target, other.target)
    assert not torch.equal(one.x, Length(name, 20).batch(3, 0, 2).x)


def test_lengths_to_learn_from_are_drawn_evenly_on_a_logarithmic_scale():
    data = Length("copy", 1000, shortest=10)
    lengths = np.array([data.drawn(0, 0, epoch, k).length for epoch in range(20) for k in range(100)])
    assert lengths.min() >= 10
    assert lengths.max() <= 1000
    assert abs((lengths < 100).mean() - 0.5) < 0.04  # as many under 100 as over it
    assert np.log(lengths).std() == pytest.approx(math.log(100) / math.sqrt(12), rel=0.05)
    assert [data.drawn(0, 0, 3, k).length for k in range(4)] == lengths[300:304].tolist()
    assert Length("copy", 1000).drawn(0, 0, 0, 0) == Length("copy", 1000)
    assert {Length("copy", 2, shortest=1).drawn(0, 0, 0, k).length for k in range(40)} == {1, 2}


def test_copy_is_learnt_on_shorter_sequences_too_and_tested_on_whole_ones():
    kind, plan = of_name("probe"), Plan(batch=2)

    def data(name, **said):
        return kind.load(name, Reading(**said), plan, lambda *_: None)

    assert data("copy", length=30) == Length("copy", 30, shortest=1)
    assert data("copy", length=30, shortest=30).shortest == 30
    assert data("adding").shortest is None
    assert data("adding", shortest=4).shortest == 4
    for shortest in (3, 601):
        with pytest.raises(InputError, match="shortest"):
            data("adding", shortest=shortest)
    made = recipe.Recipe("copy", "probe", (), data("copy", length=30), Shape("lstm"), None, plan)
    feed = kind.feed(made, made.reader)
    steps = {len(batch.x) for batch in feed.train(0)}
    assert len(steps) > 10
    assert {len(batch.x) for batch in feed.validation()} == {50}
    assert kind.reader_from(made.reader.to_config()) == made.reader
    assert kind.reader_from({"name": "copy", "length": 30}) == Length("copy", 30)  # of an older run


def test_answers_are_scored_as_they_are_asked():
    numbers, classes = torch.tensor([[[0.5], [1.0]]]), torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]]])
    assert int(Answer.correct(numbers, torch.tensor([0.53, 1.05]))) == 1
    assert int(Answer.correct(classes, torch.tensor([[1], [1]]))) == 1
    assert Answer.count(torch.zeros(2, 3)) == 6


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    plan = Plan(epochs=6, batch=64, learning_rate=1e-2, rise=0.1)
    out = tmp_path_factory.mktemp("probe") / "parity"
    return recorrente.train("parity", out=out, reading=Reading(length=8), shape=Shape("lstm", hidden=24), plan=plan)


def test_parity_is_learnt_and_told(trained):
    metrics = trained.run.read_json("metrics.json")
    assert metrics["loss"] < 0.01 < metrics["naive"]
    assert metrics["accuracy"] > 0.99
    assert metrics["length"] == 8
    assert trained.evaluate()["loss"] == pytest.approx(metrics["loss"])
    assert (trained.run / "figures" / "answers.png").stat().st_size > 5000
    assert metrics["shortest"] is None
    assert "learnt on lengths" not in of_name("probe").summary(metrics)
    assert "learnt on lengths from 2 to 8" in of_name("probe").summary(metrics | {"shortest": 2})
    assert "without memory" in (trained.run / "report.html").read_text()


def test_it_says_what_it_is_not_for(trained):
    with pytest.raises(InputError, match="data of one's own"):
        trained.predict(["x.png"])
    with pytest.raises(InputError, match="running text"):
        list(trained.generate("x"))


def test_what_means_nothing_for_a_probe_is_refused():
    assert find("adding").kind == "probe"
    kind = of_name("probe")
    for said in ({"order": "pixels"}, {"units": "words"}):
        with pytest.raises(InputError):
            kind.load("adding", Reading(**said), Plan(), lambda *_: None)
    with pytest.raises(InputError, match="length"):
        kind.load("mackey-glass", Reading(length=3), Plan(), lambda *_: None)
    with pytest.raises(InputError, match="both ways"):
        kind.shape("lstm", Reading(), {"bidirectional": True})
    with pytest.raises(InputError, match="chrono:T"):
        Shape("lstm", initial="chrono:x")
    with pytest.raises(InputError, match="chrono:T"):
        Shape("lstm", initial="chrono").build(2, 2)


def test_an_elman_network_starts_orthogonal_and_a_gated_one_with_gates_that_keep():
    kind = of_name("probe")
    assert kind.shape("elman", Reading(), {}).initial == "orthogonal"
    made = recipe.Recipe("copy", "probe", (), Length("copy", 300), kind.shape("lstm", Reading(), {}), None, Plan())
    torch.manual_seed(0)
    layer = kind.network(made).recurrence
    forget = (layer.bias_ih_l0 + layer.bias_hh_l0)[64:128]
    assert forget.min() >= 0
    assert forget.max() <= math.log(299)


@pytest.mark.mnist
@pytest.mark.parametrize(("name", "order"), [("smnist", "pixels"), ("psmnist", "permuted")])
def test_mnist_by_pixels_has_a_name(name, order):
    kind = of_name(find(name).kind)
    data = kind.load(name, Reading(), Plan(), lambda *_: None)
    assert kind.reader(data, Reading(), Plan()).order == order
    assert kind.reader(data, Reading(order="rows"), Plan()).order == "rows"


def test_a_run_goes_on_with_the_lengths_that_it_began_with():
    """Whatever is usual now: of `copy` lengths are drawn from 1 up, and once were not."""
    kind, plan, reading = of_name("probe"), Plan(), Reading(length=20)
    before = Length("copy", 20, None)
    learnt = Recipe("copy", "probe", (), before, Shape("lstm"), None, plan, reading)
    assert kind.load("copy", reading, plan, silent).shortest == 1
    assert kind.again(learnt, "copy", silent) is before
