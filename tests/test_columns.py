"""What each column of a table is: found by looking, or as it is said."""

from datetime import date, timedelta

import pytest
from written_tables import by_hour, csv, hours, noted

from recorrente.data.columns import Asked
from recorrente.data.tables import read
from recorrente.errors import InputError


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


def test_a_table_without_times_or_names_is_read_row_by_row(tmp_path):
    table = read(csv(tmp_path, [f"{k * k % 11},{k % 5}" for k in range(30)]), Asked())
    assert table.columns.targets == ("column 1", "column 2")
    assert len(table.tracks[0]) == 30
    assert "the rows" in noted(table, "time: none found")


def test_a_target_without_a_value_is_told_so(tmp_path):
    path = csv(tmp_path, ["date,sold,other", *(f"2024-01-{day:02},,{day * day}" for day in range(1, 20))])
    with pytest.raises(InputError, match="'sold', in which no cell has a value"):
        read(path, Asked(target="sold"))


@pytest.mark.parametrize("other", ["SA", "EU", "null"])
def test_a_group_called_as_what_is_missing_is_one(tmp_path, other):
    days = hours(40, timedelta(days=1))
    rows = [f"{day:%Y-%m-%d},{region},{k % 7}" for k, day in enumerate(days) for region in ("NA", other)]
    table = read(csv(tmp_path, ["date,region,sold", *rows]), Asked())
    assert table.columns.groups == ("region",)
    assert [(track.name, len(track)) for track in table.tracks] == [("NA", 40), (other, 40)]


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
