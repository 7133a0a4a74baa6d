"""Pictures of how well a network does: over the epochs, class by class, and beside what came."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recorrente.report.content import Content
from recorrente.report.drawing import BLUE, GREEN, GREY, ORANGE, plain, quieten

__all__ = ["ahead", "answers", "confusion", "forecast", "learning", "perplexity"]

CELLS_WITH_NUMBERS = 20  # a confusion matrix of more classes than this is shown by colour alone
ACCURACY = {
    "forecast": "share inside the interval",
}  # what the accuracy of an epoch is, where it is not the share of right answers


def learning(content: Content) -> Figure:
    """Loss and accuracy over the epochs, on the training and the validation set, called as each kind calls it."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    right = "error_rate" if "train_error_rate" in content.history else "accuracy"
    for axes, score in zip(figure.subplots(1, 2), ("loss", right), strict=True):
        for part, colour in (("train", GREY), ("validation", BLUE)):
            epochs, values = content.history["epoch"], content.history[f"{part}_{score}"]
            axes.plot(epochs, values, "o-", ms=3, color=colour, label=part)
        axes.set(
            xlabel="epoch", title=ACCURACY.get(content.kind, score) if score == "accuracy" else score.replace("_", " ")
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
        quieten(axes)
    return figure


def perplexity(content: Content) -> Figure:
    """Loss and perplexity over the epochs, of the text that is learnt and the text held out."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss, nats a token", "perplexity"), strict=True):
        for part, colour in (("train", GREY), ("validation", BLUE)):
            losses = np.array(content.history[f"{part}_loss"])
            values = np.exp(losses) if name == "perplexity" else losses
            label = "held out" if part == "validation" else part
            axes.plot(content.history["epoch"], values, "o-", ms=3, color=colour, label=label)
        axes.set(xlabel="epoch", title=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
        quieten(axes)
    return figure


def confusion(content: Content) -> Figure:
    """How often each class (row) was read as each class (column)."""
    counts, classes = np.array(content.metrics["confusion"]), content.classes
    side = min(4 + 0.25 * len(classes), 12)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    turned = 90 if max(map(len, classes)) > 2 else 0
    axes.set_xticks(range(len(classes)), [plain(name) for name in classes], rotation=turned)
    axes.set_yticks(range(len(classes)), [plain(name) for name in classes])
    axes.set(xlabel="read as", ylabel="is")
    if len(classes) <= CELLS_WITH_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)
    return figure


def forecast(content: Content) -> Figure:
    """Windows of the test part: what was, what came, what was said with its interval, and the baselines."""
    seen = content.seen
    names, before = seen["shown_names"], seen["shown_before"]
    h, across = seen["shown_truth"].shape[1], max(min(3, len(names)), 1)  # a short table may have no window to show
    down = max(-(-len(names) // across), 1)
    figure = Figure(figsize=(4.2 * across, 2.6 * down + 0.4), layout="constrained")
    axes_of_all = figure.subplots(down, across, squeeze=False).flat
    past, ahead = np.arange(-before.shape[1], 0), np.arange(h)
    for number, axes in enumerate(axes_of_all):
        if number >= len(names):
            axes.set_axis_off()
            continue
        said = seen["shown_said"][number]
        axes.plot(past, before[number], color=GREY, lw=1)
        axes.fill_between(ahead, said[:, 0], said[:, -1], color=BLUE, alpha=0.2, lw=0, label="interval")
        for name, colour in (("seasonal_naive", ORANGE), ("linear", GREEN)):
            if f"shown_{name}" in seen:
                axes.plot(ahead, seen[f"shown_{name}"][number], color=colour, lw=1, label=name.replace("_", " "))
        axes.plot(ahead, said[:, said.shape[1] // 2], color=BLUE, lw=1.5, label="forecast")
        axes.plot(ahead, seen["shown_truth"][number], color="black", lw=1, label="came", marker="." if h < 3 else None)
        axes.set_title(f"{plain(str(names[number]))}, from {seen['shown_times'][number]}", fontsize=8)
        axes.tick_params(labelsize=8)
        quieten(axes)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return figure


def ahead(content: Content) -> Figure:
    """The mean absolute error at each step to come, of the network and of the baselines."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    colours = {"network": BLUE, "seasonal naive": ORANGE, "linear": GREEN}
    for name, errors in zip(content.seen["ahead_names"].tolist(), content.seen["ahead_mae"], strict=True):
        axes.plot(np.arange(1, len(errors) + 1), errors, ".-", ms=4, color=colours[name], label=name)
    axes.set(xlabel="steps ahead", ylabel="mean absolute error", ylim=(0, None))
    axes.legend(frameon=False)
    quieten(axes)
    return figure


def answers(content: Content) -> Figure:
    """What a probe asked and what was said: a point a sequence, or a line a step."""
    target, said = content.seen["answer_target"], content.seen["answer_said"]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    if content.seen["answer_each_step"]:
        axes.plot(target, color=GREY, lw=3, alpha=0.5, label="asked")
        axes.plot(said, color=BLUE, lw=1, label="said")
        axes.set(xlabel="step, of the last ones")
        axes.legend(frameon=False)
    else:
        axes.plot(target, target, color=GREY, lw=1)
        axes.plot(target, said, "o", ms=3, color=BLUE)
        axes.set(xlabel="asked", ylabel="said")
    quieten(axes)
    return figure
