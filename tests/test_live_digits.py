"""The example of a live sound: in chunks of any size it says what one call on the whole says."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest

import recorrente
from recorrente import Plan, Shape
from recorrente.data.mel import Mel, MelStream
from recorrente.errors import InputError

soundfile = pytest.importorskip("soundfile")
EXAMPLE = Path(__file__).parents[1] / "examples" / "live_digits.py"
spec = importlib.util.spec_from_file_location("live_digits", EXAMPLE)
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)
RATE = 8000


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("sons"), np.random.default_rng(0)
    for name, pitch in (("grave", 300), ("agudo", 1500)):
        (folder / name).mkdir()
        for k in range(4):
            time = np.arange(1500 + 300 * k) / RATE
            wave = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.01 * random.standard_normal(len(time))
            soundfile.write(folder / name / f"{k}.wav", wave.astype(np.float32), RATE)
    return folder


def trained(folder, out, monkeypatch, *, both_ways):
    monkeypatch.setenv("RECORRENTE_CACHE", str(out / "cache"))
    shape = Shape(hidden=8, layers=2, bidirectional=both_ways)
    return recorrente.train(folder, plan=Plan(epochs=2, batch=4), shape=shape, out=out / "run")


@pytest.mark.parametrize("length", [1, 100, 255, 256, 257, 4001])
def test_frames_of_chunks_are_those_of_the_whole(length):
    """The FFT of a frame is its own; only the product with the bands sums in another order, in float32."""
    random = np.random.default_rng(length)
    wave, mel = random.standard_normal(length).astype(np.float32), Mel(RATE)
    size = mel.size
    padded = np.pad(wave, (size // 2, size // 2 + max(0, size - length)))  # the definition, window by window
    windows = [padded[start : start + size] for start in range(0, len(padded) - size + 1, mel.step)]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    slow = np.stack([np.abs(np.fft.rfft(one * hann)) ** 2 for one in windows])
    bands = pytest.importorskip("librosa").filters.mel(sr=RATE, n_fft=size, n_mels=mel.bands)
    assert np.allclose(mel(wave), np.log(slow @ bands.T + 1e-6), atol=1e-3)
    for sizes in ([1] * length, [length], random.integers(0, 300, 50).tolist()):
        stream, at, parts = MelStream(mel), 0, []
        for chunk in [*sizes, length]:
            parts.append(stream(wave[at : at + chunk]))
            at += chunk
        parts.append(stream.end())
        came = np.concatenate(parts)
        assert came.shape == mel(wave).shape
        assert np.allclose(came, mel(wave), atol=1e-5)


def test_what_is_heard_in_chunks_is_what_is_heard_at_once(sounds, tmp_path, monkeypatch, capsys):
    model = trained(sounds, tmp_path, monkeypatch, both_ways=False)
    path = sounds / "grave" / "2.wav"
    wave = example.sound.decode(path, RATE)
    whole = model.predict([path])[0].probabilities
    for samples in (37, 400, len(wave)):
        listener = example.Listener(model)
        before = [listener.hear(chunk).copy() for chunk in example.cut(wave, samples)]
        said = listener.end()
        assert np.allclose(said, [whole[name] for name in model.recipe.classes], atol=1e-5)
        assert len(before) == 1 or not np.allclose(before[0], before[-1])
    raw = io.BytesIO((wave * 32768).round().astype("<i2").tobytes() + b"\0")  # half a sample is left
    heard = example.show(example.Listener(model), example.spoken(raw, 400), RATE)
    assert np.array_equal(heard, wave)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == -(-len(wave) // 400) + 1
    assert "grave" in lines[-1]


def test_a_model_that_cannot_hear_live_is_refused(sounds, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="reads both ways"):
        example.Listener(trained(sounds, tmp_path, monkeypatch, both_ways=True))
