"""The arrows between the files: every import points down this list, and slow libraries wait until they are needed."""

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "recorrente"

ORDER = [
    "__init__",
    "errors",
    "_core",
    "machine",
    "notation",
    "cells",
    "sweep",
    "noise",
    "trace",
    "projection",
    "memory",
    "calls",
    "native",
    "compiling",
    "given",
    "depth",
    "network",
    "layers",
    "stateful",
    "encoders",
    "swap",
    "paths",
    "initial",
    "credit",
    "data",
    "tasks",
    "runs",
    "forecasts",
    "training",
    "shape",
    "evaluation",
    "generation",
    "baselines",
    "observation",
    "inspection",
    "watch",
    "kinds",
    "report",
    "exchange",
    "recipe",
    "keras",
    "progress",
    "printing",
    "train_command",
    "cli",
    "__main__",
]
"""From the lowest room to the highest. A folder is one room; inside it the same holds by the order of its imports."""

WITHOUT_TORCH = ["__init__", "errors", "machine", "runs", "progress", "printing", "report", "train_command", "cli"]
"""Rooms that load without torch, as `--help` and the report do."""

OPTIONAL = {"tokenizers", "librosa", "soundfile", "av", "polars"}
"""Libraries of the extras: imported in the one function that needs them."""

OF_ONE_ROOM = {"keras": {"keras", "jax", "tensorflow"}}
"""Libraries that a whole room is about, and that nobody else imports."""


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def room(name: str) -> str:
    return name.split(".", maxsplit=1)[0] or "__init__"


def at_load(path: Path) -> list[str]:
    """The full names that a file imports when it is loaded: not in functions, not for the type checker alone."""
    return [name for node in statements(ast.parse(path.read_text()).body) for name in imported(node)]


def statements(body: list[ast.stmt]):
    for node in body:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from statements(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            for part in ("body", "orelse", "finalbody", "handlers"):
                for child in getattr(node, part, []):
                    yield from statements([child] if isinstance(child, ast.stmt) else child.body)


def imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are written in full"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def ours(path: Path) -> set[str]:
    """The modules of the package that a file imports, without `recorrente.`; the package itself is ""."""
    known = {module(file) for file in files()} | {"_core", ""}
    found = set()
    for name in at_load(path):
        if name.split(".")[0] == "recorrente":
            inner = name.removeprefix("recorrente").removeprefix(".")
            while inner not in known:
                inner = inner.rpartition(".")[0]
            found.add(inner)
    return found


def test_every_file_has_a_room():
    assert {room(module(path)) for path in files()} | {"__init__", "_core"} == set(ORDER)


@pytest.mark.parametrize("path", files(), ids=module)
def test_imports_point_downward(path):
    own = ORDER.index(room(module(path)))
    for other in ours(path):
        assert ORDER.index(room(other)) <= own, f"{module(path)} imports {other}, which stands above it"


def test_no_two_files_import_each_other():
    graph = {module(path): ours(path) - {module(path), "_core", ""} for path in files()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for other in graph[name]:
                if other != room(name):  # a folder's own __init__ loads its files, and is loaded before each of them
                    visit(other, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM", "Recurrent", "Network"])
def test_models_that_were_saved_whole_find_their_classes(name):
    """torch.save of a whole module names its class by this file, in which all of them once were."""
    assert pickle.loads(f"crecorrente.layers\n{name}\n.".encode()).__name__ == name


@pytest.mark.parametrize("path", files(), ids=module)
def test_optional_libraries_wait(path):
    others = {library for name, own in OF_ONE_ROOM.items() if name != room(module(path)) for library in own}
    assert not {name.split(".")[0] for name in at_load(path)} & (OPTIONAL | others)


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_these_load_without_torch(name):
    target = "recorrente" if name == "__init__" else f"recorrente.{name}"
    program = f"import sys, {target}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("library", ["matplotlib", "sklearn"])
def test_a_command_does_not_wait_for_what_it_may_not_need(library):
    program = f"import sys, recorrente.recipe; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
