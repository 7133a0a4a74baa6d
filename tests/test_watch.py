"""The gradient watched in training: what is kept, that nothing changes by it, what it costs."""

import io
import re
import time

import numpy as np
import pytest
import torch

import recorrente
from recorrente import Plan, Shape, recipe
from recorrente.data.batch import NO_TARGET, Batch
from recorrente.evaluation import gradient_norms
from recorrente.layers import LSTM, Network
from recorrente.progress import BARS, Display, curve
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


def test_the_last_look_of_an_epoch_is_kept_and_drawn(watched):
    trained, looks = watched
    rows = trained.run.read_csv("gradient.csv")
    epochs = sorted({row["epoch"] for row in rows})
    assert epochs[0] == "1"  # the first batch is always looked at; whether the second epoch is, the clock decides
    assert len(rows) == len(epochs) * 12
    assert np.shape(looks[0]) == (1, 12)
    last = [float(row["norm"]) for row in rows if row["epoch"] == epochs[-1]]
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


def look(watch: GradientWatch) -> None:
    """At a network and a batch of its own."""
    network = Network(LSTM(3, 8), torch.nn.Linear(8, 2))
    watch.look(network, Batch(torch.randn(5, 4, 3), torch.zeros(4, dtype=torch.int64)))


def looked_at() -> GradientWatch:
    watch = GradientWatch(Classify())
    look(watch)
    return watch


def test_a_training_that_is_taken_up_keeps_the_looks_before(tmp_path):
    run = Run.create(tmp_path / "run", {})
    for epoch in (1, 2, 3, 2):  # epoch 3 was not kept, and epoch 2 is trained again
        looked_at().epoch(epoch, run)
    assert {row["epoch"] for row in run.read_csv("gradient.csv")} == {"1", "2"}


def test_an_epoch_that_was_not_looked_at_is_not_told(tmp_path):
    run, watch = Run.create(tmp_path / "run", {}), looked_at()
    watch._next = time.perf_counter() + 3600  # no look is due for an hour
    for epoch in (1, 2):
        watch.epoch(epoch, run)
        look(watch)
    assert {row["epoch"] for row in run.read_csv("gradient.csv")} == {"1"}
    watch._next = 0.0
    look(watch)
    watch.epoch(3, run)
    one, three = ([row["norm"] for row in run.read_csv("gradient.csv") if row["epoch"] == k] for k in ("1", "3"))
    assert len(one) == len(three) == 5
    assert one != three


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


def test_what_arrives_in_a_direction_is_told_along_it():
    display = Display(io.StringIO(), 1, layers=layer_names(1, True))
    display.gradient([[0.25, 1.0], [1.0, 0.5]])
    assert [line.rpartition("  ")[2] for line in display.bar.below] == ["0.25 of it arrives", "0.5 of it arrives"]


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def drawn(monkeypatch, columns: int, norms: list[float], name: str) -> list[str]:
    """The lines of a terminal so many columns wide, without its control codes."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with Display(stream, 1, layers=[name]) as display:
        display.gradient([norms])
        display.bar.refresh()
    return re.split(r"\r|\n|\x1b\[[0-9;?]*[A-Za-z]", stream.getvalue())


@pytest.mark.parametrize(("columns", "width"), [(200, 48), (99, 48), (80, 30)])
def test_the_curve_leaves_room_for_what_is_told_beside_it(monkeypatch, columns, width):
    line, *_ = [line for line in drawn(monkeypatch, columns, [1.5e-5] + [1.0] * 99, "layer 1") if "dL/dh" in line]
    assert line.rstrip().endswith(" last  1.5e-05 of it arrives")
    assert sum(one in BARS for one in line) == width
    assert len(line.rstrip()) <= columns


def test_in_a_narrow_terminal_a_number_goes_on_to_the_next_line_whole(monkeypatch):
    lines = drawn(monkeypatch, 40, [1.0] * 99 + [1.5e-5], "layer 1 reverse")
    assert "1.5e-05" in " ".join(lines).split()


def test_where_there_is_no_terminal_a_look_is_told_once():
    stream = io.StringIO()
    display = Display(stream, 2)
    row = {"train_loss": 1.0, "train_accuracy": 0.5, "validation_loss": 1.0, "validation_accuracy": 0.5}
    display.gradient([[0.5, 1.0]])
    for epoch in (1, 2):
        display.epoch({**row, "epoch": epoch, "seconds": 1.0, "samples_per_second": 1.0})
    assert stream.getvalue().count("dL/dh") == 1
