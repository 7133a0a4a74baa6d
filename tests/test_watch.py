"""The gradient watched in training: what is kept, that nothing changes by it, what it costs."""

import io
import time

import numpy as np
import pytest
import torch

import recorrente
from recorrente import Plan, Shape, recipe
from recorrente.data.batch import NO_TARGET, Batch
from recorrente.evaluation import gradient_norms
from recorrente.layers import LSTM, Network
from recorrente.progress import Display, curve
from recorrente.recipe import Reading
from recorrente.runs import Run, layer_names
from recorrente.tasks.answer import Answer
from recorrente.tasks.classify import Classify
from recorrente.tasks.next_token import NextToken
from recorrente.tasks.tag import Tag
from recorrente.watch import SHARE, GradientWatch

QUICK = {"shape": Shape("gru", hidden=12, layers=1, initial="chrono"), "plan": Plan(epochs=2, batch=8)}


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    folder, looks = tmp_path_factory.mktemp("watched") / "run", []
    how = {"reading": Reading(length=12), "watch_gradient": looks.append}
    return recorrente.train("parity", out=folder, **QUICK, **how), looks


def test_a_look_is_kept_for_every_epoch_and_drawn(watched):
    trained, looks = watched
    rows = trained.run.read_csv("gradient.csv")
    assert len(rows) == 2 * 12
    assert np.shape(looks[0]) == (1, 12)
    last = [float(row["norm"]) for row in rows if row["epoch"] == "2"]
    assert last == pytest.approx(looks[-1][0], rel=1e-5)
    assert (trained.run / "figures" / "watched.png").stat().st_size > 5000
    assert "while it learnt" in (trained.run / "report.html").read_text()


def test_the_weights_are_the_same_bits_as_without(watched, tmp_path):
    plain = recorrente.train("parity", out=tmp_path / "plain", reading=Reading(length=12), **QUICK)
    for one, other in zip(plain.network.parameters(), watched[0].network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert not (plain.run / "gradient.csv").exists()
    assert "while it learnt" not in (plain.run / "report.html").read_text()


def test_looking_takes_its_share_of_the_time_and_no_more():
    """Half a second of steps of a millisecond: the looks, timed from outside, are within twice the share."""
    network, watch, spent = Network(LSTM(3, 8), torch.nn.Linear(8, 2)), GradientWatch(Classify()), 0.0
    batch = Batch(torch.randn(20, 4, 3), torch.zeros(4, dtype=torch.int64))
    watch.look(network, batch)  # the first one warms up
    watch._next = 0.0
    begun, looks = time.perf_counter(), watch.looks
    while time.perf_counter() - begun < 1.5:
        started = time.perf_counter()
        watch.look(network, batch)
        spent += time.perf_counter() - started
        time.sleep(0.001)
    assert watch.looks > looks + 1
    assert spent / 1.5 < 2 * SHARE + 0.02
    assert network.training


def test_a_training_that_is_taken_up_keeps_the_looks_before(tmp_path):
    run = Run.create(tmp_path / "run", {})
    network, watch = Network(LSTM(3, 8), torch.nn.Linear(8, 2)), GradientWatch(Classify())
    watch.look(network, Batch(torch.randn(5, 4, 3), torch.zeros(4, dtype=torch.int64)))
    for epoch in (1, 2, 3):
        watch.epoch(epoch, run)
    watch.epoch(2, run)  # epoch 3 was not kept, and is trained again
    assert {row["epoch"] for row in run.read_csv("gradient.csv")} == {"1", "2"}


TASKS = {
    "classify": (Classify(), torch.tensor([0, 1, 2])),
    "every step": (Classify("every"), torch.tensor([0, 1, 2])),
    "next token": (NextToken(), torch.randint(0, 3, (6, 3))),
    "tag": (Tag(), torch.randint(0, 3, (6, 3)).index_fill(0, torch.tensor([5]), NO_TARGET)),
    "answer": (Answer(), torch.randint(0, 3, (6, 3))),
}


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("name", TASKS)
def test_the_norms_are_those_of_the_loss_that_is_trained(name, both):
    """dL/dh of the top layer by autograd, through the very call that training makes."""
    task, target = TASKS[name]
    if name == "next token" and both:
        pytest.skip("running text is read one way")
    network = Network(LSTM(4, 5, bidirectional=both).double(), torch.nn.Linear(10 if both else 5, 3).double())
    batch = Batch(torch.randn(6, 3, 4, dtype=torch.float64), target)
    norms = gradient_norms(network, task, batch)
    network.recurrence.register_forward_hook(lambda module, given, made: seen.append(made))
    seen = []
    loss = task.loss_of(task.logits(network, batch), batch.target) * 3
    y, (h, _) = seen[0]
    d_y, d_h = torch.autograd.grad(loss, [y, h], allow_unused=True, materialize_grads=True)
    last = d_y[-1, :, :5] + d_h[0]  # h_n is y's last step: no later step reads it
    assert torch.allclose(last.norm(dim=-1), torch.from_numpy(norms[0, -1]), rtol=1e-9)


def test_rows_of_several_lengths_end_at_their_own_ends():
    network = Network(LSTM(4, 5, bidirectional=True).double(), torch.nn.Linear(10, 3).double())
    x, target, lengths = torch.randn(6, 3, 4, dtype=torch.float64), torch.tensor([0, 1, 2]), torch.tensor([6, 2, 4])
    norms = gradient_norms(network, Classify(), Batch(x, target, lengths))
    for row, T in enumerate(lengths):
        alone = gradient_norms(network, Classify(), Batch(x[:T, row : row + 1], target[row : row + 1]))
        assert np.allclose(norms[:, :T, row], alone[:, :, 0], rtol=1e-9)
        assert (norms[:, T:, row] == 0).all()


def test_rows_of_one_length_are_taken():
    x, lengths = torch.arange(24.0).view(6, 4, 1), torch.tensor([6, 3, 3, 0])
    some = Batch(x, torch.tensor([0, 1, 2, 3]), lengths).of_one_length(5)
    assert some.x[:, :, 0].tolist() == x[:3, 1:3, 0].tolist()
    assert some.target.tolist() == [1, 2]
    assert Batch(x, torch.zeros(6, 4), lengths).of_one_length(1).target.shape == (3, 1)


def test_a_curve_is_logarithmic_and_as_wide_as_it_may_be():
    assert curve([1.0, 1e-8]) == "█▁"
    assert curve([0.0, 0.0]) == "  "
    assert len(curve(list(range(1, 1000)), 30)) == 30


def test_inspect_reads_a_run_of_any_kind_and_draws(watched):
    folder = watched[0].run.folder
    told = recipe.inspect(folder)
    assert told["steps"] == 12
    assert len(told["layers"]) == 1
    page = recipe.draw_inspection(folder, told)
    assert told["layers"][0]["verdict"]["sentence"] in page.read_text()
    assert (folder / "figures" / "inspection.png").stat().st_size > 5000


def test_directions_are_told_by_their_names():
    names = layer_names(1, True)
    display = Display(io.StringIO(), 1, layers=names)
    display.gradient([[1.0, 2.0], [3.0, 4.0]])
    assert [line.split("  ")[1] for line in display.bar.below] == ["layer 1", "layer 1 reverse"]
