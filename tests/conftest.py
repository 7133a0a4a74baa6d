"""What several tests need: a trained run, the command, and the real MNIST where it is."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from recorrente import cli, recipe

os.environ.setdefault("KERAS_BACKEND", "torch")  # before anybody imports keras

PLAIN = {"COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}
"""What tells the command of a terminal of that width, without colours."""
MNIST = Path(os.environ.get("RECORRENTE_DATA", "")) / "mnist"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `mnist` are skipped, with the reason, where the images are not."""
    if not (os.environ.get("RECORRENTE_DATA") and MNIST.is_dir()):
        for item in items:
            if item.get_closest_marker("mnist"):
                item.add_marker(pytest.mark.skip(reason="RECORRENTE_DATA does not lead to a folder with mnist"))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def fresh_memory_holds_nan() -> Iterator[None]:
    """Torch fills what it allocates with NaN (or the largest integer), so that an unwritten output shows."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """`torch.set_num_threads`, taken back afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training on the embedded digits; read it, do not change it."""
    folder = tmp_path_factory.mktemp("digits") / "run"
    recipe.train("digits", out=folder, shape=recipe.Shape(hidden=24), plan=recipe.default_plan("digits", epochs=6))
    return folder


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `recorrente` as its own process in an empty folder."""

    def run(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "recorrente", *map(str, words)],
            cwd=tmp_path,
            env={**os.environ, **PLAIN, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def command_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """As `command`, in this process."""
    monkeypatch.chdir(tmp_path)
    for name, value in PLAIN.items():
        monkeypatch.setenv(name, value)

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        said = ["recorrente", *map(str, words)]
        monkeypatch.setattr(sys, "argv", said)
        with pytest.raises(SystemExit) as end:
            cli.main()
        return subprocess.CompletedProcess(said, end.value.code or 0, *capsys.readouterr())

    return run
