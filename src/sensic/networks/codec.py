"""The codec network: a motion-compensated conditional VAE whose entropy path is made of integers.

One file, top to bottom: pictures are packed, a context is made of the warped last picture, ``Analysis``
makes the latent, ``EntropyPrior`` says how probable each of its symbols is, ``Synthesis`` makes the picture.
Shapes: planes ``y`` [B, 1, H, W] and ``uv`` [B, 2, H/2, W/2] in -0.5..0.5, H and W multiples of 16; packed
pictures [B, 96, H/8, W/8]; latents [B, 128, H/16, W/16]; hyper-latents [B, 48, ceil(H/64), ceil(W/64)].
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sensic.entropy.tables import LOG_STEP, SCALE_MIN, SCALES
from sensic.networks.layers import (
    ACTIVATION_STEPS,
    GainTable,
    IntegerBlock,
    IntegerConv,
    blocks,
    interpolate_nodes,
    quantize_activation,
    quantize_relu,
    round_ste,
)

MEAN_STEPS = 8.0  # in one: means are multiples of 1/8
PACKED = 96  # 64 luma and 2 x 16 chroma channels at 1/8 resolution


@dataclass(frozen=True)
class NetworkSize:
    """Widths and depths of the networks."""

    features: int = 96
    latent: int = 128
    hyper: int = 48
    memory: int = 96
    context_blocks: int = 1
    analysis_blocks: int = 3
    synthesis_blocks: int = 2
    output_blocks: int = 2

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


def to_channels(x: Tensor, size: int) -> Tensor:
    """Squares of ``size`` pixels become channels, as in ``F.pixel_unshuffle``: [B, C, H, W] to [B, C·size², h, w].

    Rows first, then columns: ONNX Runtime copies whole rows and turns matrices, ten times faster than both at once.
    """
    batch, channels, height, width = x.shape
    rows, columns = height // size, width // size
    x = x.reshape(batch * channels, rows, size, width).transpose(1, 2)
    x = x.reshape(batch * channels * size, rows * columns, size).transpose(1, 2)
    return x.reshape(batch, channels * size * size, rows, columns)


def to_places(x: Tensor, size: int) -> Tensor:
    """The inverse of ``to_channels``, as in ``F.pixel_shuffle``."""
    batch, channels, rows, columns = x.shape
    channels //= size * size
    x = x.reshape(batch * channels * size, size, rows * columns).transpose(1, 2)
    x = x.reshape(batch * channels, size, rows, size * columns).transpose(1, 2)
    return x.reshape(batch, channels, size * rows, size * columns)


def pack(y: Tensor, uv: Tensor) -> Tensor:
    """Planes to the 96-channel picture at 1/8 resolution."""
    return torch.cat([to_channels(y, 8), to_channels(uv, 4)], 1)


def unpack(packed: Tensor) -> tuple[Tensor, Tensor]:
    return to_places(packed[:, :64], 8), to_places(packed[:, 64:], 4)


def checkerboard(height: int, width: int, channels: int, like: Tensor) -> Tensor:
    """1 where the first pass codes: black squares in the first half of the channels, white in the second."""
    rows = torch.arange(height, device=like.device)[:, None]
    columns = torch.arange(width, device=like.device)[None]
    black = ((rows + columns) % 2).to(like.dtype)
    half = channels // 2
    return torch.cat([black.expand(half, height, width), (1 - black).expand(channels - half, height, width)])[None]


def magnitudes(y: Tensor) -> Tensor:
    """Signed values (a quarter of them) and absolute values (half), each as activations: [B, 2C, h, w]."""
    steps = ACTIVATION_STEPS
    return torch.cat([quantize_activation(y * (steps / 4)), quantize_activation(y.abs() * (steps / 2))], 1)


def scale_value(index: Tensor) -> Tensor:
    """Standard deviation of a scale index 0..63."""
    return torch.exp(math.log(SCALE_MIN) + index * LOG_STEP)


class Context(nn.Module):
    """What both sides know of the picture to come: the packed prediction, made into features."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        self.c_in = nn.Conv2d(PACKED, size.features, 1)
        self.c_blk = blocks(size.features, size.context_blocks)
        self.gain = GainTable(size.features)

    def forward(self, prediction: Tensor, quality: Tensor) -> Tensor:
        return self.c_blk(self.c_in(prediction) * self.gain(quality))  # type: ignore[no-any-return]


class Analysis(nn.Module):
    """Picture and context to the scaled latent ``y`` and hyper-latent ``z``, both before rounding."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        c, m = size.features, size.latent
        self.x_in = nn.Conv2d(PACKED, c, 1)
        self.e_mix = nn.Conv2d(2 * c, c, 1)
        self.e_blk = blocks(c, size.analysis_blocks)
        self.e_down = nn.Conv2d(c, m, 2, stride=2)
        self.e_post = blocks(m, 1)
        self.gain_in, self.gain_y = GainTable(c), GainTable(m)
        self.h_enc = nn.Sequential(
            blocks(m, 1),
            nn.Conv2d(m, m, 3, stride=2, padding=1),
            nn.LeakyReLU(0.01),
            nn.Conv2d(m, size.hyper, 3, stride=2, padding=1),
        )
        self.gain_z = GainTable(size.hyper, 0.5, 1.0)

    def forward(self, picture: Tensor, prediction: Tensor, context: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        x = self.x_in(picture - prediction) * self.gain_in(quality)
        x = self.e_blk(self.e_mix(torch.cat([x, context], 1)))
        y = self.e_post(self.e_down(x)).float() * self.gain_y(quality)
        z = self.h_enc(y).float() * self.gain_z(quality)
        return y, z


class Parameters(NamedTuple):
    """Mean (multiples of 1/8) and scale index (0..63) of every symbol."""

    mean: Tensor
    scale: Tensor


class EntropyPrior(nn.Module):
    """Integer network: probabilities of hyper-latent and latent, and the memory carried between frames.

    Memory, features and embeddings are activations, in steps (``sensic.networks.layers``).
    """

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        e, m, z = size.memory, size.latent, size.hyper
        self.size = size
        self.s0 = nn.Parameter(torch.zeros(1, e, 1, 1))
        self.q_emb = nn.Parameter(torch.zeros(2, 8, e))
        self.z_in, self.z_b, self.z_out = IntegerConv(e, e), IntegerConv(e, e), IntegerConv(e, 2 * z, steps=MEAN_STEPS)
        self.hd1, self.hd2, self.hb = IntegerConv(z, 4 * e), IntegerConv(e, 4 * e), IntegerBlock(e)
        self.v_emb = IntegerConv(2, e)
        self.p_mix, self.p_out = IntegerConv(3 * e, e), IntegerConv(e, 2 * m, steps=MEAN_STEPS)
        self.p_b = nn.Sequential(IntegerBlock(e), IntegerBlock(e))
        self.p2_in, self.p2_mix = IntegerConv(2 * m, e), IntegerConv(2 * e, e)
        self.p2_b, self.p2_out = IntegerBlock(e), IntegerConv(e, 2 * m, steps=MEAN_STEPS)
        self.s_in, self.s_mix, self.s_b = IntegerConv(2 * m, e), IntegerConv(2 * e, e), IntegerBlock(e)

    def initial_memory(self, batch: int, height: int, width: int) -> Tensor:
        return quantize_activation(self.s0 * ACTIVATION_STEPS).expand(batch, -1, height, width).contiguous()

    def quality_embedding(self, quality: Tensor, inter: int | Tensor) -> Tensor:
        """[B, E, 1, 1] activations for quality [B] in 0..1, one table for intra and one for inter frames.

        ``inter`` is 0 or 1, or a bool tensor [B] where the frames of a batch differ.
        """
        if isinstance(inter, Tensor):
            intra_row, inter_row = (interpolate_nodes(table, quality) for table in self.q_emb)
            row = torch.where(inter[:, None], inter_row, intra_row)
        else:
            row = interpolate_nodes(self.q_emb[inter], quality)
        return quantize_activation(row * ACTIVATION_STEPS)[:, :, None, None]

    @staticmethod
    def parameters_of(out: Tensor, offset: Tensor | float) -> Parameters:
        mean, scale = round_ste(out).chunk(2, 1)
        return Parameters(mean / MEAN_STEPS, (scale + offset).clamp(0, SCALES - 1))

    def hyper(self, memory: Tensor, embedding: Tensor) -> Parameters:
        """Parameters of the hyper-latent from the memory alone."""
        q = quantize_activation
        pad = (0, -memory.shape[3] % 4, 0, -memory.shape[2] % 4)
        pooled = q(F.avg_pool2d(F.pad(memory, pad), 4))
        x = quantize_relu(q(self.z_in(pooled)) + embedding)
        return self.parameters_of(self.z_out(quantize_relu(self.z_b(x))), 22)

    def first(
        self, z: Tensor, memory: Tensor, motion: Tensor, embedding: Tensor, offset: Tensor
    ) -> tuple[Tensor, Parameters]:
        """Features and parameters of the first pass; ``z`` as decoded, ``motion`` [B, 2, h, w] in quarter pixels."""
        q = quantize_activation
        x = to_places(quantize_relu(self.hd1(z.clamp(-127, 127) * (ACTIVATION_STEPS / 4))), 2)
        x = to_places(q(self.hd2(x)), 2)[..., : memory.shape[2], : memory.shape[3]]
        x = q(self.hb(x) + embedding)
        vectors = q(self.v_emb(q(motion * (ACTIVATION_STEPS / 32))))
        features = self.p_b(q(self.p_mix(torch.cat([x, memory, vectors], 1))))
        return features, self.parameters_of(self.p_out(features), offset)

    def second(self, features: Tensor, y_first: Tensor, offset: Tensor) -> Parameters:
        """Parameters of the second pass, which sees the values decoded in the first (zero elsewhere)."""
        q = quantize_activation
        x = q(self.p2_mix(torch.cat([features, q(self.p2_in(magnitudes(y_first)))], 1)))
        return self.parameters_of(self.p2_out(self.p2_b(x)), offset)

    def remember(self, memory: Tensor, y: Tensor) -> Tensor:
        q = quantize_activation
        return self.s_b(q(self.s_mix(torch.cat([memory, q(self.s_in(magnitudes(y)))], 1))))  # type: ignore[no-any-return]


class Synthesis(nn.Module):
    """Decoded latent and context to the packed picture."""

    def __init__(self, size: NetworkSize) -> None:
        super().__init__()
        c, m = size.features, size.latent
        self.gain_y, self.gain_out = GainTable(m), GainTable(c)
        self.d_up = nn.Conv2d(m, 4 * c, 1)
        self.d_mix = nn.Conv2d(2 * c, c, 1)
        self.d_blk = blocks(c, size.synthesis_blocks)
        self.r_blk = blocks(c, size.output_blocks)
        self.r_out = nn.Conv2d(c, PACKED, 1)

    def forward(self, y: Tensor, prediction: Tensor, context: Tensor, quality: Tensor) -> Tensor:
        x = to_places(self.d_up(y * self.gain_y(quality)), 2)
        x = self.d_blk(self.d_mix(torch.cat([x, context], 1)))
        return prediction + self.r_out(self.r_blk(x) * self.gain_out(quality))  # type: ignore[no-any-return]


class VideoVAE(nn.Module):
    """The four networks that one model is made of."""

    def __init__(self, size: NetworkSize | None = None) -> None:
        super().__init__()
        self.size = size or NetworkSize()
        self.context, self.analysis = Context(self.size), Analysis(self.size)
        self.prior, self.synthesis = EntropyPrior(self.size), Synthesis(self.size)

    def scale_offset(self, quality: Tensor) -> Tensor:
        """Whole scale indices by which the gain of a quality moves the scales of ``y``: [B, M, 1, 1]."""
        gain = self.analysis.gain_y
        middle = gain.log_gain(torch.full_like(quality, 0.5))
        return round_ste(20 + (gain.log_gain(quality) - middle) / LOG_STEP)[:, :, None, None]
