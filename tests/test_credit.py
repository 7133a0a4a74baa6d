"""Credit rules against their definitions written out: outputs, and every gradient by name, for random cotangents."""

import copy
import pickle
from itertools import product

import pytest
import torch
from table import CELLS, PAIRS, assert_close, flat, gradients, leaf, pair, problem
from torch import nn

import recorrente
from recorrente import calls, cells, layers, native
from recorrente.credit import Checkpointed, Full, Recompute, Rtrl, Truncated, named
from recorrente.errors import InputError
from recorrente.notation import Weights
from recorrente.sweep import reference

pytestmark = pytest.mark.usefixtures("fresh_memory_holds_nan")

T, B, C, H = 11, 3, 4, 5
WINDOWS = [(w, s) for w in (1, 2, 3, 5, 10, 11, 12, 40) for s in range(1, w + 1) if s in (1, 2, 3, 5, 11, 12, w)]
EVERY_CELL = {**CELLS, "sin": cells.Elman(torch.sin)}
SEGMENTS = [1, 2, 3, 5, 10, 11, 50]


def run(sweep, cell, x, state, weights, **keywords):
    """Outputs and gradients of one sweep, by name."""
    y, final = sweep(cell, x, state, weights, **keywords)
    inputs = {"x": x} | {f"w {name}": w for name, w in zip(Weights._fields, weights, strict=True) if w is not None}
    inputs |= {f"{name}0": part for name, part in zip(cell.state_names, state, strict=True)}
    return {"y": y, **dict(zip(cell.state_names, final, strict=True)), **gradients((y, *final), inputs)}


def by_hand(window, stride):
    """TBPTT as its definition: every window from a detached state, by single steps, row by row."""

    def sweep(cell, x, state, weights, *, reverse=False, lengths=None):
        T, B, _ = x.shape
        rows = []
        for b in range(B):
            L = T if lengths is None else int(lengths[b])
            row = x[:L, b : b + 1].flip(0) if reverse else x[:L, b : b + 1]
            y, final = one_row(cell, row, tuple(part[b : b + 1] for part in state), weights)
            y = torch.cat([y.flip(0) if reverse else y, x.new_zeros(T - L, 1, y.shape[2])])
            rows.append((y, final))
        final = tuple(torch.cat(parts) for parts in zip(*(f for _, f in rows), strict=True))
        return torch.cat([y for y, _ in rows], dim=1), final

    def one_row(cell, x, state, weights):
        before = [state]  # the state before each step, without gradient but for the first
        for t in range(len(x)):
            now = reference(cell, x[t : t + 1], before[-1], weights)[1]
            before.append(tuple(part.detach() for part in now))
        kept, final = [x.new_zeros(0, 1, state[0].shape[1])], state
        for border in range(stride, len(x) + stride, stride):
            start = max(0, border - window)
            y, final = reference(cell, x[start:border], before[start], weights)
            kept.append(y[border - stride - start :])
        return torch.cat(kept), final

    return sweep


@pytest.mark.parametrize("name", EVERY_CELL)
def test_truncated_is_its_definition(name):
    cell, single = EVERY_CELL[name], problem(EVERY_CELL[name], (T, B, C, H))
    y, final = native.automatic(cell, *single)
    for window, stride in WINDOWS:
        came = run(Truncated(window, stride).through(native.automatic), cell, *single)
        assert_close(came, run(by_hand(window, stride), cell, *single))
        if name in CELLS:  # on the core, what goes forward is the sweep's own, bit for bit
            assert torch.equal(came["y"], y)
            assert all(torch.equal(came[part], end) for part, end in zip(cell.state_names, final, strict=True))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["gru", "lstm", "sin"])
def test_truncated_rows_count_their_own_steps(name, reverse):
    single = problem(EVERY_CELL[name], (T, 5, C, H))
    for window, stride in [(1, 1), (2, 1), (3, 3), (4, 3), (7, 2), (12, 12)]:
        for lengths in (None, torch.tensor([T, 1, 0, 3, 6])):
            how = {"reverse": reverse, "lengths": lengths}
            came = run(Truncated(window, stride).through(native.automatic), EVERY_CELL[name], *single, **how)
            assert_close(came, run(by_hand(window, stride), EVERY_CELL[name], *single, **how))


@pytest.mark.parametrize("name", PAIRS)
def test_truncated_in_pieces_is_torch_with_detach_between_them(name):
    """The loop that everybody writes, in two layers."""
    ours, torchs = pair(name, C, H, 2, dtype=torch.float64)
    ours.credit = Truncated(4)
    x = torch.randn(T, B, C, dtype=torch.float64, requires_grad=True)

    def pieces(x):
        kept, state = [], None
        for first in range(0, T, 4):
            y, state = torchs(x[first : first + 4], state)
            kept.append(y)
            last, state = state, tuple(h.detach() for h in state) if isinstance(state, tuple) else state.detach()
        return torch.cat(kept), last

    found = []
    for layer, outputs in ((ours, flat(ours(x))), (torchs, flat(pieces(x)))):
        named = {"x": x, **dict(layer.named_parameters())}
        found.append({f"output {k}": y for k, y in enumerate(outputs)} | gradients(outputs, named))
    assert_close(*found)


def test_a_window_of_one_is_the_formula_without_the_path_through_the_next_state():
    """dL/dW_hh = sum of dh_t f'(a_t) h_{t-1}^T, and no more."""
    cell, (x, state, weights) = CELLS["tanh"], problem(CELLS["tanh"], (T, B, C, H))
    y, _ = Truncated(1).through(native.automatic)(cell, x, state, weights)
    dy = torch.randn_like(y)
    (came,) = torch.autograd.grad(y, weights.weight_hh, dy)
    before = torch.cat([state[0][None], y[:-1]])
    assert torch.allclose(came, torch.einsum("tbi,tbj->ij", dy * (1 - y**2), before), rtol=1e-12)


@pytest.mark.parametrize("lengths", [None, [T, 1, 0, 3, 6]], ids=["whole", "ragged"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", EVERY_CELL)
def test_checkpointed_is_full(name, reverse, lengths):
    """To rounding; on the core bit for bit, but for the weights' sums, here cut elsewhere than Full's."""
    cell, single = EVERY_CELL[name], problem(EVERY_CELL[name], (T, 5, C, H))
    how = {"reverse": reverse, "lengths": None if lengths is None else torch.tensor(lengths)}
    full = run(native.automatic, cell, *single, **how)
    for segments in SEGMENTS:
        came = run(Checkpointed(segments).through(native.automatic), cell, *single, **how)
        assert_close(came, full)
        for part in full:
            if name in CELLS and part[:2] != "dw":
                assert torch.equal(came[part], full[part]), (segments, part)


@pytest.mark.parametrize(("B", "dtype"), [(1, torch.float32), (12, torch.float32), (8, torch.float64)], ids=str)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", CELLS)
def test_checkpointed_has_fulls_bits(name, reverse, B, dtype):
    """Every gradient, where segments end where the core's sums over time do, which Checkpointed sees to."""
    T = 2000 if B < 5 else 400
    cell, rule = CELLS[name], Checkpointed(4)
    (x, state, weights), zone = problem(cell, (T, B, 3, 9), dtype), torch.rand(T, B, 9, dtype=dtype)
    reset, drop = torch.rand(T, B) < 0.01, torch.rand(B, 9, dtype=dtype)
    restart = tuple(torch.randn_like(part).requires_grad_() for part in state)
    masks = {} if name == "peephole" else {"zone": (zone,) * len(state)}
    for how in ({}, {"reset": reset, "restart": restart, "drop": drop, **masks}):
        found = []
        for sweep in (native.native, rule.through(native.automatic)):
            y, final = sweep(cell, x, state, weights, reverse=reverse, **how)
            named = {f"s{k}": part for k, part in enumerate(state)} | {"x": x}
            named |= {name: weight for name, weight in weights._asdict().items() if weight is not None}
            more = {f"r{k}": part for k, part in enumerate(restart)} if how else {}
            found.append({"y": y} | gradients((y, *final), named | more))
        for part, full in found[0].items():
            if how and part.startswith("dr"):  # the restart's is a sum over resets, segment by segment
                assert torch.allclose(found[1][part], full, rtol=1e-4, atol=1e-6)
            else:
                assert torch.equal(found[1][part], full), (part, how.keys())


@pytest.mark.filterwarnings("ignore:.*no zoneout with peepholes")
@pytest.mark.parametrize("rule", [Checkpointed(4), Recompute()], ids=repr)
@pytest.mark.parametrize("name", EVERY_CELL)
def test_what_a_row_starts_anew_from_has_its_gradient_in_every_cell(name, rule):
    """On the core and, with peepholes under zoneout and for cells that it has not, on the reference."""
    cell, (x, state, weights) = EVERY_CELL[name], problem(EVERY_CELL[name], (40, 3, C, H))
    reset, restart = torch.rand(40, 3) < 0.2, tuple(torch.randn_like(part).requires_grad_() for part in state)
    zone = (torch.rand(40, 3, H, dtype=x.dtype),) * len(state)
    found = []
    for sweep in (native.automatic, rule.through(native.automatic)):
        y, final = sweep(cell, x, state, weights, reset=reset, restart=restart, zone=zone)
        found.append(gradients((y, *final), {f"r{k}": part for k, part in enumerate(restart)} | {"x": x}))
    assert all(d.abs().sum() > 0 for d in found[0].values())
    assert_close(found[1], found[0])


@pytest.mark.parametrize("rule", [Full(), Truncated(3), Checkpointed(4), Recompute()], ids=repr)
@pytest.mark.parametrize("order", [(2, 0, 1), (0, 2, 1), (1, 2, 0)], ids=str)
@pytest.mark.parametrize("leaf_itself", [False, True])
def test_an_x_in_any_order_of_memory_has_its_gradient(rule, order, leaf_itself):
    layer, sizes = recorrente.LSTM(6, 5), (40, 2, 6)
    layer.credit = None if rule == Full() else rule
    shape = [0, 0, 0]
    for k, at in enumerate(order):
        shape[at] = sizes[k]
    memory = torch.randn(shape)
    found = []
    for x in (memory.permute(order), memory.permute(order).contiguous()):
        x = x.detach().requires_grad_() if leaf_itself else (given := x.detach().requires_grad_()) * 1
        layer(x)[0].square().sum().backward()
        found.append(x.grad if leaf_itself else given.grad)
    assert not memory.permute(order).is_contiguous()
    assert torch.equal(*found)


def in_segments(n):
    """Full, as sweeps over segments of n steps, one after the other."""

    def sweep(cell, x, state, weights):
        kept = []
        for piece in x.split(n):
            y, state = native.automatic(cell, piece, state, weights)
            kept.append(y)
        return torch.cat(kept), state

    return sweep


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_running_a_segment_again_changes_no_bit_of_any_gradient(name, dtype):
    """But of the biases', which are carried from segment to segment with more digits than autograd has for its sums."""
    cell, single = CELLS[name], problem(CELLS[name], (40, B, C, 33), dtype)
    came, truth = (run(sweep, cell, *single) for sweep in (Checkpointed(6).through(native.automatic), in_segments(7)))
    carried = {part for part in truth if part.startswith("dw bias")}
    assert all(torch.equal(came[part], truth[part]) for part in truth.keys() - carried)
    for part in carried:
        assert torch.allclose(came[part], truth[part], rtol=8 * torch.finfo(dtype).eps, atol=8 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("hidden", [1, 7, 16, 65, 256])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", EVERY_CELL)
def test_gates_computed_again_for_many_steps_at_once_have_the_same_bits(name, dtype, hidden):
    """The bits of Checkpointed in the same pieces: 19 steps are pieces of 3, the last shorter."""
    cell, single = EVERY_CELL[name], problem(EVERY_CELL[name], (19, B, C, hidden), dtype)
    for how in ({}, {"reverse": True}, {"lengths": torch.tensor([19, 0, 4])}):
        came, truth = (run(r.through(native.automatic), cell, *single, **how) for r in (Recompute(), Checkpointed(7)))
        assert all(torch.equal(came[part], truth[part]) for part in truth), how


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", EVERY_CELL)
def test_what_becomes_of_y_changes_no_bit_of_a_gradient(name, dtype):
    """Held, dropped, or changed in place, before a backward pass that would make the gates from it."""
    cell, (x, state, weights) = EVERY_CELL[name], problem(EVERY_CELL[name], (60, 5, C, 17), dtype)
    zone, drop = torch.rand(60, 5, 17, dtype=dtype), torch.rand(5, 17, dtype=dtype)
    ways = [{}, {"reverse": True, "lengths": torch.tensor([60, 0, 9, 33, 1])}, {"reset": torch.rand(60, 5) < 0.2}]
    ways += [{"drop": drop}] + ([{"zone": (zone,) * len(state)}] if name != "peephole" else [])
    asked = [t for t in (x, *state, *weights) if t is not None]
    for way, rule in product(ways, (Checkpointed(4), Recompute())):
        found = []
        for fate in ("held", "dropped", "changed", "halved", "freed"):
            y, final = rule.through(native.automatic)(cell, x, state, weights, **way)
            total = y.square().sum() if fate == "held" else (y * 1).square().sum()
            if fate == "dropped" or (fate == "changed" and isinstance(rule, Recompute)):  # it keeps y: torch refuses
                y = None
            elif fate == "changed":
                y.detach().mul_(-3)
            elif fate != "held":
                y.data = y.data.half() if fate == "halved" else torch.empty(1, dtype=dtype)
            total = total + sum(part.sum() for part in final)
            found.append(torch.autograd.grad(total, asked, allow_unused=True))
        for other in found[1:]:
            for one, two in zip(found[0], other, strict=True):
                assert (one is None and two is None) or torch.equal(one, two), (way.keys(), rule)


@pytest.mark.parametrize(
    ("rule", "dropped", "replays"),
    [(Checkpointed(4), False, True), (Checkpointed(4), True, False), (Recompute(), True, True)],
    ids=repr,
)
def test_gates_are_made_from_y_where_it_is_there(rule, dropped, replays, monkeypatch):
    layer, told, forward = recorrente.GRU(C, H, credit=rule), [], calls.forward
    y, h = layer(torch.randn(40, B, C))
    if dropped:
        del y
    monkeypatch.setattr(calls, "forward", lambda *a, **k: told.append(k["replay"]) or forward(*a, **k))
    h.sum().backward()
    assert told
    assert set(told) == {replays}


def test_recompute_keeps_y_and_torch_refuses_that_it_be_changed():
    layer = recorrente.LSTM(C, H, credit=Recompute())
    y, _ = layer(torch.randn(40, B, C))
    y.detach().mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@pytest.mark.parametrize("rule", [Full(), Truncated(50), Checkpointed(3), Checkpointed(), Recompute()], ids=repr)
@pytest.mark.parametrize("name", PAIRS)
def test_a_layer_with_all_there_is(name, rule):
    """Depth, directions, lengths, batch_first, a given state: the rules that are the whole gradient give torch's."""
    ours, _ = pair(name, C, H, 2, bidirectional=True, batch_first=True, dtype=torch.float64)
    x, lengths = leaf(B, T, C), [T, 4, 7]
    rows = [leaf(4, B, width) for width in ours.widths]
    start = tuple(rows) if len(rows) > 1 else rows[0]
    found = []
    for credit in (None, rule):
        ours.credit = credit
        outputs = flat(ours(x, start, lengths=lengths))
        named = {"x": x, **dict(ours.named_parameters()), **{f"row {k}": row for k, row in enumerate(rows)}}
        found.append({f"output {k}": y for k, y in enumerate(outputs)} | gradients(outputs, named))
    assert_close(found[1], found[0])


def test_dropout_between_layers_draws_the_same_masks():
    layer = recorrente.GRU(C, H, 2, dropout=0.5, dtype=torch.float64)
    x, found = leaf(T, B, C), []
    for layer.credit in (None, Checkpointed(4)):
        torch.manual_seed(3)
        y, h = layer(x)
        found.append({"y": y} | gradients((y, h), {"x": x, **dict(layer.named_parameters())}))
    assert_close(found[1], found[0])


@pytest.mark.parametrize("rule", [Truncated(2), Truncated(3, 1), Checkpointed(2), Recompute()], ids=repr)
def test_sizes_of_nothing_and_one(rule):
    for steps, rows in product((0, 1, 2), (0, 1)):
        single = problem(CELLS["lstm"], (steps, rows, C, H))
        full, came = (run(sweep, CELLS["lstm"], *single) for sweep in (reference, rule.through(native.automatic)))
        assert_close(came, full)


@pytest.mark.parametrize("rule", [Truncated(2), Checkpointed(2), Recompute()], ids=repr)
def test_only_the_gradients_that_are_wanted_are_made(rule):
    cell, (x, state, weights) = CELLS["gru"], problem(CELLS["gru"], (T, B, C, H))
    frozen = Weights(*(None if w is None else w.detach() for w in weights))
    y, _ = rule.through(native.automatic)(cell, x, (state[0].detach(),), frozen)
    y.sum().backward()
    assert x.grad is not None
    assert state[0].grad is None
    with torch.no_grad():
        assert not rule.through(native.automatic)(cell, x, state, weights)[0].requires_grad


def test_a_loss_of_the_final_state_alone_and_of_one_step_alone():
    cell, single = CELLS["lstm"], problem(CELLS["lstm"], (T, B, C, H))
    for pick in (lambda y, final: final[1].sum(), lambda y, final: y[2].sum(), lambda y, final: final[0].sum()):
        found = []
        for sweep in (reference, Checkpointed(4).through(native.automatic)):
            value = pick(*sweep(cell, *single))
            inputs = [single[0], *single[1], *single[2][:4]]
            found.append(torch.autograd.grad(value, inputs, materialize_grads=True, allow_unused=True))
        for one, two in zip(*found, strict=True):
            assert torch.allclose(one, two, rtol=1e-11, atol=1e-13)


def test_checkpointed_keeps_to_its_memory():
    rule, cell = Checkpointed(memory=400_000), CELLS["lstm"]
    k = rule.segments_for(cell, 10_000, 1, 8, 16)

    def held(k):
        return 4 * (k * 32 + -(-10_000 // k) * (7 * 16 + 8))

    assert held(k) <= 400_000 < held(k - 1)
    assert Checkpointed().segments_for(cell, 10_000, 1, 8, 16) == 64
    least = min(map(held, range(1, 10_000)))
    assert Checkpointed(memory=int(1.02 * least)).segments_for(cell, 10_000, 1, 8, 16) > 100
    with pytest.raises(InputError, match=r"memory: got \d+ bytes, wanted \d+"):
        Checkpointed(memory=least - 1).segments_for(cell, 10_000, 1, 8, 16)


@pytest.mark.parametrize("rule", [Checkpointed(3), Recompute()], ids=repr)
def test_backward_that_runs_forward_again_is_not_differentiated_again(rule):
    layer = recorrente.GRU(C, H, credit=rule)
    x = torch.randn(T, B, C, requires_grad=True)
    with pytest.raises(InputError, match="create_graph"):
        torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)


def test_going_back_twice_gives_the_same():
    layer = recorrente.LSTM(C, H, credit=Checkpointed(3))
    x = torch.randn(T, B, C, requires_grad=True)
    y, _ = layer(x)
    first = torch.autograd.grad(y.sum(), x, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(y.sum(), x)[0])


BAD = {
    "window": lambda: Truncated(0),
    "stride": lambda: Truncated(3, 4),
    "segments": lambda: Checkpointed(0),
    "memory": lambda: Checkpointed(2, memory=3),
    "credit": lambda: recorrente.LSTM(C, H, credit="truncated"),
}


@pytest.mark.parametrize("argument", BAD)
def test_what_makes_no_sense_is_refused(argument):
    with pytest.raises(InputError, match=f"^{argument}: got"):
        BAD[argument]()
    for wrong in (Truncated, 20, True):
        with pytest.raises(InputError, match="credit"):
            layers.Recurrent(cells.GRU(), C, H).credit = wrong


def test_a_rule_is_kept_in_copies_and_told_by_repr_and_explain():
    layer = recorrente.LSTM(C, H, credit=Truncated(4))
    assert "credit=Truncated(window=4, stride=4)" in repr(layer)
    assert copy.deepcopy(layer).credit == pickle.loads(pickle.dumps(layer)).credit == Truncated(4)
    assert list(layer.state_dict()) == list(nn.LSTM(C, H).state_dict())
    (way,) = recorrente.explain(layer, torch.randn(T, B, C)).layers
    assert (way.path, way.credit) == ("native", "Truncated(window=4, stride=4)")
    assert "credit: Truncated" in str(way)
    own = layers.Recurrent(cells.Elman(torch.sin), C, H, credit=Checkpointed(2))
    assert "credit: Checkpointed" in str(recorrente.explain(own, torch.randn(T, B, C)))


def test_an_accelerated_layer_takes_a_rule_and_says_when_it_is_lost():
    model = recorrente.accelerate(nn.Sequential(nn.GRU(C, H)))
    assert model[0].credit is None
    model[0].credit = Truncated(2)
    model(torch.randn(T, B, C))
    with pytest.warns(UserWarning, match="loses credit=Truncated"):
        recorrente.restore(model)


def test_what_the_core_lacks_runs_the_rule_on_the_reference_and_says_so():
    layer = recorrente.LSTM(C, H, proj_size=2, zoneout=0.1, credit=Truncated(3), dtype=torch.float64)
    x = torch.randn(T, B, C, dtype=torch.float64, requires_grad=True)
    with pytest.warns(recorrente.SlowPathWarning, match="projection"):
        y, _ = layer(x)
    y[7].sum().backward()
    assert x.grad.abs().sum((1, 2)).nonzero().flatten().tolist() == [6, 7]


def test_a_compiled_layer_is_truncated_too():
    torch._dynamo.reset()
    layer = recorrente.LSTM(C, H, credit=Truncated(3))
    x = torch.randn(T, B, C, requires_grad=True)
    found = []
    for call in (layer, torch.compile(layer, backend="aot_eager", fullgraph=True)):
        y, _ = call(x)
        found.append(torch.autograd.grad(y.square().sum(), x)[0])
    assert torch.equal(*found)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # Dynamo's own, between two graphs
@pytest.mark.parametrize(
    ("rule", "named"), [(Checkpointed(3), "Checkpointed and"), (Recompute(), "and Recompute"), (Rtrl(), "Rtrl, SnAp1")]
)
def test_a_rule_that_no_graph_holds_runs_between_two_and_a_whole_graph_is_refused(rule, named):
    torch._dynamo.reset()
    layer = recorrente.LSTM(C, H, bidirectional=True, credit=rule)
    x, found = torch.randn(70, B, C, requires_grad=True), []
    for call in (layer, torch.compile(layer, backend="aot_eager")):
        y, (h, c) = call(x)
        leaves = [x, *layer.parameters()]
        found.append([y, h, c, *torch.autograd.grad(y.square().sum() + (h * c).sum(), leaves)])
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))
    torch._dynamo.reset()
    with pytest.raises(
        torch._dynamo.exc.Unsupported, match=f"{named}.*take Full or Truncated, or compile without full"
    ):
        torch.compile(layer, backend="aot_eager", fullgraph=True)(x)
    if rule != Rtrl():  # without a way back they are a plain sweep
        with torch.no_grad():
            torch.compile(layer, backend="aot_eager", fullgraph=True)(x)


def test_names():
    assert named("truncated:20,5") == Truncated(20, 5)
    assert named("checkpointed:7") == Checkpointed(7)
    assert [type(named(word)) for word in ("full", "recompute", "checkpointed")] == [Full, Recompute, Checkpointed]
    for wrong in ("truncated", "truncated:", "truncated:a", "truncated:1,1,1", "full:3", "bptt", "", 20):
        with pytest.raises(InputError, match="credit: got"):
            named(wrong)
    for wrong, words in (
        ("truncated:0", "'truncated:0', a window of 0, wanted a number of steps, 1 or more"),
        ("truncated:5,9", "'truncated:5,9', a stride of 9, wanted 1 to the window, 5"),
        ("checkpointed:0", "'checkpointed:0', a segments of 0, wanted an integer"),
    ):
        with pytest.raises(InputError, match=f"^credit: got {words}"):
            named(wrong)


@pytest.mark.parametrize("rule", [Checkpointed(3), Recompute()])
@pytest.mark.parametrize("cell", [cells.LSTM(), cells.Elman(torch.sin)])
@pytest.mark.parametrize("name", ["reset", "lengths"])
def test_what_goes_along_must_not_change_before_backward(rule, cell, name):
    layer = layers.Recurrent(cell, C, H, credit=rule)
    along = {"reset": torch.rand(T, B) < 0.3, "lengths": torch.tensor([T, 4, 7])}
    y, _ = layer(torch.randn(T, B, C), **along)
    along[name].zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
