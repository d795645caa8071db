"""The integer pixel networks in PyTorch, rounding included, so that what is rounded can learn.

They compute what the graphs of ``sensic.model.int8`` do, but for the last bits, and take the places of context,
analysis and synthesis in a ``VideoVAE``. Weights, biases and the steps of activations are parameters; the matrices at
the ends, the gains and the hyper-analysis belong to the codec. Rounding lets gradients pass (Y. Bengio, N. Léonard,
A. Courville 2013, https://arxiv.org/abs/1308.3432), and steps learn as in S. K. Esser et al., "Learned step size
quantization", https://arxiv.org/abs/1902.08153.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sensic.model.int8.builder import WEIGHT_MAX, rounded
from sensic.model.int8.graphs import QUIET
from sensic.model.int8.steps import Bytes, Floats, Quantised, Steps
from sensic.networks.codec import Analysis, Context, Synthesis, VideoVAE
from sensic.networks.layers import Block, round_ste

KEPT = 0.45  # of what rounding a weight changes: it starts where it is rounded to, and leans to where it comes from


class _Round(torch.autograd.Function):
    """Round to one of 256 steps; gradients end where values are cut."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, zero: int) -> Tensor:
        steps = x / scale
        whole = steps.round().clamp_(-zero, 255 - zero)
        ctx.save_for_backward(whole, steps, scale)
        return whole * scale

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        whole, steps, scale = ctx.saved_tensors
        inside = (whole - steps).abs_() <= 0.5
        wrong = torch.addcmul(whole, steps, inside.to(steps.dtype), value=-1.0)
        return gradient * inside, (gradient * wrong).sum().reshape(scale.shape), None


class Step(nn.Module):
    """Rounds an activation [B, C, h, w], which is in its units."""

    unit: Tensor

    def __init__(self, step: Quantised) -> None:
        super().__init__()
        self.step, self.zero = step, step.zero
        self.log_scale = nn.Parameter(torch.tensor(math.log(step.scale)))
        self.register_buffer("unit", torch.from_numpy(step.unit.copy())[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return _Round.apply(x, self.log_scale.exp(), self.zero)  # type: ignore[no-any-return,no-untyped-call]

    def learned(self) -> Quantised:
        return replace(self.step, scale=float(self.log_scale.detach().exp()))


class Convolution(nn.Module):
    """A convolution whose weights are whole numbers times a scale for each output, all in units. The parameter is the
    share of the largest whole number, not yet rounded."""

    scale: Tensor

    def __init__(
        self, name: str, steps: Steps, source: Quantised, unit: Floats, weight: Floats, bias: Floats, stride: int = 1
    ) -> None:
        super().__init__()
        self.name, self.stride = name, stride
        self.padding = weight.shape[2] // 2 if stride == 1 else 0
        self.groups = len(weight) if weight.shape[1] == 1 else 1
        found = rounded(steps.round, steps.biases, name, source, weight, bias, unit)
        self.first = found
        real = torch.from_numpy(found.real)
        whole = torch.from_numpy(found.whole.astype(np.float32))
        self.weight = nn.Parameter((whole + (real - whole).clamp(-KEPT, KEPT)) / WEIGHT_MAX)
        self.bias = nn.Parameter(torch.from_numpy(found.bias.copy()))
        self.register_buffer("scale", torch.from_numpy(found.scale.copy())[:, None, None, None])

    def learned(self) -> tuple[Bytes, Floats]:
        """What to add to the weights that are rounded to the nearest, and the biases."""
        nearest = torch.from_numpy(np.rint(self.first.real))
        return (self.whole().detach() - nearest).to(torch.int8).numpy(), self.bias.detach().numpy()

    def whole(self) -> Tensor:
        return round_ste((self.weight * WEIGHT_MAX).clamp(-WEIGHT_MAX, WEIGHT_MAX))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.whole() * self.scale, self.bias, self.stride, self.padding, groups=self.groups)


class RoundedBlock(nn.Module):
    def __init__(self, steps: Steps, stream: str, index: int, source: Quantised, block: Block) -> None:
        super().__init__()
        name = f"{stream}.{index}"
        step = {part: steps.steps[f"{name}.{part}"] for part in ("a", "d", "middle", "value", "gate", "product")}
        unit = steps.steps[f"{stream}.in"].unit
        d, d_bias = _arrays(block.d)
        f1, f1_bias = _arrays(block.f1)
        half = len(f1) // 2

        def made(part: str, given: Quantised, unit: Floats, weight: Floats, bias: Floats) -> Convolution:
            return Convolution(f"{name}.{part}", steps, given, unit, weight, bias)

        self.a = made("a", source, step["a"].unit, *_arrays(block.a))
        self.d = made("d", step["a"], step["d"].unit, d, d_bias + d[:, 0].sum((1, 2)) * steps.below[name])
        self.b = made("b", step["d"], unit, *_arrays(block.b))
        self.value = made("value", step["middle"], step["value"].unit, f1[:half], f1_bias[:half])
        self.gate = made("gate", step["middle"], step["gate"].unit, f1[half:], f1_bias[half:])
        self.f2 = made("f2", step["product"], unit, *_arrays(block.f2))
        self.steps = nn.ModuleDict({part: Step(one) for part, one in step.items()})

    def forward(self, total: Tensor, x: Tensor) -> Tensor:
        """``total``, which is ``x`` before rounding, and what the block adds."""
        step = self.steps
        total = total + self.b(step["d"](self.d(step["a"](self.a(x)))))
        middle = step["middle"](total)
        product = step["product"](step["value"](self.value(middle)) * step["gate"](self.gate(middle)))
        return total + self.f2(product)  # type: ignore[no-any-return]


class Stream(nn.Module):
    """Residual blocks one after the other, rounded between them."""

    unit: Tensor

    def __init__(self, steps: Steps, name: str, blocks: list[Block]) -> None:
        super().__init__()
        given = [steps.steps[f"{name}.in"], *(steps.steps[f"{name}.{i}.out"] for i in range(len(blocks)))]
        self.enter = Step(given[0])
        self.blocks = nn.ModuleList(RoundedBlock(steps, name, i, given[i], block) for i, block in enumerate(blocks))
        self.outs = nn.ModuleList(Step(step) for step in given[1:])
        self.register_buffer("unit", torch.from_numpy(given[0].unit.copy())[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """The sum after the last block, not rounded, in units; of what enters in units."""
        total, x = x, self.enter(x)
        for i, block in enumerate(self.blocks):
            if i:
                x = self.outs[i - 1](total)
            total = block(total, x)
        return total


class RoundedContext(nn.Module):
    def __init__(self, net: Context, steps: Steps) -> None:
        super().__init__()
        self.packed, self.gain = Step(steps.steps["context.packed"]), net.gain
        unit = steps.steps["context.in"].unit
        self.enter = Convolution("context.in", steps, steps.steps["context.packed"], unit, *_arrays(net.c_in))
        self.stream = Stream(steps, "context", list(net.c_blk))  # type: ignore[arg-type]

    def forward(self, prediction: Tensor, quality: Tensor) -> Tensor:
        x = self.enter(self.packed(prediction)) * self.gain(quality)
        return self.stream.outs[-1](self.stream(x)) * self.stream.unit  # type: ignore[no-any-return]


class Side(nn.Module):
    """What the context adds to a stream."""

    unit: Tensor

    def __init__(self, name: str, steps: Steps, mix: nn.Conv2d, context: Quantised) -> None:
        super().__init__()
        weight, bias = _arrays(mix)
        unit = steps.steps[f"{name}.in"].unit
        self.conv = Convolution(f"{name}.side", steps, context, unit, weight[:, len(weight) :], bias)
        self.register_buffer("unit", torch.from_numpy(context.unit.copy())[:, None, None])

    def forward(self, context: Tensor) -> Tensor:
        return self.conv(context / self.unit)  # type: ignore[no-any-return]


class RoundedAnalysis(nn.Module):
    def __init__(self, net: Analysis, steps: Steps, context: Quantised) -> None:
        super().__init__()
        self.x_in, self.e_mix, self.h_enc = net.x_in, net.e_mix, net.h_enc
        self.gain_in, self.gain_y, self.gain_z = net.gain_in, net.gain_y, net.gain_z
        self.side = Side("analysis", steps, net.e_mix, context)
        self.stream = Stream(steps, "analysis", list(net.e_blk))  # type: ignore[arg-type]
        last = steps.steps[f"analysis.{len(net.e_blk) - 1}.out"]
        unit = steps.steps["post.in"].unit
        self.down = Convolution("post.in", steps, last, unit, *_arrays(net.e_down), stride=2)
        self.post = Stream(steps, "post", list(net.e_post))  # type: ignore[arg-type]

    def forward(self, picture: Tensor, prediction: Tensor, context: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        x = self.x_in(picture - prediction) * self.gain_in(quality)
        x = F.conv2d(x, self.e_mix.weight[:, : x.shape[1]]) / self.stream.unit
        x = self.stream.outs[-1](self.stream(x + self.side(context)))
        y = self.post(self.down(x)) * self.post.unit * self.gain_y(quality)
        return y, self.h_enc(y) * self.gain_z(quality)


class RoundedSynthesis(nn.Module):
    def __init__(self, net: Synthesis, steps: Steps, context: Quantised) -> None:
        super().__init__()
        self.d_up, self.d_mix, self.r_out = net.d_up, net.d_mix, net.r_out
        self.gain_y, self.gain_out = net.gain_y, net.gain_out
        self.side = Side("synthesis", steps, net.d_mix, context)
        self.stream = Stream(steps, "synthesis", [*net.d_blk, *net.r_blk])
        self.quiet = QUIET

    def forward(self, y: Tensor, prediction: Tensor, context: Tensor, quality: Tensor) -> Tensor:
        x = F.pixel_shuffle(self.d_up(y * self.gain_y(quality)), 2)
        x = F.conv2d(x, self.d_mix.weight[:, : x.shape[1]]) / self.stream.unit
        total = self.stream(x + self.side(context)) * self.stream.unit
        residual = self.r_out(total * self.gain_out(quality))
        loud = (residual.detach() ** 2).sum(1, keepdim=True) > self.quiet
        return prediction + residual * loud  # type: ignore[no-any-return]


def round_networks(vae: VideoVAE, steps: Steps) -> VideoVAE:
    """``vae`` with its pixel networks replaced, in place."""
    last = max(key for key in steps.steps if key.startswith("context.") and key.endswith(".out"))
    context = steps.steps[last]
    vae.analysis = RoundedAnalysis(vae.analysis, steps, context)  # type: ignore[assignment]
    vae.synthesis = RoundedSynthesis(vae.synthesis, steps, context)  # type: ignore[assignment]
    vae.context = RoundedContext(vae.context, steps)  # type: ignore[assignment]
    return vae


def learning_parts(vae: VideoVAE) -> Iterator[Convolution | Step]:
    """The modules of which all parameters learn."""
    for module in vae.modules():
        if isinstance(module, Convolution | Step):
            yield module


def learned_steps(vae: VideoVAE, first: Steps) -> Steps:
    """What networks that were made with ``first`` have learned since."""
    steps, rounding, biases = dict(first.steps), {}, {}
    for part in learning_parts(vae):
        if isinstance(part, Step):
            steps[part.step.source] = part.learned()
        else:
            rounding[part.name], biases[part.name] = part.learned()
    return Steps(steps, first.below, rounding, biases)


def _arrays(conv: nn.Module) -> tuple[Floats, Floats]:
    weight, bias = conv.weight, conv.bias
    return weight.detach().numpy().copy(), bias.detach().numpy().copy()  # type: ignore[operator]
