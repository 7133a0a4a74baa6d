"""Our Keras layers inside models: trained, saved, wrapped, swapped, and carried to torch and back."""

import shutil
from functools import wraps
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from keras_calls import BACKEND, process
from torch import nn
from torch.nn.utils import prune

import recorrente
import recorrente.keras as rk
from recorrente.errors import InputError
from recorrente.keras.exchange import Last, Sequences
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


@pytest.mark.skipif(BACKEND != "torch", reason="the same on every backend")
def test_a_path_that_is_no_file_of_keras_2_is_refused(tmp_path: Path) -> None:
    whole, part = tmp_path / "model.keras", tmp_path / "part.h5"
    small(rk.GRU(2)).save(whole)
    part.write_bytes(KERAS2.read_bytes()[:4096])
    for path, came in [
        (
            whole,
            r"model\.keras, a \.keras file, wanted an \.h5 file of .*keras\.saving\.load_model\(path\).*accelerate",
        ),
        (part, r"part\.h5: .*truncated file"),
        (tmp_path, "the folder "),
        (tmp_path / "none.h5", r"none\.h5, which does not exist"),
        (Path(__file__), r"test_keras_models\.py: .*file signature not found"),
    ]:
        with pytest.raises(InputError, match="path: got .*" + came):
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
def test_tensorflows_operations_say_that_memory_ran_out() -> None:
    """Of an input without features, so that y alone is large, 2**52 bytes; there is room for the next output."""
    import tensorflow as tf

    from recorrente.keras.on_tensorflow import OPERATIONS

    shapes = {"weight_ih": (1, 0), "weight_hh": (1, 1), "bias_ih": (0,), "bias_hh": (0,), "h0": (1, 1), "c0": (0,)}
    given = {name: np.zeros(shape, "float32") for name, shape in (shapes | {"drop": (0,)}).items()}
    given |= {"x": tf.zeros((1, 2**50, 0)), "lengths": np.zeros(1, "int64")}
    about = {"cell": 0, "reverse": False, "threads": 1, "gates": [], "units": 0}
    with pytest.raises(tf.errors.ResourceExhaustedError, match="OOM"):
        OPERATIONS.recorrente_forward(**given, **about, saving=False)


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
@pytest.mark.filterwarnings("ignore:(?s).*tf.lite.Interpreter is deprecated:UserWarning")
def test_a_restored_model_goes_to_litert(tmp_path: Path) -> None:
    """As the guide says; unrolled, for the loop itself asks the interpreter for TensorFlow's operations."""
    import tensorflow as tf

    if not hasattr(tf.lite, "Interpreter"):
        pytest.skip("this TensorFlow has no interpreter")
    path = str(tmp_path / "model.tflite")
    model = keras.Sequential([keras.Input((4, 3), batch_size=1), rk.GRU(5, unroll=True), keras.layers.Dense(2)])
    x = np.random.default_rng(6).standard_normal((1, 4, 3)).astype("float32")
    wanted = said(model, x)
    with pytest.raises(Exception, match="RecorrenteForward"):
        model.export(path, format="litert", verbose=False)
    rk.restore(model).export(path, format="litert", verbose=False)
    runner = tf.lite.Interpreter(model_path=path)
    runner.allocate_tensors()
    runner.set_tensor(runner.get_input_details()[0]["index"], x)
    runner.invoke()
    np.testing.assert_allclose(runner.get_tensor(runner.get_output_details()[0]["index"]), wanted, atol=1e-6)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
def test_xla_is_declined_with_a_word() -> None:
    model = classifier(rk)
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=True)
    assert not model.jit_compile
    assert len(trained(model, epochs=1)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_was_made_as_ours_is_restored_and_compiled(name: str) -> None:
    model = keras.Sequential([keras.Input((6, 4)), getattr(rk, name)(5), keras.layers.Dense(1)])
    rk.restore(model).compile("sgd", "mse", jit_compile=BACKEND != "torch")
    assert model.jit_compile == (BACKEND != "torch")
    loss = model.fit(np.ones((4, 6, 4)), np.ones((4, 1)), verbose=0).history["loss"]
    assert np.isfinite(loss).all()


def small(layer: Any, *others: Any) -> Any:
    return keras.Sequential([keras.Input((7, 3)), layer, *others])


def otherwise(kind: Any, name: str, *args: Any, **more: Any) -> Any:
    """One of a subclass whose method `name` calls that of its parent, and may do more."""

    @wraps(getattr(kind, name))  # Keras reads the names of a call's arguments
    def method(self: Any, *given: Any, **how: Any) -> Any:
        return getattr(kind, name)(self, *given, **how)

    return type(f"My{kind.__name__}", (kind,), {name: method})(*args, **more)


def with_cell(cell: Any) -> Any:
    layer = keras.layers.LSTM(4)
    layer.cell = cell
    layer.build((2, 7, 3))
    return layer


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: small(otherwise(keras.layers.Dense, "call", 4)), r"MyDense with its own call, wanted .* of Dense"),
        (lambda: small(otherwise(keras.layers.Dense, "__call__", 4)), "MyDense with its own __call__"),
        (lambda: small(otherwise(keras.layers.Dropout, "call", 0.5)), "MyDropout with its own call"),
        (lambda: otherwise(keras.Sequential, "call", [keras.Input((3,)), keras.layers.Dense(4)]), "MySequential with"),
        (lambda: small(otherwise(keras.layers.LSTM, "call", 4)), "MyLSTM with its own call"),
        (lambda: small(otherwise(rk.LSTM, "inner_loop", 4)), "MyLSTM with its own inner_loop"),
        (lambda: small(otherwise(rk.GRU, "get_initial_state", 4)), "MyGRU with its own get_initial_state"),
        (
            lambda: small(otherwise(keras.layers.Bidirectional, "call", rk.GRU(4, return_sequences=True))),
            "MyBidirectional with its own call",
        ),
        (
            lambda: small(
                keras.layers.Bidirectional(
                    rk.GRU(4, return_sequences=True),
                    backward_layer=otherwise(rk.GRU, "inner_loop", 4, return_sequences=True, go_backwards=True),
                )
            ),
            "MyGRU with its own inner_loop",
        ),
        (lambda: with_cell(otherwise(keras.layers.LSTMCell, "call", 4)), "MyLSTMCell with its own call"),
        (lambda: with_cell(keras.layers.StackedRNNCells([keras.layers.LSTMCell(4)])), "wanted a cell of Keras' own"),
        (
            lambda: keras.Sequential([keras.Input((None,)), otherwise(keras.layers.Embedding, "call", 9, 3)]),
            "MyEmbedding with its own call",
        ),
        (
            lambda: keras.Sequential([keras.Input((None,)), keras.layers.Embedding(9, 3, mask_zero=True)]),
            "mask_zero=True",
        ),
        (lambda: keras.Sequential([keras.Input((7, 3), batch_size=2), rk.LSTM(4, stateful=True)]), "stateful=False"),
        (lambda: keras.layers.LSTM(4), "not built"),
        (lambda: keras.Sequential([keras.layers.LSTM(4)]), "not built"),
        (lambda: small(keras.layers.Dropout(0.1, noise_shape=(None, 1, 3))), "noise_shape=None"),
        (
            lambda: small(
                keras.layers.Bidirectional(
                    keras.layers.LSTM(4, return_sequences=True),
                    backward_layer=keras.layers.GRU(4, return_sequences=True, go_backwards=True),
                )
            ),
            "two layers of one kind",
        ),
        (lambda: "x", r"model: got a builtins\.str, wanted a layer"),
        (lambda: nn.Linear(2, 3), r"model: got a torch\..*Linear, wanted a layer"),
        (lambda: small(keras.layers.ReLU(max_value=6.0)), "max_value=None"),
        (lambda: small(keras.layers.Softmax(axis=1)), "axis=-1"),
        (lambda: small(keras.layers.Activation("gelu")), "relu, tanh, sigmoid or softmax"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_what_would_be_another_network_in_torch_is_refused(model: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        rk.to_torch(model())


@pytest.mark.skipif(BACKEND != "torch", reason="Keras' layers are modules of torch, which have hooks, there alone")
def test_a_hook_of_a_keras_layer_is_refused() -> None:
    model = small(keras.layers.Dense(4))
    handle = model.layers[0].register_forward_hook(lambda layer, given, y: 5 * y)
    with pytest.raises(InputError, match=r"^dense.*: got a .*Dense with forward hooks"):
        rk.to_torch(model)
    handle.remove()
    assert isinstance(rk.to_torch(model), nn.Sequential)


def test_subclasses_that_compute_as_their_parent_go_both_ways() -> None:
    """Such as set defaults of their own, and torch's parametrized modules, whose weights are what they make of them."""

    class Wide(nn.Linear):
        def __init__(self) -> None:
            super().__init__(3, 40)

    module = nn.Sequential(Wide(), nn.utils.parametrizations.weight_norm(nn.Linear(40, 4)))
    x = np.random.default_rng(3).standard_normal((2, 7, 3)).astype("float32")
    module.append(Sequences(nn.GRU(4, 5, batch_first=True)))
    wanted = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(said(rk.from_torch(module), x), wanted, atol=1e-6)

    class Small(rk.LSTM):
        def __init__(self) -> None:
            super().__init__(4, return_sequences=True)

    theirs = small(Small())
    came = rk.to_torch(theirs)(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(came, said(theirs, x), atol=1e-6)


def hooked(module: nn.Module) -> nn.Module:
    module.register_forward_hook(lambda module, given, y: 5 * y)
    return module


def hooked_before(module: nn.Module) -> nn.Module:
    module.register_forward_pre_hook(lambda module, given: (5 * given[0],))
    return module


def patched(module: nn.Module) -> nn.Module:
    forward = module.forward
    module.forward = lambda x: 5 * forward(x)  # type: ignore[method-assign]
    return module


def old_weight_norm(layer: nn.Module) -> nn.Module:
    with pytest.warns(FutureWarning, match="weight_norm"):
        return nn.utils.weight_norm(layer)


def loaded_lazily() -> nn.Module:
    lazy = nn.LazyLinear(4)
    lazy.load_state_dict(nn.Linear(3, 4).state_dict())
    return lazy


def twice(layer: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 3), layer, nn.Linear(3, 3), layer)


def tied() -> nn.Module:
    module = nn.Sequential(nn.Embedding(9, 3), nn.Linear(3, 9))
    module[1].weight = module[0].weight
    return module


def half_frozen() -> nn.Module:
    module = nn.GRU(3, 4)
    module.bias_hh_l0.requires_grad_(False)
    return module


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (lambda: recorrente.GRU(3, 5, learned_state=True), "learned_state=True"),
        (lambda: recorrente.GRU(3, 5, zoneout=0.3), "zoneout=0.3"),
        (lambda: recorrente.LSTM(3, 5, zoneout=(0.0, 0.2)), r"zoneout=\(0.0, 0.2\)"),
        (lambda: recorrente.GRU(3, 5, weight_dropout=0.3), "weight_dropout=0.3"),
        (lambda: recorrente.RNN(5, 5, residual=True), "residual=True"),
        (lambda: recorrente.RNN(5, 5, credit=recorrente.credit.Truncated(3)), "credit=Truncated"),
        (lambda: Network(recorrente.GRU(3, 5), nn.Linear(15, 2), pooled=True), "pooled=True"),
        (lambda: nn.Sequential(nn.Dropout(0.5)), "no layer with weights"),
        (lambda: nn.Sequential(nn.Tanh()), "no layer with weights"),
        (lambda: twice(nn.Linear(3, 3)), "a Linear whose weight stands in the module twice"),
        (lambda: twice(Sequences(recorrente.GRU(3, 3, batch_first=True))), "weight_ih_l0 stands in the module twice"),
        (tied, "a Linear whose weight stands in the module twice"),
        (lambda: nn.Embedding(9, 3, max_norm=1.0), r"max_norm=1\.0"),
        (lambda: nn.Embedding.from_pretrained(torch.ones(9, 3), max_norm=1.0), r"max_norm=1\.0"),
        (lambda: nn.Embedding(9, 3, padding_idx=0), "padding_idx=0, wanted padding_idx=None. Set it"),
        (lambda: nn.Embedding(9, 3, scale_grad_by_freq=True), "scale_grad_by_freq=True"),
        (half_frozen, "a GRU of which one bias is frozen"),
        (lambda: Last(nn.LSTM(3, 4, batch_first=True, bidirectional=True)), "a layer that reads both ways"),
        (lambda: nn.Linear(3, 4, device="meta"), "weight without numbers"),
        (lambda: nn.LazyLinear(4), "weight without numbers"),
        (loaded_lazily, "LazyLinear.*, not called yet"),
        (lambda: otherwise(nn.Linear, "forward", 3, 4), "MyLinear with its own forward, wanted one with .* of Linear"),
        (lambda: otherwise(nn.Sequential, "forward", nn.Linear(3, 3)), "MySequential with its own forward"),
        (lambda: nn.Sequential(otherwise(nn.Embedding, "forward", 9, 3)), "MyEmbedding with its own forward"),
        (lambda: otherwise(nn.LSTM, "forward", 3, 4), "MyLSTM with its own forward"),
        (lambda: otherwise(recorrente.GRU, "forward", 3, 4), "MyGRU with its own forward"),
        (lambda: nn.Sequential(nn.Linear(3, 4), otherwise(nn.Dropout, "forward", 0.1)), "MyDropout with its own"),
        (lambda: nn.Sequential(nn.Linear(3, 4), otherwise(nn.Identity, "forward")), "MyIdentity with its own forward"),
        (lambda: otherwise(Last, "forward", nn.LSTM(3, 4, batch_first=True)), "MyLast with its own forward"),
        (lambda: otherwise(Sequences, "forward", nn.LSTM(3, 4, batch_first=True)), "MySequences with its own forward"),
        (lambda: otherwise(Network, "last", recorrente.GRU(3, 5), nn.Linear(5, 2)), "MyNetwork with its own last"),
        (
            lambda: nn.utils.parametrizations.weight_norm(otherwise(nn.Linear, "forward", 3, 4)),
            "ParametrizedMyLinear with its own forward",
        ),
        (lambda: patched(nn.Linear(3, 4)), "Linear with its own forward"),
        (lambda: hooked(nn.Linear(3, 4)), "Linear with forward hooks, wanted one without"),
        (lambda: hooked(nn.Sequential(nn.Linear(3, 4))), "Sequential with forward hooks"),
        (lambda: nn.Sequential(nn.Linear(3, 4), hooked(nn.ReLU())), "ReLU with forward hooks"),
        (lambda: hooked_before(nn.LSTM(3, 4)), "LSTM with forward hooks"),
        (lambda: old_weight_norm(nn.Linear(3, 4)), r"Linear with forward hooks.*remove_weight_norm"),
        (lambda: prune.l1_unstructured(nn.Linear(3, 4), "weight", 0.5), r"Linear with forward hooks.*prune\.remove"),
        (lambda: nn.Linear(3, 4, dtype=torch.complex64), "weight of torch.complex64"),
        (lambda: "x", r"module: got a builtins\.str, wanted a torch\.nn\.Module"),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.Softmax(dim=1)), r"Softmax\(dim=-1\)"),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.GELU()), "ReLU, Tanh, Sigmoid, Softmax"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_what_would_be_another_network_in_keras_is_refused(module: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        rk.from_torch(module())


def test_what_stands_twice_without_weights_stands_twice_in_keras() -> None:
    layers = rk.from_torch(twice(nn.Dropout(0.4))).layers
    assert [type(layer).__name__ for layer in layers] == ["Dense", "Dropout", "Dense", "Dropout"]
    module, x = twice(nn.Tanh()), np.random.default_rng(3).standard_normal((2, 3)).astype("float32")
    wanted = module(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(said(rk.from_torch(module), x), wanted, atol=1e-6)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid, lambda: nn.Softmax(dim=-1), nn.Identity])
def test_activations_go_both_ways(activation: Any) -> None:
    rows = Sequences(recorrente.GRU(4, 5, batch_first=True))
    module = nn.Sequential(nn.Linear(3, 4), activation(), rows, activation())
    x = np.random.default_rng(3).standard_normal((2, 7, 3)).astype("float32")
    wanted = module(torch.from_numpy(x)).detach().numpy()
    model = rk.from_torch(module)
    np.testing.assert_allclose(said(model, x), wanted, atol=1e-6)
    back = rk.to_torch(model)
    np.testing.assert_allclose(back(torch.from_numpy(x)).detach().numpy(), wanted, atol=1e-6)
    kept = [type(one) for one in back if not isinstance(one, nn.Linear | Sequences)]
    assert kept == ([] if activation is nn.Identity else [type(activation())] * 2)


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (lambda: keras.layers.Activation("linear"), nn.Identity),
        (lambda: keras.layers.Identity(), nn.Identity),
        (lambda: keras.layers.Activation(keras.ops.relu), nn.ReLU),
        (lambda: keras.layers.ReLU(), nn.ReLU),
        (lambda: keras.layers.Softmax(), nn.Softmax),
        (lambda: keras.layers.Activation("softmax"), nn.Softmax),
    ],
)
def test_layers_that_are_an_activation_go_to_torch(layer: Any, kind: type[nn.Module]) -> None:
    model = small(rk.LSTM(4, return_sequences=True), layer())
    x = np.random.default_rng(3).standard_normal((2, 7, 3)).astype("float32")
    module = rk.to_torch(model)
    assert type(module[1]) is kind
    np.testing.assert_allclose(module(torch.from_numpy(x)).detach().numpy(), said(model, x), atol=1e-6)


def test_frozen_is_frozen_in_keras(tmp_path: Path) -> None:
    """A whole layer, a weight of one, one direction of two, one of the biases that Keras adds; and in a file, too."""
    parts = [nn.LSTM(3, 4, batch_first=True), nn.GRU(4, 2, bidirectional=True), nn.RNN(4, 2), nn.Linear(2, 2)]
    parts[0].requires_grad_(False)
    for name, parameter in parts[1].named_parameters():
        parameter.requires_grad_(not name.endswith("reverse"))
    parts[2].bias_ih_l0.requires_grad_(False)
    parts[3].weight.requires_grad_(False)
    model = rk.from_torch(nn.Sequential(*parts))
    lstm, both, simple, dense = model.layers
    ways = [both.forward_layer.trainable, both.backward_layer.trainable]
    assert [lstm.trainable, *ways, simple.trainable] == [False, True, False, True]
    assert [len(one.trainable_weights) for one in (lstm, both, simple, dense)] == [0, 3, 3, 1]
    assert dense.trainable_weights == [dense.bias]
    assert len(model.trainable_weights) == 7
    model.save(tmp_path / "model.keras")
    assert not keras.saving.load_model(tmp_path / "model.keras").layers[0].trainable_weights


def test_frozen_is_frozen_in_torch() -> None:
    both = keras.layers.Bidirectional(rk.GRU(2, return_sequences=True))
    model = small(rk.LSTM(4, return_sequences=True, trainable=False), both, rk.SimpleRNN(3), keras.layers.Dense(2))
    both.backward_layer.trainable = False
    model.layers[2].cell.kernel.trainable = False
    model.layers[3].bias.trainable = False
    lstm, gru, simple, dense = (
        {name.removeprefix("layer."): parameter.requires_grad for name, parameter in part.named_parameters()}
        for part in rk.to_torch(model)
    )
    assert not any(lstm.values())
    assert gru == {name: not name.endswith("reverse") for name in gru}
    assert simple == {name: name != "weight_ih_l0" for name in simple}
    assert dense == {"weight": True, "bias": False}
    model.trainable = False
    assert not any(parameter.requires_grad for parameter in rk.to_torch(model).parameters())
    assert rk.to_torch(small(keras.layers.Dense(2)))[0].weight.requires_grad


def test_a_frozen_embedding_may_have_what_is_of_training_alone() -> None:
    module = nn.Embedding(20, 3, padding_idx=0, scale_grad_by_freq=True)
    module.weight.requires_grad_(False)
    words = WORDS[:, 1]
    model = rk.from_torch(module)
    np.testing.assert_array_equal(said(model, words), module(torch.from_numpy(words)).numpy())
    assert not model.trainable_weights
    assert not rk.to_torch(model)[0].weight.requires_grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precisions_come_in_float32(dtype: torch.dtype) -> None:
    parts = [nn.Embedding(20, 3), nn.LSTM(3, 4, batch_first=True), nn.GRU(4, 4, batch_first=True), nn.Linear(4, 2)]
    module = nn.Sequential(*parts).to(dtype)
    model = rk.from_torch(module)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    module = module.float()
    wanted = module[3](module[2](module[1](module[0](torch.from_numpy(WORDS)))[0])[0])
    np.testing.assert_allclose(said(model), wanted.detach().numpy(), atol=1e-6)


def test_the_last_output_alone_comes_back() -> None:
    model = small(rk.GRU(4, return_sequences=True), rk.LSTM(5), keras.layers.Dense(2))
    assert rk.from_torch(rk.to_torch(model)).output_shape == model.output_shape == (None, 2)


def test_dropout_goes_both_ways() -> None:
    layer = rk.LSTM(4, return_sequences=True, dropout=0.1, recurrent_dropout=0.2)
    module = rk.to_torch(small(layer, keras.layers.Dropout(0.3), keras.layers.Dense(2)))
    assert (module[0].layer.noise.input_dropout, module[0].layer.noise.recurrent_dropout, module[1].p) == (
        0.1,
        0.2,
        0.3,
    )
    back = rk.from_torch(module)
    assert (back.layers[0].dropout, back.layers[0].recurrent_dropout, back.layers[1].rate) == (0.1, 0.2, 0.3)
    stack = rk.from_torch(nn.LSTM(3, 4, num_layers=2, dropout=0.4)).layers
    assert [type(layer) for layer in stack] == [rk.LSTM, keras.layers.Dropout, rk.LSTM]
    assert stack[1].rate == 0.4


def test_dense_with_lora_goes_with_what_it_adds() -> None:
    model = small(rk.LSTM(4), keras.layers.Dense(2))
    model.layers[1].enable_lora(2)
    random = np.random.default_rng(8)
    model.set_weights([random.standard_normal(weight.shape) for weight in model.get_weights()])
    x = random.standard_normal((2, 7, 3)).astype("float32")
    np.testing.assert_allclose(rk.to_torch(model)(torch.from_numpy(x)).detach().numpy(), said(model, x), atol=1e-5)


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has float64 only where it was told so before it started")
def test_float64_goes_both_ways() -> None:
    module = nn.Sequential(nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2)).double()
    x = np.random.default_rng(9).standard_normal((2, 7, 3))
    wanted = module[1](module[0](torch.from_numpy(x))[0]).detach().numpy()
    model = rk.from_torch(module)
    assert said(model, x).dtype == np.float64
    back = rk.to_torch(model)(torch.from_numpy(x)).detach().numpy()
    for came in (said(model, x), back) if BACKEND == "tensorflow" else (back,):  # torch's Dense of Keras' is of float32
        np.testing.assert_allclose(came, wanted, atol=1e-14)


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has float64 only where it was told so before it started")
def test_what_stands_between_float64_layers_is_of_float64() -> None:
    rows = Sequences(nn.GRU(4, 4, num_layers=2, dropout=0.2, batch_first=True))
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.2), rows, nn.Identity()).double()
    x = np.random.default_rng(9).standard_normal((2, 7, 3))
    model = rk.from_torch(module)
    assert {layer.compute_dtype for layer in model.layers} == {"float64"}
    if BACKEND == "tensorflow":  # torch's Dense of Keras' is of float32
        np.testing.assert_allclose(said(model, x), module.eval()(torch.from_numpy(x)).detach().numpy(), atol=1e-14)


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
@pytest.mark.parametrize("name", ["x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "h0", "c0", "lengths", "drop"])
def test_jaxs_sweep_refuses_what_does_not_fit(name: str) -> None:
    """Each array of another shape, and of another dtype; and the same for whoever calls the core by hand."""
    import jax
    import jax.numpy as jnp

    from recorrente.cells import LSTM
    from recorrente.keras.on_jax import sweep
    from recorrente.notation import Weights

    B, T, C, H = 2, 3, 4, 5
    shapes = {
        "x": (B, T, C),
        "weight_ih": (4 * H, C),
        "weight_hh": (4 * H, H),
        "bias_ih": (4 * H,),
        "bias_hh": (4 * H,),
    }
    shapes |= {"h0": (B, H), "c0": (B, H), "lengths": (B,), "drop": (B, H)}
    fit = {name: jnp.ones(shape, "int32" if name == "lengths" else "float32") for name, shape in shapes.items()}

    def run(fit: dict[str, Any]) -> Any:
        x, *weights = [fit[name] for name in list(shapes)[:5]]
        along = {"lengths": fit["lengths"], "drop": fit["drop"], "training": False, "sequences": True, "reverse": False}
        return sweep(LSTM(), x, (fit["h0"], fit["c0"]), Weights(*weights), **along)

    assert run(fit)[0].shape == (B, T, H)
    wrong = [jnp.ones((*shape[:-1], shape[-1] + 1), fit[name].dtype) for shape in [shapes[name]]]
    wrong += [] if name == "lengths" else [fit[name].astype("float16")]
    told = "weight_ih" if name in ("x", "h0") else name  # C is that of x, H that of h0
    for one in wrong:
        with pytest.raises(InputError, match=f"({name}|{told}): got"):
            jax.jit(run)(fit | {name: one})

    results = [jax.ShapeDtypeStruct(shape, "float32") for shape in [(B, T, H), (B, H), (B, H)]]
    call = jax.ffi.ffi_call("recorrente_forward", [*results, jax.ShapeDtypeStruct((0,), "uint8")])
    about = {"cell": np.int64(4), "reverse": np.int64(0), "threads": np.int64(1)}
    np.testing.assert_array_equal(np.asarray(call(*fit.values(), **about)[0]), np.asarray(run(fit)[0]))
    for one in wrong:
        with pytest.raises(Exception, match="do not fit together"):
            jax.block_until_ready(call(*(fit | {name: one}).values(), **about))


@pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
def test_jaxs_calls_by_hand_are_refused_where_results_do_not_fit() -> None:
    import jax
    import jax.numpy as jnp

    B, T, C, H = 2, 3, 4, 5
    none = jnp.zeros(0)
    given = [jnp.ones((B, T, C)), jnp.ones((3 * H, C)), jnp.ones((3 * H, H)), none, none, jnp.ones((B, H)), none]
    given += [jnp.zeros(0, "int32"), none]

    def call(way: str, arrays: list[Any], shapes: list[tuple[int, ...]], kept: int, **about: int) -> Any:
        said = {"cell": 3, "reverse": 0, "threads": 1} | about
        made = [*[jax.ShapeDtypeStruct(shape, "float32") for shape in shapes], jax.ShapeDtypeStruct((kept,), "uint8")]
        made = jax.ffi.ffi_call(f"recorrente_{way}", made)(*arrays, **{k: np.int64(v) for k, v in said.items()})
        return jax.block_until_ready(made)

    saved = recorrente._core.Problem(3, recorrente._core.F32, T, B, C, H).saved_bytes()
    out = [(B, T, H), (B, H), (0,)]
    y, _, _, bytes_ = call("forward", given, out, saved)
    back = [*given, y, bytes_, none, jnp.ones((B, H)), none]
    d = [one.shape for one in given[:7]]
    assert call("backward", back, d, saved)[0].shape == (B, T, C)
    late = [*given, y, bytes_[:-1], none, jnp.ones((B, H)), none]
    for wrong in (
        lambda: call("forward", given, [(B, T, H + 1), *out[1:]], saved),
        lambda: call("forward", given, [*out[:2], (B, H)], saved),
        lambda: call("forward", given, out, saved - 1),
        lambda: call("forward", given, out, saved, cell=99),
        lambda: call("forward", given[:-1], out, saved),
        lambda: call("backward", late, d, saved - 1),
        lambda: call("backward", [*given, y[:1], *back[10:]], d, saved),
        lambda: call("backward", [*back[:11], y[:1], *back[12:]], d, saved),
        lambda: call("backward", back, [(B, T, C + 1), *d[1:]], saved),
    ):
        with pytest.raises(Exception, match="do not fit together"):
            wrong()


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
@pytest.mark.parametrize("name", NAMES)
def test_tensorflow_refuses_second_and_forward_mode_derivatives(name: str) -> None:
    import tensorflow as tf

    layer = getattr(rk, name)(5)
    x = tf.constant(np.random.default_rng(6).standard_normal((2, 6, 4)).astype("float32"))
    layer(x)
    weights = [weight.value for weight in layer.trainable_weights]

    def penalty(call: Any) -> Any:
        with tf.GradientTape() as outer:
            with tf.GradientTape() as inner:
                inner.watch(x)
                loss = tf.reduce_sum(call(x) ** 2)
            found = loss + tf.reduce_sum(inner.gradient(loss, x) ** 2)
        return outer.gradient(found, weights)

    for call in (layer, lambda x: layer(x, training=True)):
        with pytest.raises(InputError, match=r"second or a forward-mode derivative.*restore\(model\)"):
            penalty(call)
        with pytest.raises(InputError, match="second or a forward-mode derivative"):
            tf.function(lambda call=call: penalty(call), autograph=False)()
        with pytest.raises(tf.errors.InvalidArgumentError, match="second or a forward-mode derivative"):
            penalty(tf.function(call, autograph=False))
        with pytest.raises(InputError, match="forward-mode"), tf.autodiff.ForwardAccumulator(x, x):
            call(x)
    assert all(gradient is not None for gradient in penalty(rk.restore(layer)))


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("training", [True, False])
def test_tensorflows_gradient_through_a_branch_in_a_loop(name: str, training: bool) -> None:
    """A branch adds what the layer says, the other goes on from the state; sums of 3 calls of 2 * 6 steps."""
    import tensorflow as tf

    x = tf.constant(np.random.default_rng(6).standard_normal((2, 6, 4)).astype("float32"))
    layer = getattr(rk, name)(5)
    layer(x)

    @tf.function(autograph=False)
    def gradients() -> Any:
        def added(i: Any, h: Any) -> Any:
            return h + layer(x * tf.cast(i + 1, x.dtype), training=training)

        def gone_on(h: Any) -> Any:
            return h * layer(x, initial_state=[h] * (2 if name == "LSTM" else 1), training=training)

        def body(i: Any, h: Any) -> Any:
            return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: added(i, h), lambda: gone_on(h))

        with tf.GradientTape() as tape:
            _, last = tf.while_loop(lambda i, _: i < 3, body, (tf.constant(0), tf.zeros((2, 5))))
            loss = tf.reduce_sum(last**2)
        return tape.gradient(loss, [weight.value for weight in layer.trainable_weights])

    came = gradients()
    rk.restore(layer)
    for one, wanted in zip(came, tf.function(gradients.python_function, autograph=False)(), strict=True):
        np.testing.assert_allclose(one.numpy(), wanted.numpy(), rtol=2e-5, atol=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
@pytest.mark.parametrize("name", NAMES)
def test_a_variable_of_tensorflows_is_read(name: str) -> None:
    import tensorflow as tf

    layer = getattr(rk, name)(5)
    array = np.random.default_rng(6).standard_normal((2, 6, 4)).astype("float32")
    found = []
    for x in (tf.constant(array), tf.Variable(array)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        found.append(tape.gradient(loss, x).numpy())
    np.testing.assert_array_equal(*found)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="of TensorFlow")
@pytest.mark.parametrize("trained_before", [False, True])
def test_a_model_compiled_for_xla_is_accelerated_with_a_word(trained_before: bool) -> None:
    model = small(keras.layers.SimpleRNN(5), keras.layers.Dense(1))
    x, y = np.ones((4, 7, 3), "float32"), np.ones((4, 1), "float32")
    model.compile("sgd", "mse", jit_compile=True)
    if trained_before:
        model.fit(x, y, verbose=0)
    with pytest.warns(UserWarning, match="doesn't support `jit_compile=True`"):
        rk.accelerate(model)
    assert not model.jit_compile
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"]).all()
    assert model.predict(x, verbose=0).shape == (4, 1)
