"""Log-mel frames: the numbers they are scaled by."""

import numpy as np
import pytest

from recorrente.data.mel import Mel

pytest.importorskip("librosa")


def test_many_frames_are_scaled_as_exactly_as_few():
    """300 times the same sound has its mean and its deviation; summed in float32 they drift."""
    wave = 0.1 * np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    exact = Mel(8000)(wave).astype(np.float64)
    made = Mel.of([wave] * 300, 8000)
    assert made.mean == pytest.approx(exact.mean(axis=0), abs=1e-9)
    assert made.deviation == pytest.approx(exact.std(axis=0), abs=1e-9)
