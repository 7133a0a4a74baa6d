"""RNN, GRU and LSTM as torch spells them, and `Recurrent` for any other cell.

Knows how a layer is called: torch's shapes in and out, and which way a call goes. What the layers share, depth and
direction, is in `depth`; how what a caller gives is read, in `given`; a head on top, in `network`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from recorrente import cells
from recorrente.compiling import let_dynamo_trace
from recorrente.depth import Layer
from recorrente.errors import InputError
from recorrente.given import ShapeError, autocast, lengths_of, packed_reset, refuse_restart_alone, reset_of
from recorrente.native import automatic, lack, native, tracing, transform
from recorrente.network import Network
from recorrente.noise import QUIET, Noise
from recorrente.notation import State
from recorrente.projection import lack as lack_of_projection
from recorrente.projection import loss as loss_of_projection
from recorrente.sweep import Credit, Sweep
from recorrente.trace import Trace, recording

# `Network` is named here too: documents call it `layers.Network`, and models that were saved whole look for it here.
__all__ = ["GRU", "LSTM", "RNN", "Network", "Recurrent", "ShapeError", "TorchLayer"]

let_dynamo_trace()


class TorchLayer(Layer):
    """The forward of torch.nn's recurrent layers: their shapes in and out, our sweeps between."""

    weight_ih_l0: Tensor

    def __init__(
        self,
        *args: Any,
        credit: Credit | None = None,
        residual: bool = False,
        learned_state: bool = False,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        weight_dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """Torch's arguments, which torch's constructor reads, and ours, which are told at each layer's class."""
        super().__init__(*args, **kwargs)
        noise = Noise(input_dropout, recurrent_dropout, zoneout, weight_dropout)
        self._extend(credit, residual, learned_state, noise)

    def reset_parameters(self) -> None:
        """Torch's; a learned state is zero."""
        super().reset_parameters()  # type: ignore[misc]
        self._forget_learned_state()

    def extra_repr(self) -> str:
        """Torch's, and what was chosen of ours."""
        return ", ".join(filter(None, (super().extra_repr(), self._said())))

    @property
    def torchs_own(self) -> bool:
        """Whether torch's forward would give the same: nothing of ours was asked of the layer."""
        return self._credit is None and self.noise == QUIET and not (self.residual or self.learned_state)

    def forget_what_torch_lacks(self) -> str:
        """Drops what was chosen beside torch's arguments; tells it, and nothing where nothing was."""
        said = self._said()
        for name in self._learned():
            delattr(self, name)
        for name in ("_credit", "noise", "residual", "learned_state"):  # the class's own say that there is nothing
            self.__dict__.pop(name, None)
        return said

    def __prepare_scriptable__(self) -> nn.Module:
        """Refuses torch.jit.script, which asks this: what was given for it, it would leave in the model itself."""
        raise InputError(
            "torch.jit.script",
            came=repr(self),
            wanted="torch's own layers",
            cure="recorrente.restore(model) makes them so; torch.jit.trace and torch.export take ours",
        )

    def path(self, x: Tensor, *, lengths: bool = False, reset: bool = False) -> tuple[str, str]:
        """Where `forward` goes with this input, now: `native`, `reference` or `torch`, and what keeps it from the core.

        Torch's own forward takes what the core lacks or would not gain, and what torch.jit records, but for what it
        does not know: `lengths`, `reset`, credit rules and the rest of what is ours. Those, and the ways of
        differentiating that the core has no rule for, go to the reference.
        """

        def torch_can() -> bool:
            return self.torchs_own and not (lengths or reset)

        lacking = lack(self.cell, x)
        if self.proj_size and not lacking:
            lacking = lack_of_projection(masked=self.noise.in_step(self.training))
            if not lacking and torch_can():
                lacking = loss_of_projection(self.proj_size, self.hidden_size, self._steps(x), torch.is_grad_enabled())
        if lacking:
            return ("torch" if torch_can() else "reference"), lacking
        special = transform()
        if not special:
            return "native", ""
        return ("torch" if tracing() and torch_can() else "reference"), special

    def _steps(self, x: Tensor) -> int | None:
        """T, or of a packed input those of all rows; None where nobody is to ask, or there are none, as torch wants."""
        if torch.compiler.is_compiling() or tracing() or not x.dim():
            return None
        return x.shape[1 if self.batch_first and x.dim() == 3 else 0] or None

    def forward(
        self,
        input: Any,  # noqa: A002
        hx: Any = None,
        lengths: Tensor | Sequence[int] | None = None,  # by place, too: so torch.onnx gives all that it finds here
        reset: Tensor | None = None,
        restart: Any = None,
        trace: bool = False,
    ) -> Any:
        """As torch's, with T = 0 allowed, and with rows of several lengths, and with resets.

        Args:
            input, hx: as torch's.
            lengths: `(B,)` integers in 0..T, in any order, the steps of each row. y is zero past a row's end; its final
                state is the one at its end, where its reverse direction starts too.
            reset: bool, `(T, B)` as the input's first two dimensions: the state before that step is `restart`, and no
                gradient passes it. With a PackedSequence: `(T, B)`, time first, the rows in the order of `hx`, which is
                that before packing; or packed as the input is.
            restart: a state like `hx`; None is the learned state, or zeros.
            trace: give back a third thing, a `recorrente.trace.Trace` with h, c and the gates of every step; time
                first, whatever `batch_first` says. It runs on the reference, slowly.

        On the CPU the arithmetic is in the dtype of the parameters, autocast or not.
        """
        if isinstance(input, fx.Proxy):
            return self._node(input, hx, lengths=lengths, reset=reset, restart=restart, trace=trace)
        packed = isinstance(input, PackedSequence)
        x = input.data if packed else input
        if autocast(x):
            with torch.autocast("cpu", enabled=False):
                input, hx, restart = self._floats(input, hx, restart)  # noqa: A001
                return self.forward(input, hx, lengths, reset, restart, trace)
        if trace:
            return self._traced(input, hx, lengths=lengths, reset=reset, restart=restart)
        refuse_restart_alone(reset, restart)
        path, _ = self.path(x, lengths=lengths is not None, reset=reset is not None)
        if path == "torch":
            return super().forward(input, hx)
        sweep = self.credited(native if path == "native" else automatic)
        if packed:
            return self._packed(input, hx, lengths, reset, restart, sweep)
        return self._padded(input, hx, lengths, reset, restart, sweep)

    def _traced(self, given: Any, hx: Any, **how: Any) -> tuple[Tensor, Any, Trace]:
        if isinstance(given, PackedSequence):
            raise InputError("trace", came="it and a PackedSequence", wanted="a padded input with lengths")
        if self.proj_size or self._credit is not None:
            raise InputError("trace", came=f"it and {self}", wanted="a layer without projections or credit rule")
        seen: list[Trace] = []
        y, state = self._padded(given, hx, how["lengths"], how["reset"], how["restart"], recording(seen))
        return y, state, Trace.of(seen)

    def _padded(
        self,
        given: Tensor,
        hx: Any,
        lengths: Tensor | Sequence[int] | None,
        reset: Tensor | None,
        restart: Any,
        sweep: Sweep,
    ) -> tuple[Tensor, Tensor | State]:
        if given.dim() not in (2, 3):
            raise ShapeError("input", came=f"shape {tuple(given.shape)}", wanted="two or three dimensions")
        batched = given.dim() == 3
        x = given.unsqueeze(1) if not batched else given.transpose(0, 1) if self.batch_first else given
        self._refuse(x)
        ends = None if lengths is None else lengths_of(lengths, *x.shape[:2])
        anew = None
        if reset is not None:
            reset = reset_of(reset, *x.shape[:2], batch_first=self.batch_first, batched=batched)
            anew = None if restart is None else self.start(restart, x, batched=batched)
        state = self._start(hx, x, sweep, batched=batched)
        y, state = self.run(x, state, sweep, lengths=ends, reset=reset, restart=anew)
        if not batched:
            y, state = y.squeeze(1), tuple(part.squeeze(1) for part in state)
        elif self.batch_first:
            y = y.transpose(0, 1)
        return y, (state if len(state) > 1 else state[0])

    def _start(self, hx: Any, x: Tensor, sweep: Sweep, *, batched: bool) -> State:
        """What `start` says, but nothing at all where that would be zeros that the core need not be given."""
        alone = hx is None and sweep is native and not (self.learned_state or self.proj_size)
        return () if alone else self.start(hx, x, batched=batched)

    def _packed(
        self, given: PackedSequence, hx: Any, lengths: object, reset: Any, restart: Any, sweep: Sweep
    ) -> tuple[PackedSequence, Any]:
        if lengths is not None:
            raise InputError("lengths", came="them and a PackedSequence", wanted="the one or the other")
        if given.data.dim() != 2:
            raise ShapeError("input", came=f"packed values {tuple(given.data.shape)}", wanted="(steps of all rows, C)")
        x, ends = pad_packed_sequence(PackedSequence(given.data, given.batch_sizes))  # rows in the packed order
        self._refuse(x)

        def start(hx: Any) -> State:
            state = self._start(hx, x, sweep, batched=True)
            if hx is None or given.sorted_indices is None:
                return state
            return tuple(part.index_select(1, given.sorted_indices) for part in state)

        anew = None
        if reset is not None:
            reset = packed_reset(reset, given, *x.shape[:2])
            anew = None if restart is None else start(restart)
        y, state = self.run(x, start(hx), sweep, lengths=ends, reset=reset, restart=anew)
        if given.unsorted_indices is not None:
            state = tuple(part.index_select(1, given.unsorted_indices) for part in state)
        data = pack_padded_sequence(y, ends).data
        return given._replace(data=data), (state if len(state) > 1 else state[0])


_ELMAN = {f: cells.Elman(f) for f in ("tanh", "relu")}


class RNN(TorchLayer, nn.RNN):
    """`torch.nn.RNN` on our sweep: h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), f tanh or relu.

    Args:
        credit: how the gradient is assigned through time, a rule of `recorrente.credit`; None is the full gradient.
        residual: each layer's input is added to its output, where their widths are equal.
        learned_state: h_0 (and c_0) are Parameters, `(L*directions, H)`, used where no `hx` is given.
        input_dropout, recurrent_dropout, zoneout, weight_dropout: see `recorrente.noise.Noise`.

    The others are torch's; so is everything else.

    Example:
        >>> layer = RNN(3, 5, recurrent_dropout=0.2, learned_state=True)
        >>> layer
        RNN(3, 5, recurrent_dropout=0.2, learned_state=True)
        >>> start = torch.zeros(7, 2, dtype=torch.bool).index_fill(0, torch.tensor([4]), True)
        >>> y, h = layer(torch.zeros(7, 2, 3), reset=start)  # both rows start anew at step 4
    """

    @property
    def cell(self) -> cells.Cell:  # type: ignore[override]
        return _ELMAN[self.nonlinearity]


class GRU(TorchLayer, nn.GRU):
    """`torch.nn.GRU` on our sweep; equations in `recorrente.cells.GRU`, our arguments in `recorrente.RNN`."""

    cell = cells.GRU()


class LSTM(TorchLayer, nn.LSTM):
    """`torch.nn.LSTM` on our sweep; equations in `recorrente.cells.LSTM`, our arguments in `recorrente.RNN`."""

    cell = cells.LSTM()


class Recurrent(Layer):
    """A stack of any cell: what RNN, GRU and LSTM are to their cells, for a cell of one's own.

    Args:
        cell: the step.
        input_size, hidden_size: C and H.
        num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`.
        credit: how the gradient is assigned through time, a rule of `recorrente.credit`.
        residual, learned_state, input_dropout, recurrent_dropout, zoneout, weight_dropout: as in `recorrente.RNN`.

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
        credit: Credit | None = None,
        residual: bool = False,
        learned_state: bool = False,
        input_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        weight_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not isinstance(cell, cells.Cell):
            raise InputError("cell", came=repr(cell), wanted="a cell, such as recorrente.cells.Elman('tanh')")
        if not 0 <= dropout <= 1:
            raise InputError("dropout", came=dropout, wanted="a probability, from 0 to 1")
        for name, value in {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}.items():
            if not isinstance(value, int) or value < 1:
                raise InputError(name, came=value, wanted="an integer of 1 or more")
        self.cell, self.input_size, self.hidden_size, self.num_layers = cell, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        for name, shape in self._shapes():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        noise = Noise(input_dropout, recurrent_dropout, zoneout, weight_dropout)
        self._extend(credit, residual, learned_state, noise)
        self.reset_parameters()

    def extra_repr(self) -> str:
        """The cell, the sizes, and what was chosen beside them."""
        chosen = {name: getattr(self, name) for name in ("num_layers", "dropout", "bidirectional")}
        said = [f"{name}={value}" for name, value in chosen.items() if (value and value != 1) or value is True]
        return ", ".join(filter(None, (repr(self.cell), f"{self.input_size}, {self.hidden_size}", *said, self._said())))

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        rows, h = self.cell.gates * self.hidden_size, self.hidden_size
        for layer in range(self.num_layers):
            c = self.input_size if layer == 0 else h * self.directions
            for suffix in (f"l{layer}", f"l{layer}_reverse")[: self.directions]:
                yield f"weight_ih_{suffix}", (rows, c)
                yield f"weight_hh_{suffix}", (rows, h)
                if self.bias:
                    yield f"bias_ih_{suffix}", (rows,)
                    yield f"bias_hh_{suffix}", (rows,)
                for name, shape in self.cell.own_weights(h).items():
                    yield f"{name}_{suffix}", shape

    def reset_parameters(self) -> None:
        """Uniform in +-1/sqrt(H), as torch; a learned state is zero."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        self._forget_learned_state()
        for weights in self.weights():
            self.cell.start_own_weights(weights)

    def forward(
        self,
        x: Any,
        state: State | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        reset: Tensor | None = None,
        restart: State | None = None,
    ) -> Any:
        if isinstance(x, fx.Proxy):
            return self._node(x, state, lengths=lengths, reset=reset, restart=restart)
        if autocast(x):
            with torch.autocast("cpu", enabled=False):
                x, state, restart = self._floats(x, state, restart)
                return self.forward(x, state, lengths=lengths, reset=reset, restart=restart)
        if x.dim() != 3:
            raise ShapeError("x", came=f"shape {tuple(x.shape)}", wanted="three dimensions")
        x = x.transpose(0, 1) if self.batch_first else x
        self._refuse(x)
        refuse_restart_alone(reset, restart)
        ends = None if lengths is None else lengths_of(lengths, *x.shape[:2])
        anew = None
        if reset is not None:
            reset = reset_of(reset, *x.shape[:2], batch_first=self.batch_first, batched=True)
            anew = None if restart is None else self.start(restart, x)
        sweep = self.credited(automatic)
        y, state = self.run(x, self.start(state, x), sweep, lengths=ends, reset=reset, restart=anew)
        return (y.transpose(0, 1) if self.batch_first else y), state
