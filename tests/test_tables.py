"""Tables become series: what is mended and told, what is refused."""

import numpy as np
import pytest
from written_tables import by_hour, csv, hours, noted

from recorrente.data.columns import Asked
from recorrente.data.spacing import HOUR, Spacing
from recorrente.data.tables import read
from recorrente.errors import InputError


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


def test_gaps_are_steps_of_which_nothing_is_known(tmp_path):
    head, *rows = by_hour()
    table = read(csv(tmp_path, [head, *rows[:20], *rows[25:]]), Asked())
    values = table.tracks[0].targets[:, 0]
    assert len(values) == 60
    assert np.isnan(values[20:25]).all()
    assert not np.isnan(np.delete(values, range(20, 25))).any()
    assert noted(table, "gaps").startswith("gaps: 5 of 60 steps")


def test_a_cell_that_is_no_number_is_named(tmp_path):
    head, *rows = by_hour()
    rows[3] = rows[3].split(",")[0] + ",broken"
    path = csv(tmp_path, [head, *rows])
    with pytest.raises(InputError, match=r"row 5, value: 'broken'.*--skip-bad"):
        read(path, Asked())
    assert "row 5" in noted(read(path, Asked(skip_bad=True)), "taken for missing")


def test_values_far_from_zero_keep_their_last_figures(tmp_path):
    head, *rows = by_hour()
    table = read(csv(tmp_path, [head, *(row.replace(",", ",170000000") for row in rows)]), Asked())
    assert table.tracks[0].targets[:3, 0].tolist() == [1700000000.5, 1700000001.5, 1700000002.5]


def test_a_time_that_is_none_is_named(tmp_path):
    head, *rows = by_hour()
    rows[3] = "2024-13-45 00:00,1.5"
    path = csv(tmp_path, [head, *rows])
    with pytest.raises(InputError, match="row 5: no time"):
        read(path, Asked())
    assert np.isnan(read(path, Asked(skip_bad=True)).tracks[0].targets[3, 0])


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
