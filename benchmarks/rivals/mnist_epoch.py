"""Seconds of one epoch of MNIST at batch 32 in Keras on TensorFlow: a dense network, SimpleRNN and GRU over the rows.

    RECORRENTE_DATA=... RIVALS/bin/python benchmarks/rivals/mnist_epoch.py

The dense one is Flatten, Dense(128, relu), Dense(10, softmax), which has no recurrence; the recurrent ones read 28 rows
into 128 units. Run it beside `recorrente train mnist --epochs 2`, which prints the seconds of each epoch.
"""

import gzip
import os
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np


def read(name: str, skip: int) -> np.ndarray:
    return np.frombuffer(
        gzip.decompress((Path(os.environ["RECORRENTE_DATA"]) / "mnist" / name).read_bytes())[skip:], "u1"
    )


def main() -> None:
    images = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28).astype("float32") / 255
    labels = read("train-labels-idx1-ubyte.gz", 8)
    networks = {
        "Flatten-Dense-Dense": [keras.layers.Flatten(), keras.layers.Dense(128, activation="relu")],
        "SimpleRNN(128)": [keras.layers.SimpleRNN(128)],
        "GRU(128)": [keras.layers.GRU(128)],
    }
    for name, layers in networks.items():
        model = keras.Sequential([keras.Input((28, 28)), *layers, keras.layers.Dense(10, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        seconds = []
        for _ in range(2):
            before = time.perf_counter()
            model.fit(images, labels, batch_size=32, epochs=1, verbose=0)
            seconds.append(time.perf_counter() - before)
        print(f"{name}: {seconds[0]:.1f} s with compilation, then {seconds[1]:.1f} s an epoch", flush=True)


if __name__ == "__main__":
    main()
