"""A network that foretells the next token writes: one token after the other, each drawn from what it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from recorrente.errors import InputError
from recorrente.network import Network

__all__ = ["generate"]


def generate(
    network: Network,
    prompt: Sequence[int],
    *,
    length: int,
    temperature: float = 1.0,
    top_k: int = 0,
    seed: int = 0,
    forbidden: Sequence[int] = (),
) -> Iterator[int]:
    """Draws `length` tokens that go on from a prompt, each as soon as it is there.

    Args:
        network: from ids `(T, B)` to scores `(T, B, K)`.
        prompt: one id or more.
        length: how many tokens.
        temperature: the scores are divided by it; under 1 the likely ones become likelier, and 0 takes the likeliest.
        top_k: only the k likeliest are drawn from; 0 draws from all.
        seed: of the draws.
        forbidden: ids that are never drawn.

    Raises:
        InputError: a number out of its range.
    """
    for name, value in (("length", length), ("temperature", temperature), ("top_k", top_k)):
        if not 0 <= value < float("inf"):
            raise InputError(name, came=value, wanted="0 or more")
    if not 0 <= seed < 2**63:
        raise InputError("seed", came=seed, wanted="0 or more, and less than 2**63")
    return _tokens(network, prompt, length, temperature, top_k, torch.Generator().manual_seed(seed), list(forbidden))


def _tokens(
    network: Network,
    prompt: Sequence[int],
    length: int,
    temperature: float,
    top_k: int,
    generator: torch.Generator,
    forbidden: list[int],
) -> Iterator[int]:
    network.eval()
    x, state = torch.tensor(prompt).unsqueeze(1), None  # (T, 1)
    for _ in range(length):
        with torch.inference_mode():
            y, state = network(x, state)
            scores = y[-1, 0].double()
            scores[forbidden] = -torch.inf
            token = _draw(scores, temperature, top_k, generator)
        yield token
        x = torch.tensor([[token]])


def _draw(scores: Tensor, temperature: float, top_k: int, generator: torch.Generator) -> int:
    if temperature == 0 or top_k == 1:
        return int(scores.argmax())
    if 0 < top_k < len(scores):
        scores = scores.masked_fill(scores < scores.topk(top_k).values[-1], -torch.inf)
    below = scores - scores.max()  # 0 for the likeliest: however low the temperature, it divides to no infinity
    return int(torch.multinomial((below / temperature).softmax(-1), 1, generator=generator))
