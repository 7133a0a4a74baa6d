"""What stands in a file of a table: rows, blank ones and broken ones, and which one names the columns."""

import re
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from written_tables import by_hour, csv, hours, noted

from recorrente import kinds
from recorrente.data import sheets
from recorrente.data.columns import Asked
from recorrente.data.tables import read
from recorrente.errors import InputError


@pytest.mark.parametrize("broken", ["\n\n", "\n,\n \n", "\n" * 9])
def test_rows_in_which_nothing_stands_are_left_out(tmp_path, broken):
    whole = read(csv(tmp_path, by_hour()), Asked())
    lines = by_hour()
    lines[20] += broken
    for content in ("\n".join(lines) + "\n\n", "\n\n" + "\n".join(lines)):
        table = read(csv(tmp_path, [content]), Asked())
        assert np.array_equal(table.tracks[0].targets, whole.tracks[0].targets)
        assert re.search(r"(: 1 row|[0-9] rows) in which nothing stands$", noted(table, "left out"))
    lines = by_hour()
    table = read(csv(tmp_path, [*lines[:9], "", *lines[9:]]), Asked())
    assert noted(table, "left out") == "left out: 1 row in which nothing stands"
    every = read(csv(tmp_path, ["\r\r\n".join(by_hour())]), Asked())
    assert every.spacing == whole.spacing
    assert np.array_equal(every.tracks[0].targets, whole.tracks[0].targets)


def test_rows_are_counted_with_those_in_which_nothing_stands(tmp_path):
    head, *rows = by_hour()
    rows[9] += "x"
    with pytest.raises(InputError, match=r"row 14, value: '2\.5x'"):
        read(csv(tmp_path, ["", head, *rows[:5], "", "", *rows[5:]]), Asked())
    with pytest.raises(InputError, match=r"row 3, column 2: 'x'"):
        read(csv(tmp_path, ["1,5", "2,6", "3,x", *(f"{k},{k % 7}" for k in range(4, 40))]), Asked())


def test_a_blank_line_is_no_value_of_a_single_column_and_quotes_are(tmp_path):
    values = [str(k % 5) for k in range(30)]
    table = read(csv(tmp_path, ["v", *values[:9], "", *values[9:12], '""', *values[12:]]), Asked())
    assert np.flatnonzero(np.isnan(table.tracks[0].targets[:, 0])).tolist() == [12]
    assert len(table.tracks[0]) == 31


@pytest.mark.parametrize("long", [5, 30_000])
def test_a_quote_that_is_never_closed_is_named(tmp_path, long):
    for stray in ('7.5"', '"7.5'):
        lines = ["when,value", *(f"{time:%Y-%m-%d %H:%M},{k % 7}.5" for k, time in enumerate(hours(long)))]
        lines[3] = f"2024-01-01 02:00,{stray}"
        with pytest.raises(InputError, match=r"broken table \(row 4 has a quote"):
            read(csv(tmp_path, lines), Asked())


def test_a_cell_without_end_is_no_traceback(tmp_path):
    lines = ["when,value", *by_hour(9000)[1:]]
    lines[3] += '"'
    lines[4] = '"' + lines[4]
    lines[8000] += '",3"'
    lines[8001] += ',3,"4'
    with pytest.raises(InputError, match="broken table"):
        read(csv(tmp_path, lines), Asked())


def test_a_parquet_file_that_is_cut_off_is_told_as_such(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"when": hours(600), "value": np.random.default_rng(0).random(600)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(InputError, match="wanted a whole Parquet file") as refusal:
        read(path, Asked())
    assert "row" not in str(refusal.value)


def test_parquet_says_the_same_as_csv(tmp_path):
    values = [None if k == 4 else k % 7 + 0.5 for k in range(60)]
    pl.DataFrame({"when": hours(60), "value": values, "open": [k % 2 == 0 for k in range(60)]}).write_parquet(
        tmp_path / "t.parquet"
    )
    table = read(tmp_path / "t.parquet", Asked(target="value"))
    expected = read(csv(tmp_path, by_hour()), Asked()).tracks[0].targets
    assert np.isnan(table.tracks[0].targets[4, 0])
    assert np.array_equal(np.delete(table.tracks[0].targets, 4), np.delete(expected, 4))
    assert table.tracks[0].past[:3, 0].tolist() == [1, 0, 1]


@pytest.mark.parametrize("quoted", ['date,"sales, total","cost, total"', '"date",  "sales, total","cost, total"'])
def test_quoted_names_may_have_commas(tmp_path, quoted):
    rows = [f"{day:%Y-%m-%d},{k % 7},{k % 5}" for k, day in enumerate(hours(60, timedelta(days=1)))]
    table = read(csv(tmp_path, [quoted.replace("  ", ""), *rows]), Asked())
    assert (table.columns.time, table.columns.targets) == (("date",), ("sales, total", "cost, total"))
    with pytest.raises(InputError, match="two columns called a, b"):
        read(csv(tmp_path, ['date,"a, b","a, b"', *rows]), Asked())


def test_names_with_many_commas_are_parted_by_what_stands_outside_of_quotes(tmp_path):
    rows = [f"{day:%Y-%m-%d};{k % 7}" for k, day in enumerate(hours(60, timedelta(days=1)))]
    table = read(csv(tmp_path, ['day;"sold, in all, net"', *rows]), Asked())
    assert table.columns.targets == ("sold, in all, net",)


NUMBERED = {
    "country,1990,1991,1992": [f"{'ABC'[k % 3]},{k * k % 7}.5,{k % 5}.25,{k % 3}.5" for k in range(60)],
    "date,2023,2024": [f"2024-{1 + k // 28:02}-{1 + k % 28:02},{k % 7},{k % 5}" for k in range(60)],
    "id,1990,1991,1992": [f"{k * k % 11},{k * k % 7}.5,{k % 5}.25,{k % 3}.5" for k in range(60)],
    "2023,2024": [f"{k % 7},{k % 5}" for k in range(60)],
}


@pytest.mark.parametrize("names", NUMBERED)
def test_a_row_of_names_may_have_numbers_in_it(tmp_path, names):
    path = csv(tmp_path, [names, *NUMBERED[names]])
    sheet = sheets.open_table(path)
    assert (sheet.frame.columns, len(sheet.frame), sheet.rows[0]) == (names.split(","), 60, 2)
    numbers = [name for name in names.split(",") if name.isdigit()]
    told = noted(read(path, Asked()), "names")
    assert told == f"names: the first row, with the numbers {', '.join(numbers)} in it"
    found = kinds.find(path)
    if "country" in names:
        assert found.why == "a table with words and no times; --kind forecast if its rows follow each other in time"
    else:
        assert (found.kind, found.why.endswith(", ".join(numbers))) == ("forecast", True)


@pytest.mark.parametrize(
    "rows",
    [
        [f"{k * k % 11},{k % 5}" for k in range(30)],
        [f"{k % 3 + 1},{k % 5 + 2},{k % 7 + 3}" for k in range(30)],
        [f"{k},{k + 1},{k + 2}" for k in range(1, 30)],
        [f"{'AB'[k % 2]},{k % 3 + 1},{k % 5 + 2}" for k in range(30)],
        [f"2024-01-{k:02},{'NA' if k == 1 else k % 5}" for k in range(1, 30)],
        [f"{k},{'' if k == 1 else k % 5}" for k in range(1, 30)],
        ["5,6", *(f"{k}.5,{k % 5}.25" for k in range(30))],
    ],
    ids=["squares", "few", "runs", "groups", "dates", "missing", "two"],
)
def test_a_first_row_of_values_is_no_row_of_names(tmp_path, rows):
    """Though its numbers may go up by one: the next row's do, too, or they come again below."""
    sheet = sheets.open_table(csv(tmp_path, rows))
    assert len(sheet.frame) == len(rows)
    assert sheet.frame.columns[0] == "column 1"


@pytest.mark.parametrize("what", ["target", "known", "group", "time"])
def test_a_name_that_was_said_tells_the_row_of_names(tmp_path, what):
    each = 5 if what == "group" else 1
    path = csv(tmp_path, ["5,9,20", *(f"{k // each},{k % 5},{k * k % 7}" for k in range(60))])
    asked = Asked(**{"target": "20", "time": "5", what: {"target": "20", "time": "5"}.get(what, "9")})
    table = read(path, asked)
    assert (table.columns.targets, table.columns.time) == (("20",), ("5",))
    assert sum(map(len, table.tracks)) == 60
    later = sheets.open_table(path, None, table.columns.names)
    assert later.frame.columns == ["5", "9", "20"]


@pytest.mark.parametrize("said", ["sep=;", "SEP=;", '"sep=;"'])
def test_a_first_line_that_tells_the_delimiter_is_no_row(tmp_path, said):
    rows = [f"{day:%d/%m/%Y};{k % 7},5" for k, day in enumerate(hours(60, timedelta(days=1)))]
    path = csv(tmp_path, [said, "data;a, b, c", *rows])
    table = read(path, Asked())
    assert (table.columns.targets, len(table.tracks[0])) == (("a, b, c",), 60)
    assert kinds.find(path) == kinds.Found("forecast", "a table with times in data and numbers in a, b, c")
    rows[3] = "04/01/2024;x"
    with pytest.raises(InputError, match=r"row 6, a, b, c: 'x'"):
        read(csv(tmp_path, [said, "data;a, b, c", *rows]), Asked())
    rows[3] = "04/01/2024;1;2"
    with pytest.raises(InputError, match=r"row 6 has 3 cells, not 2"):
        read(csv(tmp_path, [said, "data;a, b, c", *rows]), Asked())
