"""Pictures of what a network reads, and of what it takes it for while it arrives."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from recorrente.report.content import Content
from recorrente.report.drawing import CLASSES_NAMED, GREY, draw_likely, gallery, plain, quieten, strip_of

__all__ = ["arriving", "clips", "grid", "mistakes", "series", "sounds", "steps", "transcripts"]


def grid(content: Content) -> Figure:
    """25 training images with their labels, 5 x 5."""
    names = [content.classes[label] for label in content.seen["grid_labels"]]
    return gallery(content.seen["grid_images"], names, columns=5)


def mistakes(content: Content) -> Figure:
    """The wrong predictions that the network was surest of."""
    seen, classes = content.seen, content.classes
    if not len(seen["mistake_index"]):
        figure = Figure(figsize=(4, 1), layout="constrained")
        figure.text(0.5, 0.5, "no mistakes on the test set", ha="center", va="center", color=GREY)
        return figure
    names = [
        f"{classes[target]} read as {classes[said]}\n{confidence:.0%} sure"
        for target, said, confidence in zip(
            seen["mistake_target"], seen["mistake_prediction"], seen["mistake_confidence"], strict=True
        )
    ]
    return gallery(seen["mistake_images"], names, columns=4)


def steps(content: Content) -> Figure:
    """One image, and the probability of each class after every step of reading it."""
    seen, order = content.seen, content.config["data"]["reader"]["order"]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    picture, axes = figure.subplots(1, 2, width_ratios=(1, 2.4), sharey=order == "rows")
    picture.imshow(seen["steps_image"], cmap="gray")
    picture.set(title=plain(content.classes[int(seen["steps_label"])]), xticks=[])
    probabilities = seen["steps_probabilities"]  # (T, K)
    time = np.arange(len(probabilities))
    for rank, k in enumerate(np.argsort(-probabilities.max(axis=0))):
        named = rank < CLASSES_NAMED
        style: dict[str, Any] = {"label": plain(content.classes[k])} if named else {"color": "#dddddd", "zorder": 0}
        if order == "rows":  # time runs down, beside the rows of the picture
            axes.plot(probabilities[:, k], time, **style)
        else:
            axes.plot(time, probabilities[:, k], **style)
    if order == "rows":
        picture.set_ylabel("step = row")
        axes.set(xlabel="probability after this row", xlim=(-0.02, 1.02))
    else:
        picture.set_yticks([])
        axes.set(xlabel="step = pixel", ylabel="probability", ylim=(-0.02, 1.02))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    quieten(axes)
    return figure


def arriving(content: Content) -> Figure:
    """Some texts, and the probability of each class after every step of reading them."""
    seen, classes = content.seen, content.classes
    targets = seen["arriving_target"]
    figure = Figure(figsize=(8, 2.6 * len(targets)), layout="constrained")
    for number, axes in enumerate(figure.subplots(len(targets), 1, squeeze=False)[:, 0]):
        probabilities = seen[f"arriving_{number}_probabilities"]  # (T, K)
        draw_likely(axes, probabilities, classes, marker=".")
        tokens = [plain(token) for token in seen[f"arriving_{number}_steps"].tolist()]
        upright = max(map(len, tokens)) == 1
        axes.set_xticks(range(len(tokens)), tokens, rotation=0 if upright else 60, fontsize=8)
        if not upright:
            for tick in axes.get_xticklabels():
                tick.set_ha("right")
        axes.set(title=f"is {plain(classes[int(targets[number])])}")
    return figure


def sounds(content: Content) -> Figure:
    """Some sounds as the network reads them, and the probability of each class as they arrive."""
    seen, classes = content.seen, content.classes
    targets, hop = seen["sound_target"], float(content.config["data"]["reader"]["hop"])
    figure = Figure(figsize=(8, 3.2 * len(targets)), layout="constrained")
    pairs = figure.subplots(2 * len(targets), 1, squeeze=False)[:, 0].reshape(-1, 2)
    for number, (above, axes) in enumerate(pairs):
        frames, probabilities = seen[f"sound_{number}_frames"], seen[f"sound_{number}_probabilities"]
        time = hop * np.arange(len(frames))
        above.imshow(
            frames.T, aspect="auto", origin="lower", cmap="viridis", extent=(0, time[-1] + hop, 0, frames.shape[1])
        )
        name = plain(str(seen["sound_names"][number]))
        above.set(ylabel="mel band", xticks=[], title=f"{name}: is {plain(classes[int(targets[number])])}")
        draw_likely(axes, probabilities, classes, time)
        axes.set(xlabel="seconds", xlim=(0, time[-1] + hop))
    return figure


def series(content: Content) -> Figure:
    """Some series, a line a channel, and the probability of each class as they arrive."""
    seen, classes = content.seen, content.classes
    targets = seen["series_target"]
    figure = Figure(figsize=(8, 3.2 * len(targets)), layout="constrained")
    pairs = figure.subplots(2 * len(targets), 1, squeeze=False)[:, 0].reshape(-1, 2)
    for number, (above, axes) in enumerate(pairs):
        values, probabilities = seen[f"series_{number}_values"], seen[f"series_{number}_probabilities"]
        above.plot(values, lw=1)
        above.set(ylabel="value", xticks=[], title=f"is {plain(classes[int(targets[number])])}")
        draw_likely(axes, probabilities, classes)
        axes.set(xlabel="step")
        above.set_xlim(axes.get_xlim())
        quieten(above)
    return figure


def clips(content: Content) -> Figure:
    """Some clips as strips of frames, and the probability of each class as the frames arrive."""
    seen, classes = content.seen, content.classes
    targets, rate = seen["clip_target"], float(content.config["data"]["reader"]["sampling"]["rate"])
    figure = Figure(figsize=(8, 3.4 * len(targets)), layout="constrained")
    rows = figure.subfigures(len(targets), 1, squeeze=False)[:, 0]
    for number, row in enumerate(rows):
        frames, probabilities = seen[f"clip_{number}_frames"], seen[f"clip_{number}_probabilities"]
        time = np.arange(len(frames)) / rate
        above, axes = row.subplots(2, 1, height_ratios=(1, 2.2))
        strip, edges = strip_of(frames)
        above.imshow(strip, cmap="gray", aspect="auto", extent=(time[0] - 0.5 / rate, time[-1] + 0.5 / rate, 0, 1))
        for edge in edges[1:-1]:
            above.axvline(time[0] - 0.5 / rate + edge * len(frames) / rate, color="white", lw=1)
        name = plain(str(seen["clip_names"][number]))
        above.set(xticks=[], yticks=[], title=f"{name}: is {plain(classes[int(targets[number])])}")
        draw_likely(axes, probabilities, classes, time)
        axes.set(xlabel="seconds", xlim=above.get_xlim())
    return figure


def transcripts(content: Content) -> Figure:
    """Some sequences as they are read, below them the probability of each symbol at each step, and what is written."""
    seen, symbols = content.seen, content.seen["symbols"].tolist()
    count, step = len(seen["heard_target"]), float(seen["step_seconds"])
    figure = Figure(figsize=(8, 3.6 * count), layout="constrained")
    for number, row in enumerate(figure.subfigures(count, 1, squeeze=False)[:, 0]):
        picture, probabilities = (seen[f"heard_{number}_{name}"] for name in ("picture", "probabilities"))
        above, axes = row.subplots(2, 1, height_ratios=(1, 1.4))
        time = step * np.arange(len(probabilities))
        edges = (-0.5 * step, time[-1] + 0.5 * step, 0, 1)
        if picture.ndim == 2:
            above.imshow(picture.T, aspect="auto", origin="lower", cmap="viridis", extent=edges)
        else:
            above.imshow(strip_of(picture)[0], cmap="gray", aspect="auto", extent=edges)
        name = plain(str(seen["heard_names"][number]))
        said, target = (plain(str(seen[f"heard_{what}"][number])) for what in ("said", "target"))
        above.set(xticks=[], yticks=[], title=f"{name}: {target}" + (f"\nread as: {said}" if said != target else ""))
        best = probabilities.argmax(axis=1)
        for k in sorted({0, *best.tolist()}):
            axes.plot(time, probabilities[:, k], color=f"C{k % 10}" if k else "#dddddd", zorder=2 if k else 0)
        for t in np.flatnonzero(np.diff(best, prepend=0) * best):  # where a symbol begins
            name = plain(symbols[best[t]]) if symbols[best[t]].strip() else "_"
            axes.annotate(name, (time[t], 1.05), ha="center", fontsize=7, rotation=45, annotation_clip=False)
        axes.set(xlabel="seconds", ylabel="probability", xlim=above.get_xlim(), ylim=(-0.03, 1.03))
        quieten(axes)
    return figure
