"""A step of `Model.fit` with recorrente.keras' layers against Keras' own, in one process a backend, in turn.

    python benchmarks/keras_layers.py [--backend torch jax tensorflow] [--only GRU] [--rounds 9] [--masked]
        [--peak-from BENCH] [--out FILE]

The model is one recurrent layer and a Dense one, trained by Adam on random numbers. A round is a `fit` of some batches
with the one and then with the other; the figure is the median of the ratios of neighbouring rounds, with the middle
half, on as many threads as torch has. `--masked` puts a Masking layer in front and ends each row somewhere in 1..T.

The steps are timed from the second to the end of the epoch: `fit` itself takes 0.1 to 0.3 seconds to start,
and with TensorFlow often another second to end, for it then waits idly for a thread of its own that feeds it.

`--peak-from` names the core's bench (build/dev/core/bench/sweep_bench), which measures the FMA peak. Then the model
without its recurrent layer is timed, too, and each row says how many times as fast as Keras' own a step could be at
most: one of that model and of the layer's products at the peak, with nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import date
from math import exp, log
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

SHAPES = [(28, 32, 28, 128), (100, 32, 64, 128), (100, 1, 32, 64), (100, 32, 128, 256)]
CELLS = ("SimpleRNN", "GRU", "LSTM")
BACKENDS = ("torch", "jax", "tensorflow")
ROUND = 0.8  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", nargs="+", choices=BACKENDS, default=BACKENDS)
    parser.add_argument("--only", nargs="+", choices=CELLS, default=CELLS)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--masked", action="store_true")
    parser.add_argument("--peak-from", type=Path, help="the core's bench, which measures the FMA peak")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.masked and words.peak_from:
        parser.error(
            "--peak-from is for rows without masks: how many products rows of random lengths have, it does not count"
        )
    if words.worker:
        from layers import Peak

        peak = Peak(words.peak_from)
        for cell in words.only:
            for shape in SHAPES:
                print(json.dumps(measured(cell, shape, words.rounds, words.masked, peak)), flush=True)
        return
    found = [row for backend in words.backend for row in of_backend(backend)]
    report(found, words.backend, words.only)
    if words.out:
        from recorrente import machine

        about = {"date": date.today().isoformat(), "machine": machine.describe(), "command": sys.argv, "rows": found}
        words.out.write_text(json.dumps(about, indent=1) + "\n")


def of_backend(backend: str) -> list[dict[str, Any]]:
    """The rows of one backend, told as they come."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, __file__, "--worker", *sys.argv[1:]]
    rows = []
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            rows.append({"backend": backend, **json.loads(line)})
            print(told(rows[-1]), flush=True)
    if process.returncode:
        sys.exit(f"{backend}: the measurement ended with {process.returncode}")
    return rows


def told(row: dict[str, Any]) -> str:
    T, B, C, H = row["shape"]
    low, high = row["half"]
    return (
        f"{row['backend']:10} {row['cell']:9} T{T} B{B} C{C} H{H}: {row['ours'] * 1e3:.2f} ms, Keras' own "
        f"{row['keras'] * 1e3:.2f} ms, {row['ratio']:.2f} times ({low:.2f} to {high:.2f})"
        + (f", at most {row['most']:.1f}" if row["most"] else "")
    )


def report(rows: list[dict[str, Any]], backends: list[str], cells: list[str]) -> None:
    print("\ngeometric means")
    for backend in backends:
        for cell in cells:
            ours = [row for row in rows if (row["backend"], row["cell"]) == (backend, cell)]
            ratios = [row["ratio"] for row in ours]
            line = f"{backend:10} {cell:9} {mean(ratios):.2f} times, worst {min(ratios):.2f}"
            print(line + (f", at most {mean([row['most'] for row in ours]):.2f}" if ours[0]["most"] else ""))


def mean(ratios: list[float]) -> float:
    """The geometric one."""
    return exp(fmean(map(log, ratios)))


def products(cell: str, shape: tuple[int, int, int, int]) -> float:
    """FLOPs of a step: forward, the gradients of the weights, and that of h; nobody wants that of x."""
    from layers import Shape

    T, B, C, H = shape
    known = cell.removeprefix("Simple")
    return 2 * Shape(T, B, C, H).flops(known) + Shape(T, B, 0, H).flops(known)


def measured(cell: str, shape: tuple[int, int, int, int], rounds: int, masked: bool, peak: Any) -> dict[str, Any]:
    import keras
    import numpy as np
    import torch

    import recorrente.keras

    T, B, C, H = shape
    random = np.random.default_rng(0)

    def model(layer: Any) -> Any:
        masking = [keras.layers.Masking()] if masked else []
        layers = [keras.Input((T, C)), *masking, layer, keras.layers.Dense(10)]
        made = keras.Sequential(layers)
        made.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return made

    class Clock(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                self.start = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # its logs are there: all steps are done
            self.seconds = time.perf_counter() - self.start

    def step(model: Any, batches: int) -> float:
        """Seconds a step, over all but the first of so many."""
        x = random.standard_normal((batches * B, T, C), dtype="float32")
        if masked:
            x *= np.arange(T)[:, None] < random.integers(1, T + 1, (batches * B, 1, 1))
        y = random.integers(0, 10, batches * B)
        clock = Clock()
        model.fit(x, y, batch_size=B, epochs=1, verbose=0, shuffle=False, callbacks=[clock])
        return clock.seconds / (batches - 1)

    models = [model(getattr(home, cell)(H)) for home in (recorrente.keras, keras.layers)]
    if peak(1):
        models.append(model(keras.layers.Lambda(lambda x: x[:, -1], output_shape=(C,))))
    for one in models:
        step(one, 4)
    batches = [max(20, min(400, int(ROUND / step(one, 20)))) for one in models]
    times, peaks = [], []
    for _ in range(rounds):
        times.append([step(one, count) for one, count in zip(models, batches, strict=True)])
        peaks.append(peak(torch.get_num_threads()) * 1e9)
    ratios = [theirs / ours for ours, theirs, *_ in times]
    low, _, high = quantiles(ratios, n=4)
    ours, theirs, *without = (median(row) for row in zip(*times, strict=True))
    row = {"cell": cell, "shape": shape, "ours": ours, "keras": theirs, "ratio": median(ratios), "half": [low, high]}
    most = theirs / (without[0] + products(cell, shape) / median(peaks)) if without else None
    return {**row, "without": without[0] if without else None, "most": most}


if __name__ == "__main__":
    main()
