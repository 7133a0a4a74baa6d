"""What a model without recurrence reaches on the same data, so that a score means something.

Knows texts, labels, tags and numbers; scikit-learn's models where there are any.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from recorrente.tasks.transcribe import error_rate

__all__ = [
    "LinearForecast",
    "commonest_words",
    "linear",
    "majority",
    "most_frequent_tag",
    "naive_bayes",
    "nearest",
    "ngram_bits",
    "seasonal_naive",
    "softmax_regression",
]

DISCOUNT = 0.75
LINEAR_STEPS, LINEAR_ROWS, LINEAR_RATE = 1500, 256, 3e-3
PENALTIES = (1.0, 10.0, 100.0, 1000.0, 10000.0)


def majority(train: Sequence[int], test: Sequence[int]) -> float:
    """The accuracy of always saying the class that is the most frequent in training.

    Example:
        >>> majority([0, 1, 1], [1, 1, 0, 0])
        0.5
    """
    most = Counter(train).most_common(1)[0][0]
    return sum(label == most for label in test) / len(test)


def commonest_words(train: Sequence[str], test: Sequence[str]) -> float:
    """The word error rate of always saying one transcript: at each place the word that is commonest there.

    It is as long as the median of the training transcripts.

    Example:
        >>> commonest_words(["set red now", "set blue now", "lay red now"], ["set blue now"])
        0.3333333333333333
    """
    rows = [text.split() for text in train]
    places = range(int(np.median([len(row) for row in rows])))
    said = [Counter(row[k] for row in rows if len(row) > k).most_common(1)[0][0] for k in places]
    return error_rate([text.split() for text in test], [said] * len(test))


def linear(
    train: NDArray[np.float32], labels: Sequence[int], test: NDArray[np.float32], wanted: Sequence[int]
) -> float:
    """The accuracy of logistic regression on numbers, `(N, F)`, brought to mean 0 and deviation 1."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(train, list(labels))
    return float((model.predict(test) == list(wanted)).mean())


def softmax_regression(
    train: NDArray[np.float32], labels: Sequence[int], test: NDArray[np.float32], wanted: Sequence[int]
) -> float:
    """The accuracy of `y = W x + b` under softmax and cross-entropy, learnt in a fixed number of steps of Adam.

    It takes as long for a million rows as for a thousand, and is a little below the optimum that `linear` looks for.

    Example:
        >>> x = np.array([[0.0], [1.0], [0.2], [0.9]], np.float32)
        >>> softmax_regression(x[:2], [0, 1], x[2:], [0, 1])
        1.0
    """
    middle = train.mean(axis=0)
    scale = 1 / max(float(train.std()), 1e-6)
    x, y = torch.from_numpy((train - middle) * scale), torch.tensor(list(labels))
    W = torch.zeros(int(y.max()) + 1, x.shape[1], requires_grad=True)
    b = torch.zeros(len(W), requires_grad=True)
    optimizer = torch.optim.Adam([W, b], lr=LINEAR_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, LINEAR_STEPS)
    generator = torch.Generator().manual_seed(0)
    for _ in range(LINEAR_STEPS):
        chosen = torch.randint(len(x), (LINEAR_ROWS,), generator=generator)
        optimizer.zero_grad()
        functional.cross_entropy(functional.linear(x[chosen], W, b), y[chosen]).backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        said = functional.linear(torch.from_numpy((test - middle) * scale), W, b).argmax(1)
    return float((said.numpy() == np.array(wanted)).mean())


def nearest(
    train: NDArray[np.float32], labels: Sequence[int], test: NDArray[np.float32], wanted: Sequence[int]
) -> float:
    """The accuracy of the class of the nearest of the training rows, `(N, F)`.

    Example:
        >>> nearest(np.array([[0.0], [1.0]], np.float32), [0, 1], np.array([[0.2], [0.9]], np.float32), [0, 1])
        1.0
    """
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(1).fit(train, list(labels))
    return float((model.predict(test) == list(wanted)).mean())


def seasonal_naive(before: NDArray[np.floating], season: int, horizon: int) -> NDArray[np.floating]:
    """The last season again and again: f_{t+k} = y_{t+k-m}, m the season, or the least multiple of it that is past.

    Args:
        before: `(T, N)`, T at least m, without a hole.
        season: m.
        horizon: steps to come.

    Example:
        >>> seasonal_naive(np.array([[9.0], [1.0], [2.0]]), 2, 3).ravel().tolist()
        [1.0, 2.0, 1.0]
    """
    return before[-season:][np.arange(horizon) % season]


class LinearForecast:
    """A linear map from what is known to each step to come, by least squares with a penalty on squared weights.

    Args:
        before, after: to learn from, `(N, F)` and `(N, horizon)`; rows with NaN after are left out.
        held_before, held_after: on which the penalty is chosen, by the absolute error.

    Example:
        >>> x = np.random.default_rng(0).standard_normal((200, 2))
        >>> model = LinearForecast(x, x @ [[1.0], [2.0]], x, x @ [[1.0], [2.0]])
        >>> bool(abs(model(np.array([[1.0, 1.0]])) - 3) < 0.1)
        True
    """

    def __init__(
        self,
        before: NDArray[np.floating],
        after: NDArray[np.floating],
        held_before: NDArray[np.floating],
        held_after: NDArray[np.floating],
    ) -> None:
        from sklearn.linear_model import Ridge

        whole = ~np.isnan(after).any(axis=1)
        models = [Ridge(alpha=penalty).fit(before[whole], after[whole]) for penalty in PENALTIES]
        said = [model.predict(held_before).reshape(held_after.shape) for model in models]
        self.model = models[int(np.argmin([np.nanmean(np.abs(one - held_after)) for one in said]))]

    def __call__(self, before: NDArray[np.floating]) -> NDArray[np.floating]:
        """What it says, `(N, horizon)`."""
        said: NDArray[np.floating] = self.model.predict(before).reshape(len(before), -1)
        return said


def naive_bayes(
    train: Sequence[str], labels: Sequence[int], test: Sequence[str], wanted: Sequence[int], *, units: str = "words"
) -> float:
    """The accuracy of multinomial naive Bayes on counts of words, or of one to three characters."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    counts = (
        CountVectorizer(token_pattern=r"\w+|[^\w\s]")
        if units == "words"
        else CountVectorizer(analyzer="char_wb", ngram_range=(1, 3))
    )
    model = MultinomialNB().fit(counts.fit_transform(train), labels)
    return float((model.predict(counts.transform(test)) == list(wanted)).mean())


def most_frequent_tag(
    train: Sequence[tuple[Sequence[str], Sequence[int]]], test: Sequence[tuple[Sequence[str], Sequence[int]]]
) -> float:
    """The accuracy of the tag that each word has most often in training; an unknown word's is the most frequent of all.

    Example:
        >>> most_frequent_tag([(["o", "rio", "o"], [0, 1, 0])], [(["o", "mar"], [0, 1])])
        0.5
    """
    seen: defaultdict[str, Counter[int]] = defaultdict(Counter)
    every: Counter[int] = Counter()
    for words, tags in train:
        every.update(tags)
        for word, tag in zip(words, tags, strict=True):
            seen[word][tag] += 1
    likely = {word: tags.most_common(1)[0][0] for word, tags in seen.items()}
    other = every.most_common(1)[0][0]
    right = [likely.get(word, other) == tag for words, tags in test for word, tag in zip(words, tags, strict=True)]
    return sum(right) / len(right)


def ngram_bits(train: str, test: str, n: int = 5) -> float:
    """Bits per character of an n-gram model of characters with absolute discounting, backed off order by order.

        p(c | context) = max(count - D, 0) / total + D * kinds / total * p(c | shorter context)

    Source: Ney, Essen, Kneser, Computer Speech and Language 8 (1994), interpolated; uniform below the unigram.

    Example:
        >>> ngram_bits("ab" * 500, "ab" * 50) < 0.1
        True
    """
    counts = [_contexts(train, order) for order in range(n)]
    alphabet = len(set(train)) + 1
    bits = 0.0
    for place, letter in enumerate(test):
        p = 1 / alphabet
        for order, table in enumerate(counts):
            if place < order:
                break
            found = table.get(test[place - order : place])
            if found is None:
                break
            total, kinds = sum(found.values()), len(found)
            p = max(found[letter] - DISCOUNT, 0) / total + DISCOUNT * kinds / total * p
        bits -= math.log2(p)
    return bits / len(test)


def _contexts(text: str, order: int) -> dict[str, Counter[str]]:
    table: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for place in range(order, len(text)):
        table[text[place - order : place]][text[place]] += 1
    return dict(table)
