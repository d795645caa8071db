"""Looks at a network before a runtime gets it: a model may be anybody's file.

Read from the protocol buffers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) by their wire
format, as the package ``onnx`` is too large to depend on. Allowed are the operators that Sensic's networks are made of;
no functions, no subgraphs (loops), no data in other files, and no weight that is no number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.errors import ModelError

OPERATORS = frozenset((
    "Abs", "Add", "AveragePool", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv",
    "DepthToSpace", "Div", "Equal", "Expand", "Flatten", "Gather", "Gemm", "Identity", "LeakyRelu", "Log",
    "Max", "Min", "Mod", "Mul", "Neg", "Pad", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Round", "Shape",
    "Sigmoid", "Sign", "Slice", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where",
))  # fmt: skip
_DOMAINS = (b"", b"ai.onnx")
_GRAPH, _TRAINING, _FUNCTIONS = 7, 20, 25  # of a model
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15  # of a graph
_OPERATOR, _ATTRIBUTE, _DOMAIN = 4, 5, 7  # of a node
_TENSOR, _SUBGRAPH, _TENSORS, _SUBGRAPHS, _SPARSE_TENSOR, _SPARSE_TENSORS = 5, 6, 10, 11, 22, 23  # of an attribute
_TYPE, _FLOATS, _RAW, _DOUBLES, _EXTERNAL, _LOCATION = 2, 4, 9, 10, 13, 14  # of a tensor
_FLOATING: dict[object, np.dtype[Any]] = {1: np.dtype("<f4"), 10: np.dtype("<f2"), 11: np.dtype("<f8")}
_REPEATED: dict[object, np.dtype[Any]] = {_FLOATS: np.dtype("<f4"), _DOUBLES: np.dtype("<f8")}
"""How numbers lie in a tensor: all in a row by its type, or in fields of their own."""

Field = tuple[int, bytes | memoryview | int]


def check_graph(data: bytes, where: object) -> None:
    """Raises ModelError, naming ``where``, for a network that no Sensic has made."""
    try:
        for number, value in _fields(memoryview(data)):
            if number in (_TRAINING, _FUNCTIONS):
                raise ModelError("it has functions or training")
            if number == _GRAPH:
                _check_graph(_message(value))
    except (IndexError, ValueError, TypeError) as error:
        raise ModelError(f"{where}: not an ONNX file, or a damaged one: {error}") from error
    except ModelError as error:
        raise ModelError(f"{where}: no network of Sensic's: {error}") from error


def check_tensors(tensors: Mapping[str, NDArray[Any]], where: object) -> None:
    """Raises ModelError for NaN or infinity."""
    for name, value in tensors.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ModelError(f"{where}: {name} holds NaN or infinity")


def _check_graph(graph: memoryview) -> None:
    for number, value in _fields(graph):
        if number == _SPARSE:
            raise ModelError("it has sparse weights")
        if number == _INITIALIZER:
            _check_tensor(_message(value))
        elif number == _NODE:
            _check_node(_message(value))


def _check_node(node: memoryview) -> None:
    for number, value in _fields(node):
        if number == _DOMAIN and bytes(_message(value)) not in _DOMAINS:
            raise ModelError(f"an operator is of {bytes(_message(value)).decode(errors='replace')!r}")
        if number == _OPERATOR:
            name = bytes(_message(value)).decode(errors="replace")
            if name not in OPERATORS:
                raise ModelError(f"its operator {name!r} is none of those allowed")
        if number == _ATTRIBUTE:
            _check_attribute(_message(value))


def _check_attribute(attribute: memoryview) -> None:
    for number, value in _fields(attribute):
        if number in (_SUBGRAPH, _SUBGRAPHS, _SPARSE_TENSOR, _SPARSE_TENSORS):
            raise ModelError("an operator has a graph, or sparse weights, inside")
        if number in (_TENSOR, _TENSORS):
            _check_tensor(_message(value))


def _check_tensor(tensor: memoryview) -> None:
    fields = list(_fields(tensor))
    kind = next((value for number, value in fields if number == _TYPE), 0)
    for number, value in fields:
        if number == _EXTERNAL or (number == _LOCATION and value != 0):
            raise ModelError("weights are in another file")
        layout = _FLOATING.get(kind) if number == _RAW else _REPEATED.get(number)
        if layout is not None and not np.isfinite(np.frombuffer(_message(value), layout)).all():
            raise ModelError("a weight is NaN or infinite")


def _message(value: bytes | memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a message is a number")
    return memoryview(value)


def _fields(message: memoryview) -> Iterator[Field]:
    """Numbers and values of a message's fields: bytes as they are, whole numbers as such."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield number, value
            continue
        if wire == 2:
            length, place = _varint(message, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if length > len(message) - place:
            raise ValueError("a field is longer than its message")
        yield number, message[place : place + length]
        place += length


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("a number is longer than ten bytes")
