"""Our Keras layers beside Keras' own: same outputs, same gradients, with every option, on whichever backend is set.

KERAS_BACKEND=jax and KERAS_BACKEND=tensorflow run the same file; `make test` does.
"""

import re
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras_calls import BACKEND, as_array, called, process

import recorrente.keras as rk
from recorrente.errors import InputError

NAMES = ("SimpleRNN", "GRU", "LSTM")
B, T, C, H = 4, 7, 3, 5
LENGTHS = np.array([7, 0, 3, 5])[:, None]
MASKS = {
    "none": None,
    "right": np.arange(T)[None] < LENGTHS,
    "left": np.arange(T)[None] >= LENGTHS,
    "holes": np.random.default_rng(1).random((B, T)) < 0.5,
}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"return_sequences": True},
    {"return_sequences": True, "return_state": True},
    {"return_state": True},
    {"go_backwards": True},
    {"go_backwards": True, "return_sequences": True, "zero_output_for_mask": True},
    {"zero_output_for_mask": True},
    {"use_bias": False, "return_sequences": True},
    {"dropout": 0.4},
    {"recurrent_dropout": 0.4},
    {"dropout": 0.3, "recurrent_dropout": 0.4, "return_sequences": True},
    {"unroll": True, "return_sequences": True},
    {"activation": "relu"},
    {"activation": None},
    {"kernel_regularizer": "l2", "recurrent_constraint": "max_norm"},
]
OWN = {
    "GRU": [
        {"reset_after": False},
        {"reset_after": False, "use_bias": False},
        {"recurrent_dropout": 0.4},
        {"reset_after": False, "dropout": 0.3, "recurrent_dropout": 0.4},
    ],
    "LSTM": [{"unit_forget_bias": False}, {"recurrent_dropout": 0.4}],
}
CASES = [(name, options) for name in NAMES for options in [*OPTIONS, *OWN.get(name, [])]]
if BACKEND != "torch":  # which compile for long: each option for one layer, in turn
    turns = [(NAMES[number % 3], options) for number, options in enumerate(OPTIONS)]
    CASES = [*turns, *[(name, options) for name, own in OWN.items() for options in own]]


def pair(name: str, options: dict[str, Any], C: int = C) -> tuple[Any, Any]:
    """Keras' layer and ours, with the same random weights and the same seed for what is dropped."""
    theirs, ours = getattr(keras.layers, name)(H, seed=3, **options), getattr(rk, name)(H, seed=3, **options)
    for layer in (theirs, ours):
        layer.build((B, T, C))
    random = np.random.default_rng(2)
    weights = [random.standard_normal(weight.shape).astype("float32") / 2 for weight in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return theirs, ours


def states(name: str, size: int = 1) -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    return {
        part: random.standard_normal((B, H)).astype("float32") for part in ("h0", "c0")[: 2 if name == "LSTM" else 1]
    }


def some_x(T: int = T, C: int = C) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((B, T, C)).astype("float32")


def assert_same(theirs: Any, ours: Any, inputs: dict[str, np.ndarray], **keywords: Any) -> None:
    """Float32 sums of up to T*B = 28 products and chains of 7 steps: 1e-5 of numbers of the size of 1."""
    outputs, gradients = called(theirs, inputs, **keywords)
    outputs_, gradients_ = called(ours, inputs, **keywords)
    for wanted, came in zip(outputs + gradients, outputs_ + gradients_, strict=True):
        np.testing.assert_allclose(came, wanted, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda case: str(case))
def test_option_gives_what_keras_gives(name: str, options: dict[str, Any]) -> None:
    number = CASES.index((name, options))
    mask = list(MASKS.values())[number % len(MASKS)]
    theirs, ours = pair(name, options)
    for training in (False, True) if any("dropout" in word for word in options) else (True,):
        assert_same(theirs, ours, {"x": some_x(), **(states(name) if number % 2 else {})}, mask=mask, training=training)
    assert len(theirs.losses) == len(ours.losses)


@settings(
    max_examples=8 if BACKEND == "jax" else 20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(
    name=st.sampled_from(NAMES),
    mask=st.sampled_from(sorted(MASKS)),
    flags=st.fixed_dictionaries(
        {
            name: st.booleans()
            for name in ("return_sequences", "return_state", "go_backwards", "use_bias", "zero_output_for_mask")
        }
    ),
    dropout=st.sampled_from([0.0, 0.3]),
    training=st.booleans(),
    started=st.booleans(),
)
def test_any_combination_gives_what_keras_gives(
    name: str, mask: str, flags: dict[str, bool], dropout: float, training: bool, started: bool
) -> None:
    theirs, ours = pair(name, {**flags, "dropout": dropout})
    inputs = {"x": some_x(), **(states(name) if started else {})}
    assert_same(theirs, ours, inputs, mask=MASKS[mask], training=training)


@pytest.mark.parametrize("name", NAMES)
def test_runs_on_the_core(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras' own loop is not called, with or without a mask, training or not."""

    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("Keras' own loop ran")

    layer = getattr(rk, name)(H, return_sequences=True, dropout=0.2, recurrent_dropout=0.2)
    monkeypatch.setattr(getattr(keras.layers, name), "inner_loop", refused)
    for mask in MASKS.values():
        layer(some_x(), mask=mask, training=True)
    assert rk.explain(layer)[0].path == "native"


@pytest.mark.parametrize("name", ["GRU", "LSTM"])
def test_says_what_goes_to_keras_own_loop(name: str) -> None:
    layer = getattr(rk, name)(H, recurrent_activation="hard_sigmoid")
    assert "recurrent_activation hard_sigmoid is not sigmoid" in str(rk.explain(layer)[0])
    assert "hard_sigmoid is not sigmoid" in str(
        rk.explain(getattr(rk, name)(H, recurrent_activation="hard_sigmoid"))[0]
    )
    own = rk.explain(getattr(keras.layers, name)(H))[0]
    assert own.path == "keras"
    assert "accelerate" in own.reason


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_with_a_call_of_its_own_is_called(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put on one cell alone, as who tries a cell out does; GRU and LSTM call it where there is a mask."""
    for layer in pair(name, {}):
        call = layer.cell.call
        monkeypatch.setattr(
            layer.cell, "call", lambda x, states, training=False, call=call: call(2 * x, states, training=training)
        )
        came = as_array(layer(some_x(), mask=MASKS["right"]))
        wanted = pair(name, {})[0](2 * some_x(), mask=MASKS["right"])
        np.testing.assert_allclose(came, as_array(wanted), rtol=1e-5, atol=1e-6)
    assert "the cell has a call of its own" in str(rk.explain(layer)[0])


@pytest.mark.parametrize("name", NAMES)
def test_stateful_carries_the_state_and_resets_it(name: str) -> None:
    """Keras' own stateful SimpleRNN gives no gradient on torch, so gradients are judged by a layer that is not."""
    theirs, ours = pair(name, {"stateful": True, "return_sequences": True})
    plain = pair(name, {"return_sequences": True, "return_state": True})[1]
    first, *state = [keras.ops.convert_to_numpy(part) for part in plain(some_x())]
    for layer in (theirs, ours):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(some_x())), first, rtol=1e-5, atol=1e-6)
    outputs, gradients = called(ours, {"x": some_x()}, training=True)
    outputs_, gradients_ = called(pair(name, {"return_sequences": True})[1], {"x": some_x(), **dict(enumerate(state))})
    del gradients_[1 : 1 + len(state)]
    for wanted, came in zip(outputs_ + gradients_, outputs + gradients, strict=True):
        np.testing.assert_allclose(came, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(theirs(some_x())), outputs[0], rtol=1e-5, atol=1e-6)
    ours.reset_state()
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours(some_x())), first, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("policy", ["float64", "mixed_bfloat16", "mixed_float16"])
def test_precision_is_the_policys(policy: str) -> None:
    """Half precisions round what goes in and comes out: 8 bits of significand in bfloat16, 2**-8 of numbers below 1.

    In float64 Keras' own loop multiplies in float32 on torch; the next test judges ours there.
    """
    if policy == "float64" and BACKEND == "jax":
        pytest.skip("JAX has float64 only where it was told so before it started")
    for name in NAMES:
        theirs, ours = pair(name, {"dtype": policy, "return_sequences": True})
        wanted, came = theirs(some_x()), ours(some_x())
        assert came.dtype == wanted.dtype
        np.testing.assert_allclose(as_array(came), as_array(wanted), atol=1e-6 if policy == "float64" else 0.02)


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", NAMES)
def test_a_half_precision_rounds_weights_and_ends_and_no_step(name: str, half: str) -> None:
    def rounded(array: Any) -> np.ndarray:
        return as_array(keras.ops.cast(keras.ops.convert_to_tensor(array), half))

    layer = pair(name, {"dtype": f"mixed_{half}", "return_sequences": True})[1]
    wide = pair(name, {"return_sequences": True})[1]
    wide.set_weights([rounded(array) for array in layer.get_weights()])
    np.testing.assert_array_equal(as_array(layer(some_x())), rounded(wide(rounded(some_x()))))


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has float64 only where it was told so before it started")
def test_float64_is_float64_throughout() -> None:
    layer = rk.SimpleRNN(H, dtype="float64")
    x = some_x().astype("float64")
    came = keras.ops.convert_to_numpy(layer(x))
    kernel, recurrent, bias = [np.asarray(array, "float64") for array in layer.get_weights()]
    h = np.zeros((B, H))
    for t in range(T):
        h = np.tanh(x[:, t] @ kernel + bias + h @ recurrent)
    np.testing.assert_allclose(came, h, atol=1e-14)


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has float64 only where it was told so before it started")
@pytest.mark.parametrize("name", NAMES)
def test_integers_are_computed_in_the_policys_float64(name: str) -> None:
    """Whole numbers below 2**24 are the same in float32: only the arithmetic differs."""
    layer = pair(name, {"dtype": "float64"})[1]
    x = np.random.default_rng(0).integers(-3, 4, (B, T, C))
    came, wanted = (as_array(layer(keras.ops.convert_to_tensor(x, dtype))) for dtype in ("int32", "float64"))
    np.testing.assert_allclose(came, wanted, atol=1e-15)


@pytest.mark.skipif(BACKEND != "torch", reason="the others refuse a second derivative")
@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_gradient_of_a_gradient_is_keras_own(name: str, reset_after: bool) -> None:
    """By all weights, of the squared length of the gradient by x; sums of 5 * H products."""
    import torch

    from recorrente.native import SlowPathWarning

    options = {"reset_after": reset_after} if name == "GRU" else {"use_bias": reset_after}
    found = []
    for layer in pair(name, options):
        x = torch.tensor(some_x(), requires_grad=True)
        variables = [variable.value for variable in layer.trainable_variables]
        slow = type(layer).__module__.startswith("recorrente")
        with pytest.warns(SlowPathWarning) if slow else nullcontext():
            (dx,) = torch.autograd.grad(layer(x, training=True).sin().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(dx.square().sum(), variables))
    for wanted, came in zip(*found, strict=True):
        torch.testing.assert_close(came, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(BACKEND != "torch", reason="the others have no frozen tensors")
@pytest.mark.parametrize("frozen", ["kernel", "recurrent_kernel", "bias"])
def test_a_frozen_weight_leaves_the_other_gradients(frozen: str) -> None:
    for name in NAMES:
        found = []
        for layer in pair(name, {}):
            variables = {part: getattr(layer.cell, part) for part in ("kernel", "recurrent_kernel", "bias")}
            variables[frozen].value.requires_grad_(False)
            layer(keras.ops.convert_to_tensor(some_x()), training=True).sum().backward()
            found.append([variable.value.grad for variable in variables.values()])
        for wanted, came in zip(*found, strict=True):
            assert (wanted is None) == (came is None)
            if wanted is not None:
                np.testing.assert_allclose(came.numpy(), wanted.numpy(), rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_keras_broadcasts_is_what_it_stands_for(name: str) -> None:
    """A mask with a last index of 1, a mask and a state of one row; JAX' own loop takes no such state."""
    theirs, ours = pair(name, {"return_sequences": True})
    mask, first = MASKS["holes"], [state[:1] for state in states(name).values()]
    for one, whole in (
        ({"mask": mask[:, :, None]}, {"mask": mask}),
        ({"mask": mask[:1]}, {"mask": mask[:1].repeat(B, 0)}),
        ({"initial_state": first}, {"initial_state": [state.repeat(B, 0) for state in first]}),
    ):
        came, wanted = ours(some_x(), **one), theirs(some_x(), **whole)
        np.testing.assert_allclose(as_array(came), as_array(wanted), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="the others know the rows of every array")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, B])
def test_one_row_stands_for_all_where_nobody_knew_how_many_come(name: str, rows: int) -> None:
    """Batches unknown when traced, of the state and of the mask; Keras' own loop takes no mask of one row."""
    import tensorflow as tf

    def run(layer: Any, x: Any, state: list[Any], mask: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(state)
            y = layer(x, initial_state=state, mask=mask, training=True)
            loss = tf.reduce_sum(y**2)
        return y, tape.gradient(loss, state)

    open_ = [(None, T, C), [(None, H)] * len(states(name)), (None, T)]
    told = [tf.TensorSpec(open_[0]), [tf.TensorSpec(shape) for shape in open_[1]], tf.TensorSpec(open_[2], tf.bool)]
    theirs, ours = pair(name, {"return_sequences": True, "recurrent_dropout": 0.4, "dropout": 0.2})
    first, mask = [tf.constant(state[:rows]) for state in states(name).values()], MASKS["holes"][:rows]
    came = tf.function(lambda *given: run(ours, *given), input_signature=told, autograph=False)(some_x(), first, mask)
    wanted = run(theirs, tf.constant(some_x()), first, mask.repeat(B // rows, 0))
    for one, other in zip([came[0], *came[1]], [wanted[0], *wanted[1]], strict=True):
        np.testing.assert_allclose(as_array(one), as_array(other), rtol=2e-5, atol=1e-5)


@pytest.mark.skipif(BACKEND == "jax", reason="its own loop takes no state of one row")
@pytest.mark.parametrize("name", NAMES)
def test_a_dropout_mask_of_one_row_is_of_all(name: str) -> None:
    theirs, ours = pair(name, {"recurrent_dropout": 0.4, "dropout": 0.2})
    first = [state[:1] for state in states(name).values()]
    wanted, came = (layer(some_x(), initial_state=first, training=True) for layer in (theirs, ours))
    np.testing.assert_allclose(as_array(came), as_array(wanted), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("argument", "shape", "wanted"),
    [
        ("sequences", (B, T, C + 1), r"wanted \(B, T, 3\)"),
        ("sequences", (B, T, C - 1), r"wanted \(B, T, 3\)"),
        ("initial_state", (2, H), r"wanted \(4, 5\)"),
        ("initial_state", (B, H - 2), r"wanted \(4, 5\)"),
        ("initial_state", (H,), r"wanted \(4, 5\)"),
        ("mask", (2 * B, T), r"wanted \(4, 7\)"),
        ("mask", (B, T + 2), r"wanted \(4, 7\)"),
        ("mask", (B, T, H), r"wanted \(4, 7\)"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, argument: str, shape: tuple[int, ...], wanted: str) -> None:
    layer = pair(name, {})[1]
    given = np.ones(shape, bool if argument == "mask" else "float32")
    more = {"mask": given} if argument == "mask" else {}
    if argument == "initial_state":
        more = {"initial_state": [given, given] if name == "LSTM" else [given]}
    with pytest.raises(InputError, match=re.escape(f"{argument}: got {shape}, ") + wanted):
        layer(given if argument == "sequences" else some_x(), **more)


@pytest.mark.parametrize("name", NAMES)
def test_complex_sequences_are_refused(name: str) -> None:
    """Keras' casts lose the imaginary part, with a warning or none."""
    layer = pair(name, {})[1]
    with pytest.raises(InputError, match=r"sequences: got complex64, wanted real numbers"):
        layer((some_x() * 1j).astype("complex64"))


def test_a_state_too_many_is_refused_where_keras_takes_the_first() -> None:
    theirs, ours = pair("GRU", {})
    first, second = states("LSTM").values()
    wanted = as_array(theirs(some_x(), initial_state=[first]))
    np.testing.assert_array_equal(as_array(theirs(some_x(), initial_state=[first, second])), wanted)
    with pytest.raises(InputError, match="initial_state: got 2 arrays, wanted 1"):
        ours(some_x(), initial_state=[first, second])


def test_a_state_too_few_is_refused() -> None:
    x = keras.ops.convert_to_tensor(some_x())
    with pytest.raises(InputError, match="initial_state: got 1 arrays, wanted 2"):
        pair("LSTM", {})[1].inner_loop(x, [x[:, 0]], None)


def test_functions_of_keras_ops_are_the_same_activations() -> None:
    ops = keras.ops
    for name, options in {
        "SimpleRNN": {"activation": ops.relu},
        "GRU": {"activation": ops.tanh, "recurrent_activation": ops.sigmoid},
        "LSTM": {"activation": ops.tanh, "recurrent_activation": ops.sigmoid},
    }.items():
        theirs, ours = pair(name, options)
        assert rk.explain(ours)[0].path == "native"
        np.testing.assert_allclose(as_array(ours(some_x())), as_array(theirs(some_x())), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(BACKEND != "torch", reason="of torch")
@pytest.mark.parametrize("name", NAMES)
def test_masks_under_torchs_transforms(name: str) -> None:
    """A mask of each of three batches, and the gradient of each row by itself."""
    import torch

    from recorrente.native import SlowPathWarning

    layer = pair(name, {"return_sequences": True})[1]
    x = torch.tensor(some_x()).repeat(3, 1, 1, 1)
    masks = torch.tensor(np.stack([MASKS[kind] for kind in ("right", "left", "holes")]))
    wanted = torch.stack([layer(one, mask=mask) for one, mask in zip(x, masks, strict=True)])
    with pytest.warns(SlowPathWarning):
        torch.testing.assert_close(torch.vmap(lambda x, mask: layer(x, mask=mask))(x, masks), wanted)

    def loss(x: Any, mask: Any) -> Any:
        return layer(x[None], mask=mask[None]).square().sum()

    x = x[0].requires_grad_()
    (d,) = torch.autograd.grad(sum(loss(*row) for row in zip(x, masks[2], strict=True)), x)
    with pytest.warns(SlowPathWarning):
        torch.testing.assert_close(torch.vmap(torch.func.grad(loss))(x.detach(), masks[2]), d)


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_weights(name: str) -> None:
    made = []
    for home in (keras.layers, rk):
        keras.utils.set_random_seed(4)
        layer = getattr(home, name)(H)
        layer.build((B, T, C))
        made.append(layer)
    for wanted, came in zip(made[0].weights, made[1].weights, strict=True):
        assert wanted.path.split("/")[-1] == came.path.split("/")[-1]
        np.testing.assert_array_equal(*[keras.ops.convert_to_numpy(weight.value) for weight in (wanted, came)])


@pytest.mark.parametrize("name", NAMES)
def test_config_goes_both_ways(name: str) -> None:
    theirs, ours = pair(name, {"dropout": 0.1, "go_backwards": True, "name": "layer"})
    assert theirs.get_config() == ours.get_config()
    assert isinstance(type(ours).from_config(theirs.get_config()), type(theirs))


@pytest.mark.skipif(BACKEND != "torch", reason="the same on every backend")
def test_missing_or_old_keras_is_said() -> None:
    missing = process("import sys; sys.modules['keras'] = None; import recorrente.keras")
    assert 'pip install "recorrente[keras]"' in missing.stderr
    old = process(
        """
        import sys, types
        sys.modules["keras"] = old = types.ModuleType("keras")
        old.__version__ = "2.15.0"
        import recorrente.keras
        """
    )
    assert "got Keras 2.15.0, wanted Keras 3" in old.stderr


@pytest.mark.skipif(BACKEND != "torch", reason="the same on every backend")
def test_unknown_backend_is_said() -> None:
    came = process("import recorrente.keras", KERAS_BACKEND="numpy")
    assert "KERAS_BACKEND: got numpy, wanted one of torch, jax, tensorflow" in came.stderr


def test_another_backends_arrays_and_models_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = rk.GRU(H)
    layer.build((B, T, C))
    with pytest.raises(InputError, match=r"sequences: got a builtins\.list"):
        layer.inner_loop([[[1.0]]], [np.zeros((B, H), "float32")], None)
    with pytest.raises(InputError, match=r"model: got a builtins\.dict"):
        rk.accelerate({})
    x = keras.ops.convert_to_tensor(some_x())
    monkeypatch.setattr(keras.config, "backend", lambda: "other")
    with pytest.raises(InputError, match="sequences: got backend other"):
        layer.inner_loop(x, [x[:, 0]], None)
