"""What the core calls dtypes and cells, and what it tells of them. Empty where it is not built."""

from __future__ import annotations

import torch

from recorrente.cells import GRU, LSTM, Cell, CoupledLSTM, Elman, NormGRU, NormLSTM, PeepholeLSTM, ResetBeforeGRU
from recorrente.memory import BUILT

if BUILT:
    from recorrente import _core

__all__ = ["CELLS", "DTYPES", "WITH_C", "cell_of", "gradient_stretch", "number_of"]

DTYPES: dict[torch.dtype, int] = {}
CELLS: dict[int, Cell] = {}
if BUILT:
    DTYPES |= {torch.float32: _core.F32, torch.float64: _core.F64}
    CELLS |= {
        _core.ELMAN_TANH: Elman("tanh"),
        _core.ELMAN_RELU: Elman("relu"),
        _core.ELMAN_LINEAR: Elman("linear"),
        _core.GRU: GRU(),
        _core.LSTM: LSTM(),
        _core.LSTM_PEEPHOLE: PeepholeLSTM(),
        _core.LSTM_COUPLED: CoupledLSTM(),
        _core.GRU_BEFORE: ResetBeforeGRU(),
        _core.GRU_NORM: NormGRU(),
        _core.LSTM_NORM: NormLSTM(),
    }

WITH_C = {code for code, cell in CELLS.items() if len(cell.state_names) == 2}
_ELMANS = {cell.activation: code for code, cell in CELLS.items() if isinstance(cell, Elman)}
_CODES = {type(cell): code for code, cell in CELLS.items() if not isinstance(cell, Elman)}
_STRETCHES = {dtype: _core.gradient_stretch(code) for dtype, code in DTYPES.items()}


def number_of(cell: Cell) -> int | None:
    """What the core calls a cell. None for one that it does not know; a subclass of a known one may step otherwise."""
    if type(cell) is Elman:
        return _ELMANS.get(cell.activation) if isinstance(cell.activation, str) else None
    return _CODES.get(type(cell))


def cell_of(code: int) -> Cell:
    """The cell behind a code of the core."""
    return CELLS[code]


def gradient_stretch(dtype: torch.dtype) -> int:
    """Over so many rows at a time the core sums the gradients of weights; 1 where there is no core."""
    return _STRETCHES.get(dtype, 1)
