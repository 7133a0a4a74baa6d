"""The grid that times lie on: its steps, seasons and cycles, and times that are on none."""

from datetime import timedelta

import numpy as np
import pytest
from written_tables import START, csv, hours

from recorrente.data.columns import Asked
from recorrente.data.spacing import DAY, HOUR, Spacing
from recorrente.data.tables import read
from recorrente.errors import InputError


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
