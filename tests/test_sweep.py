"""The core against its twin: outputs and every gradient, by name, with a random cotangent for every output."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from table import CELLS, DTYPES, SIZES, assert_close, gradients, leaf, problem
from torch import nn

from recorrente import SlowPathWarning, calls, cells, native
from recorrente.calls import eager
from recorrente.errors import InputError
from recorrente.notation import Weights
from recorrente.sweep import reference

pytestmark = pytest.mark.usefixtures("fresh_memory_holds_nan")


def run(sweep, cell, x, state, weights, **keywords):
    """Outputs and gradients of one sweep, by name."""
    y, final = sweep(cell, x, state, weights, **keywords)
    outputs = dict(zip(("y", *cell.state_names), (y, *final), strict=True))
    inputs = {name: part for name, part in zip(Weights._fields, weights, strict=True) if part is not None}
    inputs |= {"x": x} | {f"{name}0": part for name, part in zip(cell.state_names, state, strict=True)}
    leaves = {name: tensor for name, tensor in inputs.items() if tensor.requires_grad}
    return {**outputs, **gradients(outputs.values(), leaves)}


def cast(dtype, x, state, weights):
    """The same problem with other leaves, in another dtype."""

    def new(tensor):
        return None if tensor is None else tensor.detach().to(dtype).requires_grad_(tensor.requires_grad)

    return new(x), tuple(map(new, state)), Weights(*map(new, weights))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_native_equals_reference(cell, size, dtype):
    T, B, *_ = size
    some_lengths = torch.randint(0, T + 1, (B,))
    for reverse, lengths in [(False, None), (True, None), (False, some_lengths), (True, some_lengths)]:
        single = problem(cell, size, dtype)
        how = {"reverse": reverse, "lengths": lengths}
        truth = run(reference, cell, *cast(torch.float64, *single), **how)
        rival = run(reference, cell, *single, **how)
        assert_close(run(native.native, cell, *single, **how), truth, rival)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_native_equals_reference_for_any_layout_and_lengths(data):
    cell = CELLS[data.draw(st.sampled_from(list(CELLS)))]
    T, B, C, H = (data.draw(st.integers(low, 9)) for low in (0, 0, 1, 1))
    x, state, weights = problem(cell, (T, B, C, H))
    lengths = data.draw(st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B))
    how = {"reverse": data.draw(st.booleans()), "lengths": None if lengths is None else torch.tensor(lengths).long()}
    truth = run(reference, cell, x, state, weights, **how)
    layout = data.draw(st.permutations((0, 1, 2)))
    back = [layout.index(axis) for axis in range(3)]
    x, state, weights = cast(torch.float64, x, state, weights)
    x.data = x.data.permute(layout).contiguous().permute(back)
    for weight in weights[:2]:
        weight.data = weight.data.mT.contiguous().mT
    assert_close(run(native.native, cell, x, state, weights, **how), truth)


def test_a_linear_cell_of_whole_numbers_is_exact():
    """No rounding and no activation: only the plumbing can be wrong."""
    x = torch.randint(-2, 3, (4, 3, 5)).float()
    weights = Weights(*(torch.randint(-1, 2, shape).float() for shape in ((6, 5), (6, 6), (6,), (6,))))
    state = (torch.randint(-2, 3, (3, 6)).float(),)
    x, state, weights = cast(torch.float32, x.requires_grad_(), state, weights)
    one, two = (run(sweep, CELLS["linear"], x, state, weights) for sweep in (native.native, reference))
    assert all(torch.equal(one[name], two[name]) for name in two)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_gradcheck(cell):
    x, state, weights = problem(cell, (3, 2, 2, 3))
    lengths, names = torch.tensor([3, 1]), [name for name in Weights._fields if getattr(weights, name) is not None]

    def function(x, *rest):
        given = Weights(**dict(zip(names, rest, strict=False)))
        y, final = native.native(cell, x, rest[len(names) :], given, lengths=lengths)
        return y, *final

    assert torch.autograd.gradcheck(function, (x, *(getattr(weights, name) for name in names), *state))


def test_a_tensor_in_two_roles_gets_both_gradients():
    cell, (x, (h, _), weights) = CELLS["lstm"], problem(CELLS["lstm"], (3, 2, 2, 3))
    bias = weights.bias_ih
    weights = weights._replace(bias_hh=bias)
    for create_graph in (False, True):
        found = []
        for sweep in (native.native, reference):
            y, _ = sweep(cell, x, (h, h), weights)
            with pytest.warns(SlowPathWarning) if create_graph and sweep is native.native else no_context():
                found.append(torch.autograd.grad(y.square().sum(), (h, bias), create_graph=create_graph))
        assert all(torch.allclose(one, two, rtol=1e-12) for one, two in zip(*found, strict=True))


def no_context():
    return torch.enable_grad()


def test_broadcast_negated_and_strided_tensors_are_read_as_they_are():
    cell, (x, state, weights) = CELLS["gru"], problem(CELLS["gru"], (4, 3, 5, 6))
    odd = {
        "expanded": x[:, :1].expand(4, 3, 5),
        "every second": torch.randn(8, 6, 10, dtype=torch.float64)[::2, ::2, ::2],
        "negated view": torch._neg_view(x.detach()),
    }
    for given_x in odd.values():
        given_x = given_x.detach()
        view = state[0].detach().mT.contiguous().mT
        assert_close(
            run(native.native, cell, given_x, (view,), weights), run(reference, cell, given_x.clone(), (view,), weights)
        )
    y, _ = native.native(cell, x, state, weights)
    twin, _ = reference(cell, x, state, weights)
    for cotangent in (torch.ones(()).double().expand(4, 3, 6), torch.randn(4, 6, 3, dtype=torch.float64).mT):
        one, two = (torch.autograd.grad(out, x, cotangent, retain_graph=True)[0] for out in (y, twin))
        assert torch.allclose(one, two, rtol=1e-12)


def test_going_back_twice_gives_the_same():
    x, state, weights = problem(CELLS["lstm"], (5, 3, 4, 6))
    y, _ = native.native(CELLS["lstm"], x, state, weights)
    first = torch.autograd.grad(y.sum(), x, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(y.sum(), x)[0])
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(y.sum(), x)


def test_only_the_gradients_that_are_wanted_are_made():
    x, state, weights = problem(CELLS["gru"], (5, 3, 4, 6))
    frozen = Weights(*(None if w is None else w.detach() for w in weights))
    y, _ = native.native(CELLS["gru"], x, (state[0].detach(),), frozen)
    twin, _ = reference(CELLS["gru"], x, (state[0].detach(),), frozen)
    y.square().sum().backward()
    came, x.grad = x.grad, None
    twin.square().sum().backward()
    assert torch.allclose(came, x.grad, rtol=1e-12)
    assert all(tensor.grad is None for tensor in (*weights[:4], *state))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, None], ids=["no_grad", "inference", "frozen"])
def test_nothing_is_saved_where_no_backward_pass_can_come(mode, monkeypatch):
    saving, forward = [], calls.forward
    for home in (native, eager):
        monkeypatch.setattr(home, "forward", lambda *a, **k: saving.append(k.get("saving", a[-1])) or forward(*a, **k))
    x, state, weights = problem(CELLS["lstm"], (3, 2, 2, 3))
    native.native(CELLS["lstm"], x, state, weights)
    if mode is None:
        x, state = x.detach(), tuple(part.detach() for part in state)
        weights = Weights(*(None if w is None else w.detach() for w in weights))
        y, _ = native.native(CELLS["lstm"], x, state, weights)
    else:
        with mode():
            y, _ = native.native(CELLS["lstm"], x, state, weights)
    assert saving == [True, False]
    assert not y.requires_grad


def test_what_lies_past_a_rows_end_reaches_nothing():
    x, state, weights = problem(CELLS["gru"], (6, 3, 4, 5))
    lengths = torch.tensor([2, 6, 0])
    dirty = x.detach().clone()
    for b, n in enumerate(lengths):
        dirty[n:, b] = float("nan")
    for reverse in (False, True):
        how = {"reverse": reverse, "lengths": lengths}
        clean = run(native.native, CELLS["gru"], x, state, weights, **how)
        for sweep in (native.native, reference):
            assert_close(run(sweep, CELLS["gru"], dirty.requires_grad_(), state, weights, **how), clean)


def test_double_backward_runs_on_the_reference_and_says_so():
    cell = CELLS["lstm"]
    x, state, weights = problem(cell, (3, 2, 2, 3))
    penalties = []
    for sweep in (native.native, reference):
        y, _ = sweep(cell, x, state, weights)
        with pytest.warns(SlowPathWarning, match="create_graph") if sweep is native.native else no_context():
            (dx,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        penalties.append(torch.autograd.grad(dx.square().sum(), [x, *weights[:4], *state]))
    assert all(torch.allclose(one, two, rtol=1e-11) for one, two in zip(*penalties, strict=True))


def test_transforms_run_on_the_reference_and_say_so():
    cell = CELLS["gru"]
    x, state, weights = problem(cell, (3, 2, 2, 3))

    def run(x):
        return native.automatic(cell, x, state, weights)[0]

    batch = torch.randn(4, *x.shape, dtype=torch.float64)
    with pytest.warns(SlowPathWarning, match=r"torch\.func"):
        mapped = torch.func.vmap(run)(batch)
    assert torch.allclose(mapped, torch.stack([run(part) for part in batch]), rtol=1e-12)
    with pytest.warns(SlowPathWarning, match=r"torch\.func"):
        slope = torch.func.grad(lambda x: run(x).sum())(x.detach())
    assert torch.allclose(slope, torch.autograd.grad(run(x).sum(), x)[0], rtol=1e-12)


def test_what_a_transform_has_left_behind_is_a_tensor_like_any_other():
    cell, left = CELLS["gru"], []
    x, state, weights = problem(cell, (3, 2, 2, 3))

    def leave(x):
        left.append(x)
        return x.sum()

    torch.func.grad(leave)(x.detach())
    wanted = torch.autograd.grad(native.native(cell, x, state, weights)[0].sum(), weights.weight_hh)
    y, _ = native.native(cell, left[0], state, weights)
    assert torch.equal(torch.autograd.grad(y.sum(), weights.weight_hh)[0], wanted[0])
    with torch.no_grad():
        assert torch.equal(native.native(cell, left[0], state, weights)[0], y)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own forward mode imports it
def test_forward_mode_runs_on_the_reference_and_says_so():
    cell = CELLS["gru"]
    x, state, weights = problem(cell, (3, 2, 2, 3))
    x = x.detach()
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, torch.ones_like(x))
        with pytest.warns(SlowPathWarning, match="forward-mode"):
            y, _ = native.automatic(cell, dual, state, weights)
        tangent = torch.autograd.forward_ad.unpack_dual(y).tangent
    step = 1e-6
    up, down = (native.native(cell, x + side, state, weights)[0] for side in (step, -step))
    assert torch.allclose((up - down) / (2 * step), tangent, atol=1e-8)


@pytest.mark.parametrize("name", ["gru norm", "lstm norm"])
def test_sums_over_a_row_have_one_order(name):
    """Whatever rows lie beside it, and wherever a sequence is cut, a row has the same bits."""
    cell, (x, state, weights) = CELLS[name], problem(CELLS[name], (9, 14, 5, 37), torch.float32)
    with torch.no_grad():
        y, final = native.native(cell, x, state, weights)
        turned, _ = native.native(cell, x.flip(1), tuple(part.flip(0) for part in state), weights)
        alone, _ = native.native(cell, x[:, 3:4], tuple(part[3:4] for part in state), weights)
        assert torch.equal(turned.flip(1), y)
        assert torch.equal(alone, y[:, 3:4])
        for piece in x.split([1, 5, 3]):
            _, state = native.native(cell, piece, state, weights)
    for part, end in zip(state, final, strict=True):
        assert torch.equal(part, end)


class Doubled(cells.GRU):
    """A GRU with one line changed: the core's GRU would be wrong for it."""

    def pointwise(self, from_input, from_state, state):
        (h,) = super().pointwise(from_input, from_state, state)
        return (2 * h,)


@pytest.mark.parametrize("cell", [Doubled(), cells.Elman(torch.sin)], ids=["doubled", "sin"])
def test_a_cell_of_ones_own_runs_on_the_reference(cell):
    x, state, weights = problem(cell, (3, 2, 2, 3))
    y, _ = native.automatic(cell, x, state, weights)
    assert torch.equal(y, reference(cell, x, state, weights)[0])
    assert repr(cell) in native.lack(cell, x)
    with pytest.raises(NotImplementedError, match="does not know"):
        native.native(cell, x, state, weights)


def test_what_does_not_fit_is_refused_before_the_core_reads_it():
    cell, (x, state, weights) = CELLS["gru"], problem(CELLS["gru"], (3, 2, 4, 5))
    bad = {
        "weight_ih": (x, state, weights._replace(weight_ih=leaf(15, 3))),
        "weight_hh": (x, state, weights._replace(weight_hh=leaf(20, 5))),
        "bias_hh": (x, state, weights._replace(bias_hh=leaf(15, dtype=torch.float32))),
        "h0": (x, (leaf(3, 5),), weights),
    }
    for name, (x_, state_, weights_) in bad.items():
        with pytest.raises(InputError, match=name):
            native.native(cell, x_, state_, weights_)
    for lengths in (torch.tensor([1, 2, 3]), torch.tensor([1.0, 2.0]), torch.tensor([1, 2, 3, 3])[::2]):
        with pytest.raises(InputError, match="lengths"):
            native.native(cell, x, state, weights, lengths=lengths)
    with pytest.raises(ValueError, match="length"):
        native.native(cell, x, state, weights, lengths=torch.tensor([4, 1]))


def test_error_against_float64_is_no_more_than_torchs():
    """T 500: errors have time to grow. Both are compared with the same float64 sweep."""
    for kind, cell in ((nn.LSTM, CELLS["lstm"]), (nn.GRU, CELLS["gru"]), (nn.RNN, CELLS["tanh"])):
        layer = kind(8, 33)
        x, state, _ = problem(cell, (500, 5, 8, 33), torch.float32)
        weights = Weights(*layer.parameters())
        truth = run(reference, cell, *cast(torch.float64, x, state, weights))
        hx = [part.unsqueeze(0) for part in state]
        y, final = layer(x, hx[0] if len(hx) == 1 else tuple(hx))
        outputs = dict(zip(("y", *cell.state_names), (y, *(part[0] for part in final)), strict=True))
        if len(hx) == 1:
            outputs["h"] = final[0]
        named = dict(zip(Weights._fields, weights[:4], strict=False))
        named |= {"x": x} | {f"{name}0": part for name, part in zip(cell.state_names, state, strict=True)}
        torchs = {**outputs, **gradients(outputs.values(), named)}
        ours = run(native.native, cell, x, state, weights)
        worst = max(error_ratio(ours[name], torchs[name], truth[name]) for name in truth)
        assert worst <= 1.5, (kind.__name__, worst)


def error_ratio(ours, torchs, truth):
    return np.divide(*((came.double() - truth).square().mean().sqrt().item() for came in (ours, torchs)))
