"""Memory that is kept from call to call: used again, bounded, given back."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import recorrente
from recorrente import _core, memory

MIB = 1 << 20


@pytest.fixture(autouse=True)
def _empty():
    gc.collect()
    recorrente.empty_cache()
    yield
    recorrente.empty_cache()


def test_a_block_is_used_again_for_sizes_near_its_own():
    first = _core.take(40 * MIB)
    assert first.dtype == torch.uint8
    assert len(first) == 40 * MIB
    first.fill_(7)
    place = first.data_ptr()
    del first
    assert _core.idle_bytes() >= 40 * MIB
    again = _core.take(39 * MIB)
    assert again.data_ptr() == place
    assert _core.idle_bytes() == 0
    assert _core.take(40 * MIB).data_ptr() != place  # that one is in use


def test_batches_of_other_lengths_take_the_same_block_unless_it_is_much_too_large():
    first = _core.take(40 * MIB)
    place = first.data_ptr()
    del first
    half = _core.take(17 * MIB)
    assert half.data_ptr() == place
    assert len(half) == 17 * MIB
    del half
    assert _core.take(5 * MIB).data_ptr() != place
    assert _core.idle_bytes() >= 40 * MIB  # the whole block is idle again, not 17 MiB of it
    assert _core.take(40 * MIB).data_ptr() == place


def test_empty_cache_gives_back_what_is_idle_and_nothing_else():
    kept, gone = _core.take(8 * MIB), _core.take(8 * MIB)
    kept.fill_(3)
    del gone
    recorrente.empty_cache()
    assert _core.idle_bytes() == 0
    assert bool((kept == 3).all())


def test_what_is_idle_is_bounded():
    held = [_core.take(100 * MIB) for _ in range(15)]  # never written: no page of it is real
    del held
    assert 0 < _core.idle_bytes() <= 1 << 30


def test_blocks_outlive_views_and_come_from_many_threads_at_once():
    def work(number: int) -> bool:
        for size in (2 * MIB, 3 * MIB, 5 * MIB):
            view = _core.take(size)[:1000]
            view.fill_(number)
            if not bool((view == number).all()):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))


def test_training_steps_take_the_memory_of_the_step_before():
    layer = recorrente.GRU(8, 64)
    x = torch.randn(300, 16, 8)
    for _ in range(3):
        layer(x)[0].sum().backward()
        gc.collect()
        idle = _core.idle_bytes()
    assert idle >= memory.LARGE
    for _ in range(10):
        layer(x)[0].sum().backward()
    gc.collect()
    assert _core.idle_bytes() == idle


def test_dirty_memory_changes_no_bit():
    layer = recorrente.LSTM(8, 64)
    x = torch.randn(300, 16, 8)

    def gradient() -> list[torch.Tensor]:
        layer.zero_grad()
        layer(x)[0].square().sum().backward()
        return [p.grad.clone() for p in layer.parameters()]

    first = gradient()
    gc.collect()
    for size in range(1, 12):
        _core.take(size * MIB).fill_(255)  # bytes of NaN
    assert all(torch.equal(a, b) for a, b in zip(first, gradient(), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_large_results_lie_in_kept_memory_and_are_no_views(dtype):
    layer, x = recorrente.RNN(8, 64, dtype=dtype), torch.randn(300, 32, 8, dtype=dtype, requires_grad=True)
    first, second = layer(x)[0], layer(x)[0]
    assert first.dtype == dtype
    assert first.data_ptr() != second.data_ptr()
    assert torch.equal(first, second)
    grad_of = second.detach().clone()
    del second
    gc.collect()
    idle = _core.idle_bytes()
    again = layer(x)[0]
    assert _core.idle_bytes() <= idle - again.nbytes
    assert again._is_view() is False  # autograd lets nobody write to views that a function has made
    first.backward(grad_of)
    there, x.grad = x.grad, None
    again.backward(2 * grad_of)
    assert torch.equal(x.grad, 2 * there)


def test_a_result_locks_up_no_block_much_larger_than_itself():
    large = _core.take(40 * MIB)
    place = large.data_ptr()
    del large
    assert _core.take_result((6 * MIB,), _core.F32).data_ptr() != place  # 24 MiB
    assert _core.take_result((19, MIB // 2), _core.F64).shape == (19, MIB // 2)  # 76 MiB
    assert _core.take_result((39 * MIB // 4,), _core.F32).data_ptr() == place
