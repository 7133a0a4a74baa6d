"""What the weights of a recurrence are before training, where torch's own start is not wanted.

Each function takes one of our layers or of torch's, writes its parameters in place, all layers and directions of it,
and leaves what it does not name. Which start for what: `docs/guide/sequences.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from recorrente import cells
from recorrente.errors import InputError

__all__ = ["chrono", "forget_bias", "identity", "orthogonal", "scales"]

_OF_TORCH: dict[type[nn.Module], cells.Cell] = {nn.LSTM: cells.LSTM(), nn.GRU: cells.GRU()}


@torch.no_grad()
def orthogonal(layer: nn.Module) -> None:
    """Makes each gate's square of W_hh orthogonal, so that no step stretches or shrinks the gradient.

    Without it an Elman network forgets in a few steps: torch's start has a spectral radius of about 0.58.
    Source: Saxe et al., arXiv 1312.6120.

    Raises:
        InputError: no recurrent layer, or one whose W_hh is made of something else.

    Example:
        >>> layer = nn.GRU(4, 3)
        >>> orthogonal(layer)
        >>> r = layer.weight_hh_l0[:3]
        >>> torch.allclose(r @ r.T, torch.eye(3), atol=1e-6)
        True
    """
    for gate in _squares(layer):
        nn.init.orthogonal_(gate)


@torch.no_grad()
def identity(layer: nn.Module, scale: float = 1.0) -> None:
    """Makes each gate's W_hh `scale` times the identity and all biases zero: with relu, the IRNN.

    Source: Le, Jaitly and Hinton, "A simple way to initialize recurrent networks of rectified linear units",
    arXiv 1504.00941.

    Raises:
        InputError: as `orthogonal`.

    Example:
        >>> layer = nn.RNN(4, 3, nonlinearity="relu")
        >>> identity(layer)
        >>> layer(torch.zeros(9, 1, 4), torch.ones(1, 1, 3))[0][-1].tolist()
        [[1.0, 1.0, 1.0]]
    """
    for gate in _squares(layer):
        nn.init.eye_(gate)
        gate *= scale
    for bias in _named(layer, "bias"):
        bias.zero_()


@torch.no_grad()
def forget_bias(layer: nn.Module, value: float = 1.0) -> None:
    """Sets the bias of the gate that keeps the old state: f of an LSTM, z of a GRU. b_ih + b_hh is then `value`.

    With 1 or 2 a new LSTM keeps 73 or 88 % of its c at a step instead of half. Where f = 1 - i, b_i is -`value`.
    Source: Gers et al., 2000; Jozefowicz et al., 2015.

    Raises:
        InputError: a layer without such a gate, or without biases.

    Example:
        >>> layer = nn.LSTM(4, 3)
        >>> forget_bias(layer, 2.0)
        >>> (layer.bias_ih_l0 + layer.bias_hh_l0)[3:6].tolist()
        [2.0, 2.0, 2.0]
    """
    _keep(layer, lambda like: torch.full_like(like, value), both=False)


@torch.no_grad()
def chrono(layer: nn.Module, T: int) -> None:
    """Spreads over the units how long they remember, from 1 to T steps: b_f = log(u), b_i = -b_f, u uniform in 1..T-1.

    A unit whose gate is at sigmoid(log(u)) keeps 1 - 1/(1 + u) of its state a step. For a GRU z has that bias. Learns
    dependencies over hundreds of steps where the usual start does not.
    Source: Tallec and Ollivier, "Can recurrent neural networks warp time?", arXiv 1804.11188.

    Args:
        layer: an LSTM or a GRU, of ours or torch's.
        T: the longest dependency that is expected, in steps; 3 or more.

    Raises:
        InputError: as `forget_bias`, or a T under 3.

    Example:
        >>> layer = nn.LSTM(4, 300)
        >>> chrono(layer, 1000)
        >>> bool(((layer.bias_ih_l0 + layer.bias_hh_l0)[300:600] > 4.6).float().mean() > 0.85)  # over 100 steps
        True
    """
    if T < 3:
        raise InputError("T", came=T, wanted="3 steps or more")
    _keep(layer, lambda like: torch.empty_like(like).uniform_(1, T - 1).log_(), both=True)


@torch.no_grad()
def scales(layer: nn.Module, T: int) -> None:
    """Spreads the time scales evenly on a logarithmic scale, and lets a single input be heard; after `orthogonal`.

        b_f = log(u), b_i = -b_f (GRU: b_z = log(u)), log(u) uniform in log(1/8)..log(T)
        W_ih uniform in +-sqrt(3 / C), so that each gate hears x at x's own scale whatever H is
        GRU: b_r = 1, W_hn divided by sigmoid(1), so that r * W_hn h has the size of h

    `chrono` with a T of hundreds has few units that are fast; these keep the steps apart, the slow ones keep what was
    seen. Beside `chrono` it learns MNIST by pixels several times faster (`docs/probes.md`). W_ih as torch starts it,
    uniform in +-1 / sqrt(H), hardly moves a unit where x is one number a step.
    Source: ours; the biases are those of `chrono` (arXiv 1804.11188) but for the spread.

    Args:
        layer: an LSTM or a GRU, of ours or torch's.
        T: the longest dependency that is expected, in steps; 3 or more.

    Raises:
        InputError: as `chrono`.

    Example:
        >>> layer = nn.GRU(1, 300)
        >>> scales(layer, 1000)
        >>> u = layer.bias_ih_l0[300:600].exp()
        >>> abs(float((u < 11).float().mean()) - 0.5) < 0.15, bool(layer.weight_ih_l0.abs().max() > 1.7)
        (True, True)
    """
    if T < 3:
        raise InputError("T", came=T, wanted="3 steps or more")
    _keep(layer, lambda like: torch.empty_like(like).uniform_(-math.log(8), math.log(T)), both=True)
    for weight in _named(layer, "weight_ih"):
        weight.uniform_(-1, 1).mul_(math.sqrt(3 / weight.shape[1]))
    if _gates(layer)[1] is None:
        _open_reset(layer)


def _open_reset(layer: nn.Module) -> None:
    """A GRU's: r and n are the first and the last of its gates."""
    H = next(_named(layer, "weight_hh")).shape[1]
    for name, weight in layer.named_parameters():
        if name.startswith("bias_ih"):
            weight[:H] = 1
        elif name.startswith("bias_hh"):
            weight[:H] = 0
        elif name.startswith("weight_hh"):
            weight[2 * H :] /= 1 / (1 + math.exp(-1))


def _squares(layer: nn.Module) -> list[Tensor]:
    """W_hh of each gate, of all layers and directions: `(H, H)`, or `(H, P)` under a projection."""
    found = list(_named(layer, "weight_hh"))
    if not found or any(
        "weight_hh" in name and not name.startswith("weight_hh") for name, _ in layer.named_parameters()
    ):
        cure = "Give the layer itself, before its weights are parametrized"
        came = f"a {type(layer).__name__} without"
        raise InputError("layer", came=came, wanted="a recurrent layer with weight_hh of its own", cure=cure)
    return [gate for weight in found for gate in weight.split(layer.hidden_size)]


def _named(layer: nn.Module, start: str) -> Iterator[Tensor]:
    return (parameter for name, parameter in layer.named_parameters() if name.startswith(start))


def _keep(layer: nn.Module, value: Callable[[Tensor], Tensor], *, both: bool) -> None:
    """Writes a bias to the gate that keeps, and where `both` the negative to one of its own that lets in."""
    keeping, letting_in = _gates(layer)
    for name, bias in layer.named_parameters():
        if not name.startswith("bias_ih"):
            continue
        other = layer.get_parameter(name.replace("bias_ih", "bias_hh"))
        pieces, others = (part.unflatten(0, (-1, layer.hidden_size)) for part in (bias, other))
        chosen = value(pieces[0])
        for gate, sign in ((keeping, 1), (letting_in if both or keeping is None else None, -1)):
            if gate is not None:
                pieces[gate] = sign * chosen
                others[gate] = 0


def _gates(layer: nn.Module) -> tuple[int | None, int | None]:
    """Which gate keeps the old state and which lets in the new, where they are gates of their own."""
    cell = getattr(layer, "cell", None) or next((c for kind, c in _OF_TORCH.items() if isinstance(layer, kind)), None)
    names = () if cell is None else cell.gate_names
    keeping = names.index("f") if "f" in names else names.index("z") if "z" in names else None
    letting_in = names.index("i") if "i" in names else None
    if (keeping is None and letting_in is None) or not getattr(layer, "bias", False):
        raise InputError("layer", came=repr(layer), wanted="an LSTM or a GRU, with biases")
    return keeping, letting_in
