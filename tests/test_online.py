"""Rules that go forward in time: against the full gradient, against their definitions with dense Jacobians, at work."""

import pytest
import torch
from table import CELLS, assert_close, gradients, problem
from test_credit import EVERY_CELL, run
from torch.autograd.functional import jacobian

import recorrente
from recorrente import cells, layers, native
from recorrente.cells import BY_NAME
from recorrente.credit import EProp, Rtrl, SnAp1, Truncated
from recorrente.errors import InputError
from recorrente.notation import Weights
from recorrente.sweep import reference

T, B, C, H = 7, 2, 3, 4


class MGU(cells.Cell):
    """A cell of one's own, as CONTRIBUTING has it."""

    name, gate_names, state_names = "mgu", ("f", "n"), ("h",)

    def pointwise(self, from_input, from_state, state):
        (h,) = state
        xf, xn = from_input.chunk(2, dim=-1)
        hf, hn = from_state.chunk(2, dim=-1)
        f = torch.sigmoid(xf + hf)
        return ((1 - f) * h + f * torch.tanh(xn + f * hn),)


ALL = {**EVERY_CELL, "mgu": MGU(), **{name: make() for name, make in BY_NAME.items()}}
ALL = {name: cell for name, cell in ALL.items() if type(cell).step is cells.Cell.step}  # the pointwise ones


def along_time(state):
    """Resets, of a row at its first step too, noise that is never the same, and a share of c alone that stays."""
    reset, (B, H) = torch.rand(T, 1) < 0.3, state[0].shape
    reset = reset.repeat(1, B)
    reset[0, 0], reset[2, 0], reset[3, -1] = True, True, True
    drop = torch.randint(0, 2, (B, H)) / 0.5
    zone = torch.rand(T, B, H, dtype=torch.float64)
    return {"reset": reset, "drop": drop.double(), "zone": (zone,) if len(state) == 1 else (None, zone)}


@pytest.mark.parametrize("name", ALL)
def test_rtrl_is_the_full_gradient_with_resets_and_noise(name):
    """And that of the state after a reset, which a layer may learn."""
    single = problem(ALL[name], (T, 3, C, H))
    restart = tuple(torch.randn_like(part).requires_grad_() for part in single[1])
    for reverse in (False, True):
        for lengths in (None, torch.tensor([T, 0, 3])):
            how = {**along_time(single[1]), "reverse": reverse, "lengths": lengths}
            for which in ({"reset", "restart"}, {"drop"}, {"zone"}, set(how)):
                given = {key: how[key] for key in how.keys() & (which | {"reverse", "lengths"})}
                full, came = (
                    run_with(s, ALL[name], *single, restart if "reset" in which else None, **given)
                    for s in (reference, Rtrl().through(native.automatic))
                )
                for part in full.keys() - {"dx"}:
                    assert torch.allclose(came[part], full[part], rtol=1e-10, atol=1e-10), (part, which)


def run_with(sweep, cell, x, state, weights, restart, **how):
    """`run`, with the gradient of the restart."""
    if restart is None:
        return run(sweep, cell, x, state, weights, **how)
    first = run(sweep, cell, x, state, weights, restart=restart, **how)
    y, final = sweep(cell, x, state, weights, restart=restart, **how)
    named = {f"restart {name}": part for name, part in zip(cell.state_names, restart, strict=True)}
    return first | gradients((y, *final), named)


@pytest.mark.parametrize("name", ALL)
def test_rtrl_is_the_full_gradient(name):
    """Weights, first state, losses of every output and of the final state; whole and ragged, both ways."""
    single = problem(ALL[name], (T, 3, C, H))
    for reverse in (False, True):
        for lengths in (None, torch.tensor([T, 0, 3])):
            how = {"reverse": reverse, "lengths": lengths}
            full, came = (
                run(s, ALL[name], *single, **how) for s in (native.automatic, Rtrl().through(native.automatic))
            )
            for part in full.keys() - {"dx"}:
                assert torch.allclose(came[part], full[part], rtol=1e-10, atol=1e-10), part


@pytest.mark.parametrize("rule", [Rtrl(), SnAp1(), EProp()], ids=repr)
@pytest.mark.parametrize("name", ["gru", "lstm", "tanh"])
def test_x_is_credited_for_its_own_step(name, rule):
    single = problem(ALL[name], (T, B, C, H))
    cut, came = (run(r.through(native.automatic), ALL[name], *single) for r in (Truncated(1), rule))
    assert torch.allclose(came["dx"], cut["dx"], rtol=1e-12)


def by_definition(cell, x, state, weights, dy, kept, reset=None, drop=None, zone=None):
    """Dense influence matrices, row by row; `kept(J, direct)` gives what a step lets pass and a mask on (s, weight)."""
    reset = torch.zeros(T, B, dtype=torch.bool) if reset is None else reset
    drop = torch.ones_like(state[0]) if drop is None else drop
    zone = torch.cat([torch.zeros_like(dy) if z is None else z for z in zone or (None,) * len(state)], dim=2)
    found = [torch.zeros_like(w) for w in weights[:4]]
    for b in range(x.shape[1]):
        s = torch.cat([part[b] for part in state])
        M = [torch.zeros(len(s), *w.shape, dtype=s.dtype) for w in weights[:4]]
        for t in range(len(x)):
            if reset[t, b]:
                s, M = torch.zeros_like(s), [torch.zeros_like(m) for m in M]

            def step(s, *w, h=None, t=t, b=b):
                seen = (s[:H] if h is None else h) * drop[b]
                after = cell.pointwise(x[t, b] @ w[0].T + w[2], seen[None] @ w[1].T + w[3], split(s))
                return (1 - zone[t, b]) * torch.cat(after, dim=1)[0] + zone[t, b] * s

            def beside(s, h=s[:H]):
                return step(s, *weights[:4], h=h)

            J, *own = jacobian(step, (s, *weights[:4]))
            passing, mask = kept(J, jacobian(beside, s))
            M = [(torch.tensordot(passing, m, 1) + o) * mask(m) for m, o in zip(M, own, strict=True)]
            s = step(s, *weights[:4])
            for f, m in zip(found, M, strict=True):
                f += torch.tensordot(dy[t, b], m[:H], 1)
    return found


def split(s):
    return tuple(part[None] for part in s.split(H))


def own_rows(m):
    """1 where the weight's row belongs to the unit of s, else 0."""
    unit_of_state, unit_of_row = torch.arange(m.shape[0]) % H, torch.arange(m.shape[1]) % H
    mask = (unit_of_state[:, None] == unit_of_row).to(m.dtype)
    return mask.view(*mask.shape, *[1] * (m.dim() - 2))


DEFINITIONS = {
    "rtrl": (Rtrl(), lambda J, direct: (J, torch.ones_like)),
    "snap1": (SnAp1(), lambda J, direct: (J, own_rows)),
    "eprop": (EProp(), lambda J, direct: (direct, torch.ones_like)),
}


@pytest.mark.parametrize("rule", DEFINITIONS)
@pytest.mark.parametrize("name", ["tanh", "gru", "lstm", "mgu"])
@pytest.mark.parametrize("noisy", [False, True], ids=["plain", "resets and noise"])
def test_each_rule_is_its_definition(name, rule, noisy):
    ours, kept = DEFINITIONS[rule]
    x, state, weights = problem(ALL[name], (T, B, C, H))
    how = along_time(state) if noisy else {}
    y, _ = ours.through(native.automatic)(ALL[name], x, state, weights, **how)
    dy = torch.randn_like(y)
    came = torch.autograd.grad(y, weights[:4], dy)
    plain = Weights(*(w.detach() for w in weights[:4]))
    truth = by_definition(ALL[name], x.detach(), tuple(part.detach() for part in state), plain, dy, kept, **how)
    assert_close(*({str(k): d for k, d in enumerate(found)} for found in (came, truth)))


def test_eprop_of_an_elman_network_is_a_window_of_one():
    single = problem(CELLS["tanh"], (T, B, C, H))
    one, two = (run(rule.through(native.automatic), CELLS["tanh"], *single) for rule in (EProp(), Truncated(1)))
    assert_close(*({part: found[part] for part in found if part[:2] == "dw"} for found in (one, two)))


@pytest.mark.parametrize("rule", [Rtrl(), SnAp1(), EProp()], ids=repr)
def test_a_learner_gives_step_by_step_what_the_layer_gives_at_once(rule):
    layer = recorrente.LSTM(C, H, credit=rule, dtype=torch.float64)
    x = torch.randn(T, B, C, dtype=torch.float64)
    y, _ = layer(x)
    truth = torch.autograd.grad(y.square().sum(), list(layer.parameters()))
    zero = torch.zeros(B, H, dtype=torch.float64)
    learner, total = rule.learner(layer.cell, layer.weights()[0], (zero, zero)), None
    for t in range(T):
        h = learner.step(x[t])
        assert torch.allclose(h, y[t], rtol=1e-12)
        d = [part for part in learner.gradient(2 * h) if part is not None]
        total = d if total is None else [a + b for a, b in zip(total, d, strict=True)]
    assert all(torch.allclose(one, two, rtol=1e-10, atol=1e-14) for one, two in zip(total, truth, strict=True))


def error_after(rule, steps, *, every_step):
    """A sign seen at the first of 20 steps is to be told at the last, amid noise; the share of rows that fail."""
    torch.manual_seed(3)
    layer, head = recorrente.LSTM(2, 12), torch.nn.Linear(12, 1)
    with torch.no_grad():
        layer.bias_hh_l0[12:24] = 1.5  # a memory of some steps to begin with
    parameters = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.02)
    layer.credit = rule

    def batch():
        x, sign = torch.zeros(20, 32, 2), torch.randint(0, 2, (32,)) * 2.0 - 1
        x[0, :, 0], x[..., 1] = sign, 0.3 * torch.randn(20, 32)
        return x, sign

    for _ in range(steps):
        x, sign = batch()
        optimizer.zero_grad()
        if every_step:
            learn_by_steps(rule, layer, head, x, sign)
        else:
            torch.nn.functional.soft_margin_loss(head(layer(x)[0][-1])[:, 0], sign).backward()
        optimizer.step()
    x, sign = batch()
    return (head(layer(x)[0][-1])[:, 0].sign() != sign).float().mean().item()


def learn_by_steps(rule, layer, head, x, sign):
    """Nothing of the past but the influence: the loss of the last step alone, credited by the learner."""
    zero = torch.zeros(x.shape[1], layer.hidden_size)
    learner = rule.learner(layer.cell, layer.weights()[0], (zero, zero))
    for now in x:
        h = learner.step(now).requires_grad_()
    torch.nn.functional.soft_margin_loss(head(h)[:, 0], sign).backward()
    for parameter, d in zip(layer.parameters(), learner.gradient(h.grad), strict=False):
        parameter.grad = d


@pytest.mark.parametrize("every_step", [False, True], ids=["layer", "learner"])
@pytest.mark.parametrize("rule", [SnAp1(), EProp()], ids=repr)
def test_a_delayed_task_is_learnt(rule, every_step):
    """The window of one step, which sees no delay, is the control: it guesses."""
    assert error_after(rule, 60, every_step=every_step) < 0.1
    if not every_step:
        assert error_after(Truncated(1), 60, every_step=False) > 0.25


@pytest.mark.parametrize("rule", [Rtrl(), SnAp1(), EProp()], ids=repr)
def test_a_layer_is_trained_with_all_of_it(rule):
    """Each kind of noise in its own layer's words; with RTRL the gradient of one layer is the full one."""
    how = {"recurrent_dropout": 0.3, "zoneout": 0.2, "input_dropout": 0.2, "weight_dropout": 0.2, "learned_state": True}
    layer, x = recorrente.LSTM(C, H, dtype=torch.float64, **how), torch.randn(T, B, C, dtype=torch.float64)
    reset, found = torch.rand(T, B) < 0.4, []
    for credit in (rule, None):
        layer.credit = credit
        torch.manual_seed(5)
        y, _ = layer(x, reset=reset)
        found.append(torch.autograd.grad(y.square().sum(), list(layer.parameters())))
    same = [torch.allclose(one, two, rtol=1e-10, atol=1e-12) for one, two in zip(*found, strict=True)]
    assert all(same) == (rule == Rtrl())
    assert all(d.isfinite().all() for d in found[0])


def test_a_learner_starts_rows_anew():
    """As two learners do, one before and one after."""
    layer, rule = recorrente.GRU(C, H, dtype=torch.float64), Rtrl()
    weights, x = layer.weights()[0], torch.randn(5, B, C, dtype=torch.float64)
    zero = (torch.zeros(B, H, dtype=torch.float64),)
    whole, second = rule.learner(layer.cell, weights, zero), rule.learner(layer.cell, weights, zero)
    for t in range(5):
        reset = torch.tensor([t == 3, False])
        h = whole.step(x[t], reset=reset)
        if t >= 3:
            h2 = second.step(x[t])
    assert torch.equal(h[0], h2[0])
    only = torch.zeros_like(h)
    only[0] = 1  # the row that started anew
    assert torch.allclose(whole.gradient(only).weight_hh, second.gradient(only).weight_hh, rtol=1e-12)


def test_a_mask_with_a_gradient_is_refused():
    x, state, weights = problem(CELLS["gru"], (T, B, C, H))
    drop = torch.ones(B, H, dtype=torch.float64, requires_grad=True)
    with pytest.raises(InputError, match="mask"):
        SnAp1().through(native.automatic)(CELLS["gru"], x, state, weights, drop=drop)


@pytest.mark.parametrize("rule", [Rtrl(), SnAp1(), EProp()], ids=repr)
def test_a_mask_for_each_gate_is_refused_by_name(rule):
    x, state, weights = problem(CELLS["gru"], (T, B, C, H))
    drop = torch.ones(B, 3 * H, dtype=torch.float64)
    with pytest.raises(InputError, match=rf"drop: got \({B}, {3 * H}\), a mask for each gate"):
        rule.through(native.automatic)(CELLS["gru"], x, state, weights, drop=drop)
    learner = rule.learner(CELLS["gru"], weights, state)
    with pytest.raises(InputError, match="drop: got"):
        learner.step(x[0], drop=drop)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("rule", [Rtrl(), SnAp1(), EProp()], ids=repr)
def test_where_no_gradient_is_asked_a_rule_is_no_hindrance(rule):
    """As the layer without one: plainly, with resets and noise, recorded, transformed, compiled and exported."""
    how = {"zoneout": 0.3, "recurrent_dropout": 0.2, "dtype": torch.float64}
    layer, x = recorrente.GRU(C, H, credit=rule, **how), torch.randn(T, B, C, dtype=torch.float64)
    reset, found = torch.rand(T, B) < 0.4, []
    with torch.no_grad():
        for layer.credit in (None, rule):
            torch.manual_seed(5)
            found.append(layer(x, reset=reset, lengths=[T, 3]))
        assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))
        y, _ = layer.eval()(x)
        torch._dynamo.reset()
        with pytest.warns(native.SlowPathWarning, match="records"):
            recorded = torch.jit.trace(layer, x)
        with pytest.warns(native.SlowPathWarning, match="vmap"):
            many = torch.vmap(lambda x: layer(x)[0])(torch.stack([x, x]))
        for came in (
            recorded(x)[0],
            many[1],
            torch.compile(layer, fullgraph=True, backend="aot_eager")(x)[0],
            torch.export.export(layer, (x,)).module()(x)[0],
        ):
            assert torch.allclose(came, y, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_derivatives_that_go_by_no_grad_mode_are_still_refused():
    layer, x = recorrente.GRU(C, H, credit=SnAp1()), torch.randn(T, B, C)

    def loss(x):
        return layer(x)[0].sum()

    with torch.no_grad():
        for ask in (lambda: torch.func.grad(loss)(x), lambda: torch.func.jvp(loss, (x,), (x,))):
            with pytest.raises(InputError, match=r"credit: got SnAp1\(\), and"):
                ask()
        with torch.autograd.forward_ad.dual_level(), pytest.raises(InputError, match=r"credit: got .*forward-mode"):
            layer(torch.autograd.forward_ad.make_dual(x, x))


class NotPointwise(cells.GRU):
    def step(self, from_input, state, weights):
        return super().step(from_input, state, weights)


def test_what_is_not_pointwise_is_refused():
    layer = layers.Recurrent(NotPointwise(), C, H, credit=SnAp1())
    with pytest.raises(InputError, match="pointwise"):
        layer(torch.randn(T, B, C))
    with pytest.raises(InputError, match="step"):
        Rtrl().learner(cells.GRU(), recorrente.GRU(C, H).weights()[0], (torch.zeros(B, H),)).gradient(torch.zeros(B, H))


@pytest.mark.parametrize("rule", [Rtrl(), SnAp1(), EProp()])
def test_a_row_that_has_ended_does_not_grow(rule):
    torch.manual_seed(0)
    layer, x = recorrente.RNN(3, 4, nonlinearity="relu", credit=rule), torch.rand(300, 2, 3)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(2 * torch.eye(4))
        for weight in (layer.weight_ih_l0, layer.bias_ih_l0, layer.bias_hh_l0):
            weight.fill_(0.1)  # so that every unit would grow
    layer(x, lengths=[3, 5])[0].sum().backward()
    found = layer.weight_hh_l0.grad.clone()
    layer.zero_grad()
    layer(x[:5], lengths=[3, 5])[0].sum().backward()
    assert torch.isfinite(found).all()
    assert torch.allclose(found, layer.weight_hh_l0.grad)
