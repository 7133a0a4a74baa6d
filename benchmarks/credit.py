"""What each credit rule costs in time and in memory, measured.

    python benchmarks/credit.py [--T 100000] [--H 128] [--C 128] [--rounds 3] [--threads 1] [--dropped]

Each rule runs in a process of its own: a forward and a backward pass of one LSTM, B 1, once to warm up with few steps
and then `rounds` times. Time is that of the process on the processors, the least of the rounds. Memory is the peak of
the resident set during them, less that of the same process when it had made x, dy and the layer, and had run a forward
pass without gradient: `extra`, what going back costs beside y. With `--dropped` nobody but the layer holds y when
backward begins, and `extra` has y times 1 in it. The rules' processes are run in turn.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import torch

import recorrente
from recorrente.credit import Checkpointed, Full, Recompute, Truncated

RULES = {
    "Full()": Full(),
    "Checkpointed()": Checkpointed(),
    "Checkpointed(segments=316)": Checkpointed(segments=316),
    "Recompute()": Recompute(),
    "Truncated(100)": Truncated(100),
}


def peak() -> int:
    """Bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def measure(rule: str, words: argparse.Namespace) -> dict[str, float]:
    torch.set_num_threads(words.threads)
    torch.manual_seed(0)
    layer = getattr(recorrente, words.cell)(words.C, words.H)
    x, dy = torch.randn(words.T, words.B, words.C), torch.randn(words.T, words.B, words.H)
    x.requires_grad_(words.dx)
    layer.credit = RULES[rule]
    layer(x[:300])[0].backward(dy[:300])  # with a gradient given: torch then loads 32 MB of its own, once
    layer.zero_grad()
    x.grad = None
    with torch.no_grad():
        y, _ = layer(x)
        spare = torch.ones_like(x) if words.dx else None
    before, seconds = peak(), []
    del y, spare
    for _ in range(words.rounds):
        layer.zero_grad()
        x.grad = None
        started = time.process_time()
        y, _ = layer(x)
        forward = time.process_time()
        if words.dropped:
            y = y * 1  # the multiplication keeps a number, not what it multiplied
        y.backward(dy)
        seconds.append((time.process_time() - started, forward - started))
        del y
    whole, forward_seconds = min(seconds)
    return {"extra_MB": (peak() - before) / 2**20, "seconds": whole, "forward_seconds": forward_seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {"T": 100_000, "B": 1, "C": 128, "H": 128, "rounds": 3, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--cell", default="LSTM", choices=("RNN", "GRU", "LSTM"))
    parser.add_argument("--dropped", action="store_true", help="y is not held by anybody")
    parser.add_argument("--dx", action="store_true", help="the gradient of x too")
    parser.add_argument("--rule", choices=list(RULES), help="only this one, in this process")
    words = parser.parse_args()
    if words.rule:
        print(json.dumps(measure(words.rule, words)))
        return
    first: dict[str, float] = {}
    for rule in RULES:
        told = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--rule", rule], check=True, stdout=-1).stdout
        row = json.loads(told)
        first = first or row
        share, ratio = row["extra_MB"] / first["extra_MB"], row["seconds"] / first["seconds"]
        print(f"{rule:28}{row['extra_MB']:9.1f} MB {share:7.1%}{row['seconds']:9.3f} s {ratio:6.2f}x", flush=True)


if __name__ == "__main__":
    main()
