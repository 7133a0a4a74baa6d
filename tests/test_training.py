"""Training: it learns, it is repeatable, and an interrupted one ends where an uninterrupted one does."""

from collections.abc import Iterator

import pytest
import torch

from recorrente import cells, layers, training
from recorrente.data.batch import Batch
from recorrente.errors import InputError, RunError
from recorrente.runs import Run
from recorrente.shape import Shape
from recorrente.tasks.classify import Classify
from recorrente.training import Feed, Plan

STEPS = 12


def feed() -> Feed:
    """Which of two inputs was larger over five steps: learnt in a few epochs."""

    def batches(seed: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(STEPS):
            x = torch.randn(5, 16, 2, generator=generator)
            yield Batch(x=x, target=(x.sum(0)[:, 0] > x.sum(0)[:, 1]).long())

    return Feed(train=lambda epoch: batches(epoch), validation=lambda: batches(99), steps=STEPS)


def network(cell: str = "gru", dropout: float = 0.0) -> layers.Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = {"gru": layers.GRU, "lstm": layers.LSTM, "rnn": layers.RNN}[cell]
        return layers.Network(layer(2, 8, num_layers=2, dropout=dropout), torch.nn.Linear(8, 2))


class Stop(Exception):  # noqa: N818
    """What kills a training in these tests, as Ctrl-C would."""


class StopAt:
    """A watcher that ends the training in the middle of an epoch."""

    def __init__(self, epoch: int) -> None:
        self.at = epoch

    def step(self, epoch: int, share: float, loss: float, accuracy: float, samples_per_second: float) -> None:
        if epoch == self.at:
            raise Stop

    def epoch(self, row: dict[str, float]) -> None:
        pass


def train(folder, plan: Plan, net: layers.Network | None = None, **options) -> tuple[layers.Network, list]:
    net = net or network()
    run = Run(folder, {})
    return net, training.train(net, Classify(), feed(), plan, run, **options)


def weights(net: layers.Network) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in net.parameters()]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("steps", ["last", "every"])
@pytest.mark.parametrize("loss", ["cross_entropy", "half_square"])
def test_it_learns(tmp_path, cell, steps, loss):
    net = network(cell)
    history = training.train(net, Classify(steps, loss), feed(), Plan(epochs=8, learning_rate=0.02), Run(tmp_path, {}))
    assert history[-1]["validation_accuracy"] > 0.9
    fall = 0.7 if steps == "last" else 0.85  # nobody can tell at the first steps, and their losses are part of the sum
    assert history[-1]["validation_loss"] < fall * history[0]["train_loss"]


def test_two_runs_are_equal_and_the_callers_randomness_is_untouched(tmp_path):
    before = torch.get_rng_state()
    one, _ = train(tmp_path / "one", Plan(epochs=2), network(dropout=0.3))
    other, _ = train(tmp_path / "other", Plan(epochs=2), network(dropout=0.3))
    assert all(map(torch.equal, weights(one), weights(other)))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("stopped_in", [1, 2, 3])
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, stopped_in):
    plan = Plan(epochs=4, learning_rate=0.01)
    whole, history = train(tmp_path / "whole", plan, network(dropout=0.3))
    with pytest.raises(Stop):
        train(tmp_path / "cut", plan, network(dropout=0.3), watcher=StopAt(stopped_in))
    assert len(Run(tmp_path / "cut", {}).read_csv("history.csv")) == stopped_in
    resumed, again = train(tmp_path / "cut", plan, network(dropout=0.3))
    assert all(map(torch.equal, weights(whole), weights(resumed)))
    assert [row["train_loss"] for row in again] == [row["train_loss"] for row in history]
    assert len(Run(tmp_path / "cut", {}).read_csv("history.csv")) == plan.epochs


def test_resuming_a_finished_training_changes_nothing(tmp_path):
    done, _ = train(tmp_path, Plan(epochs=2))
    again, history = train(tmp_path, Plan(epochs=2))
    assert all(map(torch.equal, weights(done), weights(again)))
    assert len(history) == 2


@pytest.mark.parametrize("whole_epochs", [0, 1])
def test_a_training_that_was_killed_before_its_history_has_it_when_it_is_taken_up(tmp_path, whole_epochs):
    """The checkpoint is of one epoch more than `history.csv`, which is not there at all after the first."""
    plan, write_csv, written = Plan(epochs=whole_epochs + 1), Run.write_csv, []

    def killed(*given) -> None:
        if len(written) == whole_epochs:
            raise Stop
        written.append(write_csv(*given))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "write_csv", killed)
        with pytest.raises(Stop):
            train(tmp_path, plan)
    _, history = train(tmp_path, plan)
    assert len(history) == plan.epochs
    rows = Run(tmp_path, {}).read_csv("history.csv")
    assert [int(row["epoch"]) for row in rows] == list(range(1, plan.epochs + 1))


def test_a_checkpoint_of_another_device_is_taken_up(tmp_path):
    """Written as on a GPU, and read where there may be none."""
    plan = Plan(epochs=3)
    whole, _ = train(tmp_path / "whole", plan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.serialization.location_tag", lambda storage: "cuda:0")
        with pytest.raises(Stop):
            train(tmp_path / "cut", plan, watcher=StopAt(1))
    resumed, _ = train(tmp_path / "cut", plan)
    assert all(map(torch.equal, weights(whole), weights(resumed)))


def rates(steps: int, plan: Plan, made=training._one_cycle) -> list[tuple[float, float]]:
    """The learning rate and the first beta of each step."""
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=plan.learning_rate)
    schedule, met = made(optimizer, plan, steps), []
    for _ in range(steps):
        met.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]))
        optimizer.step()
        schedule.step()
    return met


@pytest.mark.parametrize("rise", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("steps", [2, 3, 4, 6, 7, 9, 11, 19, 40])
def test_the_learning_rate_is_that_of_the_one_cycle_schedule(steps, rise):
    def of_torch(optimizer, plan, steps):
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=plan.learning_rate, total_steps=steps, pct_start=plan.rise
        )

    plan = Plan(rise=rise)
    assert rates(steps, plan) == rates(steps, plan, of_torch)


@pytest.mark.parametrize(("steps", "rise"), [(10, 0.1), (5, 0.2), (2, 0.5), (1, 0.1), (1, 0.3)])
def test_a_rise_of_one_step_is_none(steps, rise):
    """Torch would divide by its length; of a single step it would take the lowest rate."""
    plan = Plan(learning_rate=0.02, rise=rise)
    met, betas = zip(*rates(steps, plan), strict=True)
    assert met[0] == pytest.approx(0.02, rel=1e-12)
    assert betas[0] == pytest.approx(0.85)
    assert list(met) == sorted(met, reverse=True)
    assert steps == 1 or met[-1] < 1e-4 * met[0]


@pytest.mark.parametrize(("epochs", "steps"), [(1, 1), (5, 2), (10, 1)])
def test_few_steps_train(tmp_path, epochs, steps):
    some = Feed(train=lambda epoch: list(feed().train(epoch))[:steps], validation=feed().validation, steps=steps)
    net, plan = network(), Plan(epochs=epochs, rise=0.1, learning_rate=0.01)
    before = weights(net)
    training.train(net, Classify(), some, plan, Run(tmp_path, {}))
    moved = max(float((one - other).abs().max()) for one, other in zip(before, weights(net), strict=True))
    assert moved > 0.005


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.999])
def test_a_cut_off_checkpoint_is_refused(tmp_path, kept):
    train(tmp_path, Plan(epochs=1))
    path = tmp_path / "checkpoint.pt"
    content = path.read_bytes()
    path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(RunError, match=r"checkpoint\.pt: got a broken file"):
        train(tmp_path, Plan(epochs=2))


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_checkpoint(tmp_path):
    train(tmp_path, Plan(epochs=2))
    kept = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "other").mkdir()
    net = network()
    with torch.no_grad():
        net.head.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        train(tmp_path / "other", Plan(epochs=2), net)
    assert not (tmp_path / "other" / "checkpoint.pt").exists()
    assert (tmp_path / "checkpoint.pt").read_bytes() == kept


def test_the_gradient_is_clipped_to_the_norm_asked_for(tmp_path):
    norms = []
    net = network()
    adam_step = torch.optim.Adam.step

    def spy(self, *args, **options):
        norms.append(torch.cat([p.grad.flatten() for p in net.parameters()]).norm().item())
        return adam_step(self, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.Adam, "step", spy)
        train(tmp_path, Plan(epochs=1, clip=0.05), net)
    assert len(norms) == STEPS
    assert max(norms) == pytest.approx(0.05, rel=1e-3)  # clip_grad_norm_ divides by norm + 1e-6


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch", 0),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("clip", -1.0),
        ("validation", 0.0),
        ("validation", 1.0),
        ("shift", -1),
        ("seed", -1),
    ],
)
def test_a_number_out_of_range_is_named(name, value):
    with pytest.raises(InputError, match=rf"{name}: got"):
        Plan(**{name: value})


@pytest.mark.parametrize("cell", cells.BY_NAME)
def test_an_activation_is_said_of_an_elman_cell_alone(cell):
    assert Shape(cell, activation="tanh") == Shape(cell)
    if cell == "elman":
        assert Shape(cell, activation="relu").build(2, 2).recurrence.cell.activation == "relu"
    else:
        with pytest.raises(InputError, match=rf"activation: got 'relu' with the cell {cell}, which has its own"):
            Shape(cell, activation="relu")
