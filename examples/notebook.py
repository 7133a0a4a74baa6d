"""Writes article_keras.ipynb from article_keras.py, cell by cell, without outputs.

    python examples/notebook.py

A cell begins at a line `# %%`, and is code, or at `# %% [markdown]`, and is one string. The notebook's format is
version 4.5 of nbformat.readthedocs.io.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("article_keras.py")
MARK, TEXT = "# %%", " [markdown]"


def notebook(script: str) -> str:
    """The notebook of a script, as the text of its file."""
    cells = [cell(number, part) for number, part in enumerate(script.split(MARK)[1:])]
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {"cells": cells, "metadata": {"kernelspec": python}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def cell(number: int, part: str) -> dict[str, Any]:
    """One cell, of what stands between two marks."""
    if part.startswith(TEXT):
        return {**common(number, ast.literal_eval(part.removeprefix(TEXT).strip())), "cell_type": "markdown"}
    return {**common(number, part), "cell_type": "code", "execution_count": None, "outputs": []}


def common(number: int, text: str) -> dict[str, Any]:
    return {"id": f"cell-{number}", "metadata": {}, "source": text.strip().splitlines(keepends=True)}


if __name__ == "__main__":
    SCRIPT.with_suffix(".ipynb").write_text(notebook(SCRIPT.read_text()))
