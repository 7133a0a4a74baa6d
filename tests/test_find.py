"""Which kind of data a file is: tables over time, texts, and what is said of them."""

import polars as pl
import pytest
from written_tables import csv, hours

from recorrente import kinds
from recorrente.errors import InputError

SHOPS = ("Pão de Açúcar", "Casa do Norte", "Lapa de Baixo")


@pytest.mark.parametrize(
    ("name", "lines", "kind", "why"),
    [
        ("a.csv", ["review,stars", *["it was a very good film,5"] * 5], "text", "review"),
        ("b.csv", ["date,review,stars", *[f"2024-01-01,it was my film {k},5" for k in range(5)]], "text", "review"),
        ("c.csv", ["date,sold", *["2024-01-01,5"] * 5], "forecast", "times in date and numbers in sold"),
        ("d.csv", ["date;loja;vendas", *["01/02/2024;Centro;5,5"] * 5], "forecast", "times in date"),
        ("e.tsv", ["year\tvalue", *["1990\t5"] * 5], "forecast", "times in year"),
        ("f.csv", ["a,b", *["1,2"] * 5], "forecast", "numbers alone"),
        ("g.csv", ["name,language", *["Silva,Portuguese"] * 5], "text", "table with text"),
        ("n.csv", [",date,v", *[f"{k},2024-01-0{k},5" for k in range(1, 6)]], "forecast", "numbers in column 1, v"),
        ("i.csv", ["year,month,No,v", *["2024,1,1,5"] * 5], "forecast", "times in year and numbers in No, v"),
        ("j.csv", ["date,co2", *["20240101,5"] * 5], "forecast", "times in date"),
        (
            "k.csv",
            ["date,price", *["2024-01-01,9.782", "2024-01-02,10.25"] * 5],
            "forecast",
            "times in date and numbers in p",
        ),
        ("h.csv", ["", ""], "text", "table with text"),
        (
            "l.csv",
            ["date,shop,sold", *(f"2024-01-0{k},{shop},{k}" for k in range(1, 9) for shop in SHOPS)],
            "forecast",
            "times in date and numbers in sold",
        ),
        ("m.csv", ["date;sold", *["2024-01-01;1.234,56", "2024-01-02;1.234.567"] * 5], "forecast", "numbers in sold"),
    ],
)
def test_find_tells_texts_from_numbers_over_time(tmp_path, name, lines, kind, why):
    found = kinds.find(csv(tmp_path, lines, name))
    assert found.kind == kind
    assert why in found.why


def test_labelled_lines_are_known_in_any_alphabet(tmp_path):
    """The byte 0x85 is within these letters in UTF-8, and would end a line of Latin-1."""
    texts = ["książkę dają nam", "Åre är vackert", "хорошо бы уехать"]
    lines = [f"{label}\t{text} {k}" for k in range(10) for label, text in enumerate(texts)]
    assert "\x85" in "\n".join(lines).encode().decode("latin-1")
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert kinds.find(csv(tmp_path, lines, "texts.txt", encoding)).why == "a label and a text on each line"
    cut = [f"{line} {'ą' * 1500}" for line in lines]
    assert kinds.find(csv(tmp_path, cut, "long.txt")).kind == "text"
    sentences = [f"{word}\tN" if word else "" for word in ["casa", "Å", ""] * 20]
    assert kinds.find(csv(tmp_path, sentences, "words.txt")).kind == "tags"


def test_what_is_said_of_a_table_tells_its_kind(tmp_path, command):
    noted = ["date,sold,note", *[f"2024-01-{day:02},{day},it was day {day} of rain" for day in range(1, 20)]]
    path = csv(tmp_path, noted)
    assert kinds.find(path).kind == "text"
    for name in ("target", "time", "known", "horizon", "context", "season"):
        assert kinds.find(path, (name, "skip_bad")) == kinds.Found("forecast", f"a table, with --{name}")
    assert kinds.find(csv(tmp_path, ["date,sold", *["2024-01-01,5"] * 5], "b.csv"), ("label",)).kind == "text"
    with pytest.raises(InputError, match=r"^label: got it and --horizon.*Leave out --horizon to tell texts apart, or"):
        kinds.find(path, ("horizon", "label"))
    (tmp_path / "c.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"^label: got it, of the Parquet table c.parquet, .* Write it as .csv"):
        kinds.find(tmp_path / "c.parquet", ("label",))
    outcome = command("train", path, "--target", "sold", "--horizon", "15")
    assert "forecast (a table, with --target)" in outcome.stderr
    assert "longer table, or a shorter --horizon" in outcome.stderr


def test_find_knows_parquet_by_its_name_and_by_what_is_in_it(tmp_path):
    frame = pl.DataFrame({"when": hours(3), "value": [1, 2, 3]})
    for name in ("t.parquet", "t.data"):
        frame.write_parquet(tmp_path / name)
        assert kinds.find(tmp_path / name).kind == "forecast"


def test_find_refuses_a_folder_of_nothing_that_is_known(tmp_path):
    csv(tmp_path, ["a,b", "1,2"], "vendas é.csv")
    with pytest.raises(InputError, match=r"a folder of \.csv \(1\).*given itself: .*vendas é\.csv"):
        kinds.find(tmp_path)


@pytest.mark.parametrize("name", ["month", "mes", "Mês"])
def test_find_takes_months_of_six_figures_for_times(tmp_path, name):
    rows = [f"{2020 + k // 12}{k % 12 + 1:02},{k % 7}" for k in range(36)]
    found = kinds.find(csv(tmp_path, [f"{name},sold", *rows]))
    assert found == kinds.Found("forecast", f"a table with times in {name} and numbers in sold")
