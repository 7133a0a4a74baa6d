"""RNN, GRU and LSTM as torch spells them, and `Recurrent` for any other cell: depth, direction, dropout, a head.

Knows how sweeps are stacked. What a step computes is `cells`' matter, how it runs along time is `sweep`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from recorrente import cells
from recorrente.errors import InputError
from recorrente.notation import State, Weights
from recorrente.sweep import Sweep, reference

__all__ = ["GRU", "LSTM", "RNN", "Network", "Recurrent", "stack"]


def stack(
    sweep: Sweep,
    cell: cells.Cell,
    x: Tensor,
    states: Sequence[State],
    weights: Sequence[Weights],
    *,
    directions: int = 1,
    dropout: float = 0.0,
) -> tuple[Tensor, list[State]]:
    """Sweeps of one cell, one above the other.

    Args:
        sweep: runs one layer in one direction.
        x: `(T, B, C)`.
        states, weights: one for each layer and direction, in torch's order: `l0, l0_reverse, l1, ...`.
        directions: 1, or 2 to read each layer's input both ways and put the outputs side by side.
        dropout: probability of a zero between layers; the caller gives 0 in evaluation.

    Returns:
        The top layer's outputs `(T, B, directions*H)`, and the final states in the order of `states`.
    """
    final: list[State] = []
    for lowest in range(0, len(weights), directions):
        if lowest and dropout:
            x = nn.functional.dropout(x, dropout)
        outputs = []
        for direction in range(directions):
            k = lowest + direction
            y, state = sweep(cell, x, states[k], weights[k], reverse=direction == 1)
            outputs.append(y)
            final.append(state)
        x = torch.cat(outputs, dim=-1) if directions == 2 else outputs[0]
    return x, final


class _Layer(nn.Module):
    """What our layers share: torch's parameters by name, and a forward that runs a cell's sweeps."""

    cell: cells.Cell
    sweep: Sweep = staticmethod(reference)
    hidden_size: int
    num_layers: int
    batch_first: bool
    bidirectional: bool
    dropout: float
    proj_size: int = 0

    @property
    def directions(self) -> int:
        """1, or 2 when bidirectional."""
        return 2 if self.bidirectional else 1

    def weights(self) -> list[Weights]:
        """The parameters, one `Weights` for each layer and direction, in torch's order."""
        suffixes = [f"l{layer}{way}" for layer in range(self.num_layers) for way in ("", "_reverse")[: self.directions]]
        return [
            Weights(*(getattr(self, f"{field}_{suffix}", None) for field in Weights._fields)) for suffix in suffixes
        ]

    def zero_state(self, x: Tensor) -> State:
        """Zeros to start from, each `(L*directions, B, H)`, for `x` `(T, B, C)`."""
        rows = self.num_layers * self.directions
        widths = [self.proj_size or self.hidden_size] + [self.hidden_size] * (len(self.cell.state_names) - 1)
        return tuple(x.new_zeros(rows, x.shape[1], width) for width in widths)

    def run(self, x: Tensor, state: State, sweep: Sweep) -> tuple[Tensor, State]:
        """All layers over `x (T, B, C)` from `state`, each `(L*directions, B, H)`, with `sweep` for every one."""
        start = [tuple(part[k] for part in state) for k in range(len(state[0]))]
        y, final = stack(
            sweep,
            self.cell,
            x,
            start,
            self.weights(),
            directions=self.directions,
            dropout=self.dropout if self.training else 0.0,
        )
        return y, tuple(torch.stack(part) for part in zip(*final, strict=True))


class _TorchLayer(_Layer):
    """The forward of torch.nn's recurrent layers: their shapes in and out, our sweep between."""

    def forward(self, input: Tensor, hx: Tensor | State | None = None) -> tuple[Tensor, Tensor | State]:  # noqa: A002
        batched = input.dim() == 3
        x = input if batched else input.unsqueeze(1)
        if self.batch_first and batched:
            x = x.transpose(0, 1)
        state = self.zero_state(x) if hx is None else (hx if isinstance(hx, tuple) else (hx,))
        if hx is not None and not batched:
            state = tuple(part.unsqueeze(1) for part in state)
        y, state = self.run(x, state, self.sweep)
        if not batched:
            y, state = y.squeeze(1), tuple(part.squeeze(1) for part in state)
        elif self.batch_first:
            y = y.transpose(0, 1)
        return y, (state if len(state) > 1 else state[0])


class RNN(_TorchLayer, nn.RNN):
    """`torch.nn.RNN` on our sweep: h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), f tanh or relu."""

    @property
    def cell(self) -> cells.Cell:  # type: ignore[override]
        return cells.Elman(self.nonlinearity)


class GRU(_TorchLayer, nn.GRU):
    """`torch.nn.GRU` on our sweep; equations in `recorrente.cells.GRU`."""

    cell = cells.GRU()


class LSTM(_TorchLayer, nn.LSTM):
    """`torch.nn.LSTM` on our sweep; equations in `recorrente.cells.LSTM`."""

    cell = cells.LSTM()


class Recurrent(_Layer):
    """A stack of any cell: what RNN, GRU and LSTM are to their cells, for a cell of one's own.

    Args:
        cell: the step.
        input_size, hidden_size: C and H.
        num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`.

    Example:
        >>> layer = Recurrent(cells.Elman(torch.sin), 4, 8, num_layers=2)
        >>> y, (h,) = layer(torch.zeros(5, 3, 4))
        >>> y.shape, h.shape
        (torch.Size([5, 3, 8]), torch.Size([2, 3, 8]))
    """

    def __init__(
        self,
        cell: cells.Cell,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
    ) -> None:
        super().__init__()
        for name, value in {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}.items():
            if not isinstance(value, int) or value < 1:
                raise InputError(name, came=value, wanted="an integer of 1 or more")
        self.cell, self.hidden_size, self.num_layers = cell, hidden_size, num_layers
        self.batch_first, self.dropout, self.bidirectional = batch_first, dropout, bidirectional
        for name, shape in self._shapes(input_size, bias):
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        self.reset_parameters()

    def _shapes(self, input_size: int, bias: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
        rows, h = self.cell.gates * self.hidden_size, self.hidden_size
        for layer in range(self.num_layers):
            c = input_size if layer == 0 else h * self.directions
            for suffix in (f"l{layer}", f"l{layer}_reverse")[: self.directions]:
                yield f"weight_ih_{suffix}", (rows, c)
                yield f"weight_hh_{suffix}", (rows, h)
                if bias:
                    yield f"bias_ih_{suffix}", (rows,)
                    yield f"bias_hh_{suffix}", (rows,)

    def reset_parameters(self) -> None:
        """Uniform in +-1/sqrt(H), as torch."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        x = x.transpose(0, 1) if self.batch_first else x
        y, state = self.run(x, self.zero_state(x) if state is None else state, self.sweep)
        return (y.transpose(0, 1) if self.batch_first else y), state


class Network(nn.Module):
    """A recurrence and its head: y_t = W_hy h_t + b_y.

    Args:
        recurrence: a layer of this file, or any module that maps `(x, state)` to `(h, state)`.
        head: from h_t to y_t; a `torch.nn.Linear` of H inputs (2H when bidirectional).

    Example:
        >>> net = Network(GRU(28, 16), nn.Linear(16, 10))
        >>> y, state = net(torch.zeros(28, 4, 28))
        >>> y.shape, net.last(torch.zeros(28, 4, 28)).shape
        (torch.Size([28, 4, 10]), torch.Size([4, 10]))
    """

    def __init__(self, recurrence: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.recurrence, self.head = recurrence, head

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Y of every step, `(T, B, K)`, and the final state."""
        h, state = self.recurrence(x, state)
        return self.head(h), state

    def last(self, x: Tensor, state: State | None = None) -> Tensor:
        """Y of the top layer's final state, `(B, K)`: after the last step, and in reverse after the first."""
        _, final = self.recurrence(x, state)
        h = final[0] if isinstance(final, tuple) else final  # (L*directions, B, H)
        return self.head(torch.cat(tuple(h[-getattr(self.recurrence, "directions", 1) :]), dim=-1))
