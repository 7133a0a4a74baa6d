"""Series that grow: whether one outgrows all that it was, whether its swings grow, and the logarithm then taken.

Knows arrays of numbers over time, NaN where one is missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["bent", "outgrown", "proportional", "straight"]

LEAST_SLOPE, LEAST_CORRELATION = 0.5, 0.7
"""Of the logarithm of the spread over that of the level: at 1 they grow alike, at 0 the spread stays as it is."""
LEAST_STRETCHES, LEAST_STEPS = 5, 8
LATE, BEYOND = 0.2, 0.1
"""A series outgrows itself where, of its last fifth, more than a tenth lies beyond all that was before."""
FLOOR = 0.1
"""The share of the mean below which the logarithm goes on as its tangent, so that there is one of 0 and of less."""

Values = NDArray[Any]


def proportional(values: Values, season: int) -> bool:
    """Whether a series is above 0 throughout, and its spread grows with its level from season to season.

    The slope of the spread-versus-level plot (Tukey, Exploratory Data Analysis, 1977): each stretch of a season, of 8
    steps at the least, has a mean and a standard deviation, and a line is laid through their logarithms.

    Args:
        values: `(T,)`, of the training part.
        season: in steps.

    Example:
        >>> t = np.arange(96)
        >>> swing, level = np.sin(t * np.pi / 6), 1 + t / 48
        >>> proportional(level * (10 + swing), 12), proportional(10 * level + swing, 12)
        (True, False)
    """
    if not (values[~np.isnan(values)] > 0).all():
        return False
    size = max(season, LEAST_STEPS)
    stretches = values[len(values) % size :].reshape(-1, size)
    stretches = stretches[~np.isnan(stretches).any(axis=1)].astype(np.float64)
    drift = np.linspace(-1, 1, size)  # a trend within a stretch is no swing
    slope = stretches @ drift / (drift @ drift)
    level = stretches.mean(axis=1)
    spread = (stretches - level[:, None] - slope[:, None] * drift).std(axis=1)
    level, spread = level[spread > 1e-6 * level], spread[spread > 1e-6 * level]
    if len(level) < LEAST_STRETCHES or np.ptp(np.log(level)) < 1e-6 or np.ptp(np.log(spread)) < 1e-6:
        return False
    x, y = np.log(level), np.log(spread)
    steep: bool = np.polyfit(x, y, 1)[0] >= LEAST_SLOPE and np.corrcoef(x, y)[0, 1] >= LEAST_CORRELATION
    return bool(steep)


def outgrown(values: Values) -> bool:
    """Whether the end of a series lies beyond what was before, so that what is to come will, too.

    Args:
        values: `(T,)`, of the training part.

    Example:
        >>> outgrown(np.arange(50.0)), outgrown(np.arange(50.0) % 10)
        (True, False)
    """
    cut = len(values) - round(LATE * len(values))
    before, late = (part[~np.isnan(part)] for part in (values[:cut], values[cut:]))
    if not len(before) or not len(late):
        return False
    return float(((late > before.max()) | (late < before.min())).mean()) > BEYOND


def bent(values: Values, size: Values) -> Values:
    """From u to k log(1 + u / k), which is close to u near 0: of u = (y - m) / s and k = m / s it is k log(y / m).

    Below a tenth of the mean m it goes on as its tangent.

    Args:
        values: u.
        size: k, of a shape that fits; where it is 0, u stays as it is.

    Example:
        >>> bent(np.array([-4.0, 0.0, 4 * np.e - 4]), np.array([0.0, 4.0, 4.0]))
        array([-4.,  0.,  4.])
    """
    k = np.where(size > 0, size, 1)
    ratio = 1 + values / k
    log = np.log(np.maximum(ratio, FLOOR)) + np.minimum(ratio - FLOOR, 0) / FLOOR
    return np.where(size > 0, k * log, values)


def straight(values: Values, size: Values) -> Values:
    """Back from `bent`.

    Example:
        >>> straight(bent(np.array([-9.0, 0.5]), np.array(4.0)), np.array(4.0))
        array([-9. ,  0.5])
    """
    k = np.where(size > 0, size, 1)
    log, least = np.where(size > 0, values / k, 0), np.log(FLOOR)  # exp of what is no logarithm may overflow
    ratio = np.exp(np.maximum(log, least)) + np.minimum(log - least, 0) * FLOOR
    return np.where(size > 0, k * (ratio - 1), values)
