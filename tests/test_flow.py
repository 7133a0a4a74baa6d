"""The gradient seen, against autograd asked one step at a time, dense Jacobians and exponents that are known."""

import math

import pytest
import torch
from table import flat, problem
from test_online import ALL
from torch import nn

import recorrente
from recorrente import cells, layers
from recorrente.credit import Truncated, gradient_flow, judge, lyapunov_exponents, singular_values, spectrum
from recorrente.credit.trace import traced
from recorrente.errors import InputError
from recorrente.sweep import reference

T, B, C, H = 6, 3, 4, 5
DOUBLE = torch.float64


def hooked(layer, x, loss):
    """dL/dh_t of a plain loop with a hook on every h_t, of one layer in one direction."""
    weights, state, seen, outputs = layer.weights()[0], tuple(part[0] for part in layer.zero_state(x)), {}, []
    for t in range(len(x)):
        _, state = reference(layer.cell, x[t : t + 1], state, weights)
        h = state[0]
        h.register_hook(lambda d, t=t: seen.__setitem__(t, d))
        outputs.append(h)
    loss(torch.stack(outputs)).backward()
    return torch.stack([seen[t] for t in range(len(x))])


@pytest.mark.parametrize("kind", [recorrente.RNN, recorrente.GRU, recorrente.LSTM])
def test_norms_are_those_of_hooks(kind):
    layer, x = kind(C, H, dtype=DOUBLE), torch.randn(T, B, C, dtype=DOUBLE)
    weight = torch.randn(T, B, H, dtype=DOUBLE)

    def loss(y):
        return (weight * y.tanh()).sum()

    truth = hooked(layer, x, loss)
    for layer.credit in (None, Truncated(2)):  # what is seen is the whole gradient
        assert torch.allclose(gradient_flow(layer, x, loss).norms[0], truth.norm(dim=-1), rtol=1e-12)


CHOSEN = {"learned_state": True}, {"zoneout": 0.3, "residual": True}


@pytest.mark.parametrize(
    ("kind", "how"),
    [(kind, how) for kind in (recorrente.GRU, recorrente.LSTM) for how in CHOSEN]
    + [(recorrente.GRU, {"zoneout": 0.5}), (recorrente.LSTM, {"zoneout": (0.5, 0.2)})],
    ids=str,
)
def test_what_is_seen_is_the_layer_with_all_that_was_chosen_of_it(kind, how):
    """dL/dh_t and dh_T/dh_t by running the layer itself from h_t on."""
    layer, x = kind(C, C, dtype=DOUBLE, **how).eval(), torch.randn(T, B, C, dtype=DOUBLE)
    for name, parameter in layer.named_parameters():
        if name.endswith("_0"):
            nn.init.normal_(parameter, std=3.0)
    flow = gradient_flow(layer, x, lambda y: y.square().sum())
    lag = 4
    for t in range(T - 1):
        state = layer(x[: t + 1])[1]
        h, *rest = (state,) if isinstance(state, torch.Tensor) else state
        h = h.detach().requires_grad_()

        def on(h, t=t, rest=rest):
            return layer(x[t + 1 :], (h, *rest) if rest else h)

        now = h[0] + (x[t] if layer.residual else 0)
        loss = now.square().sum() + on(h)[0].square().sum()
        (d,) = torch.autograd.grad(loss, h)
        assert torch.allclose(flow.norms[0, t], d[0].norm(dim=-1), rtol=1e-10)
        if t + 1 == T - lag:
            J = torch.autograd.functional.jacobian(lambda h: flat(on(h)[1])[0][0], h)  # (B, C, 1, B, C)
            dense = torch.stack([J[b, :, 0, b] for b in range(B)])
            assert torch.allclose(singular_values(layer, x, lag=lag)[0], torch.linalg.svdvals(dense), rtol=1e-8)


def test_a_mask_of_h_is_in_the_singular_values():
    layer, x = recorrente.GRU(C, H, dtype=DOUBLE), torch.randn(T, B, C, dtype=DOUBLE)
    drop, (weights,) = torch.rand(B, H, dtype=DOUBLE), layer.weights()
    seen = []

    def dropping(cell, x, state, weights, **along):
        return traced(seen)(cell, x, state, weights, drop=drop, **along)

    h = torch.randn(B, H, dtype=DOUBLE)
    dropping(layer.cell, x, (h,), weights)
    J = torch.autograd.functional.jacobian(lambda h: reference(layer.cell, x[:1], (h,), weights, drop=drop)[1][0], h)
    one = spectrum._of(seen[0])
    probe = torch.randn(B, 1, H, 2, dtype=DOUBLE)
    dense = torch.stack([J[b, :, b] for b in range(B)])
    assert torch.allclose(one.push(0, probe)[:, 0], dense @ probe[:, 0], rtol=1e-10)
    assert torch.allclose(one.pull(0, probe)[:, 0], dense.mT @ probe[:, 0], rtol=1e-10)


def test_lengths_layers_and_directions():
    layer = recorrente.LSTM(C, H, 2, bidirectional=True, dtype=DOUBLE)
    x, lengths = torch.randn(T, B, C, dtype=DOUBLE), [T, 2, 4]
    flow = gradient_flow(layer, x, lambda y: y.square().sum(), lengths)
    assert flow.norms.shape == (4, T, B)
    assert flow.reverse == (False, True, False, True)
    for b, n in enumerate(lengths):
        alone = gradient_flow(layer, x[:n, b : b + 1], lambda y: y.square().sum())
        assert torch.allclose(flow.norms[:, :n, b], alone.norms[..., 0], rtol=1e-11)
        assert torch.allclose(flow.gates[..., :n, b], alone.gates[..., 0], rtol=1e-11)
        assert torch.equal(flow.saturation[..., :n, b], alone.saturation[..., 0])
        assert not flow.norms[:, n:, b].any()
    assert flow.median()[1].tolist() == flow.norms[1].median(1).values.flip(0).tolist()


@pytest.mark.parametrize("name", ALL)
def test_the_traced_sweep_is_the_reference(name):
    x, state, weights = problem(ALL[name], (T, B, C, H))
    for how in ({}, {"reverse": True}, {"lengths": torch.tensor([T, 0, 2])}):
        one, two = (sweep(ALL[name], x, state, weights, **how) for sweep in (traced([]), reference))
        assert torch.allclose(one[0], two[0], rtol=1e-13, atol=1e-15)
        assert all(torch.allclose(a, b, rtol=1e-13, atol=1e-15) for a, b in zip(one[1], two[1], strict=True))


@pytest.mark.parametrize("kind", [recorrente.RNN, recorrente.GRU, recorrente.LSTM])
def test_gates_and_shares_are_what_the_weights_gradients_are_made_of(kind):
    """One row alone: dL/db_ih of a gate is the sum over t of its dL/da; for one step their norms are equal."""
    layer, x = kind(C, H, dtype=DOUBLE), torch.randn(1, 1, C, dtype=DOUBLE)
    flow = gradient_flow(layer, x, lambda y: y.square().sum())
    (d,) = torch.autograd.grad(layer(x)[0].square().sum(), layer.bias_ih_l0)
    assert torch.allclose(flow.gates[0, :, 0, 0], d.view(-1, H).norm(dim=1), rtol=1e-12)

    x = torch.randn(T, B, C, dtype=DOUBLE)
    flow = gradient_flow(layer, x, lambda y: y.square().sum())
    (whole,) = torch.autograd.grad(layer(x)[0].square().sum(), layer.weight_hh_l0)
    assert flow.shares.sum().item() == pytest.approx(1, rel=1e-12)
    for t in range(T):  # W_hh that only step t reads
        weights = [w.detach().clone().requires_grad_() for w in layer.weights()[0][:4]]
        state, outputs, own = tuple(part[0] for part in layer.zero_state(x)), [], weights[1].detach().requires_grad_()
        for s in range(T):
            used = layer.weights()[0]._replace(weight_hh=own if s == t else weights[1])
            y, state = reference(layer.cell, x[s : s + 1], state, used)
            outputs.append(y)
        (part,) = torch.autograd.grad(torch.cat(outputs).square().sum(), own)
        share = (part * whole).sum() / whole.square().sum()
        assert flow.shares[0, t].sum().item() == pytest.approx(share.item(), rel=1e-10, abs=1e-13)


def test_saturation_of_gates_that_are_driven():
    """An input of 0 leaves every gate at its bias: sigmoid is saturated beyond 4.36, tanh beyond 2.18."""
    layer = recorrente.LSTM(C, H, dtype=DOUBLE)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.bias_ih_l0.view(4, H).copy_(torch.tensor([4.2, -4.5, 2.1, 4.5])[:, None].expand(4, H))
        layer.bias_ih_l0[2 * H] = -2.3  # one unit's g
    x = torch.zeros(3, 1, C, dtype=DOUBLE)
    seen = gradient_flow(layer, x, lambda y: y.sum()).saturation[0, :, 1:, 0]
    assert seen.tolist() == [[0, 0], [1, 1], [0.2, 0.2], [1, 1]]
    linear = layers.Recurrent(cells.Elman("linear"), C, H).double()
    assert not gradient_flow(linear, x, lambda y: y.sum()).saturation.any()


def dense(layer, x, first):
    """dh_T / dh_first of one row, by autograd through a loop, entry by entry."""
    weights, state = layer.weights()[0], tuple(part[0] for part in layer.zero_state(x))
    for t in range(first):
        _, state = reference(layer.cell, x[t : t + 1], state, weights)
    h, rest = state[0].detach(), tuple(part.detach() for part in state[1:])

    def end(h):
        return reference(layer.cell, x[first:], (h, *rest), weights)[1][0][0]

    return torch.autograd.functional.jacobian(end, h)[:, 0]


@pytest.mark.parametrize("hidden", [5, 29, 50])
@pytest.mark.parametrize("kind", [recorrente.RNN, recorrente.GRU, recorrente.LSTM])
def test_singular_values_are_those_of_the_dense_jacobian(kind, hidden):
    layer, x = kind(C, hidden, dtype=DOUBLE), torch.randn(9, 2, C, dtype=DOUBLE)
    for lag in (1, 3, 9):
        came = singular_values(layer, x, lag=lag, most=5)
        for b in range(2):
            truth = torch.linalg.svdvals(dense(layer, x[:, b : b + 1], 9 - lag))[:5]
            assert torch.allclose(came[0, b], truth, rtol=1e-3 if hidden > 29 else 1e-10), (lag, b)
    assert torch.allclose(singular_values(layer, x, lag=0, most=3), torch.ones(1, 2, 3, dtype=DOUBLE), rtol=1e-12)


def test_singular_values_of_the_reverse_direction_run_the_other_way():
    layer, x = recorrente.GRU(C, H, bidirectional=True, dtype=DOUBLE), torch.randn(7, 1, C, dtype=DOUBLE)
    alone = recorrente.GRU(C, H, dtype=DOUBLE)
    alone.load_state_dict({name: layer.state_dict()[f"{name}_reverse"] for name in alone.state_dict()})
    one, two = singular_values(layer, x, lag=4)[1], singular_values(alone, x.flip(0), lag=4)[0]
    assert torch.allclose(one, two, rtol=1e-10)


def test_exponents_of_a_linear_network_are_the_logarithms_of_its_eigenvalues():
    layer = layers.Recurrent(cells.Elman("linear"), 1, H).double()
    with torch.no_grad():
        basis, sizes = torch.linalg.qr(torch.randn(H, H, dtype=DOUBLE)).Q, torch.tensor([1.3, 0.9, 0.5, 0.2, 0.1])
        layer.weight_hh_l0.copy_(basis @ torch.diag(sizes.double()) @ basis.T)
    came = lyapunov_exponents(layer, torch.zeros(200, 1, 1, dtype=DOUBLE), most=3, settle=100)[0, 0]
    assert torch.allclose(came, sizes[:3].double().log(), atol=1e-9)


def test_exponents_of_a_random_tanh_network():
    """Gain 0.5: at rest, log of the spectral radius. Gain 3: chaos, as two trajectories that part show."""
    torch.manual_seed(1)
    layer, n = layers.Recurrent(cells.Elman("tanh"), 1, 60, bias=False).double(), 600
    x = torch.zeros(n, 1, 1, dtype=DOUBLE)
    whole = torch.randn(60, 60, dtype=DOUBLE) / math.sqrt(60)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(0.5 * whole)
    radius = torch.linalg.eigvals(0.5 * whole).abs().max().item()
    assert lyapunov_exponents(layer, x, most=2, settle=100)[0, 0, 0].item() == pytest.approx(math.log(radius), abs=0.01)

    x[0] = 1
    with torch.no_grad():
        layer.weight_hh_l0.copy_(3 * whole)
    came = lyapunov_exponents(layer, x, most=2, settle=100)[0, 0, 0].item()
    assert came == pytest.approx(parting(layer, x, 100), abs=0.01)
    assert came > 0.05


def parting(layer, x, settle):
    """The mean growth of a difference of 1e-7, brought back to that size at every step."""
    state, weights, total = layer.zero_state(x)[0][0], layer.weights()[0], 0.0
    with torch.no_grad():
        _, (near,) = reference(layer.cell, x[:1], (state,), weights)
        state = near
        near = state + 1e-7 * torch.nn.functional.normalize(torch.randn_like(state), dim=1)
        for t in range(1, len(x)):
            (state,), (near,) = (reference(layer.cell, x[t : t + 1], (h,), weights)[1] for h in (state, near))
            apart = (near - state).norm()
            near = state + (near - state) * (1e-7 / apart)
            total += math.log(apart / 1e-7) if t >= settle else 0.0
    return total / (len(x) - settle)


def test_verdicts():
    t = torch.arange(40.0)
    vanishing = judge(0.75 ** t.flip(0))
    assert (vanishing.word, vanishing.reach) == ("vanishing", 17)
    assert vanishing.factor == pytest.approx(0.75)
    assert "under 1 % after 17 steps" in vanishing.sentence
    assert "Try an LSTM or GRU" in vanishing.sentence
    advice = {("r", "z", "n"): "bias of z", ("i", "f", "g", "o"): "bias of f", ("i", "g", "o"): "orthogonal"}
    for gates, word in advice.items():
        sentence = judge(0.75 ** t.flip(0), gates).sentence
        assert word in sentence
        assert "LSTM or GRU" not in sentence
    assert judge(1.2 ** t.flip(0)).word == "exploding"
    assert judge(0.99 ** t.flip(0)).word == "carried"
    assert judge(torch.cat([0.5 ** t.flip(0), torch.zeros(20)])).reach == 7  # a loss in the middle
    assert judge(torch.zeros(5)).word == "none"
    assert judge(torch.ones(1)).word == "carried"


@pytest.mark.parametrize(
    ("norms", "reach"),
    [([1, math.nan, 2], 1), ([math.nan] * 3, 0), ([math.inf, 1, 2, 0], 2), ([1, math.nan, math.nan, 1, 1], 2)],
    ids=str,
)
def test_norms_that_are_not_finite_are_told_so(norms, reach):
    verdict = judge(torch.tensor(norms))
    assert (verdict.word, verdict.reach, verdict.factor) == ("not finite", reach, 0)
    bad = sum(not math.isfinite(norm) for norm in norms)
    assert f"NaN or infinite at {bad} of {len(norms)} steps" in verdict.sentence


def test_a_row_that_is_not_finite_is_seen_as_such_and_the_others_as_ever():
    layer, x = recorrente.LSTM(C, H), torch.randn(T, B, C)
    whole = singular_values(layer, x, lag=2)
    x[0, 1, 0] = math.nan
    came = singular_values(layer, x, lag=2)
    assert came[:, 1].isnan().all()
    assert torch.equal(came[:, [0, 2]], whole[:, [0, 2]])
    assert judge(gradient_flow(layer, x, lambda y: y.sum()).norms[0, :, 1]).word == "not finite"


def test_a_gradient_that_falls_and_rises_again_is_told_by_its_way_down():
    norms = torch.cat([torch.full((5,), 3.0), 0.5 ** torch.arange(12.0).flip(0)])
    verdict = judge(norms)
    assert (verdict.word, verdict.reach) == ("vanishing", 7)
    assert math.isclose(verdict.factor, 0.5)


def test_what_cannot_be_seen_is_refused():
    layer, x = recorrente.GRU(C, H), torch.randn(T, B, C)
    with pytest.raises(InputError, match="loss"):
        gradient_flow(layer, x, lambda y: y)
    with pytest.raises(InputError, match=r"loss: got .*depends on no output"):
        gradient_flow(layer, x, lambda y: torch.zeros(()))
    with pytest.raises(InputError, match="x: got"):
        gradient_flow(layer, x[:0], lambda y: y.sum())
    with pytest.raises(InputError, match="lag"):
        singular_values(layer, x, lag=T + 1)
    with pytest.raises(InputError, match="settle"):
        lyapunov_exponents(layer, x, settle=T)
    assert gradient_flow(layers.Network(layer, nn.Linear(H, 2)), x, lambda y: y.sum(), gates=False).gates.shape == (
        1,
        0,
    )


@pytest.mark.parametrize("lengths", [None, [T, 2, 4]])
@pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways"])
def test_a_head_that_reads_all_steps_together(both, lengths):
    """The loss is told what `last` says, each row is as it is alone, and a head of means gives each step one share."""
    layer = recorrente.GRU(C, H, bidirectional=both, dtype=DOUBLE)
    head = nn.Linear(3 * H * (1 + both), 2, dtype=DOUBLE)
    network, x = layers.Network(layer, head, pooled=True), torch.randn(T, B, C, dtype=DOUBLE)
    ends = None if lengths is None else torch.tensor(lengths)
    seen = []
    flow = gradient_flow(network, x, lambda y: seen.append(y) or y.square().sum(), lengths)
    assert torch.allclose(seen[0], network.last(x, lengths=ends), rtol=1e-12)
    for b, n in enumerate(lengths or [T] * B):
        alone = gradient_flow(network, x[:n, b : b + 1], lambda y: y.square().sum())
        assert torch.allclose(flow.norms[:, :n, b], alone.norms[..., 0], rtol=1e-11)
    with torch.no_grad():  # the mean alone, of a recurrence without memory: each step has the same share
        layer.weight_hh_l0.zero_()
        head.weight.zero_()
        head.weight[:, H * (1 + both) : 2 * H * (1 + both)] = 1
        layer.bias_ih_l0[H : 2 * H] = -50.0  # z is 0: nothing of h stays
    if not both and lengths is None:
        norms = gradient_flow(network, x, lambda y: y.sum()).norms
        assert torch.allclose(norms, norms[0, 0, 0].expand_as(norms), rtol=1e-11)


LOOKS = {
    "gradient_flow": lambda module, x: gradient_flow(module, x, lambda y: y.sum()),
    "singular_values": lambda module, x: singular_values(module, x, lag=2),
    "lyapunov_exponents": lyapunov_exponents,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_what_cannot_be_looked_at_is_named(look):
    layer, x = recorrente.GRU(C, H), torch.randn(T, B, C)
    for module in (nn.GRU(C, H), layers.Network(nn.GRU(C, H), nn.Linear(H, 2))):
        with pytest.raises(InputError, match=r"module: got GRU\(4, 5\).*recorrente\.accelerate"):
            look(module, x)
    with pytest.raises(InputError, match="module: got Linear"):
        look(nn.Linear(C, H), x)
    with pytest.raises(InputError, match=r"x: got shape \(6, 0, 4\), wanted .*B of 1 or more"):
        look(layer, x[:, :0])
    with pytest.raises(InputError, match=r"x: got .*\(6, 3, 3\), wanted .*input_size, here 4"):
        look(layer, x[..., :3])
    with pytest.raises(InputError, match=r"x: got .*\(6, 3, 7\) behind the encoder, wanted"):
        look(layers.Network(layer, nn.Linear(H, 2), nn.Linear(C, 7)), x)


def test_the_encoder_of_a_network_is_looked_through():
    """As the layer is told of what the encoder gives; and for one step, as its own run from h_t on."""
    encoder, layer, head = nn.Linear(3, C, dtype=DOUBLE), recorrente.GRU(C, H, dtype=DOUBLE), nn.Linear(H, 2).double()
    network, x, t = layers.Network(layer, head, encoder), torch.randn(T, B, 3, dtype=DOUBLE), 2
    flow = gradient_flow(network, x, lambda y: y[-1].square().sum())
    read = encoder(x).detach()
    h = layer(read[: t + 1])[1].detach().requires_grad_()
    (d,) = torch.autograd.grad(head(layer(read[t + 1 :], h)[0][-1]).square().sum(), h)
    assert torch.allclose(flow.norms[0, t], d[0].norm(dim=-1), rtol=1e-12)
    assert torch.equal(singular_values(network, x, lag=3), singular_values(layer, read, lag=3))
    assert torch.equal(lyapunov_exponents(network, x), lyapunov_exponents(layer, read))
    words = layers.Network(layer, head, nn.Embedding(7, C, dtype=DOUBLE))
    assert gradient_flow(words, torch.randint(7, (T, B)), lambda y: y.sum()).norms.shape == (1, T, B)


class Halved(nn.Module):
    """Two steps are one."""

    def forward(self, x):
        return x[0::2] + x[1::2]


def test_an_encoder_may_make_fewer_steps():
    network, x = layers.Network(recorrente.GRU(C, H), nn.Linear(H, 2), Halved()), torch.randn(T, B, C)
    assert gradient_flow(network, x, lambda y: y.sum()).norms.shape == (1, T // 2, B)
    with pytest.raises(InputError, match="lag: got 4, wanted steps from 0 to T, here 3"):
        singular_values(network, x, lag=4)


@pytest.mark.parametrize("gates", [True, False])
@pytest.mark.parametrize("kind", [recorrente.RNN, recorrente.GRU, recorrente.LSTM])
def test_the_gradient_is_seen_of_frozen_layers_and_without_grad_mode(kind, gates):
    layer, x = kind(C, H, num_layers=2, bidirectional=True, learned_state=True), torch.randn(T, B, C)

    def seen(x=x):
        flow = gradient_flow(layer, x, lambda y: y.square().sum(), gates=gates)
        return flow.norms, flow.gates, flow.saturation, flow.shares

    found = [seen()]
    with torch.no_grad():
        found.append(seen())
    with torch.inference_mode():
        found.append(seen(x.clone()))
    layer.requires_grad_(False)
    found.append(seen())
    for other in found[1:]:
        assert all(torch.equal(one, two) for one, two in zip(found[0], other, strict=True))
