"""Clips: the ways they lie in folders, what is refused, what is learnt; on clips made here and on real ones."""

import builtins
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import recorrente
from recorrente import Plan, Shape, kinds, recipe
from recorrente.data import clip, clips, frames, video
from recorrente.data.clip import Sampling
from recorrente.data.clipsets import GRID_WORDS
from recorrente.data.frames import Frames
from recorrente.data.progress import silent
from recorrente.encoders import PictureEncoder
from recorrente.errors import InputError
from recorrente.kinds import find
from recorrente.recipe import Reading

av = pytest.importorskip("av")
REAL = Path(os.environ.get("RECORRENTE_DATA", ""))
CODECS = {
    ".mp4": ("mpeg4", "yuv420p", 10),
    ".avi": ("mpeg4", "yuv420p", 10),
    ".mpg": ("mpeg1video", "yuv420p", 25),
    ".webm": ("libvpx", "yuv420p", 10),
    ".gif": ("gif", "rgb8", 10),
}
SIZE = (12, 16)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RECORRENTE_CACHE", str(tmp_path / "cache"))


def needs(name: str):
    missing = not (REAL / name).is_dir() or "RECORRENTE_DATA" not in os.environ
    return pytest.mark.skipif(missing, reason=f"RECORRENTE_DATA does not lead to a folder with {name}")


def moving(T: int, H: int, W: int, *, right: bool, colour: tuple[int, int, int] = (219, 109, 0)) -> np.ndarray:
    """A square that crosses a dark ground, `(T, H, W, 3)`, in colours that the palette of a GIF has."""
    picture = np.full((T, H, W, 3), (36, 36, 85), np.uint8)
    side = H // 3
    for t, x in enumerate(np.linspace(0, W - side, T).round().astype(int)):
        at = x if right else W - side - x
        picture[t, side : 2 * side, at : at + side] = colour
    return picture


def write(path: Path, pictures: np.ndarray, rate: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    codec, pixels, usual = CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate or usual)
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], pixels
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def classes(folder: Path, count: int = 6, suffixes: tuple[str, ...] = (".mp4", ".mpg", ".gif")) -> Path:
    """Two ways to move, in clips of several lengths, sizes, rates and formats, in colour and grey."""
    for name, right in (("para a direita", True), ("à esquerda", False)):
        for k in range(count):
            H, W = ((24, 32), (48, 64), (32, 32))[k // 2 % 3]
            colour = (200, 200, 200) if k % 2 else (219, 109, 0)
            path = folder / name / f"vídeo {k}{suffixes[k % len(suffixes)]}"
            write(path, moving(8 + k, H, W, right=right, colour=colour))
    return folder


def load(source, **how):
    return video.load(source, progress=silent, **how)


@pytest.mark.parametrize("suffix", list(CODECS))
def test_a_clip_is_read_as_it_was_made(tmp_path, suffix):
    """The square is where it was, in its colour, within what a lossy codec and a smaller picture leave of it."""
    made, rate = moving(10, 24, 32, right=True), CODECS[suffix][2]
    came = clip.decode(write(tmp_path / f"a{suffix}", made), Sampling((24, 32), rate=rate))
    assert (came.dtype, came.shape) == (np.uint8, made.shape)
    assert np.abs(came.astype(int) - made).mean() < 12
    there = (came[..., 0].astype(int) > 120).any(axis=1)  # (T, W)
    assert np.abs(there.argmax(axis=1) - np.linspace(0, 24, 10)).max() <= 2


def test_frames_are_taken_by_the_clock(tmp_path):
    """50 frames at 25 a second are two seconds: 20 ticks of a tenth, 10 of a fifth; a slow clip shows frames twice."""
    fast = write(tmp_path / "fast.mp4", moving(50, 16, 64, right=True), 25)
    assert [len(clip.decode(fast, Sampling((16, 64), rate=rate))) for rate in (25, 10, 5)] == [50, 20, 10]
    slow = clip.decode(write(tmp_path / "slow.mp4", moving(5, 16, 64, right=True), 5), Sampling((16, 64)))
    assert len(slow) == 9
    assert np.array_equal(slow[0], slow[1])
    assert not np.array_equal(slow[1], slow[2])


def test_a_long_clip_is_read_evenly_in_bounded_memory(tmp_path):
    path = write(tmp_path / "long.mp4", moving(100, 16, 64, right=True), 10)
    came = clip.decode(path, Sampling((16, 64), most=8))
    assert len(came) == 8
    place = (came[..., 0] > 120).any(axis=1).argmax(axis=1)
    assert np.diff(place).min() > 0
    assert place[0] <= 2
    assert place[-1] >= 54


def test_another_shape_is_fitted_with_black_beside_it(tmp_path):
    white = np.full((3, 32, 64, 3), 250, np.uint8)
    came = clip.decode(write(tmp_path / "wide.mp4", white), Sampling((32, 32)))
    assert came[:, 8:24].min() > 200
    assert came[:, :7].max() == 0
    assert came[:, 25:].max() == 0


def test_folders_of_clips_are_read(tmp_path):
    data = load(classes(tmp_path / "os vídeos"))
    assert data.classes == ("à esquerda", "para a direita")
    assert (len(data.train), len(data.test), data.split) == (9, 3, "at random, a fifth of each class")
    assert data.sampling.size == (24, 32)
    assert {one.shape[1:] for one in data.train.frames + data.test.frames} == {(24, 32, 3)}
    assert {len(one) for one in data.train.frames} > {8}
    assert load(tmp_path / "os vídeos", size=SIZE).train.frames[0].shape[1:3] == SIZE
    assert find(tmp_path / "os vídeos").kind == "video"


def test_train_and_test_folders_are_kept(tmp_path):
    classes(tmp_path / "train", 2, (".gif",))
    classes(tmp_path / "test", 1, (".gif",))
    data = load(tmp_path)
    assert (len(data.train), len(data.test), data.split) == (4, 2, "the folder test/")


def test_moving_gifs_and_arrays_of_frames_are_known_by_looking(tmp_path):
    gifs = classes(tmp_path / "gifs", 2, (".gif",))
    assert find(gifs).why == "a folder of moving GIFs"
    for name, T in (("arrays", 5), ("joints", 0)):
        for label in "ab":
            (tmp_path / name / label).mkdir(parents=True)
            for k in range(2):
                shown = np.zeros((5 + k, 8, 9), np.uint8) if T else np.zeros((5 + k, 15, 2), np.float32)
                np.save(tmp_path / name / label / f"{k}.npy", shown)
    assert find(tmp_path / "arrays").kind == "video"
    assert find(tmp_path / "joints").kind == "joints"
    data = load(tmp_path / "arrays")
    assert data.train.frames[0].shape[1:] == (8, 9, 1)
    with pytest.raises(InputError, match="single clip"):
        find(write(tmp_path / "one.mp4", moving(3, 16, 16, right=True)))


@pytest.mark.parametrize(
    ("place", "how"),
    [
        ("{label}/person{who:02}_run_d1.npy", {}),
        ("{label}/v_Run_g{who}_c01.npy", {}),
        ("{label}/quem {who}/a.npy", {}),
        ("{label}/take-{who}x.npy", {"group": r"take-(\d)"}),
    ],
)
def test_a_group_is_learnt_from_or_tested_on(tmp_path, place, how):
    folder = tmp_path / "clips"
    for label in "ab":
        for who in range(1, 7):
            path = folder / place.format(label=label, who=who)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, np.zeros((4, 8, 8), np.uint8))
    data = load(folder, **how)
    assert data.split.startswith("by group: ")
    assert not set(data.train.groups) & set(data.test.groups)
    who = data.train.groups[0]
    assert set(load(folder, leave_out=who, **how).test.groups) == {who}
    with pytest.raises(InputError, match="leave_out: got 'ninguém', wanted one of"):
        load(folder, leave_out="ninguém", **how)
    for pattern, wanted in (("zz", "which is not in"), ("(", "a regular expression")):
        with pytest.raises(InputError, match=f"group: got .*{wanted}"):
            load(folder, group=pattern)


def test_no_class_goes_whole_where_groups_are_validated_on(tmp_path):
    for label, people in (("a", range(1, 9)), ("b", range(9, 12))):
        for who in people:
            path = tmp_path / "clips" / label / f"person{who:02}_run_d1.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, np.zeros((4, 8, 8), np.uint8))
    data, kind = load(tmp_path / "clips"), kinds.of_name("video")
    for seed in range(8):
        plan = recipe.default_plan("clips", "gru", kind="video", validation=0.3, seed=seed)
        learnt, held = kind.divide(plan, data)
        assert set(learnt.labels) == {0, 1}
        assert len(learnt) + len(held) == len(data.train)


@pytest.mark.parametrize("suffix", [".gif", ".mp4"])
@pytest.mark.parametrize("notes", ["notes", "beside", "many"])
def test_notes_beside_clips_are_left_aside_and_told(suffix, notes, tmp_path):
    """A text a class, a text a clip, or more texts than clips whose names say that they are notes."""
    folder = classes(tmp_path / "clips", 2, (suffix,))
    clips = sorted(folder.rglob(f"*{suffix}"))
    told = {
        "notes": [clip.parent / "olhar.txt" for clip in clips],
        "beside": [clip.with_suffix(".txt") for clip in clips],
        "many": [clip.parent / f"{name}.txt" for clip in clips for name in ("README", "licença", "notas de campo")],
    }[notes]
    for path in (*told, folder / "LICENSE.txt", folder / "LEIAME.md"):
        path.write_text("de quem são os vídeos")
    found = find(folder)
    count = len({*told}) + 1
    assert found.kind == "video"
    assert found.why.endswith(f"; left aside: .txt ({count}), .md (1)")
    assert len(load(folder).train) + len(load(folder).test) == len(clips)


def test_broken_files_are_named_and_left_out_only_when_asked(tmp_path):
    folder = classes(tmp_path / "vídeos", 3)
    (folder / "à esquerda" / "partido.mp4").write_bytes(b"no clip at all")
    (folder / "à esquerda" / "vazio.mpg").write_bytes(b"")
    whole = (folder / "à esquerda" / "vídeo 0.mp4").read_bytes()
    (folder / "à esquerda" / "cortado.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"cortado\.mp4.*partido\.mp4.*vazio\.mpg"):
        load(folder)
    data = load(folder, skip_bad=True)
    assert len(data.train) + len(data.test) == 6
    assert [line.split(":")[0] for line in data.skipped] == ["cortado.mp4", "partido.mp4", "vazio.mpg"]


def test_what_is_no_set_of_clips_is_refused(tmp_path):
    for name, shape, wanted in (
        ("size", (4, 9, 9), "wanted 8x8 pixels"),
        ("flat", (4, 9), r"frames \(T, H, W\)"),
        ("nothing", (0, 8, 8), r"frames \(T, H, W\)"),
    ):
        for label, k in (("a", 0), ("a", 1), ("b", 0), ("b", 1)):
            (tmp_path / name / label).mkdir(parents=True, exist_ok=True)
            odd = label == "b" and k == 1
            np.save(tmp_path / name / label / f"{k}.npy", np.zeros(shape if odd else (4, 8, 8), np.uint8))
        with pytest.raises(InputError, match=wanted):
            load(tmp_path / name)
    np.save(tmp_path / "size" / "b" / "1.npy", np.zeros((4, 8, 8), np.float32))
    with pytest.raises(InputError, match="unlike colours"):
        load(tmp_path / "size")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="without clips"):
        load(tmp_path / "empty")
    for how, wanted in (({"rate": 0.0}, "frame_rate: got 0.0"), ({"most": 1}, "frames: got 1")):
        with pytest.raises(InputError, match=wanted):
            load(tmp_path / "size", **how)
    with pytest.raises(InputError, match=r"frame_rate: got 5, wanted nothing"):
        load("nagoya", rate=5)


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "a.mp4", moving(3, 16, 16, right=True))
    real = builtins.__import__
    monkeypatch.delitem(sys.modules, "av")
    monkeypatch.setattr(builtins, "__import__", lambda name, *more: _absent(name) or real(name, *more))
    with pytest.raises(InputError, match=r"pip install 'recorrente\[video\]'"):
        clip.decode(path, Sampling((8, 8)))


def _absent(name):
    if name == "av":
        raise ImportError(name)


def test_what_was_decoded_is_kept_until_a_file_changes(tmp_path, monkeypatch):
    folder, read = classes(tmp_path / "vídeos", 2), []
    monkeypatch.setattr(clips, "decode", lambda path, how: read.append(path) or clip.decode(path, how))
    first, second, other = load(folder), load(folder), load(folder, seed=1)
    assert len(read) == 4
    assert all(np.array_equal(a, b) for a, b in zip(first.train.frames, second.train.frames, strict=True))
    assert len(other.train) == len(first.train)
    load(folder, most=4)
    assert len(read) == 8
    write(folder / "à esquerda" / "vídeo 0.mp4", moving(9, 24, 32, right=False))
    load(folder)
    assert len(read) == 12


def test_light_and_warmth_are_taken_away_and_changes_are_read():
    made = moving(6, *SIZE, right=True, colour=(200, 90, 60)).astype(np.float32)
    reader = Frames.of([made], Sampling(SIZE))
    steps = reader(made)
    assert (steps.dtype, steps.shape) == (np.float32, (6, 6, *SIZE))
    assert np.allclose(reader(made + 7), steps, atol=1e-5)
    assert not steps[0, 3:].any()
    assert np.sqrt((steps**2).mean(axis=(0, 2, 3))) == pytest.approx(np.ones(6), rel=1e-5)
    assert Frames.from_config(reader.to_config()) == reader


def test_augmentation_is_repeated_by_its_seed_and_mirrors_only_when_asked():
    made = moving(20, *SIZE, right=True)

    def drawn(seed, mirror):
        return frames.varied(made, (60.0,) * 3, np.random.default_rng(seed), shift=1, mirror=mirror)

    assert np.array_equal(drawn(1, True), drawn(1, True))
    assert len({len(drawn(seed, False)) for seed in range(8)}) > 1
    ends = [drawn(seed, True)[-1, :, :, 0].sum(axis=0).argmax() < SIZE[1] // 2 for seed in range(16)]
    assert any(ends)
    assert not all(ends)
    assert not any(drawn(seed, False)[-1, :, :, 0].sum(axis=0).argmax() < SIZE[1] // 2 for seed in range(16))


def test_a_step_is_encoded_by_itself():
    """Steps past a row's end, and other rows, change nothing of a step; every weight has a gradient."""
    torch.manual_seed(0)
    encoder = PictureEncoder(2, (9, 17), 5, dropout=0.2).eval()
    x = torch.randn(4, 3, 2, 9, 17)
    y = encoder(x)
    assert torch.allclose(y[2, 1], encoder(x[2:3, 1:2])[0, 0], atol=1e-6)
    (y * torch.randn_like(y)).sum().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in encoder.parameters())


def test_ways_to_move_are_told_apart(tmp_path):
    folder = classes(tmp_path / "vídeos", 10)
    plan, shape = Plan(epochs=8, batch=8, learning_rate=5e-3), Shape("gru", hidden=12, layers=1, embedding=16)
    reading = Reading(size=SIZE)
    trained = recorrente.train(folder, plan=plan, shape=shape, reading=reading, out=tmp_path / "run")
    metrics = trained.run.read_json("metrics.json")
    assert metrics["accuracy"] == 1.0
    assert set(metrics["baselines"]) == {"majority class", "linear on 8 frames"}
    again = recorrente.load(tmp_path / "run")
    said = again.predict([write(tmp_path / "novo.mp4", moving(30, 64, 80, right=True), 25)])[0]
    assert said.label == "para a direita"
    assert said.preparation == "12 frames of 16x12 pixels"
    assert again.evaluate()["accuracy"] == 1.0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Clips as they arrive" in page
    assert "at random, a fifth of each class" in page
    np.save(tmp_path / "grey.npy", np.zeros((3, *SIZE), np.uint8))
    for path, wanted in ((tmp_path / "none.mp4", "no such file"), (tmp_path / "grey.npy", "frames of 1 colours")):
        with pytest.raises(InputError, match=wanted):
            again.predict([path])


def test_clips_of_another_size_are_scored_as_predict_reads_them(tmp_path):
    folder = classes(tmp_path / "vídeos", 4)
    plan, shape = Plan(epochs=1, batch=8), Shape("gru", hidden=6, layers=1, embedding=8)
    reading = Reading(size=SIZE, frames=9, group=r"vídeo (\d)", leave_out="3")
    trained = recorrente.train(folder, plan=plan, shape=shape, reading=reading, out=tmp_path / "run")
    other = tmp_path / "outros"
    for name in ("para a direita", "à esquerda"):
        for k in range(3):
            write(other / name / f"a{k}.mp4", moving(20, 32, 48, right=name != "à esquerda"), 25)
    data = trained.kind.again(trained.recipe, str(other), silent)
    assert data.sampling == Sampling(SIZE, most=9)
    scores = trained.evaluate(other)
    assert (scores["test_size"], scores["split"].startswith("all of it")) == (6, True)
    assert trained.evaluate(folder)["split"] == "the group 3, left out"
    for name in ("para a direita", "à esquerda"):
        for k in (1, 2):
            (other / name / f"a{k}.mp4").unlink()
    assert trained.evaluate(other)["test_size"] == 2
    shutil.rmtree(other / "à esquerda")
    data = trained.kind.again(trained.recipe, str(other), silent)
    assert (data.classes, data.test.labels) == (("à esquerda", "para a direita"), (1,))
    for name in ("para a direita", "à esquerda"):
        (tmp_path / "grey" / name).mkdir(parents=True)
        for k in range(2):
            np.save(tmp_path / "grey" / name / f"{k}.npy", np.zeros((3, *SIZE), np.uint8))
    with pytest.raises(InputError, match="data: got clips of 16x12 pixels of 1 colours, wanted 16x12 of 3"):
        trained.evaluate(tmp_path / "grey")


def test_clips_with_transcripts_of_another_size_are_scored_as_predict_reads_them(tmp_path):
    for place, (H, W), count in (("ditos", (24, 32), 10), ("outros", (32, 48), 4)):
        for k in range(count):
            path = write(tmp_path / place / f"{k}.mp4", moving(30, H, W, right=bool(k % 2)), 25)
            path.with_suffix(".txt").write_text("dois" if k % 2 else "um")
    plan, shape = Plan(epochs=1, batch=4), Shape("gru", hidden=6, layers=1, embedding=8)
    reading = Reading(size=SIZE)
    trained = recorrente.train(tmp_path / "ditos", plan=plan, shape=shape, reading=reading, out=tmp_path / "run")
    data = trained.kind.again(trained.recipe, str(tmp_path / "outros"), silent)
    assert data.how == Sampling(SIZE, rate=25.0, most=250)
    assert trained.evaluate(tmp_path / "outros")["test_size"] == 4


@needs("nagoya")
def test_thermal_actions_are_split_by_who_acts():
    data = load("nagoya")
    assert (len(data.train), len(data.test), len(data.classes)) == (1680, 840, 7)
    assert set(data.test.groups) == {"7", "8", "9"}
    assert data.train.frames[0].shape[1:] == (16, 16, 1)
    assert 15 < np.median(data.train.frames[0]) < 35  # degrees
    assert set(load("nagoya", leave_out="2").test.groups) == {"2"}
    reader = Frames.of(data.train.frames[:20], data.sampling)
    assert reader(data.test.frames[0]).shape[1:] == (2, 16, 16)


@needs("grid")
def test_spoken_words_are_cut_from_the_sentences():
    for name, count in (("grid", 4), ("grid-digit", 10)):
        data = load(name)
        assert (len(data.train) + len(data.test), len(data.test), len(data.classes)) == (999, 208, count)
        assert all(len(one) for one in data.train.frames)
    assert data.classes[3] == "three"
    assert "grid-letter" in {f"grid-{word}" for word in GRID_WORDS}


@needs("grid")
def test_real_mpeg_is_decoded():
    path = sorted((REAL / "grid" / "original_mpg").glob("*.mpg"))[0]
    assert clip.extent(path) == (288, 360)
    came = clip.decode(path, Sampling((24, 30), rate=25, most=100))
    assert came.shape == (75, 24, 30, 3)
    assert 40 < came.mean() < 200
    assert np.abs(np.diff(came.astype(int), axis=0)).mean() > 0.1
