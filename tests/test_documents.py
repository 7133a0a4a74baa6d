"""The code shown in the documents runs as it stands there."""

import ast
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image
from sklearn.datasets import load_digits

from recorrente import kinds
from recorrente.cli import app
from recorrente.data.catalogue import KNOWN

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"<!-- example: (\w+) -->\n```python\n(.*?)```", re.DOTALL)


def examples(document: str) -> dict[str, str]:
    return dict(BLOCK.findall((ROOT / document).read_text()))


@pytest.mark.parametrize("name", ["train", "layer", "sequences", "accelerate"])
def test_the_readmes_python_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray((load_digits().images[0] * 15.9).astype("uint8")).save("my.png")
    code = examples("README.md")[name]
    assert examples("LEIAME.md")[name] == code
    exec(compile(code.replace("epochs=10", "epochs=1"), "README.md", "exec"), {})


def test_both_readmes_show_the_same_code_and_commands():
    readme, leiame = ((ROOT / name).read_text() for name in ("README.md", "LEIAME.md"))
    assert BLOCK.findall(readme) == BLOCK.findall(leiame)

    def commands(text: str) -> list[str]:
        return [line.split("#")[0].strip() for line in re.findall(r"^(?:recorrente|make) .*", text, re.MULTILINE)]

    assert commands(readme) == commands(leiame)


@pytest.mark.parametrize("name", ["rules", "flow", "choose"])
def test_the_guides_python_runs_and_says_what_the_page_says(name, capsys):
    code = examples("docs/guide/bptt.md")[name]
    assert examples("docs/guia/bptt.md")[name] == code
    exec(compile(code, "docs/guide/bptt.md", "exec"), {})
    if name == "rules":
        degrees = int(capsys.readouterr().out.split()[0])
        assert 20 < degrees < 90


@pytest.mark.parametrize("name", ["lengths", "episodes", "start", "streams"])
def test_the_page_on_sequences_runs_and_says_what_it_says(name, capsys):
    code = examples("docs/guide/sequences.md")[name]
    assert examples("docs/guia/sequences.md")[name] == code
    exec(compile(code, "docs/guide/sequences.md", "exec"), {})
    said = re.findall(r"^print\(.*# (.*)$", code, re.MULTILINE)
    if name in ("lengths", "episodes"):
        assert capsys.readouterr().out.split("\n")[:-1] == said


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_the_page_on_torch_runs_and_says_what_it_says(capsys):
    code = examples("docs/guide/torch.md")["restore"]
    assert examples("docs/guia/torch.md")["restore"] == code
    exec(compile(code, "docs/guide/torch.md", "exec"), {})
    assert capsys.readouterr().out == "True\n"


@pytest.mark.parametrize("name", ["layer", "accelerate"])
def test_the_page_on_keras_runs_and_says_what_it_says(name, capsys):
    code = examples("docs/guide/keras.md")[name]
    assert examples("docs/guia/keras.md")[name] == code
    exec(compile(code, "docs/guide/keras.md", "exec"), {})
    assert capsys.readouterr().out.split("\n")[:-1] == re.findall(r"^print\(.*# (.*)$", code, re.MULTILINE)


def test_the_articles_notebook_is_its_script():
    """Written by examples/notebook.py, and its code is the script's own, in order."""
    script, written = (ROOT / "examples" / name for name in ("article_keras.py", "article_keras.ipynb"))
    maker = runpy.run_path(str(ROOT / "examples" / "notebook.py"))
    assert written.read_text() == maker["notebook"](script.read_text()), "run python examples/notebook.py"
    cells = json.loads(written.read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    texts = [node for node in ast.parse(script.read_text()).body if is_text(node)]
    assert len(texts) == sum(cell["cell_type"] == "markdown" for cell in cells)
    rest = [ast.dump(node) for node in ast.parse(script.read_text()).body if not is_text(node)]
    assert [ast.dump(node) for node in ast.parse(code).body] == rest


def is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_the_articles_script_runs(tmp_path):
    script = ROOT / "examples" / "article_keras.py"
    words = ["--data", "digits", "--epochs", "2", "--grid", str(tmp_path / "grid.png")]
    outcome = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    told = re.findall(r"^(.*?) +test loss .* accuracy (.*)%", outcome.stdout, re.MULTILINE)
    assert [name for name, _ in told] == ["Flatten and Dense", "recorrente's LSTM", "Keras' own LSTM"]
    assert float(told[1][1]) == pytest.approx(float(told[2][1]), abs=2)  # the same network, in other rounding
    assert (tmp_path / "grid.png").exists()


def test_the_guides_figures_are_made_by_their_script(tmp_path):
    script = ROOT / "docs" / "guide" / "figures.py"
    words = ["--data", "digits", "--steps", "3", "--out", str(tmp_path)]
    outcome = subprocess.run([sys.executable, script, *words], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert {path.name for path in tmp_path.glob("*.png")} == {path.name for path in script.parent.glob("*.png")}


def test_the_recipe_for_a_cell_works(tmp_path):
    """In a copy of the package: the document's file, one line in BY_NAME, and it trains and has a right gradient."""
    package = Path(shutil.copytree(ROOT / "src" / "recorrente", tmp_path / "recorrente"))
    (package / "cells" / "mgu.py").write_text(examples("CONTRIBUTING.md")["cell"])
    registry = package / "cells" / "__init__.py"
    text = registry.read_text()
    changed = text.replace("(Elman, GRU, LSTM, Reset", "(Elman, GRU, LSTM, MGU, Reset").replace(
        "from recorrente.cells.lstm import LSTM\n",
        "from recorrente.cells.lstm import LSTM\nfrom recorrente.cells.mgu import MGU\n",
    )
    assert changed.count("MGU") == 2
    registry.write_text(changed)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'recorrente' not in getattr(f, 'known_source_files', {})]\n"
        "import torch, recorrente\n"
        f"assert recorrente.__file__.startswith({str(tmp_path)!r}), recorrente.__file__\n"
        "from recorrente import cells, recipe\n"
        "from recorrente.layers import Recurrent\n"
        "layer = Recurrent(cells.BY_NAME['mgu'](), 3, 4).double()\n"
        "x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)\n"
        "assert torch.autograd.gradcheck(lambda x: layer(x)[0], (x,))\n"
        f"run = recipe.train('digits', out={str(tmp_path / 'run')!r}, shape=recipe.Shape('mgu', hidden=32),\n"
        "                   plan=recipe.default_plan('digits', epochs=8)).run\n"
        "assert run.read_json('metrics.json')['accuracy'] > 0.8, run.read_json('metrics.json')\n"
    )
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("name", ["texts", "forecast"])
def test_the_page_on_data_runs_and_says_what_it_says(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = examples("docs/guide/data.md")[name]
    assert examples("docs/guia/data.md")[name] == code
    exec(compile(code, "docs/guide/data.md", "exec"), {})
    assert capsys.readouterr().out.split("\n")[:-1] == re.findall(r"^print\(.*# (.*)$", code, re.MULTILINE)


def commands(document: str) -> list[list[str]]:
    """The words of every line of a document that calls the command, without what a shell takes for a remark."""
    lines = re.findall(r"^recorrente .*", (ROOT / document).read_text(), re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.parametrize("document", ["README.md", "LEIAME.md", "docs/guide/data.md", "docs/guia/data.md"])
def test_every_command_shown_is_one_that_the_command_understands(document):
    """Through its own parser: an option that there is not, or a number that is none, fails here."""
    shown = commands(document)
    assert len(shown) > 15
    for words in shown:
        understood(typer.main.get_command(app), words)


@pytest.mark.parametrize(
    "words", [["train", "x", "--horizn", "3"], ["train", "x", "--horizon", "far"], ["data", "all"]]
)
def test_a_command_that_there_is_not_would_be_found(words):
    with pytest.raises(Exception, match=r"horizn|integer|all"):
        understood(typer.main.get_command(app), words)


def understood(command, words: list[str]) -> None:
    context = command.make_context("recorrente", list(words))
    if hasattr(command, "resolve_command"):
        _, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        understood(inner, rest)


def test_the_page_of_scores_has_a_row_for_every_known_set_with_a_command_that_is_understood():
    cells = re.findall(r"^\| `recorrente (train [^`]*)`", (ROOT / "docs" / "scores.md").read_text(), re.MULTILINE)
    shown = [shlex.split(cell) for cell in cells]
    for words in shown:
        understood(typer.main.get_command(app), words)
    alike = {"grid-command"}  # of grid
    assert {words[1] for words in shown} | alike == {*KNOWN}


def test_the_page_on_data_tells_of_every_kind_and_shows_the_same_commands_in_both_languages():
    assert commands("docs/guide/data.md") == commands("docs/guia/data.md")
    for document in ("docs/guide/data.md", "docs/guia/data.md"):
        told = re.findall(r"^\| \[`([\w-]+)`\]", (ROOT / document).read_text(), re.MULTILINE)
        assert {*told, "probe"} == {*kinds.NAMES}
