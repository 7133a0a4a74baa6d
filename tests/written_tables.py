"""Tables as people write them, for the tests that read them."""

from datetime import datetime, timedelta
from pathlib import Path

from recorrente.data.tables import Table

START = datetime(2024, 1, 1)


def hours(count: int, step: timedelta = timedelta(hours=1)) -> list[datetime]:
    return [START + k * step for k in range(count)]


def csv(folder: Path, lines: list[str], name: str = "table.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def by_hour(count: int = 60) -> list[str]:
    return ["when,value", *(f"{time:%Y-%m-%d %H:%M},{k % 7}.5" for k, time in enumerate(hours(count)))]


def of_days(folder: Path, cells: list[str], *more: str, delimiter: str = ";", names: str = "") -> Path:
    """A day a row, with those cells again and again, and the same cells beside them in every row."""
    quoted = [f'"{cell}"' if delimiter in cell else cell for cell in cells]
    rows = [[f"{time:%Y-%m-%d}", quoted[k % len(cells)], *more] for k, time in enumerate(hours(24, timedelta(days=1)))]
    head = ["date", "sold", *names.split()]
    return csv(folder, [delimiter.join(row) for row in (head, *rows)])


def noted(table: Table, word: str) -> str:
    """The one note that begins so."""
    (line,) = [note for note in table.notes if note.startswith(word)]
    return line
