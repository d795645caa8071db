"""The pixel networks as graphs of 8-bit integers.

``context``, ``analysis`` and ``synthesis`` take and give what the graphs of a model do (docs/bitstream.md, "Pixels"),
but the prediction and the context that they hand to each other have pixels before channels [1, H/8, W/8, C], and the
context is uint8. What blocks are added to is float32 from the first sum on, since 8 bits would be too coarse; so are
the matrices at the ends, which depend on the quality, and the small hyper-analysis.

Where the residual of 8×8 pixels is smaller than the noise of rounding it is nothing (``QUIET``): in a recurrent codec
noise adds up from frame to frame wherever nothing happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.model.int8.builder import GraphBuilder, Rounder
from sensic.model.int8.steps import Floats, Quantised, Steps

PIXEL_GRAPHS = ("context", "analysis", "synthesis")
PACKED = 96  # 64 luma and 2 x 16 chroma channels at 1/8 resolution
GATE_MAX = 64.0
QUALITIES = 64
SLOPE = 0.01
QUIET = 96 * (0.5 / 255) ** 2  # sum of squares of 96 samples

FLOAT, BYTE, INDEX = "float32", "uint8", "int64"
PLANES = {"y": (FLOAT, (1, 1, "height", "width")), "uv": (FLOAT, (1, 2, "half_height", "half_width"))}
QUALITY = {"quality": (INDEX, (1,))}


class Net:
    """The weights of one network by their names in it."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], prefix: str) -> None:
        self._weights, self._prefix = weights, prefix

    def __getitem__(self, name: str) -> Floats:
        return np.asarray(self._weights[f"{self._prefix}.{name}"], np.float32)

    def at(self, name: str) -> Net:
        return Net(self._weights, f"{self._prefix}.{name}")

    def conv(self, name: str) -> tuple[Floats, Floats]:
        """Weight [O, I, k, k] and bias [O]."""
        return self[f"{name}.weight"], self[f"{name}.bias"]

    def blocks(self, name: str) -> list[Net]:
        """The residual blocks of a sequence."""
        prefix = f"{self._prefix}.{name}."
        count = len({key.removeprefix(prefix).split(".")[0] for key in self._weights if key.startswith(prefix)})
        return [self.at(f"{name}.{i}") for i in range(count)]

    def gains(self, name: str) -> Floats:
        """A gain table [64, C]: exponential in the quality, linear between its nodes."""
        nodes = self[f"{name}.t"].astype(np.float64)
        position = np.linspace(0, len(nodes) - 1, QUALITIES)
        table = [np.interp(position, np.arange(len(nodes)), column) for column in nodes.T]
        return np.asarray(np.exp(np.stack(table, 1)), np.float32)


class Stream:
    """What a chain of residual blocks adds to, and the steps of its activations."""

    def __init__(self, steps: Steps, name: str) -> None:
        self._steps, self.name = steps, name
        self.unit = self.step("in").unit

    def step(self, name: str) -> Quantised:
        return self._steps.steps[f"{self.name}.{name}"]

    def block(self, graph: GraphBuilder, net: Net, total: str, index: int) -> str:
        """A residual block on ``total``. Its leaky slope below zero is replaced by the mean, a constant."""

        name = f"{self.name}.{index}"

        def step(part: str) -> Quantised:
            return self.step(f"{index}.{part}")

        x = graph.quantise(total, self.step(f"{index - 1}.out" if index else "in"))
        weight, bias = net.conv("d")
        bias = bias + weight[:, 0].sum((1, 2)) * self._steps.below[name]
        deep = graph.conv(graph.conv(x, *net.conv("a"), step("a")), weight, bias, step("d"))
        total = graph.node("Add", total, graph.product(f"{name}.b", deep, *net.conv("b"), self.unit))
        middle = graph.quantise(total, step("middle"))
        weight, bias = net.conv("f1")
        half = len(weight) // 2
        value = graph.conv(middle, weight[:half], bias[:half], step("value"))
        gate = graph.conv(middle, weight[half:], bias[half:], step("gate"))
        gated = graph.multiply(value, gate, step("product"))
        return graph.node("Add", total, graph.product(f"{name}.f2", gated, *net.conv("f2"), self.unit))

    def blocks(self, graph: GraphBuilder, nets: list[Net], total: str) -> str:
        """One after the other."""
        for i, net in enumerate(nets):
            total = self.block(graph, net, total, i)
        return total


class Int8Graphs:
    """Makes the graphs of a codec of trained ``weights``."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], steps: Steps, rounder: Rounder | None = None) -> None:
        """``rounder`` in place of the rounding that goes with the steps."""
        self._weights, self._steps, self._rounder = weights, steps, rounder or steps.round

    def graph(self, name: str) -> bytes:
        """One of ``PIXEL_GRAPHS``, an ONNX file."""
        return {"context": self.context, "analysis": self.analysis, "synthesis": self.synthesis}[name]()

    def context(self) -> bytes:
        graph, net = GraphBuilder(self._rounder), Net(self._weights, "context")
        stream = Stream(self._steps, "context")
        prediction = pack(graph, "y", "uv")
        gain = graph.node("Reshape", gain_row(graph, net, "gain"), graph.integers(-1))
        packed = graph.quantise(prediction, stream.step("packed"))
        x = graph.product("context.in", packed, *net.conv("c_in"), stream.unit, gain)
        blocks = net.blocks("c_blk")
        total = stream.blocks(graph, blocks, x)
        graph.output("prediction", prediction)
        graph.output("context", graph.quantise(total, stream.step(f"{len(blocks) - 1}.out")).name)
        return graph.build("context", {**PLANES, **QUALITY}, {"prediction": FLOAT, "context": BYTE})

    def synthesis(self) -> bytes:
        graph, net = GraphBuilder(self._rounder), Net(self._weights, "synthesis")
        stream = Stream(self._steps, "synthesis")
        x = graph.node("Add", self._upsampled(graph, net, stream), self._side(graph, net, "d_mix", stream))
        total = stream.blocks(graph, [*net.blocks("d_blk"), *net.blocks("r_blk")], x)
        weight, bias = net.conv("r_out")
        gain = graph.node("Reshape", gain_row(graph, net, "gain_out"), graph.integers(-1, 1))
        matrix = graph.node("Mul", gain, graph.constant(weight[:, :, 0, 0].T * stream.unit[:, None]))
        residual = graph.node("Add", graph.node("MatMul", total, matrix), graph.constant(bias))
        size = graph.node("ReduceSumSquare", residual, axes=[3], keepdims=1)
        loud = graph.node("Cast", graph.node("Greater", size, graph.constant(QUIET)), to=1)
        total = graph.node("Add", graph.node("Mul", residual, loud), "prediction")
        packed = graph.node("Clip", total, graph.constant(-0.5), graph.constant(0.5))
        for name, plane in zip(("y_out", "uv_out"), unpack(graph, packed), strict=True):
            graph.output(name, plane)
        latents = net["d_up.weight"].shape[1]
        inputs = {"latent": (FLOAT, (1, latents, "rows16", "columns16")), **self._given(), **QUALITY}
        return graph.build("synthesis", inputs, {"y_out": FLOAT, "uv_out": FLOAT})

    def _upsampled(self, graph: GraphBuilder, net: Net, stream: Stream) -> str:
        """What the latent adds to the stream: ``d_up`` and the first half of ``d_mix`` as one matrix."""
        weight, bias = net.conv("d_up")
        features, latents = len(weight) // 4, weight.shape[1]
        mix = net["d_mix.weight"][:, :features, 0, 0] / stream.unit[:, None]
        # Channel 4k + 2i + j of d_up becomes channel k of place (i, j): bring the places to the front.
        up = np.einsum("ok,ksi->iso", mix, weight.reshape(features, 4, latents)).reshape(latents, -1)
        shift = np.einsum("ok,ks->so", mix, bias.reshape(features, 4)).reshape(-1)
        gain = graph.node("Reshape", gain_row(graph, net, "gain_y"), graph.integers(-1, 1))
        flat = graph.node("Reshape", "latent", graph.integers(latents, -1))
        matrix = graph.node("Mul", gain, graph.constant(up))
        wide = graph.node("Gemm", flat, matrix, graph.constant(shift), transA=1)
        rows, columns = sizes(graph, "latent", 2)
        apart = reshaped(graph, wide, rows, columns, 2, 2 * features)
        together = graph.node("Transpose", apart, perm=[0, 2, 1, 3])
        two = graph.integers(2)
        rows, columns = graph.node("Mul", rows, two), graph.node("Mul", columns, two)
        return reshaped(graph, together, 1, rows, columns, features)

    def analysis(self) -> bytes:
        graph, net = GraphBuilder(self._rounder), Net(self._weights, "analysis")
        stream, post = Stream(self._steps, "analysis"), Stream(self._steps, "post")
        x = graph.node("Add", self._difference(graph, net, stream), self._side(graph, net, "e_mix", stream))
        blocks = net.blocks("e_blk")
        total = stream.blocks(graph, blocks, x)
        places = folded(graph, graph.quantise(total, stream.step(f"{len(blocks) - 1}.out")))
        down = graph.product("post.in", places, *net.conv("e_down"), post.unit)
        total = post.blocks(graph, net.blocks("e_post"), down)
        total = graph.node("Transpose", graph.node("Mul", total, graph.constant(post.unit)), perm=[0, 3, 1, 2])
        latent = graph.node("Mul", total, gain_row(graph, net, "gain_y"))
        hyper = float_block(graph, net.at("h_enc.0.0"), latent)
        hyper = float_conv(graph, net, "h_enc.1", hyper, stride=2)
        hyper = float_conv(graph, net, "h_enc.3", graph.node("LeakyRelu", hyper, alpha=SLOPE), stride=2)
        graph.output("latent", latent)
        graph.output("hyper", graph.node("Mul", hyper, gain_row(graph, net, "gain_z")))
        return graph.build("analysis", {**PLANES, **self._given(), **QUALITY}, {"latent": FLOAT, "hyper": FLOAT})

    def _difference(self, graph: GraphBuilder, net: Net, stream: Stream) -> str:
        """What the picture, less its prediction, adds to the stream: ``x_in`` and half of ``e_mix`` as one matrix."""
        weight, bias = net.conv("x_in")
        mix = graph.constant((net["e_mix.weight"][:, : len(weight), 0, 0] / stream.unit[:, None]).T)
        gain = graph.node("Reshape", gain_row(graph, net, "gain_in"), graph.integers(1, -1))
        matrix, shift = (
            graph.node("MatMul", graph.node("Mul", gain, graph.constant(part)), mix)
            for part in (weight[:, :, 0, 0].T, bias[None])
        )
        difference = graph.node("Sub", pack(graph, "y", "uv"), "prediction")
        return graph.node("Add", graph.node("MatMul", difference, matrix), shift)

    def _given(self) -> dict[str, tuple[str, tuple[int | str, ...]]]:
        """What context hands to the other two."""
        features = len(self._steps.steps["context.in"].unit)
        return {
            "prediction": (FLOAT, (1, "rows8", "columns8", PACKED)),
            "context": (BYTE, (1, "rows8", "columns8", features)),
        }

    def _side(self, graph: GraphBuilder, net: Net, name: str, stream: Stream) -> str:
        """What the context adds to the stream: the second half of the convolution ``name``."""
        last = max(key for key in self._steps.steps if key.startswith("context.") and key.endswith(".out"))
        context = replace(self._steps.steps[last], name="context")
        weight, bias = net.conv(name)
        return graph.product(f"{stream.name}.side", context, weight[:, len(weight) :], bias, stream.unit)


def gain_row(graph: GraphBuilder, net: Net, name: str) -> str:
    """The gains [1, C, 1, 1] of the quality."""
    return graph.node("Gather", graph.constant(net.gains(name)[:, :, None, None]), "quality")


def float_conv(graph: GraphBuilder, net: Net, name: str, x: str, stride: int = 1) -> str:
    """A convolution in float32, channels first."""
    weight, bias = net.conv(name)
    pad = weight.shape[2] // 2
    groups = len(weight) if weight.shape[1] == 1 else 1
    arrays = graph.constant(weight), graph.constant(bias)
    return graph.node("Conv", x, *arrays, group=groups, strides=[stride, stride], pads=[pad] * 4)


def float_block(graph: GraphBuilder, net: Net, x: str) -> str:
    a = graph.node("LeakyRelu", float_conv(graph, net, "a", x), alpha=SLOPE)
    x = graph.node("Add", x, float_conv(graph, net, "b", float_conv(graph, net, "d", a)))
    value, gate = graph.nodes("Split", 2, float_conv(graph, net, "f1", x), axis=1)
    gate = graph.node("Clip", gate, graph.constant(0.0), graph.constant(GATE_MAX))
    return graph.node("Add", x, float_conv(graph, net, "f2", graph.node("Mul", value, gate)))


def sizes(graph: GraphBuilder, x: str, axis: int, by: int = 1) -> tuple[str, str]:
    """Two sizes of ``x``, of ``axis`` and the next, divided by ``by``."""
    shape = graph.node("Shape", x)
    one, two = (graph.node("Slice", shape, graph.integers(a), graph.integers(a + 1)) for a in (axis, axis + 1))
    return graph.node("Div", one, graph.integers(by)), graph.node("Div", two, graph.integers(by))


def reshaped(graph: GraphBuilder, x: str, *shape: int | str) -> str:
    parts = [size if isinstance(size, str) else graph.integers(size) for size in shape]
    return graph.node("Reshape", x, graph.node("Concat", *parts, axis=0))


def folded(graph: GraphBuilder, x: Quantised) -> Quantised:
    """2 × 2 places side by side: [1, h, w, C] to [1, h / 2, w / 2, 4C]."""
    rows, columns = sizes(graph, x.name, 1, 2)
    apart = reshaped(graph, x.name, rows, 2, columns, 2 * len(x.unit))
    together = graph.node("Transpose", apart, perm=[0, 2, 1, 3])
    return replace(x, name=reshaped(graph, together, 1, rows, columns, 4 * len(x.unit)))


PLANE_SQUARES = ((1, 8), (2, 4))
"""Of luma and chroma: planes, and the size of the squares whose pixels become channels."""


def pack(graph: GraphBuilder, y: str, uv: str) -> str:
    """Planes to [1, H/8, W/8, 96], channels as ``sensic.networks.codec.pack`` has them.

    Rows are moved first, then columns, then channels: three plain turns are several times faster than one of six axes.
    """
    rows, columns = sizes(graph, y, 2, 8)
    parts = []
    for x, (planes, size) in zip((y, uv), PLANE_SQUARES, strict=True):
        together = graph.node("Transpose", reshaped(graph, x, planes, rows, size, -1), perm=[0, 2, 1, 3])
        places = graph.node("Reshape", together, graph.integers(planes * size, -1, size))
        channels = graph.node("Transpose", places, perm=[0, 2, 1])
        parts.append(graph.node("Reshape", channels, graph.integers(planes * size * size, -1)))
    packed = graph.node("Transpose", graph.node("Concat", *parts, axis=0), perm=[1, 0])
    return reshaped(graph, packed, 1, rows, columns, PACKED)


def unpack(graph: GraphBuilder, packed: str) -> tuple[str, ...]:
    """The inverse of ``pack``."""
    rows, columns = sizes(graph, packed, 1)
    flat = graph.node("Transpose", graph.node("Reshape", packed, graph.integers(-1, PACKED)), perm=[1, 0])
    parts = graph.nodes("Split", 2, flat, graph.integers(64, 32), axis=0)
    out = []
    for x, (planes, size) in zip(parts, PLANE_SQUARES, strict=True):
        channels = graph.node("Reshape", x, graph.integers(planes * size, size, -1))
        places = graph.node("Transpose", channels, perm=[0, 2, 1])
        together = graph.node("Transpose", reshaped(graph, places, planes, size, rows, -1), perm=[0, 2, 1, 3])
        height, width = (graph.node("Mul", part, graph.integers(size)) for part in (rows, columns))
        out.append(reshaped(graph, together, 1, planes, height, width))
    return tuple(out)
