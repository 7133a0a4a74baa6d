"""The network in numbers: which cell, how wide, how deep; and the network that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from torch import nn

from recorrente import cells, initial
from recorrente.encoders import Ahead, Embedding, PictureEncoder, Segments, TiedHead
from recorrente.errors import InputError
from recorrente.layers import GRU, LSTM, Recurrent, TorchLayer
from recorrente.network import Network

__all__ = ["Shape"]

TORCH_LAYERS = {"gru": GRU, "lstm": LSTM}
SPREADS = {"chrono": initial.chrono, "scales": initial.scales}


@dataclass(frozen=True)
class Shape:
    """The network: which cell, how wide, how deep.

    Args:
        cell: a name in `recorrente.cells.BY_NAME`.
        activation: f of an Elman cell: `tanh`, `relu` or `linear`; the gated cells have their own, and nothing is said
            of it there.
        hidden: H.
        layers: L.
        bidirectional: read both ways.
        initial: the weights before training: `torch` for torch's own start, `orthogonal`, or `chrono:T` or `scales:T`,
            orthogonal with gates that remember from 1 to T steps, the latter with more of the short ones and a larger
            W_ih; see `recorrente.initial`. `chrono` and `scales` leave T to the kind of data.
        embedding: E, the length of the vector of each token, frame or segment, where such are read.
        dropout: probability of a zero, in training: in the embedding, between layers and before the head.
        tied: the head uses the embedding's vectors, where tokens are foretold.

    Raises:
        InputError: a number under 1, a name that is not known, or what the cell does not have.
    """

    cell: str = "gru"
    activation: str = "tanh"
    hidden: int = 64
    layers: int = 2
    bidirectional: bool = False
    initial: str = "torch"
    embedding: int = 64
    dropout: float = 0.0
    tied: bool = False

    def __post_init__(self) -> None:
        if self.cell not in cells.BY_NAME:
            raise InputError("cell", came=repr(self.cell), wanted=f"one of {', '.join(cells.BY_NAME)}")
        cells.Elman(self.activation)
        if self.cell != "elman" and self.activation != Shape.activation:
            came = f"{self.activation!r} with the cell {self.cell}, which has its own"
            raise InputError("activation", came=came, wanted="nothing said of it, or the cell elman")
        self._remembered()
        if self.cell == "elman" and self.initial.partition(":")[0] in SPREADS:
            came = f"{self.initial!r} with an elman cell, which has no gates"
            raise InputError("initial", came=came, wanted="torch or orthogonal")
        for name in ("hidden", "layers", "embedding"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise InputError(name, came=getattr(self, name), wanted="an integer of 1 or more")
        for name in ("bidirectional", "tied"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(name, came=repr(getattr(self, name)), wanted="True or False")
        dropout: Any = self.dropout
        if not isinstance(dropout, Real) or not 0 <= float(dropout) < 1:
            raise InputError("dropout", came=self.dropout, wanted="a probability of 0 or more and less than 1")

    def remembering(self, T: int) -> Shape:
        """The same, with T steps to remember where `chrono` or `scales` left them to the kind of data.

        Example:
            >>> Shape(initial="scales").remembering(96).initial
            'scales:96'
        """
        return replace(self, initial=f"{self.initial}:{max(T, 3)}") if self.initial in SPREADS else self

    def build(self, inputs: int, outputs: int) -> Network:
        """The network of C `inputs` a step and K `outputs`, initialised from torch's random state."""
        recurrence = self._recurrence(inputs)
        return Network(recurrence, self._head(self.hidden * recurrence.directions, outputs))

    def build_for_ids(self, sizes: Sequence[int], outputs: int, *, pooled: bool = False) -> Network:
        """The same for steps of ids, each of F features with so many values; `pooled` as in `layers.Network`."""
        encoder = Embedding(sizes, self.embedding, dropout=self.dropout)
        recurrence = self._recurrence(self.embedding)
        width = self.hidden * recurrence.directions * (3 if pooled else 1)
        head = nn.Sequential(nn.Dropout(self.dropout), TiedHead(width, encoder)) if self.tied else None
        return Network(recurrence, head or self._head(width, outputs), encoder, pooled=pooled)

    def build_for_pictures(self, colours: int, size: tuple[int, int], outputs: int) -> Network:
        """The same for a picture of C `colours` a step."""
        encoder = PictureEncoder(colours, size, self.embedding, dropout=self.dropout)
        recurrence = self._recurrence(self.embedding)
        return Network(recurrence, self._head(self.hidden * recurrence.directions, outputs), encoder)

    def build_for_windows(
        self,
        read: int,
        foreknown: int,
        *,
        context: int,
        horizon: int,
        segment: int,
        series: int,
        quantiles: int,
        absolute: bool = True,
    ) -> Network:
        """The same for windows in segments, with Q `quantiles` of each step to come; see `encoders.Segments`."""
        encoder = Segments(
            read,
            foreknown,
            context=context,
            horizon=horizon,
            segment=segment,
            series=series,
            width=self.embedding,
            absolute=absolute,
            dropout=self.dropout,
        )
        recurrence = self._recurrence(self.embedding)
        width = self.hidden * recurrence.directions
        return Network(recurrence, Ahead(width, horizon, segment, quantiles, dropout=self.dropout), encoder)

    def _recurrence(self, inputs: int) -> TorchLayer | Recurrent:
        between = self.dropout if self.layers > 1 else 0.0
        made: TorchLayer | Recurrent
        if self.cell in TORCH_LAYERS:
            made = TORCH_LAYERS[self.cell](
                inputs, self.hidden, num_layers=self.layers, bidirectional=self.bidirectional, dropout=between
            )
        else:
            cell = cells.Elman(self.activation) if self.cell == "elman" else cells.BY_NAME[self.cell]()
            made = Recurrent(
                cell, inputs, self.hidden, num_layers=self.layers, bidirectional=self.bidirectional, dropout=between
            )
        if self.initial in SPREADS:
            wanted = f"{self.initial}:T, T the steps to remember"
            raise InputError("initial", came=f"{self.initial} for data that has no length of its own", wanted=wanted)
        if self.initial != "torch":
            initial.orthogonal(made)
        if T := self._remembered():
            SPREADS[self.initial.partition(":")[0]](made, T)
        return made

    def _remembered(self) -> int:
        """T of `chrono:T` or `scales:T`; 0 where the start is another."""
        if self.initial in ("orthogonal", "torch", *SPREADS):
            return 0
        name, _, steps = self.initial.partition(":")
        if name not in SPREADS or not steps.isdigit() or int(steps) < 3:
            wanted = "torch, orthogonal, or chrono:T or scales:T, T the steps to remember, 3 or more"
            raise InputError("initial", came=repr(self.initial), wanted=wanted)
        return int(steps)

    def _head(self, inputs: int, outputs: int) -> nn.Module:
        linear = nn.Linear(inputs, outputs)
        return nn.Sequential(nn.Dropout(self.dropout), linear) if self.dropout else linear
