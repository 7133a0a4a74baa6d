"""Our cells beside the definitions that others run: ONNX' operators, in ONNX Runtime."""

import numpy as np
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper
from table import error

from recorrente import cells
from recorrente.layers import Recurrent

T, B, C, H = 7, 3, 4, 6

# operator, its attributes, torch's gates in its order, and our cell
OPERATORS = {
    "RNN tanh": ("RNN", {"activations": ["Tanh"]}, [0], cells.Elman("tanh")),
    "RNN relu": ("RNN", {"activations": ["Relu"]}, [0], cells.Elman("relu")),
    "GRU after": ("GRU", {"linear_before_reset": 1}, [1, 0, 2], cells.GRU()),
    "GRU before": ("GRU", {"linear_before_reset": 0}, [1, 0, 2], cells.ResetBeforeGRU()),
    "LSTM": ("LSTM", {}, [0, 3, 1, 2], cells.LSTM()),
    "LSTM peepholes": ("LSTM", {}, [0, 3, 1, 2], cells.PeepholeLSTM()),
}


def in_order(rows, gates):
    """Rows of G*H in the operator's order of gates, as one direction."""
    return rows.detach().view(-1, H, *rows.shape[1:])[gates].reshape(rows.shape)[None].numpy()


def session(operator, attributes, constants):
    """One operator as a model of x, lengths and initial states, with its weights inside."""
    states = ["h0", "c0"] if operator == "LSTM" else ["h0"]
    outputs = ["y", "h_n", "c_n"][: 1 + len(states)]
    names = ["x", "W", "R", "b", "lengths", *states, *(["P"] if "P" in constants else [])]
    node = helper.make_node(operator, names, outputs, hidden_size=H, **attributes)
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [T, B, C])]
    given += [helper.make_tensor_value_info("lengths", TensorProto.INT32, [B])]
    given += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, B, H]) for name in states]
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    kept = [helper.make_tensor(name, TensorProto.FLOAT, a.shape, a.ravel()) for name, a in constants.items()]
    graph = helper.make_graph([node], "one", given, made, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("name", OPERATORS)
def test_the_cell_is_onnxs(name, direction):
    operator, attributes, gates, cell = OPERATORS[name]
    layer = Recurrent(cell, C, H, bidirectional=True)
    (w, backwards), x, lengths = layer.weights(), torch.randn(T, B, C), torch.tensor([7, 2, 5])
    states = tuple(torch.randn(2, B, H) for _ in cell.state_names)
    k = int(direction == "reverse")
    w = (w, backwards)[k]
    biases = np.concatenate([in_order(w.bias_ih, gates), in_order(w.bias_hh, gates)], axis=1)
    constants = {"W": in_order(w.weight_ih, gates), "R": in_order(w.weight_hh, gates), "b": biases}
    if w.peephole is not None:
        constants["P"] = w.peephole.detach().view(3, H)[[0, 2, 1]].reshape(1, -1).numpy()
    given = {"x": x.numpy(), "lengths": lengths.int().numpy()}
    given |= {f"{n}0": part[k : k + 1].numpy() for n, part in zip("hc", states, strict=False)}
    y, *final = session(operator, attributes | {"direction": direction}, constants).run(None, given)
    with torch.no_grad():
        ours, ends = layer(x, states, lengths=lengths)
    ours = ours[..., k * H : (k + 1) * H]
    assert error(torch.from_numpy(y[:, 0]), ours) <= 1e-6
    for theirs, end in zip(final, ends, strict=True):
        assert error(torch.from_numpy(theirs[0]), end[k]) <= 1e-6
