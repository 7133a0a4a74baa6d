"""A first article on recurrent networks in Keras, step by step, with a network that is recurrent.

Many an introduction derives back-propagation through time and then trains, on MNIST, a `Flatten` and two `Dense`
layers: a fine network, but one that reads all pixels at once and carries nothing from step to step. Here are its steps,
with that network first, and then with one that reads each picture row by row: `recorrente.keras.LSTM`, which is
`keras.layers.LSTM` on our core. Keras' own layer of the same size is trained beside it, and timed.

    pip install "recorrente[keras]"
    KERAS_BACKEND=torch python examples/article_keras.py     # or jax, or tensorflow

What is told about it, and where such articles stop short, is in docs/guide/keras.md.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import keras
import matplotlib.pyplot as plt
import numpy as np

import recorrente.keras
from recorrente.data.image import ImageSet, load

BATCH = 32


def grid(part: ImageSet, path: Path) -> None:
    """The first 25 pictures and what they show."""
    figure, axes = plt.subplots(5, 5, figsize=(5, 6))
    for axis, image, label in zip(axes.flat, part.images, part.labels, strict=False):
        axis.imshow(image, cmap="binary")
        axis.set_title(str(label))
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def dense(size: tuple[int, int]) -> keras.Sequential:
    """The network that such articles train: nothing in it is recurrent."""
    return keras.Sequential(
        [
            keras.Input(size),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def recurrent(size: tuple[int, int], home: Any, units: int = 128) -> keras.Sequential:
    """Reads a row a step, and answers after the last one; `home` is `recorrente.keras` or `keras.layers`."""
    return keras.Sequential([keras.Input(size), home.LSTM(units), keras.layers.Dense(10, activation="softmax")])


def trained(model: keras.Sequential, x: np.ndarray, y: np.ndarray, epochs: int) -> float:
    """Seconds of `fit`, by Adam on sparse categorical cross-entropy: the labels are numbers, not one-hot rows.

    The learning rate falls from 0.002 to 0 over the whole of it, which ends above 98.5 % where the usual constant 0.001
    is still on its way.
    """
    batches = -(-len(x) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(0.002, epochs * batches)
    model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    start = time.perf_counter()
    model.fit(x, y, epochs=epochs, batch_size=BATCH, verbose=2)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist", help="mnist, fashion-mnist or digits")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--grid", type=Path, default=Path("grid.png"), help="where 25 of the pictures are drawn")
    parser.add_argument("--without-keras", action="store_true", help="do not train Keras' own layer beside ours")
    words = parser.parse_args()

    data = load(words.data)
    grid(data.train, words.grid)
    x, x_test = (part.images.astype("float32") / data.maximum for part in (data.train, data.test))
    y, y_test = data.train.labels, data.test.labels
    size = x.shape[1:]

    networks = {
        "Flatten and Dense": lambda: dense(size),
        "recorrente's LSTM": lambda: recurrent(size, recorrente.keras),
    }
    if not words.without_keras:
        networks["Keras' own LSTM"] = lambda: recurrent(size, keras.layers)
    told = []
    for name, made in networks.items():
        print(f"\n{name}")
        keras.utils.set_random_seed(0)
        model = made()
        seconds = trained(model, x, y, words.epochs)
        loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
        told.append(f"{name:18} test loss {loss:.4f}  accuracy {accuracy:.2%}  training {seconds:.0f} s")
    print(
        f"\n{words.epochs} epochs at batch {BATCH}, Keras {keras.__version__} on {keras.config.backend()}",
        *told,
        sep="\n",
    )


if __name__ == "__main__":
    main()
