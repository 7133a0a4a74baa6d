"""What the cells of a table hold: marks before decimals and between thousands, and what is missing."""

import re

import numpy as np
import pytest
from written_tables import by_hour, csv, noted, of_days

from recorrente import kinds
from recorrente.data import sheets, tables
from recorrente.data.columns import Asked, Columns
from recorrente.data.tables import read
from recorrente.errors import InputError


@pytest.mark.parametrize("word", ["", "NA", "NaN", "null", "?", " n/a "])
def test_missing_values_have_many_names(tmp_path, word):
    head, *rows = by_hour()
    rows[3] = rows[3].split(",")[0] + "," + word
    table = read(csv(tmp_path, [head, *rows]), Asked())
    assert np.flatnonzero(np.isnan(table.tracks[0].targets[:, 0])).tolist() == [3]
    assert "value 1;" in noted(table, "missing")


@pytest.mark.parametrize(
    ("cells", "delimiter", "values"),
    [
        (["1.234,56", "980,1", "1.000"], ";", [1234.56, 980.1, 1000]),
        (["1,234.56", "980.1", "1,000"], ";", [1234.56, 980.1, 1000]),
        (["1,234.56", "980.1", "1,000"], ",", [1234.56, 980.1, 1000]),
        (["1.234.567", "980", "1.000"], ";", [1234567, 980, 1000]),
        (["1,000", "980", "-1,250"], ",", [1000, 980, -1250]),
        (["1,5", "980", "1,25"], ",", [1.5, 980, 1.25]),
    ],
)
def test_thousands_have_a_mark_that_is_no_decimal_one(tmp_path, cells, delimiter, values):
    path = of_days(tmp_path, cells, delimiter=delimiter)
    table = read(path, Asked())
    assert table.tracks[0].targets[:3, 0].tolist() == values
    assert kinds.find(path).kind == "forecast"
    if max(values) >= 1000:
        assert noted(table, "numbers") == f"numbers: {cells[0]} is {values[0]:g} in sold".replace(
            "1.23457e+06", "1234567"
        )


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["0.125", "1.000", "12.500"], [0.125, 1, 12.5]),
        (["0,125", "1,000", "12"], [0.125, 1, 12]),
        (["1.125", "1.000", "12.500"], [1.125, 1, 12.5]),
        (["1.25", "1.000", "980"], [1.25, 1, 980]),
    ],
)
def test_three_figures_after_a_mark_may_be_decimals(tmp_path, cells, values):
    assert read(of_days(tmp_path, cells), Asked()).tracks[0].targets[:3, 0].tolist() == values


def test_other_columns_tell_what_a_mark_is(tmp_path):
    for cells, other in ((["1.000", "980"], "5,1"), (["1,000", "980"], "5.1")):
        table = read(of_days(tmp_path, cells, other, names="rate"), Asked(target="sold"))
        assert table.tracks[0].targets[:2, 0].tolist() == [1000, 980]
        assert noted(table, "numbers") == f"numbers: {cells[0]} is 1000 in sold"


@pytest.mark.parametrize("cells", [["1.000", "980"], ["1,000", "980"], ["1.000", "1,250"]])
def test_a_mark_that_can_be_either_is_refused_where_it_is_needed(tmp_path, cells):
    with pytest.raises(
        InputError, match=r"column 'sold', in which '1.000' may have decimals .* Write it without a mark"
    ):
        read(of_days(tmp_path, cells), Asked())
    days = [f"{cell};2024-01-{day:02};{day * day}" for day in range(1, 20) for cell in cells]
    names = [track.name for track in read(csv(tmp_path, ["id;day;sold", *days]), Asked(target="sold")).tracks]
    assert names == cells


def test_a_number_of_the_other_mark_is_bad(tmp_path):
    path = of_days(tmp_path, ["1,5", "2,5", "3.5", *(f"{k},5" for k in range(21))])
    with pytest.raises(InputError, match=r"row 4, sold: '3\.5'"):
        read(path, Asked())
    assert np.isnan(read(path, Asked(skip_bad=True)).tracks[0].targets[2, 0])


@pytest.mark.parametrize("cell", ["n.d.", "..", "3, est."])
def test_a_cell_that_is_no_number_but_has_a_mark_is_bad(tmp_path, cell):
    path = of_days(tmp_path, ["1,5", cell, *(f"{k},5" for k in range(22))])
    with pytest.raises(InputError, match=rf"row 3, sold: '{re.escape(cell)}'"):
        read(path, Asked())
    assert np.isnan(read(path, Asked(skip_bad=True)).tracks[0].targets[1, 0])


def test_another_table_is_read_with_the_mark_that_was_learnt(tmp_path):
    columns = read(of_days(tmp_path, ["1.234.567", "980"]), Asked()).columns
    assert Columns.from_config(columns.to_config()) == columns
    later = sheets.open_table(of_days(tmp_path, ["1.234", "2.980"]))
    assert tables.series_of(tmp_path, later, columns, None).tracks[0].targets[:2, 0].tolist() == [1234, 2980]
    mixed = sheets.open_table(of_days(tmp_path, ["1.234", "980"], "0.5", names="rate"))
    with pytest.raises(InputError, match=r"'1\.234' may have decimals"):
        tables.series_of(tmp_path, mixed, columns, None)
