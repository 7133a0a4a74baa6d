"""How far back networks remember: each probe trained by its command, beside the numbers that others published.

    python benchmarks/probes.py [--runs FOLDER] [NAME ...]

Trains what is not there yet (an interrupted run is taken up again) and prints the table, as Markdown, of all that is.
Threads are torch's; set OMP_NUM_THREADS for fewer.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from recorrente.runs import Run

BY_PIXELS = (
    "--cell gru --hidden 128 --layers 1 --initial scales:784 --batch 32 --learning-rate 5e-3 --shift 0 --epochs 10"
)
COMMANDS = {
    "adding": "adding --length 600",
    "copy": "copy --length 1000",
    "parity": "parity --length 100",
    "mackey-glass": "mackey-glass",
    "smnist": f"smnist {BY_PIXELS}",
    "psmnist": f"psmnist {BY_PIXELS}",
}
PUBLISHED = {
    "smnist": "96.2 % GRU, 87.2 % LSTM (arXiv 1803.01271); tuned 99.1 % GRU, 98.8 % LSTM (T. A. Keller et al., 2024)",
    "psmnist": "87.3 % GRU, 85.7 % LSTM (arXiv 1803.01271); tuned 94.1 % GRU, 92.9 % LSTM (T. A. Keller et al., 2024)",
}


def train(name: str, runs: Path) -> None:
    folder = runs / name
    if (folder / "metrics.json").exists():
        return
    begun = (folder / "checkpoint.pt").exists()
    words = ["--resume", str(folder)] if begun else [*shlex.split(COMMANDS[name]), "--out", str(folder), "--overwrite"]
    subprocess.run([sys.executable, "-m", "recorrente", "train", *words], check=True)


def row(name: str, runs: Path) -> str:
    metrics = Run.open(runs / name).read_json("metrics.json")
    if name in PUBLISHED:
        score, beside = f"{metrics['accuracy']:.2%}", PUBLISHED[name]
    else:
        score = f"{metrics['loss']:.2g} ({metrics['measure']})"
        beside = "; ".join([f"without memory {metrics['naive']:.3g}", *told(metrics["published"])])
    minutes = metrics["train_seconds"] / 60
    return f"| `recorrente train {COMMANDS[name]}` | {score} | {beside} | {minutes:.0f} min |"


def told(published: dict[str, float]) -> list[str]:
    return [f"{name} {value:g}" for name, value in published.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of the probes; all where none is named")
    parser.add_argument("--runs", type=Path, default=Path("runs/probes"))
    words = parser.parse_args()
    names = words.names or list(COMMANDS)
    if unknown := set(names) - set(COMMANDS):
        parser.error(f"{', '.join(unknown)}: not one of {', '.join(COMMANDS)}")
    for name in names:
        train(name, words.runs)
    print("| command | ours | beside it | training |\n|---|---|---|---|")
    for name in COMMANDS:
        if (words.runs / name / "metrics.json").exists():
            print(row(name, words.runs))


if __name__ == "__main__":
    main()
