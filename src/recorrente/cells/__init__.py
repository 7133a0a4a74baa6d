"""The cells, one file each. A new one is a file here and a line in `BY_NAME`; the tests then find it by themselves."""

from recorrente.cells.base import Cell
from recorrente.cells.elman import Elman
from recorrente.cells.gru import GRU
from recorrente.cells.gru_before import ResetBeforeGRU
from recorrente.cells.lstm import LSTM
from recorrente.cells.lstm_coupled import CoupledLSTM
from recorrente.cells.lstm_peephole import PeepholeLSTM
from recorrente.cells.normed import NormGRU, NormLSTM

__all__ = [
    "BY_NAME",
    "GRU",
    "LSTM",
    "Cell",
    "CoupledLSTM",
    "Elman",
    "NormGRU",
    "NormLSTM",
    "PeepholeLSTM",
    "ResetBeforeGRU",
]

_ALL = (Elman, GRU, LSTM, ResetBeforeGRU, PeepholeLSTM, CoupledLSTM, NormGRU, NormLSTM)
BY_NAME: dict[str, type[Cell]] = {cell.name: cell for cell in _ALL}
"""What `--cell` and a run's `config.json` call each cell."""
