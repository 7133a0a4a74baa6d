"""A run folder becomes pictures and a page. Imports no model, and no torch: it reads what the run has written."""

from recorrente.report.page import write

__all__ = ["write"]
