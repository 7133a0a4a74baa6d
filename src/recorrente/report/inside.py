"""Pictures of what goes on inside a network: its state, and the gradient through time."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from recorrente.report.content import Content
from recorrente.report.drawing import COLOURS, quieten

__all__ = ["gradient", "hidden", "inspection", "watched"]


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
    quieten(axes)
    return figure


def _quartiles(values: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """25, 50 and 75 % of `(T, B)` along B, where NaN is no value; a step with none stays NaN."""
    empty = np.isnan(values).all(axis=1)
    quartiles = np.nanquantile(np.where(empty[:, None], 1.0, values), (0.25, 0.5, 0.75), axis=1)
    return tuple(np.where(empty, np.nan, row) for row in quartiles)


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


def _marked(epochs: list[int]) -> tuple[list[int], list[str]]:
    """Which rows, an epoch each, are marked on an axis, and by which numbers."""
    rows = sorted({0, len(epochs) // 2, len(epochs) - 1})
    return rows, [str(epochs[row]) for row in rows]


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
        quieten(axes)
    return figure
