"""The cells, one file each. A new one is a file here and a line in `BY_NAME`; the tests then find it by themselves."""

from recorrente.cells.base import Cell
from recorrente.cells.elman import Elman
from recorrente.cells.gru import GRU
from recorrente.cells.lstm import LSTM

__all__ = ["BY_NAME", "GRU", "LSTM", "Cell", "Elman"]

BY_NAME: dict[str, type[Cell]] = {cell.name: cell for cell in (Elman, GRU, LSTM)}
"""What `--cell` and a run's `config.json` call each cell."""
