"""Multiply–accumulates counted on graphs small enough to count by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from sensic.evaluation.macs import SIDE, input_shape, multiplications


def graph(nodes: Sequence[object], weights: dict[str, np.ndarray], channels: int) -> bytes:
    """An ONNX file from the input ``prediction`` (at 1/8 resolution) to the output ``out``, sizes left free."""
    shape = [1, channels, "height", "width"]
    source = helper.make_tensor_value_info("prediction", TensorProto.FLOAT, shape)
    result = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, None, None, None])
    stored = [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()]
    body = helper.make_graph(nodes, "test", [source], [result], stored)
    return helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def test_a_dense_then_a_depthwise_convolution() -> None:
    nodes = [
        helper.make_node("Conv", ["prediction", "a"], ["x"], strides=[2, 2]),
        helper.make_node("Conv", ["x", "b"], ["out"], group=6, pads=[1, 1, 1, 1]),
    ]
    weights = {"a": np.ones((6, 4, 2, 2)), "b": np.ones((6, 1, 3, 3))}
    positions = (SIDE // 16) ** 2
    assert multiplications(graph(nodes, weights, 4)) == positions * (6 * 4 * 4 + 6 * 9)


def test_a_transposed_convolution_counts_its_inputs() -> None:
    nodes = [helper.make_node("ConvTranspose", ["prediction", "a"], ["out"], strides=[2, 2])]
    assert multiplications(graph(nodes, {"a": np.ones((4, 5, 2, 2))}, 4)) == (SIDE // 8) ** 2 * 4 * 5 * 4


def test_weights_that_a_node_makes() -> None:
    nodes = [
        helper.make_node("Identity", ["a"], ["same"]),  # what exporters make of weights that are equal
        helper.make_node("Conv", ["prediction", "same"], ["out"], strides=[2, 2]),
    ]
    assert multiplications(graph(nodes, {"a": np.ones((6, 4, 2, 2))}, 4)) == (SIDE // 16) ** 2 * 6 * 4 * 4


def test_shapes_of_inputs() -> None:
    assert input_shape("y", [1, 1, 0, 0]) == (1, 1, SIDE, SIDE)
    assert input_shape("y", [1, 128, 0, 0]) == (1, 128, SIDE // 16, SIDE // 16)
    assert input_shape("z", [1, 48, 0, 0]) == (1, 48, SIDE // 64, SIDE // 64)
    assert input_shape("quality", [1]) == (1,)
