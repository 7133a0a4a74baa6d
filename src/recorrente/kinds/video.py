"""Clips with a class each: actions, gestures, spoken words seen. Read frame by frame."""

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
from recorrente.data import clip, frames, groups, ragged, video
from recorrente.data.frames import Frames
from recorrente.data.progress import Progress
from recorrente.data.source import of_known
from recorrente.data.video import Clips, VideoData
from recorrente.errors import InputError
from recorrente.evaluation import Predictions, gradient_norms, step_by_step
from recorrente.kinds.base import Prediction, Reading, Recipe
from recorrente.kinds.classified import Ragged
from recorrente.network import Network
from recorrente.training import Plan

__all__ = ["Video", "check_clip", "sampled_as"]

SHOWN, GRADIENT_BATCH, LINEAR_SIDE = 3, 16, 32


class Video(Ragged):
    """See `kinds.base.Kind`; `docs/decisions` says where the numbers are from."""

    name = "video"
    uses: ClassVar[tuple[str, ...]] = ("embedding", "shift")
    counted = "clips"
    together: ClassVar[int] = 32  # the maps of many frames at once would fill the memory
    own_shape: ClassVar[Mapping[str, Any]] = {
        "hidden": 64,
        "layers": 1,
        "bidirectional": True,
        "embedding": 64,
        "dropout": 0.3,
    }
    own_plan: ClassVar[Mapping[str, Any]] = {"epochs": 30, "batch": 32, "learning_rate": 3e-3, "shift": 1}

    def load(
        self, source: str | Path, reading: Reading, plan: Plan, progress: Progress, learnt: Sequence[str] | None = None
    ) -> VideoData:
        reading.only(self.name, "size", "frame_rate", "frames", "mirror", "group", "leave_out", "skip_bad")
        return video.load(
            source,
            size=reading.size,
            rate=reading.frame_rate,
            most=reading.frames,
            group=reading.group,
            leave_out=reading.leave_out,
            skip_bad=bool(reading.skip_bad),
            seed=plan.seed,
            learnt=learnt,
            progress=progress,
        )

    def as_learnt(self, reading: Reading, reader: Frames, source: str | Path) -> Reading:
        return sampled_as(reader, reading, source)

    def again(self, recipe: Recipe, source: str | Path, progress: Progress) -> VideoData:
        data: VideoData = super().again(recipe, source, progress)
        check_clip(data.test.frames[0], recipe.reader)
        return data

    def reader(self, data: VideoData, reading: Reading, plan: Plan) -> Frames:
        return Frames.of(data.train.frames, data.sampling)

    def reader_from(self, config: Mapping[str, Any]) -> Frames:
        return Frames.from_config(config)

    def network(self, recipe: Recipe) -> Network:
        reader: Frames = recipe.reader
        return recipe.shape.build_for_pictures(2 * reader.colours, reader.sampling.size, len(recipe.classes))

    def divide(self, plan: Plan, data: VideoData) -> tuple[Clips, Clips]:
        """Whole groups to validate on, where the share is one at least; else as others are divided."""
        everyone = sorted({group for group in data.train.groups if group})
        if not all(data.train.groups) or plan.validation * len(everyone) < 1:
            return super().divide(plan, data)
        held = groups.held_groups(everyone, plan.validation, plan.seed)
        inside = [k for k, group in enumerate(data.train.groups) if group in held]
        outside = [k for k, group in enumerate(data.train.groups) if group not in held]
        if {data.train.labels[k] for k in outside} != set(data.train.labels):  # no class may go whole
            return super().divide(plan, data)
        return data.train.subset(outside), data.train.subset(inside)

    def encode(self, recipe: Recipe, part: Clips) -> tuple[tuple[NDArray[Any], ...], tuple[int, ...]]:
        """Frames as they were decoded, a byte a pixel; `read` makes the rest of them, batch by batch."""
        return part.frames, part.labels

    def read(self, recipe: Recipe, random: np.random.Generator | None = None) -> ragged.Read:
        """A little otherwise in every epoch."""
        reader: Frames = recipe.reader
        if random is None:
            return reader
        shift, mirror = recipe.plan.shift, bool(recipe.reading.mirror)
        return lambda one: reader(frames.varied(one, reader.deviation, random, shift=shift, mirror=mirror))

    def beside(self, recipe: Recipe, data: VideoData, predictions: Predictions) -> dict[str, Any]:
        train, test = (
            np.stack([_resampled(recipe.reader(one)) for one in part.frames]) for part in (data.train, data.test)
        )
        beside = {
            "majority class": baselines.majority(data.train.labels, data.test.labels),
            "linear on 8 frames": baselines.linear(train, data.train.labels, test, data.test.labels),
        }
        return {"baselines": beside, "skipped": list(data.skipped)}

    def observe(
        self, recipe: Recipe, network: Network, data: VideoData, predictions: Predictions
    ) -> dict[str, NDArray[Any]]:
        """What the report is drawn from: clips as they arrive, the gradient."""
        shown = predictions.examples(SHOWN)
        seen: dict[str, NDArray[Any]] = {
            "clip_target": predictions.target[shown],
            "clip_names": np.array([data.test.names[k] for k in shown], dtype=str),
            "gradient_norms": gradient_norms(network, recipe.task, self._equal_lengths(recipe, data.train)),
        }
        for number, k in enumerate(shown):
            clip = data.test.frames[k]
            seen[f"clip_{number}_frames"] = clip
            steps = step_by_step(network, torch.from_numpy(recipe.reader(clip)).unsqueeze(1))
            seen[f"clip_{number}_probabilities"] = steps.probabilities
        return seen

    def predict(self, recipe: Recipe, network: Network, given: Sequence[str | Path]) -> list[Prediction]:
        """The class of each file, at whatever rate and size it was recorded."""
        paths, reader = [Path(one) for one in given], recipe.reader
        read, words = zip(*(clip.opened(path, reader.sampling, reader.colours) for path in paths), strict=True)
        nobody = Clips(read, (0,) * len(paths), ("",) * len(paths), tuple(path.name for path in paths))
        return self.told_of(recipe, network, nobody, paths, words)

    def _equal_lengths(self, recipe: Recipe, train: Clips) -> Any:
        """Some training clips of the most common length, or cut to it."""
        T = Counter(map(len, train.frames)).most_common(1)[0][0]
        chosen = [k for k, one in enumerate(train.frames) if len(one) >= T][:GRADIENT_BATCH]
        return ragged.one([recipe.reader(train.frames[k][:T]) for k in chosen], [train.labels[k] for k in chosen])


def sampled_as(reader: Frames, reading: Reading, source: str | Path) -> Reading:
    """How clips of another set become frames such as were learnt; those of a known set are frames already."""
    if of_known(source):
        return replace(reading, size=None, frame_rate=None, frames=None, encoding=None)
    own = reader.sampling
    return replace(reading, size=own.size, frame_rate=own.rate, frames=own.most)


def check_clip(frames: NDArray[Any], reader: Frames) -> None:
    """Refuses a set by one of its clips `(T, H, W, C)`, all of which are alike.

    Raises:
        InputError: another size or other colours than were learnt.
    """
    _, H, W, C = frames.shape
    height, width = reader.sampling.size
    if (height, width) != (H, W) or reader.colours != C:
        wanted = f"{width}x{height} of {reader.colours}, as was learnt"
        raise InputError("data", came=f"clips of {W}x{H} pixels of {C} colours", wanted=wanted)


def _resampled(steps: NDArray[np.float32], count: int = 8) -> NDArray[np.float32]:
    """The values of so many evenly spread frames, flat, so that clips of any length can be set beside each other.

    Larger frames are brought to 32 pixels a side or less, by means over blocks: a weight a pixel is learnt slowly.
    """
    at = np.linspace(0, len(steps) - 1, count).round().astype(np.intp)
    values = steps[at, : steps.shape[1] // 2]  # (count, C, H, W)
    block = -(-max(values.shape[2:]) // LINEAR_SIDE)
    height, width = (side // block * block for side in values.shape[2:])
    blocks = values[:, :, :height, :width].reshape(*values.shape[:2], height // block, block, width // block, block)
    return blocks.mean(axis=(3, 5)).ravel()
