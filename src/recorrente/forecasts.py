"""What forecasts are worth: the usual measures of the distance between what was said and what came.

Knows arrays of any shape, NaN where nothing came or nothing was said; those places count for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recorrente.errors import InputError

__all__ = ["inside", "mae", "mase_scale", "mse", "quantile_loss", "rmse", "smape", "widening"]

Values = NDArray[np.floating]


def mae(truth: Values, said: Values) -> float:
    """The mean absolute error, mean |y - f|.

    Example:
        >>> mae(np.array([1.0, np.nan, 3.0]), np.array([2.0, 5.0, 3.0]))
        0.5
    """
    return _mean(np.abs(truth - said))


def mse(truth: Values, said: Values) -> float:
    """The mean squared error, mean (y - f)^2.

    Example:
        >>> mse(np.array([1.0, 3.0]), np.array([2.0, 3.0]))
        0.5
    """
    return _mean((truth - said) ** 2)


def rmse(truth: Values, said: Values) -> float:
    """The root of the mean squared error.

    Example:
        >>> rmse(np.array([1.0, 3.0]), np.array([3.0, 5.0]))
        2.0
    """
    return mse(truth, said) ** 0.5


def smape(truth: Values, said: Values) -> float:
    """The symmetric percentage error, 200 |y - f| / (|y| + |f|), 0 where both are 0: from 0 to 200 (M4).

    Example:
        >>> smape(np.array([1.0, 0.0]), np.array([3.0, 0.0]))
        50.0
    """
    size = np.abs(truth) + np.abs(said)
    return _mean(200 * np.abs(truth - said) / np.where(size == 0, 1, size))


def mase_scale(training: Values, season: int) -> float:
    """What MASE divides the mean absolute error by: that of the seasonal naive forecast within the training part.

        mean |y_t - y_{t-m}|;  Hyndman and Koehler, International Journal of Forecasting 22 (2006)

    Args:
        training: of one series, `(T,)`.
        season: m.

    Returns:
        NaN where no two values are so far apart, or all such are the same.

    Example:
        >>> mase_scale(np.array([1.0, 2.0, 4.0]), 1)
        1.5
    """
    return _mean(np.abs(training[season:] - training[:-season])) or np.nan


def quantile_loss(truth: Values, said: Values, quantiles: Sequence[float]) -> float:
    """Twice the pinball loss, the mean over quantiles; `said (..., Q)`.

    Example:
        >>> round(quantile_loss(np.array([2.0]), np.array([[1.0, 2.0, 2.0]]), (0.1, 0.5, 0.9)), 4)
        0.0667
    """
    error = truth[..., None] - said
    q = np.array(quantiles)
    return 2 * _mean(np.maximum(q * error, (q - 1) * error))


def inside(truth: Values, low: Values, high: Values) -> float:
    """The share of what came that lies in an interval.

    Example:
        >>> inside(np.array([1.0, 2.0, np.nan]), np.array([0.0, 3.0, 0.0]), np.array([1.0, 4.0, 1.0]))
        0.5
    """
    return _mean(np.where(np.isnan(truth), np.nan, (low <= truth) & (truth <= high)))


def widening(truth: Values, low: Values, high: Values, share: float) -> float:
    """How far both ends of an interval move outward, so that it holds a share of what comes.

        s_i = max(low_i - y_i, y_i - high_i);  the ceil((n + 1) share)-th smallest of n, or the largest

    The conformalised quantile regression of Romano et al., arXiv 1905.03222. Of values that were not learnt from, and
    that can be exchanged for the one to come, it holds at least the share on average. Windows that overlap in time are
    not such: then it is only as good as the past is like the future.

    Args:
        truth: what came, where the intervals were foretold; NaN where nothing did.
        low, high: their ends, of the same shape.
        share: between 0 and 1.

    Returns:
        Below 0 where the intervals were too wide.

    Raises:
        InputError: nothing came.

    Example:
        >>> truth = np.array([0.0, 1.0, 2.0, 3.0])
        >>> widening(truth, np.zeros(4), np.ones(4), 0.6)
        1.0
    """
    scores = np.sort(np.maximum(low - truth, truth - high)[~np.isnan(truth)])
    n = len(scores)
    if not n:
        raise InputError("truth", came="no value", wanted="at least one, to calibrate an interval on")
    rank = math.ceil(round((n + 1) * share, 9))  # 0.9 - 0.1 is a hair more than 0.8
    return float(scores[min(rank, n) - 1])


def _mean(values: Values) -> float:
    """NaN apart; NaN where there is nothing else."""
    known = values[~np.isnan(values)]
    return float(known.mean(dtype=np.float64)) if len(known) else float("nan")
