"""An existing model gets our layers, keeps everything it had, and gives them back."""

import copy
import pickle
import warnings

import pytest
import torch
from table import PAIRS, flat
from torch import nn

import recorrente
from recorrente import cells
from recorrente.errors import InputError
from recorrente.layers import ShapeError


class Tagger(nn.Module):
    """A model as people have them: layers by name, in a list, and one that is shared."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 4)
        self.encoder = nn.LSTM(4, 5, num_layers=2, bidirectional=True)
        self.stack = nn.ModuleList([nn.GRU(10, 6), nn.RNN(6, 6, nonlinearity="relu")])
        self.again = self.stack[1]
        self.head = nn.Linear(6, 3)

    def forward(self, words):
        h, _ = self.encoder(self.embed(words))
        for layer in (*self.stack, self.again):
            h, _ = layer(h)
        return self.head(h)


@pytest.fixture
def words():
    return torch.randint(0, 10, (7, 3))


def test_every_layer_is_ours_and_every_parameter_the_same_object():
    model = Tagger()
    before = dict(model.named_parameters())
    assert recorrente.accelerate(model) is model
    assert [type(part) for part in (model.encoder, *model.stack)] == [recorrente.LSTM, recorrente.GRU, recorrente.RNN]
    assert model.again is model.stack[1]
    after = dict(model.named_parameters())
    assert list(before) == list(after)
    assert all(before[name] is after[name] for name in before)
    assert [way.path for way in recorrente.explain(model, torch.zeros(2, 1).long()).layers] == ["native"] * 3


def test_an_optimiser_made_before_trains_the_model_after_as_torch_would(words):
    torch.manual_seed(0)
    ours = Tagger().double()
    torchs = copy.deepcopy(ours)
    optimisers = [torch.optim.Adam(model.parameters(), lr=0.01) for model in (ours, torchs)]
    recorrente.accelerate(ours)
    losses = []
    for model, optimiser in zip((ours, torchs), optimisers, strict=True):
        for _ in range(4):
            optimiser.zero_grad()
            loss = model(words).square().mean()
            loss.backward()
            optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)


def test_hooks_stay(words):
    model, seen = Tagger(), []
    model.encoder.register_forward_hook(lambda module, inputs, output: seen.append(type(module)))
    recorrente.accelerate(model)(words)
    recorrente.restore(model)(words)
    assert seen == [recorrente.LSTM, nn.LSTM]


@pytest.mark.parametrize("name", PAIRS)
def test_restore_undoes_it(name):
    ours, torchs, own = PAIRS[name]
    layer = torchs(4, 5, **own)
    x, attributes = torch.randn(3, 2, 4), set(vars(layer))
    truth = flat(layer(x))
    assert type(recorrente.accelerate(layer)) is ours
    assert type(recorrente.accelerate(layer)) is ours
    layer(x)
    assert type(recorrente.restore(layer)) is torchs
    assert set(vars(layer)) == attributes
    assert all(torch.equal(one, two) for one, two in zip(flat(layer(x)), truth, strict=True))


def test_a_subclass_is_left_alone_and_named():
    class Mine(nn.GRU):
        def forward(self, x):
            return super().forward(x)[0]

    model = nn.Sequential(Mine(4, 5), nn.Tanh())
    with pytest.warns(UserWarning, match="0 stays as it is: Mine"):
        recorrente.accelerate(model)
    assert type(model[0]) is Mine


def test_restore_says_what_torchs_layers_do_not_know_and_what_stays():
    model = nn.Sequential(recorrente.GRU(4, 4, residual=True, learned_state=True, zoneout=0.3), recorrente.GRU(4, 4))
    nn.utils.parametrizations.weight_norm(model[1], "weight_hh_l0")
    with (
        pytest.warns(UserWarning, match="0 loses zoneout=0.3, residual=True, learned_state=True"),
        pytest.warns(UserWarning, match="1 stays as it is: ParametrizedGRU is a subclass of ours"),
    ):
        recorrente.restore(model)
    assert type(model[0]) is nn.GRU
    assert vars(model[0]).keys() == vars(nn.GRU(4, 4)).keys()
    assert model[0].state_dict().keys() == nn.GRU(4, 4).state_dict().keys()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorrente.restore(nn.Sequential(recorrente.accelerate(nn.LSTM(3, 4))))
        layer = recorrente.accelerate(model[0])  # nothing is left of what was chosen
    assert layer.torchs_own


def test_importing_the_files_does_not_hide_the_functions():
    import recorrente.paths
    import recorrente.swap

    assert recorrente.accelerate is recorrente.swap.accelerate
    assert recorrente.explain is recorrente.paths.explain


def test_explain_says_of_a_layer_in_a_model_what_it_says_of_it_alone():
    layer, x = recorrente.LSTM(4, 64, proj_size=32), torch.randn(1, 3, 4)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            (alone,), (inside,) = (recorrente.explain(of, x).layers for of in (layer, nn.Sequential(layer)))
        assert alone.path == inside.path == ("native" if grad else "torch")


def test_explain_leaves_the_model_as_it_was():
    stream = recorrente.Stateful(recorrente.GRU(3, 4, zoneout=0.5))
    model, x = nn.Sequential(nn.BatchNorm1d(3), stream), torch.randn(5, 3)
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert [way.path for way in recorrente.explain(model, x).layers] == ["native"]
    assert stream.state is None
    assert torch.equal(torch.get_rng_state(), random)
    y = model.eval()(x)
    recorrente.explain(model, x)  # which changes no buffer that the graph of y holds
    y.sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_errors_and_layers_of_every_name_go_to_other_processes():
    for error in (InputError("x", came=torch.ones(2), wanted="y", cure="z"), ShapeError("x", came=1, wanted="y")):
        for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
            assert (type(again), str(again), again.argument) == (type(error), str(error), error.argument)
    for activation in ("tanh", "relu", "linear"):
        layer, x = recorrente.Recurrent(cells.Elman(activation), 3, 4), torch.randn(5, 2, 3)
        again = pickle.loads(pickle.dumps(layer))
        assert torch.equal(again(x)[0], layer(x)[0])
        assert again.noise is layer.noise
