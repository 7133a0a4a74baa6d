"""The C++ core: one layer in one direction, swept over time. `core/include/recorrente/sweep.h` is the manual.

Pointers are integers (`tensor.data_ptr()`, 0 for null); strides count elements; the last index is contiguous. `forward`
and `backward` keep no pointer, allocate no array and look into no tensor: dtype, device, shapes and contiguity are the
caller's to check. The GIL is released during a sweep. A status other than ok raises ValueError (NotImplementedError for
`unsupported`) with its sentence.

cell: ELMAN_TANH, ELMAN_RELU, ELMAN_LINEAR, GRU, LSTM, LSTM_PEEPHOLE, LSTM_COUPLED, GRU_BEFORE, GRU_NORM,
    LSTM_NORM.
dtype: F32, F64.  engine: TARGET, REFERENCE.
"""

from collections.abc import Sequence
from typing import Any, Final

from torch import Tensor

ELMAN_TANH: Final[int]
ELMAN_RELU: Final[int]
ELMAN_LINEAR: Final[int]
GRU: Final[int]
LSTM: Final[int]
LSTM_PEEPHOLE: Final[int]
LSTM_COUPLED: Final[int]
GRU_BEFORE: Final[int]
GRU_NORM: Final[int]
LSTM_NORM: Final[int]

F32: Final[int]
F64: Final[int]

TARGET: Final[int]
REFERENCE: Final[int]

# What forward and backward return: how the work was shared.
PATH_REFERENCE: Final[int]
PATH_SINGLE: Final[int]
PATH_ROWS: Final[int]
PATH_UNITS: Final[int]

LARGE: Final[int]
"""Bytes from which on memory is kept from call to call."""

def take(size: int) -> Tensor:
    """`size` uninitialised bytes of such memory, as a tensor, for what is soon done with."""

def take_result(shape: Sequence[int], dtype: int) -> Tensor:
    """An uninitialised tensor in such memory, for the caller to hold as long as he likes."""

def idle_bytes() -> int:
    """What is kept of it and in nobody's use."""

def empty_cache() -> None:
    """Gives that back to the system."""

def target() -> str:
    """The vector code that runs here: "avx512", "avx2", "baseline", ..."""

def targets() -> list[str]:
    """Every target of this build that this machine can run, best first; RECORRENTE_TARGET pins one."""

def gates(cell: int) -> int: ...
def use_exchange(capsule: Any) -> None:
    """`torch.Tensor.__dlpack_c_exchange_api__`, by which tensors are read without Python; None: not at all."""

def pointers(inputs: tuple[Tensor | None, ...], cell: int) -> list[int] | None:
    """weight_ih to c0_row of forward's arguments, from `x, weight_ih, weight_hh, bias_ih, bias_hh, h0, c0`.

    None where they do not fit each other, are to be copied before the core can read them, or are followed by more.
    """

def plain_forward(
    inputs: tuple[Tensor | None, ...], way: tuple[Any, ...], saving: bool, threads: int
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None] | None:
    """`calls.forward` of a sweep that needs nothing but those inputs and perhaps lengths; None for any other.

    `inputs` and `way` are `calls.Inputs` and `calls.Way`. What is saved is None where nothing is.
    """

def plain_backward(
    gradients: Sequence[Tensor | None],
    inputs: tuple[Tensor | None, ...],
    way: tuple[Any, ...],
    y: Tensor,
    saved: Tensor,
    wanted: Sequence[bool],
    threads: int,
) -> list[Tensor | None] | None:
    """`calls.backward` likewise."""

def xla_forward() -> Any:
    """The forward call for `jax.ffi.register_ffi_target`, as a capsule; its arguments are told in _xla.h."""

def xla_backward() -> Any:
    """The backward call, likewise."""

def gradient_stretch(dtype: int) -> int:
    """Of so many (step, row) pairs the gradients of weights are summed, stretch after stretch, from the last."""

def turn(dtype: int, rows: int, columns: int, source: int, source_row: int, to: int, to_row: int) -> None:
    """Element (row, column) of `source` to (column, row) of `to`; `_row`: elements from one row to the next."""

class Problem:
    """What the sizes and every call share. Reusable for any number of calls while `lengths` and `reset` live.

    lengths: pointer to (B) int64, each in 0..T, any order; 0: every row has T steps.
    reset: pointer to (T, B) uint8 at t * reset_step + b * reset_row; 0: no resets.
    """

    def __init__(
        self,
        cell: int,
        dtype: int,
        T: int,
        B: int,
        C: int,
        H: int,
        reverse: bool = False,
        threads: int = 1,
        engine: int = 0,
        lengths: int = 0,
        reset: int = 0,
        reset_step: int = 0,
        reset_row: int = 0,
    ) -> None: ...
    def saved_bytes(self) -> int:
        """Size of the buffer that forward fills for backward."""

class Further:
    """What most calls do without. Pointers with strides as in forward; `dpeephole` and the like are of backward alone.

    add: backward adds to the gradients of weights and biases, instead of writing them.
    drop_gate: elements from one gate's mask in `drop` to the next; 0: one mask for all gates.
    bias_sums: (2, G*H) float64 of backward, which the gradients of biases are added to and written from.
    zone_bytes: zones are bools, not shares.
    replay: forward finds y as an earlier call left it, and makes the rest again from it; not with `drop`.
    """

    def __init__(
        self,
        drop: tuple[int, int] = ...,
        zone_h: tuple[int, int, int] = ...,
        zone_c: tuple[int, int, int] = ...,
        restart_h: tuple[int, int] = ...,
        restart_c: tuple[int, int] = ...,
        dh_restart: tuple[int, int] = ...,
        dc_restart: tuple[int, int] = ...,
        peephole: int = 0,
        norm_ih: int = 0,
        norm_hh: int = 0,
        norm_c: int = 0,
        dpeephole: int = 0,
        dnorm_ih: int = 0,
        dnorm_hh: int = 0,
        dnorm_c: int = 0,
        bias_sums: int = 0,
        add: bool = False,
        drop_gate: int = 0,
        replay: bool = False,
        zone_bytes: bool = False,
    ) -> None: ...

def forward(
    problem: Problem,
    weight_ih: int,
    weight_hh: int,
    bias_ih: int,
    bias_hh: int,
    x: int,
    x_step: int,
    x_row: int,
    h0: int,
    h0_row: int,
    c0: int,
    c0_row: int,
    y: int,
    y_step: int,
    y_row: int,
    h_n: int,
    h_n_row: int,
    c_n: int,
    c_n_row: int,
    saved: int,
    further: Further | None = None,
) -> int:
    """y (T, B, H), h_n and c_n (B, H); returns the path that ran. May be null: biases, h0, c0, h_n, c_n, saved."""

def backward(
    problem: Problem,
    weight_ih: int,
    weight_hh: int,
    bias_ih: int,
    bias_hh: int,
    x: int,
    x_step: int,
    x_row: int,
    h0: int,
    h0_row: int,
    c0: int,
    c0_row: int,
    y: int,
    y_step: int,
    y_row: int,
    saved: int,
    dy: int,
    dy_step: int,
    dy_row: int,
    dh_n: int,
    dh_n_row: int,
    dc_n: int,
    dc_n_row: int,
    dx: int,
    dx_step: int,
    dx_row: int,
    dh0: int,
    dh0_row: int,
    dc0: int,
    dc0_row: int,
    dweight_ih: int,
    dweight_hh: int,
    dbias_ih: int,
    dbias_hh: int,
    further: Further | None = None,
) -> int:
    """All gradients; uses `saved` up; returns the path that ran. May be null: biases, h0, c0, any gradient."""
