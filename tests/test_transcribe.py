"""CTC against its slow definition: every path written out. Decoding, edits, and what is past a row's end."""

import io
import itertools

import numpy as np
import pytest
import torch
from torch import nn

from recorrente import kinds
from recorrente.data.batch import NO_TARGET, Batch
from recorrente.errors import InputError
from recorrente.layers import GRU, Network
from recorrente.progress import Display
from recorrente.tasks.transcribe import NEVER, Transcribe, collapse, edit_distance, error_rate, in_slots


def by_every_path(logits: torch.Tensor, symbols: list[int]) -> torch.Tensor:
    """-log of the sum over all K^T paths that collapse to the symbols, `logits (T, K)`."""
    log_p = logits.log_softmax(-1)
    T, K = logits.shape
    fitting = [path for path in itertools.product(range(K), repeat=T) if collapse(path) == symbols]
    return -torch.logsumexp(torch.stack([log_p[range(T), path].sum() for path in fitting]), 0)


def padded(rows: list[list[int]]) -> torch.Tensor:
    """`(S, B)`."""
    S = max(map(len, rows))
    return torch.tensor([row + [NO_TARGET] * (S - len(row)) for row in rows]).t().reshape(S, len(rows))


@pytest.mark.parametrize("rows", [[[1]], [[2, 2]], [[1, 2, 1], [3]], [[], [2, 3]], [[3, 3, 1], [], [1, 1]]])
def test_the_loss_and_its_gradient_are_those_of_every_path(rows):
    torch.manual_seed(0)
    logits = torch.randn(5, len(rows), 4, dtype=torch.float64, requires_grad=True)
    count = max(1, sum(map(len, rows)))
    slow = sum(by_every_path(logits[:, b], row) for b, row in enumerate(rows)) / count
    fast = Transcribe().loss_of(logits, padded(rows))
    assert fast.item() == pytest.approx(slow.item(), rel=1e-12)
    wanted, came = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (slow, fast))
    assert torch.allclose(came, wanted, atol=1e-12)


def test_steps_past_a_rows_end_change_nothing():
    """Loss, gradient and decoding of a ragged batch are those of its rows alone."""
    torch.manual_seed(1)
    network = Network(GRU(3, 6, bidirectional=True, dtype=torch.float64), nn.Linear(12, 4, dtype=torch.float64))
    x = torch.randn(7, 3, 3, dtype=torch.float64)
    lengths, rows, task = [7, 4, 2], [[1, 2, 3], [2], [3, 1]], Transcribe()
    for b, length in enumerate(lengths):
        x[length:, b] = 0
    parameters = list(network.parameters())
    logits = task.logits(network, Batch(x, padded(rows), torch.tensor(lengths)))
    together = task.loss_of(logits, padded(rows)) * 6
    alone = [task.logits(network, Batch(x[:n, b : b + 1], padded(rows[b : b + 1]))) for b, n in enumerate(lengths)]
    apart = sum(task.loss_of(one, padded([row])) * len(row) for one, row in zip(alone, rows, strict=True))
    assert together.item() == pytest.approx(apart.item(), rel=1e-12)
    for came, wanted in zip(*(torch.autograd.grad(loss, parameters) for loss in (together, apart)), strict=True):
        assert torch.allclose(came, wanted, atol=1e-12)
    assert task.said(logits) == [task.said(one)[0] for one in alone]


def test_a_step_past_the_end_is_blank_for_certain_in_float32():
    row = torch.tensor([0.0, NEVER, NEVER])
    assert row.log_softmax(-1)[0] == 0
    assert row.softmax(-1).tolist() == [1, 0, 0]


def test_a_path_beside_the_transcript_adds_the_cross_entropy_of_its_steps():
    torch.manual_seed(2)
    logits = torch.randn(4, 2, 3)
    symbols, path = padded([[1, 2, NO_TARGET, NO_TARGET], [2]]), torch.tensor([[0, 1, 2, 2], [2, 2, 0, NO_TARGET]]).t()
    both = torch.stack([symbols, path], dim=2)
    there = [(t, b) for b, steps in enumerate((4, 3)) for t in range(steps)]
    entropy = -sum(logits[t, b].log_softmax(-1)[path[t, b]] for t, b in there) / len(there)
    task = Transcribe(aligned=2.0)
    assert task.loss_of(logits, both).item() == pytest.approx(
        (task.ctc(logits, symbols) + 2 * entropy).item(), rel=1e-5
    )
    assert task.ctc(logits, both) == task.ctc(logits, symbols)
    assert task.count(both) == task.count(symbols) == 3
    assert task.correct(logits, both) == task.correct(logits, symbols)


def test_greedy_decoding_takes_the_likeliest_of_each_step():
    path = torch.tensor([[0, 1, 1, 0, 1, 2], [0, 0, 0, 0, 0, 0]])
    logits = nn.functional.one_hot(path, 3).float().transpose(0, 1)
    assert Transcribe.said(logits) == [[1, 1, 2], []]
    assert int(Transcribe.correct(logits, padded([[1, 1, 2], [1]]))) == 3
    assert int(Transcribe.correct(logits, padded([[2], []]))) == -1  # two too many of one that was asked for


def test_the_likeliest_path_through_slots_is_that_of_all_paths():
    random = np.random.default_rng(0)
    for _ in range(100):
        T, K, S = random.integers(1, 6), random.integers(2, 5), random.integers(0, 4)
        slots = [random.permutation(np.arange(1, K))[: random.integers(1, K)].tolist() for _ in range(S)]
        log_p = np.log(random.dirichlet(np.full(K, 0.5), T) + 1e-9)
        fitting = [
            (log_p[range(T), path].sum(), collapse(path))
            for path in itertools.product(range(K), repeat=T)
            if len(collapse(path)) == S and all(one in slot for one, slot in zip(collapse(path), slots, strict=True))
        ]
        assert in_slots(log_p, slots) == max(fitting, default=(0, []))[1]


def test_edits_are_those_of_the_recursive_definition():
    def slow(one: str, other: str) -> int:
        if not one or not other:
            return len(one) + len(other)
        same = slow(one[1:], other[1:]) + (one[0] != other[0])
        return min(same, slow(one[1:], other) + 1, slow(one, other[1:]) + 1)

    words = ["", "a", "ab", "ba", "abc", "cab", "bbca", "acbb"]
    for one, other in itertools.product(words, words):
        assert edit_distance(one, other) == slow(one, other)
    assert error_rate(["abc", ""], ["ab", "xy"]) == 1.0  # three edits, three letters
    assert error_rate([[], []], [[], []]) == 0.0


def test_what_is_told_is_no_markup():
    stream = io.StringIO()
    with Display(stream, 1) as display:
        display.tell("foretold: speed [m] [/s], [red]day [d] :smile:")
    assert stream.getvalue() == "foretold: speed [m] [/s], [red]day [d] :smile:\n"


def test_what_is_told_of_an_epoch_is_the_rate_of_errors():
    """More is written than was said at first, and 1 less that rate, which is no accuracy, is nowhere shown."""
    stream, row = io.StringIO(), {"epoch": 1, "seconds": 1.0, "samples_per_second": 9.0}
    row |= {
        f"{part}_{of}": value for part in ("train", "validation") for of, value in (("loss", 2), ("accuracy", -0.5))
    }
    with Display(stream, 3, Transcribe.score, errors=Transcribe.errors) as display:
        display.epoch(row)
    assert stream.getvalue().count("symbol error rate 1.5000") == 2


@pytest.mark.parametrize("kind", ["speech", "visual-speech"])
@pytest.mark.parametrize(("name", "value"), [("steps", "every"), ("loss", "half_square"), ("label_smoothing", 0.1)])
def test_what_is_said_of_classes_is_refused_where_transcripts_are_learnt(kind, name, value):
    with pytest.raises(InputError, match=rf"{name}: got {value!r}, wanted nothing: {kind} is learnt by CTC"):
        kinds.of_name(kind).task({name: value})
    assert kinds.of_name(kind).task({"aligned": 2.0}) == Transcribe(2.0)
