"""Times as they are written, with marks, as numbers, in parts or in two columns, and which rows have none."""

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from written_tables import START, csv, hours

from recorrente.data import sheets, tables
from recorrente.data.columns import Asked
from recorrente.data.spacing import DAY, HOUR, MINUTE, Spacing
from recorrente.data.tables import Table, read
from recorrente.data.times import composed, parse
from recorrente.errors import InputError

HOURS = 24 * 20
MONTHS = [f"{year}{month:02}" for year in range(2010, 2016) for month in range(1, 13)]


def of(name: str, values: list[str]) -> list[str]:
    return [f"{name},sold", *(f"{value},{k % 7}" for k, value in enumerate(values))]


def again(path: Path, learnt: Table) -> Table:
    """Another table, as `evaluate` and `predict` read it."""
    return tables.series_of(path, sheets.open_table(path), learnt.columns, learnt.spacing)


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


@pytest.mark.parametrize("name", ["month", "date", "período", "yyyymm"])
def test_months_without_a_mark_between_are_months(tmp_path, name):
    """The last name says nothing, but the months run on over several years."""
    learnt = read(csv(tmp_path, of(name, MONTHS)), Asked())
    assert learnt.columns.time == (name,)
    assert (learnt.spacing.words, learnt.spacing.season) == ("1 month", 12)
    assert learnt.spacing.label(len(MONTHS)) == "2016-01-01"
    assert len(learnt.tracks[0]) == len(MONTHS)
    assert not np.isnan(learnt.tracks[0].targets).any()
    later = again(csv(tmp_path, of(name, ["201512", "201601", "201602"]), "later.csv"), learnt)
    assert (later.tracks[0].start, len(later.tracks[0])) == (71, 3)


def test_months_of_a_parquet_table_are_months_too(tmp_path):
    frame = pl.DataFrame({"month": [int(month) for month in MONTHS], "sold": [k % 7 for k in range(len(MONTHS))]})
    frame.write_parquet(tmp_path / "t.parquet")
    learnt = read(tmp_path / "t.parquet", Asked())
    assert learnt.spacing.words == "1 month"
    frame.tail(2).write_parquet(tmp_path / "later.parquet")
    assert again(tmp_path / "later.parquet", learnt).tracks[0].start == 70


def test_a_month_that_is_none_is_a_bad_row(tmp_path):
    path = csv(tmp_path, of("month", [*MONTHS[:20], "201113", *MONTHS[21:]]))
    with pytest.raises(InputError, match=r"row 22: no time \(month: '201113'\)"):
        read(path, Asked())
    assert np.flatnonzero(np.isnan(read(path, Asked(skip_bad=True)).tracks[0].targets)).tolist() == [20]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("step", range(202_000, 202_100)),
        ("order", range(201_001, 201_013)),
        ("time", (120_101, 120_102, 120_103, 120_201)),
        ("date", (190_101, 200_101, 210_101, 220_101)),
    ],
)
def test_six_figures_of_something_else_are_no_months(name, values):
    """A count, numbers of orders, hours with minutes and seconds, days that begin with two figures of the year."""
    made = parse(pl.Series(name, list(values)))
    assert made is None or not made.dates


@pytest.mark.parametrize("each", [1, 10**3, 10**6, 10**9])
def test_seconds_since_1970_and_parts_of_them_are_times(tmp_path, each):
    since = [1_700_000_000 + 3600 * k for k in range(60)]
    learnt = read(csv(tmp_path, of("timestamp", [str(second * each) for second in since])), Asked())
    assert learnt.spacing == Spacing("microseconds", HOUR, since[0] * 10**6)
    assert learnt.spacing.label(1) == "2023-11-14 23:13:20"
    later = again(csv(tmp_path, of("timestamp", [str((since[-1] + 3600 * k) * each) for k in (1, 2)])), learnt)
    assert later.tracks[0].start == 60


def parts(row: int = 0, column: str = "", cell: object = "") -> list[str]:
    """Hours in columns of their parts; a cell of a row from 0 is another one, where a column is named."""
    lines = ["year,month,day,hour,sold"]
    for k in range(HOURS):
        time = START + timedelta(hours=k)
        one = {"year": time.year, "month": time.month, "day": time.day, "hour": time.hour, "sold": k % 24 + k / 100}
        if column and k == row:
            one[column] = cell
        lines.append(",".join(map(str, one.values())))
    return lines


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        ("day", 32, "day: '32'"),
        ("day", 0, "day: '0'"),
        ("month", 13, "month: '13'"),
        ("year", 20240, "year: '20240'"),
        ("hour", "", "hour: empty"),
        ("hour", 230, "hour: '230'"),
        ("hour", -1, "hour: '-1'"),
    ],
)
@pytest.mark.parametrize("row", [100, HOURS - 1])
def test_a_row_whose_parts_are_no_time_is_bad(tmp_path, column, cell, told, row):
    path = csv(tmp_path, parts(row, column, cell))
    with pytest.raises(InputError, match=rf"\(row {row + 2}: no time \(.*{re.escape(told)}.*--skip-bad"):
        read(path, Asked())
    (track,) = read(path, Asked(skip_bad=True)).tracks
    whole = read(csv(tmp_path, parts(), "whole.csv"), Asked()).tracks[0].targets
    assert np.flatnonzero(np.isnan(track.targets[:, 0])).tolist() == ([100] if row == 100 else [])
    assert np.array_equal(track.targets[101:], whole[101 : len(track)])
    assert len(track) == HOURS - (row > 100)


def test_parts_are_what_python_says_of_every_day_of_four_years():
    times = [datetime(2023, 1, 1, 5, 30) + timedelta(days=k) for k in range(1461)]
    names = ("year", "month", "day", "hour", "minute")
    made = composed([pl.Series(name, [str(getattr(time, name)) for time in times]) for name in names])
    assert made is not None
    assert not made.bad.any()
    assert made.values.tolist() == [(time - datetime(1970, 1, 1)) // timedelta(microseconds=1) for time in times]
    last = composed([pl.Series(name, [value] * 3) for name, value in zip(names, (2024, 2, 29, 24), strict=False)])
    assert last is not None
    assert str(np.datetime64(int(last.values[0]), "us")) == "2024-03-01T00:00:00.000000"  # the hours 1 to 24 of a day
    assert composed([pl.Series(name, [value] * 3) for name, value in zip(names, (2023, 2, 29), strict=False)]) is None


@pytest.mark.parametrize(
    ("names", "day", "clock"),
    [
        ("date,hour", "%Y-%m-%d", lambda time: str(time.hour)),
        ("Date,Time", "%d/%m/%Y", lambda time: f"{time:%H.%M.%S}"),
        ("dia,hora", "%Y%m%d", lambda time: f"{time:%H:%M}"),
        ("date,time", "%m/%d/%Y", lambda time: f"{time:%I:%M %p}"),
    ],
)
def test_days_and_the_hours_beside_them_are_one_series(tmp_path, names, day, clock):
    times = [START + timedelta(hours=k) for k in range(HOURS + 24)]
    lines = [f"{time.strftime(day)},{clock(time)},{k % 24}" for k, time in enumerate(times)]
    learnt = read(csv(tmp_path, [f"{names},sold", *lines[:HOURS]]), Asked(target="sold"))
    assert learnt.columns.time == tuple(names.split(","))
    assert (learnt.columns.groups, learnt.columns.past) == ((), ())
    assert learnt.spacing.words == "1 hour"
    assert learnt.tracks[0].targets[:, 0].tolist() == [k % 24 for k in range(HOURS)]
    later = again(csv(tmp_path, [f"{names},sold", *lines[HOURS:]], "later.csv"), learnt)
    assert (later.tracks[0].start, len(later.tracks[0])) == (HOURS, 24)
    said = read(tmp_path / "table.csv", Asked(target="sold", time=names))
    assert (said.columns, said.spacing) == (learnt.columns, learnt.spacing)
    broken = csv(tmp_path, [f"{names},sold", *lines[:9], f"{lines[9].split(',')[0]},x,5", *lines[10:]], "broken.csv")
    with pytest.raises(InputError, match=r"row 11: no time \(.*'x'\)"):
        read(broken, Asked(target="sold"))


def test_days_and_hours_of_a_parquet_table_are_read_again(tmp_path):
    times = [datetime(1990, 1, 1) + timedelta(hours=k) for k in range(HOURS)]
    frame = pl.DataFrame({"date": [time.date() for time in times], "hour": [time.hour for time in times]})
    frame = frame.with_columns(sold=pl.Series([k % 24 for k in range(HOURS)]))
    frame.write_parquet(tmp_path / "t.parquet")
    learnt = read(tmp_path / "t.parquet", Asked())
    assert (learnt.columns.time, learnt.spacing.words) == (("date", "hour"), "1 hour")
    frame.filter(pl.col("hour") < 13).tail(13).write_parquet(tmp_path / "later.parquet")
    assert again(tmp_path / "later.parquet", learnt).tracks[0].start == HOURS - 24


def test_days_and_hours_of_several_shops_are_a_series_each(tmp_path):
    times = [START + timedelta(minutes=30 * k) for k in range(96)]
    lines = [f"{time:%Y-%m-%d},{shop},{time:%H:%M},{k}" for k, time in enumerate(times) for shop in ("a", "b")]
    made = read(csv(tmp_path, ["date,shop,time,sold", *lines]), Asked())
    assert (made.columns.time, made.columns.groups) == (("date", "time"), ("shop",))
    assert made.spacing.count == 30 * MINUTE
    assert [len(track) for track in made.tracks] == [96, 96]


def test_hours_that_are_no_time_of_the_row_stay_what_they_are(tmp_path):
    """Hours that a shop was open: no grid, though they lie within a day."""
    lines = [f"{START + timedelta(days=k):%Y-%m-%d},{8 + k % 3},{k % 7}" for k in range(60)]
    made = read(csv(tmp_path, ["date,hour,sold", *lines]), Asked(target="sold"))
    assert (made.columns.time, made.columns.past) == (("date",), ("hour",))
    assert made.spacing.words == "1 day"


def test_times_with_an_offset_are_told_to_be_in_utc(tmp_path):
    zone = timezone(timedelta(hours=-3))
    times = [datetime(2024, 1, 1, tzinfo=zone) + timedelta(hours=k) for k in range(60)]
    made = read(csv(tmp_path, of("when", [time.isoformat() for time in times])), Asked())
    assert made.spacing.label(0) == "2024-01-01 03:00:00"
    told = "times: told in UTC, for they have an offset or a zone"
    assert told in made.notes
    frame = pl.DataFrame({"when": times, "sold": [k % 7 for k in range(60)]})
    frame.with_columns(pl.col("when").dt.convert_time_zone("America/Bahia")).write_parquet(tmp_path / "t.parquet")
    assert told in read(tmp_path / "t.parquet", Asked()).notes
    for plain in ([f"{time:%Y-%m-%d %H:%M}" for time in times], [f"{time:%Y-%m-%dT%H:%M:%S}Z" for time in times]):
        assert told not in read(csv(tmp_path, of("when", plain)), Asked()).notes


@pytest.mark.parametrize("order", ["month,year", "ano,mes", "MES,Ano", "y,month", "ano,m"])
def test_parts_that_are_said_are_known_by_their_names_in_any_order(tmp_path, order):
    """A name that does not say which part it is takes the place that is left."""
    first, second = order.split(",")
    year_first = first in ("ano", "y")
    pairs = [(year, month) if year_first else (month, year) for year in (2020, 2021, 2022) for month in range(1, 13)]
    lines = [f"{first},{second},sold", *(f"{a},{b},{k % 7}" for k, (a, b) in enumerate(pairs))]
    learnt = read(csv(tmp_path, lines), Asked(time=order, target="sold"))
    assert (learnt.spacing.words, len(learnt.tracks[0])) == ("1 month", 36)
    assert learnt.spacing.label(13) == "2021-02-01"
    later = again(csv(tmp_path, [lines[0], *lines[-3:]], "later.csv"), learnt)
    assert (later.tracks[0].start, len(later.tracks[0])) == (33, 3)


@pytest.mark.parametrize("names", ["year,quarter", "quarter,year", "ano,trimestre"])
def test_a_quarter_is_no_month(tmp_path, names):
    quarters = [(year, quarter) for year in range(2000, 2020) for quarter in (1, 2, 3, 4)]
    pairs = [pair[::-1] if names.startswith("quarter") else pair for pair in quarters]
    path = csv(tmp_path, [f"{names},sold", *(f"{a},{b},{k % 7}" for k, (a, b) in enumerate(pairs))])
    told = r"time: got column (quarter|trimestre), whose values are such as '1', wanted year, month, .* first month"
    with pytest.raises(InputError, match=told):
        read(path, Asked(time=names))
    weeks = [f"{2000 + k // 52},{k % 52 + 1},{k % 7}" for k in range(104)]
    with pytest.raises(InputError, match=r"time: got column week, .* wanted year, month"):
        read(csv(tmp_path, ["year,week,sold", *weeks]), Asked(time="year,week"))
