"""The token that comes next, at every step of running text: what the loss is, what is scored, how the state is carried.

Knows logits and targets. Which token is a letter, a byte or a word is `data.units`' matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.nn import functional

from recorrente.data.batch import Batch
from recorrente.network import Network

__all__ = ["NextToken", "bits_per_character", "perplexity", "spelling"]


class NextToken:
    """Cross-entropy of the next token: l_t = -log softmax(y_t)[x_{t+1}], mean over steps and rows, in nats.

    Truncated back-propagation through time with the state carried: where a batch goes on from the one before, the
    recurrence starts from the state in which it left off, cut from its past (Mikolov et al., Interspeech 2010). The
    state is this object's; a training makes its own.

    Example:
        >>> import torch
        >>> y = torch.zeros(3, 1, 4)  # (T, B, K): no opinion on four tokens
        >>> round(float(NextToken().loss_of(y, torch.tensor([[0], [1], [2]]))), 4)
        1.3863
    """

    def __init__(self) -> None:
        self._state: Any = None

    def logits(self, network: Network, batch: Batch) -> Tensor:
        """Y of every step, `(T, B, K)`."""
        y, state = network(batch.x, self._state if batch.continues else None)
        self._state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
        return y

    @staticmethod
    def loss_of(logits: Tensor, target: Tensor) -> Tensor:
        """The mean over all steps; `logits (T, B, K)`, `target (T, B)`."""
        return functional.cross_entropy(logits.flatten(0, 1), target.flatten())

    @staticmethod
    def correct(logits: Tensor, target: Tensor) -> Tensor:
        """How many tokens were the likeliest ones."""
        return (logits.argmax(-1) == target).sum()

    @staticmethod
    def count(target: Tensor) -> int:
        """How many tokens are told: T * B."""
        return target.numel()


def perplexity(loss: float) -> float:
    """e to the loss: among how many equally likely tokens the model hesitates.

    Example:
        >>> round(perplexity(math.log(65)))
        65
    """
    return math.exp(min(loss, 700.0))


def bits_per_character(loss: float, tokens: int, characters: int, *, spelt: float = 0.0) -> float:
    """The loss a token, in nats, as bits a character, so that models of letters, bytes and words can be compared.

    A word that the model does not know is foretold as an unknown one, whichever it is. Without the bits that spell such
    words out, `spelt` (see `spelling`), a model of words would gain by every word that it cannot say.

    Example:
        >>> bits_per_character(math.log(2), tokens=300, characters=600)
        0.5
        >>> bits_per_character(math.log(2), tokens=300, characters=600, spelt=600)
        1.5
    """
    return (loss * tokens / math.log(2) + spelt) / characters


def spelling(words: Sequence[str], letters: int) -> float:
    """Bits that spell words out: (n + 1) log2(letters + 2) for one of n characters.

    Each character and the end is taken as one of as many, all equally likely: the different `letters` that were learnt,
    any other one, and an end. No letter is foretold from those before it: a model of letters pays less for most words.

    Example:
        >>> spelling(["abc", "d"], letters=6)
        18.0
    """
    return (sum(map(len, words)) + len(words)) * math.log2(letters + 2)
