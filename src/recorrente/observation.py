"""What the pictures of a report are made from: a few pictures, a few mistakes, one read step by step, the gradient.

Knows images and the network that reads them; gives plain arrays, so that `report` needs neither.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recorrente.data.batch import Batch
from recorrente.data.image import ImageData, ImageSet, Reader
from recorrente.evaluation import Predictions, gradient_norms, step_by_step
from recorrente.network import Network
from recorrente.tasks.classify import Classify

__all__ = ["observe"]

GRID = 25
MISTAKES = 16
GRADIENT_BATCH = 64


def observe(
    network: Network, task: Classify, reader: Reader, data: ImageData, predictions: Predictions
) -> dict[str, NDArray[Any]]:
    """The arrays of `observations.npz`, by name.

    The gradient's norms are those of the first training images, each read as in training but for dropout; the image
    read step by step is the first of the test set that is recognised.
    """
    mistakes = predictions.most_confident_mistakes(MISTAKES)
    shown = _first_right(predictions)
    steps = step_by_step(network, reader(data.test.images[shown : shown + 1]))
    return {
        "grid_images": data.train.images[:GRID],
        "grid_labels": data.train.labels[:GRID],
        "mistake_images": data.test.images[mistakes],
        "mistake_index": mistakes,
        "mistake_target": predictions.target[mistakes],
        "mistake_prediction": predictions.prediction[mistakes],
        "mistake_confidence": predictions.confidence[mistakes],
        "steps_image": data.test.images[shown],
        "steps_label": data.test.labels[shown],
        "steps_probabilities": steps.probabilities,
        "steps_hidden": steps.hidden,
        "gradient_norms": gradient_norms(network, task, _sample(data.train, reader)),
    }


def _first_right(predictions: Predictions) -> int:
    right = np.flatnonzero(predictions.prediction == predictions.target)
    return int(right[0]) if len(right) else 0


def _sample(images: ImageSet, reader: Reader) -> Batch:
    return Batch(reader(images.images[:GRADIENT_BATCH]), torch.from_numpy(images.labels[:GRADIENT_BATCH]))
