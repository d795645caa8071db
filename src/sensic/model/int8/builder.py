"""ONNX graphs of 8-bit integers, written node by node: activations uint8, weights int8, pixels before channels.

ONNX Runtime computes these with sums of products of 8 bits, which is exact. Weights stay within ±63: where a processor
has no instruction for such sums, two products are added in 16 bits, which full-range ones would overflow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.model.int8 import onnx_file
from sensic.model.int8.onnx_file import Attribute
from sensic.model.int8.steps import Floats, Quantised

WEIGHT_MAX = 63
Shape = tuple[int | str, ...]
Rounder = Callable[[str, str, Floats, Floats], Floats]
"""Whole weights of a convolution: the names of what it gives and of what it is given, weights, and their steps."""
MICROSOFT = "com.microsoft"
OPSETS = {"": 17, MICROSOFT: 1}


class GraphBuilder:
    def __init__(self, rounder: Rounder) -> None:
        self._round = rounder
        self._nodes: list[bytes] = []
        self._constants: dict[str, NDArray[Any]] = {}

    def constant(self, value: Any, kind: Any = np.float32) -> str:
        name = f"c{len(self._constants)}"
        self._constants[name] = np.asarray(value, kind)
        return name

    def integers(self, *values: int) -> str:
        return self.constant(values, np.int64)

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        return self.nodes(op, 1, *inputs, domain=domain, **attributes)[0]

    def nodes(self, op: str, outputs: int, *inputs: str, domain: str = "", **attributes: Attribute) -> list[str]:
        names = [f"{op}{len(self._nodes)}.{i}" for i in range(outputs)]
        self._nodes.append(onnx_file.node(op, inputs, names, domain, attributes))
        return names

    def output(self, name: str, tensor: str) -> None:
        self._nodes.append(onnx_file.node("Identity", [tensor], [name], "", {}))

    def build(self, name: str, inputs: Mapping[str, tuple[str, Shape]], outputs: Mapping[str, str]) -> bytes:
        """``inputs``: element type and shape of each, ``outputs``: element types; they have four dimensions."""
        free = {key: tuple(f"{key}_{i}" for i in range(4)) for key in outputs}
        return onnx_file.model(
            name,
            self._nodes,
            [onnx_file.tensor(key, array) for key, array in self._constants.items()],
            [onnx_file.value_info(key, *facts) for key, facts in inputs.items()],
            [onnx_file.value_info(key, kind, free[key]) for key, kind in outputs.items()],
            OPSETS,
        )

    # Quantised tensors

    def _facts(self, x: Quantised) -> tuple[str, str]:
        return self.constant(x.scale), self.constant(x.zero, np.uint8)

    def quantise(self, tensor: str, like: Quantised) -> Quantised:
        """A float tensor that is in the units of ``like`` already."""
        return replace(like, name=self.node("QuantizeLinear", tensor, *self._facts(like)))

    def conv(self, x: Quantised, weight: Floats, bias: Floats, like: Quantised) -> Quantised:
        """A convolution to what is ``like``; depthwise where ``weight`` [O, I, k, k] has one input of several, with
        padding."""
        whole, scale, bias = self._quantised(like.source, x, weight, bias, like.unit)
        shift = np.rint(bias / (x.scale * scale)).astype(np.int32)
        outputs, inputs, size = weight.shape[:3]
        name = self.node(
            "QLinearConv",
            x.name, *self._facts(x), self.constant(whole, np.int8), self.constant(scale),
            self.constant([0] * outputs, np.int8), *self._facts(like), self.constant(shift, np.int32),
            domain=MICROSOFT, channels_last=1, group=outputs if inputs == 1 < outputs else 1, kernel_shape=[size, size],
            strides=[1, 1], pads=[size // 2] * 4,
        )  # fmt: skip
        return replace(like, name=name)

    def multiply(self, a: Quantised, b: Quantised, like: Quantised) -> Quantised:
        """The product, in the product of the units."""
        facts = (a.name, *self._facts(a), b.name, *self._facts(b), *self._facts(like))
        return replace(like, name=self.node("QLinearMul", *facts, domain=MICROSOFT))

    def product(
        self, name: str, x: Quantised, weight: Floats, bias: Floats, unit: Floats, gain: str | None = None
    ) -> str:
        """A 1×1 convolution to the activation ``name`` in float32 [..., O], in units of ``unit``. A ``weight``
        [O, I, k, k] is for k × k places that lie side by side in the last axis of ``x``, as ``folded`` puts them.
        ``gain`` [O] multiplies the result."""
        whole, *parts = self._quantised(name, x, weight, bias, unit)
        matrix = self.constant(whole.transpose(2, 3, 1, 0).reshape(-1, len(weight)), np.int8)
        scale, shift = (self.constant(part) for part in parts)
        if gain is not None:
            scale, shift = self.node("Mul", scale, gain), self.node("Mul", shift, gain)
        step, zero = self._facts(x)
        inputs = (x.name, matrix, step, scale, zero, "", shift)
        return self.node("MatMulIntegerToFloat", *inputs, domain=MICROSOFT)

    def _quantised(
        self, name: str, x: Quantised, weight: Floats, bias: Floats, unit: Floats
    ) -> tuple[NDArray[np.int8], Floats, Floats]:
        """Whole numbers within ±63 [O, I, k, k], their scale [O], and the bias [O] that makes the result right on
        average, for inputs like ``x`` and outputs in units of ``unit``. Depthwise weights have I = 1."""
        depthwise = weight.shape[1] == 1 and weight.shape[0] > 1
        inputs = x.unit[:, None, None, None] if depthwise else x.unit[None, :, None, None]
        scaled = weight * inputs / unit[:, None, None, None]
        scale = (np.maximum(np.abs(scaled).max((1, 2, 3)), 1e-12) / WEIGHT_MAX).astype(np.float32)
        whole = np.clip(self._round(name, x.source, scaled, scale), -WEIGHT_MAX, WEIGHT_MAX)
        wrong = (whole * scale[:, None, None, None] - scaled).sum((2, 3))
        mean = x.mean / x.unit
        right = bias / unit - (wrong[:, 0] * mean if depthwise else wrong @ mean)
        return whole.astype(np.int8), scale, right.astype(np.float32)
