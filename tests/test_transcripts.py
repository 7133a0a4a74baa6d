"""Sounds and clips with transcripts: the ways they lie in folders, what is refused, what is learnt."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import recorrente
from recorrente import Plan, Shape
from recorrente.data import groups, lips, speech, transcripts
from recorrente.data.progress import silent
from recorrente.data.sound import Sounds
from recorrente.data.transcripts import Units, plain, slots_of
from recorrente.errors import InputError
from recorrente.kinds import find
from recorrente.recipe import Reading

soundfile = pytest.importorskip("soundfile")
RATE = 8000
PITCH = {"grave": 300.0, "médio": 900.0, "agudo": 2400.0}
REAL = Path(os.environ.get("RECORRENTE_DATA", ""))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RECORRENTE_CACHE", str(tmp_path / "cache"))


def needs(name: str):
    missing = "RECORRENTE_DATA" not in os.environ or not (REAL / name).is_dir()
    return pytest.mark.skipif(missing, reason=f"RECORRENTE_DATA does not lead to a folder with {name}")


def said(words: list[str], random: np.random.Generator) -> np.ndarray:
    """A tone for each word, with silence around it."""
    pieces = [np.zeros(800)]
    for word in words:
        time = np.arange(int(RATE * random.uniform(0.12, 0.2))) / RATE
        pieces += (0.3 * np.sin(2 * np.pi * PITCH[word] * random.uniform(0.95, 1.05) * time), np.zeros(800))
    wave = np.concatenate(pieces)
    return (wave + 0.01 * random.standard_normal(len(wave))).astype(np.float32)


def folder_of(folder: Path, count: int, *, seed: int = 0, texts: bool = True) -> Path:
    """Sounds named with accents and blanks, their transcripts beside them, with case and punctuation."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(count):
        words = random.choice(list(PITCH), random.integers(1, 5)).tolist()
        soundfile.write(folder / f"gravação {k}.wav", said(words, random), RATE)
        if texts:
            (folder / f"gravação {k}.txt").write_text(" ".join(words).capitalize() + ".\n", encoding="utf-8")
    return folder


def load(source, **how):
    return speech.load(source, progress=silent, **how)


def test_a_folder_of_sounds_and_texts_is_read(tmp_path):
    data = load(folder_of(tmp_path / "os ditados", 10))
    assert (len(data.train), len(data.test), data.how, data.split) == (8, 2, RATE, "at random, a fifth")
    assert set(" ".join(data.train.texts + data.test.texts).split()) <= set(PITCH)
    assert find(tmp_path / "os ditados") == find.__globals__["Found"]("speech", "sounds with transcripts beside them")


def test_a_table_of_paths_and_transcripts_is_read(tmp_path):
    folder = folder_of(tmp_path / "sons", 6, texts=False)
    lines = ["transcrição;ficheiro", *(f'"Médio, agudo";gravação {k}.wav' for k in range(6))]
    table = folder / "ditados.csv"
    table.write_text("\n".join(lines), encoding="utf-8")
    for source in (table, folder):
        assert find(source).kind == "speech"
        data = load(source)
        assert set(data.train.texts + data.test.texts) == {"médio agudo"}
    with table.open("a", encoding="utf-8") as file:
        file.write("\nagudo;não há.wav\n;gravação 1.wav\n")
    with pytest.raises(InputError, match=r"2 sounds .*não há\.wav: no such file; gravação 1\.wav: an empty transcript"):
        load(table)
    assert len(load(table, skip_bad=True).skipped) == 2
    table.write_text("a;b\nx;y\n", encoding="utf-8")
    with pytest.raises(InputError, match="no column of paths"):
        load(table)


def test_train_and_test_folders_and_groups_are_kept(tmp_path):
    folder_of(tmp_path / "dividido" / "train", 4)
    folder_of(tmp_path / "dividido" / "test", 2)
    data = load(tmp_path / "dividido")
    assert (len(data.train), len(data.test), data.split) == (4, 2, "the folder test/")
    for who in ("ana", "bia", "caio", "davi", "eva"):
        folder_of(tmp_path / "quem" / who, 2)
    data = load(tmp_path / "quem", group=r"^(\w+)/", leave_out="caio")
    assert (set(data.test.groups), data.split) == ({"caio"}, "the group caio, left out")
    assert not set(data.train.groups) & set(load(tmp_path / "quem", group=r"^(\w+)/").test.groups) - set(
        data.train.groups
    )
    with pytest.raises(InputError, match="group: got 'z', which is not in gravação"):
        load(tmp_path / "quem", group="z")


def test_what_lies_beside_train_and_test_is_left_aside_and_told(tmp_path):
    for part, count in (("Training", 4), ("Testing", 2), ("dev", 3)):
        folder_of(tmp_path / "ditos" / part, count)
    (tmp_path / "ditos" / "dev" / "gravação 0.txt").unlink()
    data = load(tmp_path / "ditos")
    assert (len(data.train), len(data.test), data.split) == (4, 2, "the folder Testing/; left aside: dev/")
    rows = [f"{path.relative_to(tmp_path)};agudo" for path in sorted(tmp_path.rglob("*.wav"))]
    for path in tmp_path.rglob("*.txt"):
        path.unlink()
    (tmp_path / "ditos" / "lista.csv").write_text(
        "\n".join(["path;text", *rows]).replace("ditos/", ""), encoding="utf-8"
    )
    (tmp_path / "ditos" / "._lista.csv").write_bytes(b"resource fork")
    table = load(tmp_path / "ditos")
    assert (len(table.train), len(table.test), table.split) == (4, 2, data.split)
    folder_of(tmp_path / "ditos", 1)
    (tmp_path / "ditos" / "lista.csv").unlink()
    for path in tmp_path.rglob("*.wav"):
        path.with_suffix(".txt").write_text("agudo")
    assert load(tmp_path / "ditos").split == "the folder Testing/; left aside: dev/, files beside them"


def test_what_lacks_a_transcript_is_named_and_left_out_only_when_asked(tmp_path):
    folder = folder_of(tmp_path / "sons", 8)
    (folder / "gravação 0.txt").unlink()
    (folder / "gravação 1.txt").write_text(" \n")
    (folder / "gravação 2.txt").write_text("?!")
    with pytest.raises(InputError) as caught:
        load(folder)
    for part in ("3 sounds", "no gravação 0.txt beside it", "gravação 1.txt is an empty file", "an empty transcript"):
        assert part in str(caught.value)
    data = load(folder, skip_bad=True)
    assert (len(data.train) + len(data.test), len(data.skipped)) == (5, 3)
    (folder / "gravação 3.wav").write_bytes(b"no sound")
    assert [line.split(":")[0] for line in load(folder, skip_bad=True).skipped][-1] == "gravação 3.wav"
    for k in range(3):
        (folder / f"gravação {k}.txt").write_text("grave")
    with pytest.raises(InputError, match=r"gravação 3\.wav"):
        load(folder)
    with pytest.raises(InputError, match=r"wav: got one of the sounds, wanted a folder, .* holds it: .*sons"):
        load(folder / "gravação 4.wav")
    (tmp_path / "vazio").mkdir()
    with pytest.raises(InputError, match="no sounds"):
        load(tmp_path / "vazio")


def test_a_transcript_too_long_for_its_sound_is_named(tmp_path):
    folder = folder_of(tmp_path / "sons", 12)
    (folder / "gravação 3.txt").write_text("grave médio " * 40)
    with pytest.raises(InputError, match=r"1 transcripts too long for their sounds \(gravação 3\.wav\)"):
        recorrente.train(folder, out=tmp_path / "run", plan=Plan(epochs=1))
    reading = Reading(skip_bad=True, units="characters")
    shape = Shape(hidden=4, layers=1)
    trained = recorrente.train(folder, out=tmp_path / "run2", plan=Plan(epochs=1), reading=reading, shape=shape)
    assert trained.run.read_json("metrics.json")["skipped"] == ["gravação 3.wav: too short for its transcript"]


@pytest.mark.parametrize("name", ["group", "encoding"])
def test_a_known_set_has_no_files_of_transcripts(name):
    with pytest.raises(InputError, match=f"{name}: got 'latin-1', wanted nothing"):
        load("fsdd-strings", **{name: "latin-1"})


def test_a_transcript_is_read_without_case_and_punctuation():
    assert (
        plain("«OLÁ», disse—ela: cafe\u0301 d'Ávila, guarda-chuva - 3,5!")
        == "olá disse ela café d'ávila guarda-chuva 3 5"
    )
    assert plain("... !") == ""


def test_words_are_the_symbols_where_they_are_few_and_often_met():
    few, many = ["um dois um"] * 20, [f"palavra{k} rara" for k in range(40)]
    assert Units.of(few, None).name == "words"
    assert Units.of(many, None).name == Units.of(few, "characters").name == "characters"
    letters = Units.of(["dó ré", "mi"], "characters")
    assert letters.text(letters.encode("dó mi").tolist()) == "dó mi"
    assert letters.encode("xyz").size == 0
    with pytest.raises(InputError, match="words or characters"):
        Units.of(few, "bytes")


def test_a_grammar_is_found_where_all_sentences_are_built_alike():
    texts = [f"{a} {b} agora" for a in ("põe", "tira") for b in ("azul", "verde")] * 10
    units = Units.of(texts, "words")
    assert [[units.symbols[k - 1] for k in slot] for slot in slots_of(texts, units)] == [
        ["põe", "tira"],
        ["azul", "verde"],
        ["agora"],
    ]
    assert slots_of([*texts, "agora"], units) == ()
    assert slots_of([f"palavra{k}" for k in range(40)], Units.of([f"palavra{k}" for k in range(40)], "words")) == ()


def test_strings_are_of_one_speaker_each_and_the_same_for_a_seed():
    waves = tuple(np.full(10 * (k + 1), k + 1, np.float32) for k in range(6))
    digits = Sounds(waves, (0, 1, 2, 0, 1, 2), ("ana",) * 3 + ("bia",) * 3, ("x",) * 6)
    one, two = (speech.strings(digits, 30, rate=100, random=np.random.default_rng(5)) for _ in range(2))
    assert one.texts == two.texts
    assert all(np.array_equal(a, b) for a, b in zip(one.sequences, two.sequences, strict=True))
    assert {len(text.split()) for text in one.texts} == set(range(1, 8))
    for wave, text, who in zip(one.sequences, one.texts, one.groups, strict=True):
        marks = wave[wave > 0]
        heard = [int(mark) for mark, before in zip(marks, [0, *marks], strict=False) if mark != before]
        assert {(mark - 1) // 3 for mark in heard} == {("ana", "bia").index(who)}
        lasts = sum(10 * (("zero", "one", "two").index(word) + 1 + 3 * (who == "bia")) for word in text.split())
        assert len(marks) == lasts
        assert len(wave) - len(marks) <= 30 * (1 + len(text.split()))


def test_what_was_said_is_written_down(tmp_path):
    folder = folder_of(tmp_path / "sons", 60)
    plan, shape = Plan(epochs=24, batch=2, learning_rate=5e-3), Shape(hidden=32, layers=1, bidirectional=True)
    trained = recorrente.train(folder, plan=plan, shape=shape, out=tmp_path / "run", kind="speech")
    metrics = trained.run.read_json("metrics.json")
    assert trained.recipe.reader.units.symbols == tuple(sorted(PITCH))
    assert metrics["word_error_rate"] < 0.1 < 0.5 < metrics["baselines"]["the commonest words"]
    assert "accuracy" not in metrics
    history = trained.run.read_csv("history.csv")
    assert [float(row["validation_error_rate"]) < 1 for row in history[-3:]] == [True] * 3
    assert float(history[-1]["train_error_rate"]) < 0.5 < float(history[0]["train_error_rate"])
    rows = trained.run.read_csv("predictions.csv")
    wrong = sum(row["target"] != row["prediction"] for row in rows)
    assert 1 - wrong / len(rows) == metrics["sentences_right"]
    again = recorrente.load(tmp_path / "run")
    assert again.evaluate()["word_error_rate"] == metrics["word_error_rate"]
    words = ["agudo", "agudo", "grave"]
    soundfile.write(tmp_path / "três.wav", said(words, np.random.default_rng(9)), RATE)
    one = again.predict([tmp_path / "três.wav"])[0]
    assert one.label == " ".join(words)
    assert 0.3 < one.confidence <= 1
    assert one.probabilities == {}
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "The transcript as it comes" in page
    assert rows[0]["target"] in page or rows[1]["target"] in page
    told = recorrente.recipe.inspect(tmp_path / "run")
    assert len(told["layers"]) == 2
    with pytest.raises(InputError, match="trained on running text"):
        again.generate()
    with pytest.raises(InputError, match="steps"):
        recorrente.kinds.of_name("speech").task({"steps": "every"})


@pytest.mark.parametrize("count", [1, 3])
def test_few_sounds_with_transcripts_are_scored_whole(tmp_path, count):
    """Nothing is held out of what is only tested on; what the folder itself divides, keeps its parts."""
    plan, shape = Plan(epochs=1, batch=4), Shape("gru", hidden=4, layers=1)
    trained = recorrente.train(folder_of(tmp_path / "ditos", 8), plan=plan, shape=shape, out=tmp_path / "run")
    scores = trained.evaluate(folder_of(tmp_path / "outros", count, seed=1))
    assert (scores["test_size"], scores["split"].startswith("all of it")) == (count, True)
    folder_of(tmp_path / "partes" / "train", 1)
    folder_of(tmp_path / "partes" / "test", count)
    scores = trained.evaluate(tmp_path / "partes")
    assert (scores["test_size"], scores["split"]) == (count, "the folder test/")
    (tmp_path / "outros" / "gravação 0.txt").write_text("grave médio " * 40)
    with pytest.raises(InputError, match=r"outros: got 1 transcripts too long for their sounds \(gravação 0\.wav\)"):
        trained.evaluate(tmp_path / "outros")
    moved = (tmp_path / "ditos").rename(tmp_path / "movidos")
    assert trained.evaluate(moved)["split"] == "at random, a fifth"


def test_a_path_follows_its_clip():
    symbols, spans = np.array([7, 9]), np.array([[1.2, 3.0], [3.0, 5.8]])
    target = transcripts.aligned(symbols, spans, 7)
    assert target[:, 1].tolist() == [0, 7, 7, 9, 9, 9, 0]
    for steps in (6, 7, 9):
        made = transcripts.stretched(target, steps)
        assert made[:2, 0].tolist() == [7, 9]
        assert (made[2:, 0] < 0).all()
        assert [k for k, before in zip(made[:, 1], [-1, *made[:, 1]], strict=False) if k != before] == [0, 7, 9, 0]
    assert np.array_equal(transcripts.stretched(target, 7), target)


def test_clips_with_transcripts_are_read(tmp_path):
    random = np.random.default_rng(0)
    for k in range(6):
        np.save(tmp_path / f"clipe {k}.npy", random.integers(0, 255, (12, 10, 12), np.uint8))
        (tmp_path / f"clipe {k}.txt").write_text("sim não" if k % 2 else "não", encoding="utf-8")
    shape, plan = Shape(hidden=4, layers=1, embedding=4), Plan(epochs=1, batch=4)
    reading = Reading(units="words")
    trained = recorrente.train(
        tmp_path, kind="visual-speech", reading=reading, shape=shape, plan=plan, out=tmp_path / "r"
    )
    assert trained.recipe.reader.units.symbols == ("não", "sim")
    assert trained.predict([tmp_path / "clipe 0.npy"])[0].preparation == "12 frames of 12x10 pixels"


def test_moving_gifs_with_texts_beside_them_are_clips(tmp_path):
    pytest.importorskip("av")
    for k in range(4):
        pictures = [Image.fromarray(np.full((16, 16), 50 * step + k, np.uint8)) for step in range(5)]
        pictures[0].save(tmp_path / f"clipe {k}.GIF", save_all=True, append_images=pictures[1:], duration=40)
        (tmp_path / f"clipe {k}.txt").write_text("não", encoding="utf-8")
    assert find(tmp_path).kind == "visual-speech"
    data = lips.load(tmp_path, progress=silent)
    assert len(data.train) + len(data.test) == 4


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_clip_files_with_texts_beside_them_are_learnt_and_told(tmp_path, suffix):
    av = pytest.importorskip("av")
    for k in range(8):
        with av.open(str(tmp_path / f"dito {k}{suffix}"), "w") as file:
            stream = file.add_stream({".mp4": "mpeg4", ".webm": "libvpx"}[suffix], rate=25)
            stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
            for step in range(12):
                picture = np.full((16, 16, 3), 20 * step if k % 2 else 240 - 20 * step, np.uint8)
                file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            file.mux(stream.encode())
        (tmp_path / f"dito {k}.txt").write_text("não" if k % 2 else "sim", encoding="utf-8")
    assert find(tmp_path).kind == "visual-speech"
    (tmp_path / f"roto{suffix}").write_bytes(b"no clip")
    (tmp_path / "roto.txt").write_text("sim", encoding="utf-8")
    with pytest.raises(InputError, match=rf"roto\{suffix}"):
        lips.load(tmp_path, progress=silent)
    trained = recorrente.train(
        tmp_path,
        out=tmp_path / "run",
        shape=Shape("gru", hidden=4),
        plan=Plan(epochs=1),
        reading=Reading(skip_bad=True),
    )
    assert [line.partition(":")[0] for line in trained.run.read_json("metrics.json")["skipped"]] == [f"roto{suffix}"]
    assert trained.predict([tmp_path / f"dito 0{suffix}"])[0].preparation == "12 frames of 16x16 pixels"


def test_clips_with_texts_are_told_from_clips_in_class_folders(tmp_path):
    for place, kind in (("soltos", "visual-speech"), ("classes/a", "video")):
        (tmp_path / place).mkdir(parents=True)
        for k in range(2):
            (tmp_path / place / f"clipe {k}.mp4").touch()
            (tmp_path / place / f"clipe {k}.txt").write_text("sim")
        assert find(tmp_path / place.split("/")[0]).kind == kind
    (tmp_path / "lista.tsv").write_text("path\tsentence\nclipe 0.mp4\tsim\n")
    assert find(tmp_path / "lista.tsv").kind == "visual-speech"


@needs("grid")
def test_the_sentences_of_grid_have_their_words_and_times():
    data = lips.load("grid-sentences", progress=silent)
    assert (len(data.train), len(data.test)) == (791, 208)
    units = Units.of(data.train.texts, None)
    assert units.name == "words"
    assert [len(slot) for slot in slots_of(data.train.texts, units)] == [4, 4, 4, 25, 10, 4]
    assert data.train.spans[0].shape == (6, 2)
    assert not set(data.train.names) & set(data.test.names)


@needs("fsdd")
def test_no_recording_is_in_two_parts_of_the_strings(monkeypatch):
    used = []

    def strings(digits, count, *, rate, random):
        used.append(set(digits.names))
        return real(digits, 3, rate=rate, random=random)

    real = speech.strings
    monkeypatch.setattr(speech, "strings", strings)
    load("fsdd-strings", leave_out="theo")
    assert sum(map(len, used)) == len(set.union(*used)) == 3000
    assert all("theo" in name for name in used[2])
    assert not any("theo" in name for name in used[0] | used[1])


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ([""] * 10, ""),
        (["ana", "bia"] * 5, ", for there are fewer than 5 speakers"),
        ([*"abcdefghi", ""], ", for not all sounds tell the speaker"),
    ],
)
def test_it_is_told_why_no_group_is_tested_on_as_a_whole(who, why):
    tested, split = groups.tested(who, [0] * 10, ["a"], given=None, leave_out=None, seed=0, who="speaker", of="sounds")
    assert len(tested) == 2
    assert split == f"at random, a fifth of each class{why}"
