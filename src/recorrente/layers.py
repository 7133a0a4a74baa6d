"""RNN, GRU and LSTM as torch spells them, and `Recurrent` for any other cell: depth, direction, dropout, a head.

Knows how sweeps are stacked. What a step computes is `cells`' matter, how it runs along time is `sweep`'s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from recorrente import cells
from recorrente.compiling import let_dynamo_trace
from recorrente.errors import InputError
from recorrente.native import automatic, lack, native, tracing, transform
from recorrente.noise import QUIET, Noise
from recorrente.notation import State, Weights
from recorrente.projection import lack as lack_of_projection
from recorrente.projection import loss as loss_of_projection
from recorrente.sweep import Along, Credit, Sweep, said
from recorrente.trace import Trace, recording

__all__ = ["GRU", "LSTM", "RNN", "Network", "Recurrent", "ShapeError", "TorchLayer", "stack"]

let_dynamo_trace()

_CORE = native  # the sweep that gives a final state of its own making away
_WAYS = "", "_reverse"
_WITHOUT_BIAS = "weight_ih", "weight_hh"
_WITH_BIAS = *_WITHOUT_BIAS, "bias_ih", "bias_hh"


def stack(
    sweep: Sweep,
    cell: cells.Cell,
    x: Tensor,
    states: Sequence[State],
    weights: Sequence[Weights],
    *,
    directions: int = 1,
    dropout: float = 0.0,
    noise: Noise = QUIET,
    training: bool = False,
    residual: bool = False,
    lengths: Tensor | None = None,
    reset: Tensor | None = None,
    restarts: Sequence[State] | None = None,
) -> tuple[Tensor, list[State]]:
    """Sweeps of one cell, one above the other.

    Args:
        sweep: runs one layer in one direction.
        x: `(T, B, C)`.
        states, weights: one for each layer and direction, in torch's order: `l0, l0_reverse, l1, ...`.
        directions: 1, or 2 to read each layer's input both ways and put the outputs side by side.
        dropout: probability of a zero between layers; the caller gives 0 in evaluation.
        noise: what else is dropped; see `recorrente.noise`.
        training: whether `noise` is.
        residual: each layer's input is added to its output, where their widths are equal.
        lengths: `(B,)`, the steps of each row; None where all have T.
        reset: `(T, B)` bool, where the state starts anew.
        restarts: what it starts from then, in the order of `states`; zeros where None.

    Returns:
        The top layer's outputs `(T, B, directions*H)`, and the final states in the order of `states`.
    """
    final: list[State] = []
    for lowest in range(0, len(weights), directions):
        if lowest and dropout:
            x = nn.functional.dropout(x, dropout)
        dropped = x if noise is QUIET else noise.on_input(x, training)
        outputs = []
        for k in range(lowest, lowest + directions):
            along: Along = {}  # what there is: a short sequence pays for every word
            w = weights[k]
            if k > lowest:
                along["reverse"] = True
            if lengths is not None:
                along["lengths"] = lengths
            if reset is not None:
                along["reset"] = reset
                if restarts is not None:
                    along["restart"] = restarts[k]
            if noise is not QUIET:
                widths = (w.weight_hh.shape[1], len(w.weight_hh) // cell.gates)[: len(cell.state_names)]
                along |= said(noise.along(dropped, widths, training))
                w = noise.on_weights(w, training)
            y, state = sweep(cell, dropped, states[k], w, **along)
            outputs.append(y)
            final.append(state)
        y = torch.cat(outputs, dim=-1) if directions == 2 else outputs[0]
        x = _within(x, lengths) + y if residual and x.shape == y.shape else y
    return x, final


def _within(x: Tensor, lengths: Tensor | None) -> Tensor:
    """`x (T, B, C)` with zeros past each row's end."""
    return x if lengths is None else x.masked_fill(_past(x, lengths), 0)


def _past(x: Tensor, lengths: Tensor) -> Tensor:
    """Which steps of `x` are past a row's end, `(T, B, 1)`."""
    return (torch.arange(len(x), device=x.device)[:, None] >= lengths.to(x.device))[..., None]


class ShapeError(InputError, RuntimeError):
    """Input that torch.nn refuses too: an `InputError`, and the `RuntimeError` that code written for torch catches."""


def _one_layers(state: State, *, ours: bool) -> State:
    """Each part `(B, H)` as `(1, B, H)`, and no view, which `detach_` would refuse.

    In place where it is `ours`, new from the core and kept by nobody, for a copy costs a training step 2 us.
    """
    if ours and not torch.compiler.is_compiling():
        return tuple([part.unsqueeze_(0) for part in state])
    return tuple([torch.stack([part]) for part in state])


def _given(layer: nn.Module, parameters: Mapping[str, Tensor | None], name: str) -> Tensor:
    """A parameter of a layer, or what stands in its place: a parametrization, a functional call's own tensor."""
    found = parameters.get(name)
    return getattr(layer, name) if found is None else found


class _Layer(nn.Module):
    """What our layers share: torch's parameters by name, and a run of a cell's sweeps."""

    cell: cells.Cell
    input_size: int
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    bidirectional: bool
    dropout: float
    proj_size: int = 0
    _credit: Credit | None = None
    noise: Noise = QUIET
    residual: bool = False
    learned_state: bool = False

    def _extend(self, credit: Credit | None, residual: bool, learned_state: bool, noise: Noise) -> None:
        """What our layers take beside torch's arguments."""
        self.credit, self.residual, self.learned_state = credit, residual, learned_state
        noise.refuse_parts_beyond(len(self.cell.state_names))
        self.noise = QUIET if noise == QUIET else noise
        if learned_state:
            like = next(self.parameters())
            rows = self.num_layers * self.directions
            for name, width in zip(self._learned(), self.widths, strict=True):
                self.register_parameter(name, nn.Parameter(like.new_zeros(rows, width)))

    def _learned(self) -> tuple[str, ...]:
        """The names of the Parameters that it starts from."""
        return tuple(f"{name}_0" for name in self.cell.state_names) if self.learned_state else ()

    def _forget_learned_state(self) -> None:
        for name in self._learned():
            nn.init.zeros_(getattr(self, name))

    def _said(self) -> str:
        """What was chosen of it, for the layer's repr."""
        said = [repr(self.noise)] if repr(self.noise) else []
        said += [f"{name}=True" for name in ("residual", "learned_state") if getattr(self, name)]
        return ", ".join(said if self._credit is None else [*said, f"credit={self._credit!r}"])

    @property
    def credit(self) -> Credit | None:
        """How the gradient is assigned through time, a rule of `recorrente.credit`; None is `Full()`."""
        return self._credit

    @credit.setter
    def credit(self, rule: Credit | None) -> None:
        if rule is not None and (isinstance(rule, type) or not isinstance(rule, Credit)):
            wanted = "a rule of recorrente.credit, such as Truncated(20), or None"
            raise InputError("credit", came=repr(rule), wanted=wanted)
        self._credit = rule

    def credited(self, sweep: Sweep) -> Sweep:
        """`sweep` with the gradient of this layer's rule."""
        return sweep if self._credit is None else self._credit.through(sweep)

    @property
    def directions(self) -> int:
        """1, or 2 when bidirectional."""
        return 2 if self.bidirectional else 1

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of each part of the state: H, but P for the h of an LSTM with projections."""
        return (self.proj_size or self.hidden_size, self.hidden_size)[: len(self.cell.state_names)]

    def weights(self) -> list[Weights]:
        """The parameters, one `Weights` for each layer and direction, in torch's order."""
        fields = _WITH_BIAS if self.bias else _WITHOUT_BIAS
        own = (*self.cell.own_weights(self.hidden_size), *(("weight_hr",) if self.proj_size else ()))
        parameters = self._parameters  # not by getattr, which looks in three places, at every call
        groups = []
        for suffix in [f"_l{layer}{way}" for layer in range(self.num_layers) for way in _WAYS[: self.directions]]:
            weights = Weights(*[_given(self, parameters, field + suffix) for field in fields])
            if own:
                weights = weights._replace(**{name: _given(self, parameters, name + suffix) for name in own})
            groups.append(weights)
        return groups

    def zero_state(self, x: Tensor) -> State:
        """Zeros to start from, each `(L*directions, B, H)`, for `x` `(T, B, C)`."""
        rows = self.num_layers * self.directions
        return tuple(x.new_zeros(rows, x.shape[1], width) for width in self.widths)

    def first_state(self, x: Tensor) -> State:
        """What it starts from where nothing is given: the learned state, or zeros."""
        if not self.learned_state:
            return self.zero_state(x)
        learned = [getattr(self, name) for name in self._learned()]
        return tuple(part.unsqueeze(1).expand(-1, x.shape[1], -1) for part in learned)

    def run(
        self,
        x: Tensor,
        state: State,
        sweep: Sweep,
        *,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
        restart: State | None = None,
    ) -> tuple[Tensor, State]:
        """All layers over `x (T, B, C)` from `state`, each `(L*directions, B, H)`, with `sweep` for every one.

        An empty state is zeros, for a sweep that takes it so.
        """

        def each(state: State) -> list[State]:
            if not state:
                return [()] * (self.num_layers * self.directions)
            return [*zip(*(part.unbind() for part in state), strict=True)]

        if reset is not None and restart is None and self.learned_state:
            restart = self.first_state(x)
        y, final = stack(
            sweep,
            self.cell,
            x,
            each(state),
            self.weights(),
            directions=self.directions,
            dropout=self.dropout if self.training else 0.0,
            noise=self.noise,
            training=self.training,
            residual=self.residual,
            lengths=lengths,
            reset=reset,
            restarts=None if restart is None else each(restart),
        )
        if len(final) == 1:
            return y, _one_layers(final[0], ours=sweep is _CORE and not self.proj_size)
        return y, tuple(torch.stack(part) for part in zip(*final, strict=True))

    def _floats(self, *given: Any) -> tuple[Any, ...]:
        """The same in the dtype of the parameters, in which all arithmetic is, autocast or not."""
        dtype = _given(self, self._parameters, "weight_ih_l0").dtype
        return tuple(_floats_to(one, dtype) for one in given)

    def _node(self, x: fx.Proxy, state: Any, **how: Any) -> fx.Proxy:
        """One node for this layer in a graph that torch.fx records, as torch has for its own."""
        said = {name: value for name, value in how.items() if value is not None and value is not False}
        given = (x,) if state is None else (x, state)
        tracer: Any = x.tracer
        if tracer.root is self:
            raise InputError("root", came=repr(self), wanted="a model around it: torch.nn.Sequential(layer), say")
        return tracer.create_proxy("call_module", tracer.path_of_module(self), given, said)

    def _refuse(self, x: Tensor) -> None:
        """Refuses an `x` that does not fit the parameters."""
        if x.shape[-1] != self.input_size:
            raise ShapeError("input", came=f"{x.shape[-1]} values a step", wanted=f"input_size, here {self.input_size}")
        dtype = _given(self, self._parameters, "weight_ih_l0").dtype
        if x.dtype != dtype:
            raise ShapeError("input", came=x.dtype, wanted=f"{dtype}, as the parameters", cure="Convert one: .to(...)")

    def start(self, hx: Tensor | State | None, x: Tensor, *, batched: bool = True) -> State:
        """What the caller gave as `hx` as a state for `x (T, B, C)`; the learned state or zeros for None."""
        if hx is None:
            return self.first_state(x)
        state = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        if len(state) != len(self.widths):
            wanted = " and ".join(f"{name}_0" for name in self.cell.state_names)
            raise ShapeError("hx", came=f"{len(state)} tensors", wanted=f"{wanted}, in a tuple")
        for name, part, width in zip(self.cell.state_names, state, self.widths, strict=True):
            shape = (self.num_layers * self.directions, *([x.shape[1]] if batched else []), width)
            if part.shape != shape or part.dtype != x.dtype:
                came = f"shape {tuple(part.shape)}, {part.dtype}"
                raise ShapeError(f"{name}_0", came=came, wanted=f"shape {shape}, {x.dtype}")
        return state if batched else tuple(part.unsqueeze(1) for part in state)


def _lengths(lengths: Tensor | Sequence[int], T: int, B: int) -> Tensor:
    """What the caller gave as `lengths`, as the sweeps want it: (B,), int64, on the CPU."""
    # What fits is asked, not converted: each of torch's conversions costs 10 us where its code has left the caches.
    given = lengths if isinstance(lengths, Tensor) else _as_integers(lengths)
    if given.dtype.is_floating_point or given.dtype == torch.bool or given.shape != (B,):
        raise InputError("lengths", came=f"{given.dtype} {tuple(given.shape)}", wanted=f"integers ({B},), one a row")
    if not (given.dtype == torch.int64 and given.is_cpu and given.is_contiguous()):
        given = given.to("cpu", torch.int64).contiguous()
    if not torch.compiler.is_compiling():
        came = given.tolist()
        if came and not 0 <= min(came) <= max(came) <= T:
            raise InputError("lengths", came=came, wanted=f"numbers from 0 to T, here {T}")
    return given


def _as_integers(lengths: Any) -> Tensor:
    try:
        made = torch.as_tensor(lengths, device="cpu")
        return made.clone() if hasattr(lengths, "__array_interface__") else made  # which may be changed before backward
    except (TypeError, ValueError, RuntimeError):
        raise InputError("lengths", came=repr(lengths), wanted="integers, one a row") from None


def _reset(reset: Any, T: int, B: int, *, batch_first: bool, batched: bool) -> Tensor:
    """What the caller gave as `reset`, as the sweeps want it: (T, B), bool."""
    shape = ((B, T) if batch_first else (T, B)) if batched else (T,)
    if not isinstance(reset, Tensor) or reset.dtype != torch.bool or reset.shape != shape:
        came = f"{reset.dtype} {tuple(reset.shape)}" if isinstance(reset, Tensor) else repr(reset)
        raise InputError(
            "reset", came=came, wanted=f"a bool tensor {shape}, as the input, true where a row starts anew"
        )
    return reset[:, None] if not batched else reset.t() if batch_first else reset


def _refuse_restart_alone(reset: object, restart: object) -> None:
    if restart is not None and reset is None:
        raise InputError("restart", came="it without reset", wanted="reset=, the steps before which it is started from")


def _packed_reset(reset: Any, beside: PackedSequence, T: int, B: int) -> Tensor:
    """The same for a packed input: (T, B), the rows in the packed order."""
    if not isinstance(reset, PackedSequence):
        reset = _reset(reset, T, B, batch_first=False, batched=True)
        return reset if beside.sorted_indices is None else reset.index_select(1, beside.sorted_indices)
    orders = [
        torch.arange(B, device="cpu") if p.sorted_indices is None else p.sorted_indices.cpu() for p in (reset, beside)
    ]
    alike = torch.equal(reset.batch_sizes, beside.batch_sizes) and torch.equal(*orders)
    if reset.data.dtype != torch.bool or reset.data.dim() != 1 or not alike:
        came = f"a PackedSequence of {reset.data.dtype} {tuple(reset.data.shape)}, of {len(reset.batch_sizes)} steps"
        raise InputError("reset", came=came, wanted=f"bools {tuple(beside.data.shape[:1])}, packed as the input is")
    return pad_packed_sequence(PackedSequence(reset.data, reset.batch_sizes))[0]


def _autocast(x: Tensor) -> bool:
    return x.is_cpu and torch.is_autocast_enabled("cpu")


def _floats_to(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, PackedSequence):
        return value.to(dtype) if value.data.is_floating_point() else value
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    return None if value is None else tuple(_floats_to(part, dtype) for part in value)


class TorchLayer(_Layer):
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
        if _autocast(x):
            with torch.autocast("cpu", enabled=False):
                input, hx, restart = self._floats(input, hx, restart)  # noqa: A001
                return self.forward(input, hx, lengths, reset, restart, trace)
        if trace:
            return self._traced(input, hx, lengths=lengths, reset=reset, restart=restart)
        _refuse_restart_alone(reset, restart)
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
        ends = None if lengths is None else _lengths(lengths, *x.shape[:2])
        anew = None
        if reset is not None:
            reset = _reset(reset, *x.shape[:2], batch_first=self.batch_first, batched=batched)
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
            reset = _packed_reset(reset, given, *x.shape[:2])
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


class Recurrent(_Layer):
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
        if _autocast(x):
            with torch.autocast("cpu", enabled=False):
                x, state, restart = self._floats(x, state, restart)
                return self.forward(x, state, lengths=lengths, reset=reset, restart=restart)
        if x.dim() != 3:
            raise ShapeError("x", came=f"shape {tuple(x.shape)}", wanted="three dimensions")
        x = x.transpose(0, 1) if self.batch_first else x
        self._refuse(x)
        _refuse_restart_alone(reset, restart)
        ends = None if lengths is None else _lengths(lengths, *x.shape[:2])
        anew = None
        if reset is not None:
            reset = _reset(reset, *x.shape[:2], batch_first=self.batch_first, batched=True)
            anew = None if restart is None else self.start(restart, x)
        sweep = self.credited(automatic)
        y, state = self.run(x, self.start(state, x), sweep, lengths=ends, reset=reset, restart=anew)
        return (y.transpose(0, 1) if self.batch_first else y), state


class Network(nn.Module):
    """A recurrence and its head: y_t = W_hy h_t + b_y.

    Args:
        recurrence: a layer of this file, or any module that maps `(x, state)` to `(h, state)`.
        head: from h_t to y_t; a `torch.nn.Linear` of H inputs (2H when bidirectional).
        encoder: what x goes through first, step by step: an embedding, say; None leaves it as it is.
        pooled: the head reads the final state, the mean and the maximum of h over a row's steps side by side, three
            times as many inputs. Then `last` alone can be asked.

    Example:
        >>> net = Network(GRU(28, 16), nn.Linear(16, 10))
        >>> y, state = net(torch.zeros(28, 4, 28))
        >>> y.shape, net.last(torch.zeros(28, 4, 28)).shape
        (torch.Size([28, 4, 10]), torch.Size([4, 10]))
    """

    def __init__(
        self, recurrence: nn.Module, head: nn.Module, encoder: nn.Module | None = None, *, pooled: bool = False
    ) -> None:
        super().__init__()
        self.recurrence, self.head, self.pooled = recurrence, head, pooled
        self.encoder = nn.Identity() if encoder is None else encoder

    def hidden(self, x: Tensor, state: State | None = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        """H of every step, `(T, B, H)`, and the final state; `lengths (B,)` where the rows are not all of T steps."""
        ragged = {} if lengths is None else {"lengths": lengths}
        return self.recurrence(self.encoder(x), state, **ragged)

    def forward(self, x: Tensor, state: State | None = None, *, lengths: Tensor | None = None) -> tuple[Tensor, State]:
        """Y of every step, `(T, B, K)`, and the final state.

        Raises:
            InputError: the head reads all steps together, and has nothing to say of one.
        """
        if self.pooled:
            raise InputError("pooled", came="True, and a y of every step is asked", wanted="last(), or pooled=False")
        h, state = self.hidden(x, state, lengths=lengths)
        return self.head(h), state

    def last(self, x: Tensor, state: State | None = None, *, lengths: Tensor | None = None) -> Tensor:
        """Y of the top layer's final state, `(B, K)`: after each row's last step, and in reverse after the first.

        Where `pooled`, of the mean and the maximum over its steps, too; then every row has a step at least.
        """
        return self.at_end(*self.hidden(x, state, lengths=lengths), lengths)

    def at_end(self, h: Tensor, final: Any, lengths: Tensor | None = None) -> Tensor:
        """The same from what `hidden` gave."""
        last = final[0] if isinstance(final, tuple) else final  # (L*directions, B, H)
        read = tuple(last[-getattr(self.recurrence, "directions", 1) :])
        y: Tensor = self.head(torch.cat(read + (_over_steps(h, lengths) if self.pooled else ()), dim=-1))
        return y


def _over_steps(h: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """The mean and the maximum of h `(T, B, H)` over the steps of each row, each `(B, H)`."""
    if lengths is None:
        return h.mean(0), h.amax(0)
    past = _past(h, lengths)
    return h.masked_fill(past, 0).sum(0) / lengths.to(h.device)[:, None], h.masked_fill(past, -math.inf).amax(0)
