"""How much is learnt from and tested on, in words, of kinds that do not tell classes of whole items apart."""

import pytest

from recorrente import Plan
from recorrente.data.progress import silent
from recorrente.kinds import of_name
from recorrente.kinds.base import Reading

TEXT = "Era uma vez um rio que corria para o mar. " * 40
SENTENCES = "\n".join(["o_ART rio_N corre_V ._PU"] * 30)
TABLE = "\n".join(["date,sold", *(f"2026-01-{day:02d},{day * 7 % 11}" for day in range(1, 29))])


@pytest.mark.parametrize(
    ("kind", "name", "content", "told"),
    [
        (
            "language",
            "a.txt",
            TEXT,
            "1,512 characters to learn from, 168 to watch and to test on: the end of each file",
        ),
        ("tags", "a.pos", SENTENCES, "27 sentences to learn from, 3 to test on: at random, a tenth of the sentences"),
        ("forecast", "a.csv", TABLE, "19 steps to learn from, 3 to validate on, 6 to test on: by time, the last"),
    ],
)
def test_the_parts_are_told(kind, name, content, told, tmp_path):
    (tmp_path / name).write_text(content)
    chosen = of_name(kind)
    reading = Reading(horizon=2, context=4) if kind == "forecast" else Reading()
    data = chosen.load(tmp_path / name, reading, Plan(validation=0.1), silent)
    assert chosen.parts(data) == told
