"""The few tests on all of MNIST: an epoch of the default network, its accuracy and its memory."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.mnist

GIB = 1 << 30


@pytest.mark.parametrize(("cell", "least"), [("gru", 0.97), ("elman", 0.93)])
def test_an_epoch_of_mnist(tmp_path, cell, least):
    """One epoch of the five: 60,000 real images read row by row, in their own process so that its memory is its own."""
    program = (
        "import resource, sys\n"
        f"sys.argv[1:] = ['train', 'mnist', '--cell', {cell!r}, '--epochs', '1', '--out', 'run']\n"
        "from recorrente.cli import main\n"
        "try: main()\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["test_size"] == 10_000
    assert metrics["accuracy"] >= least
    assert int(done.stderr.split()[-1]) * 1024 < 1.5 * GIB  # Linux tells kibibytes
