"""Sounds with a transcript each: what is said is written down, frame by frame, as letters or as words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from recorrente.data import ragged, sound, speech
from recorrente.data.mel import Mel, augmented
from recorrente.data.progress import Progress
from recorrente.data.source import of_known
from recorrente.data.transcripts import Transcribed, TranscribedData
from recorrente.kinds.base import Reading, Recipe
from recorrente.kinds.transcribed import TranscribedKind, Transcriber
from recorrente.network import Network
from recorrente.training import Plan

__all__ = ["Speech"]

HOP = 0.020
"""Seconds from frame to frame: more of them than letters said, and half as many steps as to tell sounds apart."""
TONE = 0.2
"""Of augmentation, less than to tell sounds apart: the blank is all that is learnt for long where voices vary more."""


class Speech(TranscribedKind):
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "speech"
    counted = "sounds"
    measure = "frames"
    together: ClassVar[int] = 64
    own_shape: ClassVar[Mapping[str, Any]] = {"hidden": 96, "layers": 2, "bidirectional": True, "dropout": 0.3}
    own_plan: ClassVar[Mapping[str, Any]] = {"epochs": 15, "batch": 16, "learning_rate": 3e-3}

    def loaded(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, *, whole: bool
    ) -> TranscribedData:
        reading.only(self.name, "rate", "units", "group", "leave_out", "encoding", "skip_bad")
        return speech.load(
            source,
            rate=reading.rate,
            group=reading.group,
            leave_out=reading.leave_out,
            encoding=reading.encoding,
            validation=plan.validation,
            skip_bad=bool(reading.skip_bad),
            seed=plan.seed,
            whole=whole,
            progress=progress,
        )

    def as_learnt(self, reading: Reading, reader: Transcriber, source: str | Path) -> Reading:
        encoding = None if of_known(source) else reading.encoding
        return replace(reading, rate=reader.steps.rate, units=reader.units.name, encoding=encoding)

    def steps_in(self, sequence: NDArray[Any], how: Any) -> int:
        return 1 + int(len(sequence) / how / HOP)

    def step_seconds(self, recipe: Recipe) -> float:
        return float(recipe.reader.steps.hop)

    def steps_of(self, data: TranscribedData) -> Mel:
        return Mel.of(data.train.sequences, data.how, hop=HOP)

    def reader_from(self, config: Mapping[str, Any]) -> Transcriber:
        return Transcriber.from_config(config, Mel.from_config)

    def network(self, recipe: Recipe) -> Network:
        return recipe.shape.build(recipe.reader.steps.bands, 1 + len(recipe.reader.units.symbols))

    def encode(self, recipe: Recipe, part: Transcribed) -> tuple[list[NDArray[np.float32]], list[NDArray[np.int64]]]:
        frames = [recipe.reader.steps(wave) for wave in part.sequences]
        return frames, self.targets(recipe, part, [len(one) for one in frames])

    def varied(
        self, recipe: Recipe, part: Transcribed, sequences: ragged.Sequences, random: np.random.Generator
    ) -> ragged.Sequences:
        """A little otherwise in every epoch."""
        return [augmented(one, random, tone=TONE) for one in sequences]

    def opened(self, recipe: Recipe, path: Path) -> tuple[NDArray[Any], str]:
        rate = recipe.reader.steps.rate
        wave = sound.decode(path, rate)
        return wave, f"{len(wave) / rate:.2f} s at {rate} Hz"
