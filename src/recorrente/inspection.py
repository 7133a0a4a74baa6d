"""A network's gradient through time on one batch: what `recorrente inspect` tells, as plain values.

Knows a network, a task and a batch; the figures are those of `credit`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from recorrente.credit import Flow, gradient_flow, judge, lyapunov_exponents, singular_values
from recorrente.data.batch import Batch
from recorrente.evaluation import loss_of_states
from recorrente.network import Network
from recorrente.runs import layer_names
from recorrente.training import Task

__all__ = ["inspect"]

EXPONENTS, VALUES = 3, 4


def inspect(network: Network, task: Task, batch: Batch) -> dict[str, Any]:
    """How the gradient of the batch's loss goes back through each layer and direction.

    The network is left in evaluation mode. Medians are over the sequences of the batch, in the order in which each
    direction reads the steps; singular values and exponents are means over them.

    Returns:
        `steps`, `sequences`, and `layers`: for each a `name`, a `verdict` (`word`, `reach`, `factor`, `sentence`), the
        `norms` of dL/dh_t (T), the `shares` of dL/dW_hh (T, their sum 1), the `gates` (`name`, `passes`: the mean norm
        of dL/da; `saturated`: the mean share of units), the `jacobian` (`lag`, `singular_values` of dh_T/dh_{T-lag})
        and the `lyapunov` exponents.
    """
    network.eval()

    with torch.no_grad():
        x = network.encoder(batch.x)
    layer = network.recurrence
    flow = gradient_flow(layer, x, loss_of_states(network, task, batch))
    lags = _lags(len(x))  # of the recurrence: an encoder may have made segments of the steps
    spectra = torch.stack([singular_values(layer, x, lag=lag, most=VALUES).mean(1) for lag in lags], dim=1)
    exponents = lyapunov_exponents(layer, x, most=EXPONENTS).mean(1)
    both_ways = any(flow.reverse)
    names = layer_names(len(flow.reverse) // (1 + both_ways), both_ways)
    layers = [{"name": name, **_layer(flow, k, lags, spectra[k], exponents[k])} for k, name in enumerate(names)]
    return {"steps": len(x), "sequences": len(batch), "layers": layers}


def _layer(flow: Flow, k: int, lags: list[int], spectra: Tensor, exponents: Tensor) -> dict[str, Any]:
    median, shares = flow.median()[k], flow.shares[k].sum(1)
    verdict = judge(median, flow.gate_names)
    passes, saturated = flow.gates[k].flatten(1).mean(1), flow.saturation[k].flatten(1).nanmean(1)
    return {
        "verdict": vars(verdict),
        "norms": median.tolist(),
        "shares": (shares.flip(0) if flow.reverse[k] else shares).tolist(),
        "gates": [
            {"name": name, "passes": float(passes[g]), "saturated": float(saturated[g])}
            for g, name in enumerate(flow.gate_names)
        ],
        "jacobian": [
            {"lag": lag, "singular_values": values.tolist()} for lag, values in zip(lags, spectra, strict=True)
        ],
        "lyapunov": exponents.tolist(),
    }


def _lags(T: int) -> list[int]:
    """1, 2, 4, ... and T."""
    return [1 << i for i in range(T.bit_length()) if 1 << i < T] + [T]
