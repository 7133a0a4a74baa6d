"""torch.compile, torch.export and the operator behind them."""

import subprocess
import sys

import pytest
import torch
from table import CELLS, assert_close, flat, gradients, problem
from torch import nn
from torch.export import Dim, export

import recorrente
from recorrente import _core
from recorrente.calls import N_INPUTS
from recorrente.noise import Noise

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script:DeprecationWarning")

CODES = {"tanh": _core.ELMAN_TANH, "gru": _core.GRU, "lstm": _core.LSTM}


def arguments(name, *, lengths=None, reverse=False, saving=True):
    x, state, weights = problem(CELLS[name], (5, 3, 4, 6))
    c0 = state[1] if len(state) == 2 else None
    return x, *weights[:4], state[0], c0, *[None] * (N_INPUTS - 7), lengths, *[None] * 4, CODES[name], reverse, saving


@pytest.mark.parametrize("lengths", [None, [5, 0, 3]], ids=["whole", "ragged"])
@pytest.mark.parametrize("name", CODES)
@pytest.mark.usefixtures("fresh_memory_holds_nan")  # the bytes saved have gaps, which opcheck compares too
def test_opcheck(name, lengths):
    lengths = None if lengths is None else torch.tensor(lengths)
    call = arguments(name, lengths=lengths, reverse=lengths is not None)
    torch.library.opcheck(torch.ops.recorrente.sweep.default, call)
    plain = [part.detach() if isinstance(part, torch.Tensor) else part for part in call]
    y, h, _, saved = torch.ops.recorrente.sweep(*plain)
    back = (
        torch.randn_like(y),
        torch.randn_like(h),
        None,
        *plain[: N_INPUTS + 5],
        y,
        saved,
        *plain[N_INPUTS + 5 : N_INPUTS + 7],
    )
    wanted = [part is not None for part in plain[:N_INPUTS]]
    torch.library.opcheck(torch.ops.recorrente.sweep_backward.default, (*back, wanted))


def test_the_operator_says_that_nothing_was_saved():
    y, *_ = torch.ops.recorrente.sweep(*arguments("gru", saving=False))
    with pytest.raises(RuntimeError, match="saving=False"):
        y.sum().backward()


@pytest.mark.parametrize("kind", [recorrente.RNN, recorrente.GRU, recorrente.LSTM])
def test_compile_whole_with_dynamic_steps_and_rows(kind):
    torch._dynamo.reset()
    layer = kind(4, 5, num_layers=2, bidirectional=True, batch_first=True, dtype=torch.float64)
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend="aot_eager")
    graphs = torch._dynamo.utils.counters["stats"]
    graphs.clear()
    for B, T in ((3, 5), (2, 7), (6, 6), (4, 2)):
        x = torch.randn(B, T, 4, dtype=torch.float64, requires_grad=True)
        found = []
        for function in (compiled, layer):
            outputs = dict(enumerate(flat(function(x))))
            inputs = {"x": x, **dict(layer.named_parameters())}
            found.append({str(k): y for k, y in outputs.items()} | gradients(outputs.values(), inputs))
        assert_close(*found)
    assert graphs["unique_graphs"] == 1


def test_compile_with_lengths_and_without_gradients():
    torch._dynamo.reset()
    layer = recorrente.GRU(4, 5)
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend="aot_eager")
    x, lengths = torch.randn(6, 3, 4), torch.tensor([2, 6, 0])
    assert torch.equal(compiled(x, lengths=lengths)[0], layer(x, lengths=lengths)[0])
    with torch.no_grad():
        assert torch.equal(compiled(x)[0], layer(x)[0])
    with pytest.raises(ValueError, match="length"):
        compiled(x, lengths=lengths + 1)


@pytest.mark.parametrize("kind", [recorrente.RNN, recorrente.GRU, recorrente.LSTM])
def test_two_sweeps_that_a_compiler_makes_one_go_back_each_as_if_alone(kind):
    torch._dynamo.reset()
    layer, x = kind(4, 5, num_layers=2, dtype=torch.float64), torch.randn(6, 3, 4, dtype=torch.float64)

    def loss(x):
        return layer(x)[0].square().sum() + layer(x)[0].sin().sum()

    parameters = list(layer.parameters())
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    came, right = (torch.autograd.grad(f(x), parameters) for f in (compiled, loss))
    assert_close(dict(enumerate(came)), dict(enumerate(right)))


def test_a_stream_is_compiled_whole():
    torch._dynamo.reset()
    plain, stream = (recorrente.Stateful(recorrente.GRU(4, 5)) for _ in range(2))
    stream.load_state_dict(plain.state_dict())
    compiled, x = torch.compile(stream, fullgraph=True, backend="aot_eager"), torch.randn(6, 3, 4)
    assert all(torch.equal(compiled(part), plain(part)) for part in x.split(2))


NOISES = {"zoneout": (0.2, 0.4)}, {"recurrent_dropout": 0.2}, {"input_dropout": 0.2}, {"weight_dropout": 0.2}


@pytest.mark.parametrize("noise", NOISES, ids=str)
def test_a_layer_in_training_with_noise_is_one_graph(noise):
    """Compiled and exported whole; its masks are drawn anew at each call."""
    torch._dynamo.reset()
    layer, x = recorrente.LSTM(4, 5, **noise), torch.randn(6, 3, 4)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    one, two = compiled(x)[0], compiled(x)[0]
    one.sum().backward()
    assert layer.weight_hh_l0.grad.isfinite().all()
    assert not torch.equal(one, two)
    assert export(layer, (x,)).module()(x)[0].shape == one.shape


def test_masks_in_a_graph_have_their_chance():
    drawn = torch.compile(lambda x: Noise(zoneout=0.2).along(x, (50,), True)["zone"][0], backend="aot_eager")
    torch._dynamo.reset()
    zone = drawn(torch.zeros(100, 40, 1))
    assert zone.dtype == torch.bool
    assert abs(zone.float().mean().item() - 0.2) < 5 * (0.2 * 0.8 / zone.numel()) ** 0.5


@pytest.mark.skipif(" " in torch.__file__, reason="inductor's linker command splits torch's own path at its spaces")
def test_compile_with_inductor():
    """The default backend, forward and backward, once: its compiler is slow."""
    torch._dynamo.reset()
    net = nn.Sequential(recorrente.LSTM(4, 5)).double()[0]
    compiled = torch.compile(net, fullgraph=True)
    x = torch.randn(5, 3, 4, dtype=torch.float64, requires_grad=True)
    one, two = (torch.autograd.grad(f(x)[0].square().sum(), [x, net.weight_hh_l0]) for f in (compiled, net))
    assert all(torch.allclose(a, b, rtol=1e-12) for a, b in zip(one, two, strict=True))


class Last(nn.Module):
    def __init__(self):
        super().__init__()
        self.recurrence, self.head = recorrente.LSTM(4, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.recurrence(x)[0][:, -1])


@pytest.mark.parametrize("strict", [False, True], ids=["trace", "strict"])
def test_export_with_dynamic_steps_and_rows(strict):
    model = Last().eval()
    with torch.no_grad():
        program = export(model, (torch.randn(3, 6, 4),), dynamic_shapes=({0: Dim("B"), 1: Dim("T")},), strict=strict)
        x = torch.randn(2, 9, 4)
        assert torch.equal(program.module()(x), model(x))
    assert any("recorrente.sweep" in str(node.target) for node in program.graph.nodes)


def test_dynamo_is_told_only_when_it_comes():
    """Importing the layers does not import Dynamo; importing Dynamo later finds its setting made, and works."""
    code = (
        "import sys, torch, recorrente.layers; assert 'torch._dynamo' not in sys.modules;"
        "import torch._dynamo; assert torch._dynamo.config.allow_rnn;"
        "assert not any(type(finder).__module__ == 'recorrente.compiling' for finder in sys.meta_path)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
