"""What weights are before training."""

import math

import pytest
import torch
from torch import nn

import recorrente
from recorrente import cells, initial
from recorrente.errors import InputError
from recorrente.layers import Recurrent

KEEPING = {"lstm": (nn.LSTM(3, 5, 2, bidirectional=True), 1), "gru": (recorrente.GRU(3, 5), 1)}
KEEPING["peephole"] = Recurrent(cells.PeepholeLSTM(), 3, 5), 1


def biases(layer, gate):
    """b_ih + b_hh of a gate, of every layer and direction."""
    named = dict(layer.named_parameters())
    pairs = [(named[name], named[name.replace("ih", "hh")]) for name in named if name.startswith("bias_ih")]
    return torch.stack([(one + other).view(-1, layer.hidden_size)[gate] for one, other in pairs])


@pytest.mark.parametrize("name", KEEPING)
def test_the_gate_that_keeps_has_the_bias_and_no_other(name):
    layer, gate = KEEPING[name]
    before = [biases(layer, g).clone() for g in range(3)]
    initial.forget_bias(layer, 1.5)
    assert (biases(layer, gate) == 1.5).all()
    assert all(torch.equal(biases(layer, g), before[g]) for g in range(3) if g != gate)


def test_where_one_gate_does_both_it_has_the_negative():
    layer = Recurrent(cells.CoupledLSTM(), 3, 5)
    initial.forget_bias(layer, 2.0)
    assert (biases(layer, 0) == -2).all()


def test_chrono_spreads_memory_from_one_step_to_t():
    """u = e^b is uniform in 1..T-1: the quartiles of 4,000 units are within 5 % of T of where they should be."""
    layer = recorrente.LSTM(2, 4000)
    initial.chrono(layer, 600)
    forget = biases(layer, 1)[0]
    assert torch.equal(forget, -biases(layer, 0)[0])
    spread = forget.exp().quantile(torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]))
    assert torch.allclose(spread, torch.tensor([1.0, 150.5, 300.0, 449.5, 599.0]), atol=30)
    gru = recorrente.GRU(2, 50)
    initial.chrono(gru, 600)
    assert biases(gru, 1).min() >= 0
    assert biases(gru, 1).max() <= math.log(599) + 1e-6


@pytest.mark.parametrize("make", [nn.LSTM, recorrente.LSTM, nn.GRU, recorrente.GRU])
def test_scales_spreads_memory_evenly_on_a_logarithmic_scale(make):
    """log(u) = b is uniform in log(1/8)..log(T): mean and deviation of 2,000 units, and W_ih of every layer."""
    layer, low, high = make(3, 2000, 2), math.log(1 / 8), math.log(600)
    initial.orthogonal(small := make(3, 20))
    before = small.weight_hh_l0.clone()
    for started in (layer, small):
        initial.scales(started, 600)
    keeping = biases(layer, 1).detach()
    assert keeping.min() >= low
    assert keeping.max() <= high
    assert keeping.mean().item() == pytest.approx((low + high) / 2, abs=0.2)
    assert keeping.std().item() == pytest.approx((high - low) / math.sqrt(12), rel=0.05)
    for weight, C in ((layer.weight_ih_l0, 3), (layer.weight_ih_l1, 2000)):
        assert weight.std().item() == pytest.approx(1 / math.sqrt(C), rel=0.02)
    if isinstance(layer, nn.GRU):
        assert (biases(layer, 0) == 1).all()
        assert torch.equal(small.weight_hh_l0[:40], before[:40])
        opened = torch.sigmoid(torch.tensor(1.0)) * small.weight_hh_l0[40:]
        assert torch.allclose(opened, before[40:], atol=1e-6)
    else:
        assert torch.equal(biases(layer, 0), -keeping)
        assert torch.equal(small.weight_hh_l0, before)


def test_identity_with_relu_keeps_what_is_not_negative():
    layer = recorrente.RNN(3, 4, nonlinearity="relu")
    initial.identity(layer, 0.5)
    y, _ = layer(torch.zeros(3, 1, 3), torch.ones(1, 1, 4))
    assert y[:, 0, 0].tolist() == [0.5, 0.25, 0.125]


@pytest.mark.parametrize("layer", [nn.RNN(2, 3), nn.LSTM(2, 3, bias=False), nn.Linear(2, 3)], ids=repr)
def test_layers_without_such_a_gate_are_refused(layer):
    with pytest.raises(InputError, match="an LSTM or a GRU, with biases"):
        initial.forget_bias(layer)


def test_a_time_too_short_is_refused():
    with pytest.raises(InputError, match="3 steps"):
        initial.chrono(nn.LSTM(2, 3), 2)
    with pytest.raises(InputError, match="3 steps"):
        initial.scales(nn.LSTM(2, 3), 2)
    with pytest.raises(InputError, match="an LSTM or a GRU"):
        initial.scales(nn.RNN(2, 3), 9)


def test_a_shape_starts_as_it_says():
    torch.manual_seed(0)
    layer = recorrente.Shape("gru", hidden=40, layers=1, initial="scales:500").build(1, 2).recurrence
    assert biases(layer, 1).min() < 0 < biases(layer, 1).max() <= math.log(500)
    square = layer.weight_hh_l0[80:] @ layer.weight_hh_l0[80:].T  # r * W_hn is orthogonal at b_r = 1
    assert torch.allclose(square, torch.eye(40) / torch.sigmoid(torch.tensor(1.0)) ** 2, atol=1e-5)
    left = recorrente.Shape("gru", hidden=40, layers=1, initial="scales")
    assert left.remembering(500) == recorrente.Shape("gru", hidden=40, layers=1, initial="scales:500")
    with pytest.raises(InputError, match="scales:T"):
        left.build(1, 2)
    with pytest.raises(InputError, match="initial: got 'chrono:9' with an elman cell"):
        recorrente.Shape("elman", initial="chrono:9")


@pytest.mark.parametrize("start", [initial.orthogonal, initial.identity])
def test_where_there_is_no_state_matrix_nothing_is_written_in_vain(start):
    normed = nn.utils.parametrizations.weight_norm(nn.GRU(3, 4), "weight_hh_l0")
    half = nn.utils.parametrizations.weight_norm(nn.GRU(3, 4, 2), "weight_hh_l0")
    for layer in (nn.Sequential(nn.GRU(3, 4)), normed, half):
        with pytest.raises(InputError, match=r"layer: got .* wanted a recurrent layer with weight_hh of its own"):
            start(layer)


def test_under_a_projection_each_gate_is_started_by_itself():
    layer = nn.LSTM(3, 6, proj_size=4)
    initial.identity(layer, 0.5)
    assert torch.equal(layer.weight_hh_l0, 0.5 * torch.eye(6, 4).repeat(4, 1))
    initial.orthogonal(layer)
    for gate in layer.weight_hh_l0.split(6):
        assert torch.allclose(gate.T @ gate, torch.eye(4), atol=1e-6)
