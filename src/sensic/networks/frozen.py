"""A trained codec as the runtime sees it: constants instead of tables in the quality, whole-numbered inputs, planes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from sensic.model.model import QUALITIES
from sensic.networks.codec import EntropyPrior, Parameters, VideoVAE, pack, unpack
from sensic.networks.layers import ACTIVATION_STEPS, GATE_MAX, Block, GainTable, IntegerConv


def quality_values() -> Tensor:
    return torch.arange(QUALITIES, dtype=torch.float32) / (QUALITIES - 1)


class _TableGain(nn.Module):
    """A gain table reduced to its 64 rows; ``quality`` is an index tensor [1]."""

    rows: Tensor

    def __init__(self, gain: GainTable) -> None:
        super().__init__()
        self.register_buffer("rows", gain(quality_values()).detach())

    def forward(self, quality: Tensor) -> Tensor:
        return self.rows[quality]


class _FixedConv(nn.Module):
    """An integer convolution with its rounded weights as constants."""

    weight: Tensor
    bias: Tensor

    def __init__(self, conv: IntegerConv) -> None:
        super().__init__()
        weight, bias = conv.stepped()
        self.register_buffer("weight", weight.detach())
        self.register_buffer("bias", bias.detach())
        self.kernel, self.groups = conv.kernel, conv.groups

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias, padding=self.kernel // 2, groups=self.groups)


class FrozenBlock(nn.Module):
    """A residual block that makes values and gates with a convolution each: as nothing is taken apart, ONNX Runtime
    keeps its own order of channels through a chain of blocks."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.a, self.d, self.b, self.f2 = block.a, block.d, block.b, block.f2
        channels, both = block.f2.in_channels, block.f1.state_dict()
        # Without values of their own, which would be drawn from the random numbers of whoever trains.
        self.value, self.gate = (skip_init(nn.Conv2d, channels, channels, 1) for _ in range(2))  # type: ignore[no-untyped-call]
        for part, conv in enumerate((self.value, self.gate)):
            conv.load_state_dict({name: value.chunk(2)[part] for name, value in both.items()})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.b(self.d(F.leaky_relu(self.a(x), 0.01)))
        out: Tensor = x + self.f2(self.value(x) * self.gate(x).clamp(0, GATE_MAX))
        return out


def freeze(module: nn.Module) -> None:
    """Replace, in place, everything that depends on a continuous quality or on rounding weights by constants."""
    for name, child in module.named_children():
        if isinstance(child, GainTable):
            setattr(module, name, _TableGain(child))
        elif isinstance(child, IntegerConv):
            setattr(module, name, _FixedConv(child))
        elif isinstance(child, Block):
            setattr(module, name, FrozenBlock(child))
        else:
            freeze(child)


class FrozenCodec(nn.Module):
    """The networks as the runtime sees them: planes and whole-numbered qualities in, planes out; memory and features in
    units, not steps.

    ``offset`` [64, M, 1, 1] and ``embedding`` [2, 64, E, 1, 1] are the tables in the quality that the prior uses.
    """

    offset: Tensor
    embedding: Tensor

    def __init__(self, vae: VideoVAE) -> None:
        super().__init__()
        vae = vae.eval()
        with torch.no_grad():
            q = quality_values()
            self.register_buffer("offset", vae.scale_offset(q))
            embedding = torch.stack([vae.prior.quality_embedding(q, inter) for inter in (0, 1)])
            self.register_buffer("embedding", embedding)
        self.size = vae.size
        self.vae = vae
        freeze(vae)

    @property
    def prior(self) -> EntropyPrior:
        return self.vae.prior

    def hyper(self, memory: Tensor, quality: Tensor, inter: Tensor) -> Parameters:
        return self.prior.hyper(memory * ACTIVATION_STEPS, self.embedding[inter, quality])

    def first(
        self, z: Tensor, memory: Tensor, motion: Tensor, quality: Tensor, inter: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        features, parameters = self.prior.first(
            z,
            memory * ACTIVATION_STEPS,
            motion,
            self.embedding[inter, quality],
            self.offset[quality],
        )
        return features / ACTIVATION_STEPS, parameters.mean, parameters.scale

    def second(self, features: Tensor, y_first: Tensor, quality: Tensor) -> Parameters:
        return self.prior.second(features * ACTIVATION_STEPS, y_first, self.offset[quality])

    def memory(self, memory: Tensor, y: Tensor) -> Tensor:
        return self.prior.remember(memory * ACTIVATION_STEPS, y) / ACTIVATION_STEPS

    def context(self, y: Tensor, uv: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        prediction = pack(y, uv)
        return prediction, self.vae.context(prediction, quality)

    def analysis(
        self, y: Tensor, uv: Tensor, prediction: Tensor, context: Tensor, quality: Tensor
    ) -> tuple[Tensor, Tensor]:
        return self.vae.analysis(pack(y, uv), prediction, context, quality)  # type: ignore[no-any-return]

    def synthesis(self, latent: Tensor, prediction: Tensor, context: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        return unpack(self.vae.synthesis(latent, prediction, context, quality).clamp(-0.5, 0.5))


def graph_signatures(codec: FrozenCodec) -> dict[str, tuple[dict[str, tuple[int, ...]], tuple[str, ...]]]:
    """Inputs with example shapes (an empty shape is an index) and outputs of every graph, by their ONNX names."""
    size = codec.size
    h, w = 8, 12
    latent, hyper = (1, size.latent, h, w), (1, size.hyper, h // 4, w // 4)
    memory, motion = (1, size.memory, h, w), (1, 2, h, w)
    planes = {"y": (1, 1, 16 * h, 16 * w), "uv": (1, 2, 8 * h, 8 * w)}
    packed, features = (1, 96, 2 * h, 2 * w), (1, size.features, 2 * h, 2 * w)
    quality: dict[str, tuple[int, ...]] = {"quality": ()}
    inter: dict[str, tuple[int, ...]] = {"inter": ()}
    return {
        "hyper": ({"memory": memory, **quality, **inter}, ("mean", "index")),
        "first": ({"z": hyper, "memory": memory, "motion": motion, **quality, **inter}, ("features", "mean", "index")),
        "second": ({"features": memory, "y_first": latent, **quality}, ("mean", "index")),
        "memory": ({"memory": memory, "y": latent}, ("next_memory",)),
        "context": ({**planes, **quality}, ("prediction", "context")),
        "analysis": ({**planes, "prediction": packed, "context": features, **quality}, ("latent", "hyper")),
        "synthesis": ({"latent": latent, "prediction": packed, "context": features, **quality}, ("y_out", "uv_out")),
    }
