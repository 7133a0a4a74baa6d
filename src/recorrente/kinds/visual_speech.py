"""Clips with a transcript each: sentences read from lips, written down word by word or letter by letter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from recorrente.data import clip, frames, lips, ragged
from recorrente.data.frames import Frames
from recorrente.data.progress import Progress
from recorrente.data.transcripts import Transcribed, TranscribedData
from recorrente.kinds.base import Reading, Recipe
from recorrente.kinds.transcribed import TranscribedKind, Transcriber
from recorrente.kinds.video import check_clip, sampled_as
from recorrente.network import Network
from recorrente.training import Plan

__all__ = ["VisualSpeech"]


class VisualSpeech(TranscribedKind):
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "visual-speech"
    uses: ClassVar[tuple[str, ...]] = ("embedding", "shift")
    counted = "clips"
    measure = "frames"
    together: ClassVar[int] = 16  # the maps of many frames at once would fill the memory
    own_shape: ClassVar[Mapping[str, Any]] = {
        "hidden": 96,
        "layers": 1,
        "bidirectional": True,
        "embedding": 64,
        "dropout": 0.3,
    }
    own_plan: ClassVar[Mapping[str, Any]] = {"epochs": 30, "batch": 8, "learning_rate": 3e-3, "shift": 2}

    def loaded(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, *, whole: bool
    ) -> TranscribedData:
        told = ("size", "frame_rate", "frames", "mirror", "units", "group", "leave_out", "encoding", "skip_bad")
        reading.only(self.name, *told)
        return lips.load(
            source,
            size=reading.size,
            rate=reading.frame_rate,
            most=reading.frames,
            group=reading.group,
            leave_out=reading.leave_out,
            encoding=reading.encoding,
            skip_bad=bool(reading.skip_bad),
            seed=plan.seed,
            whole=whole,
            progress=progress,
        )

    def as_learnt(self, reading: Reading, reader: Transcriber, source: str | Path) -> Reading:
        return sampled_as(reader.steps, replace(reading, units=reader.units.name), source)

    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> TranscribedData:
        data: TranscribedData = super().again(recipe, source, progress)
        check_clip(data.test.sequences[0], recipe.reader.steps)
        return data

    def steps_in(self, sequence: NDArray[Any], how: Any) -> int:
        return len(sequence)

    def step_seconds(self, recipe: Recipe) -> float:
        return 1 / float(recipe.reader.steps.sampling.rate)

    def steps_of(self, data: TranscribedData) -> Frames:
        return Frames.of(data.train.sequences, data.how)

    def reader_from(self, config: Mapping[str, Any]) -> Transcriber:
        return Transcriber.from_config(config, Frames.from_config)

    def network(self, recipe: Recipe) -> Network:
        steps: Frames = recipe.reader.steps
        symbols = 1 + len(recipe.reader.units.symbols)
        return recipe.shape.build_for_pictures(2 * steps.colours, steps.sampling.size, symbols)

    def encode(self, recipe: Recipe, part: Transcribed) -> tuple[tuple[NDArray[Any], ...], list[NDArray[np.int64]]]:
        """Frames as they were decoded, a byte a pixel; `read` makes the rest of them, batch by batch."""
        return part.sequences, self.targets(recipe, part, [len(one) for one in part.sequences])

    def read(self, recipe: Recipe, random: np.random.Generator | None = None) -> ragged.Read:
        """A little otherwise in every epoch, but without noise; `docs/decisions` says why."""
        steps: Frames = recipe.reader.steps
        if random is None:
            return steps
        shift, mirror = recipe.plan.shift, bool(recipe.reading.mirror)
        return lambda one: steps(frames.varied(one, steps.deviation, random, shift=shift, mirror=mirror, noise=0))

    def picture(self, recipe: Recipe, sequence: NDArray[Any]) -> NDArray[Any]:
        return sequence

    def opened(self, recipe: Recipe, path: Path) -> tuple[NDArray[Any], str]:
        steps: Frames = recipe.reader.steps
        return clip.opened(path, steps.sampling, steps.colours)
