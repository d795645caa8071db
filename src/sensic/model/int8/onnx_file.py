"""ONNX files written by hand: the few messages of its protocol buffers that a graph of operators needs.

Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, IR version 8).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

IR_VERSION = 8
_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "float16": 10}

Attribute = float | int | Sequence[int]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers are 64 bits in two's complement
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, float):
        body = _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
    elif isinstance(value, int):
        body = _number(3, value) + _number(20, 2)
    else:
        body = b"".join(_number(8, v) for v in value) + _number(20, 7)
    return _bytes(1, name) + body


def node(
    op: str, inputs: Iterable[str], outputs: Iterable[str], domain: str, attributes: Mapping[str, Attribute]
) -> bytes:
    """A NodeProto. Attributes are floats, whole numbers or lists of these."""
    parts = [*(_bytes(1, x) for x in inputs), *(_bytes(2, x) for x in outputs), _bytes(4, op), _bytes(7, domain)]
    return b"".join(parts + [_bytes(5, _attribute(name, value)) for name, value in attributes.items()])


def tensor(name: str, value: NDArray[Any]) -> bytes:
    """A TensorProto."""
    dims = b"".join(_number(1, size) for size in value.shape)
    data = np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()
    return dims + _number(2, _TYPES[value.dtype.name]) + _bytes(8, name) + _bytes(9, data)


def value_info(name: str, kind: str, shape: Sequence[str | int]) -> bytes:
    """A ValueInfoProto; sizes are numbers or names."""
    sizes = [_bytes(1, _number(1, size) if isinstance(size, int) else _bytes(2, size)) for size in shape]
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, _TYPES[kind]) + _bytes(2, b"".join(sizes))))


def model(
    name: str,
    nodes: Iterable[bytes],
    constants: Iterable[bytes],
    inputs: Iterable[bytes],
    outputs: Iterable[bytes],
    opsets: Mapping[str, int],
) -> bytes:
    """A ModelProto: the whole file."""
    parts = [_bytes(1, x) for x in nodes] + [_bytes(2, name)]
    for field, messages in ((5, constants), (11, inputs), (12, outputs)):
        parts += [_bytes(field, x) for x in messages]
    versions = [_bytes(8, _bytes(1, domain) + _number(2, version)) for domain, version in opsets.items()]
    return _number(1, IR_VERSION) + _bytes(7, b"".join(parts)) + b"".join(versions)
