"""The gradient through time, four ways: ours, torch.nn's, finite differences, and the derivation by hand."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from recorrente import cells, layers
from recorrente.tasks.classify import Classify

EXAMPLE = Path(__file__).parents[1] / "examples" / "bptt_by_hand.py"
LOSSES = ["cross_entropy", "half_square"]
T, B, C, H, K = 7, 3, 4, 5, 6

TORCH_TWINS = {
    "elman-tanh": (cells.Elman("tanh"), lambda: nn.RNN(C, H)),
    "elman-relu": (cells.Elman("relu"), lambda: nn.RNN(C, H, nonlinearity="relu")),
    "gru": (cells.GRU(), lambda: nn.GRU(C, H)),
    "lstm": (cells.LSTM(), lambda: nn.LSTM(C, H)),
}
EVERY_CELL = {
    **{name: cell for name, (cell, _) in TORCH_TWINS.items()},
    "elman-linear": cells.Elman("linear"),
    "elman-sin": cells.Elman(torch.sin),
    "lstm-coupled": cells.CoupledLSTM(),
}


@pytest.fixture(scope="module")
def by_hand():
    specification = importlib.util.spec_from_file_location("bptt_by_hand", EXAMPLE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def network(cell: cells.Cell, **options) -> layers.Network:
    return layers.Network(layers.Recurrent(cell, C, H, **options), nn.Linear(H, K)).double()


def loss_of(network: nn.Module, x: torch.Tensor, target: torch.Tensor, kind: str) -> torch.Tensor:
    y, _ = network(x)
    return Classify("every", kind).loss_of(y, target)


def gradients(network: nn.Module, x: torch.Tensor, target: torch.Tensor, kind: str) -> dict[str, torch.Tensor]:
    names, parameters = zip(*network.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss_of(network, x, target, kind), parameters), strict=True))


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("name", EVERY_CELL)
def test_every_gradient_is_the_finite_difference(name, kind):
    """Central differences of steps d and 2d, the five-point rule: an error of about d^4 |L^(5)| / 30 + eps |L| / d.

    With d = 1e-4 that is some 1e-12, and for layer norm, whose derivatives are larger, 1e-10.
    """
    net, x, target = network(EVERY_CELL[name]), torch.randn(T, B, C, dtype=torch.float64), torch.randint(K, (B,))
    exact, step = gradients(net, x, target, kind), 1e-4
    for parameter_name, parameter in net.named_parameters():
        flat, wanted = parameter.detach().view(-1), exact[parameter_name].reshape(-1)
        for index in range(len(flat)):
            kept, sides = flat[index].item(), []
            for moved in (kept + step, kept - step, kept + 2 * step, kept - 2 * step):
                flat[index] = moved
                sides.append(loss_of(net, x, target, kind).item())
            flat[index] = kept
            slope = (8 * (sides[0] - sides[1]) - (sides[2] - sides[3])) / (12 * step)
            assert slope == pytest.approx(wanted[index].item(), abs=1e-9), parameter_name


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("name", TORCH_TWINS)
def test_every_gradient_is_torchs(name, kind):
    """In float64 two orders of the same sums differ by a few eps times the number of terms: under 1e-12."""
    cell, make_twin = TORCH_TWINS[name]
    net = network(cell)
    twin = layers.Network(make_twin().double(), nn.Linear(H, K).double())
    twin.load_state_dict(net.state_dict())
    x, target = torch.randn(T, B, C, dtype=torch.float64), torch.randint(K, (B,))
    ours, theirs = (gradients(one, x, target, kind) for one in (net, twin))
    assert ours.keys() == theirs.keys()
    for parameter_name in ours:
        torch.testing.assert_close(ours[parameter_name], theirs[parameter_name], rtol=1e-12, atol=1e-12)


def torch_gradients(weights, x, h, target, kind):
    """Ours, for the sequence of the example, under the example's names."""
    layer = layers.Recurrent(cells.Elman(), x.shape[1], len(h))
    net = layers.Network(layer, nn.Linear(len(h), len(weights["b_y"]))).double()
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.from_numpy(weights["W_xh"]))
        layer.weight_hh_l0.copy_(torch.from_numpy(weights["W_hh"]))
        layer.bias_ih_l0.copy_(torch.from_numpy(weights["b_h"]))
        layer.bias_hh_l0.zero_()
        net.head.weight.copy_(torch.from_numpy(weights["W_hy"]))
        net.head.bias.copy_(torch.from_numpy(weights["b_y"]))
    y, _ = net(torch.from_numpy(x)[:, None], (torch.from_numpy(h)[None, None],))
    value = sum(Classify("last", kind).loss_of(y[t : t + 1], torch.tensor([k])) for t, k in enumerate(target))
    names = {"W_xh": layer.weight_ih_l0, "W_hh": layer.weight_hh_l0, "b_h": layer.bias_ih_l0}
    names |= {"W_hy": net.head.weight, "b_y": net.head.bias}
    found = torch.autograd.grad(value, list(names.values()))
    return value.item(), {name: d.numpy() for name, d in zip(names, found, strict=True)}


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("steps", [1, 2, 12, 40])
def test_the_derivation_by_hand_is_what_autograd_finds(by_hand, steps, kind):
    weights, x, h, target = by_hand.example(steps)
    value, ours = torch_gradients(weights, x, h, target, kind)
    _, said = by_hand.forward(weights, x, h)
    assert by_hand.loss(said, target, kind) == pytest.approx(value, rel=1e-13)
    derived = by_hand.gradient(weights, x, h, target, kind)
    for name in ours:
        np.testing.assert_allclose(derived[name], ours[name], rtol=1e-11, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", LOSSES)
def test_without_the_path_through_the_next_state_it_is_another_direction(by_hand, kind):
    """The head's gradients need no path, and agree; those of the recurrence point elsewhere."""
    weights, x, h, target = by_hand.example(12)
    true = by_hand.gradient(weights, x, h, target, kind)
    cut = by_hand.gradient(weights, x, h, target, kind, window=1)
    for name in ("W_hy", "b_y"):
        np.testing.assert_array_equal(true[name], cut[name])
    for name in ("W_hh", "W_xh", "b_h"):
        assert by_hand.angle(true[name], cut[name]) > 10
        assert np.linalg.norm(true[name] - cut[name]) > 0.1 * np.linalg.norm(true[name])


@pytest.mark.parametrize("kind", LOSSES)
def test_for_one_step_there_is_no_such_path(by_hand, kind):
    weights, x, h, target = by_hand.example(1)
    true = by_hand.gradient(weights, x, h, target, kind)
    cut = by_hand.gradient(weights, x, h, target, kind, window=1)
    assert all(np.array_equal(true[name], cut[name]) for name in true)


def test_the_example_runs(by_hand, capsys):
    by_hand.main()
    assert "W_hh" in capsys.readouterr().out
