"""What the weights of a recurrence are before training, where torch's own start is not wanted."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["orthogonal"]


@torch.no_grad()
def orthogonal(layer: nn.Module) -> None:
    """Makes each gate's square of W_hh orthogonal, in place, so that no step stretches or shrinks the gradient.

    Without it an Elman network forgets in a few steps: torch's start has a spectral radius of about 0.58.
    Source: Saxe et al., arXiv 1312.6120. The other weights stay as they are.

    Example:
        >>> layer = nn.GRU(4, 3)
        >>> orthogonal(layer)
        >>> r = layer.weight_hh_l0[:3]
        >>> torch.allclose(r @ r.T, torch.eye(3), atol=1e-6)
        True
    """
    for name, weight in layer.named_parameters():
        if name.startswith("weight_hh"):
            for gate in weight.split(weight.shape[1]):
                nn.init.orthogonal_(gate)
