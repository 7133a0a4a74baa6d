"""The core through its binding against torch.nn: outputs and every gradient, by name, with a random cotangent."""

import itertools
from functools import partial

import pytest
import torch

from recorrente import _core, calls
from recorrente.calls import passes

CELLS = {
    "tanh": (_core.ELMAN_TANH, lambda C, H, bias: torch.nn.RNN(C, H, bias=bias)),
    "relu": (_core.ELMAN_RELU, lambda C, H, bias: torch.nn.RNN(C, H, bias=bias, nonlinearity="relu")),
    "gru": (_core.GRU, lambda C, H, bias: torch.nn.GRU(C, H, bias=bias)),
    "lstm": (_core.LSTM, lambda C, H, bias: torch.nn.LSTM(C, H, bias=bias)),
}
SIZES = [(1, 1, 1, 1), (5, 3, 2, 7), (7, 9, 5, 17), (3, 2, 7, 63), (2, 33, 1, 8), (4, 1, 40, 33)]
ENGINES = {"reference": _core.REFERENCE, "target": _core.TARGET}
DTYPES = {torch.float32: _core.F32, torch.float64: _core.F64}


def pointer(tensor):
    return 0 if tensor is None else tensor.data_ptr()


def strides(tensor):
    return (0, 0) if tensor is None else tensor.stride()[:2]


def sequence(tensor):
    return pointer(tensor), *strides(tensor)


def state(tensor):
    return pointer(tensor), 0 if tensor is None else tensor.stride(0)


def fresh(*shape, dtype):
    """An output buffer in which an unwritten element shows."""
    return torch.full(shape, float("nan"), dtype=dtype)


def buffer(size):
    """So many bytes that are no numbers."""
    return torch.full((max(size, 1),), 0xFF, dtype=torch.uint8)


class Core:
    """One layer in one direction: a problem, its inputs, and the two calls."""

    def __init__(
        self, cell, weights, x, h0, c0, *, reverse=False, lengths=None, reset=None, engine=_core.TARGET, threads=1
    ):
        T, B, C = x.shape
        self.weights, self.x, self.h0, self.c0, self.lengths, self.reset = weights, x, h0, c0, lengths, reset
        self.dtype, self.H, self.is_lstm = x.dtype, weights[1].shape[1], cell == _core.LSTM
        self.problem = _core.Problem(
            cell,
            DTYPES[x.dtype],
            T,
            B,
            C,
            self.H,
            reverse,
            threads,
            engine,
            pointer(lengths),
            pointer(reset),
            *strides(reset),
        )
        self.inputs = (*map(pointer, weights), *sequence(x), *state(h0), *state(c0))

    def forward(self, saving=True, y=None):
        T, B, _ = self.x.shape
        self.y = fresh(T, B, self.H, dtype=self.dtype) if y is None else y
        h_n, c_n = (fresh(B, self.H, dtype=self.dtype) for _ in range(2))
        self.saved = buffer(self.problem.saved_bytes()) if saving else None
        _core.forward(
            self.problem,
            *self.inputs,
            *sequence(self.y),
            *state(h_n),
            *state(c_n),
            pointer(self.saved),
        )
        return {"y": self.y, "h_n": h_n} | ({"c_n": c_n} if self.is_lstm else {})

    def backward(self, dy, dh_n, dc_n):
        T, B, C = self.x.shape
        d = {"dx": fresh(T, B, C, dtype=self.dtype), "dh0": fresh(B, self.H, dtype=self.dtype)}
        d["dc0"] = fresh(B, self.H, dtype=self.dtype) if self.is_lstm else None
        for name, weight in zip(("dweight_ih", "dweight_hh", "dbias_ih", "dbias_hh"), self.weights, strict=True):
            d[name] = None if weight is None else fresh(*weight.shape, dtype=self.dtype)
        _core.backward(
            self.problem, *self.inputs, *sequence(self.y), pointer(self.saved),
            *sequence(dy), *state(dh_n), *state(dc_n),
            *sequence(d["dx"]), *state(d["dh0"]), *state(d["dc0"]), pointer(d["dweight_ih"]), pointer(d["dweight_hh"]),
            pointer(d["dbias_ih"]), pointer(d["dbias_hh"]),
        )  # fmt: skip
        return {name: value for name, value in d.items() if value is not None}


def by_torch(module, x, h0, c0, lengths, reverse, dy, dh_n, dc_n):
    """The same quantities from torch, one row at a time, so that lengths and direction need no trick."""
    leaves = [v.detach().clone().requires_grad_() for v in (x, h0, c0)]
    x, h0, c0 = leaves
    y, h_n, c_n = torch.zeros(*x.shape[:2], h0.shape[1], dtype=x.dtype), [], []
    for b, length in enumerate(lengths.tolist()):
        h, c = h0[b : b + 1], c0[b : b + 1]
        if length:
            steps = x[:length, b].flip(0) if reverse else x[:length, b]
            is_lstm = isinstance(module, torch.nn.LSTM)
            out, last = module(steps[:, None], (h[None], c[None]) if is_lstm else h[None])
            h, c = (last[0][0], last[1][0]) if is_lstm else (last[0], c)
            out = out[:, 0].flip(0) if reverse else out[:, 0]
            y = torch.index_put(y, (torch.arange(length), torch.full((length,), b)), out)
        h_n.append(h)
        c_n.append(c)
    h_n, c_n = torch.cat(h_n), torch.cat(c_n)
    parameters = list(module.parameters())
    loss = (y * dy).sum() + (h_n * dh_n).sum() + (c_n * dc_n).sum()
    grads = torch.autograd.grad(loss, [*leaves, *parameters], allow_unused=True)
    grads = [torch.zeros_like(v) if g is None else g for g, v in zip(grads, [*leaves, *parameters], strict=True)]
    names = ["dx", "dh0", "dc0", "dweight_ih", "dweight_hh", "dbias_ih", "dbias_hh"]
    return {"y": y, "h_n": h_n, "c_n": c_n} | dict(zip(names, grads, strict=False))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_equals_torch(cell, size, dtype, engine):
    T, B, C, H = size
    code, make = CELLS[cell]
    for bias, reverse, ragged in itertools.product((True, False), repeat=3):
        torch.manual_seed(1)
        module = make(C, H, bias).to(dtype)
        weights = [*module.parameters(), None, None][:4]
        x, dy = torch.randn(T, B, C, dtype=dtype), torch.randn(T, B, H, dtype=dtype)
        h0, c0, dh_n, dc_n = (torch.randn(B, H, dtype=dtype) for _ in range(4))
        lengths = torch.randint(0, T + 1, (B,)) if ragged else torch.full((B,), T)
        want = by_torch(module, x, h0, c0, lengths, reverse, dy, dh_n, dc_n)
        core = Core(
            code, weights, x, h0, c0, reverse=reverse, lengths=lengths if ragged else None, engine=ENGINES[engine]
        )
        got = core.forward(saving=False)
        saved = core.forward()
        assert all(torch.equal(got[name], saved[name]) for name in got)
        got |= core.backward(dy, dh_n, dc_n)
        for name, value in got.items():
            # float64: some hundreds of roundings on values near 1. float32: the same, 2**29 times larger.
            tolerance = 1e-12 if dtype == torch.float64 else 2e-4
            torch.testing.assert_close(
                value,
                want[name].detach(),
                rtol=tolerance,
                atol=tolerance,
                msg=lambda told, name=name: f"{name}: {told}",
            )


@pytest.mark.parametrize("bad", [{"T": -1}, {"H": 0}, {"threads": 0}, {"cell": 99}, {"engine": 5}, {"B": 2**62}])
def test_bad_sizes_are_refused(bad):
    sizes = {"cell": _core.GRU, "dtype": _core.F32, "T": 1, "B": 1, "C": 1, "H": 1} | bad
    with pytest.raises(ValueError, match=r"\w+"):
        _core.Problem(**sizes).saved_bytes()


@pytest.mark.parametrize("bad", [-1, 4])
def test_bad_lengths_are_refused(bad):
    lengths = torch.tensor([1, bad])
    with pytest.raises(ValueError, match="length"):
        _core.Problem(_core.GRU, _core.F32, 3, 2, 1, 1, lengths=lengths.data_ptr()).saved_bytes()


def random_core(cell, T, B, C, H, *, x=None, h0=None, c0=None, **options):
    torch.manual_seed(3)
    module = CELLS[cell][1](C, H, True)
    weights = [weight.detach() for weight in module.parameters()]
    make = [torch.randn(T, B, C), torch.randn(B, H), torch.randn(B, H)]
    x, h0, c0 = (new if given is None else given for given, new in zip((x, h0, c0), make, strict=True))
    return Core(CELLS[cell][0], weights, x, h0, c0, **options)


@pytest.mark.parametrize("cell", CELLS)
def test_the_place_in_the_batch_changes_no_bits(cell):
    T, B, C, H = 9, 13, 11, 21
    whole = random_core(cell, T, B, C, H)
    want, order = whole.forward(), torch.randperm(B)
    moved = random_core(cell, T, B, C, H, x=whole.x[:, order], h0=whole.h0[order], c0=whole.c0[order]).forward()
    alone = random_core(cell, T, 1, C, H, x=whole.x[:, 5:6], h0=whole.h0[5:6], c0=whole.c0[5:6]).forward()
    assert torch.equal(moved["y"], want["y"][:, order])
    assert torch.equal(alone["y"], want["y"][:, 5:6])


@pytest.mark.parametrize("B", [1, 5, 40])
@pytest.mark.parametrize("cell", CELLS)
def test_chunks_in_time_change_no_bits(cell, B):
    T, C, H = 70, 6, 18
    whole = random_core(cell, T, B, C, H)
    want, state, pieces = whole.forward(), (whole.h0, whole.c0), []
    for steps in whole.x.split([1, 30, 2, 37]):
        got = random_core(cell, len(steps), B, C, H, x=steps, h0=state[0], c0=state[1]).forward(saving=False)
        state = got["h_n"], got.get("c_n", whole.c0)
        pieces.append(got["y"])
    assert torch.equal(torch.cat(pieces), want["y"])


@pytest.mark.parametrize(("C", "H"), [(130, 67), (40, 350)])  # weights that are near, and from afar
@pytest.mark.parametrize("B", [1, 2, 3, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_a_step_alone_gives_the_bits_that_it_has_among_others(cell, B, C, H):
    whole = random_core(cell, 4, B, C, H)
    want, state = whole.forward(), (whole.h0, whole.c0)
    for x, y in zip(whole.x.split(1), want["y"], strict=True):
        got = random_core(cell, 1, B, C, H, x=x, h0=state[0], c0=state[1]).forward(saving=False)
        state = got["h_n"], got.get("c_n", whole.c0)
        assert torch.equal(got["y"][0], y)


@pytest.mark.parametrize(("C", "H"), [(130, 67), (40, 350)])
@pytest.mark.parametrize("B", [1, 2, 3, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_a_few_rows_of_one_step_go_back_with_the_bits_that_they_have_among_many(cell, B, C, H):
    whole = random_core(cell, 1, 6, C, H)
    dy, dh_n, dc_n = torch.randn(1, 6, H), torch.randn(6, H), torch.randn(6, H)
    few = random_core(cell, 1, B, C, H, x=whole.x[:, :B], h0=whole.h0[:B], c0=whole.c0[:B])
    for core in (whole, few):
        core.forward()
    want, got = whole.backward(dy, dh_n, dc_n), few.backward(dy[:, :B], dh_n[:B], dc_n[:B])
    assert torch.equal(got["dx"], want["dx"][:, :B])
    assert torch.equal(got["dh0"], want["dh0"][:B])


@pytest.mark.parametrize("cell", CELLS)
def test_any_strides(cell):
    T, B, C, H = 6, 4, 5, 9
    want = random_core(cell, T, B, C, H).forward()["y"]
    both = fresh(B, T, 2 * H, dtype=torch.float32).transpose(0, 1)
    random_core(cell, T, B, C, H).forward(y=both[:, :, H:])
    assert torch.equal(both[:, :, H:], want)
    assert both[:, :, :H].isnan().all()


def test_the_callers_floating_point_state_is_kept():
    tiny = torch.tensor(1e-40)
    random_core("gru", 3, 2, 2, 2).forward()
    assert tiny * 2 > 0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("rows", "columns"), [(0, 3), (1, 1), (1, 7), (7, 63), (17, 33), (16, 16), (128, 40)])
def test_turn_gives_the_transpose_and_touches_nothing_beyond_it(dtype: torch.dtype, rows: int, columns: int) -> None:
    wide = torch.randn(rows, columns + 2, dtype=dtype)
    to = fresh(columns + 1, rows + 3, dtype=dtype)
    _core.turn(DTYPES[dtype], rows, columns, pointer(wide), columns + 2, pointer(to), rows + 3)
    assert torch.equal(to[:columns, :rows], wide[:, :columns].T)
    assert to[columns:].isnan().all()
    assert to[:, rows:].isnan().all()


def test_turn_refuses_rows_that_lie_over_each_other() -> None:
    a, b = torch.zeros(4, 4), torch.zeros(4, 4)
    with pytest.raises(ValueError, match="rows lie over each other"):
        _core.turn(_core.F32, 4, 4, pointer(a), 3, pointer(b), 4)
    with pytest.raises(ValueError, match="null"):
        _core.turn(_core.F32, 4, 4, 0, 4, pointer(b), 4)


def lstm_inputs(T=5, B=3, C=4, H=6, **other):
    given = {
        "x": torch.randn(T, B, C),
        "weight_ih": torch.randn(4 * H, C),
        "weight_hh": torch.randn(4 * H, H),
        "bias_ih": torch.randn(4 * H),
        "bias_hh": torch.randn(4 * H),
        "h0": torch.randn(B, H),
        "c0": torch.randn(B, H),
    }
    return calls.Inputs(**given | other)


IN_ORDER = {
    "all": {},
    "no bias": {"bias_ih": None, "bias_hh": None},
    "no state": {"h0": None, "c0": None},
    "batch first": {"x": torch.randn(3, 5, 4).transpose(0, 1)},
    "rows of a larger array": {"h0": torch.randn(3, 20)[:, 2:8], "x": torch.randn(5, 3, 9)[..., :4]},
    "one row for all": {"c0": torch.randn(1, 6).expand(3, 6)},
    "with gradients": {"weight_hh": torch.nn.Parameter(torch.randn(24, 6)), "x": torch.randn(5, 3, 4).requires_grad_()},
}


@pytest.mark.parametrize("case", IN_ORDER)
def test_tensors_are_read_without_python_as_with_it(case):
    inputs = lstm_inputs(**IN_ORDER[case])
    assert _core.pointers(inputs, _core.LSTM) == passes._pointers(inputs)


Y = torch.zeros(5, 3, 6)

OTHERWISE = {
    "columns apart": {"x": torch.randn(5, 3, 8)[..., ::2]},
    "turned": {"weight_hh": torch.randn(6, 24).T},
    "negated in name only": {"x": torch._neg_view(torch.randn(5, 3, 4))},
    "bias apart": {"bias_ih": torch.randn(48)[::2]},
    "another dtype": {"c0": torch.randn(3, 6).double()},
    "an integer dtype": {"h0": torch.ones(3, 6, dtype=torch.int32)},
    "too few rows": {"h0": torch.randn(2, 6)},
    "too few gates": {"weight_ih": torch.randn(18, 4)},
    "a bias too long": {"bias_hh": torch.randn(25)},
    "two dimensions": {"x": torch.randn(5, 4)},
    "elsewhere": {"h0": torch.empty(3, 6, device="meta")},
    "more of them": {"peephole": torch.randn(18)},
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_what_does_not_fit_or_must_be_copied_is_left_to_python(case):
    inputs, way = lstm_inputs(**OTHERWISE[case]), calls.Way(cell=_core.LSTM)
    assert _core.pointers(inputs, _core.LSTM) is None
    assert _core.plain_forward(inputs, way, True, 1) is None
    assert _core.plain_backward((None,) * 3, inputs, way, Y, passes.NOTHING, [True] * 7, 1) is None


MORE = {
    "float32 lengths": {"lengths": torch.ones(3)},
    "lengths apart": {"lengths": torch.ones(6, dtype=torch.int64)[::2]},
    "too few lengths": {"lengths": torch.ones(2, dtype=torch.int64)},
    "resets": {"reset": torch.zeros(5, 3, dtype=torch.bool)},
    "a mask": {"drop": torch.ones(3, 6)},
    "zones": {"zone_c": torch.zeros(5, 3, 6)},
}


@pytest.mark.parametrize("case", MORE)
def test_a_way_that_needs_more_is_left_to_python(case):
    way = calls.Way(**MORE[case], cell=_core.LSTM)
    assert _core.plain_forward(lstm_inputs(), way, True, 1) is None
    assert _core.plain_backward((None,) * 3, lstm_inputs(), way, Y, passes.NOTHING, [True] * 7, 1) is None


COMING = {
    "columns apart": torch.randn(5, 3, 12)[..., ::2],
    "one for all": torch.randn(1, 1, 1).expand(5, 3, 6),
    "another dtype": torch.randn(5, 3, 6).double(),
    "too few steps": torch.randn(4, 3, 6),
}


@pytest.mark.parametrize("case", COMING)
def test_a_gradient_that_must_be_mended_is_left_to_python(case):
    inputs, way = lstm_inputs(), calls.Way(cell=_core.LSTM)
    y, _, _, saved = calls.forward(inputs, way, saving=True)
    assert _core.plain_backward((COMING[case], None, None), inputs, way, y, saved, [True] * 7, 1) is None


def without_exchange(call, *arguments):
    _core.use_exchange(None)
    try:
        return call(*arguments)
    finally:
        _core.use_exchange(torch.Tensor.__dlpack_c_exchange_api__)


def test_a_torch_without_the_exchange_gives_the_same():
    inputs, way = lstm_inputs(x=torch.randn(3, 5, 4).transpose(0, 1)), calls.Way(cell=_core.LSTM)
    truth = calls.forward(inputs, way, saving=False)
    assert without_exchange(_core.pointers, inputs, _core.LSTM) is None
    assert without_exchange(_core.plain_forward, inputs, way, False, 1) is None
    came = without_exchange(partial(calls.forward, saving=False), inputs, way)
    assert all(torch.equal(a, b) for a, b in zip(came, truth, strict=True))


def there_and_back(inputs, way, wanted):
    y, h_n, c_n, saved = calls.forward(inputs, way, saving=True)
    coming = (torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y), h_n.cos(), None if c_n is None else c_n.sin())
    with torch.no_grad():
        return y, h_n, c_n, *calls.backward(coming, inputs, way, y, saved, wanted)


SMALL = {
    "one step of one row": {
        "x": torch.randn(1, 1, 4),
        "h0": torch.randn(1, 6),
        "c0": torch.randn(1, 6),
    },
    "one unit": {
        "x": torch.randn(5, 3, 1),
        "weight_ih": torch.randn(4, 1),
        "weight_hh": torch.randn(4, 1),
        "bias_ih": None,
        "bias_hh": None,
        "h0": None,
        "c0": None,
    },
}

WAYS = {
    "": calls.Way(cell=_core.LSTM),
    "reverse": calls.Way(cell=_core.LSTM, reverse=True),
    "lengths": calls.Way(torch.tensor([5, 0, 3]), cell=_core.LSTM),
    "no step": calls.Way(torch.zeros(3, dtype=torch.int64), cell=_core.LSTM),
}


@pytest.mark.parametrize("wanted", [[True] * 7, [False, True, True, False, True, True, False], [False] * 7])
@pytest.mark.parametrize("ways", WAYS)
@pytest.mark.parametrize("case", IN_ORDER | SMALL)
def test_a_sweep_without_python_has_the_bits_of_one_with_it(case, ways, wanted):
    inputs, way = lstm_inputs(**(IN_ORDER | SMALL)[case]), WAYS[ways]
    if way.lengths is not None:
        way = way._replace(lengths=way.lengths[: inputs.x.shape[1]].clamp(max=len(inputs.x)))
    assert _core.plain_forward(inputs, way, True, 1) is not None
    without, with_python = there_and_back(inputs, way, wanted), without_exchange(there_and_back, inputs, way, wanted)
    for a, b in zip(without, with_python, strict=True):
        assert (a is None) == (b is None)
        assert a is None or (torch.equal(a, b) and a.shape == b.shape and a.dtype == b.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cell", [_core.ELMAN_TANH, _core.GRU, _core.LSTM])
def test_large_sweeps_without_python_have_the_bits_of_those_with_it(cell, dtype):
    rows = _core.gates(cell) * 80  # results, gradients and what is saved are kept memory
    shapes = ((70, 9, 500), (rows, 500), (rows, 80), (rows,), (rows,), (9, 80))
    parts = [torch.randn(shape, dtype=dtype) / 9 for shape in shapes]
    inputs, way = calls.Inputs(*parts), calls.Way(cell=cell)
    here, there = (run(inputs, way, [True] * 7) for run in (there_and_back, partial(without_exchange, there_and_back)))
    assert all(a is b is None or torch.equal(a, b) for a, b in zip(here, there, strict=True))


def test_errors_of_the_core_come_out_of_a_sweep_without_python():
    way = calls.Way(torch.tensor([5, 6, 0]), cell=_core.LSTM)
    with pytest.raises(ValueError, match="length"):
        _core.plain_forward(lstm_inputs(), way, False, 1)
