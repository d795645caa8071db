"""Building blocks of the networks: pixel blocks in float, entropy blocks in dyadic integers.

The entropy blocks compute with integers written as dyadic rationals: a weight is an int8 times a power
of two, an activation a whole number of steps of 1/16. float32 holds every product and every partial sum
exactly as long as an accumulator stays below 2**24 of its smallest step, so any backend and any order of
summation gives the same result (docs/bitstream.md, "Integer networks"). Activations are written in steps,
not in sixteenths, so that nothing but rounding stands between two convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATION_STEPS = 16.0  # in one: activations are multiples of 1/16
ACTIVATION_MAX = 127.0  # in steps
BIAS_STEPS = 256.0
GATE_MAX = 64.0  # a product of features grows without bound through a few blocks, up to NaN; in use gates stay below 45
MIN_WEIGHT_EXPONENT = -12  # keeps bias and accumulator on one grid below 2**24


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class _QuantizeActivation(torch.autograd.Function):
    """In place where it can be: such passes over memory are most of what training the prior costs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float) -> Tensor:
        kept = x.clamp(low, ACTIVATION_MAX)
        # Ones and zeros: multiplying is faster than masking.
        ctx.save_for_backward(torch.eq(kept, x, out=torch.empty_like(x)))
        return kept.round_()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (inside,) = ctx.saved_tensors
        return gradient * inside, None


def round_ste(x: Tensor) -> Tensor:
    """Round half to even; the gradient passes straight through."""
    return _Round.apply(x) if torch.is_grad_enabled() else torch.round(x)  # type: ignore[no-untyped-call]


def quantize_activation(x: Tensor, low: float = -ACTIVATION_MAX) -> Tensor:
    """Steps, not yet whole, clamped to ``low`` and 127 and rounded half to even; the gradient ends where it clips."""
    if torch.is_grad_enabled():
        return _QuantizeActivation.apply(x, low)  # type: ignore[no-any-return,no-untyped-call]
    return torch.round(x.clamp(low, ACTIVATION_MAX))


def quantize_relu(x: Tensor) -> Tensor:
    return quantize_activation(x, 0.0)


class Block(nn.Module):
    """Residual pixel block: depthwise 3x3 between 1x1s, then a gated 1x1 pair."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 1)
        self.d = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.b = nn.Conv2d(channels, channels, 1)
        self.f1 = nn.Conv2d(channels, 2 * channels, 1)
        self.f2 = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.b(self.d(F.leaky_relu(self.a(x), 0.01)))
        value, gate = self.f1(x).chunk(2, 1)
        out: Tensor = x + self.f2(value * gate.clamp(0, GATE_MAX))
        return out


def blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*[Block(channels) for _ in range(count)])


class GainTable(nn.Module):
    """Per-channel gain, exponential in the quality.

    ``forward(quality)`` takes a float tensor [B] in 0..1 and returns [B, C, 1, 1].
    """

    def __init__(self, channels: int, low: float = 0.0, high: float = 0.0, nodes: int = 8) -> None:
        super().__init__()
        self.t = nn.Parameter(torch.linspace(low, high, nodes)[:, None].repeat(1, channels))

    def log_gain(self, quality: Tensor) -> Tensor:
        return interpolate_nodes(self.t, quality)

    def forward(self, quality: Tensor) -> Tensor:
        return torch.exp(self.log_gain(quality))[:, :, None, None]


def interpolate_nodes(nodes: Tensor, quality: Tensor) -> Tensor:
    """Piecewise linear table [nodes, C] read at quality [B] in 0..1: [B, C]."""
    last = nodes.shape[0] - 1
    position = quality.clamp(0, 1) * last
    index = position.floor().clamp(max=last - 1)
    fraction = (position - index)[:, None]
    index = index.long()
    return nodes[index] * (1 - fraction) + nodes[index + 1] * fraction


class IntegerConv(nn.Module):
    """Convolution of activations in steps, whose weights are int8 times a power of two per output channel.

    ``steps`` is how many of what comes out make one: 16 for activations, before they are rounded.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 1, groups: int = 1, steps: float = ACTIVATION_STEPS
    ) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(outputs, inputs // groups, kernel, kernel))
        self.b = nn.Parameter(torch.zeros(outputs))
        self.kernel, self.groups, self.steps = kernel, groups, steps
        self.held: tuple[Tensor, Tensor] | None = None
        nn.init.kaiming_uniform_(self.w, a=math.sqrt(5))

    def scale(self) -> Tensor:
        """Power of two per output channel, [outputs, 1, 1, 1]."""
        with torch.no_grad():
            peak = self.w.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
            exponent = torch.ceil(torch.log2(peak / 127)).clamp(min=MIN_WEIGHT_EXPONENT)
            scale: Tensor = torch.exp2(exponent)
            return scale

    def quantized(self) -> tuple[Tensor, Tensor]:
        """Weights and biases as the dyadic rationals that both sides of the codec use."""
        scale = self.scale()
        return round_ste(self.w / scale) * scale, round_ste(self.b * BIAS_STEPS) / BIAS_STEPS

    def stepped(self) -> tuple[Tensor, Tensor]:
        """The same weights and biases, for inputs and outputs in steps."""
        weight, bias = self.quantized()
        return weight * (self.steps / ACTIVATION_STEPS), bias * self.steps

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.held or self.stepped()
        return F.conv2d(x, weight, bias, padding=self.kernel // 2, groups=self.groups)


@contextmanager
def held_weights(module: nn.Module) -> Iterator[None]:
    """Quantise the weights of every integer convolution once for all frames inside the block."""
    convolutions = [m for m in module.modules() if isinstance(m, IntegerConv)]
    for conv in convolutions:
        conv.held = conv.stepped()
    try:
        yield
    finally:
        for conv in convolutions:
            conv.held = None


class IntegerBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = IntegerConv(channels, channels)
        self.d = IntegerConv(channels, channels, 3, channels)
        self.b = IntegerConv(channels, channels)
        self.f1 = IntegerConv(channels, channels)
        self.f2 = IntegerConv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        q = quantize_activation
        x = q(x + self.b(q(self.d(quantize_relu(self.a(x))))))
        return q(x + self.f2(quantize_relu(self.f1(x))))
