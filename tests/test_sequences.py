"""Lengths, resets, noise and variants of cells: the core beside the reference, and each beside its definition."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from table import assert_close, error, flat
from torch import nn
from torch.nn.utils.rnn import pack_sequence

import recorrente
from recorrente import cells, layers
from recorrente.errors import InputError
from recorrente.layers import Recurrent
from recorrente.native import native
from recorrente.noise import Noise
from recorrente.stateful import Stateful
from recorrente.sweep import reference

DOUBLE = torch.float64
VARIANTS = {name: make for name, make in cells.BY_NAME.items() if name not in ("elman", "gru", "lstm")}
ON_CORE = {
    "tanh": lambda: cells.Elman("tanh"),
    "relu": lambda: cells.Elman("relu"),
    "linear": lambda: cells.Elman("linear"),
    "gru": cells.GRU,
    "lstm": cells.LSTM,
    "lstm_peephole": cells.PeepholeLSTM,
    "lstm_coupled": cells.CoupledLSTM,
    "gru_before": cells.ResetBeforeGRU,
    "gru_norm": cells.NormGRU,
    "lstm_norm": cells.NormLSTM,
}
NOISE = {
    "none": {},
    "input": {"input_dropout": 0.4},
    "recurrent": {"recurrent_dropout": 0.5},
    "zoneout": {"zoneout": (0.3, 0.6)},
    "weights": {"weight_dropout": 0.3},
    "all": {"input_dropout": 0.3, "recurrent_dropout": 0.2, "zoneout": 0.25, "weight_dropout": 0.4},
}


def results(layer, x, hx, cotangent_seed=3, **how):
    """Outputs and the gradients of x, the state, the restart and every parameter."""
    torch.manual_seed(11)  # the masks
    y, state = layer(x, hx, **how)
    made = {f"out{k}": part for k, part in enumerate(flat((y, state)))}
    named = {"x": x, **{f"hx{k}": part for k, part in enumerate(flat(hx))}, **dict(layer.named_parameters())}
    if how.get("restart") is not None:
        named |= {f"restart{k}": part for k, part in enumerate(flat(how["restart"]))}
    generator = torch.Generator().manual_seed(cotangent_seed)
    d = [torch.randn(part.shape, generator=generator, dtype=DOUBLE).to(part.dtype) for part in made.values()]
    found = torch.autograd.grad(list(made.values()), list(named.values()), d, allow_unused=True, materialize_grads=True)
    return made | {f"d{name}": part for name, part in zip(named, found, strict=True)}


def on_reference(monkeypatch):
    monkeypatch.setattr(layers, "native", reference)
    monkeypatch.setattr(layers, "automatic", reference)


@st.composite
def problems(draw):
    cell = draw(st.sampled_from(list(ON_CORE)))
    noise = draw(st.sampled_from([n for n in NOISE if not (cell == "lstm_peephole" and n in ("zoneout", "all"))]))
    T, B = draw(st.integers(0, 9)), draw(st.integers(1, 6))
    # Norms over few values, or where there is no bias over zeros alone, may multiply a gradient and its roundings by
    # 1/sqrt(1e-5) in each layer and step: the core's own tests have such widths, one layer deep.
    normed = cell in ("gru_norm", "lstm_norm")
    return {
        "cell": cell,
        "noise": noise,
        "T": T,
        "B": B,
        "C": draw(st.integers(1, 9)),
        "H": draw(st.sampled_from([7, 9, 17] if normed else [1, 2, 7, 9, 17])),
        "lengths": draw(st.none() | st.lists(st.integers(0, T), min_size=B, max_size=B)),
        "reset": draw(st.sampled_from(["no", "zero", "restart"])),
        "layers": draw(st.integers(1, 3)),
        "both": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "bias": normed or draw(st.booleans()),
        "residual": draw(st.booleans()),
        "learned": draw(st.booleans()),
        "single": draw(st.booleans()),
        "training": draw(st.booleans()),
        "dropout": draw(st.sampled_from([0.0, 0.3])),
    }


def noise_of(p):
    """What is dropped; of c nothing where there is none."""
    noise = NOISE[p["noise"]]
    return noise if "lstm" in p["cell"] or p["noise"] != "zoneout" else {"zoneout": noise["zoneout"][0]}


@given(problems())
@settings(max_examples=150, deadline=None)
def test_every_combination_is_the_reference(p):
    torch.manual_seed(5)
    layer = Recurrent(
        ON_CORE[p["cell"]](),
        p["C"],
        p["H"],
        num_layers=p["layers"],
        bias=p["bias"],
        batch_first=p["batch_first"],
        dropout=p["dropout"],
        bidirectional=p["both"],
        residual=p["residual"],
        learned_state=p["learned"],
        **noise_of(p),
    ).double()
    layer.train(p["training"])
    T, B, rows = p["T"], p["B"], p["layers"] * (1 + p["both"])
    x = torch.randn(T, B, p["C"], dtype=DOUBLE)

    def state():
        return tuple(torch.randn(rows, B, p["H"], dtype=DOUBLE) for _ in layer.cell.state_names)

    hx, restart = state(), state()
    how = {} if p["lengths"] is None else {"lengths": p["lengths"]}
    if p["reset"] != "no":
        reset = torch.rand(T, B) < 0.3
        how["reset"] = reset.t() if p["batch_first"] else reset
    x = x.transpose(0, 1) if p["batch_first"] else x

    def run(dtype):
        made = layer.to(dtype)
        more = {"restart": tuple(r.to(dtype).requires_grad_() for r in restart)} if p["reset"] == "restart" else {}
        given = x.to(dtype).detach().requires_grad_(), tuple(h.to(dtype).detach().requires_grad_() for h in hx)
        return results(made, *given, **how, **more)

    with pytest.MonkeyPatch.context() as patch:
        dtype = torch.float32 if p["single"] else DOUBLE
        ours = run(dtype)
        on_reference(patch)
        truth = run(dtype)
    if p["single"]:  # the same masks, and at most some hundred roundings of sums over up to 9 steps
        for name, right in truth.items():
            scale = max(1.0, right.abs().max().item() if right.numel() else 0.0)
            assert error(ours[name], right) <= 2e-5 * scale, name
    else:
        assert_close(ours, truth)


@pytest.mark.parametrize("kind", [recorrente.RNN, recorrente.GRU, recorrente.LSTM])
def test_resets_are_episodes_cut_by_hand(kind):
    """One call over a rollout equals a call for each episode, every gradient included."""
    layer = kind(3, 5, dtype=DOUBLE)
    x = torch.randn(12, 2, 3, dtype=DOUBLE, requires_grad=True)
    reset = torch.zeros(12, 2, dtype=torch.bool)
    reset[0, 0] = reset[4, 0] = reset[5, 0] = reset[9, 1] = True
    y, _ = layer(x, reset=reset)
    pieces = []
    for b in range(2):
        starts = sorted({0, *reset[:, b].nonzero().flatten().tolist()})
        episodes = [layer(x[s:e, b : b + 1])[0] for s, e in itertools.pairwise([*starts, 12])]
        pieces.append(torch.cat(episodes))
    by_hand, d = torch.cat(pieces, dim=1), torch.randn(12, 2, 5, dtype=DOUBLE)
    assert torch.allclose(y, by_hand, rtol=1e-13)
    ours, theirs = (torch.autograd.grad(made, [x, *layer.parameters()], d) for made in (y, by_hand))
    for one, two in zip(ours, theirs, strict=True):
        assert torch.allclose(one, two, rtol=1e-11, atol=1e-13)


def test_no_gradient_passes_a_reset():
    layer, x = recorrente.LSTM(2, 3), torch.randn(6, 1, 2, requires_grad=True)
    reset = torch.zeros(6, 1, dtype=torch.bool)
    reset[4] = True
    layer(x, reset=reset)[0][5].sum().backward()
    assert x.grad[:4].abs().max() == 0
    assert x.grad[4:].abs().min() > 0


def twin(cell, x, masks, weights, zone=None, training_drop=None):
    """The definitions of Gal and Ghahramani and of Krueger et al., step by step."""
    state = tuple(x.new_zeros(x.shape[1], weights.weight_hh.shape[1]) for _ in cell.state_names)
    outputs = []
    for t in range(len(x)):
        seen = state[0] if training_drop is None else state[0] * training_drop
        a = x[t] @ weights.weight_ih.T + weights.bias_ih
        b = seen @ weights.weight_hh.T + weights.bias_hh
        new = cell.pointwise(a, b, state)
        if zone is not None:
            new = tuple(m[t] * old + (1 - m[t]) * fresh for m, old, fresh in zip(zone, state, new, strict=True))
        state = new
        outputs.append(state[0])
    return torch.stack(outputs)


@pytest.mark.parametrize("name", ["tanh", "gru", "lstm", "lstm_coupled"])
def test_masks_are_those_of_the_papers(name):
    cell = ON_CORE[name]()
    parts = len(cell.state_names)
    layer, x = Recurrent(cell, 3, 5, recurrent_dropout=0.5, zoneout=0.4).double(), torch.randn(7, 2, 3, dtype=DOUBLE)
    torch.manual_seed(1)
    y, _ = layer(x)
    torch.manual_seed(1)
    masks = layer.noise.along(x, (5,) * parts, True)
    assert set(masks["drop"].unique().tolist()) <= {0.0, 2.0}
    assert all(set(zone.unique().tolist()) == {0.0, 1.0} and zone.shape == (7, 2, 5) for zone in masks["zone"])
    zones = [zone.double() for zone in masks["zone"]]
    assert torch.allclose(y, twin(cell, x, None, layer.weights()[0], zones, masks["drop"]), rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in ON_CORE if not name.endswith("_norm")])
def test_a_mask_for_each_gate_is_a_product_for_each(name):
    """The core beside the reference, and the reference beside one mask for all, repeated."""
    cell, lengths = ON_CORE[name](), torch.tensor([7, 3, 0, 5])
    layer, x = Recurrent(cell, 3, 37).double(), torch.randn(7, 4, 3, dtype=DOUBLE, requires_grad=True)
    (weights,), d = layer.weights(), torch.randn(7, 4, 37, dtype=DOUBLE)
    state = tuple(torch.randn(4, 37, dtype=DOUBLE, requires_grad=True) for _ in cell.state_names)
    one, each = torch.rand(4, 37, dtype=DOUBLE), torch.rand(4, 37 * cell.gates, dtype=DOUBLE)

    def run(sweep, drop, reverse=False):
        y, final = sweep(cell, x, state, weights, lengths=lengths, drop=drop, reverse=reverse)
        return [y, *final, *torch.autograd.grad([y, final[0]], [x, *state, *layer.parameters()], [d, d[0]])]

    for reverse in (False, True):
        for came, wanted in zip(run(native, each, reverse), run(reference, each, reverse), strict=True):
            assert torch.allclose(came, wanted, rtol=1e-10, atol=1e-12)
    for came, wanted in zip(run(reference, one.repeat(1, cell.gates)), run(reference, one), strict=True):
        assert torch.allclose(came, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["gru_norm", "lstm_norm"])
def test_a_norm_over_all_gates_has_no_mask_for_each(name):
    cell = ON_CORE[name]()
    (weights,), x = Recurrent(cell, 3, 5).weights(), torch.randn(7, 4, 3)
    state = tuple(torch.zeros(4, 5) for _ in cell.state_names)
    with pytest.raises(NotImplementedError, match="cannot run"):
        native(cell, x, state, weights, drop=torch.ones(4, 5 * cell.gates))


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_so_many_units_stay_as_the_chance_says(p):
    """A million draws: the share is within five deviations, and so is that of two neighbours together."""
    (zone,) = Noise(zoneout=p).along(torch.zeros(100, 100, 1), (100,), True)["zone"]
    zone = zone.double().view(-1)
    both = zone[:-1] * zone[1:]
    for came, chance in ((zone.mean().item(), p), (both.mean().item(), p * p)):
        assert abs(came - chance) < 5 * (chance * (1 - chance) / 1e6) ** 0.5 + 1e-5


def test_noise_is_repeated_by_its_seed_and_off_in_evaluation():
    layer = recorrente.LSTM(3, 5, num_layers=2, input_dropout=0.3, recurrent_dropout=0.3, weight_dropout=0.3)
    plain, x = recorrente.LSTM(3, 5, num_layers=2), torch.randn(6, 2, 3)
    plain.load_state_dict(layer.state_dict())

    def at(seed):
        torch.manual_seed(seed)
        return layer(x)[0]

    assert torch.equal(at(1), at(1))
    assert not torch.equal(at(1), at(2))
    layer.eval()
    assert torch.equal(layer(x)[0], plain(x)[0])


def test_zoneout_mixes_by_its_mean_in_evaluation():
    layer, x = recorrente.GRU(3, 5, zoneout=0.25, dtype=DOUBLE), torch.randn(6, 2, 3, dtype=DOUBLE)
    layer.eval()
    mean = [torch.full((6, 2, 5), 0.25, dtype=DOUBLE)]
    assert torch.allclose(layer(x)[0], twin(layer.cell, x, None, layer.weights()[0], mean), rtol=1e-12)


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_pass_gradcheck(name):
    layer = Recurrent(VARIANTS[name](), 2, 3, bidirectional=True).double()
    x = torch.randn(3, 2, 2, dtype=DOUBLE, requires_grad=True)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    names = [n for n, _ in layer.named_parameters()]

    def function(x, *values):
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (x,), {"lengths": [3, 1]})[0]

    assert torch.autograd.gradcheck(function, (x, *layer.parameters()), fast_mode=True)


def test_variants_are_their_plain_cell_where_they_meet():
    """Peepholes of zero, gates coupled by hand, a reset that is wide open, gains of one on numbers already normal."""
    torch.manual_seed(0)
    x = torch.randn(6, 2, 3, dtype=DOUBLE)
    plain, seeing = (Recurrent(cell, 3, 5).double() for cell in (cells.LSTM(), cells.PeepholeLSTM()))
    seeing.load_state_dict({**plain.state_dict(), "peephole_l0": torch.zeros(15)})
    assert torch.allclose(seeing(x)[0], plain(x)[0], rtol=1e-13)
    coupled = Recurrent(cells.CoupledLSTM(), 3, 5).double()

    def four(value):  # i, g, o -> i, f, g, o, with f = 1 - i = sigmoid(-a_i)
        i, g, o = value.chunk(3)
        return torch.cat([i, -i, g, o])

    plain.load_state_dict({name: four(value) for name, value in coupled.state_dict().items()})
    assert torch.allclose(coupled(x)[0], plain(x)[0], rtol=1e-12)
    after, before = (Recurrent(cell, 3, 5).double() for cell in (cells.GRU(), cells.ResetBeforeGRU()))
    before.load_state_dict(after.state_dict())
    with torch.no_grad():
        for layer in (after, before):
            layer.bias_ih_l0[:5] = 50.0  # r = 1
    assert torch.allclose(before(x)[0], after(x)[0], rtol=1e-12)


def test_a_learned_state_is_started_from_and_learnt():
    layer = recorrente.LSTM(2, 3, num_layers=2, bidirectional=True, learned_state=True)
    assert layer.h_0.shape == layer.c_0.shape == (4, 3)
    nn.init.normal_(layer.h_0)
    x, reset = torch.randn(5, 2, 2), torch.zeros(5, 2, dtype=torch.bool)
    given_state = tuple(part[:, None].expand(-1, 2, -1) for part in (layer.h_0, layer.c_0))
    assert torch.equal(layer(x)[0], layer(x, given_state)[0])
    reset[3] = True
    y, _ = layer(x, reset=reset)
    (once,), (twice,) = (torch.autograd.grad(made[0].sum(), layer.h_0) for made in (layer(x)[0], y[4:]))
    assert once.abs().max() > 0
    assert twice.abs().max() > 0  # what starts anew starts from it as well


def test_residual_layers_add_what_they_read():
    layer, x = recorrente.GRU(4, 4, num_layers=2, residual=True), torch.randn(3, 2, 4)
    single = [recorrente.GRU(4, 4) for _ in range(2)]
    for k, one in enumerate(single):
        one.load_state_dict({n.replace(f"_l{k}", "_l0"): v for n, v in layer.state_dict().items() if f"_l{k}" in n})
    first = x + single[0](x)[0]
    assert torch.allclose(layer(x)[0], first + single[1](first)[0], rtol=1e-5)


@pytest.mark.parametrize("make", [recorrente.GRU, lambda *a, **k: Recurrent(cells.NormGRU(), *a, **k)])
def test_what_is_added_to_a_residual_layer_ends_where_the_row_does(make):
    layer, lengths = make(3, 3, num_layers=2, residual=True), torch.tensor([2, 5, 0])
    x = torch.randn(5, 3, 3)
    x[2:, 0], x[:, 2] = float("nan"), float("nan")
    x.requires_grad_()
    y, _ = layer(x, lengths=lengths)
    assert (y[2:, 0] == 0).all()
    assert (y[:, 2] == 0).all()
    y.sum().backward()
    assert (x.grad[2:, 0] == 0).all()
    assert torch.allclose(y[:2, 0], layer(x[:2, :1])[0][:, 0])
    assert all(torch.isfinite(p.grad).all() for p in layer.parameters())


def test_an_array_of_lengths_may_be_used_again_before_backward():
    layer, x, lengths = recorrente.GRU(3, 4), torch.randn(5, 2, 3), np.array([2, 5])
    found = []
    for again in (False, True):
        layer.zero_grad()
        y, _ = layer(x, lengths=lengths)
        if again:
            lengths[:] = 0
        y.square().sum().backward()
        found.append(layer.weight_hh_l0.grad)
    assert torch.equal(*found)


@pytest.mark.parametrize("cell", [cells.GRU(), cells.Elman(torch.sin)])
def test_a_layer_of_any_cell_takes_what_autocast_gives_it(cell):
    layer, before = Recurrent(cell, 3, 4), nn.Linear(3, 3)
    x, lengths = torch.randn(5, 2, 3), [2, 5]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        given = before(x)
        y, (h,) = layer(given, lengths=lengths)
    assert given.dtype == torch.bfloat16
    assert torch.equal(y, layer(given.float(), lengths=lengths)[0])
    assert y.dtype == h.dtype == torch.float32


def test_a_stream_goes_on_where_it_stopped():
    layer, x = recorrente.GRU(2, 3), torch.randn(8, 3, 2)
    stream = Stateful(layer)
    halves = torch.cat([stream(x[:5]), stream(x[5:])])
    assert torch.equal(halves, layer(x)[0])
    stream.forget(torch.tensor([False, True, False]))
    again = stream(x)
    assert torch.equal(again[:, 1], layer(x)[0][:, 1])
    assert not torch.equal(again[:, 0], layer(x)[0][:, 0])
    stream(x)[-1].sum().backward()  # only this call: the state that it started from is cut off
    with pytest.raises(InputError, match="rows of 3"):
        stream.forget([3])
    with pytest.raises(InputError, match="2 rows"):
        stream(x[:, :2])
    stream.forget()
    assert torch.equal(stream(x[:, :2]), layer(x[:, :2])[0])


def test_a_stream_takes_what_its_layer_takes():
    layer = recorrente.GRU(2, 3)
    stream, x = Stateful(layer), torch.randn(8, 2)
    assert torch.equal(torch.cat([stream(x[:5]), stream(x[5:])]), layer(x)[0])  # one row, unbatched
    with pytest.raises(InputError, match="x: got 2 rows, wanted one row, unbatched"):
        stream(torch.zeros(5, 2, 2))
    with pytest.raises(InputError, match="rows: got"):
        stream.forget([0])
    stream.forget()
    rows = [torch.randn(4, 2), torch.randn(3, 2)]
    packed = pack_sequence(rows)
    first, second = stream(packed), stream(packed)
    assert torch.equal(second.data, layer(packed, layer(packed)[1])[0].data)
    assert not torch.equal(first.data, second.data)
    with pytest.raises(InputError, match="x: got one row, unbatched, wanted 2 rows"):
        stream(x)
    y, trace = stream(torch.zeros(5, 2, 2), trace=True)
    assert torch.equal(trace.h[0], y)
    stream.double()
    assert stream(torch.zeros(5, 2, 2, dtype=torch.float64)).dtype == torch.float64


def test_a_stream_is_learnt_from_after_it_was_only_read():
    stream, x = Stateful(recorrente.GRU(2, 3)), torch.randn(8, 3, 2)
    with torch.inference_mode():
        stream(x)
    stream(x).sum().backward()
    assert stream.layer.weight_hh_l0.grad.any()


def test_rows_that_are_forgotten_start_as_the_layer_does():
    layer, x = recorrente.LSTM(2, 3, learned_state=True), torch.randn(4, 2, 2)
    nn.init.normal_(layer.h_0), nn.init.normal_(layer.c_0)
    stream = Stateful(layer)
    stream(x)
    stream.forget([1])
    assert torch.equal(stream(x)[:, 1], layer(x)[0][:, 1])


@pytest.mark.parametrize("none", [[], (), range(0), torch.tensor([], dtype=torch.long)], ids=repr)
def test_no_row_is_forgotten(none):
    stream = Stateful(recorrente.LSTM(2, 3))
    stream(torch.randn(4, 2, 2))
    kept = stream.state
    stream.forget(none)
    assert all(torch.equal(one, two) for one, two in zip(kept, stream.state, strict=True))


@pytest.mark.parametrize("rows", [[0.5], torch.tensor([1.0]), torch.tensor([]), ["a"], [[0], [0, 1]]], ids=repr)
def test_what_is_no_row_is_not_forgotten(rows):
    stream = Stateful(recorrente.GRU(2, 3))
    stream(torch.randn(4, 2, 2))
    with pytest.raises(InputError, match=r"rows: got .*, wanted numbers of rows"):
        stream.forget(rows)


BAD = {
    "restart": [torch.zeros(9, 9)],
    "reset": [torch.zeros(4, 2), torch.zeros(2, 4, dtype=torch.bool), [[True]]],
    "lengths": [[5, 1], [-1, 2], [1.5, 2.0], [1]],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_what_does_not_fit_is_refused(name, value):
    for layer in (recorrente.GRU(3, 5), Recurrent(cells.NormLSTM(), 3, 5)):
        with pytest.raises(InputError, match=name):
            layer(torch.zeros(4, 2, 3), **{name: value})


def test_chances_out_of_range_are_refused():
    for name, value in {
        "zoneout": 1.0,
        "recurrent_dropout": -0.1,
        "input_dropout": "a",
        "weight_dropout": True,
    }.items():
        with pytest.raises(InputError, match=name):
            Noise(**{name: value})
    with pytest.raises(InputError, match="zoneout"):
        Noise(zoneout=(0.1, 0.2, 0.3))


@pytest.mark.parametrize("how", ["rows as given", "packed alike"])
def test_resets_of_a_packed_sequence_are_those_of_its_rows(how):
    T, lengths = 7, torch.tensor([3, 7, 5, 5])
    layer = recorrente.LSTM(3, 5, num_layers=2, bidirectional=True).double()
    x, reset = torch.randn(T, 4, 3, dtype=DOUBLE, requires_grad=True), torch.rand(T, 4) < 0.3

    def state():
        return tuple(torch.randn(4, 4, 5, dtype=DOUBLE, requires_grad=True) for _ in range(2))

    def pack(part):
        return nn.utils.rnn.pack_padded_sequence(part, lengths, enforce_sorted=False)

    def packed(x, hx, *, reset, **further):
        y, state = layer(pack(x), hx, reset=pack(reset) if how == "packed alike" else reset, **further)
        return nn.utils.rnn.pad_packed_sequence(y)[0], state

    packed.named_parameters = layer.named_parameters
    hx, restart = state(), state()
    want = results(layer, x, hx, lengths=lengths, reset=reset, restart=restart)
    assert_close(results(packed, x, hx, reset=reset, restart=restart), want)
    plain = layer(x, hx, lengths=lengths)[0]
    assert not torch.equal(want["out0"], plain)
    ready = nn.utils.rnn.pack_padded_sequence(x[:, [1, 2, 3, 0]], lengths[[1, 2, 3, 0]])  # sorted, and without an order
    y, _ = layer(ready, reset=reset[:, [1, 2, 3, 0]])
    again, _ = layer(x, lengths=lengths, reset=reset)
    assert torch.equal(nn.utils.rnn.pad_packed_sequence(y)[0], again[:, [1, 2, 3, 0]])


def test_resets_packed_otherwise_are_refused():
    def pack(part, lengths=(2, 4)):
        return nn.utils.rnn.pack_padded_sequence(part, torch.tensor(lengths), enforce_sorted=False)

    layer, x, reset = recorrente.GRU(3, 5), pack(torch.zeros(4, 2, 3)), torch.zeros(4, 2, dtype=torch.bool)
    packed_otherwise = pack(reset, (1, 4)), pack(reset, (4, 2)), pack(reset.float()), pack(reset[..., None])
    for wrong in (reset.t(), reset.float(), *packed_otherwise):
        with pytest.raises(InputError, match="reset"):
            layer(x, reset=wrong)


def test_explain_says_where_a_variant_runs():
    x = torch.zeros(3, 2, 4)
    assert recorrente.explain(Recurrent(cells.CoupledLSTM(), 4, 5), x).layers[0].path == "native"
    for normed in (cells.NormGRU(), cells.NormLSTM()):
        assert recorrente.explain(Recurrent(normed, 4, 5, zoneout=0.1), x).layers[0].path == "native"
    where = recorrente.explain(Recurrent(cells.Elman(torch.sin), 4, 5), x).layers[0]
    assert where.path == "reference"
    assert "Elman" in where.reason
    assert recorrente.explain(Recurrent(cells.PeepholeLSTM(), 4, 5, zoneout=0.1), x).layers[0].path == "reference"
    halves = recorrente.explain(recorrente.LSTM(4, 5).half(), x.half(), reset=torch.zeros(3, 2, dtype=torch.bool))
    assert halves.layers[0].path == "reference"


@pytest.mark.parametrize("kind", [recorrente.RNN, recorrente.GRU, recorrente.LSTM])
def test_a_trace_is_what_the_layer_went_through(kind):
    layer = kind(3, 5, num_layers=2, bidirectional=True, zoneout=0.3, dtype=DOUBLE)
    x, lengths = torch.randn(6, 2, 3, dtype=DOUBLE), [6, 3]
    torch.manual_seed(1)
    y, state = layer(x, lengths=lengths)
    torch.manual_seed(1)
    again, _, trace = layer(x, lengths=lengths, trace=True)
    assert torch.allclose(again, y, rtol=1e-12)
    G = layer.cell.gates
    assert trace.h.shape == (4, 6, 2, 5)
    assert trace.gates.shape == (4, G, 6, 2, 5)
    assert torch.allclose(torch.cat([trace.h[2], trace.h[3]], dim=-1), y, rtol=1e-12)
    assert trace.gates[:, :, 3:, 1].abs().max() == 0
    if kind is recorrente.LSTM:
        ends = torch.stack([trace.c[2, 5, 0], trace.c[2, 2, 1]])
        assert torch.allclose(ends, state[1][2], rtol=1e-12)
        i, _, _, o = trace.gates[0]
        assert i[:, 0].min() > 0
        assert o[:, 0].max() < 1
        assert trace.gate_names == ("i", "f", "g", "o")
    trace.gates.square().sum().backward()
    assert layer.weight_hh_l0.grad.abs().max() > 0


def test_a_trace_of_a_plain_lstm_obeys_its_equations():
    layer, x = recorrente.LSTM(3, 5, dtype=DOUBLE), torch.randn(6, 2, 3, dtype=DOUBLE)
    _, _, trace = layer(x, trace=True)
    (i, f, g, o), c = trace.gates[0], trace.c[0]
    before = torch.cat([torch.zeros_like(c[:1]), c[:-1]])
    assert torch.allclose(c, f * before + i * g, rtol=1e-12)
    assert torch.allclose(trace.h[0], o * torch.tanh(c), rtol=1e-12)
    with pytest.raises(InputError, match="trace"):
        layer(nn.utils.rnn.pack_padded_sequence(x, torch.tensor([6, 2])), trace=True)
