"""recorrente's layers against Keras, a hand-written `lax.scan` and ONNX Runtime, round by round in turn.

    python benchmarks/rivals/layers.py --python RIVALS/bin/python [--rounds 7] [--out FILE]

RIVALS is an environment with `benchmarks/rivals/requirements.txt`. Ours run here on all of torch's threads, a rival
in a process of its own on all of its; the figure is the median of the ratios of neighbouring rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from statistics import median, quantiles

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

import recorrente
from recorrente import machine

sys.path.insert(0, str(Path(__file__).parents[1]))
from layers import MODES, ROUND, Shape

RIVALS = ("keras-tensorflow", "keras-jax", "jax-scan", "onnxruntime")
SHAPES = [
    Shape(28, 32, 28, 128),
    Shape(100, 1, 32, 64),
    Shape(100, 32, 32, 64),
    Shape(100, 32, 128, 256),
    Shape(100, 64, 256, 512),
]


class Rival:
    """The other process."""

    def __init__(self, python: Path, name: str) -> None:
        worker = Path(__file__).with_name("worker.py")
        words = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self.process = subprocess.Popen([python, worker, name], **words)

    def __call__(self, said: object) -> float | None:
        self.process.stdin.write(json.dumps(said) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def ours(shape: Shape, cell: str, mode: str):
    layer = getattr(recorrente, cell)(shape.C, shape.H)
    return MODES[mode][0](layer, torch.randn(shape.T, shape.B, shape.C))


def a_round(call, count: int) -> float:
    """Seconds a call. The other's threads spin for a while when their work is done: first they are let go to sleep."""
    time.sleep(0.05)
    call()
    before = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - before) / count


def measure(rival: Rival, shape: Shape, cell: str, mode: str, rounds: int) -> dict[str, object] | None:
    if rival({"cell": cell, "mode": mode, "T": shape.T, "B": shape.B, "C": shape.C, "H": shape.H}) is None:
        return None
    call = ours(shape, cell, mode)
    a_round(call, 2)
    count = max(1, math.ceil(ROUND / a_round(call, 1)))
    pairs = [(a_round(call, count), rival("round")) for _ in range(rounds)]
    ratios = [theirs / own for own, theirs in pairs]
    low, _, high = quantiles(ratios, n=4)
    own, theirs = (1e3 * median(column) for column in zip(*pairs, strict=True))
    return {
        "shape": str(shape),
        "cell": cell,
        "mode": mode,
        "ours_ms": own,
        "rival_ms": theirs,
        "ratio": median(ratios),
        "ratio_low": low,
        "ratio_high": high,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rivals", nargs="+", choices=RIVALS, default=RIVALS)
    parser.add_argument("--out", type=Path)
    words = parser.parse_args()
    todo = [(mode, shape, cell) for mode in MODES for shape in SHAPES for cell in shape.cells]
    rows = []
    for name in words.rivals:
        rival = Rival(words.python, name)
        for mode, shape, cell in track(todo, name, console=Console(stderr=True)):
            row = measure(rival, shape, cell, mode, words.rounds)
            rows += [] if row is None else [{"rival": name, **row}]
        rival.process.stdin.close()
    table = Table("rival", "mode", "cell", "shape", "ours ms", "rival ms", "rival / ours", box=None)
    for row in rows:
        spread = f"{row['ratio']:.2f} ({row['ratio_low']:.2f}-{row['ratio_high']:.2f})"
        table.add_row(
            *(str(row[n]) for n in ("rival", "mode", "cell", "shape")),
            f"{row['ours_ms']:.3f}",
            f"{row['rival_ms']:.3f}",
            spread,
        )
    Console(width=120).print(table)
    if words.out:
        told = {**machine.describe(), "date": date.today().isoformat()}
        words.out.write_text(json.dumps({"machine": told, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
