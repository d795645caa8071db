"""Multiply–accumulates of a model's networks, counted on its ONNX files.

The count is of convolutions and matrix products, at the shapes that a picture of 256 x 256 really gives them.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from sensic.model import Model

SIDE = 256
ENCODER_ONLY = ("analysis",)
# How many times smaller than the picture an input is, by its channels where a name serves twice.
REDUCTION = {"uv": 2, "prediction": 8, "context": 8, "state": 8, "z": 64}
BLOCK = 16
WHOLE = {"snapshot": (1, SIDE, SIDE), "masks": (1, 1, SIDE, SIDE)}
"""Shapes of inputs of another kind: a snapshot of one frame."""
Shapes = dict[str, tuple[int, ...]]
WEIGHTS = {"Conv": 1, "ConvTranspose": 1, "MatMul": 1, "Gemm": 1, "QLinearConv": 3, "MatMulIntegerToFloat": 1}
"""What is counted, and which input holds the weights; the first is what they are multiplied with."""


def per_pixel(model: Model) -> dict[str, float]:
    """kMAC per luma sample of every network, and of ``decoder`` (all but analysis) and ``encoder`` (all networks).

    A place of the sensing profile's networks stands for as many samples as one of the others: 8 × 8 in 4 pictures.
    """
    counts = {name: multiplications(model.graph(name)) / SIDE**2 / 1000 for name in model.graphs}
    decoder = sum(count for name, count in counts.items() if name not in ENCODER_ONLY)
    return {**counts, "decoder": decoder, "encoder": sum(counts.values())}


def input_shape(name: str, dims: list[int]) -> tuple[int, ...]:
    """Shape of a graph's input for a picture of SIDE x SIDE; ``dims`` has 0 where the graph leaves it free."""
    if name in WHOLE:
        return WHOLE[name]
    if len(dims) != 4:
        return tuple(d or 1 for d in dims)
    if not dims[1]:  # pixels before channels
        return (1, SIDE // REDUCTION[name], SIDE // REDUCTION[name], dims[3])
    reduction = 1 if name == "y" and dims[1] == 1 else REDUCTION.get(name, BLOCK)
    return (1, dims[1], SIDE // reduction, SIDE // reduction)


def multiplications(graph: bytes) -> int:
    """Of one run of an ONNX graph on a picture of SIDE x SIDE."""
    model = onnx.load_from_string(graph)
    nodes = [node for node in model.graph.node if node.op_type in WEIGHTS]
    known = {output.name for output in model.graph.output}
    wanted = {name for node in nodes for name in (node.input[0], node.input[WEIGHTS[node.op_type]], node.output[0])}
    fed = {value.name for value in model.graph.input} | {value.name for value in model.graph.initializer}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(wanted - known - fed))
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    feed: dict[str, Any] = {}
    for value in model.graph.input:
        dims = [d.dim_value for d in value.type.tensor_type.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        feed[value.name] = np.zeros(input_shape(value.name, dims), dtype)
    names = sorted(wanted - fed)
    shapes: Shapes = {name: array.shape for name, array in zip(names, session.run(names, feed), strict=True)}
    shapes |= {name: array.shape for name, array in feed.items()}
    shapes |= {value.name: tuple(value.dims) for value in model.graph.initializer}
    return sum(_node_multiplications(node, shapes) for node in nodes)


def _node_multiplications(node: onnx.NodeProto, shapes: Shapes) -> int:
    weights = shapes[node.input[WEIGHTS[node.op_type]]]
    if node.op_type in ("Conv", "QLinearConv"):  # weights [O, I / groups, kh, kw]
        return prod(shapes[node.output[0]]) * prod(weights[1:])
    if node.op_type == "ConvTranspose":  # weights [I, O / groups, kh, kw]
        return prod(shapes[node.input[0]]) * prod(weights[1:])
    return prod(shapes[node.output[0]]) * prod(weights[-2:]) // shapes[node.output[0]][-1]
