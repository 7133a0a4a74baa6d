"""The classification losses against the article's equations, written out."""

import math

import pytest
import torch

from recorrente import evaluation
from recorrente.data.batch import Batch
from recorrente.errors import InputError
from recorrente.layers import GRU, Network
from recorrente.tasks.classify import Classify

T, B, K = 3, 4, 5


def by_hand(y, target, steps, loss, smoothing=0.0):
    """L with plain loops: the mean over the batch of the sum over the steps that count."""
    total = 0.0
    for b in range(B):
        for t in range(T) if steps == "every" else [T - 1]:
            weights = [math.exp(value) for value in y[t][b]]
            p = [weight / sum(weights) for weight in weights]
            q = [(1 - smoothing) * (k == target[b]) + smoothing / K for k in range(K)]
            if loss == "cross_entropy":
                total -= sum(q[k] * math.log(p[k]) for k in range(K))
            else:
                total += sum(0.5 * (p[k] - q[k]) ** 2 for k in range(K))
    return total / B


@pytest.mark.parametrize("steps", ["last", "every"])
@pytest.mark.parametrize("loss", ["cross_entropy", "half_square"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_the_equation(steps, loss, smoothing):
    y = torch.randn(T, B, K, dtype=torch.float64)
    target = torch.tensor([0, 4, 2, 2])
    logits = y if steps == "every" else y[-1:]
    task = Classify(steps, loss, smoothing)
    for asked, share in ((task, smoothing), (task.unsmoothed, 0.0)):
        wanted = by_hand(y.tolist(), target.tolist(), steps, loss, share)
        assert asked.loss_of(logits, target).item() == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_steps_that_count_are_the_networks(bidirectional):
    layer = GRU(2, 3, num_layers=2, bidirectional=bidirectional)
    network = Network(layer, torch.nn.Linear(3 * layer.directions, K))
    batch = Batch(x=torch.randn(T, B, 2), target=torch.zeros(B, dtype=torch.long))
    every = Classify("every").logits(network, batch)
    last = Classify("last").logits(network, batch)
    assert every.shape == (T, B, K)
    assert last.shape == (1, B, K)
    if not bidirectional:
        torch.testing.assert_close(every[-1], last[0])


def test_predictions_are_those_of_the_last_step():
    y = torch.randn(T, B, K)
    torch.testing.assert_close(Classify.probabilities(y), y[-1].softmax(-1))
    assert Classify.correct(y, y[-1].argmax(-1)).item() == B


@pytest.mark.parametrize(("steps", "loss", "named"), [("first", "cross_entropy", "steps"), ("last", "hinge", "loss")])
def test_unknown_words_are_refused(steps, loss, named):
    with pytest.raises(InputError, match=rf"{named}: got '.*', wanted one of"):
        Classify(steps, loss)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_smoothing_that_is_no_share_is_refused(share):
    with pytest.raises(InputError, match=r"label_smoothing: got .*, wanted a share of 0 or more and less than 1"):
        Classify(label_smoothing=share)


@pytest.mark.parametrize("steps", ["last", "every"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_loss_that_the_gradient_is_shown_of_is_the_one_of_training(steps, bidirectional):
    layer = GRU(3, 4, bidirectional=bidirectional)
    network, task = Network(layer, torch.nn.Linear(4 * layer.directions, 5)), Classify(steps)
    batch = Batch(torch.randn(6, 2, 3), torch.tensor([1, 4]))
    trained = task.loss_of(task.logits(network, batch), batch.target) * len(batch.target)
    h, _ = layer(batch.x)
    assert torch.allclose(evaluation.loss_of_states(network, task, batch)(h), trained)
    norms = evaluation.gradient_norms(network, task, batch)
    assert norms.shape == (layer.directions, 6, 2)
    assert (norms > 0).all()  # both ways, from their ends to their beginnings
