"""Files that Keras 2 wrote, which Keras 3 itself refuses."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import keras

from recorrente.errors import InputError
from recorrente.keras.swap import accelerate

__all__ = ["from_keras2"]


def from_keras2(path: str | Path) -> Any:
    """The model of an `.h5` file that Keras 2 wrote, its SimpleRNN, GRU and LSTM ours; not compiled.

    Keras 3 itself refuses such a file, for Keras 2 wrote `time_major` into the config of every recurrent layer. It is
    taken out of a copy. CuDNNLSTM and CuDNNGRU, which Keras 3 has no layers for, stay refused.

    Raises:
        InputError: no `.h5` file with a whole model in it, or a layer with `time_major=True`.
    """
    import h5py  # Keras brings it

    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(_h5(Path(path)), folder)
        with h5py.File(copy, "r+") as file:
            if "model_config" not in file.attrs:
                cure = "Build the model, and call model.load_weights(path)."
                raise InputError("path", came="weights alone", wanted="a file of model.save(...)", cure=cure)
            config = json.loads(file.attrs["model_config"])
            file.attrs["model_config"] = json.dumps(_without_time_major(config))
        return accelerate(keras.saving.load_model(copy, compile=False))


def _h5(path: Path) -> Path:
    """The same path, of a file that h5py opens."""
    import h5py

    try:
        with h5py.File(path, "r"):
            return path
    except OSError as error:
        came, cure = f"{path}: {error}", ""
    if path.is_dir():
        came, cure = f"the folder {path}", "Where it is a model of Keras 2, load it there, and model.save('model.h5')."
    elif not path.exists():
        came = f"{path}, which does not exist"
    elif zipfile.is_zipfile(path):
        came = f"{path}, a .keras file"
        cure = "keras.saving.load_model(path) opens one of Keras 3, and accelerate(model) makes its layers ours."
    raise InputError("path", came=came, wanted="an .h5 file of model.save(...)", cure=cure)


def _without_time_major(config: Any) -> Any:
    if isinstance(config, list):
        return [_without_time_major(part) for part in config]
    if not isinstance(config, dict):
        return config
    if config.get("time_major"):
        cure = "Keras 3 reads batch first: save the model with inputs turned round."
        raise InputError(config.get("name", "layer"), came="time_major=True", wanted="time_major=False", cure=cure)
    return {name: _without_time_major(part) for name, part in config.items() if name != "time_major"}
