"""The one table that the tests of sweeps and layers read, and how two results are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from recorrente import cells, layers
from recorrente.notation import State, Weights

CELLS = {
    "tanh": cells.Elman("tanh"),
    "relu": cells.Elman("relu"),
    "linear": cells.Elman("linear"),
    "gru": cells.GRU(),
    "lstm": cells.LSTM(),
    "peephole": cells.PeepholeLSTM(),
    "coupled": cells.CoupledLSTM(),
    "reset before": cells.ResetBeforeGRU(),
    "gru norm": cells.NormGRU(),
    "lstm norm": cells.NormLSTM(),
}

# T, B, C, H: one of everything, nothing at all, odd numbers, one short of a vector and one past it.
SIZES = [(1, 1, 1, 1), (0, 2, 3, 4), (4, 0, 3, 4), (5, 3, 2, 7), (7, 9, 5, 17), (3, 2, 7, 63), (4, 5, 40, 65)]

DTYPES = [torch.float32, torch.float64]

# What torch's layers can be asked for; `dropout` is in the tests that seed it.
LAYERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "batch first": {"batch_first": True},
    "no bias": {"bias": False},
    "two layers": {"num_layers": 2},
    "both ways": {"bidirectional": True},
    "all of it": {"num_layers": 3, "bidirectional": True, "batch_first": True, "bias": False},
}

# ours, torch's, and what is their own
PAIRS: dict[str, tuple[type[nn.Module], type[nn.Module], dict[str, Any]]] = {
    "RNN": (layers.RNN, nn.RNN, {}),
    "RNN relu": (layers.RNN, nn.RNN, {"nonlinearity": "relu"}),
    "GRU": (layers.GRU, nn.GRU, {}),
    "LSTM": (layers.LSTM, nn.LSTM, {}),
    "LSTM projected": (layers.LSTM, nn.LSTM, {"proj_size": 3}),
}


def pair(name: str, *arguments: Any, **keywords: Any) -> tuple[nn.Module, nn.Module]:
    """Our layer and torch's, each made from the same seed."""
    ours, torchs, own = PAIRS[name]
    made = []
    for kind in (ours, torchs):
        torch.manual_seed(1)
        made.append(kind(*arguments, **own, **keywords))
    return made[0], made[1]


def leaf(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, dtype=torch.float64).to(dtype).requires_grad_()


def problem(cell: cells.Cell, size: Sequence[int], dtype: torch.dtype = torch.float64) -> tuple[Tensor, State, Weights]:
    """Random leaves for one sweep: x, the state, the weights."""
    (T, B, C, H), rows = size, cell.gates * size[3]
    x, state = leaf(T, B, C, dtype=dtype), tuple(leaf(B, H, dtype=dtype) for _ in cell.state_names)
    shapes = ((rows, C), (rows, H), (rows,), (rows,))
    with torch.no_grad():
        weights = [(leaf(*shape) / (H + C) ** 0.5).to(dtype).requires_grad_() for shape in shapes]
    own = {name: leaf(*shape, dtype=dtype) for name, shape in cell.own_weights(H).items()}
    return x, state, Weights(*weights, **own)


def flat(output: Any) -> list[Tensor]:
    """The tensors of a nest, in order."""
    return [output] if isinstance(output, Tensor) else [tensor for part in output for tensor in flat(part)]


def gradients(outputs: Iterable[Tensor], inputs: dict[str, Tensor], seed: int = 2) -> dict[str, Tensor]:
    """Of every input, by name, for one random cotangent for each output."""
    outputs = list(outputs)
    generator = torch.Generator().manual_seed(seed)
    cotangents = [torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y.dtype) for y in outputs]
    found = torch.autograd.grad(outputs, list(inputs.values()), cotangents, allow_unused=True, materialize_grads=True)
    return {f"d{name}": d for name, d in zip(inputs, found, strict=True)}


def error(came: Tensor, truth: Tensor) -> float:
    """The root of the mean square of the difference, in float64; NaN counts as infinite."""
    if came.shape != truth.shape:
        raise AssertionError(f"shape {tuple(came.shape)}, wanted {tuple(truth.shape)}")
    difference = (came.double() - truth.double()).square().mean().sqrt().item() if came.numel() else 0.0
    return difference if difference == difference else float("inf")


def assert_close(ours: dict[str, Tensor], truth: dict[str, Tensor], rival: dict[str, Tensor] | None = None) -> None:
    """Names and numbers agree.

    In float64 within 1e-13 of the largest value or of 1: 30 times the rounding of one sum of 65 terms, so that no wrong
    term passes. In float32 with the project's promise: the error against float64 is at most 1.5 times the `rival`'s. In
    the smallest problems the rival may round nothing, so four roundings (4 * 6e-8) of the largest value or of 1 are
    always allowed: an output near 1 is off by a rounding or two, which 1 - y^2 hands to every gradient undiminished.
    """
    assert ours.keys() == truth.keys()
    for name, right in truth.items():
        scale = max(right.abs().max().item() if right.numel() else 0.0, 1.0)
        double = ours[name].dtype == torch.float64
        allowed = 1e-13 * scale if double else max(2.4e-7 * scale, 1.5 * error(rival[name], right))
        came = error(ours[name], right)
        assert came <= allowed, f"{name}: error {came:.2g}, {allowed:.2g} allowed"
