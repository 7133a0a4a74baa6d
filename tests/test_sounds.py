"""Sounds: the ways they lie in folders, what is refused, what is learnt; on generated tones and on real digits."""

import os
from pathlib import Path

import numpy as np
import pytest

import recorrente
from recorrente import Plan, Shape
from recorrente.data import sound
from recorrente.data.mel import Mel, augmented
from recorrente.data.progress import silent
from recorrente.errors import InputError
from recorrente.kinds import find
from recorrente.recipe import Reading

soundfile = pytest.importorskip("soundfile")
RATE = 8000
REAL = Path(os.environ.get("RECORRENTE_DATA", "")) / "fsdd"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RECORRENTE_CACHE", str(tmp_path / "cache"))


def tone(pitch: float, seconds: float = 0.2, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


def write(path: Path, wave: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate)
    return path


def classes(folder: Path, count: int = 10, suffix: str = ".wav") -> Path:
    random = np.random.default_rng(0)
    for name, pitch in (("grave", 300), ("agudo é alto", 1500)):
        for k in range(count):
            seconds = random.uniform(0.1, 0.3)
            wave = tone(pitch * random.uniform(0.9, 1.1), seconds) + 0.02 * random.standard_normal(
                round(seconds * RATE)
            )
            write(folder / name / f"som {k}{suffix}", wave[: round(seconds * RATE)])
    return folder


def load(source, **how):
    return sound.load(source, progress=silent, **how)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg"])
def test_class_folders_are_read(tmp_path, suffix):
    data = load(classes(tmp_path / "os sons", suffix=suffix))
    assert data.classes == ("agudo é alto", "grave")
    assert (len(data.train), len(data.test), data.rate) == (16, 4, RATE)
    assert data.split == "at random, a fifth of each class"
    assert find(tmp_path / "os sons").kind == "audio"


def test_train_and_test_folders_are_kept(tmp_path):
    classes(tmp_path / "train", 4)
    classes(tmp_path / "test", 2)
    data = load(tmp_path)
    assert (len(data.train), len(data.test), data.split) == (8, 4, "the folder test/")


def test_channels_are_mixed_and_rates_brought_together(tmp_path):
    wave = tone(440, 0.5, 22_050)
    path = write(tmp_path / "a.wav", np.stack([wave, np.zeros_like(wave)], axis=1), 22_050)
    came = sound.decode(path, RATE)
    assert came.dtype == np.float32
    assert abs(len(came) - 4000) <= 2
    assert np.abs(came).max() == pytest.approx(0.15, rel=0.1)
    assert np.abs(np.fft.rfft(came)).argmax() == pytest.approx(220, abs=1)  # 440 Hz in half a second


def test_names_tell_class_and_speaker(tmp_path):
    for speaker in ("ana", "bia", "caio", "davi", "eva"):
        for label in ("1", "2", "10"):
            for number in range(2):
                write(tmp_path / f"{label}_{speaker}_{number}.wav", tone(200 * int(label)))
    data = load(tmp_path, seed=1)
    assert data.classes == ("1", "2", "10")
    assert not set(data.train.speakers) & set(data.test.speakers)
    assert data.split.startswith("by speaker: ")
    assert set(load(tmp_path, leave_out="caio").test.speakers) == {"caio"}
    with pytest.raises(InputError, match="leave_out: got 'zeno', wanted one of ana, bia"):
        load(tmp_path, leave_out="zeno")


ANIMALS = ("boi", "cão", "gato", "owl", "rã")


def test_files_named_after_their_class_tell_no_speaker(tmp_path):
    for label in ANIMALS:
        for number in range(5):
            write(tmp_path / "sons" / label / f"{label[0]}{len(label)}-{number}.wav", tone(300))
    data = load(tmp_path / "sons")
    assert [data.train.labels.count(k) for k in range(5)] == [4] * 5
    assert data.split == "at random, a fifth of each class, for no speaker is in two classes"


def test_speakers_of_one_class_each_are_tested_on_in_every_class(tmp_path):
    """As those who are ill and those who are not: none may be on both sides, nor all of a class on one."""
    for label, who in (("doente", ("ana", "bia", "caio")), ("são", ("davi", "eva"))):
        for speaker in who:
            for number in range(2):
                write(tmp_path / "vozes" / label / f"{speaker}-{number}.wav", tone(300))
    for seed in range(5):
        data = load(tmp_path / "vozes", seed=seed)
        assert not set(data.train.speakers) & set(data.test.speakers)
        assert set(data.train.labels) == set(data.test.labels) == {0, 1}
        assert data.split.startswith("by speaker: ")


def test_a_class_that_is_all_left_out_is_told_what_to_do(tmp_path):
    for label in ANIMALS:
        for number in range(3):
            write(tmp_path / "sons" / label / f"{label[0]}{len(label)}-{number}.wav", tone(300))
    with pytest.raises(InputError, match=r"no sound of owl to learn .*Tested on is the speaker o3, left out\. Choose"):
        load(tmp_path / "sons", leave_out="o3")


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(tmp_path, odd):
    folder = classes(tmp_path / "sons", 5)
    wave = tone(300)
    wave[7] = odd
    soundfile.write(folder / "grave" / "estranho.wav", wave, RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"estranho\.wav: got a sound with samples that are missing or infinite"):
        load(folder, rate=RATE // 2)
    data = load(folder, rate=RATE // 2, skip_bad=True)
    assert (len(data.train) + len(data.test), len(data.skipped)) == (10, 1)


def test_names_that_lead_nowhere_or_are_not_utf_8_are_told(tmp_path):
    folder = classes(tmp_path / "sons", 5)
    (folder / "grave" / "a.wav").symlink_to("nowhere.wav")
    with pytest.raises(InputError, match=r"a\.wav: got no such file"):
        load(folder)
    try:
        (folder / "grave" / "som 0.wav").rename(folder / "grave" / os.fsdecode(b"b\xe7.wav"))
    except OSError:
        pytest.skip("this system has no such names")
    assert load(folder, skip_bad=True).skipped == ("a.wav: no such file", "b\\xe7.wav: a name that is not UTF-8")


@pytest.mark.parametrize("cut", [0, 100, -10])
def test_a_cache_that_is_not_whole_is_made_again(tmp_path, cut):
    folder = classes(tmp_path / "sons", 3)
    first = load(folder)
    (kept,) = (tmp_path / "cache").rglob("*.npz")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:cut])
    second = load(folder)
    assert all(np.array_equal(a, b) for a, b in zip(first.train.waves, second.train.waves, strict=True))
    assert kept.stat().st_size == len(whole)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "cache").write_text("a file where the folder should be")
    folder = classes(tmp_path / "sons", 3)
    assert len(load(folder).train) == 4
    (tmp_path / "cache").unlink()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert len(load(folder).train) == 4
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_broken_files_are_named_and_left_out_only_when_asked(tmp_path):
    folder = classes(tmp_path / "sons", 6)
    (folder / "grave" / "partido.wav").write_bytes(b"RIFF no sound at all")
    write(folder / "grave" / "vazio.wav", np.zeros(0, np.float32))
    with pytest.raises(InputError, match=r"partido\.wav.*vazio\.wav"):
        load(folder)
    data = load(folder, skip_bad=True)
    assert len(data.train) + len(data.test) == 12
    assert [line.split(":")[0] for line in data.skipped] == ["partido.wav", "vazio.wav"]
    for path in (folder / "grave").glob("[!v]*.wav"):
        path.write_bytes(b"RIFF no sound at all")
    with pytest.raises(InputError, match=r"no sounds to learn from of class grave.*left out: .*: a file that is no"):
        load(folder, skip_bad=True)


def test_what_is_no_set_of_sounds_is_refused(tmp_path):
    write(tmp_path / "one" / "grave" / "a.wav", tone(300))
    with pytest.raises(InputError, match="single class"):
        load(tmp_path / "one")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="without sounds"):
        load(tmp_path / "empty")
    with pytest.raises(InputError, match="a folder of sounds"):
        load(write(tmp_path / "a.wav", tone(300)))
    with pytest.raises(InputError, match="single sound"):
        find(tmp_path / "a.wav")


def test_what_was_decoded_is_kept_until_a_file_changes(tmp_path, monkeypatch):
    folder, read = classes(tmp_path / "sons", 3), []
    decode = sound.decode
    monkeypatch.setattr(sound, "decode", lambda path, rate: read.append(path) or decode(path, rate))
    first, second = load(folder), load(folder)
    assert len(read) == 6
    assert all(np.array_equal(a, b) for a, b in zip(first.train.waves, second.train.waves, strict=True))
    write(folder / "grave" / "som 0.wav", tone(310, 0.15))
    load(folder)
    assert len(read) == 12


def test_frames_are_the_energy_of_bands():
    """A tone lights the band that holds its pitch; silence none; twice as loud is log 4 more."""
    mel = Mel(RATE)
    low, high = mel(tone(300, 0.5))[10], mel(tone(2500, 0.5))[10]
    assert low.argmax() < high.argmax()
    assert np.allclose(mel(2 * tone(300, 0.5))[10].max() - low.max(), np.log(4), atol=1e-3)
    assert np.allclose(mel(np.zeros(4000, np.float32)), np.log(1e-6), atol=1e-3)
    assert mel(np.zeros(1, np.float32)).shape[1] == 40
    again = Mel.from_config(Mel.of([tone(300), tone(900)], RATE).to_config())
    frames = np.concatenate([again(tone(300)), again(tone(900))])
    assert np.abs(frames.mean(axis=0)).max() < 1e-2


def test_augmentation_is_repeated_by_its_seed_and_keeps_the_bands():
    frames = Mel(RATE)(tone(300, 0.5))
    one, two, other = (augmented(frames, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert one.shape[1] == frames.shape[1]
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_sounds_are_told_apart(tmp_path):
    folder = classes(tmp_path / "sons", 20)
    plan, shape = Plan(epochs=6, batch=8, learning_rate=5e-3), Shape("gru", hidden=12, layers=1, bidirectional=True)
    trained = recorrente.train(folder, plan=plan, shape=shape, out=tmp_path / "run")
    metrics = trained.run.read_json("metrics.json")
    assert metrics["accuracy"] == 1.0
    assert set(metrics["baselines"]) == {"majority class", "linear on 12 parts of the sound"}
    again = recorrente.load(tmp_path / "run")
    said = again.predict([write(tmp_path / "novo.wav", tone(310, 0.2, 16_000), 16_000)])[0]
    assert said.label == "grave"
    assert "0.20 s at 8000 Hz" in said.preparation
    assert again.evaluate()["accuracy"] == 1.0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Sounds as they arrive" in page
    assert "at random, a fifth of each class" in page
    with pytest.raises(InputError, match="no such file"):
        again.predict([tmp_path / "none.wav"])


@pytest.mark.skipif(not REAL.is_dir(), reason="RECORRENTE_DATA does not lead to a folder with fsdd")
def test_the_spoken_digits_are_split_as_their_authors_do():
    data = load("fsdd")
    assert (len(data.train), len(data.test), data.rate) == (2700, 300, 8000)
    assert data.classes == tuple("0123456789")
    assert {name.rsplit("_", 1)[1] for name in data.test.names} == {f"{k}.wav" for k in range(5)}


@pytest.mark.parametrize("rate", [-5, 0, 99, 192_001])
def test_too_few_or_too_many_samples_a_second_are_refused(tmp_path, rate):
    with pytest.raises(InputError, match=f"rate: got {rate}, wanted 100 to 192000 samples a second"):
        sound.rate_of([tmp_path / "none.wav"], rate)


def slower(folder: Path, at: int = 2 * RATE) -> Path:
    """The same sounds recorded at another rate."""
    for path in list(folder.rglob("*.wav")):
        wave, rate = soundfile.read(path, dtype="float32")
        write(path, np.repeat(wave, at // rate), at)
    return folder


def test_few_sounds_of_few_classes_are_scored_whole(tmp_path):
    plan, shape = Plan(epochs=1, batch=8), Shape("gru", hidden=4, layers=1)
    folder = classes(tmp_path / "sons", 3)
    trained = recorrente.train(folder, plan=plan, shape=shape, out=tmp_path / "run")
    data = trained.kind.again(trained.recipe, str(classes(tmp_path / "outros", 1)), silent)
    assert (data.classes, data.test.labels) == (trained.recipe.classes, (0, 1))
    scores = trained.evaluate(tmp_path / "outros")
    assert (scores["test_size"], scores["split"].startswith("all of it")) == (2, True)
    for number in range(2):
        write(tmp_path / "flat" / f"grave_ana_{number}.wav", tone(300))
    data = trained.kind.again(trained.recipe, str(tmp_path / "flat"), silent)
    assert (data.classes, data.test.labels, len(data.test)) == (("agudo é alto", "grave"), (1, 1), 2)
    moved = folder.rename(tmp_path / "movidos")
    assert trained.evaluate(moved)["split"] == "at random, a fifth of each class"
    write(tmp_path / "um só" / "grave" / "1.wav", tone(300))
    data = trained.kind.again(trained.recipe, str(tmp_path / "um só"), silent)
    assert (data.classes, data.test.labels) == (("agudo é alto", "grave"), (1,))
    with pytest.raises(InputError, match="a single class, grave"):
        load(tmp_path / "flat")
    (tmp_path / "outros" / "grave").rename(tmp_path / "outros" / "rouco")
    with pytest.raises(InputError, match="data: got the classes agudo é alto, rouco, wanted agudo é alto, grave"):
        trained.evaluate(tmp_path / "outros")


def test_sounds_that_were_moved_keep_the_speaker_who_was_left_out(tmp_path):
    for who in ("ana", "bia"):
        for label, pitch in (("grave", 300), ("agudo", 1500)):
            for number in range(3):
                write(tmp_path / "sons" / f"{label}_{who}_{number}.wav", tone(pitch + 20 * number, 0.1))
    plan, shape = Plan(epochs=1, batch=4), Shape("gru", hidden=4, layers=1)
    reading = Reading(leave_out="bia")
    trained = recorrente.train(tmp_path / "sons", plan=plan, shape=shape, reading=reading, out=tmp_path / "run")
    (tmp_path / "sons").rename(tmp_path / "movidos")
    assert trained.evaluate(tmp_path / "movidos")["split"] == "the speaker bia, left out"


def test_sounds_of_another_rate_are_scored_as_predict_reads_them(tmp_path):
    """All of them, where nothing says which to test on; nobody has to be among them who was left out of training."""
    folder = tmp_path / "sons"
    for who in ("ana", "bia", "caio"):
        for label, pitch in (("grave", 300), ("agudo", 1500)):
            for number in range(4):
                write(folder / f"{label}_{who}_{number}.wav", tone(pitch + 20 * number, 0.1))
    plan, shape = Plan(epochs=6, batch=4, learning_rate=5e-3), Shape("gru", hidden=8, layers=1)
    reading = Reading(leave_out="bia")
    trained = recorrente.train(folder, plan=plan, shape=shape, reading=reading, out=tmp_path / "run")
    other = slower(classes(tmp_path / "outros", 5))
    (other / "agudo é alto").rename(other / "agudo")
    again = recorrente.load(tmp_path / "run")
    data = again.kind.again(again.recipe, str(other), silent)
    assert (data.rate, len(data.test)) == (RATE, 10)
    scores = again.evaluate(other)
    said = again.predict(sorted(other.rglob("*.wav")))
    right = [one.label == one.path.parent.name for one in said]
    assert scores["accuracy"] == pytest.approx(np.mean(right))
    assert scores["split"].startswith("all of it")
    assert trained.evaluate()["split"] == "the speaker bia, left out"
    classes(tmp_path / "partes" / "train", 3)
    classes(tmp_path / "partes" / "test", 2)
    for part in ("train", "test"):
        (tmp_path / "partes" / part / "agudo é alto").rename(tmp_path / "partes" / part / "agudo")
    assert again.evaluate(tmp_path / "partes")["test_size"] == 4


def test_transcribed_sounds_of_another_rate_are_scored_as_predict_reads_them(tmp_path):
    for place, count in (("ditos", 12), ("outros", 5)):
        for k in range(count):
            path = write(tmp_path / place / f"{k}.wav", tone(300 + 40 * k, 1.0))
            path.with_suffix(".txt").write_text("um dois" if k % 2 else "dois")
    slower(tmp_path / "outros")
    plan, shape = Plan(epochs=1, batch=4), Shape("gru", hidden=6, layers=1)
    trained = recorrente.train(tmp_path / "ditos", plan=plan, shape=shape, out=tmp_path / "run")
    data = trained.kind.again(trained.recipe, str(tmp_path / "outros"), silent)
    assert (data.how, len(data.test), {len(one) for one in data.test.sequences}) == (RATE, 5, {RATE})
    assert trained.evaluate(tmp_path / "outros")["test_size"] == 5
