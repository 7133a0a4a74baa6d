"""Sounds with a class each: spoken words, calls, noises. Read as log-mel frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from recorrente import baselines
from recorrente.data import ragged, sound
from recorrente.data.mel import Mel, augmented
from recorrente.data.progress import Progress
from recorrente.data.sound import SoundData, Sounds
from recorrente.evaluation import Predictions, gradient_norms, step_by_step
from recorrente.kinds.base import Prediction, Reading, Recipe
from recorrente.kinds.classified import Ragged
from recorrente.network import Network
from recorrente.training import Plan

__all__ = ["Audio"]

SHOWN, GRADIENT_BATCH = 3, 32


class Audio(Ragged):
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "audio"
    counted = "sounds"
    own_shape: ClassVar[Mapping[str, Any]] = {"hidden": 96, "layers": 2, "bidirectional": True, "dropout": 0.3}
    own_plan: ClassVar[Mapping[str, Any]] = {"epochs": 25, "batch": 32, "learning_rate": 3e-3}

    def load(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, learnt: Sequence[str] | None = None
    ) -> SoundData:
        reading.only(self.name, "rate", "leave_out", "skip_bad")
        return sound.load(
            source,
            rate=reading.rate,
            leave_out=reading.leave_out,
            skip_bad=bool(reading.skip_bad),
            seed=plan.seed,
            learnt=learnt,
            progress=progress,
        )

    def as_learnt(self, reading: Reading, reader: Mel, source: str | Path) -> Reading:
        return replace(reading, rate=reader.rate)

    def reader(self, data: SoundData, reading: Reading, plan: Plan) -> Mel:
        return Mel.of(data.train.waves, data.rate)

    def reader_from(self, config: Mapping[str, Any]) -> Mel:
        return Mel.from_config(config)

    def network(self, recipe: Recipe) -> Network:
        return recipe.shape.build(recipe.reader.bands, len(recipe.classes))

    def encode(self, recipe: Recipe, part: Sounds) -> tuple[list[NDArray[np.float32]], tuple[int, ...]]:
        return [recipe.reader(wave) for wave in part.waves], part.labels

    def varied(
        self, recipe: Recipe, part: Sounds, sequences: ragged.Sequences, random: np.random.Generator
    ) -> ragged.Sequences:
        """A little otherwise in every epoch."""
        return [augmented(one, random) for one in sequences]

    def beside(self, recipe: Recipe, data: SoundData, predictions: Predictions) -> dict[str, Any]:
        train, test = (
            np.stack([_summary(recipe.reader(wave)) for wave in part.waves]) for part in (data.train, data.test)
        )
        beside = {
            "majority class": baselines.majority(data.train.labels, data.test.labels),
            "linear on 12 parts of the sound": baselines.linear(train, data.train.labels, test, data.test.labels),
        }
        return {"baselines": beside, "skipped": list(data.skipped)}

    def observe(
        self, recipe: Recipe, network: Network, data: SoundData, predictions: Predictions
    ) -> dict[str, NDArray[Any]]:
        """What the report is drawn from: sounds as they arrive, the gradient."""
        shown = predictions.examples(SHOWN)
        seen: dict[str, NDArray[Any]] = {
            "sound_target": predictions.target[shown],
            "sound_names": np.array([data.test.names[k] for k in shown], dtype=str),
            "gradient_norms": gradient_norms(network, recipe.task, self._equal_lengths(recipe, data.train)),
        }
        for number, k in enumerate(shown):
            frames = recipe.reader(data.test.waves[k])
            seen[f"sound_{number}_frames"] = frames
            steps = step_by_step(network, torch.from_numpy(frames).unsqueeze(1))
            seen[f"sound_{number}_probabilities"] = steps.probabilities
        return seen

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Prediction]:
        """The class of each file, at whatever rate it was recorded."""
        paths = [Path(one) for one in given]
        waves = tuple(sound.decode(path, recipe.reader.rate) for path in paths)
        nobody = Sounds(waves, (0,) * len(paths), ("",) * len(paths), tuple(path.name for path in paths))
        heard = [f"{len(wave) / recipe.reader.rate:.2f} s at {recipe.reader.rate} Hz" for wave in waves]
        return self.told_of(recipe, network, nobody, paths, heard)

    def _equal_lengths(self, recipe: Recipe, train: Sounds) -> Any:
        """Some training sounds, cut to the most common length or a longer one."""
        frames = [recipe.reader(wave) for wave in train.waves[:200]]
        T = Counter(len(one) for one in frames).most_common(1)[0][0]
        chosen = [k for k, one in enumerate(frames) if len(one) >= T][:GRADIENT_BATCH]
        return ragged.one([frames[k][:T] for k in chosen], [train.labels[k] for k in chosen])


def _summary(frames: NDArray[np.float32], parts: int = 12) -> NDArray[np.float32]:
    """The mean frame of each twelfth of a sound, side by side."""
    cut = (
        np.array_split(frames, parts)
        if len(frames) >= parts
        else np.array_split(np.repeat(frames, parts, axis=0), parts)
    )
    return np.concatenate([part.mean(axis=0) for part in cut])
