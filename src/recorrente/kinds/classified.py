"""What all kinds that tell classes apart have in common: the rows of `predictions.csv`, and the score in a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recorrente.evaluation import Predictions
from recorrente.kinds.base import Recipe

__all__ = ["summary", "table"]


def table(predictions: Predictions, recipe: Recipe) -> tuple[tuple[str, ...], Sequence[Sequence[object]]]:
    """The columns and rows of `predictions.csv`."""
    names = np.array(recipe.classes)
    columns = zip(names[predictions.target], names[predictions.prediction], predictions.confidence, strict=True)
    rows = [(index, target, said, f"{confidence:.6f}") for index, (target, said, confidence) in enumerate(columns)]
    return ("index", "target", "prediction", "confidence"), rows


def summary(metrics: Mapping[str, Any]) -> str:
    """The score in a line, beside the baselines where there are some."""
    line = f"test accuracy {metrics['accuracy']:.4f}  loss {metrics['loss']:.4f}  ({metrics['test_size']} sequences)"
    beside = ", ".join(f"{name} {value:.4f}" for name, value in metrics.get("baselines", {}).items())
    return f"{line}\nbeside it: {beside}" if beside else line
