"""Our Keras layers inside models: trained, saved, wrapped, swapped, and carried to torch and back."""

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras_calls import BACKEND, process
from torch import nn

import recorrente
import recorrente.keras as rk
from recorrente.errors import InputError
from recorrente.layers import Network

pytestmark = pytest.mark.filterwarnings("ignore:.*unclosed.*:ResourceWarning")
NAMES = ("SimpleRNN", "GRU", "LSTM")
KERAS2 = Path(__file__).parent / "data" / "keras2.h5"  # data/README.md tells how it was made
WORDS = np.random.default_rng(0).integers(1, 20, (8, 6)) * (np.arange(6) < np.array([6, 1, 3, 5, 6, 2, 4, 6])[:, None])
MARKS = np.random.default_rng(1).integers(0, 3, 8)


def classifier(home: Any, name: str = "LSTM") -> Any:
    """Words with a mask, read both ways, then one way; what it says of each row."""
    keras.utils.set_random_seed(1)
    layer = getattr(home, name)
    return keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(20, 4, mask_zero=True),
            keras.layers.Bidirectional(layer(5, return_sequences=True)),
            keras.layers.TimeDistributed(keras.layers.Dense(4)),
            layer(6),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )


def said(model: Any, x: Any = WORDS) -> Any:
    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(x))


def trained(model: Any, epochs: int = 3, **how: Any) -> list[float]:
    if not model.compiled:
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", **how)
    return model.fit(WORDS, MARKS, batch_size=4, epochs=epochs, shuffle=False, verbose=0).history["loss"]


@pytest.mark.parametrize("name", NAMES if BACKEND == "torch" else ["LSTM"])  # the others compile for long
def test_fit_learns_what_keras_learns(name: str) -> None:
    """Three epochs of Adam, which divides by the size of gradients: 1e-4 of losses of the size of 1."""
    theirs, ours = classifier(keras.layers, name), classifier(rk, name)
    np.testing.assert_allclose(trained(ours), trained(theirs), rtol=1e-4)
    np.testing.assert_allclose(said(ours), said(theirs), atol=1e-4)
    np.testing.assert_allclose(ours.predict(WORDS, verbose=0), said(ours), atol=1e-6)


@pytest.mark.parametrize("ending", ["keras", "h5"] if BACKEND == "torch" else ["keras"])
def test_files_go_both_ways(ending: str, tmp_path: Path) -> None:
    theirs, ours = classifier(keras.layers), classifier(rk)
    path = tmp_path / f"model.{ending}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras.src.saving.saving_api.logging.warning", lambda *_: None)  # that .h5 is the older format
        ours.save(path)
        back = keras.saving.load_model(path)
        assert isinstance(back.layers[-2], rk.LSTM)
        np.testing.assert_allclose(said(back), said(ours), atol=1e-6)

        rk.restore(back).save(path)
        plain = keras.saving.load_model(path)
        assert type(plain.layers[-2]) is keras.layers.LSTM
        np.testing.assert_allclose(said(plain), said(ours), atol=1e-6)

        theirs.save(path)
        taken = rk.accelerate(keras.saving.load_model(path))
        assert isinstance(taken.layers[-2], rk.LSTM)
        np.testing.assert_allclose(said(taken), said(theirs), atol=1e-6)


@pytest.mark.skipif(BACKEND != "torch", reason="the same on every backend")
def test_our_file_opens_where_recorrente_is_not(tmp_path: Path) -> None:
    model = classifier(rk)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "words.npy", WORDS)
    code = """
        import sys
        sys.modules["recorrente"] = None
        import keras, numpy
        model = keras.saving.load_model("model.keras", custom_objects={"recorrente>LSTM": keras.layers.LSTM})
        numpy.save("said.npy", keras.ops.convert_to_numpy(model(numpy.load("words.npy"))))
        """
    done = process(code, tmp_path)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "said.npy"), said(model), atol=1e-6)


@pytest.mark.skipif(BACKEND != "torch", reason="the same on every backend")
def test_weights_files_go_both_ways(tmp_path: Path) -> None:
    theirs, ours = classifier(keras.layers), classifier(rk)
    trained(theirs)
    theirs.save_weights(tmp_path / "some.weights.h5")
    ours.load_weights(tmp_path / "some.weights.h5")
    np.testing.assert_allclose(said(ours), said(theirs), atol=1e-6)


def test_accelerate_keeps_weights_and_optimizer() -> None:
    one, other = classifier(keras.layers), classifier(keras.layers)
    for model in (one, other):
        trained(model)
    kernel = one.layers[-2].cell.kernel
    assert rk.accelerate(one) is one
    assert one.layers[-2].cell.kernel is kernel
    assert {where.path for where in rk.explain(one)[1:]} <= {"native", "keras"}
    assert [where.path for where in rk.explain(one) if "LSTM" in where.layer or "lstm" in where.layer] == ["native"] * 3
    np.testing.assert_allclose(trained(one), trained(other), rtol=1e-4)
    assert type(rk.restore(one).layers[-2]) is keras.layers.LSTM
    np.testing.assert_allclose(said(one), said(other), atol=1e-4)


def test_functional_model_with_initial_state() -> None:
    def built(home: Any) -> Any:
        keras.utils.set_random_seed(2)
        x, h = keras.Input((6, 4)), keras.Input((5,))
        y, last = home.GRU(5, return_sequences=True, return_state=True)(x, initial_state=h)
        return keras.Model([x, h], [y, last])

    random = np.random.default_rng(3)
    given = [random.standard_normal((2, 6, 4)).astype("float32"), random.standard_normal((2, 5)).astype("float32")]
    for wanted, came in zip(built(keras.layers)(given), built(rk)(given), strict=True):
        np.testing.assert_allclose(*[keras.ops.convert_to_numpy(y) for y in (came, wanted)], atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_torch_and_back(name: str, bidirectional: bool) -> None:
    torchs = {"SimpleRNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}[name]
    module = torchs(4, 5, num_layers=2, bidirectional=bidirectional, batch_first=True)
    x = np.random.default_rng(4).standard_normal((3, 6, 4)).astype("float32")
    wanted = module(torch.from_numpy(x))[0].detach().numpy()
    model = rk.from_torch(module)
    np.testing.assert_allclose(said(model, x), wanted, atol=1e-6)
    back = rk.to_torch(model)
    np.testing.assert_allclose(back(torch.from_numpy(x)).detach().numpy(), wanted, atol=1e-6)


def test_whole_classifier_to_torch() -> None:
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32"),
            keras.layers.Embedding(20, 4),
            keras.layers.LSTM(5, return_sequences=True),
            keras.layers.SimpleRNN(6, activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    module = rk.to_torch(model)
    np.testing.assert_allclose(module(torch.from_numpy(WORDS)).detach().numpy(), said(model), atol=1e-6)


@pytest.mark.skipif(BACKEND != "torch", reason="it trains a run; from_torch is tested on every backend")
def test_run_folder_to_keras(run_folder: Path) -> None:
    model, network = rk.from_run(run_folder), recorrente.load(run_folder).network
    assert isinstance(network, Network)
    size = model.input_shape[-1]
    x = np.random.default_rng(5).standard_normal((3, 8, size)).astype("float32")
    with torch.no_grad():
        wanted = network.eval().last(torch.from_numpy(x).transpose(0, 1))
    np.testing.assert_allclose(said(model, x), wanted.numpy(), atol=1e-5)


@pytest.mark.skipif(BACKEND == "jax", reason="the same on every backend, and JAX compiles it for half a minute")
def test_a_file_of_keras_2_says_what_it_said_there() -> None:
    """SimpleRNN, GRU with the reset after and before, LSTM and Bidirectional, all behind a mask."""
    model, there = rk.from_keras2(KERAS2), np.load(KERAS2.with_suffix(".npz"))
    assert [where.path for where in rk.explain(model)] == ["native"] * 6
    for layer, came in zip(("rnn", "gru_after", "gru_before", "lstm", "both"), said(model, [there["x"]]), strict=True):
        np.testing.assert_allclose(came, there[layer], atol=1e-6)


@pytest.mark.skipif(BACKEND != "torch", reason="the same on every backend")
def test_a_file_of_keras_2_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = shutil.copy(KERAS2, tmp_path / "other.h5")
    with h5py.File(path, "r+") as file:
        config = file.attrs["model_config"]
        file.attrs["model_config"] = config.replace('"time_major": false', '"time_major": true', 1)
    with pytest.raises(InputError, match=r"rnn: got time_major=True, wanted time_major=False"):
        rk.from_keras2(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
    with pytest.raises(InputError, match=r"got weights alone, wanted a file of model\.save"):
        rk.from_keras2(path)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (lambda: keras.layers.GRU(4, reset_after=False), "reset_after=True"),
        (lambda: keras.layers.LSTM(4, recurrent_activation="hard_sigmoid"), "activations of torch"),
        (lambda: keras.layers.LSTM(4, go_backwards=True), "go_backwards=False"),
        (lambda: keras.layers.Dense(4, activation="gelu"), "relu, tanh, sigmoid or softmax"),
        (lambda: keras.layers.Conv1D(4, 2), "Conv1D"),
    ],
)
def test_what_torch_has_not_is_refused(layer: Any, said: str) -> None:
    built = layer()
    built.build((2, 5, 3))
    with pytest.raises(InputError, match=said):
        rk.to_torch(built)


def test_what_keras_has_not_is_refused() -> None:
    with pytest.raises(InputError, match="LSTM without projection"):
        rk.from_torch(nn.LSTM(4, 5, proj_size=2))


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
def test_under_jaxs_transforms() -> None:
    import jax

    layer = rk.GRU(5)
    layer.build((2, 6, 4))
    weights = [weight.value for weight in layer.trainable_weights]
    still = [variable.value for variable in layer.non_trainable_variables]
    x = np.random.default_rng(6).standard_normal((3, 2, 6, 4)).astype("float32")

    def run(x: Any) -> Any:
        return layer.stateless_call(weights, still, x)[0]

    one_by_one = np.stack([np.asarray(run(part)) for part in x])
    np.testing.assert_array_equal(np.asarray(jax.jit(run)(x[0])), one_by_one[0])
    np.testing.assert_array_equal(np.asarray(jax.vmap(run)(x)), one_by_one)
    of_each = jax.vmap(jax.grad(lambda part: run(part).sum()))(x)
    np.testing.assert_array_equal(np.asarray(of_each[1]), np.asarray(jax.grad(lambda part: run(part).sum())(x[1])))
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(run, (x[0],), (x[0],))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
def test_under_tensorflows_functions() -> None:
    import tensorflow as tf

    layer = rk.LSTM(5)
    x = tf.constant(np.random.default_rng(6).standard_normal((2, 6, 4)).astype("float32"))
    eager = layer(x).numpy()
    np.testing.assert_array_equal(tf.function(layer)(x).numpy(), eager)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x, training=True) ** 2)
        later = tf.reduce_sum(layer(x, training=False) ** 2)
    first, again = tape.gradient(loss, x).numpy(), tape.gradient(loss, x).numpy()
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(tape.gradient(later, x).numpy(), first)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
def test_tensorflows_gradient_of_x_is_there_for_whoever_asks() -> None:
    """A tape inside a function wants the weights alone, one around it wants x, twice; and a tape of x itself."""
    import tensorflow as tf

    layer = rk.GRU(5)
    x = tf.constant(np.random.default_rng(6).standard_normal((2, 6, 4)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x, training=True) ** 2)
    wanted, *wanted_of_weights = tape.gradient(loss, [x, *[weight.value for weight in layer.trainable_weights]])

    @tf.function
    def inside(x: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return loss, tape.gradient(loss, [weight.value for weight in layer.trainable_weights])

    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        loss, of_weights = inside(x)
    for came in (tape.gradient(loss, x), tape.gradient(loss, x)):
        np.testing.assert_array_equal(came.numpy(), wanted.numpy())
    for came, one in zip(of_weights, wanted_of_weights, strict=True):
        np.testing.assert_array_equal(came.numpy(), one.numpy())


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tensorflows_operations_have_the_bits_of_the_core(dtype: str) -> None:
    """Called by hand with our weights, every input there is, beside the layer on torch."""
    import tensorflow as tf

    from recorrente import native
    from recorrente.keras.on_tensorflow import OPERATIONS

    torch.manual_seed(0)
    layer = recorrente.LSTM(3, 5, batch_first=True, dtype=getattr(torch, dtype))
    x, h0, c0 = (torch.randn(shape, dtype=layer.weight_hh_l0.dtype) for shape in [(4, 7, 3), (1, 4, 5), (1, 4, 5)])
    lengths = torch.tensor([7, 0, 3, 5])
    for one in (x, h0, c0):
        one.requires_grad_()
    y, (h_n, c_n) = layer(x, (h0, c0), lengths=lengths)
    (y.sin().sum() + h_n.cos().sum() + c_n.sin().sum()).backward()

    leaves = [x, *layer.parameters(), h0, c0]
    nine = [*[leaf.detach().numpy() for leaf in leaves], lengths.numpy(), np.zeros(0, dtype)]
    nine[5:7] = [state[0] for state in nine[5:7]]
    about = {"cell": native.number_of(layer.cell), "reverse": False, "threads": 2, "gates": [], "units": 0}
    said = OPERATIONS.recorrente_forward(*nine, saving=True, **about)
    for came, wanted in zip(said[:3], (y, h_n[0], c_n[0]), strict=True):
        np.testing.assert_array_equal(came.numpy(), wanted.detach().numpy())
    arriving = [y.cos(), -h_n[0].sin(), c_n[0].cos()]
    coming = [tf.constant(one.detach().numpy()) for one in arriving]
    gradients = OPERATIONS.recorrente_backward(*nine, said[0], said[3], *coming, wanted=0b1111111, **about)
    for came, leaf in zip(gradients, leaves, strict=True):
        np.testing.assert_array_equal(came.numpy(), leaf.grad.numpy().reshape(came.shape))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
def test_tensorflows_operations_refuse_what_does_not_fit() -> None:
    import tensorflow as tf

    from recorrente.keras.on_tensorflow import OPERATIONS

    B, T, C, H = 2, 3, 4, 5
    fit = {"x": (B, T, C), "weight_ih": (3 * H, C), "weight_hh": (3 * H, H), "bias_ih": (0,), "bias_hh": (0,)}
    fit |= {"h0": (B, H), "c0": (0,), "lengths": (B,), "drop": (0,)}

    def zeros(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
        return {name: np.zeros(shape, "int64" if name == "lengths" else "float32") for name, shape in shapes.items()}

    about = {"cell": 3, "reverse": False, "threads": 1, "gates": [], "units": 0}
    for name, shape in [
        ("x", (B, T)), ("x", (B, T, C + 1)), ("h0", (B + 1, H)), ("h0", (H,)), ("weight_ih", (0,)), ("weight_hh", (0,)),
        ("bias_ih", (H,)), ("bias_ih", (2, 3 * H)), ("bias_hh", (H,)), ("c0", (B, H + 1)), ("lengths", (B + 1,)),
        ("drop", (B, H + 1)),
    ]:  # fmt: skip
        with pytest.raises(tf.errors.InvalidArgumentError, match="do not fit together"):
            OPERATIONS.recorrente_forward(**zeros(fit | {name: shape}), **about, saving=True)
    keras_order = {
        **zeros(fit | {"weight_ih": (C, 3 * H), "weight_hh": (H, 3 * H)}),
        **about,
        "gates": [1, 0, 2],
        "units": H,
    }
    assert OPERATIONS.recorrente_forward(**keras_order, saving=False)[0].shape == (B, T, H)
    with pytest.raises(tf.errors.InvalidArgumentError, match="do not fit together"):
        OPERATIONS.recorrente_forward(**keras_order | {"bias_hh": np.zeros(3 * H, "float32")}, saving=False)
    for wrong in ({"cell": 99}, {"cell": -1}, {"gates": [1, 0, 2], "units": H}, {"gates": [3], "units": 3 * H}):
        with pytest.raises(tf.errors.InvalidArgumentError, match="do not fit together"):
            OPERATIONS.recorrente_forward(**zeros(fit), **(about | wrong), saving=True)

    y, _, _, saved = OPERATIONS.recorrente_forward(**zeros(fit), **about, saving=True)
    none = np.zeros(0, "float32")
    right = {"y": y, "saved": saved, "dy": none, "dh_n": none, "dc_n": none}
    assert OPERATIONS.recorrente_backward(**zeros(fit), **right, **about, wanted=1)[0].shape == (B, T, C)
    for late in ({"saved": saved[:-1]}, {"saved": none.astype("uint8")}, {"y": y[:1]}, {"y": none}, {"dy": y[:1]}):
        with pytest.raises(tf.errors.InvalidArgumentError, match="do not fit together"):
            OPERATIONS.recorrente_backward(**zeros(fit), **(right | late), **about, wanted=1)
    too_long = {**zeros(fit), "lengths": np.full(B, T + 1)}
    with pytest.raises(tf.errors.InvalidArgumentError, match="length"):
        OPERATIONS.recorrente_forward(**too_long, **about, saving=False)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
def test_a_saved_model_of_tensorflow_answers_elsewhere(tmp_path: Path) -> None:
    """In a process that has no more of the model than its folder, once recorrente.keras is imported there."""
    read = [keras.layers.Embedding(20, 4, mask_zero=True), keras.layers.Bidirectional(rk.GRU(5, return_sequences=True))]
    model = keras.Sequential([keras.Input((None,), dtype="int32"), *read, rk.LSTM(6), keras.layers.Dense(3)])
    wanted = said(model)
    model.export(tmp_path / "model", verbose=False)
    np.save(tmp_path / "words.npy", WORDS.astype("int32"))
    code = (
        "import numpy as np, tensorflow as tf, recorrente.keras\n"
        f"model = tf.saved_model.load({str(tmp_path / 'model')!r})\n"
        f"words = np.load({str(tmp_path / 'words.npy')!r})\n"
        f"np.save({str(tmp_path / 'said.npy')!r}, model.serve(words).numpy())\n"
    )
    came = process(code)
    assert came.returncode == 0, came.stderr
    np.testing.assert_allclose(np.load(tmp_path / "said.npy"), wanted, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
def test_xla_is_declined_with_a_word() -> None:
    model = classifier(rk)
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=True)
    assert not model.jit_compile
    assert len(trained(model, epochs=1)) == 1
