"""The pictures of a report: arrays and names in, matplotlib figures out.

Each is on a white ground of its own, so that it reads the same on a light and on a dark page. The colours are the
Okabe-Ito palette and `viridis`, which the colour-blind can tell apart.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from recorrente.report.content import Content

__all__ = ["FIGURES", "SHOWN", "png"]

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#777777"
COLOURS = (BLUE, ORANGE, GREEN, RED, GREY)  # of layers
CELLS_WITH_NUMBERS = 20  # a confusion matrix of more classes than this is shown by colour alone
STRIP = 8  # frames of a clip that are shown
CLASSES_NAMED = 5  # curves of probability that are named; the others stay grey
ACCURACY = {
    "forecast": "share inside the interval",
}  # what the accuracy of an epoch is, where it is not the share of right answers


def png(figure: Figure) -> bytes:
    """The figure as a PNG file, without a date in it: the same run gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def grid(content: Content) -> Figure:
    """25 training images with their labels, 5 x 5."""
    names = [content.classes[label] for label in content.seen["grid_labels"]]
    return _gallery(content.seen["grid_images"], names, columns=5)


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
    return _gallery(seen["mistake_images"], names, columns=4)


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
        _quiet(axes)
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
        _quiet(axes)
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
    axes.set_xticks(range(len(classes)), [_plain(name) for name in classes], rotation=turned)
    axes.set_yticks(range(len(classes)), [_plain(name) for name in classes])
    axes.set(xlabel="read as", ylabel="is")
    if len(classes) <= CELLS_WITH_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=colour)
    return figure


def steps(content: Content) -> Figure:
    """One image, and the probability of each class after every step of reading it."""
    seen, order = content.seen, content.config["data"]["reader"]["order"]
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    picture, axes = figure.subplots(1, 2, width_ratios=(1, 2.4), sharey=order == "rows")
    picture.imshow(seen["steps_image"], cmap="gray")
    picture.set(title=_plain(content.classes[int(seen["steps_label"])]), xticks=[])
    probabilities = seen["steps_probabilities"]  # (T, K)
    time = np.arange(len(probabilities))
    for rank, k in enumerate(np.argsort(-probabilities.max(axis=0))):
        named = rank < CLASSES_NAMED
        style: dict[str, Any] = {"label": _plain(content.classes[k])} if named else {"color": "#dddddd", "zorder": 0}
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
    _quiet(axes)
    return figure


def arriving(content: Content) -> Figure:
    """Some texts, and the probability of each class after every step of reading them."""
    seen, classes = content.seen, content.classes
    targets = seen["arriving_target"]
    figure = Figure(figsize=(8, 2.6 * len(targets)), layout="constrained")
    for number, axes in enumerate(figure.subplots(len(targets), 1, squeeze=False)[:, 0]):
        probabilities = seen[f"arriving_{number}_probabilities"]  # (T, K)
        _likely(axes, probabilities, classes, marker=".")
        tokens = [_plain(token) for token in seen[f"arriving_{number}_steps"].tolist()]
        upright = max(map(len, tokens)) == 1
        axes.set_xticks(range(len(tokens)), tokens, rotation=0 if upright else 60, fontsize=8)
        if not upright:
            for tick in axes.get_xticklabels():
                tick.set_ha("right")
        axes.set(title=f"is {_plain(classes[int(targets[number])])}")
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
        name = _plain(str(seen["sound_names"][number]))
        above.set(ylabel="mel band", xticks=[], title=f"{name}: is {_plain(classes[int(targets[number])])}")
        _likely(axes, probabilities, classes, time)
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
        above.set(ylabel="value", xticks=[], title=f"is {_plain(classes[int(targets[number])])}")
        _likely(axes, probabilities, classes)
        axes.set(xlabel="step")
        above.set_xlim(axes.get_xlim())
        _quiet(above)
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
        strip, edges = _strip(frames)
        above.imshow(strip, cmap="gray", aspect="auto", extent=(time[0] - 0.5 / rate, time[-1] + 0.5 / rate, 0, 1))
        for edge in edges[1:-1]:
            above.axvline(time[0] - 0.5 / rate + edge * len(frames) / rate, color="white", lw=1)
        name = _plain(str(seen["clip_names"][number]))
        above.set(xticks=[], yticks=[], title=f"{name}: is {_plain(classes[int(targets[number])])}")
        _likely(axes, probabilities, classes, time)
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
            above.imshow(_strip(picture)[0], cmap="gray", aspect="auto", extent=edges)
        name = _plain(str(seen["heard_names"][number]))
        said, target = (_plain(str(seen[f"heard_{what}"][number])) for what in ("said", "target"))
        above.set(xticks=[], yticks=[], title=f"{name}: {target}" + (f"\nread as: {said}" if said != target else ""))
        best = probabilities.argmax(axis=1)
        for k in sorted({0, *best.tolist()}):
            axes.plot(time, probabilities[:, k], color=f"C{k % 10}" if k else "#dddddd", zorder=2 if k else 0)
        for t in np.flatnonzero(np.diff(best, prepend=0) * best):  # where a symbol begins
            name = _plain(symbols[best[t]]) if symbols[best[t]].strip() else "_"
            axes.annotate(name, (time[t], 1.05), ha="center", fontsize=7, rotation=45, annotation_clip=False)
        axes.set(xlabel="seconds", ylabel="probability", xlim=above.get_xlim(), ylim=(-0.03, 1.03))
        _quiet(axes)
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
        axes.set_title(f"{_plain(str(names[number]))}, from {seen['shown_times'][number]}", fontsize=8)
        axes.tick_params(labelsize=8)
        _quiet(axes)
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
    _quiet(axes)
    return figure


def hidden(content: Content) -> Figure:
    """h_t of that image: a column a step, a row a unit, in the order of when each unit is most active."""
    h = content.seen["steps_hidden"].T  # (H, T)
    when = (np.abs(h) * np.arange(h.shape[1])).sum(axis=1) / np.maximum(np.abs(h).sum(axis=1), 1e-12)
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    limit = max(float(np.abs(h).max()), 1e-12)
    units = h[np.argsort(when)]
    drawn = axes.imshow(units, aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="none")
    axes.set(xlabel="step", ylabel="hidden unit")
    figure.colorbar(drawn, ax=axes, label="h")
    return figure


def gradient(content: Content) -> Figure:
    """The norm of dL/dh_t over time, a line a layer: the median over sequences, and the middle half as a band."""
    norms = content.seen["gradient_norms"]  # (L, T, B)
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    axes = figure.subplots()
    for number, (name, layer) in enumerate(zip(content.layer_names(), norms, strict=True)):
        shown = np.where((layer > 0) & np.isfinite(layer), layer, np.nan)
        if np.isnan(shown).all():
            continue
        low, middle, high = _quartiles(shown)
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(middle, color=colour, label=name if len(norms) > 1 else "median")
        axes.fill_between(range(len(middle)), low, high, color=colour, alpha=0.2, lw=0)
    axes.set(xlabel="step", ylabel="norm of dL/dh")
    if axes.lines:  # else there is nothing that a logarithm could scale
        axes.set(yscale="log")
        axes.legend(frameon=False)
    _quiet(axes)
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
    _quiet(axes)
    return figure


def watched(content: Content) -> Figure:
    """The norm of dL/dh_t over the epochs: a row an epoch that was looked at, the first below, a panel a layer."""
    assert content.watched is not None
    norms = content.watched.norms  # (L, epochs, T)
    figure = Figure(figsize=(8, 2.4 * len(norms) + 0.6), layout="constrained")
    panels = np.ravel(figure.subplots(len(norms), 1))
    for axes, name, layer in zip(panels, content.layer_names(), norms, strict=True):
        shown = np.log10(np.where(layer > 0, layer, np.nan))
        image = axes.imshow(shown, aspect="auto", origin="lower", cmap="viridis", interpolation="nearest")
        figure.colorbar(image, ax=axes, label="log10 of the norm of dL/dh")
        axes.set(xlabel="step", ylabel="epoch", title=name if len(norms) > 1 else "")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_yticks(*_marked(content.watched.epochs))
    return figure


def inspection(content: Content) -> Figure:
    """What `inspect` told: the gradient at each step, its shares of dL/dW_hh, singular values by lag, the gates."""
    assert content.inspection is not None
    layers = content.inspection["layers"]
    figure = Figure(figsize=(8, 6), layout="constrained")
    reach, shares, jacobian, gates = np.ravel(figure.subplots(2, 2))
    for number, layer in enumerate(layers):
        style: dict[str, Any] = {"color": COLOURS[number % len(COLOURS)], "label": layer["name"]}
        norms = np.array(layer["norms"])
        reach.plot(np.where(norms > 0, norms, np.nan), **style)
        shares.plot(layer["shares"], **style)
        lags = [row["lag"] for row in layer["jacobian"]]
        for rank, values in enumerate(zip(*(row["singular_values"] for row in layer["jacobian"]), strict=True)):
            style["label"] = layer["name"] if rank == 0 else None
            jacobian.plot(lags, values, "o-", ms=3, alpha=1 - 0.2 * rank, **style)
        names = [gate["name"] for gate in layer["gates"]]
        places = np.arange(len(names)) + 0.8 * number / len(layers)
        height = [100 * gate["saturated"] for gate in layer["gates"]]
        gates.bar(places, height, 0.8 / len(layers), color=style["color"])
        gates.set_xticks(np.arange(len(names)) + 0.4 * (1 - 1 / len(layers)), names)
    reach.set(title="norm of dL/dh", xlabel="step, as it is read", yscale="log")
    shares.set(title="share of dL/dW_hh", xlabel="step, as it is read")
    jacobian.set(title="singular values of dh(T)/dh(T - lag)", xlabel="lag", yscale="log")
    jacobian.set_xscale("log", base=2)
    jacobian.set_xticks(lags, [str(lag) for lag in lags], minor=False)
    gates.set(title="units whose gate is saturated, %")
    if len(layers) > 1:
        reach.legend(frameon=False)
    for axes in (reach, shares, jacobian, gates):
        _quiet(axes)
    return figure


def _marked(epochs: list[int]) -> tuple[list[int], list[str]]:
    """Which rows, an epoch each, are marked on an axis, and by which numbers."""
    rows = sorted({0, len(epochs) // 2, len(epochs) - 1})
    return rows, [str(epochs[row]) for row in rows]


FIGURES = {
    "watched": watched,
    "inspection": inspection,
    "answers": answers,
    "grid": grid,
    "learning": learning,
    "perplexity": perplexity,
    "confusion": confusion,
    "mistakes": mistakes,
    "steps": steps,
    "arriving": arriving,
    "sounds": sounds,
    "series": series,
    "clips": clips,
    "transcripts": transcripts,
    "forecast": forecast,
    "ahead": ahead,
    "hidden": hidden,
    "gradient": gradient,
}
"""Every picture, by the name of its file."""

SHOWN = {
    "image": ("grid", "learning", "confusion", "mistakes", "steps", "hidden", "gradient"),
    "language": ("perplexity", "gradient"),
    "text": ("arriving", "learning", "confusion", "gradient"),
    "series": ("series", "learning", "confusion", "gradient"),
    "video": ("clips", "learning", "confusion", "gradient"),
    "joints": ("series", "learning", "confusion", "gradient"),
    "audio": ("sounds", "learning", "confusion", "gradient"),
    "tags": ("learning", "confusion", "gradient"),
    "speech": ("transcripts", "learning", "gradient"),
    "visual-speech": ("transcripts", "learning", "gradient"),
    "forecast": ("forecast", "ahead", "learning", "gradient"),
    "probe": ("answers", "learning", "gradient"),
}
"""Those that the report on each kind of data shows."""


def _likely(
    axes: Axes, probabilities: NDArray[Any], classes: list[str], time: NDArray[Any] | None = None, **style: Any
) -> None:
    """The probability of each class over time, `(T, K)`: a colour a class; grey and unnamed, those never likely."""
    time = np.arange(len(probabilities)) if time is None else time
    for rank, k in enumerate(np.argsort(-probabilities.max(axis=0))):
        named = {"label": _plain(classes[k]), "color": f"C{k % 10}"}
        own = named if rank < CLASSES_NAMED else {"color": "#dddddd", "zorder": 0}
        axes.plot(time, probabilities[:, k], **own, **style)
    axes.set(ylabel="probability", ylim=(-0.03, 1.03))
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    _quiet(axes)


def _strip(frames: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Evenly spread frames side by side, grey or in colour, in 0..1, and where each ends as a share of the whole."""
    shown = frames[np.linspace(0, len(frames) - 1, min(STRIP, len(frames))).round().astype(int)]
    low, high = float(shown.min()), float(shown.max())
    scaled = (shown.astype(np.float32) - low) / max(high - low, 1e-6)
    strip = np.concatenate(list(scaled if shown.shape[3] == 3 else scaled.mean(axis=3)), axis=1)
    return strip, np.linspace(0, 1, len(shown) + 1)


def _gallery(images: NDArray[Any], titles: list[str], columns: int) -> Figure:
    rows = -(-len(images) // columns)
    lines = 1 + max(title.count("\n") for title in titles)
    figure = Figure(figsize=(1.5 * columns, (1.2 + 0.25 * lines) * rows), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, image, title in zip(figure.axes, images, titles, strict=False):
        axes.imshow(image, cmap="gray")
        axes.set_title(_plain(title), fontsize=9)
    return figure


def _quartiles(values: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """25, 50 and 75 % of `(T, B)` along B, where NaN is no value; a step with none stays NaN."""
    empty = np.isnan(values).all(axis=1)
    quartiles = np.nanquantile(np.where(empty[:, None], 1.0, values), (0.25, 0.5, 0.75), axis=1)
    return tuple(np.where(empty, np.nan, row) for row in quartiles)


def _plain(name: str) -> str:
    """A name as matplotlib shows it letter by letter: a dollar would begin a formula."""
    return name.replace("$", r"\$")


def _quiet(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, lw=0.5)
