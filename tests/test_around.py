"""What torch does around a layer: it records, wraps, hooks, transforms. Ours answers as torch's, or says why not."""

import io
import warnings
from functools import partial

import onnx
import onnxruntime
import pytest
import torch
from table import PAIRS, assert_close, pair
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing._internal.two_tensor import TwoTensor

import recorrente
from recorrente import cells
from recorrente.credit import Checkpointed, Recompute, Rtrl, Truncated, gradient_flow, singular_values
from recorrente.errors import InputError
from recorrente.layers import Recurrent
from recorrente.native import SlowPathWarning, native

pytestmark = [
    pytest.mark.usefixtures("fresh_memory_holds_nan"),
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]

T, B, C, H = 7, 3, 6, 5
DOUBLE = torch.float64


def assert_same(came, right):
    """Of numbers in a row."""
    assert_close(dict(enumerate(came)), dict(enumerate(right)))


def some(*shape):
    return torch.randn(shape, dtype=DOUBLE)


def put_away(recorded):
    """What torch.jit has recorded, saved and loaded."""
    file = io.BytesIO()
    torch.jit.save(recorded, file)
    file.seek(0)
    return torch.jit.load(file)


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("name", PAIRS)
def test_a_trace_of_torch_jit_computes_the_layer(name, grad):
    layer, _ = pair(name, C, H, dtype=DOUBLE)
    with torch.set_grad_enabled(grad):
        traced = put_away(torch.jit.trace(layer, some(T, B, C)))
        x = some(T, B, C)
        assert_same(traced(x)[:1], layer(x)[:1])
    assert layer.path(x) == ("native", "")


def test_what_torch_does_not_know_is_traced_step_by_step_and_says_so():
    layer, x = recorrente.GRU(C, H, zoneout=0.3, dtype=DOUBLE).eval(), some(T, B, C)
    with pytest.warns(SlowPathWarning, match=r"torch\.jit records"):
        traced = torch.jit.trace(layer, x)
    assert_same(traced(2 * x), layer(2 * x))


def test_torch_jit_script_is_refused_with_what_to_do():
    model, x = nn.Sequential(recorrente.GRU(C, H, dtype=DOUBLE)), some(T, B, C)
    with pytest.raises(InputError, match=r"torch\.jit\.script: got GRU\(6, 5\).*restore"):
        torch.jit.script(model)
    y = model(x)[0]
    assert_same([put_away(torch.jit.script(recorrente.restore(model)))(x)[0]], [y])


@pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export")
@pytest.mark.filterwarnings("ignore:The feature will be removed:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Exporting a model to ONNX with a batch_size")
@pytest.mark.parametrize("name", [name for name in PAIRS if name != "LSTM projected"])  # which ONNX has not
def test_onnx_has_the_layer_as_one_operator(name):
    layer, _ = pair(name, C, H)
    file, x = io.BytesIO(), torch.randn(T, B, C)
    torch.onnx.export(layer.eval(), (x,), file, dynamo=False, input_names=["x"])
    model = onnx.load_model_from_string(file.getvalue())
    assert [node.op_type for node in model.graph.node].count(name.split()[0]) == 1
    (y, *_) = onnxruntime.InferenceSession(file.getvalue()).run(None, {"x": x.numpy()})
    assert torch.allclose(torch.from_numpy(y), layer(x)[0], atol=1e-6)


def second_order(layer, x):
    """Of a gradient penalty: dL/dW_hh and dL/dx."""
    (d,) = torch.autograd.grad(layer(x)[0].square().sum(), x, create_graph=True)
    d.square().sum().backward()
    return next(p for name, p in layer.named_parameters() if name.endswith("weight_hh_l0")).grad, x.grad


@pytest.mark.filterwarnings("ignore::recorrente.native.SlowPathWarning")
@pytest.mark.parametrize("given", [nn.Parameter, lambda x: x.requires_grad_()], ids=["parameter", "tensor"])
@pytest.mark.parametrize("backend", [None, "eager"])
@pytest.mark.parametrize("name", PAIRS)
def test_a_gradient_of_a_gradient_is_torchs(name, backend, given):
    ours, torchs = pair(name, C, H, dtype=DOUBLE)
    x = some(T, B, C)
    layer = ours if backend is None else torch.compile(ours, backend=backend)
    assert_same(second_order(layer, given(x.clone())), second_order(torchs, x.requires_grad_()))


@pytest.mark.parametrize("name", PAIRS)
def test_many_gradients_at_once_are_torchs(name):
    found, x = [], some(T, 1, C)
    for layer in pair(name, C, H, dtype=DOUBLE):
        given = x.clone().requires_grad_()
        y = layer(given)[0]
        each = torch.eye(y.numel()).view(-1, *y.shape)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found.append(torch.autograd.grad(y, [given, *layer.parameters()], each, is_grads_batched=True))
        if layer.__class__.__module__.startswith("recorrente"):
            assert any("is_grads_batched" in str(one.message) for one in told)
    assert_same(*found)


def going_back(y, x, d):
    return torch.autograd.grad(y, x, d, retain_graph=True)[0]


@pytest.mark.filterwarnings("ignore::recorrente.native.SlowPathWarning")
@pytest.mark.parametrize("name", PAIRS)
def test_a_gradient_under_vmap_is_torchs(name):
    found, x, v = [], some(T, 1, C), torch.randn(4, T, 1, 3 if "projected" in name else H, dtype=DOUBLE)
    for layer in pair(name, C, H, dtype=DOUBLE):
        y = layer(given := x.clone().requires_grad_())[0]
        found.append([torch.vmap(partial(going_back, y, given))(v)])
    assert_same(*found)


@pytest.mark.parametrize("rule", [Checkpointed(3), Recompute(), Rtrl()])
def test_many_gradients_at_once_through_a_rule_are_refused(rule):
    x = some(T, B, C).requires_grad_()
    for cell in (cells.GRU(), cells.Elman(torch.sin)):
        y, _ = Recurrent(cell, C, H, credit=rule).double()(x)
        with pytest.raises(InputError, match=r"is_grads_batched: got True, or vmap, through (Checkpointed|Rtrl)"):
            torch.autograd.grad(y, x, torch.stack([torch.ones_like(y)] * 2), is_grads_batched=True)


class Around(nn.Module):
    """A model as torch.fx records them: layers with and without a state and lengths."""

    def __init__(self):
        super().__init__()
        self.first, self.second = recorrente.LSTM(C, H, batch_first=True), Recurrent(cells.NormGRU(), H, H)

    def forward(self, x, lengths):
        y, (h, _) = self.first(x, None, lengths)
        return self.second(torch.relu(y), (h[0:1],), lengths=lengths[: y.shape[1]] * 0 + 2)[0]


def test_a_layer_is_one_node_for_torch_fx():
    model, x, lengths = Around(), torch.randn(B, B, C), torch.tensor([3, 1, 2])
    graph = torch.fx.symbolic_trace(model)
    assert [node.target for node in graph.graph.nodes if node.op == "call_module"] == ["first", "second"]
    assert torch.equal(graph(x, lengths), model(x, lengths))
    with pytest.raises(InputError, match=r"root: got GRU\(6, 5\), wanted a model around it"):
        torch.fx.symbolic_trace(recorrente.GRU(C, H))
    plain = torch.fx.symbolic_trace(nn.Sequential(recorrente.RNN(C, H)))
    assert torch.equal(plain(x)[0], plain.get_submodule("0")(x)[0])


def test_a_step_of_tensors_without_memory_has_its_shapes():
    with FakeTensorMode():
        layer, x = recorrente.LSTM(C, H, 2, bidirectional=True), torch.randn(T, B, C, requires_grad=True)
        y, (h, _) = layer(x)
        (y.sum() + h.sum()).backward()
    assert (y.shape, h.shape, x.grad.shape) == ((T, B, 2 * H), (4, B, H), x.shape)
    assert layer.weight_hh_l1.grad.shape == (4 * H, H)


@pytest.mark.parametrize("place", ["hx", "bias_hh_l0", "weight_ih_l0"])
def test_a_wrapper_of_tensors_beside_a_plain_input_is_refused_by_name(place):
    layer, hx = recorrente.GRU(C, H), None
    if place == "hx":
        hx = TwoTensor(torch.ones(1, B, H), torch.ones(1, B, H))
    else:
        whole = getattr(layer, place).detach()
        setattr(layer, place, nn.Parameter(TwoTensor(whole, whole.clone())))
    name = {"hx": "h0"}.get(place, place.removesuffix("_l0"))
    with torch.no_grad(), pytest.raises(InputError, match=f"{name}: got a .* without memory of its own"):
        layer(torch.zeros(T, B, C), hx)
    with pytest.raises(InputError, match="x: got a Tensor without memory of its own"):
        recorrente.GRU(C, H)(torch._efficientzerotensor((T, B, C)))


def through_hooks(pack, unpack):
    torch.manual_seed(0)
    layer, x = recorrente.LSTM(C, H), torch.randn(T, B, C)
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y, _ = layer(x)
    y.square().sum().backward()
    return layer.weight_hh_l0.grad


def test_hooks_for_saved_tensors_give_back_what_was_saved_or_are_refused():
    whole = through_hooks(lambda t: t, lambda t: t)
    assert torch.equal(through_hooks(torch.clone, torch.clone), whole)
    halves = through_hooks(
        lambda t: t.half() if t.is_floating_point() else t, lambda t: t.float() if t.is_floating_point() else t
    )
    assert torch.allclose(halves, whole, atol=1e-2)
    with pytest.raises(InputError, match=r"saved_tensors_hooks: got .* torch\.float32 for the .* bytes"):
        through_hooks(lambda t: t.half(), lambda t: t.float())
    with pytest.raises(InputError, match="saved_tensors_hooks: got"):
        through_hooks(lambda t: t[:-2] if t.dtype == torch.uint8 else t, lambda t: t)
    with pytest.raises(InputError, match=r"y: got .* torch\.float64"):
        through_hooks(lambda t: t, lambda t: t.double() if t.shape == (T, B, H) else t)


def test_masks_are_drawn_for_each_element_of_a_vmap():
    layer = recorrente.GRU(C, H, zoneout=0.5)
    x = torch.randn(T, B, C).expand(4, -1, -1, -1)
    with pytest.warns(SlowPathWarning):
        y = torch.func.vmap(lambda x: layer(x)[0], randomness="different")(x)
    assert not torch.equal(y[0], y[1])


def test_rules_under_a_transform():
    """Checkpointed's gradient is the whole one, in one piece there; Rtrl has no rule for it."""
    layer, x = recorrente.GRU(C, H, credit=Checkpointed(3)), torch.randn(T, B, C)
    found = []
    for layer.credit in (None, Checkpointed(3)):
        with pytest.warns(SlowPathWarning):
            found.append(torch.func.grad(lambda x: layer(x)[0].square().sum())(x))
    assert torch.equal(*found)
    layer.credit = Rtrl()
    with pytest.raises(InputError, match=r"credit: got Rtrl\(\), and a transform of torch.func"):
        torch.func.grad(lambda x: layer(x)[0].square().sum())(x)


@pytest.fixture
def nothing_by_default():
    """Where new tensors lie whose place nobody named: on a device without values."""
    yield lambda: torch.set_default_device("meta")
    torch.set_default_device(None)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"proj_size": 3},
        {"zoneout": 0.3, "recurrent_dropout": 0.2, "weight_dropout": 0.1, "input_dropout": 0.1},
        {"credit": Truncated(3, 2)},
        {"credit": Checkpointed(3)},
        {"credit": Rtrl()},
    ],
    ids=str,
)
def test_a_layer_on_the_cpu_minds_no_default_device(how, nothing_by_default):
    layer, x = recorrente.LSTM(C, H, **how), torch.randn(T, B, C)
    hx = torch.randn(1, B, layer.widths[0]), torch.randn(1, B, H)
    reset = torch.rand(T, B) < 0.3
    nothing_by_default()
    for given in ({}, {"lengths": [7, 1, 3]}, {"reset": reset, "restart": hx}):
        layer(x, hx, **given)[0].sum().backward()
    assert layer.weight_hh_l0.grad.isfinite().all()


def test_the_analysis_minds_no_default_device(nothing_by_default):
    layer, x = recorrente.GRU(C, H), torch.randn(T, B, C)
    nothing_by_default()
    assert gradient_flow(layer, x, lambda y: y.sum()).norms.isfinite().all()
    assert singular_values(layer, x, lag=3).isfinite().all()


def test_native_is_refused_where_it_would_leave_no_record():
    """The layers never come to this; a sweep that is called by hand may."""
    layer, x = recorrente.GRU(C, H), torch.randn(T, B, C)

    def swept(x):
        return native(cells.GRU(), x, (), layer.weights()[0])[0]

    with torch.no_grad(), pytest.raises(InputError, match=r"torch\.jit records"):
        torch.jit.trace(swept, x)
