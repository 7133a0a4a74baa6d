"""The figures of `bptt.md`: what the window costs, measured.

    python docs/guide/figures.py [--data mnist] [--steps 600]

Writes `angle.png` and `curves.png` beside this file and prints the numbers that the page quotes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

import recorrente
from recorrente.credit import Full, Truncated
from recorrente.data import image
from recorrente.data.image import Reader

HERE = Path(__file__).parent
WINDOWS = [1, 2, 3, 5, 8, 12, 16, 20, 24, 28]
DELAY = 20
BLUE, RED = "#0072B2", "#D55E00"

Draw = Callable[[], tuple[Tensor, Tensor]]


def images(name: str) -> tuple[Draw, int, int]:
    """Random batches of 64 training images read by rows; C and K."""
    data = image.load(name)
    reader, generator = Reader.of(data, order="rows", seed=0), torch.Generator().manual_seed(0)
    labels = torch.from_numpy(data.train.labels)

    def draw() -> tuple[Tensor, Tensor]:
        chosen = torch.randint(len(labels), (64,), generator=generator)
        return reader(data.train.images[chosen.numpy()]), labels[chosen]

    return draw, reader.inputs, len(data.classes)


def memory() -> tuple[Draw, int, int]:
    """A symbol out of 4 at the first step, then noise: which one was it, `DELAY` steps later?"""
    generator = torch.Generator().manual_seed(0)

    def draw() -> tuple[Tensor, Tensor]:
        target = torch.randint(4, (64,), generator=generator)
        x = 0.3 * torch.randn(DELAY, 64, 4, generator=generator)
        x[0] = 2.0 * nn.functional.one_hot(target, 4)
        return x, target

    return draw, 4, 4


def network(inputs: int, outputs: int) -> tuple[nn.Module, nn.Linear]:
    torch.manual_seed(1)
    return recorrente.RNN(inputs, 64), nn.Linear(64, outputs)


def loss(layer: nn.Module, head: nn.Linear, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    y = head(layer(x)[0][-1])
    return nn.functional.cross_entropy(y, target), (y.argmax(1) == target).float().mean()


def angle(layer: nn.Module, head: nn.Linear, batch: tuple[Tensor, Tensor], window: int) -> float:
    """Degrees between the true gradient of W_hh and that of a window."""
    found = []
    for layer.credit in (Full(), Truncated(window, 1)):
        found.append(torch.autograd.grad(loss(layer, head, *batch)[0], layer.weight_hh_l0)[0].flatten())
    return float(torch.rad2deg(nn.functional.cosine_similarity(*found, dim=0).clamp(-1, 1).acos()))


def curve(task: tuple[Draw, int, int], credit: Full | Truncated, steps: int) -> list[float]:
    """The accuracy on each new batch while it learns."""
    draw, inputs, outputs = task
    layer, head = network(inputs, outputs)
    layer.credit = credit
    optimizer = torch.optim.Adam([*layer.parameters(), *head.parameters()], lr=2e-3)
    seen = []
    for _ in range(steps):
        value, right = loss(layer, head, *draw())
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        seen.append(float(right))
    return seen


def smooth(values: list[float], over: int = 20) -> list[float]:
    return [sum(values[max(0, i - over) : i + 1]) / len(values[max(0, i - over) : i + 1]) for i in range(len(values))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist", help="mnist, or digits, which needs no download")
    parser.add_argument("--steps", type=int, default=600, help="batches of 64 of each training")
    parser.add_argument("--out", type=Path, default=HERE)
    words = parser.parse_args()
    tasks = {f"{words.data}, rows": images(words.data), f"a symbol, {DELAY} steps ago": memory()}
    angles = Figure(figsize=(6, 3.2), layout="constrained")
    axes = angles.subplots()
    curves = Figure(figsize=(9, 3.2), layout="constrained")
    for plot, (name, task), colour in zip(curves.subplots(1, 2), tasks.items(), (BLUE, RED), strict=True):
        layer, head = network(*task[1:])
        batch = task[0]()
        windows = [w for w in WINDOWS if w <= len(batch[0])]
        degrees = [angle(layer, head, batch, window) for window in windows]
        print(f"{name}: angle " + ", ".join(f"{w}: {d:.1f}" for w, d in zip(windows, degrees, strict=True)))
        axes.plot(windows, degrees, "o-", color=colour, label=name)
        for label, credit, style in (("Full()", Full(), BLUE), ("Truncated(1)", Truncated(1), RED)):
            seen = smooth(curve(task, credit, words.steps))
            print(f"{name}: {label} accuracy at the end {seen[-1]:.3f}")
            plot.plot(seen, color=style, label=label)
        plot.set(title=name, xlabel="batches", ylabel="accuracy", ylim=(0, 1))
        plot.legend()
    axes.set(xlabel="window, steps", ylabel="degrees from the true gradient", ylim=(0, None))
    axes.legend()
    for figure, name in ((angles, "angle.png"), (curves, "curves.png")):
        figure.savefig(words.out / name, dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
