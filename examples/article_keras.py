# %% [markdown]
"""A first article on recurrent networks in Keras, step by step, with a network that is recurrent.

Many an introduction derives back-propagation through time and then trains, on MNIST, a `Flatten` and two `Dense`
layers: a fine network, but one that reads all pixels at once and carries nothing from step to step. Here are its steps,
with that network first, and then with one that reads each picture row by row: `recorrente.keras.LSTM`, which is
`keras.layers.LSTM` on our core. Keras' own layer of the same size is trained beside it, and timed.

    pip install "recorrente[keras]"
    KERAS_BACKEND=torch python examples/article_keras.py     # or jax, or tensorflow

What is told about it, and where such articles stop short, is in docs/guide/keras.md. `article_keras.ipynb` is this file
as a notebook; `python examples/notebook.py` makes it.
"""

# %%
from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import keras
import matplotlib.pyplot as plt

import recorrente.keras
from recorrente.data.image import ImageSet, load

parser = argparse.ArgumentParser(description="An article's MNIST script in Keras, made recurrent.")
parser.add_argument("--data", default="mnist", choices=("mnist", "fashion-mnist", "digits"))
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--batch", type=int, default=32)
parser.add_argument("--grid", type=Path, default=Path("grid.png"), help="where 25 of the pictures are drawn")
parser.add_argument("--without-keras", action="store_true", help="do not train Keras' own layer beside ours")
words = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line


# %% [markdown]
"""## The data

60,000 pictures to learn from and 10,000 to be tested on, 25 of them to look at, and pixels of 0..255 divided by 255.
"""

# %%
data = load(words.data)
x, x_test = (part.images.astype("float32") / data.maximum for part in (data.train, data.test))
y, y_test = data.train.labels, data.test.labels


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


grid(data.train, words.grid)

# %% [markdown]
"""## Two networks

The first is the one that such articles train: nothing in it is recurrent. The second reads a row a step, carries a
state from row to row, and answers after the last one. `home` is `recorrente.keras` or `keras.layers`: one word changes.
"""


# %%
def dense() -> keras.Sequential:
    return keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def recurrent(home: Any, units: int = 128) -> keras.Sequential:
    return keras.Sequential([keras.Input(x.shape[1:]), home.LSTM(units), keras.layers.Dense(10, activation="softmax")])


# %% [markdown]
"""## Training

Adam on *sparse* categorical cross-entropy, for the labels are numbers and not one-hot rows; five epochs at batch 32.
The learning rate falls from 0.002 to 0 over the whole of it: with the usual constant 0.001 the recurrent network ends
about half a point lower.
"""


# %%
def compiled(model: keras.Sequential) -> keras.Sequential:
    steps = words.epochs * -(-len(x) // words.batch)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.002, steps))
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


networks = {"Flatten and Dense": dense, "recorrente's LSTM": lambda: recurrent(recorrente.keras)}
if not words.without_keras:
    networks["Keras' own LSTM"] = lambda: recurrent(keras.layers)
told = []
for name, made in networks.items():
    print(f"\n{name}")
    keras.utils.set_random_seed(0)
    model = compiled(made())
    start, busy = time.perf_counter(), time.process_time()
    model.fit(x, y, epochs=words.epochs, batch_size=words.batch, verbose=2)
    seconds, processor = time.perf_counter() - start, time.process_time() - busy
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    times = f"training {seconds:.0f} s, {processor:.0f} s of processor"
    told.append(f"{name:18} test loss {loss:.4f}  accuracy {accuracy:.2%}  {times}")

# %%
print(f"\n{words.epochs} epochs at batch {words.batch}, Keras {keras.__version__} on {keras.config.backend()}")
print(*told, sep="\n")
