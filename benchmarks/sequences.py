"""Sequences as they come: lengths, resets, noise and variants, each beside what it stands for.

    python benchmarks/sequences.py [--threads 2] [--budget 1.0] [--out FILE]

Training steps (forward and backward) in rounds taken in turn, medians with the middle half of the rounds. Four tables:
ours with `lengths` beside torch's packed sequences; ours with `lengths` beside ours over all steps, as a share of what
the valid steps would cost by their number; a call with resets beside one without; each kind of noise and each variant
beside the plain cell. Losses are shown as they are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from statistics import median, quantiles

import torch
from layers import seconds_in_turn
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import recorrente
from recorrente import cells, machine
from recorrente.layers import Recurrent

KINDS = ("RNN", "GRU", "LSTM")
RAGGED = [(200, 32, 64, 128), (4000, 8, 64, 128), (4000, 32, 64, 128)]
BESIDE_TORCH = RAGGED[:2]  # whose packed step takes ten seconds at the second
FIXED = (200, 32, 64, 128)
NOISE = {
    "input dropout": {"input_dropout": 0.3},
    "recurrent dropout": {"recurrent_dropout": 0.3},
    "zoneout": {"zoneout": 0.1},
    "weight dropout": {"weight_dropout": 0.5},
}
VARIANTS = {
    "GRU reset before the product": (cells.GRU, cells.ResetBeforeGRU),
    "LSTM with peepholes": (cells.LSTM, cells.PeepholeLSTM),
    "LSTM with coupled gates": (cells.LSTM, cells.CoupledLSTM),
    "GRU with layer norm": (cells.GRU, cells.NormGRU),
    "LSTM with layer norm": (cells.LSTM, cells.NormLSTM),
}

Call = Callable[[], None]


def step(module: nn.Module, x: torch.Tensor, run: Callable[[torch.Tensor], torch.Tensor]) -> Call:
    """A training step of `run(x)`, with one cotangent for all steps."""
    x = x.clone().requires_grad_()
    dy = torch.randn_like(run(x))

    def call() -> None:
        module.zero_grad(set_to_none=True)
        x.grad = None
        run(x).backward(dy)

    return call


def packed(layer: nn.Module, lengths: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """As somebody with a padded batch has to: pack, run, pad."""

    def run(x: torch.Tensor) -> torch.Tensor:
        y, _ = layer(pack_padded_sequence(x, lengths, enforce_sorted=False))
        return pad_packed_sequence(y, total_length=len(x))[0]

    return run


def versus(name: str, beside: str, calls: list[Call], budget: float, scale: float = 1.0) -> dict[str, object]:
    """Times of two calls in turn: `ratio` is the second's over the first's, times `scale`."""
    times = seconds_in_turn(calls, budget)
    ratios = [scale * b / a for a, b in zip(*times, strict=True)]
    low, _, high = quantiles(ratios, n=4)
    ms = [1e3 * median(t) for t in times]
    return {
        "what": name,
        "beside": beside,
        "ms": ms[0],
        "beside_ms": ms[1],
        "ratio": median(ratios),
        "low": low,
        "high": high,
        "rounds": len(ratios),
    }


def ragged(budget: float) -> Iterator[dict[str, object]]:
    for T, B, C, H in RAGGED:
        lengths = torch.randint(1, T + 1, (B,), generator=torch.Generator().manual_seed(0))
        share = float(lengths.sum()) / (T * B)
        for kind in KINDS:
            ours, torchs = getattr(recorrente, kind)(C, H), getattr(nn, kind)(C, H)
            x, at = torch.randn(T, B, C), f"{kind} T{T} B{B} C{C} H{H}"
            mine = step(ours, x, lambda x, layer=ours, n=lengths: layer(x, lengths=n)[0])
            whole = step(ours, x, lambda x, layer=ours: layer(x)[0])
            if (T, B, C, H) in BESIDE_TORCH:
                yield versus(at, "torch, packed", [mine, step(torchs, x, packed(torchs, lengths))], budget)
            yield versus(at, "our padded time x valid share", [whole, mine], budget, 1 / share)


def resets(budget: float) -> Iterator[dict[str, object]]:
    T, B, C, H = FIXED
    reset = torch.rand(T, B, generator=torch.Generator().manual_seed(0)) < 0.02
    for kind in KINDS:
        layer, x = getattr(recorrente, kind)(C, H), torch.randn(T, B, C)
        plain = step(layer, x, lambda x, layer=layer: layer(x)[0])
        cut = step(layer, x, lambda x, layer=layer: layer(x, reset=reset)[0])
        yield versus(f"{kind} with resets", "without", [plain, cut], budget)


def regularised(budget: float) -> Iterator[dict[str, object]]:
    T, B, C, H = FIXED
    x = torch.randn(T, B, C)
    for kind in KINDS:
        for name, noise in NOISE.items():
            layers = [getattr(recorrente, kind)(C, H), getattr(recorrente, kind)(C, H, **noise)]
            calls = [step(layer, x, lambda x, layer=layer: layer(x)[0]) for layer in layers]
            yield versus(f"{kind} with {name}", "plain", calls, budget)


def variants(budget: float) -> Iterator[dict[str, object]]:
    T, B, C, H = FIXED
    x = torch.randn(T, B, C)
    for name, pair in VARIANTS.items():
        layers = [Recurrent(make(), C, H) for make in pair]
        calls = [step(layer, x, lambda x, layer=layer: layer(x)[0]) for layer in layers]
        yield versus(name, "plain", calls, budget)
    for P in (H // 2, H // 3 + 1):
        kinds = recorrente.LSTM(C, H), recorrente.LSTM(C, H, proj_size=P), nn.LSTM(C, H, proj_size=P)
        plain, ours, torchs = (step(layer, x, lambda x, layer=layer: layer(x)[0]) for layer in kinds)
        yield versus(f"LSTM projected to {P}", "plain", [plain, ours], budget)
        yield versus(f"LSTM projected to {P}", "torch's own", [ours, torchs], budget)


def every(budget: float) -> Iterator[dict[str, object]]:
    for part in (ragged, resets, regularised, variants):
        yield from part(budget)


def show(rows: list[dict[str, object]]) -> None:
    table = Table("what", "beside", "ms", "beside ms", "ratio (middle half)", box=None)
    for row in rows:
        times = f"{row['ms']:.2f}", f"{row['beside_ms']:.2f}"
        table.add_row(
            str(row["what"]), str(row["beside"]), *times, f"{row['ratio']:.2f} ({row['low']:.2f}-{row['high']:.2f})"
        )
    Console(width=130).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--budget", type=float, default=1.0, help="seconds for each figure")
    parser.add_argument("--out", type=Path)
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    wanted = (len(RAGGED) + len(BESIDE_TORCH)) * len(KINDS) + len(KINDS) * (1 + len(NOISE)) + len(VARIANTS) + 4
    rows = list(track(every(words.budget), "measuring", wanted, console=Console(stderr=True)))
    show(rows)
    if words.out:
        told = {**machine.describe(), "threads": words.threads, "date": date.today().isoformat()}
        words.out.write_text(json.dumps({"machine": told, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
