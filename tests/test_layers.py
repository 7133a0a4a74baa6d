"""Our layers against torch's: the same module in every way but speed."""

import copy
import itertools
import pickle
import re

import numpy
import pytest
import torch
from table import DTYPES, LAYERS, PAIRS, assert_close, flat, gradients, pair
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence

import recorrente
from recorrente import cells, layers
from recorrente.errors import InputError
from recorrente.native import native
from recorrente.notation import Weights
from recorrente.sweep import reference

pytestmark = pytest.mark.usefixtures("fresh_memory_holds_nan")

T, B, C, H = 6, 3, 4, 5
BAD_OF_TORCH = (RuntimeError, ValueError, TypeError, AttributeError, IndexError)


def results(layer, x, hx=None, **keywords):
    """Outputs and gradients of a layer, by name."""
    x = x.detach().requires_grad_()
    hx = None if hx is None else [part.detach().requires_grad_() for part in flat(hx)]
    start = hx if hx is None else (tuple(hx) if isinstance(layer, nn.LSTM) else hx[0])
    outputs = flat(layer(x, start, **keywords))
    inputs = {"x": x, **dict(layer.named_parameters()), **{f"hx{k}": part for k, part in enumerate(hx or ())}}
    named = {f"output {k}": y for k, y in enumerate(outputs)}
    return named | gradients(outputs, inputs)


def state_for(layer, batch, dtype=torch.float64):
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    widths = (layer.proj_size or H, H)[: 2 if isinstance(layer, nn.LSTM) else 1]
    return tuple(torch.randn(rows, batch, width, dtype=dtype) for width in widths)


def double(layer):
    return copy.deepcopy(layer).double()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("options", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("name", PAIRS)
def test_outputs_and_gradients_are_torchs(name, options, dtype):
    ours, torchs = pair(name, C, H, **options, dtype=dtype)
    x = torch.randn((B, T, C) if options.get("batch_first") else (T, B, C), dtype=dtype)
    for hx in (None, state_for(ours, B, dtype)):
        rival = results(torchs, x, hx)
        truth = results(double(torchs), x.double(), None if hx is None else tuple(part.double() for part in hx))
        assert_close(results(ours, x, hx), truth, rival)


@pytest.mark.parametrize("options", [LAYERS["plain"], LAYERS["all of it"]], ids=["plain", "all of it"])
@pytest.mark.parametrize("name", PAIRS)
def test_unbatched_input(name, options):
    ours, torchs = pair(name, C, H, **options, dtype=torch.float64)
    x, hx = torch.randn(T, C, dtype=torch.float64), tuple(part[:, 0] for part in state_for(ours, 1))
    assert_close(results(ours, x), results(torchs, x))
    assert_close(results(ours, x, hx), results(torchs, x, hx))
    for one, two in zip(flat(ours(x)), flat(torchs(x)), strict=True):
        assert one.shape == two.shape


@pytest.mark.parametrize("name", PAIRS)
def test_dropout_between_layers_draws_torchs_masks(name):
    ours, torchs = pair(name, C, H, num_layers=3, dropout=0.5, dtype=torch.float64)
    x = torch.randn(T, B, C, dtype=torch.float64)
    found = []
    for layer in (ours, torchs):
        torch.manual_seed(5)
        found.append(results(layer, x))
    assert_close(*found)
    assert_close(results(ours.eval(), x), results(torchs.eval(), x))


@pytest.mark.parametrize("name", PAIRS)
def test_the_module_is_torchs(name):
    ours, torchs = pair(name, C, H, 2, bidirectional=True, dropout=0.1)
    assert isinstance(ours, PAIRS[name][1])
    assert repr(ours) == repr(torchs)
    assert all(torch.equal(one, two) for one, two in zip(ours.parameters(), torchs.parameters(), strict=True))
    assert list(ours.state_dict()) == list(torchs.state_dict())
    other, _ = pair(name, C, H, 2, bidirectional=True, dropout=0.1)
    other.load_state_dict({key: value + 1 for key, value in torchs.state_dict().items()})
    torchs.load_state_dict(other.state_dict())
    assert torch.equal(torchs.weight_hh_l1_reverse, ours.weight_hh_l1_reverse + 1)
    ours.flatten_parameters()
    assert [len(group) for group in ours.all_weights] == [len(group) for group in torchs.all_weights]


@pytest.mark.parametrize("name", PAIRS)
def test_copies_are_whole(name):
    ours, _ = pair(name, C, H, num_layers=2)
    x = torch.randn(T, B, C)
    truth = flat(ours(x))
    for made in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert type(made) is type(ours)
        assert all(torch.equal(one, two) for one, two in zip(flat(made(x)), truth, strict=True))
        with torch.no_grad():
            made.weight_hh_l0.zero_()
        assert not torch.equal(made(x)[0], truth[0])
    assert all(torch.equal(one, two) for one, two in zip(flat(ours(x)), truth, strict=True))
    assert flat(ours.to(torch.float64)(x.double()))[0].dtype == torch.float64


RAGGED = {"sorted": [6, 4, 1], "unsorted": [1, 6, 4], "all equal": [3, 3, 3]}


@pytest.mark.parametrize("lengths", RAGGED.values(), ids=RAGGED)
@pytest.mark.parametrize("name", PAIRS)
def test_packed_sequences(name, lengths):
    options = {"num_layers": 2, "bidirectional": True, "dtype": torch.float64}
    ours, torchs = pair(name, C, H, **options)
    rows = [torch.randn(n, C, dtype=torch.float64) for n in lengths]
    for hx in (None, state_for(ours, B)):
        start = hx if hx is None or len(hx) > 1 else hx[0]
        found = []
        for layer in (ours, torchs):
            leaves = [row.clone().requires_grad_() for row in rows]
            y, state = layer(pack_sequence(leaves, enforce_sorted=False), start)
            outputs = [pad_packed_sequence(y)[0], *flat(state)]
            named = {f"row {k}": leaf for k, leaf in enumerate(leaves)} | dict(layer.named_parameters())
            found.append({f"output {k}": out for k, out in enumerate(outputs)} | gradients(outputs, named))
            assert isinstance(y, nn.utils.rnn.PackedSequence)
        assert_close(*found)


def test_a_batch_that_was_sorted_by_hand_needs_no_indices():
    ours, torchs = pair("GRU", C, H, batch_first=True, dtype=torch.float64)
    packed = pack_padded_sequence(torch.randn(B, T, C, dtype=torch.float64), [6, 5, 2], batch_first=True)
    assert packed.sorted_indices is None
    assert torch.allclose(ours(packed)[0].data, torchs(packed)[0].data, rtol=1e-12)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_lengths_are_what_packing_gives(name, batch_first):
    ours, torchs = pair(name, C, H, 2, bidirectional=True, batch_first=batch_first, dtype=torch.float64)
    x, lengths = torch.randn(T, B, C, dtype=torch.float64), [1, 6, 4]
    x = x.transpose(0, 1).contiguous() if batch_first else x

    def packed(x, hx):
        y, state = torchs(pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False), hx)
        return pad_packed_sequence(y, batch_first)[0], state

    hx = state_for(ours, B)
    leaves = [part.requires_grad_() for part in (x, *hx)]
    start = hx if len(hx) > 1 else hx[0]
    found = []
    for layer, outputs in ((ours, flat(ours(x, start, lengths=lengths))), (torchs, flat(packed(x, start)))):
        named = {str(k): leaf for k, leaf in enumerate(leaves)} | dict(layer.named_parameters())
        found.append({f"output {k}": out for k, out in enumerate(outputs)} | gradients(outputs, named))
    assert_close(*found)
    given = (torch.tensor(lengths), torch.tensor(lengths, dtype=torch.int32), tuple(lengths))
    assert all(torch.equal(ours(x, start, lengths=kind)[0], found[0]["output 0"]) for kind in given)


def test_a_row_without_steps_keeps_its_state():
    layer = recorrente.GRU(C, H, bidirectional=True)
    hx = torch.randn(2, B, H)
    y, state = layer(torch.randn(T, B, C), hx, lengths=[0, 2, 0])
    assert torch.equal(state[:, [0, 2]], hx[:, [0, 2]])
    assert not y[:, [0, 2]].any()
    assert not y[2:].any()


@pytest.mark.parametrize("lengths", [[1, 2], [1, 2, 7], [-1, 2, 3], [1.0, 2.0, 3.0], [True, True, False]], ids=str)
def test_bad_lengths_are_refused(lengths):
    with pytest.raises(InputError, match="lengths"):
        recorrente.LSTM(C, H)(torch.randn(T, B, C), lengths=lengths)


def test_lengths_and_a_packed_sequence_are_one_too_many():
    with pytest.raises(InputError, match="lengths"):
        recorrente.LSTM(C, H)(pack_sequence([torch.randn(2, C)]), lengths=[2])


@pytest.mark.parametrize("name", PAIRS)
def test_no_rows_and_no_steps(name):
    """B = 0 as torch. T = 0, which torch refuses, gives back the state, as any sum over nothing would."""
    ours, torchs = pair(name, C, H, 2, bidirectional=True, dtype=torch.float64)
    empty = torch.randn(T, 0, C, dtype=torch.float64)
    assert_close(results(ours, empty), results(torchs, empty))
    hx = state_for(ours, B)
    found = results(ours, torch.randn(0, B, C, dtype=torch.float64), hx)
    assert found["output 0"].shape == (0, B, 2 * hx[0].shape[2])
    assert torch.equal(found["output 1"], hx[0])
    assert not found["dweight_hh_l0"].any()


def test_bad_input_is_refused_as_torch_refuses_it():
    """Whatever except clause was written for torch's error catches ours."""
    x, h = torch.randn(T, B, C), torch.randn(1, B, H)
    calls = {
        "too many dimensions": (x[None],),
        "too few": (x[0, 0],),
        "another width": (x[..., :3],),
        "another dtype": (x.double(),),
        "whole numbers": (x.long(),),
        "hx of another batch": (x, h[:, :2]),
        "hx of another width": (x, h[..., :2]),
        "hx without layers": (x, h[0]),
        "hx with a batch for none": (x[:, 0], h),
    }
    for name, (reason, (given, *hx)) in itertools.product(PAIRS, calls.items()):
        ours, torchs = pair(name, C, H)
        hx = [(hx[0], hx[0])] if hx and isinstance(ours, nn.LSTM) else hx
        with pytest.raises(BAD_OF_TORCH) as theirs:
            torchs(given, *hx)
        with pytest.raises(BAD_OF_TORCH) as caught:
            ours(given, *hx)
        assert isinstance(caught.value, theirs.type), (name, reason)


def test_a_packed_sequence_of_another_width_is_refused():
    """Torch's LSTM does not look at it: it computes something."""
    with pytest.raises(InputError, match="input_size"):
        recorrente.LSTM(C, H)(pack_sequence([torch.randn(T, C - 1)]))


def test_hx_of_the_wrong_kind_is_refused():
    x, h = torch.randn(T, B, C), torch.randn(1, B, H)
    with pytest.raises(InputError, match="h_0 and c_0"):
        recorrente.LSTM(C, H)(x, h)
    with pytest.raises(InputError, match="2 tensors"):
        recorrente.GRU(C, H)(x, (h, h))


def test_what_does_not_fit_is_named():
    x, h = torch.randn(T, B, C), torch.randn(1, B, 3)
    projected = recorrente.LSTM(C, H, proj_size=3)
    own = layers.Recurrent(cells.GRU(), C, H)
    calls = {
        "h_0: got shape .*float64": lambda: projected(x, (h.double(), torch.zeros(1, B, H).double())),
        r"input: got packed values \(4, 2, 6\)": lambda: recorrente.GRU(C, H)(pack_sequence([torch.zeros(4, 2, 6)])),
        "lengths: got 'ab'": lambda: recorrente.GRU(C, H)(x, lengths="ab"),
        "input: got 3 values a step": lambda: own(x[..., :3]),
        "input: got torch.float64": lambda: own(x.double()),
        "x: got shape .*three dimensions": lambda: own(x[0]),
        "cell: got <class": lambda: layers.Recurrent(cells.GRU, C, H),
        "dropout: got 1.5": lambda: layers.Recurrent(cells.GRU(), C, H, dropout=1.5),
        r"zoneout: got \[0.1, 0.2\].* tuple": lambda: recorrente.GRU(C, H, zoneout=[0.1, 0.2]),
        r"zoneout: got \(0.0, 0.5\).* h alone": lambda: recorrente.GRU(C, H, zoneout=(0.0, 0.5)),
        r"zoneout: got \(0.2, 0.5\)": lambda: layers.Recurrent(cells.Elman("tanh"), C, H, zoneout=(0.2, 0.5)),
    }
    for words, call in calls.items():
        with pytest.raises(InputError, match=words):
            call()
    with pytest.raises(TypeError, match="zoneot"):
        layers.Recurrent(cells.GRU(), C, H, zoneot=0.1)
    assert recorrente.GRU(C, H, zoneout=numpy.float32(0.25)).noise.zoneout == 0.25
    assert recorrente.GRU(C, H, zoneout=(0.25, 0.0)).noise.zoneout == (0.25, 0.0)


@pytest.mark.parametrize("kind", [recorrente.GRU, recorrente.LSTM])
def test_two_chances_of_zero_are_no_noise(kind):
    layer = kind(C, H, zoneout=(0.0, 0.0))
    assert layer.torchs_own
    assert "zoneout" not in repr(layer)
    assert layer.path(torch.zeros(T, B, C).half())[0] == "torch"


@pytest.mark.parametrize("name", PAIRS)
def test_a_final_state_may_be_cut_from_its_graph_in_place(name):
    """As truncated training does: `h.detach_()` between two pieces, whatever else the state is taken for."""
    layer, _ = pair(name, C, H)
    for given in (torch.randn(T, B, C), pack_sequence([torch.randn(T, C)] * B)):
        for grad in (True, False):
            with torch.set_grad_enabled(grad):
                state = None
                for _ in range(2):
                    y, state = layer(given, state)
                    if grad:
                        loss = (y if isinstance(y, torch.Tensor) else y.data).sum() + sum(
                            part.sum() for part in flat(state)
                        )
                        loss.backward()
                    for part in flat(state):
                        part.detach_()
                assert not any(part.requires_grad for part in flat(state))


def test_a_final_state_of_no_steps_is_not_the_one_given():
    h = torch.randn(1, B, H)
    for layer in (recorrente.GRU(C, H), layers.Recurrent(cells.Elman(torch.sin), C, H)):
        given = h if isinstance(layer, recorrente.GRU) else (h,)
        (last,) = flat(layer(torch.zeros(0, B, C), given)[1])
        assert torch.equal(last, h)
        assert last.data_ptr() != h.data_ptr()


@pytest.mark.parametrize("name", PAIRS)
def test_a_layer_begun_anew_has_a_learned_state_of_zeros(name):
    layer, _ = pair(name, C, H)
    layer = type(layer)(C, H, **PAIRS[name][2], learned_state=True)
    nn.init.ones_(layer.h_0)
    layer.reset_parameters()
    assert not layer.h_0.any()
    assert layer.weight_hh_l0.std() > 0


def test_a_trace_is_taken_under_autocast_too():
    layer, x = recorrente.GRU(C, H), torch.randn(T, B, C)
    with torch.autocast("cpu"):
        y, _, trace = layer(x.bfloat16(), trace=True)
    assert y.dtype == torch.float32
    assert torch.equal(trace.h[0], y)


@pytest.mark.parametrize("keywords", [{"hidden_size": 0}, {"dropout": 2}, {"bias": 1}, {"num_layers": 0}], ids=str)
def test_bad_options_are_torchs_to_refuse(keywords):
    keywords = {"input_size": C, "hidden_size": H, **keywords}
    with pytest.raises((ValueError, TypeError)) as theirs:
        nn.LSTM(**keywords)
    with pytest.raises(theirs.type, match=re.escape(str(theirs.value))):
        recorrente.LSTM(**keywords)


def test_what_the_core_lacks_goes_to_torch():
    for dtype in (torch.bfloat16, torch.float16):
        ours, torchs = pair("GRU", C, H, dtype=dtype)
        x = torch.randn(T, B, C, dtype=dtype)
        assert ours.path(x)[0] == "torch"
        assert torch.equal(ours(x)[0], torchs(x)[0])
    ours, torchs = pair("LSTM", C, 300, proj_size=100)
    x = torch.randn(T, B, C)
    path, reason = ours.path(x)
    assert path == "torch"
    assert "from H = 300 to 100" in reason
    assert ours.path(x, lengths=True)[0] == "native"
    assert all(torch.equal(one, two) for one, two in zip(flat(ours(x)), flat(torchs(x)), strict=True))


def test_a_few_steps_under_a_projection_go_to_torch():
    ours, torchs = pair("LSTM", C, 64, proj_size=32)
    with torch.no_grad():
        path, reason = ours.path(torch.randn(1, 2, C))
        assert path == "torch"
        assert "pays from 2 steps on" in reason
        x = torch.randn(1, 2, C)
        assert all(torch.equal(one, two) for one, two in zip(flat(ours(x)), flat(torchs(x)), strict=True))
        assert ours.path(torch.randn(2, 1, C))[0] == "native"
        assert ours(torch.zeros(0, 2, C))[0].shape == (0, 2, 32)  # which torch refuses
    assert ours.path(torch.randn(1, 2, C))[0] == "native"  # one that learns


def test_noise_that_a_folded_projection_has_no_place_for_goes_to_the_reference_and_says_so():
    layer, x = recorrente.LSTM(C, H, proj_size=2, recurrent_dropout=0.5), torch.randn(T, B, C)
    assert layer.path(x)[0] == "reference"
    with pytest.warns(recorrente.SlowPathWarning, match="projection"):
        layer(x)
    assert layer.eval().path(x)[0] == "native"


@pytest.mark.parametrize("reverse", [False, True])
def test_a_folded_projection_is_the_reference_with_resets_and_lengths(reverse):
    """Every gradient, those of the initial and the restarted state included."""
    found = []
    for sweep in (native, reference):
        torch.manual_seed(3)
        lengths, reset = torch.tensor([6, 0, 4]), torch.rand(T, B) < 0.4
        shapes = {"x": (T, B, C), "h": (B, 2), "c": (B, H), "rh": (B, 2), "rc": (B, H), "hr": (2, H)}
        shapes |= {"ih": (4 * H, C), "hh": (4 * H, 2), "bih": (4 * H,), "bhh": (4 * H,)}
        t = {name: torch.randn(shape, dtype=torch.float64).requires_grad_() for name, shape in shapes.items()}
        weights = Weights(t["ih"], t["hh"], t["bih"], t["bhh"], t["hr"])
        restart, state = (t["rh"], t["rc"]), (t["h"], t["c"])
        how = {"reverse": reverse, "lengths": lengths, "reset": reset, "restart": restart}
        outputs = flat(sweep(cells.LSTM(), t["x"], state, weights, **how))
        found.append({f"output {k}": y for k, y in enumerate(outputs)} | gradients(outputs, t))
    assert_close(*found)


@pytest.mark.parametrize("name", PAIRS)
def test_autocast_on_the_cpu_leaves_the_dtype_of_the_parameters(name):
    ours, _ = pair(name, C, H)
    x, hx = torch.randn(T, B, C).bfloat16(), state_for(ours, B, torch.bfloat16)
    start = hx if len(hx) > 1 else hx[0]
    wide = tuple(part.float() for part in hx)
    plain = flat(ours(x.float(), wide if len(hx) > 1 else wide[0]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert all(torch.equal(one, two) for one, two in zip(flat(ours(x, start)), plain, strict=True))
        packed, _ = ours(pack_sequence([x[:, 0]]))
        assert packed.data.dtype == torch.float32
    with pytest.raises(ValueError, match="float32"):
        ours(x)


def test_a_functional_call_runs_with_the_parameters_it_is_given():
    ours, torchs = pair("LSTM", C, H)
    x = torch.randn(T, B, C, dtype=torch.float64)
    other = {name: p.detach().double() + 0.1 for name, p in ours.named_parameters()}
    came, wanted = (torch.func.functional_call(layer, other, (x,))[0] for layer in (ours, torchs))
    assert torch.allclose(came, wanted, rtol=1e-12)
    assert ours(x.float())[0].dtype == torch.float32


def test_weight_norm_of_a_layer():
    ours, torchs = pair("GRU", C, H, dtype=torch.float64)
    for layer in (ours, torchs):
        nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    x = torch.randn(T, B, C, dtype=torch.float64)
    assert_close(results(ours, x), results(torchs, x))


def test_a_sweep_can_be_passed_in():
    """What the analysis of the gradient relies on: it sees every call of the sweep, layer by layer."""
    layer, calls = recorrente.LSTM(C, H, num_layers=2, bidirectional=True), []
    x = torch.randn(T, B, C)

    def traced(cell, x, state, weights, *, reverse=False):
        calls.append((x.shape[-1], reverse))
        return reference(cell, x, state, weights, reverse=reverse)

    y, _ = layer.run(x, layer.zero_state(x), traced)
    assert calls == [(C, False), (C, True), (2 * H, False), (2 * H, True)]
    assert torch.allclose(y, layer(x)[0], atol=1e-6)


def test_explain_asks_for_an_input():
    for module in (recorrente.GRU(C, H), nn.Sequential(recorrente.GRU(C, H))):
        with pytest.raises((InputError, TypeError), match=r"inputs: got None|missing 1 required"):
            recorrente.explain(module)


def test_explain_says_where_and_why():
    x = torch.randn(T, B, C)
    layer = recorrente.LSTM(C, H)
    (way,) = recorrente.explain(layer, x).layers
    assert (way.path, way.target, way.threads) == ("native", recorrente.native.target(), torch.get_num_threads())
    assert "saves for the backward pass" in str(way)
    with torch.no_grad():
        assert "saves nothing" in str(recorrente.explain(layer, x))
    assert "float16" in str(recorrente.explain(layer.half(), x.half()))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert recorrente.explain(recorrente.GRU(C, H), x.bfloat16()).layers[0].path == "native"
    assert recorrente.explain(recorrente.GRU(C, H), pack_sequence([x[:, 0]])).layers[0].path == "native"


def test_explain_reads_a_call_as_the_layer_would():
    layer, x = recorrente.GRU(C, H), torch.randn(T, B, C)
    for call in ({"trace": True}, {"input": x, "trace": True}):
        (way,) = recorrente.explain(layer, *([] if "input" in call else [x]), **call).layers
        assert (way.path, way.target) == ("reference", "")
        assert "trace=True" in way.reason
    assert recorrente.explain(layer, x, trace=False).layers[0].path == "native"
    assert recorrente.explain(layer, lengths=[1, 2, 3], input=x).layers[0].path == "native"
    ragged = recorrente.explain(layer.half(), x.half(), None, [1, 2, 3]).layers[0]  # which torch does not know
    assert ragged.path == "reference"
    with pytest.raises(InputError, match=r"inputs: got a call that GRU does not take.*'foo'"):
        recorrente.explain(layer, x, foo=1)
    with pytest.raises(InputError, match=r"inputs: got a call that GRU does not take.*'input'"):
        recorrente.explain(layer, lengths=[1, 2, 3])


@pytest.mark.parametrize("kind", [recorrente.GRU, recorrente.LSTM])
def test_explain_counts_a_state_that_wants_a_gradient(kind):
    layer, x, h = kind(C, H).requires_grad_(False), torch.randn(T, B, C), torch.randn(1, B, H, requires_grad=True)
    hx = h if kind is recorrente.GRU else (torch.zeros(1, B, H), h)
    reset = torch.zeros(T, B, dtype=torch.bool)
    assert layer(x, hx)[0].requires_grad
    assert "saves nothing" in str(recorrente.explain(layer, x))
    for given in ({"hx": hx}, {"reset": reset, "restart": hx}):
        assert "saves for the backward pass" in str(recorrente.explain(layer, x, **given))


def test_explain_of_a_model_runs_it_and_changes_nothing():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.ours, self.torchs = recorrente.GRU(C, H), nn.LSTM(H, H)
            self.own = layers.Recurrent(recorrente.cells.Elman(torch.sin), H, H)
            self.idle = recorrente.RNN(C, H)

        def forward(self, x):
            return self.own(self.torchs(self.ours(x)[0])[0])[0]

    model = Model()
    told = recorrente.explain(model, torch.randn(T, B, C))
    assert [(way.name, way.path) for way in told.layers] == [
        ("ours", "native"),
        ("torchs", "torch"),
        ("own", "reference"),
    ]
    assert "accelerate" in str(told)
    assert not any(part._forward_pre_hooks for part in model.modules())
