"""Running text: units, windows that go on, what is learnt, and what is written."""

import itertools
import json
import math
import random
import string
from pathlib import Path

import numpy as np
import pytest
import torch

import recorrente
from recorrente import Plan, Shape, baselines, generation
from recorrente.data import reading, running, units
from recorrente.data.batch import Batch
from recorrente.data.progress import silent
from recorrente.errors import InputError
from recorrente.kinds import find, language
from recorrente.layers import LSTM, Network
from recorrente.recipe import Reading
from recorrente.tasks.next_token import NextToken, bits_per_character, spelling

PORTUGUESE = "O coração não tem razão: três irmãs à procura de ações — “já é amanhã”.\n"


@pytest.mark.parametrize("name", units.BY_NAME)
def test_units_give_the_text_back(name):
    if name == "pieces":
        pytest.importorskip("tokenizers")
    made = units.BY_NAME[name].of(PORTUGUESE * 3)
    again = units.from_config(json.loads(json.dumps(made.to_config())))
    ids = made.encode(PORTUGUESE)
    assert again.encode(PORTUGUESE) == ids
    assert again.decode(ids) == PORTUGUESE
    assert max(ids) < made.size == again.size


def test_bytes_and_pieces_know_every_text():
    for name in ("bytes", "pieces"):
        if name == "pieces":
            pytest.importorskip("tokenizers")
        made = units.BY_NAME[name].of(PORTUGUESE)
        assert made.decode(made.encode("日本語 🙂")) == "日本語 🙂"


def test_what_the_training_part_lacks_is_unknown():
    made = units.Characters.of("abc")
    assert made.encode("axc") == [made.encode("a")[0], 0, made.encode("c")[0]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_are_found(encoding, tmp_path):
    path = tmp_path / "texto com espaço.txt"
    path.write_bytes(PORTUGUESE.replace("\n", "\r\n").encode(encoding))
    assert reading.read_text(path) == PORTUGUESE


def test_letters_with_accents_have_one_form():
    assert reading.decode("a\u0303".encode(), "x") == "ã"


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        (b"", None, "an empty file"),
        (b" \n\t\n", None, "an empty file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", None, "a binary file"),
        ("coração".encode("latin-1"), "utf-8", "byte 0xe7 at position 4"),
        (b"abc", "klingon", "encoding"),
    ],
)
def test_what_is_no_text_is_refused(content, encoding, words):
    with pytest.raises(InputError, match=words):
        reading.decode(content, "file.txt", encoding)


@pytest.mark.parametrize(("count", "rows", "window"), [(1000, 4, 10), (205, 32, 64), (3, 32, 64), (64, 1, 7)])
def test_batches_go_on_where_the_one_before_ended(count, rows, window):
    ids = torch.arange(count)
    for epoch in range(3):
        made = list(running.batches(ids, rows, window, seed=1, epoch=epoch))
        assert len(made) == running.steps(ids, rows, window) >= 1
        assert [batch.continues for batch in made] == [False] + [True] * (len(made) - 1)
        for batch in made:
            assert torch.equal(batch.target, batch.x + 1)
        for before, after in itertools.pairwise(made):
            assert torch.equal(after.x[0], before.x[-1] + 1)
    held = torch.cat([batch.target.flatten() for batch in running.in_order(ids)])
    assert len(held.unique()) == len(held) >= count - 21


def test_the_state_is_carried_and_its_past_cut_off():
    """Two batches, the second going on: the same numbers as one of twice the length, and no gradient into the first."""
    ids = torch.randint(5, (21, 3))
    network = Shape("lstm", hidden=8, layers=1, embedding=4).build_for_ids((5,), 5)
    task = NextToken()
    first = task.logits(network, Batch(ids[:10], ids[1:11]))
    second = task.logits(network, Batch(ids[10:20], ids[11:21], continues=True))
    whole, _ = network(ids[:20])
    torch.testing.assert_close(torch.cat([first, second]), whole)
    assert not torch.allclose(task.logits(network, Batch(ids[10:20], ids[11:21])), second)
    network.zero_grad()
    second.sum().backward()
    cut = network.encoder.weight.grad.clone()
    network.zero_grad()
    whole[10:].sum().backward()
    assert not torch.allclose(cut, network.encoder.weight.grad)


def test_bits_per_character_count_bytes_and_words_alike():
    assert bits_per_character(math.log(256), 100, 100) == pytest.approx(8)
    assert bits_per_character(2 * math.log(2), 10, 40) == pytest.approx(0.5)


def test_a_word_that_is_not_known_is_spelt_out():
    """A letter more in an unknown word costs a letter more; a letter that was never learnt costs as much."""
    made = units.from_config(json.loads(json.dumps(units.Words.of("a rosa, a rosa: é").to_config())))
    assert (made.letters, made.unknown("a rosa, é uma rosa")) == (8, ["a", ",", " é", " uma"])
    assert made.encode("uma rosa é").count(0) == len(made.unknown("uma rosa é")) == 2
    assert spelling(["uma"], 8) == spelling(["日本語"], 8) == pytest.approx(4 * math.log2(10))
    assert spelling(["uma", "casas"], 8) - spelling(["uma", "casa"], 8) == pytest.approx(math.log2(10))
    assert spelling([], 8) == 0


def test_random_words_cost_a_model_of_words_what_they_cost_others(tmp_path):
    """No model can tell 26 equally likely letters in fewer than log2(26) bits each, 9 of 10 characters here."""
    draw = random.Random(0)
    words = ["".join(draw.choices(string.ascii_lowercase, k=9)) for _ in range(3000)]
    (tmp_path / "rare.txt").write_text("\n".join(" ".join(words[k : k + 10]) for k in range(0, 3000, 10)))
    trained = recorrente.train(
        tmp_path / "rare.txt",
        out=tmp_path / "run",
        reading=Reading(units="words"),
        shape=Shape("lstm", hidden=8, layers=1, embedding=4),
        plan=Plan(epochs=2, batch=4, window=24, learning_rate=0.02),
    )
    metrics = trained.run.read_json("metrics.json")
    assert 0.9 * math.log2(26) < metrics["bits_per_character"] < 1.2 * math.log2(26)
    assert metrics["unknown_words"] == pytest.approx(300 / 330, abs=0.01)  # the others are ends of lines
    spelt, loss = metrics["spelling_bits_per_character"], metrics["loss"] * 330 / 3000 / math.log(2)
    assert spelt + loss == pytest.approx(metrics["bits_per_character"], rel=0.01)
    assert "unknown words: 9" in trained.summary()
    again = recorrente.load(tmp_path / "run").evaluate()
    assert again["bits_per_character"] == pytest.approx(metrics["bits_per_character"], rel=1e-5)


def test_the_ngram_model_is_a_distribution():
    """Over all letters that may follow, its probabilities sum to 1."""
    train = "abracadabra abracadabra"
    total = sum(
        2 ** -(baselines.ngram_bits(train, f"abr{letter}") * 4 - baselines.ngram_bits(train, "abr") * 3)
        for letter in [*set(train), "?"]
    )
    assert total == pytest.approx(1)


def network_of(size: int) -> Network:
    return Shape("lstm", hidden=8, layers=1, embedding=4).build_for_ids((size,), size)


def test_generation_follows_its_settings():
    network = network_of(30)

    def draw(**how):
        return list(generation.generate(network, [1, 2], **{"length": 40, **how}))

    assert draw(seed=3) == draw(seed=3) != draw(seed=4)
    assert draw(temperature=0, seed=1) == draw(temperature=0, seed=2) == draw(top_k=1, seed=3)
    assert not set(draw(forbidden=[5, 6, 7], length=200)) & {5, 6, 7}
    first = {token for seed in range(60) for token in draw(top_k=3, length=1, seed=seed)}
    assert len(first) <= 3 < len({token for seed in range(60) for token in draw(length=1, seed=seed)})
    with pytest.raises(InputError, match="temperature"):
        draw(temperature=-1)


@pytest.mark.parametrize("temperature", [1e-300, 1e-320, 5e-324])
def test_the_lowest_temperatures_take_the_likeliest(temperature):
    network = network_of(30)
    for how in ({}, {"top_k": 4}, {"forbidden": [5, 6, 7]}):
        coldest = list(generation.generate(network, [1, 2], length=20, temperature=0, **{**how, "top_k": 0}))
        assert list(generation.generate(network, [1, 2], length=20, temperature=temperature, **how)) == coldest


def test_what_streams_is_whole_utf8():
    from recorrente.kinds.language import _whole

    pieces = list(_whole(units.Bytes(), iter("coração 🙂".encode())))
    assert "".join(pieces) == "coração 🙂"
    assert "ç" in pieces
    assert all("\ufffd" not in piece for piece in pieces)


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("song") / "canção.txt"
    path.write_text(PORTUGUESE * 60)
    return path


@pytest.mark.parametrize("cut", ["characters", "bytes", "words", "pieces"])
def test_a_text_is_learnt_and_written(song, tmp_path, cut):
    if cut == "pieces":
        pytest.importorskip("tokenizers")
    trained = recorrente.train(
        song,
        out=tmp_path / "run",
        reading=Reading(units=cut),
        shape=Shape("lstm", hidden=48, layers=1, embedding=32, tied=cut in ("words", "pieces")),
        plan=Plan(epochs=25, batch=4, window=24, learning_rate=0.02, validation=0.1),
    )
    metrics = trained.run.read_json("metrics.json")
    assert metrics["bits_per_character"] < 1.0
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["loss"]))
    assert ("unknown_words" in metrics) == (cut == "words") == ("unknown words" in trained.summary())
    again = recorrente.load(tmp_path / "run")
    assert again.evaluate()["loss"] == pytest.approx(metrics["loss"], rel=1e-5)
    written = "".join(again.generate("O coração", length=120, temperature=0))
    assert "não" in written
    assert written.encode().decode() == written
    page = (tmp_path / "run" / "report.html").read_text()
    assert "perplexity" in page
    assert ("for spelling unknown words" in page) == (cut == "words")
    with pytest.raises(InputError, match=r"prompt: got '\\udce3', wanted text in UTF-8"):
        again.generate("\udce3", length=1, temperature=0)
    if cut == "words":  # no line begins with this one: it is known with the blank before it
        first, inside = ("".join(again.generate(word, length=20, temperature=0)) for word in ("coração", " coração"))
        assert first == inside
        with pytest.raises(InputError, match="prompt: got 'cor', of which the model knows nothing"):
            again.generate("cor", length=1, temperature=0)


def test_generate_streams_to_the_shell(command, command_here, song, tmp_path):
    outcome = command_here("train", song, "--units", "bytes", "--hidden", "16", "--epochs", "1", "--out", "run")
    assert outcome.returncode == 0, outcome.stderr
    assert "language (a file of running text)" in outcome.stderr
    outcome = command("generate", "run", "--prompt", "ação", "--length", "30", "--top-k", "5", PYTHONIOENCODING="ascii")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.startswith("ação")
    again = command("generate", "run", "--prompt", "ação", "--length", "30", "--top-k", "5", PYTHONIOENCODING="ascii")
    assert again.stdout == outcome.stdout


def test_texts_that_cannot_be_learnt(tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("too short")
    with pytest.raises(InputError, match=r"short\.txt: got 9 characters"):
        recorrente.train(short, out=tmp_path / "run")
    with pytest.raises(InputError, match="units: got 'syllables'"):
        recorrente.train(short, out=tmp_path / "run", reading=Reading(units="syllables"))
    with pytest.raises(InputError, match="order: got 'rows' for data of the kind language"):
        recorrente.train(short, out=tmp_path / "run", reading=Reading(order="rows"))
    assert not (tmp_path / "run").exists()


def test_the_held_out_part_is_the_end_of_each_file(tmp_path):
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(name * 900 + name.upper() * 100)
    text = running.load(sorted(tmp_path.iterdir()), "ab", progress=silent)
    assert set(text.train_text) == set("ab\n")
    assert set(text.held_out_text) == set("AB\n")
    assert np.all(text.held_out.numpy()[text.held_out_text.index("A")] == 0)  # a letter the training part has not


@pytest.mark.parametrize("name", ["shakespeare", "machado"])
def test_known_texts_are_of_this_kind(name):
    assert find(name).kind == "language"


def test_folders_of_texts_are_found(song):
    assert find(song).kind == find(song.parent).kind == "language"


def test_texts_behind_a_link_are_learnt(song, tmp_path):
    folder = tmp_path / "songs"
    folder.mkdir()
    (folder / "linked").symlink_to(song.parent)
    for name in ("MORE.TXT", "more.txt", ".hidden.txt"):
        (folder / name).write_text(PORTUGUESE * 30)
    assert find(folder).kind == "language"
    assert sorted(path.name for path in language.texts_in(folder)) == sorted([song.name, "MORE.TXT", "more.txt"])


def test_tied_weights_are_one(tmp_path):
    network = Shape("lstm", hidden=8, layers=1, embedding=4, tied=True).build_for_ids((5,), 5)
    assert network.head[1].weight is network.encoder.weight
    assert isinstance(network.recurrence, LSTM)


def test_a_short_text_is_read_more_often(song, tmp_path):
    (tmp_path / "long.txt").write_text(PORTUGUESE * 30_000)
    often, seldom = (recorrente.recipe.default_plan(path).epochs for path in (str(song), str(tmp_path / "long.txt")))
    assert seldom < often <= 60
