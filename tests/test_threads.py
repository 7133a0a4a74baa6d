"""Living beside torch: its thread count, other Python threads, workers, forks, and no memory that grows."""

import multiprocessing
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from table import flat
from torch.utils.data import DataLoader, Dataset

import recorrente
from recorrente import native

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
CALLS, ALLOWED_BYTES = 2000, 4_000_000


def step(layer, x, lengths=None):
    """Outputs and gradients of one training step."""
    x = x.clone().requires_grad_()
    outputs = flat(layer(x, lengths=lengths))
    found = torch.autograd.grad(sum(y.square().sum() for y in outputs), [x, *layer.parameters()])
    return [*outputs, *found]


def same(one, two):
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize("kind", [recorrente.RNN, recorrente.GRU, recorrente.LSTM])
@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
@pytest.mark.parametrize("size", [(20, 37, 19, 40), (20, 2, 64, 200)], ids=["many rows", "many units"])
def test_the_same_bits_for_any_number_of_threads(kind, size, ragged, threads):
    T, B, C, H = size
    layer, x, found = kind(C, H, num_layers=2, bidirectional=True), torch.randn(T, B, C), []
    lengths = torch.randint(0, T + 1, (B,)) if ragged else None
    for count in (1, 2, 3, 8):
        threads(count)
        found.append(step(layer, x, lengths))
    assert all(same(found[0], other) for other in found[1:])


def test_the_same_bits_for_any_place_in_the_batch():
    layer, x = recorrente.GRU(19, 40), torch.randn(20, 37, 19)
    y, _ = layer(x)
    order = torch.randperm(37)
    assert torch.equal(layer(x[:, order])[0], y[:, order])
    assert torch.equal(layer(x[:, 5:6])[0], y[:, 5:6])


def test_torchs_number_of_threads_is_asked_for_at_every_call(threads, monkeypatch):
    asked, run, Problem = [], native._core.plain_forward, native._core.Problem

    def counting(inputs, way, saving, threads):
        asked.append(threads)
        return run(inputs, way, saving, threads)

    class Counting:
        def __new__(cls, *arguments, **keywords):
            asked.append(arguments[7])
            return Problem(*arguments, **keywords)

    monkeypatch.setattr(native._core, "plain_forward", counting)
    monkeypatch.setattr(native._core, "Problem", Counting)
    layer, x = recorrente.GRU(4, 5), torch.randn(3, 2, 4)
    for how, times in (({}, 1), ({"reset": torch.zeros(3, 2, dtype=torch.bool)}, 2)):  # the second goes Python's way
        for count in (1, 3, 2):
            threads(count)
            layer(x, **how)
            assert asked == [count] * times
            asked.clear()


def test_several_python_threads_at_once():
    layers = [recorrente.LSTM(16, 32), recorrente.GRU(16, 32, bidirectional=True)] * 2
    x = torch.randn(30, 16, 16)
    truth = [step(layer, x) for layer in layers]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(5):
            assert all(map(same, pool.map(lambda layer: step(layer, x), layers), truth))


def test_python_runs_on_during_a_sweep(threads):
    """The GIL is free: this thread counts while another one is in the core."""
    threads(1)
    layer, x = recorrente.LSTM(64, 256), torch.randn(2000, 16, 64)
    with torch.no_grad():
        worker = threading.Thread(target=layer, args=(x,))
        counted, start = 0, time.perf_counter()
        worker.start()
        while worker.is_alive():
            time.sleep(0.001)
            counted += 1
    assert counted > 5, f"{counted} times in {time.perf_counter() - start:.2f} s"


class Embedded(Dataset):
    """Rows that a layer makes inside the worker."""

    def __init__(self, layer):
        self.layer = layer

    def __len__(self):
        return 6

    def __getitem__(self, index):
        with torch.no_grad():
            return self.layer(torch.full((9, 40, 3), float(index)))[0]


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_in_the_workers_of_a_data_loader(context):
    data = Embedded(recorrente.GRU(3, 40))
    truth = [data[k] for k in range(6)]
    loader = DataLoader(data, num_workers=2, multiprocessing_context=context)
    assert all(torch.equal(batch[0], row) for batch, row in zip(loader, truth, strict=True))


def train_in_child(layer, x, lengths, queue):
    queue.put(pickle.dumps([part.detach() for part in step(layer, x, lengths)]))


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("lengths", [None, [*range(7)] * 9 + [6]], ids=["whole", "ragged"])
@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_a_child_process_trains_after_its_parent_did(context, lengths, threads):
    threads(2)
    # enough work for two threads of the core, and no tensor so large that torch itself would want two, and hang
    layer, x = recorrente.LSTM(16, 64), torch.randn(6, 64, 16)
    truth = [part.detach() for part in step(layer, x, lengths)]
    start = multiprocessing.get_context(context)
    queue = start.Queue()
    child = start.Process(target=train_in_child, args=(layer, x, lengths, queue))
    child.start()
    try:
        assert same(pickle.loads(queue.get(timeout=60)), truth)
    finally:
        child.kill()
        child.join()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the size of the process from /proc")
def test_memory_does_not_grow():
    layer, x = recorrente.LSTM(8, 16, bidirectional=True), torch.randn(10, 4, 8)

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES

    for _ in range(300):
        step(layer, x)
    before = resident()
    for _ in range(CALLS):
        step(layer, x)
    # one leaked (H, 4H) gradient a call would be 16 * 64 * 4 * 2000 = 8 MB
    assert resident() - before < ALLOWED_BYTES
