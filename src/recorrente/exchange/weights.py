"""Weights as bytes, in the safetensors format: no pickles, so a model from a stranger can be opened."""

from __future__ import annotations

from collections.abc import Mapping

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from recorrente.errors import RunError

__all__ = ["from_bytes", "to_bytes"]


def to_bytes(weights: Mapping[str, Tensor]) -> bytes:
    """A `state_dict` as the content of a `.safetensors` file; a weight that stands under two names is written twice."""
    kept: dict[str, Tensor] = {}
    for name, weight in weights.items():
        plain = weight.detach().cpu().contiguous()
        shared = any(plain.data_ptr() == other.data_ptr() for other in kept.values() if other.numel())
        kept[name] = plain.clone() if shared else plain
    return safetensors.torch.save(kept)


def from_bytes(content: bytes, path: str) -> dict[str, Tensor]:
    """What `to_bytes` wrote; `path` is named in the error.

    Raises:
        RunError: the content is cut off or is something else.

    Example:
        >>> import torch
        >>> from_bytes(to_bytes({"w": torch.ones(2)}), "model.safetensors")
        {'w': tensor([1., 1.])}
    """
    try:
        return dict(safetensors.torch.load(content))
    except SafetensorError as error:
        wanted = "the weights as they were written"
        raise RunError(path, came=f"a broken file of {len(content)} bytes ({error})", wanted=wanted) from error
