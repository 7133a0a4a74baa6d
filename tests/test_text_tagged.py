"""Tagged words: the ways they are written, what is refused, what is learnt; beside the most frequent tag."""

import zipfile
from pathlib import Path

import pytest
import torch

import recorrente
from recorrente import Plan, Shape, baselines
from recorrente.data import ragged, tagged
from recorrente.data.batch import NO_TARGET
from recorrente.data.progress import silent
from recorrente.data.words import WordFeatures
from recorrente.errors import InputError
from recorrente.kinds import find
from recorrente.tasks.tag import Tag

WORDS = {"o": "ART", "a": "ART", "rio": "N", "casa": "N", "corre": "V", "cai": "V", "não": "ADV", ".": "."}


def sentences(count: int = 60) -> list[list[tuple[str, str]]]:
    """`casa` is a noun after an article and a verb elsewhere: what no table of words can know."""
    made = []
    for k in range(count):
        subject = ["o rio", "a casa"][k % 2].split()
        verb = ["corre", "cai", "não casa"][k % 3].split()
        tags = [*(WORDS[word] for word in subject), *("V" if word == "casa" else WORDS[word] for word in verb), "."]
        made.append(list(zip([*subject, *verb, "."], tags, strict=True)))
    return made


def write(path: Path, way: str) -> Path:
    lines = {
        "tab": "\n\n".join("\n".join(f"{word}\t{tag}" for word, tag in one) for one in sentences()),
        "sign": "\n".join("\n".join(f"{word}_{tag}" for word, tag in one) for one in sentences()),
        "line": "\n".join(" ".join(f"{word}/{tag}" for word, tag in one) for one in sentences()),
        "conllu": "\n\n".join(
            "# sent_id = 1\n"
            + "\n".join(f"{n}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_" for n, (word, tag) in enumerate(one, 1))
            for one in sentences()
        ),
    }
    path.write_text(lines[way] + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "way", "count"),
    [("a.txt", "tab", 60), ("b.txt", "sign", None), ("c.pos", "line", 60), ("d.conllu", "conllu", 60)],
)
def test_the_ways_of_writing_them(tmp_path, name, way, count):
    path = write(tmp_path / name, way)
    assert find(path).kind == "tags"
    data = tagged.load(path, progress=silent)
    assert set(data.classes) == {"ART", "N", "V", "ADV", "."}
    assert count is None or len(data.train) + len(data.test) == count
    total = sum(map(len, data.train.words + data.test.words))
    assert total == sum(map(len, sentences()))
    assert max(map(len, data.train.words)) <= tagged.LONGEST


COMMENTS = "# newdoc\n# newpar\n#newpar\n# sent_id = 1\n# said by nobody\n"
ROW = "{}\t{}\t_\t{}\t_\t_\t_\t_\t_\t_\n"


def test_comments_are_no_words(tmp_path):
    one = COMMENTS + "1-2\tao" + "\t_" * 8 + "\n" + ROW.format(1, "a", "ADP") + ROW.format(2, "o", "DET")
    (tmp_path / "a.conllu").write_text((one + ROW.format(3, "#", "SYM") + "\n") * 4)
    data = tagged.load(tmp_path / "a.conllu", progress=silent)
    assert data.classes == ("ADP", "DET", "SYM")
    assert {*data.train.words, *data.test.words} == {("a", "o", "#")}
    (tmp_path / "b.txt").write_text("# newdoc\n# SYM\nrio N\n\n" * 4)
    data = tagged.load(tmp_path / "b.txt", progress=silent)
    assert {*data.train.words, *data.test.words} == {("#", "rio")}


@pytest.mark.parametrize("sign", tagged.SIGNS)
def test_a_sentence_of_one_word_ends_where_its_line_does(tmp_path, sign):
    text = "Hi/UH\nThe/DT dog/NN\nNo/UH\n".replace("/", sign)
    (tmp_path / "a.txt").write_text(text * 3)
    data = tagged.load(tmp_path / "a.txt", progress=silent)
    assert len(data.train) + len(data.test) == 9
    assert {*data.train.words, *data.test.words} == {("Hi",), ("The", "dog"), ("No",)}


def test_files_behind_a_link_are_read(tmp_path):
    (tmp_path / "kept").mkdir()
    write(tmp_path / "kept" / "a.txt", "tab")
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "linked").symlink_to(tmp_path / "kept")
    data = tagged.load(folder, progress=silent)
    assert len(data.train) + len(data.test) == 60


def test_a_zip_is_split_by_its_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "corpus.zip", "w") as archive:
        for number in range(20):
            text = "\n".join(f"palavra{number}_{tag}" for tag in ("N", "V") * 5)
            archive.writestr(f"corpus/{number}.txt", text.encode("latin-1"))
    data = tagged.load(tmp_path / "corpus.zip", progress=silent)
    train, test = ({word for words in part.words for word in words} for part in (data.train, data.test))
    assert not train & test
    assert len(test) == 2


def test_what_is_hidden_or_left_behind_is_not_read(tmp_path):
    folder = tmp_path / "corpus"
    for place in ("", ".git", "__MACOSX", "inside"):
        (folder / place).mkdir(exist_ok=True)
        write(folder / place / "a.txt", "tab")
    (folder / "._a.txt").write_bytes(b"resource fork")
    (folder / "inside" / "up").symlink_to("..")
    (folder / "out").symlink_to("../..")
    data = tagged.load(folder, progress=silent)
    assert len(data.train) + len(data.test) == 120


def zipped(path: Path, **names: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("corpus/0.TXT", "\n\n".join(f"palavra{k}\tN\nfaz\tV" for k in range(20)))
        for name, content in names.items():
            archive.writestr(name, content)
    return path


def test_what_a_mac_puts_into_a_zip_is_not_read(tmp_path):
    path = zipped(tmp_path / "a.zip", **{"__MACOSX/corpus/._0.txt": "\0\1", "corpus/._0.txt": "\0", "licence.md": "x"})
    data = tagged.load(path, progress=silent)
    assert len(data.train) + len(data.test) == 20


@pytest.mark.parametrize(
    ("at", "value", "words"),
    [
        (6, 1, "cannot be unpacked .*password"),
        (8, 97, "cannot be unpacked .*not supported"),
        (None, 0xFF, "cannot be unpacked .*decompress"),
    ],
)
def test_a_zip_that_cannot_be_unpacked_is_refused(tmp_path, at, value, words):
    """Its flags say that it is locked, or its method is unknown, or what was packed is damaged."""
    content = bytearray(zipped(tmp_path / "a.zip").read_bytes())
    if at is None:
        content[42:60] = bytes([value]) * 18  # after the head of 30 bytes and a name of 12
    else:
        content[at] = content[content.index(b"PK\1\2") + at + 2] = value
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.zip: got an archive that {words}"):
        tagged.load(tmp_path / "a.zip", progress=silent)


def test_a_zip_without_texts_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.conllu", "x")
    with pytest.raises(InputError, match=r"a\.zip: got an archive without \.txt files"):
        tagged.load(tmp_path / "a.zip", progress=silent)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "an empty file"),
        ("um\tN\n\ndois\n\ntres\tN\n", r"1 lines without a word and a tag.*line 3: 'dois'.*--skip-bad"),
        ("um\tN\ndois\tN\n\ntres\tN\n", "a single tag, N"),
        ("um\tN\ndois\tV\n", "1 sentences"),
    ],
)
def test_bad_files_are_refused(tmp_path, content, words):
    (tmp_path / "a.conll").write_text(content)
    with pytest.raises(InputError, match=words):
        recorrente.train(tmp_path / "a.conll", kind="tags", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_broken_lines_are_left_out_when_asked(tmp_path):
    (tmp_path / "a.conll").write_text("um\tN\ndois\n\ntres\tV\n\nseis\tN\n")
    data = tagged.load(tmp_path / "a.conll", skip_bad=True, progress=silent)
    assert len(data.skipped) >= 1
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x.txt", "um_N")
    (tmp_path / "a.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:20])
    with pytest.raises(InputError, match="a broken archive"):
        tagged.load(tmp_path / "a.zip", progress=silent)


def test_steps_past_the_end_do_not_count():
    logits = torch.randn(5, 2, 3)
    target = torch.tensor([[0, 1], [2, 1], [1, NO_TARGET], [0, NO_TARGET], [1, NO_TARGET]])
    there = target != NO_TARGET
    wanted = torch.nn.functional.cross_entropy(logits[there], target[there])
    torch.testing.assert_close(Tag.loss_of(logits, target), wanted)
    assert Tag.count(target) == 7
    assert Tag.correct(logits, target) == (logits.argmax(-1)[there] == target[there]).sum()


def test_the_most_frequent_tag():
    train = [(["casa", "casa", "rio"], [0, 1, 0]), (["casa"], [1])]
    assert baselines.most_frequent_tag(train, [(["casa", "rio", "novo"], [1, 0, 1])]) == pytest.approx(2 / 3)


def test_a_tagger_reads_both_ways_and_beats_the_table(tmp_path):
    trained = recorrente.train(
        write(tmp_path / "frases.txt", "tab"),
        out=tmp_path / "run",
        shape=Shape("gru", hidden=12, layers=1, bidirectional=True, embedding=12),
        plan=Plan(epochs=8, batch=8, learning_rate=0.03),
    )
    metrics = trained.run.read_json("metrics.json")
    assert metrics["accuracy"] == 1.0
    again = recorrente.load(tmp_path / "run")
    assert [one.label for one in again.predict(["o rio não casa."])] == ["ART", "N", "ADV", "V", "."]
    assert [one.label for one in again.predict(["a casa cai."])] == ["ART", "N", "V", "."]
    assert again.predict(["cai"])[0].rows()[0] | {"confidence": ""} == {
        "word": "cai",
        "prediction": "V",
        "confidence": "",
        "preparation": "",
    }
    assert again.evaluate()["accuracy"] == 1.0
    assert "most frequent tag" in (tmp_path / "run" / "report.html").read_text()
    header, first, *_ = (tmp_path / "run" / "predictions.csv").read_text().splitlines()
    assert header == "index,target,prediction,confidence,word"
    assert first.startswith("0,ART,ART,")


def test_what_was_learnt_whole_is_asked_whole(tmp_path):
    line = "o/ART guarda-chuva/N custa/V R$/SYM {},50/NUM ./.\n"
    (tmp_path / "precos.txt").write_text("".join(line.format(k % 7) for k in range(30)))
    trained = recorrente.train(
        tmp_path / "precos.txt",
        out=tmp_path / "run",
        kind="tags",
        shape=Shape("gru", hidden=8, layers=1, bidirectional=True, embedding=8),
        plan=Plan(epochs=8, batch=4, learning_rate=0.03),
    )
    wanted = [("o", "ART"), ("guarda-chuva", "N"), ("custa", "V"), ("R$", "SYM"), ("3,50", "NUM"), (".", ".")]
    for text in ("o guarda-chuva custa R$ 3,50 .", "o guarda-chuva custa R$3,50."):
        assert [(one.text, one.label) for one in trained.predict([text])] == wanted
    asked = "O GUARDA-CHUVA, bem-vindo: 19,90 e.g. 2." + "!" * 3
    words = ["O", "GUARDA-CHUVA", ",", "bem", "-", "vindo", ":", "19,90", "e", ".", "g", ".", "2", ".", "!", "!", "!"]
    assert trained.recipe.reader.split(asked) == words
    assert trained.recipe.reader.split(" \t") == []


def test_a_long_piece_without_blanks_is_cut_in_little_time():
    features = WordFeatures.of([["guarda-chuva", "3,50"]] * 2)
    assert features.split("-" * 20_000 + "3,50") == ["-"] * 20_000 + ["3,50"]


def test_one_sentence_with_few_tags_is_scored_whole(tmp_path):
    shape, plan = Shape("gru", hidden=4, layers=1, bidirectional=True, embedding=4), Plan(epochs=1)
    trained = recorrente.train(write(tmp_path / "frases.txt", "tab"), out=tmp_path / "run", shape=shape, plan=plan)
    (tmp_path / "uma.txt").write_text("o\tART\nrio\tN\n")
    scores = trained.evaluate(tmp_path / "uma.txt")
    assert (scores["test_size"], scores["split"].startswith("all of it")) == (2, True)
    (tmp_path / "uma.txt").write_text("o\tART\nrio\tNOME\n")
    with pytest.raises(InputError, match=r"data: got the classes ART, NOME, wanted \., ADV, ART, N, V"):
        trained.evaluate(tmp_path / "uma.txt")
    (tmp_path / "frases.txt").rename(tmp_path / "movidas.txt")
    assert trained.evaluate(tmp_path / "movidas.txt")["split"] == "at random, a tenth of the sentences"


def test_the_order_of_predictions_is_that_of_the_words():
    """Ragged rows in one batch: sentence after sentence, word after word."""
    batch = ragged.one(
        [torch.arange(3).numpy(), torch.arange(5).numpy()],
        [torch.arange(3).numpy(), torch.arange(5).numpy()],
    )
    target = batch.target.t()
    assert target[target != NO_TARGET].tolist() == [0, 1, 2, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("both", [True, False])
def test_the_page_calls_directions_as_the_picture_does(tmp_path, both):
    trained = recorrente.train(
        write(tmp_path / "frases.txt", "tab"),
        out=tmp_path / "run",
        shape=Shape("gru", hidden=4, layers=1, bidirectional=both, embedding=4),
        plan=Plan(epochs=1),
    )
    page = (trained.run / "report.html").read_text()
    assert "Layer 0" not in page
    assert ("The lines called reverse are of the directions that read backwards." in page) == both
