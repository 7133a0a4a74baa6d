"""Joints of a body: the ways they lie in folders, what does not matter to them, what is learnt."""

import os
from pathlib import Path

import numpy as np
import pytest

import recorrente
from recorrente import Plan, Shape
from recorrente.data import joints
from recorrente.data.joints import Posture
from recorrente.data.progress import silent
from recorrente.data.series import Series
from recorrente.errors import InputError
from recorrente.kinds import find, of_name
from recorrente.kinds.base import Reading, Recipe

REAL = Path(os.environ.get("RECORRENTE_DATA", "")) / "jhmdb"
HEIGHTS = np.array([2.0, 1.0, 0.0, 1.5])  # head, hip, foot, hand


def load(source, **how):
    return joints.load(source, seed=0, progress=silent, **how)


def body(raised: bool, T: int, random: np.random.Generator) -> np.ndarray:
    """Four joints somewhere, of some size; the hand goes up or down: `(T, 4, 2)`."""
    pose = np.zeros((T, 4, 2), np.float32)
    pose[..., 1] = HEIGHTS
    pose[:, 3, 0] = 0.5
    pose[:, 3, 1] += np.linspace(0, 1, T) * (1 if raised else -1)
    return ((pose + 0.02 * random.standard_normal(pose.shape)) * random.uniform(20, 200) + 300).astype(np.float32)


def classes(folder: Path, count: int = 8) -> Path:
    random = np.random.default_rng(0)
    for name in ("erguer a mão", "baixar"):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            pose = body(name != "baixar", random.integers(8, 15), random)
            if k % 2:
                np.savetxt(folder / name / f"{k}.csv", pose.reshape(len(pose), -1), delimiter=",")
            else:
                np.save(folder / name / f"{k}.npy", pose)
    return folder


def test_class_folders_of_joints_are_read(tmp_path):
    data = load(classes(tmp_path / "poses"))
    assert (data.classes, data.channels, len(data.train), len(data.test)) == (("baixar", "erguer a mão"), 8, 12, 4)
    assert find(tmp_path / "poses").why == "class folders of joints"
    for label in "ab":
        (tmp_path / "odd" / label).mkdir(parents=True)
        for k in range(2):
            np.save(tmp_path / "odd" / label / f"{k}.npy", np.zeros((5, 7), np.float32))
    assert find(tmp_path / "odd").kind == "series"
    with pytest.raises(InputError, match=r"7 coordinates a step, wanted x and y .*--kind series"):
        load(tmp_path / "odd")
    for path in (tmp_path / "odd").rglob("*.npy"):
        np.save(path, np.zeros((5, 4, 3), np.float32))
    with pytest.raises(InputError, match=r"\.npy: got 3 coordinates of each point, wanted 2: \(T, J, 2\)"):
        load(tmp_path / "odd")


def test_place_and_size_do_not_matter_and_motion_does():
    pose = body(True, 12, np.random.default_rng(1)).reshape(12, -1)
    reader = Posture.of([pose])
    steps = reader(pose)
    assert (steps.dtype, steps.shape, reader.width) == (np.float32, (12, 16), 16)
    assert np.allclose(reader(3 * pose + np.tile([50, -20], 4).astype(np.float32)), steps, atol=1e-3)
    assert not steps[0, 8:].any()
    assert steps[1:, 8:].std() == pytest.approx(1, rel=1e-4)
    assert not reader(np.repeat(pose[:1], 5, axis=0))[:, 8:].any()
    assert np.isfinite(Posture.of([pose[:1]])(pose[:1])).all()


def test_a_varied_body_is_still_one():
    """Turned and stretched by little: joints stay in order from head to foot; mirrored only when asked."""
    pose = body(True, 30, np.random.default_rng(2)).reshape(30, -1)
    one, two = (joints.varied(pose, np.random.default_rng(3), mirror=True) for _ in range(2))
    assert np.array_equal(one, two)
    for mirror in (False, True):
        made = [joints.varied(pose, np.random.default_rng(seed), mirror=mirror) for seed in range(20)]
        heights = np.stack([each.reshape(-1, 4, 2)[:, :3, 1].mean(axis=0) for each in made])
        assert (np.diff(heights, axis=1) < 0).all()
        sides = [_hand_at_right(each.reshape(-1, 4, 2).mean(axis=0)) for each in made]
        assert all(sides) != mirror
        assert any(sides)
        assert len({len(each) for each in made}) > 3


@pytest.mark.parametrize(
    ("source", "said", "settled"),
    [("jhmdb", None, True), ("jhmdb", False, False), ("poses", None, None), ("poses", True, True)],
)
def test_what_is_usual_for_a_known_set_is_settled_when_a_training_begins(source, said, settled):
    assert Reading(mirror=said).settled(source, "joints").mirror is settled
    assert Reading(mirror=said).settled(source, "series").mirror is said


@pytest.mark.parametrize(("source", "said", "mirrored"), [("jhmdb", None, False), ("jhmdb", True, True)])
def test_a_run_is_mirrored_as_its_config_says(source, said, mirrored, monkeypatch):
    """One that was begun before the set was mirrored unasked goes on without."""
    told = []
    monkeypatch.setattr(joints, "varied", lambda one, random, *, mirror: told.append(mirror) or one)
    pose = body(True, 12, np.random.default_rng(1)).reshape(12, -1)
    reader, reading = Posture.of([pose]), Reading(mirror=said)
    recipe = Recipe(source, "joints", ("a", "b"), reader, Shape("gru"), None, Plan(), reading)
    of_name("joints").varied(recipe, Series((pose,), (0,)), [reader(pose)], np.random.default_rng(0))
    assert told == [mirrored]


def _hand_at_right(mean: np.ndarray) -> bool:
    """Of the line from foot to head, however it is turned."""
    (x, y), (u, v) = mean[0] - mean[2], mean[3] - mean[2]
    return bool(x * v - y * u < 0)


def test_what_a_hand_does_is_told_apart(tmp_path):
    plan, shape = Plan(epochs=20, batch=4, learning_rate=1e-2), Shape("gru", hidden=8, layers=1)
    trained = recorrente.train(classes(tmp_path / "poses"), plan=plan, shape=shape, out=tmp_path / "run")
    metrics = trained.run.read_json("metrics.json")
    assert "mirror" not in trained.run.config["data"]["reading"]
    assert metrics["accuracy"] == 1.0
    assert set(metrics["baselines"]) == {"majority class", "nearest neighbour", "linear on 8 steps"}
    np.save(tmp_path / "new.npy", body(True, 40, np.random.default_rng(9)))
    assert recorrente.load(tmp_path / "run").predict([tmp_path / "new.npy"])[0].label == "erguer a mão"
    assert "Series as they arrive" in (tmp_path / "run" / "report.html").read_text()


def test_a_single_sequence_of_one_class_is_scored(tmp_path):
    plan, shape = Plan(epochs=1, batch=4), Shape("gru", hidden=4, layers=1)
    trained = recorrente.train(classes(tmp_path / "poses", 3), plan=plan, shape=shape, out=tmp_path / "run")
    (other := tmp_path / "outras" / "erguer a mão").mkdir(parents=True)
    np.save(other / "1.npy", body(True, 9, np.random.default_rng(3)))
    data = trained.kind.again(trained.recipe, str(tmp_path / "outras"), silent)
    assert (data.classes, data.test.labels) == (("baixar", "erguer a mão"), (1,))
    assert trained.evaluate(tmp_path / "outras")["split"].startswith("all of it")


@pytest.mark.skipif(not REAL.is_dir(), reason="RECORRENTE_DATA does not lead to a folder with jhmdb")
def test_the_known_set_keeps_its_split_and_its_run_how_it_is_read(tmp_path):
    data = load("jhmdb")
    assert (len(data.train), len(data.test), data.channels, len(data.classes)) == (433, 176, 30, 14)
    recorrente.train("jhmdb", out=tmp_path / "run", shape=Shape("elman", hidden=2), plan=Plan(epochs=1))
    assert recorrente.recipe.of_run(tmp_path / "run").reading.mirror
    assert {len(one) for one in data.test.values} <= set(range(15, 41))
