"""recorrente's layers against torch.nn's, in one process, call by call in turn.

    python benchmarks/layers.py [--threads 1 2] [--only GRU] [--one-step] [--peak-from BENCH] [--out FILE]

For every shape and cell: a forward pass without gradient, and a training step (forward and backward). Each figure is
the median over many rounds, ours and torch's in turn, so that a machine that slows down slows both; a round is as many
calls as take some milliseconds, for a loop that trains one model does not begin each step with the other's caches. The
spread is the middle half. GFLOP/s count the useful products, 2 T B G H (C + H) forward and twice that backward, for
every layer and direction; their share is of what so many threads at once give of multiply and add alone, measured just
before and after. Losses are shown as they are. `--one-step`: layers of many widths that are called step by step.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import median, quantiles

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

import recorrente
from recorrente import machine

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


@dataclass(frozen=True)
class Shape:
    """T steps, B rows, C inputs, H units, L layers; `ways` 2 for bidirectional."""

    T: int
    B: int
    C: int
    H: int
    L: int = 1
    ways: int = 1
    cells: tuple[str, ...] = ("RNN", "GRU", "LSTM")

    def __str__(self) -> str:
        more = (f" L{self.L}" if self.L > 1 else "") + (" both ways" if self.ways == 2 else "")
        return f"T{self.T} B{self.B} C{self.C} H{self.H}{more}"

    def flops(self, cell: str) -> float:
        """Of one forward pass."""
        inputs = [self.C] + [self.H * self.ways] * (self.L - 1)
        return sum(2.0 * self.T * self.B * GATES[cell] * self.H * (c + self.H) for c in inputs) * self.ways


SHAPES = [
    Shape(28, 32, 28, 128),
    Shape(28, 128, 28, 128),
    Shape(100, 1, 32, 64),
    Shape(100, 32, 32, 64),
    Shape(100, 32, 128, 256),
    Shape(100, 64, 256, 512),
    Shape(784, 32, 1, 128),
    Shape(25, 64, 512, 512),
    Shape(50, 64, 500, 500),
    Shape(150, 32, 256, 256),
    Shape(187, 32, 1024, 1024, cells=("GRU",)),
    Shape(672, 1, 32, 32),
    Shape(96, 1, 64, 64),
    Shape(150, 1, 256, 256),
    Shape(2000, 8, 256, 256, L=2),
    Shape(100, 32, 128, 128, ways=2),
    Shape(60, 8, 40, 100),
    Shape(300, 16, 3, 48),
]
ONE_STEP = [Shape(1, B, H, H) for B in (1, 4) for H in (32, 64, 128, 256, 512, 1024)]


def inference(layer: nn.Module, x: torch.Tensor) -> Callable[[], None]:
    def call() -> None:
        with torch.no_grad():
            layer(x)

    return call


def training(layer: nn.Module, x: torch.Tensor) -> Callable[[], None]:
    x = x.clone().requires_grad_()
    cotangent: list[torch.Tensor] = []

    def call() -> None:
        for parameter in layer.parameters():
            parameter.grad = None
        x.grad = None
        y, _ = layer(x)
        if not cotangent:
            cotangent.append(torch.randn_like(y))
        y.backward(cotangent[0])

    return call


MODES = {"inference": (inference, 1), "training": (training, 3)}


ROUND = 5e-3  # seconds


def repeats(call: Callable[[], None]) -> int:
    """How many calls make a round, after three that warm up."""
    for _ in range(2):
        call()
    before = time.perf_counter()
    call()
    return max(1, math.ceil(ROUND / (time.perf_counter() - before)))


def seconds_in_turn(calls: list[Callable[[], None]], budget: float) -> list[list[float]]:
    """The times of each call in rounds taken in turn, for about `budget` seconds for each, and at least 5 rounds."""
    counts = [repeats(call) for call in calls]
    times: list[list[float]] = [[] for _ in calls]
    started = time.perf_counter()
    while len(times[0]) < 5 or time.perf_counter() - started < budget * len(calls):
        for call, count, taken in zip(calls, counts, times, strict=True):
            before = time.perf_counter()
            for _ in range(count):
                call()
            taken.append((time.perf_counter() - before) / count)
    return times


class Peak:
    """GFLOP/s of so many threads that only multiply and add, now; the core's bench measures it, or it is 0."""

    def __init__(self, bench: Path | None) -> None:
        words = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([bench, "peak"], **words) if bench else None

    def __call__(self, threads: int) -> float:
        if self.process is None:
            return 0.0
        self.process.stdin.write(f"{threads}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def measure(shape: Shape, cell: str, mode: str, threads: int, budget: float, peak: Peak) -> dict[str, object]:
    torch.set_num_threads(threads)
    options = {"num_layers": shape.L, "bidirectional": shape.ways == 2}
    ours = getattr(recorrente, cell)(shape.C, shape.H, **options)
    theirs = getattr(nn, cell)(shape.C, shape.H, **options)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(shape.T, shape.B, shape.C)
    make, passes = MODES[mode]
    before = peak(threads)
    times = seconds_in_turn([make(ours, x), make(theirs, x)], budget)
    peak_gflops = (before + peak(threads)) / 2
    gflops = passes * shape.flops(cell) / median(times[0]) / 1e9
    ratios = [torch_time / our_time for our_time, torch_time in zip(*times, strict=True)]
    low, _, high = quantiles(ratios, n=4)
    return {
        "shape": str(shape),
        "cell": cell,
        "mode": mode,
        "threads": threads,
        "rounds": len(ratios),
        "ours_ms": 1e3 * median(times[0]),
        "torch_ms": 1e3 * median(times[1]),
        "gflops": gflops,
        "of_peak": gflops / peak_gflops if peak_gflops else None,
        "ratio": median(ratios),
        "ratio_low": low,
        "ratio_high": high,
    }


def every(
    shapes: list[Shape], threads: list[int], only: str | None, budget: float, peak: Peak
) -> Iterator[dict[str, object]]:
    for count in threads:
        for mode in MODES:
            for shape in shapes:
                for cell in shape.cells:
                    if only in (None, cell):
                        yield measure(shape, cell, mode, count, budget, peak)


def geometric_means(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    groups: dict[tuple[object, ...], list[float]] = {}
    for row in rows:
        groups.setdefault((row["threads"], row["mode"], row["cell"]), []).append(float(str(row["ratio"])))
    return [
        {
            "threads": key[0],
            "mode": key[1],
            "cell": key[2],
            "mean": math.exp(sum(map(math.log, r)) / len(r)),
            "worst": min(r),
        }
        for key, r in groups.items()
    ]


def show(rows: list[dict[str, object]]) -> None:
    console = Console(width=130)
    table = Table(
        "threads", "mode", "cell", "shape", "ours ms", "torch ms", "GFLOP/s", "of peak", "torch / ours", box=None
    )
    for row in rows:
        share = f"{100 * float(str(row['of_peak'])):.0f} %" if row["of_peak"] else ""
        spread = f"{row['ratio']:.2f} ({row['ratio_low']:.2f}-{row['ratio_high']:.2f})"
        words = [str(row[name]) for name in ("threads", "mode", "cell", "shape")]
        table.add_row(*words, f"{row['ours_ms']:.3f}", f"{row['torch_ms']:.3f}", f"{row['gflops']:.1f}", share, spread)
    console.print(table)
    means = Table("threads", "mode", "cell", "geometric mean", "worst shape", box=None)
    for row in geometric_means(rows):
        means.add_row(*[str(row[n]) for n in ("threads", "mode", "cell")], f"{row['mean']:.2f}", f"{row['worst']:.2f}")
    console.print(means)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--only", choices=list(GATES))
    parser.add_argument("--one-step", action="store_true", help="other shapes: T 1")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds for each figure")
    parser.add_argument("--peak-from", type=Path, help="the core's bench, which measures the FMA peak")
    parser.add_argument("--out", type=Path)
    words = parser.parse_args()
    peak = Peak(words.peak_from)
    shapes = ONE_STEP if words.one_step else SHAPES
    figures = every(shapes, words.threads, words.only, words.budget, peak)
    wanted = sum(words.only in (None, cell) for shape in shapes for cell in shape.cells)
    total = len(words.threads) * len(MODES) * wanted
    rows = list(track(figures, "measuring", total, console=Console(stderr=True)))
    show(rows)
    if words.out:
        told = {
            **machine.describe(),
            "peak_gflops": {count: peak(count) for count in words.threads},
            "date": date.today().isoformat(),
        }
        told["load"] = os.getloadavg()[0]
        words.out.write_text(
            json.dumps({"machine": told, "shapes": [asdict(s) for s in shapes], "rows": rows}, indent=1)
        )


if __name__ == "__main__":
    main()
