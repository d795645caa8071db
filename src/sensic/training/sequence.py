"""The codec unrolled over frames: what a window of video costs in bits and in distortion, differentiably.

A window is a stretch of a longer walk: the state that the decoder carries (its last picture, its memory) comes
in from the window before, without gradient. So a network learns on its own errors after thirty frames at the
price of backpropagating through six, and no frame is computed only to warm up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from sensic.codec.quantisation import INTER_WORTH, INTRA_WORTH
from sensic.entropy.tables import COST_STEPS, build_tables
from sensic.networks.codec import PACKED, Parameters, VideoVAE, checkerboard, scale_value
from sensic.networks.layers import held_weights, round_ste
from sensic.training.warp import sampling_grids, warp

# The integer tables mix a Gaussian with a little of a Laplace distribution (sensic.entropy.tables); so does the loss.
GAUSSIAN_SHARE, LAPLACE_BASE = 0.998, 2.0
SMOOTH_SHARE = 0.8
"""How far the noisy rate is believed. It charges half as much again as the symbols really cost (0.155 against 0.100
bits per pixel with the first model), most of it for values that will round to zero; believed in full it makes every
quality spend less than its λ says (measured on streams: half)."""


@dataclass
class Window:
    """B lanes × T frames of training input.

    ``pictures`` [B, T, 96, h/8, w/8] packed, -0.5..0.5; ``motion`` [B, T, 2, h/16, w/16] in quarter pixels;
    ``starts`` [B, T] bool, true where a frame starts a group and has no past; ``quality`` [B, T] in 0..1;
    ``noise_y`` [B, T, M, h/16, w/16] and ``noise_z`` [B, T, Z, h/64, w/64] in -0.5..0.5, or None: drawn on the device.
    """

    pictures: Tensor
    motion: Tensor
    starts: Tensor
    quality: Tensor
    noise_y: Tensor | None = None
    noise_z: Tensor | None = None

    def to(self, device: torch.device | str) -> Window:
        return Window(*(None if v is None else v.to(device, non_blocking=True) for v in vars(self).values()))  # type: ignore[arg-type]


class State(NamedTuple):
    """What decoding carries from frame to frame: picture [B, 96, h/8, w/8] and integer memory [B, E, h/16, w/16]."""

    picture: Tensor
    memory: Tensor

    @classmethod
    def blank(cls, vae: VideoVAE, window: Window) -> State:
        """Before the first window, whose frames all start groups."""
        b, _, _, h, w = window.pictures.shape
        memory = window.pictures.new_zeros(b, vae.size.memory, h // 2, w // 2)
        return cls(window.pictures.new_zeros(b, PACKED, h, w), memory)


@dataclass(frozen=True)
class Objective:
    """Rate + λ(quality) · distortion; λ runs from ``lambda_low`` to ``lambda_high`` in bits per squared 8-bit level.

    The term of a quality is divided by λ^``balance`` (scaled to leave the middle alone): with 0 the best qualities
    own the gradient, with 1 the worst.
    """

    distortion: Callable[[Tensor, Tensor], Tensor]
    lambda_low: float = 4e-4
    lambda_high: float = 3e-2
    balance: float = 0.3

    def weights(self, quality: Tensor) -> tuple[Tensor, Tensor]:
        """λ and the share of each quality, both [B]."""
        low, high = math.log(self.lambda_low), math.log(self.lambda_high)
        log_lambda = low + quality * (high - low)
        return torch.exp(log_lambda), torch.exp(self.balance * ((low + high) / 2 - log_lambda))


class Outcome(NamedTuple):
    """``loss`` is the mean over lanes and frames; the others are [B, T] without gradient: bits per pixel of latent
    and hyper-latent, distortion in squared 8-bit levels."""

    loss: Tensor
    rate_y: Tensor
    rate_z: Tensor
    distortion: Tensor

    @property
    def rate(self) -> Tensor:
        return self.rate_y + self.rate_z


def symbol_bits(deviation: Tensor, scale: Tensor) -> Tensor:
    """Bits of symbols that are ``deviation`` from their mean, with standard deviation ``scale``; same shape."""
    v, k = deviation.abs(), math.sqrt(0.5)
    gauss = 0.5 * (torch.erfc((v - 0.5) * k / scale) - torch.erfc((v + 0.5) * k / scale))
    b = LAPLACE_BASE + scale
    inside = 1 - 0.5 * torch.exp((v.clamp(max=0.5) - 0.5) / b) - 0.5 * torch.exp(-(v + 0.5) / b)
    laplace = torch.where(v < 0.5, inside, torch.sinh(0.5 / b) * torch.exp(-v / b))
    return -torch.log2((GAUSSIAN_SHARE * gauss + (1 - GAUSSIAN_SHARE) * laplace).clamp(min=1e-12))


class _Symbols(NamedTuple):
    """Whole numbers [B, C, h, w] sent in place of ``deviation`` from the mean, which gets their gradient."""

    sent: Tensor
    deviation: Tensor

    @classmethod
    def nearest(cls, value: Tensor, parameters: Parameters) -> _Symbols:
        deviation = value - parameters.mean
        return cls(round_ste(deviation), deviation)

    @classmethod
    def cheapest(cls, value: Tensor, parameters: Parameters, worth: Tensor) -> _Symbols:
        """What the encoder sends (``sensic.codec.quantisation``): some are one nearer to zero than rounded.

        ``worth`` [B, 1, 1, 1] is the price of error in each lane.
        """
        nearest = cls.nearest(value, parameters)
        with torch.no_grad():
            sent = nearest.sent.detach()
            size, saved = sent.abs(), _bits_saved(value.device)
            cost = saved[parameters.scale.long(), size.clamp(max=saved.shape[1] - 1).long()]
            lower = cost > worth * (1 + 2 * (nearest.deviation.abs() - size))
            change = sent.sign() * lower
        return cls(nearest.sent - change, nearest.deviation)

    def bits(self, scale: Tensor, noise: Tensor | None) -> Tensor:
        """Bits of each lane [B].

        With ``noise`` the value is what these symbols cost; scales learn from them, while the value and its mean
        learn from noise in place of rounding, which says whether a little less would have been cheaper.
        """
        deviations = scale_value(scale)
        if noise is None:
            return symbol_bits(self.sent, deviations).sum((1, 2, 3))
        real = symbol_bits(self.sent.detach(), deviations)
        smooth = symbol_bits(self.deviation + noise, deviations.detach())
        return (real + SMOOTH_SHARE * (smooth - smooth.detach())).sum((1, 2, 3))


@lru_cache(maxsize=4)
def _bits_saved(device: torch.device) -> Tensor:
    """[64, 16]: bits that a magnitude costs more than the one below it; nothing where there is none below."""
    cost = torch.from_numpy(build_tables()["cost"]).to(torch.float32) / COST_STEPS
    last = cost.new_zeros(len(cost), 1)  # sizes beyond the table stay as they are
    return torch.cat([last, cost.diff(dim=1), last], 1).to(device)


def code_latents(
    vae: VideoVAE,
    y: Tensor,
    z: Tensor,
    memory: Tensor,
    motion: Tensor,
    quality: Tensor,
    inter: Tensor,
    noise: tuple[Tensor, Tensor] | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Both latents through the prior: decoded ``y``, the next memory, bits of ``y`` and of ``z`` [B]."""
    prior, offset = vae.prior, vae.scale_offset(quality)
    embedding = prior.quality_embedding(quality, inter)
    pz = prior.hyper(memory, embedding)
    hyper = _Symbols.nearest(z, pz)
    worth = torch.where(inter, INTER_WORTH, INTRA_WORTH)[:, None, None, None]
    features, first = prior.first(hyper.sent + pz.mean, memory, motion, embedding, offset)
    board = checkerboard(y.shape[2], y.shape[3], y.shape[1], y)
    second = prior.second(features, (_Symbols.cheapest(y, first, worth).sent + first.mean) * board, offset)
    p = Parameters(*(a * board + b * (1 - board) for a, b in zip(first, second, strict=True)))
    symbols = _Symbols.cheapest(y, p, worth)
    decoded = symbols.sent + p.mean
    noise_y, noise_z = noise or (None, None)
    return decoded, prior.remember(memory, decoded), symbols.bits(p.scale, noise_y), hyper.bits(pz.scale, noise_z)


def code_frame(
    vae: VideoVAE,
    picture: Tensor,
    prediction: Tensor,
    memory: Tensor,
    motion: Tensor,
    quality: Tensor,
    inter: Tensor,
    noise: tuple[Tensor, Tensor] | None,
    precision: torch.dtype = torch.float32,
) -> tuple[State, Tensor, Tensor]:
    """One frame: the new state, bits of ``y`` and of ``z`` [B]. Only the pixel networks use ``precision``."""
    with torch.autocast(picture.device.type, dtype=precision, enabled=precision is not torch.float32):
        context = vae.context(prediction, quality)
        y, z = vae.analysis(picture, prediction, context, quality)
    decoded, memory, bits_y, bits_z = code_latents(vae, y.float(), z.float(), memory, motion, quality, inter, noise)
    with torch.autocast(picture.device.type, dtype=precision, enabled=precision is not torch.float32):
        out = vae.synthesis(decoded, prediction, context, quality)
    return State(out.float(), memory), bits_y, bits_z


def unroll(
    vae: VideoVAE,
    window: Window,
    state: State | None,
    objective: Objective,
    *,
    train: bool = True,
    precision: torch.dtype = torch.float32,
) -> tuple[Outcome, State]:
    """Code a window, starting from ``state`` (None: every lane starts a group).

    Symbols are chosen as an encoder chooses them. With ``train``, ``loss`` has a gradient, which sees noise in place
    of rounding where rounding has none; without, nothing keeps a gradient. The returned state carries none.
    """
    _, frames, _, height, width = window.pictures.shape
    pixels = 64 * height * width
    state = state or State.blank(vae, window)
    loss = window.pictures.new_zeros(())
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    with torch.set_grad_enabled(train), held_weights(vae):
        initial = vae.prior.initial_memory(1, 1, 1)
        for t in range(frames):
            starts, quality = window.starts[:, t], window.quality[:, t]
            blank = starts[:, None, None, None]
            target = window.pictures[:, t].contiguous(memory_format=torch.channels_last)
            motion = window.motion[:, t].masked_fill(blank, 0)
            prediction = warp(state.picture, *sampling_grids(motion)).masked_fill(blank, 0)
            memory = torch.where(blank, initial, state.memory)
            noise = _noise(vae, window, t) if train else None
            state, bits_y, bits_z = code_frame(
                vae, target, prediction, memory, motion, quality, ~starts, noise, precision
            )
            distortion = objective.distortion(state.picture, target)
            weight, share = objective.weights(quality)
            loss = loss + (((bits_y + bits_z) / pixels + weight * distortion) * share).mean() / frames
            rows.append((bits_y.detach() / pixels, bits_z.detach() / pixels, distortion.detach()))
    rate_y, rate_z, distortions = (torch.stack(x, 1) for x in zip(*rows, strict=True))
    return Outcome(loss, rate_y, rate_z, distortions), State(*(x.detach() for x in state))


def _noise(vae: VideoVAE, window: Window, t: int) -> tuple[Tensor, Tensor]:
    if window.noise_y is not None and window.noise_z is not None:
        return window.noise_y[:, t], window.noise_z[:, t]
    lanes, _, _, h, w = window.pictures.shape
    like, size = window.pictures, vae.size
    shapes = (size.latent, h // 2, w // 2), (size.hyper, -(-h // 8), -(-w // 8))
    y, z = (torch.rand(lanes, *shape, device=like.device) - 0.5 for shape in shapes)
    return y, z
