"""Tables of numbers over time: what is found by looking, what is mended and told, what is refused."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recorrente import kinds
from recorrente.data import tables
from recorrente.data.tables import Asked, Columns, Table, read
from recorrente.data.times import DAY, HOUR, Spacing, parse
from recorrente.errors import InputError

START = datetime(2024, 1, 1)
SHOPS = ("Pão de Açúcar", "Casa do Norte", "Lapa de Baixo")


def hours(count: int, step: timedelta = timedelta(hours=1)) -> list[datetime]:
    return [START + k * step for k in range(count)]


def csv(folder: Path, lines: list[str], name: str = "table.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def by_hour(count: int = 60) -> list[str]:
    return ["when,value", *(f"{time:%Y-%m-%d %H:%M},{k % 7}.5" for k, time in enumerate(hours(count)))]


def noted(table: Table, word: str) -> str:
    """The one note that begins so."""
    (line,) = [note for note in table.notes if note.startswith(word)]
    return line


def test_odd_names_accents_and_spaces(tmp_path):
    lines = [" Data e Hora ;Vazão (m³/s) ; Estação"]
    lines += [f"{time:%d/%m/%Y %H:%M};{k},25;São João" for k, time in enumerate(hours(40))]
    table = read(csv(tmp_path, lines, "rio São Francisco.csv", "latin-1"), Asked())
    assert table.columns.time == ("Data e Hora",)
    assert table.columns.targets == ("Vazão (m³/s)",)
    assert table.spacing == Spacing("microseconds", HOUR, table.spacing.origin)
    assert table.tracks[0].targets[:3, 0].tolist() == [0.25, 1.25, 2.25]
    assert "Estação (always the same)" in noted(table, "left aside")
    assert table.spacing.label(13) == "2024-01-01 13:00:00"


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("%Y-%m-%d", "2024-02-01"),
        ("%d/%m/%Y", "2024-02-01"),
        ("%m/%d/%Y", "2024-02-01"),
        ("%Y%m%d", "2024-02-01"),
        ("%Y-%m-%dT%H:%M:%SZ", "2024-02-01"),
        ("%d.%m.%Y", "2024-02-01"),
        ("%Y-%m-%d %I:%M %p", "2024-02-01"),
        ("%d/%m/%y", "2024-02-01"),
        ("%m/%d/%y", "2024-02-01"),
        ("%d.%m.%y", "2024-02-01"),
        ("%d-%m-%y", "2024-02-01"),
        ("%y-%m-%d", "2024-02-01"),
    ],
)
def test_days_in_many_writings(written, day):
    column = pl.Series("when", [time.strftime(written) for time in hours(60, timedelta(days=1))])
    times = parse(column)
    assert times is not None
    assert not times.bad.any()
    assert (np.diff(times.values) == DAY).all()
    assert str(np.datetime64(int(times.values[31]), "us"))[:10] == day


def by_months(count: int, step: int = 1) -> list[datetime]:
    return [datetime(2010 + k * step // 12, k * step % 12 + 1, 1) for k in range(count)]


def read_as(times: list[datetime], written: str) -> list[datetime]:
    made = parse(pl.Series("when", [time.strftime(written) for time in times]))
    assert made is not None
    assert not made.bad.any()
    return [datetime(1970, 1, 1) + timedelta(microseconds=int(value)) for value in made.values]


@pytest.mark.parametrize("written", ["%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d-%m-%y"])
def test_months_in_numerals_are_not_taken_for_days(written):
    for times in (*(by_months(count) for count in (6, 12, 13, 36, 168)), by_months(4, 3), by_months(40, 3)):
        assert read_as(times, written) == times
    three_shops = sorted(by_months(24) * 3)
    assert read_as(three_shops, written) == three_shops


@pytest.mark.parametrize("written", ["%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y"])
def test_days_in_numerals_are_not_taken_for_months(written):
    """Nine days of May are no nine months of which each has one row, on the third."""
    for times in (hours(40, timedelta(days=1)), [datetime(2024, 5, 3) + timedelta(days=k) for k in range(9)]):
        assert read_as(times, written) == times


def test_which_of_day_and_month_stands_first_is_told(tmp_path):
    lines = ["data;valor", *(f"{time:%d/%m/%Y};{k},5" for k, time in enumerate(by_months(36)))]
    table = read(csv(tmp_path, lines), Asked())
    assert table.spacing.words == "1 month"
    assert "time: data, day before month" in table.notes
    lines = ["data;valor", *(f"{time:%m/%d/%Y};{k},5" for k, time in enumerate(by_months(36)))]
    assert "time: data, month before day" in read(csv(tmp_path, lines), Asked()).notes


def test_numbers_that_are_times_and_numbers_that_are_not():
    days = parse(pl.Series("date", [20240130, 20240131, 20240201]))
    assert days is not None
    assert (np.diff(days.values) == DAY).all()
    seconds = parse(pl.Series("timestamp", [1_700_000_000, 1_700_003_600]))
    assert seconds is not None
    assert seconds.dates
    assert np.diff(seconds.values) == HOUR
    assert parse(pl.Series("price", [10, 12, 11])) is None
    years = parse(pl.Series("ano", [1700, 1701]))
    assert years is not None
    assert not years.dates


def test_months_are_months_though_days_differ(tmp_path):
    ends = ["2023-11-30", "2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"]
    table = read(csv(tmp_path, ["month,sold", *(f"{end},{k * k}" for k, end in enumerate(ends))]), Asked())
    assert (table.spacing.unit, table.spacing.words, table.spacing.season) == ("months", "1 month", 12)
    assert [table.spacing.label(k) for k in range(7)] == [*ends, "2024-05-31"]
    quarters = read(csv(tmp_path, ["q,sold", *(f"2023-{m:02d},{m * m}" for m in (1, 4, 7, 10))]), Asked())
    assert (quarters.spacing.words, quarters.spacing.season) == ("3 months", 4)


@pytest.mark.parametrize(
    ("step", "words", "season"),
    [
        (timedelta(minutes=15), "15 minutes", 96),
        (timedelta(hours=1), "1 hour", 24),
        (timedelta(hours=6), "6 hours", 4),
        (timedelta(days=1), "1 day", 7),
        (timedelta(days=7), "1 week", 52),
        (timedelta(minutes=1), "1 minute", 60),
        (timedelta(seconds=1), "1 second", 60),
        (timedelta(hours=5), "5 hours", 1),
    ],
)
def test_steps_and_seasons(step, words, season):
    spacing = Spacing("microseconds", step // timedelta(microseconds=1), 0)
    assert (spacing.words, spacing.season) == (words, season)


def test_the_calendar_goes_round():
    spacing = Spacing("microseconds", HOUR, 4 * DAY)  # a Monday
    made = spacing.calendar(np.arange(24 * 7 + 1), ["day", "week"])
    assert made[0] == pytest.approx([0, 1, 0, 1], abs=1e-6)
    assert made[6] == pytest.approx([1, 0, np.sin(2 * np.pi * 6 / 168), np.cos(2 * np.pi * 6 / 168)], abs=1e-6)
    assert made[-1] == pytest.approx(made[0], abs=1e-5)
    assert spacing.cycles(24 * 10) == ["day"]
    assert spacing.cycles(24 * 800) == ["day", "week", "year"]
    assert Spacing("microseconds", DAY, 0).cycles(800) == ["week", "year"]


def test_rows_out_of_order_are_sorted_and_told(tmp_path):
    whole = read(csv(tmp_path, by_hour()), Asked())
    head, *rows = by_hour()
    table = read(csv(tmp_path, [head, *rows[30:], *rows[:30]]), Asked())
    assert np.array_equal(table.tracks[0].targets, whole.tracks[0].targets)
    assert noted(table, "sorted by time") == "sorted by time: 1 row stood before its time"


def test_the_same_row_twice_counts_once_and_another_value_is_refused(tmp_path):
    head, *rows = by_hour()
    table = read(csv(tmp_path, [head, *rows, rows[5]]), Asked())
    assert len(table.tracks[0]) == 60
    assert noted(table, "left out") == "left out: 1 row whose time was there already, the same"
    twice = csv(tmp_path, [head, *rows, rows[5].replace(".5", ".75")])
    with pytest.raises(InputError, match=r"1 times that are there twice.*row 62.*--group"):
        read(twice, Asked())
    kept = read(twice, Asked(skip_bad=True))
    assert kept.tracks[0].targets[5, 0] == 5.5
    assert noted(kept, "left out") == "left out: 1 row whose time was there already, with other values"
    several = noted(read(csv(tmp_path, [head, *rows, rows[5], rows[7]]), Asked()), "left out")
    assert several == "left out: 2 rows whose time was there already, 2 of them the same"


@pytest.mark.parametrize("column", ["wind", "open"])
def test_an_hour_that_is_there_twice_makes_no_series(tmp_path, column):
    """Two weeks of hours, one of them twice as clocks are set back, and a column that happens to differ there."""
    head, *rows = by_hour(336)
    other = [k % 5 if column == "wind" else ("no" if k == 100 else "yes") for k in range(336)]
    lines = [f"{row},{value}" for row, value in zip(rows, other, strict=True)]
    lines.insert(101, f"{rows[100].split(',')[0]},99.5,{'3' if column == 'wind' else 'yes'}")
    path = csv(tmp_path, [f"{head},{column}", *lines])
    with pytest.raises(InputError, match=r"1 times that are there twice with other values, first in row 103"):
        read(path, Asked())
    table = read(path, Asked(skip_bad=True, target="value"))
    assert table.columns.groups == ()
    assert [len(track) for track in table.tracks] == [336]


def test_a_shop_that_came_later_is_a_series_though_few_times_are_there_twice(tmp_path):
    days = [str(date(2024, 1, 1) + timedelta(days=k)) for k in range(300)]
    lines = [f"{day},Centro,{k % 7}" for k, day in enumerate(days)] + [
        f"{day},Lapa,{k}" for k, day in enumerate(days[-20:])
    ]
    table = read(csv(tmp_path, ["day,shop,sold", *lines]), Asked())
    assert table.columns.groups == ("shop",)
    assert [len(track) for track in table.tracks] == [300, 20]


def test_more_shops_than_a_network_is_told_as_words_are_series(tmp_path):
    shops = [f"Loja do Bairro {k}" for k in range(30)]
    lines = [f"2024-01-{day + 1:02},{shop},{day * k % 7}" for day in range(20) for k, shop in enumerate(shops)]
    table = read(csv(tmp_path, ["date,shop,sold", *lines]), Asked())
    assert table.columns.groups == ("shop",)
    assert len(table.tracks) == 30


def test_series_that_were_not_told_apart_are_no_bad_rows(tmp_path):
    """Two shops, and one row that is there twice with another value, so that nothing keeps equal times apart."""
    head, *rows = by_hour()
    shops = [f"{row},{shop}" for shop in ("Centro", "Lapa") for row in rows]
    path = csv(tmp_path, [f"{head},shop", *shops, shops[5].replace(".5", ".75")])
    for asked in (Asked(), Asked(skip_bad=True)):
        with pytest.raises(InputError, match=r"there twice with other values.*Are they several series\? --group NAME"):
            read(path, asked)
    assert len(read(path, Asked(group="shop", skip_bad=True)).tracks) == 2


def test_gaps_are_steps_of_which_nothing_is_known(tmp_path):
    head, *rows = by_hour()
    table = read(csv(tmp_path, [head, *rows[:20], *rows[25:]]), Asked())
    values = table.tracks[0].targets[:, 0]
    assert len(values) == 60
    assert np.isnan(values[20:25]).all()
    assert not np.isnan(np.delete(values, range(20, 25))).any()
    assert noted(table, "gaps").startswith("gaps: 5 of 60 steps")


@pytest.mark.parametrize("word", ["", "NA", "NaN", "null", "?", " n/a "])
def test_missing_values_have_many_names(tmp_path, word):
    head, *rows = by_hour()
    rows[3] = rows[3].split(",")[0] + "," + word
    table = read(csv(tmp_path, [head, *rows]), Asked())
    assert np.flatnonzero(np.isnan(table.tracks[0].targets[:, 0])).tolist() == [3]
    assert "value 1;" in noted(table, "missing")


def test_a_cell_that_is_no_number_is_named(tmp_path):
    head, *rows = by_hour()
    rows[3] = rows[3].split(",")[0] + ",broken"
    path = csv(tmp_path, [head, *rows])
    with pytest.raises(InputError, match=r"row 5, value: 'broken'.*--skip-bad"):
        read(path, Asked())
    assert "row 5" in noted(read(path, Asked(skip_bad=True)), "taken for missing")


def of_days(folder: Path, cells: list[str], *more: str, delimiter: str = ";", names: str = "") -> Path:
    """A day a row, with those cells again and again, and the same cells beside them in every row."""
    quoted = [f'"{cell}"' if delimiter in cell else cell for cell in cells]
    rows = [[f"{time:%Y-%m-%d}", quoted[k % len(cells)], *more] for k, time in enumerate(hours(24, timedelta(days=1)))]
    head = ["date", "sold", *names.split()]
    return csv(folder, [delimiter.join(row) for row in (head, *rows)])


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
    later = tables.open_table(of_days(tmp_path, ["1.234", "2.980"]))
    assert tables.series_of(tmp_path, later, columns, None).tracks[0].targets[:2, 0].tolist() == [1234, 2980]
    mixed = tables.open_table(of_days(tmp_path, ["1.234", "980"], "0.5", names="rate"))
    with pytest.raises(InputError, match=r"'1\.234' may have decimals"):
        tables.series_of(tmp_path, mixed, columns, None)


def test_values_far_from_zero_keep_their_last_figures(tmp_path):
    head, *rows = by_hour()
    table = read(csv(tmp_path, [head, *(row.replace(",", ",170000000") for row in rows)]), Asked())
    assert table.tracks[0].targets[:3, 0].tolist() == [1700000000.5, 1700000001.5, 1700000002.5]


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


def test_a_time_that_is_none_is_named(tmp_path):
    head, *rows = by_hour()
    rows[3] = "2024-13-45 00:00,1.5"
    path = csv(tmp_path, [head, *rows])
    with pytest.raises(InputError, match="row 5: no time"):
        read(path, Asked())
    assert np.isnan(read(path, Asked(skip_bad=True)).tracks[0].targets[3, 0])


def test_times_off_any_grid_are_refused(tmp_path):
    random = np.random.default_rng(0)
    times = sorted(START + timedelta(seconds=int(s)) for s in random.integers(0, 10**6, 50))
    with pytest.raises(InputError, match="not evenly spaced"):
        read(csv(tmp_path, ["when,value", *(f"{time},{k}.5" for k, time in enumerate(times))]), Asked())
    days = [f"{START + timedelta(days=k * k):%Y-%m-%d},{k}.5" for k in range(30)]
    with pytest.raises(InputError, match=r"do not fit, such as \d{4}-\d\d-\d\d, wanted"):
        read(csv(tmp_path, ["when,value", *days], "days.csv"), Asked())


def test_times_a_little_off_are_put_on_the_grid(tmp_path):
    lines = [f"{time + timedelta(seconds=k % 3)},{k}.5" for k, time in enumerate(hours(40))]
    table = read(csv(tmp_path, ["when,value", *lines]), Asked())
    assert table.spacing.words == "1 hour"
    assert len(table.tracks[0]) == 40


def test_time_in_parts_and_a_counter_of_rows(tmp_path):
    lines = ["No,year,month,day,hour,pm2.5,wind"]
    lines += [
        f"{k},{t.year},{t.month},{t.day},{t.hour},{k % 5},{'NE' if k % 3 else 'SW'}" for k, t in enumerate(hours(50), 1)
    ]
    table = read(csv(tmp_path, lines), Asked())
    assert table.columns.time == ("year", "month", "day", "hour")
    assert table.columns.targets == ("pm2.5",)
    assert table.columns.levels == {"wind": ("NE", "SW")}
    assert table.tracks[0].past[:3].tolist() == [[1, 0], [1, 0], [0, 1]]
    assert "No (numbers of rows)" in noted(table, "left aside")


def test_series_are_told_apart_where_times_repeat(tmp_path):
    lines = ["date,store,sold"]
    lines += [
        f"{t:%Y-%m-%d},{store},{k * 10 + store}"
        for store in (1, 2, 3)
        for k, t in enumerate(hours(30, timedelta(days=1)))
    ]
    table = read(csv(tmp_path, lines), Asked())
    assert table.columns.groups == ("store",)
    assert table.columns.targets == ("sold",)
    assert [track.name for track in table.tracks] == ["1", "2", "3"]
    assert table.tracks[2].targets[:2, 0].tolist() == [3, 13]


def test_what_is_said_goes_before_what_is_found(tmp_path):
    lines = ["t,a,b,price, c,d"]
    lines += [f"{k},{k % 5},{k % 3},{k % 4},{k % 2},{k % 7}" for k in range(40)]
    table = read(csv(tmp_path, lines), Asked(target="b", time="t", known="price,c"))
    assert (table.columns.targets, table.columns.known, table.columns.past) == (("b",), ("price", "c"), ("a", "d"))
    with pytest.raises(InputError, match=r"target: got 'nothing'.*t, a, b, price, c, d"):
        read(csv(tmp_path, lines), Asked(target="nothing"))
    with pytest.raises(InputError, match="said to be two things"):
        read(csv(tmp_path, lines), Asked(target="b", known="b"))
    with pytest.raises(InputError, match="time: got column word"):
        read(csv(tmp_path, ["word,v", *(f"w{k % 3},{k * k}" for k in range(9))]), Asked(time="word"))


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


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty file"),
        (b"when,value\n", "without rows"),
        (b"when,word\n2024-01-01,a\n2024-01-02,b\n2024-01-03,a\n2024-01-04,b\n", "no column of numbers"),
        (b"a,a\n1,2\n3,4\n", "two columns called a"),
        (b"when,value\n2024-01-01,1\n2024-01-02,2,3\n", r"broken table.*row 3 has 3"),
        (b"when,value\n2024-01-01,1\n2024-01-02,2\n", "fewer than three times"),
        (b"\x00\x01\x02\x03", "binary"),
        (b"PAR1 and nothing more", "broken table"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path, content, said):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read(path, Asked())


def test_a_table_without_times_or_names_is_read_row_by_row(tmp_path):
    table = read(csv(tmp_path, [f"{k * k % 11},{k % 5}" for k in range(30)]), Asked())
    assert table.columns.targets == ("column 1", "column 2")
    assert len(table.tracks[0]) == 30
    assert "the rows" in noted(table, "time: none found")


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


def test_a_target_without_a_value_is_told_so(tmp_path):
    path = csv(tmp_path, ["date,sold,other", *(f"2024-01-{day:02},,{day * day}" for day in range(1, 20))])
    with pytest.raises(InputError, match="'sold', in which no cell has a value"):
        read(path, Asked(target="sold"))


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
    sheet = tables.open_table(path)
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
    sheet = tables.open_table(csv(tmp_path, rows))
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
    later = tables.open_table(path, None, table.columns.names)
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


@pytest.mark.parametrize("other", ["SA", "EU", "null"])
def test_a_group_called_as_what_is_missing_is_one(tmp_path, other):
    days = hours(40, timedelta(days=1))
    rows = [f"{day:%Y-%m-%d},{region},{k % 7}" for k, day in enumerate(days) for region in ("NA", other)]
    table = read(csv(tmp_path, ["date,region,sold", *rows]), Asked())
    assert table.columns.groups == ("region",)
    assert [(track.name, len(track)) for track in table.tracks] == [("NA", 40), (other, 40)]


@pytest.mark.parametrize("name", ["month", "mes", "Mês"])
def test_find_takes_months_of_six_figures_for_times(tmp_path, name):
    rows = [f"{2020 + k // 12}{k % 12 + 1:02},{k % 7}" for k in range(36)]
    found = kinds.find(csv(tmp_path, [f"{name},sold", *rows]))
    assert found == kinds.Found("forecast", f"a table with times in {name} and numbers in sold")


@pytest.mark.parametrize("first", ["date", "year"])
def test_dates_go_before_the_parts_of_a_date_beside_them(tmp_path, first):
    days = hours(730, timedelta(days=1))
    helpers = [f"{day.year},{day.month},{day.day}" for day in days]
    rows = [
        f"{day:%Y-%m-%d},{helper},{k % 7}" if first == "date" else f"{helper},{day:%Y-%m-%d},{k % 7}"
        for k, (day, helper) in enumerate(zip(days, helpers, strict=True))
    ]
    for dom in ("dom", "day"):
        names = f"date,year,month,{dom},sales" if first == "date" else f"year,month,{dom},date,sales"
        table = read(csv(tmp_path, [names, *rows]), Asked(target="sales"))
        assert (table.columns.time, table.spacing.words, len(table.tracks[0])) == (("date",), "1 day", 730)


def test_the_number_of_a_day_is_no_time_where_dates_are(tmp_path):
    rows = [f"{day.day},{day:%Y-%m-%d},{k % 7}" for k, day in enumerate(hours(90, timedelta(days=1)))]
    table = read(csv(tmp_path, ["day,date,sales", *rows]), Asked(target="sales"))
    assert (table.columns.time, len(table.tracks[0])) == (("date",), 90)


def test_parts_that_keep_more_times_apart_than_dates_go_first(tmp_path):
    rows = [f"{t:%Y-%m-%d},{t.year},{t.month},{t.day},{t.hour},{k % 7}" for k, t in enumerate(hours(240))]
    table = read(csv(tmp_path, ["date,year,month,day,hour,sales", *rows]), Asked(target="sales"))
    assert table.columns.time in (("date", "hour"), ("year", "month", "day", "hour"))
    rows = [
        f"{t:%Y-%m-%d},{t.year},{t.month},{t.day},{t.hour},{t.minute},{k % 7}"
        for k, t in enumerate(hours(240, timedelta(minutes=30)))
    ]
    table = read(csv(tmp_path, ["date,year,month,day,hour,minute,sales", *rows]), Asked(target="sales"))
    assert (table.columns.time, table.spacing.words) == (("year", "month", "day", "hour", "minute"), "30 minutes")
