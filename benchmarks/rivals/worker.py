"""One rival in its own process: told a layer, it builds and warms it; told `round`, it answers with seconds a call.

    python worker.py keras-tensorflow|keras-jax|jax-scan|onnxruntime

Lines of JSON in and out. Knows nothing of recorrente.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Callable

RIVAL = sys.argv[1] if len(sys.argv) > 1 else ""
os.environ["KERAS_BACKEND"] = RIVAL.removeprefix("keras-") if RIVAL.startswith("keras-") else "jax"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np  # noqa: E402

ROUND = 5e-3  # seconds
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def keras_layer(cell: str, T: int, C: int, H: int):
    import keras

    layer = {"RNN": keras.layers.SimpleRNN, "GRU": keras.layers.GRU, "LSTM": keras.layers.LSTM}[cell]
    return keras.Sequential([keras.Input((T, C)), layer(H, return_sequences=True)])


def keras_tensorflow(cell: str, mode: str, T: int, B: int, C: int, H: int) -> Callable[[], None]:
    import tensorflow as tf

    model = keras_layer(cell, T, C, H)
    x, cotangent = tf.random.normal((B, T, C)), tf.random.normal((B, T, H))

    @tf.function
    def inference():
        return model(x)

    @tf.function
    def training():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x, training=True)
        return tape.gradient(y, [x, *model.trainable_variables], cotangent)

    run = training if mode == "training" else inference
    return lambda: [part.numpy() for part in run()[-1:]]


def jax_call(forward: Callable, weights: list, mode: str, x, cotangent) -> Callable[[], None]:
    import jax

    inference = jax.jit(forward)
    training = jax.jit(lambda w, x: jax.vjp(forward, w, x)[1](cotangent))
    run = training if mode == "training" else inference
    return lambda: jax.block_until_ready(run(weights, x))


def keras_jax(cell: str, mode: str, T: int, B: int, C: int, H: int) -> Callable[[], None]:
    import jax

    model = keras_layer(cell, T, C, H)
    weights = [v.value for v in model.trainable_variables]
    rest = [v.value for v in model.non_trainable_variables]
    keys = jax.random.split(jax.random.key(0))

    def forward(weights, x):
        return model.stateless_call(weights, rest, x, training=mode == "training")[0]

    return jax_call(
        forward, weights, mode, jax.random.normal(keys[0], (B, T, C)), jax.random.normal(keys[1], (B, T, H))
    )


def jax_scan(cell: str, mode: str, T: int, B: int, C: int, H: int) -> Callable[[], None]:
    """The loop that one writes by hand: the input product for all steps at once, then `lax.scan`."""
    import jax
    from jax import numpy as jnp

    keys = jax.random.split(jax.random.key(0), 6)
    rows = GATES[cell] * H
    shapes = ((C, rows), (H, rows), (rows,), (rows,))
    weights = [jax.random.uniform(k, s, minval=-1, maxval=1) / math.sqrt(H) for k, s in zip(keys, shapes, strict=False)]

    def step(w_hh, b_hh, carry, a):
        h = carry[0]
        q = h @ w_hh + b_hh
        if cell == "RNN":
            h = jnp.tanh(a + q)
            return (h,), h
        if cell == "GRU":
            (ar, az, an), (qr, qz, qn) = jnp.split(a, 3, -1), jnp.split(q, 3, -1)
            r, z = jax.nn.sigmoid(ar + qr), jax.nn.sigmoid(az + qz)
            n = jnp.tanh(an + r * qn)
            h = n + z * (h - n)
            return (h,), h
        i, f, g, o = jnp.split(a + q, 4, -1)
        c = jax.nn.sigmoid(f) * carry[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    def forward(weights, x):
        w_ih, w_hh, b_ih, b_hh = weights
        start = (jnp.zeros((B, H)),) * (2 if cell == "LSTM" else 1)
        return jax.lax.scan(lambda carry, a: step(w_hh, b_hh, carry, a), start, x @ w_ih + b_ih)[1]

    return jax_call(
        forward, weights, mode, jax.random.normal(keys[4], (T, B, C)), jax.random.normal(keys[5], (T, B, H))
    )


def onnx_runtime(cell: str, mode: str, T: int, B: int, C: int, H: int) -> Callable[[], None] | None:
    """Inference only."""
    if mode == "training":
        return None
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper

    random = np.random.default_rng(0)
    rows = GATES[cell] * H
    shapes = {"W": (1, rows, C), "R": (1, rows, H), "B": (1, 2 * rows)}
    parts = [numpy_helper.from_array(random.uniform(-0.1, 0.1, s).astype(np.float32), n) for n, s in shapes.items()]
    more = {"linear_before_reset": 1} if cell == "GRU" else {}
    node = helper.make_node(cell, ["X", *shapes], ["Y"], hidden_size=H, **more)
    of = onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info("X", of, (T, B, C))], [helper.make_tensor_value_info("Y", of, (T, 1, B, H))]
    model = helper.make_model(
        helper.make_graph([node], "layer", *ends, initializer=parts), opset_imports=[helper.make_opsetid("", 14)]
    )
    model.ir_version = 8
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = random.standard_normal((T, B, C)).astype(np.float32)
    return lambda: session.run(None, {"X": x})


MAKE = {
    "keras-tensorflow": keras_tensorflow,
    "keras-jax": keras_jax,
    "jax-scan": jax_scan,
    "onnxruntime": onnx_runtime,
}


def seconds(call: Callable[[], None], count: int) -> float:
    """A call's, after a pause in which the other process's threads stop spinning, and a call that wakes our own."""
    time.sleep(0.05)
    call()
    before = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - before) / count


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a rival prints on its own goes elsewhere
    call, count = None, 1
    for line in sys.stdin:
        told = json.loads(line)
        if told != "round":
            call = MAKE[RIVAL](**told)
            if call is not None:
                seconds(call, 2)
                count = max(1, math.ceil(ROUND / seconds(call, 1)))
        answer = None if call is None else seconds(call, count)
        out.write(json.dumps(answer) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
