"""Labelled texts: how they are found and read, what is refused, what is learnt; beside naive Bayes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import recorrente
from recorrente import Plan, Shape, baselines
from recorrente.data import labelled, ragged
from recorrente.data.imageset import WHOLE
from recorrente.data.progress import silent
from recorrente.data.words import WordFeatures, split_words
from recorrente.errors import InputError
from recorrente.evaluation import loss_of_states, step_by_step
from recorrente.kinds import find
from recorrente.recipe import Reading
from recorrente.tasks.classify import Classify

GOOD = ("que filme ótimo", "gostei muito, ótimo", "maravilhoso e belo", "uma beleza de filme", "belo, belo, ótimo")
BAD = ("que filme ruim", "péssimo, não gostei", "ruim e feio demais", "um horror de filme", "feio, feio, péssimo")


def pairs(times: int = 8) -> list[tuple[str, str]]:
    return [
        (f"{text} {number}", label)
        for number in range(times)
        for texts, label in ((GOOD, "bom"), (BAD, "mau"))
        for text in texts
    ]


def write_table(path: Path, delimiter: str = ",", header: str = "") -> Path:
    rows = [delimiter.join((label, f'"{text}"' if delimiter == "," else text)) for text, label in pairs()]
    path.write_text("\n".join(([header] if header else []) + rows) + "\n")
    return path


def load(source, **how):
    return labelled.load(source, progress=silent, **how)


@pytest.mark.parametrize(
    ("name", "delimiter", "header"),
    [
        ("a.csv", ",", ""),
        ("b.csv", ",", "v1,v2"),
        ("c.tsv", "\t", "nota\tcrítica"),
        ("sem nome", "\t", ""),
        ("excel.csv", ";", "sep=;\nnota;crítica"),
    ],
)
def test_tables_are_found_and_read(tmp_path, name, delimiter, header):
    path = write_table(tmp_path / name, delimiter, header)
    assert find(path).kind == "text"
    data = load(path)
    assert data.classes == ("bom", "mau")
    texts = data.train.texts + data.test.texts
    assert sorted(texts) == sorted(text for text, _ in pairs())
    assert len(data.test) == len(texts) / 5
    for part in (data.train, data.test):
        assert all(
            (data.classes[label], text) in {(b, a) for a, b in pairs()}
            for text, label in zip(part.texts, part.labels, strict=True)
        )


def test_columns_can_be_named(tmp_path):
    path = tmp_path / "wide.csv"
    rows = [f'{k},"{text}",x,{label}' for k, (text, label) in enumerate(pairs())]
    path.write_text("\n".join(["id,review,source,stars", *rows]))
    assert load(path, text="review", label="stars").classes == ("bom", "mau")
    with pytest.raises(InputError, match=r"label: got 'star', wanted a column of wide\.csv: id, review, source, stars"):
        load(path, text="review", label="star")
    with pytest.raises(InputError, match="80 different values in 80 rows of column 'id'"):
        load(path, text="review", label="id")


def test_equal_texts_stay_on_one_side():
    data = labelled.split("names", [(f"n{k % 30}", "ab"[k % 2]) for k in range(300)], seed=0)
    assert not set(data.train.texts) & set(data.test.texts)
    assert len(data.train) + len(data.test) == 300


def test_class_folders_and_a_broken_file(tmp_path):
    for number, (text, label) in enumerate(pairs(2)):
        (tmp_path / "críticas" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "críticas" / label / f"crítica {number}.txt").write_text(text)
    folder = tmp_path / "críticas"
    assert find(folder).kind == "text"
    whole = load(folder)
    assert whole.whole_files
    assert len(whole.train) + len(whole.test) == 20
    (folder / "bom" / "vazio.txt").write_text("")
    (folder / "mau" / "foto.txt").write_bytes(b"\x00\x01\x02")
    with pytest.raises(InputError, match=r"vazio\.txt: got an empty file.*foto\.txt"):
        load(folder)
    (folder / "LEIAME.txt").write_text("de onde são")
    (folder / "capa.png").write_bytes(b"a picture")
    assert find(folder).why == "class folders of text files; left aside: .png (1)"
    rest = load(folder, skip_bad=True)
    assert len(rest.train) + len(rest.test) == 20
    assert len(rest.skipped) == 2


def test_equal_texts_of_class_folders_stay_on_one_side_where_nothing_says_what_is_tested_on(tmp_path):
    for part in ("", "train/", "test/"):
        for label in ("bom", "mau"):
            folder = tmp_path / ("partes" if part else "todos") / part / label
            folder.mkdir(parents=True)
            for k in range(40):
                (folder / f"{k}.txt").write_text(f"{label}  texto {k % 10}\n")
    data = load(tmp_path / "todos")
    assert not set(data.train.texts) & set(data.test.texts)
    assert (len(data.train), len(data.test)) == (64, 16)
    assert data.split == "at random, a fifth of each class, equal texts on one side"
    divided = load(tmp_path / "partes")
    assert (len(divided.train), len(divided.test), divided.split) == (80, 80, "the folder test/")


@pytest.mark.parametrize("sign", ["\f", "\x1c", "\x85", "\u2028"], ids=ascii)
def test_no_other_sign_than_the_end_of_a_line_ends_it(tmp_path, sign):
    rows = [f"{label}\t{text}{sign}fim" for text, label in pairs(2)]
    (tmp_path / "a.txt").write_text("\n".join(rows), encoding="utf-8")
    data = load(tmp_path / "a.txt", encoding="utf-8")
    texts = sorted(f"{text}{sign}fim" for text, _ in pairs(2))
    assert sorted(data.train.texts + data.test.texts) == texts
    assert sorted(labelled.texts_of(Path("b.txt"), "\n".join(texts), ("bom", "mau"))) == texts
    for label in ("bom", "mau"):
        (tmp_path / "listas").mkdir(exist_ok=True)
        (tmp_path / "listas" / f"{label}.txt").write_text("\n".join(texts[:10]), encoding="utf-8")
    data = load(tmp_path / "listas", encoding="utf-8")
    assert len(data.train) + len(data.test) == 20


def test_a_named_encoding_may_have_a_mark(tmp_path):
    rows = ["text,label", *(f'"{text}",{label}' for text, label in pairs())]
    for encoding, mark in (("utf-8", "utf-8-sig"), ("utf-16-le", "utf-16-le")):
        (tmp_path / "a.csv").write_text(("" if mark != encoding else "\ufeff") + "\n".join(rows), encoding=mark)
        data = load(tmp_path / "a.csv", encoding=encoding, text="text", label="label")
        assert (data.classes, data.columns) == (("bom", "mau"), ("text", "label"))


@pytest.mark.parametrize("broken", range(4))
def test_a_broken_text_has_no_say_in_what_is_tested_on(broken, tmp_path):
    for label, count in (("bom", 12), ("raro", 4)):
        (tmp_path / label).mkdir()
        for k in range(count):
            (tmp_path / label / f"{k}.txt").write_text(f"texto {label} {k}" if (label, k) != ("raro", broken) else "")
    data = load(tmp_path, skip_bad=True)
    assert (data.train.labels.count(1), data.test.labels.count(1), len(data.skipped)) == (2, 1, 1)


def test_a_file_a_class(tmp_path):
    for label in ("um", "dois"):
        (tmp_path / f"{label}.txt").write_text("\n".join(f"{label}{k}" for k in range(20)))
    data = load(tmp_path)
    assert data.classes == ("dois", "um")
    assert not data.whole_files


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "an empty file"),
        (
            "a.csv",
            "bom,é belo\nbom,\nmau,é feio\nmau,é ruim\nbom,que belo\n,o quê\n",
            r"2 rows that cannot be used \(row 2: no text, row 6: no class\)",
        ),
        ("a.csv", "bom,é belo\nbom,que belo\nbom,um belo\n", "a single class, 'bom'"),
        ("a.csv", "one\ntwo\nthree\n", "a single column"),
        ("a.csv", 'bom,"never closed\nmau,x\n', r"a broken table \(in the row from line 1: unexpected end"),
        (
            "a.csv",
            'text,label\n"fine,\n really",neg\n"Great" movie,pos\n',
            r"a broken table \(in the row from line 4: .*quotes are doubled: \"\"\"Great\"\" movie\"",
        ),
        ("a.csv", "a,b\n", "1 rows of 2 columns"),
        ("a.tsv", "\x00\x01", "a binary file"),
    ],
)
def test_bad_tables_are_refused_and_nothing_is_written(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=words):
        recorrente.train(tmp_path / name, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_ragged_batches_keep_lengths_and_every_item():
    sequences = [np.full(length, length) for length in (3, 1, 7, 2, 2, 5, 9)]
    for seed in (None, 3):
        made = list(ragged.batches(sequences, list(range(7)), 3, seed=seed))
        assert sorted(int(k) for batch in made for k in batch.target) == list(range(7))
        for batch in made:
            for row, (length, k) in enumerate(zip(batch.lengths, batch.target, strict=True)):
                assert length == len(sequences[k])
                assert torch.equal(batch.x[:length, row], torch.from_numpy(sequences[k]))
    orders = [
        [int(batch.target) for batch in ragged.batches(sequences, range(7), 1, seed=1, epoch=epoch)]
        for epoch in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_a_row_says_the_same_alone_and_among_longer_ones():
    network = Shape("gru", hidden=6, layers=2, bidirectional=True, embedding=5).build_for_ids((9, 4), 3).eval()
    sequences = [np.random.default_rng(k).integers(4, size=(length, 2)) for k, length in enumerate((2, 8, 5))]
    together = Classify().logits(network, ragged.one(sequences, [0, 1, 2]))[0]
    for row, sequence in enumerate(sequences):
        alone = Classify().logits(network, ragged.one([sequence], [0]))[0, 0]
        torch.testing.assert_close(together[row], alone)


def test_unseen_words_keep_their_ends():
    features = WordFeatures.of([["canção", "estação", "rio", "rio"]])
    seen, new, strange = features.encode(["canção", "nação", "xyz"])
    assert new[0] == 0 != features.encode(["rio"])[0, 0]
    assert new[6 - 1] == seen[6 - 1] != 0
    assert set(strange[:-1]) == {0}
    assert split_words("Não, d'água!") == ["Não", ",", "d", "'", "água", "!"]


def test_the_baselines_do_what_they_say():
    assert baselines.majority([0, 0, 1], [0, 1, 1, 1]) == 0.25
    train, test = pairs(), pairs(1)
    numbers = [int(label == "mau") for _, label in train], [int(label == "mau") for _, label in test]
    score = baselines.naive_bayes([t for t, _ in train], numbers[0], [t for t, _ in test], numbers[1])
    assert score > 0.9


@pytest.fixture(scope="module")
def reviews(tmp_path_factory) -> recorrente.recipe.Trained:
    folder = tmp_path_factory.mktemp("reviews")
    return recorrente.train(
        write_table(folder / "críticas.csv"),
        out=folder / "run",
        reading=Reading(units="words"),
        shape=Shape("gru", hidden=12, layers=1, bidirectional=True, embedding=12, dropout=0.1),
        plan=Plan(epochs=6, batch=8, learning_rate=0.02, validation=0.1),
    )


@pytest.mark.parametrize(
    "rows",
    [
        ["bom,que filme belo", "bom,ótimo", "mau,feio demais"],
        [f"bom,belo filme {k}" for k in range(9)],
        ["nota,crítica", "mau,um horror"],
        ["bom,ótimo"],
        ["crítica,fonte,nota", "belo,revista,bom", "feio,revista,mau", "bom,revista,bom"],
        ["gostei de 1,mau", "gostei,bom", "ótimo,bom"],
    ],
)
def test_few_texts_of_few_classes_are_scored_whole(reviews, tmp_path, rows):
    """Nothing is held out of what is only tested on, so one text of a class is enough, and one class."""
    file = tmp_path / "outras.csv"
    file.write_text("\n".join(rows) + "\n")
    count = len(rows) - ("nota" in rows[0])
    data = reviews.kind.again(reviews.recipe, str(file), silent)
    assert (data.classes, len(data.test), data.split) == (("bom", "mau"), count, WHOLE)
    cells = [set(row.split(",")) for row in rows[-count:]]
    labels = [data.classes[label] for label in data.test.labels]
    assert all({text, label} <= cell for text, label, cell in zip(data.test.texts, labels, cells, strict=True))
    assert reviews.evaluate(file)["test_size"] == count


def test_other_tables_are_read_from_the_columns_that_were_learnt(tmp_path):
    """Beside a longer text, and another column of the same classes that says the contrary."""
    (tmp_path / "a.csv").write_text(
        "id,crítica,nota\n" + "".join(f"{k},belo filme {k},{['bom', 'mau'][k % 2]}\n" for k in range(40))
    )
    trained = recorrente.train(
        tmp_path / "a.csv",
        out=tmp_path / "run",
        reading=Reading(units="words"),
        shape=Shape("gru", hidden=4, layers=1, bidirectional=False, embedding=4, dropout=0.0),
        plan=Plan(epochs=1, batch=8, learning_rate=0.02, validation=0.1),
    )
    rows = ["id,antes,crítica,nota,observação", *(f"{k},mau,feio {k},bom,um texto mais longo {k}" for k in range(6))]
    (tmp_path / "b.csv").write_text("\n".join(rows) + "\n")
    for again in (trained, recorrente.load(tmp_path / "run")):
        data = again.kind.again(again.recipe, str(tmp_path / "b.csv"), silent)
        assert data.test.texts == tuple(f"feio {k}" for k in range(6))
        assert {data.classes[label] for label in data.test.labels} == {"bom"}


def test_one_column_is_not_both(tmp_path):
    with pytest.raises(InputError, match="label: got 'nota', the column of the texts, too"):
        load(write_table(tmp_path / "a.csv", header="nota,crítica"), text="nota", label="nota")


@pytest.mark.parametrize("rows", [["pior,um horror", "pior,feio", "bom,belo"], ["nota,crítica"]])
def test_a_row_of_a_class_that_was_not_learnt_is_no_row_of_names(reviews, tmp_path, rows):
    (tmp_path / "outras.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(InputError, match=r"data: got the classes .*, wanted bom, mau"):
        reviews.evaluate(tmp_path / "outras.csv")


def test_few_texts_in_class_folders_are_scored_whole(tmp_path):
    def written(folder: Path, **texts: list[str]) -> Path:
        for name, some in texts.items():
            (folder / name).mkdir(parents=True)
            for k, text in enumerate(some):
                (folder / name / f"{k}.txt").write_text(text)
        return folder

    plan, shape = Plan(epochs=1, batch=8), Shape("gru", hidden=4, layers=1, embedding=4)
    own = written(tmp_path / "textos", bom=list(GOOD), mau=list(BAD), nada=["sim", "e", "não"])
    trained = recorrente.train(own, kind="text", plan=plan, shape=shape, out=tmp_path / "run")
    other = written(tmp_path / "outros", bom=["um belo dia"], mau=["um dia feio"])
    assert trained.evaluate(other)["test_size"] == 2
    assert trained.evaluate(written(tmp_path / "um só", mau=["triste"]))["test_size"] == 1
    assert trained.evaluate(own)["split"].startswith("at random")
    assert trained.evaluate(own.rename(tmp_path / "movidos"))["split"].startswith("at random")
    written(tmp_path / "partes" / "train", bom=["um"], mau=["dois"])
    written(tmp_path / "partes" / "test", mau=["três"])
    scores = trained.evaluate(tmp_path / "partes")
    assert (scores["test_size"], scores["split"]) == (1, "the folder test/")
    strange = written(tmp_path / "estranhos", bom=["um"], pior=["dois"])
    with pytest.raises(InputError, match="data: got the classes bom, pior, wanted bom, mau, nada"):
        trained.evaluate(strange)
    (other / "mau" / "0.txt").write_bytes(b"\0\1")
    (other / "bom" / "0.txt").write_bytes(b"\0\1")
    with pytest.raises(InputError, match=r"outros: got no texts, wanted one or more\. Mend .*0\.txt"):
        labelled.load(other, learnt=("bom", "mau"), skip_bad=True, progress=silent)


def test_texts_are_told_apart(reviews, tmp_path):
    metrics = reviews.run.read_json("metrics.json")
    assert metrics["accuracy"] > 0.9 > metrics["baselines"]["majority class"]
    again = recorrente.load(reviews.run.folder)
    assert again.evaluate()["accuracy"] == metrics["accuracy"]
    file = tmp_path / "duas linhas.txt"
    file.write_text("um filme belo\num filme feio\n")
    said = again.predict(["que belo, ótimo", file])
    assert [(one.label, one.path) for one in said] == [("bom", None), ("bom", file), ("mau", file)]
    page = (reviews.run / "report.html").read_text()
    assert "naive Bayes" in page
    with pytest.raises(InputError, match="running text"):
        again.generate("x")
    with pytest.raises(InputError, match="text: got '  '"):
        again.predict(["  "])
    for mistyped in ("nosuch.txt", "there/is.csv", str(tmp_path)):
        with pytest.raises(InputError, match=r"no such file|a folder"):
            again.predict([mistyped])
    assert [list(one.rows()[0])[:2] for one in said] == [["text", "prediction"]] * len(said)


@pytest.mark.parametrize(
    ("name", "content", "text", "wanted"),
    [
        ("a.csv", 'nota,crítica\nbom,"belo, belo"\nmau,feio\n', None, ["belo, belo", "feio"]),
        ("b.csv", 'bom,"belo, belo"\nmau,feio\n', None, ["belo, belo", "feio"]),
        ("c.csv", "id,review,stars\n7,belo,\n8,feio,\n", "review", ["belo", "feio"]),
        ("d.tsv", "belo\tbom\nfeio\tmau\n", "review", ["belo", "feio"]),
        ("sem nome", "bom\tbelo\nmau\tfeio\n", None, ["belo", "feio"]),
        ("e.csv", "belo\nfeio\n", None, ["belo", "feio"]),
        ("f.txt", "belo, bom\nfeio, mau\n", None, ["belo, bom", "feio, mau"]),
        ("g.txt", "belo\tbelo\n", None, ["belo\tbelo"]),
        ("h.csv", "", None, []),
        ("i.csv", "Belo, mas caro\nFeio\n", None, ["Belo, mas caro", "Feio"]),
        ("j.csv", 'review\n"a, b"\nc\n', "review", ["a, b", "c"]),
        ("k.csv", ",belo\nbom,ótimo\n", None, ["belo", "ótimo"]),
        ("l.csv", "nota,crítica\n", "crítica", []),
        ("m.csv", ",,\n,,\n", None, [",,", ",,"]),
    ],
)
def test_asked_about_a_table_its_texts_are_meant(name, content, text, wanted):
    assert labelled.texts_of(Path(name), content, ("bom", "mau"), text) == wanted


def test_a_table_whose_texts_nothing_tells_is_refused():
    with pytest.raises(InputError, match=r"a\.csv: got columns 7, belo, x, wanted a column of texts called 'review'"):
        labelled.texts_of(Path("a.csv"), "7,belo,x\n8,feio,y\n", ("bom", "mau"), "review")


def test_a_row_that_does_not_fit_its_names_is_refused():
    with pytest.raises(InputError, match=r"a\.csv: got row 3 of 3 cells, wanted 2 cells, as many as names.*quotes"):
        labelled.texts_of(Path("a.csv"), "id,review\n7,belo\n8,feio, muito\n", ("bom", "mau"), "review")


def test_a_table_is_predicted_as_it_was_learnt(reviews, tmp_path):
    said = reviews.predict([write_table(tmp_path / "outras.csv", header="v1,v2")])
    assert [one.text for one in said] == [text for text, _ in pairs()]
    assert sum(one.label == label for one, (_, label) in zip(said, pairs(), strict=True)) > 0.9 * len(said)


def test_the_command_says_what_it_found(command, command_here, tmp_path):
    write_table(tmp_path / "minhas críticas.csv", header="nota,crítica")
    words = ("--hidden", "8", "--epochs", "1", "--out", "run")
    outcome = command("train", "minhas críticas.csv", *words)
    assert outcome.returncode == 0, outcome.stderr
    assert "text (a table with text in crítica)" in outcome.stderr
    (tmp_path / "outras.csv").write_text("id,crítica\n1,que belo\n2,que horror\n")
    heads = ["text", "que belo", "que horror"]
    said = command_here("predict", "run", "outras.csv")
    assert [line.split("\t")[0] for line in said.stdout.splitlines()] == heads, said.stderr
    told = json.loads(command_here("predict", "run", "que belo", "--json").stdout)
    assert told[0]["text"] == "que belo"
    assert set(told[0]["probabilities"]) == {"bom", "mau"}
    wrong = command_here("train", "minhas críticas.csv", "--text", "review")
    assert wrong.returncode == 2
    assert "--text: got 'review', wanted a column of" in wrong.stderr
    assert command_here("train", "minhas críticas.csv", "--kind", "music").returncode == 2


@pytest.mark.parametrize(("name", "classes", "count"), [("trec", 6, 5952), ("sms_spam", 2, 5574), ("names", 18, 20050)])
def test_the_known_sets(name, classes, count):
    from recorrente.data.known import KNOWN, whereabouts

    assert find(name).kind == "text"
    if whereabouts(KNOWN[name]) == "no":
        pytest.skip(f"{name} is not here")
    data = load(name)
    assert len(data.classes) == classes
    assert count * 0.99 <= len(data.train) + len(data.test) <= count
    assert len(data.test) == 500 if name == "trec" else not set(data.train.texts) & set(data.test.texts)


def test_no_text_that_is_validated_on_is_learnt_from():
    random = np.random.default_rng(0)
    texts = tuple(f"nome {k}" for k in random.integers(0, 60, 400))
    every = labelled.Texts(texts, tuple(random.integers(0, 3, 400).tolist()))
    kept, held = labelled.divided(every, 0.2, 0, ("a", "b", "c"))
    assert not set(kept.texts) & set(held.texts)
    assert sorted(zip(kept.texts + held.texts, kept.labels + held.labels, strict=True)) == sorted(
        zip(texts, every.labels, strict=True)
    )
    assert len(set(held.texts)) == pytest.approx(12, abs=2)


def test_what_repeats_is_thinned_and_the_classes_get_their_shares_again():
    texts = ("ana",) * 9 + ("rui",) * 2 + ("eva", "ana", "ana", "ivo")
    every = labelled.Texts(texts, (0,) * 9 + (1,) * 2 + (1, 1, 1, 1))
    thin = labelled.thinned(every)
    assert thin == labelled.Texts(("ana", "ana", "ana", "rui", "eva", "ana", "ivo"), (0, 0, 0, 1, 1, 1, 1))
    once = labelled.Texts(("ana", "rui", "ana"), (0, 0, 1))  # with another class it is another thing
    assert labelled.thinned(once) == once
    by = labelled.thinning(every, thin, 3)
    learnt = np.log([3 / 7, 4 / 7])  # what a model without eyes learns from those that are left
    shares = np.exp(learnt + by[:2])
    np.testing.assert_allclose(shares / shares.sum(), [9 / 15, 6 / 15], rtol=1e-6)
    assert by[2] == 0


def names(folder: Path, repeated: int) -> Path:
    """A class of a few texts that stand there again and again, and one of many that stand there once."""
    folder.mkdir()
    (folder / "poucos.txt").write_text("\n".join(f"{a}{b}u" for a in "abcd" for b in "rs" for _ in range(repeated)))
    (folder / "muitos.txt").write_text("\n".join(f"{a}{b}{c}" for a in "abcd" for b in "rst" for c in "oei"))
    return folder


@pytest.mark.parametrize(("repeated", "units", "more"), [(1, None, 1), (9, None, 3), (9, "words", 1)])
def test_the_last_layer_knows_how_often_texts_repeat(tmp_path, repeated, units, more):
    shape, plan = Shape("gru", hidden=4, layers=1, embedding=4, dropout=0.1), Plan(epochs=2, validation=0.2)
    source = names(tmp_path / "nomes", repeated)
    reading = Reading(units=units)
    trained = recorrente.train(source, kind="text", reading=reading, out=tmp_path / "run", shape=shape, plan=plan)
    learnt = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["network"]
    moved = {name: kept - learnt[name] for name, kept in trained.network.state_dict().items()}
    by = torch.tensor([0.0, np.log(more)], dtype=torch.float32)  # classes: muitos, poucos
    torch.testing.assert_close(moved.pop("head.1.bias"), by)
    assert not any(change.any() for change in moved.values())
    again = recorrente.resume(tmp_path / "run").network.state_dict()
    assert all(torch.equal(kept, again[name]) for name, kept in trained.network.state_dict().items())


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_head_that_reads_all_steps(bidirectional):
    shape = Shape("gru", hidden=6, layers=2, bidirectional=bidirectional, embedding=5)
    network = shape.build_for_ids((9,), 3, pooled=True).double().eval()
    sequences = [np.random.default_rng(k).integers(9, size=length) for k, length in enumerate((2, 8, 1))]
    batch = ragged.one(sequences, [0, 1, 2])
    together = network.last(batch.x, lengths=batch.lengths)
    for row, sequence in enumerate(sequences):
        h, final = network.hidden(torch.from_numpy(sequence)[:, None])
        ends = [part[0] for part in (final[-2:] if bidirectional else final[-1:])]
        mean, largest = sum(h[:, 0]) / len(h), torch.stack([max(h[:, 0, unit]) for unit in range(h.shape[2])])
        by_hand = network.head(torch.cat([*ends, mean, largest]))
        torch.testing.assert_close(together[row], by_hand, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(network.last(torch.from_numpy(sequence)[:, None])[0], by_hand)
    with pytest.raises(InputError, match="pooled: got True, and a y of every step is asked"):
        network(batch.x)
    arriving = step_by_step(network, batch.x[:, 1:2]).probabilities[-1]  # the longest
    torch.testing.assert_close(torch.from_numpy(arriving), together[1].detach().softmax(-1))
    loss = loss_of_states(network, Classify(), batch)
    h, _ = network.hidden(batch.x, lengths=batch.lengths)
    h = h.detach().requires_grad_()
    value = loss(h)
    torch.testing.assert_close(value, 3 * Classify().loss_of(together[None], batch.target))
    (dh,) = torch.autograd.grad(value, h)
    assert dh[:2, 0].any(dim=-1).all() and not dh[2:, 0].any() and not dh[1:, 2].any()  # noqa: PT018
