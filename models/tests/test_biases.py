"""Corrected biases of 8-bit convolutions."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from clipn_models import biases, lower


def network() -> onnx.ModelProto:
    """Two convolutions with an activation between them, pixels uint8 [N, 16, 16, 3] -> features [N, 6]. Half of the weights are far below the largest."""
    rng = np.random.default_rng(0)
    weights = {"one": rng.normal(0, 0.02, (8, 3, 3, 3)), "two": rng.normal(0, 0.3, (6, 8, 3, 3))}
    weights["one"][:, 0, 0, 0] += 1.5
    node = helper.make_node
    nodes = [
        node("Cast", ["pixels"], ["x"], to=TensorProto.FLOAT),
        node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
        node("Div", ["t", "scale"], ["d"]),
        node("Conv", ["d", "one", "one.bias"], ["c"], name="first"),
        node("Clip", ["c", "low", "high"], ["r"]),
        node("Conv", ["r", "two", "two.bias"], ["y"], name="second"),
        node("GlobalAveragePool", ["y"], ["p"]),
        node("Flatten", ["p"], ["features"]),
    ]
    constants = {"scale": 255.0, "low": 0.0, "high": 6.0, "one.bias": rng.normal(0, 0.1, 8), "two.bias": rng.normal(0, 0.1, 6), **weights}
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", 16, 16, 3])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["N", 6])],
        [numpy_helper.from_array(np.float32(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_corrected_biases_bring_the_mean_of_each_channel_back(monkeypatch) -> None:
    rng = np.random.default_rng(1)
    batches = [rng.integers(0, 256, (8, 16, 16, 3), dtype=np.uint8) for _ in range(4)]
    plain, seen = network(), []
    monkeypatch.setattr(lower.biases, "correct", lambda fp, q, rows: seen.append(q) or q)
    lower.static(plain, batches)
    monkeypatch.undo()
    (lowered,) = seen
    corrected = biases.correct(plain, lowered, batches)
    rows = np.concatenate(batches)
    (want,) = biases._means(plain, ["y"], rows)
    before, after = (np.abs(biases._means(graph, ["y"], rows)[0] - want).max() for graph in (lowered, corrected))
    assert before > 1e-4, "the test has an error to correct"
    assert after < 0.2 * before


def test_a_graph_without_8_bit_convolutions_stays_as_it_is() -> None:
    plain = network()
    assert biases.correct(plain, plain, []) is plain
