"""Distortions to train for: squared error, SSIM, MS-SSIM and mixtures, on packed 4:2:0 pictures.

All are in units of 8-bit squared error, so that a recipe's λ means about the same whichever is chosen. Why the SSIM of
pytorch-msssim, and what it was measured against: docs/decisions/0008-ssim.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from pytorch_msssim import ssim
from torch import Tensor

from sensic.errors import RecipeError
from sensic.networks.codec import unpack

Kind = Literal["mse", "ssim", "ms-ssim", "mixed"]
PEAK = 255.0
WINDOW, SIGMA = 11, 1.5  # taps and width of the Gaussian, as in Wang et al. 2004
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of MS-SSIM, finest first (Wang et al. 2003)
SMALLEST = 32  # pixels; chroma of a smaller crop has no room for one window
FLOOR = 1e-3  # of a mean contrast before it is raised to a power, whose slope at 0 is infinite

SSIM_UNIT, MS_SSIM_UNIT = 300.0, 900.0
"""Squared error that a loss of one whole (MS-)SSIM stands for: their ratio on coded pictures at middle quality."""


@dataclass(frozen=True)
class Distortion:
    """What separates two pictures: ``(decoded, target) -> [B]``, both packed [B, 96, h, w] in -0.5..0.5.

    ``mse`` is the mean squared error on the 0..255 scale; ``ssim`` and ``ms-ssim`` are 1 - (MS-)SSIM times a unit that
    brings them to the same size; ``mixed`` is ``mix`` parts of ``ms-ssim`` and 1 - ``mix`` of ``mse``. ``planes`` are
    the weights of Y, U and V.

    MS-SSIM has five scales where the plane is larger than 160 pixels, and one less for every halving below that, the
    remaining weights scaled to sum to one: 4 for the luma of crops of 128, 3 for their chroma. So its values at
    different crop sizes are not comparable. Raises RecipeError for values that make no distortion.
    """

    kind: Kind = "mse"
    mix: float = 0.5
    planes: tuple[float, float, float] = (6.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise RecipeError(f"the distortion is one of {', '.join(get_args(Kind))}, not {self.kind!r}")
        if not 0 <= self.mix <= 1:
            raise RecipeError(f"the mix of distortions is from 0 (squared error) to 1 (MS-SSIM), not {self.mix!r}")
        if len(self.planes) != 3 or not all(0 <= w < float("inf") for w in self.planes) or not sum(self.planes):
            raise RecipeError(f"the weights of the planes are three numbers from 0, not all of them 0: {self.planes!r}")

    def __call__(self, decoded: Tensor, target: Tensor) -> Tensor:
        decoded, target = decoded.float(), target.float()
        if self.kind == "mse":
            return self.squared_error(decoded, target)
        if self.kind == "mixed":
            structural = self.structural_error(decoded, target, ms_ssim, MS_SSIM_UNIT)
            return self.mix * structural + (1 - self.mix) * self.squared_error(decoded, target)
        similarity, unit = (ssim_index, SSIM_UNIT) if self.kind == "ssim" else (ms_ssim, MS_SSIM_UNIT)
        return self.structural_error(decoded, target, similarity, unit)

    def squared_error(self, decoded: Tensor, target: Tensor) -> Tensor:
        """Weighted over the channels as they are packed: unpacking would cost more than the error itself."""
        error = F.mse_loss(decoded, target, reduction="none")
        return error.mean((2, 3)) @ _channel_weights(self.planes, decoded.device)

    def structural_error(
        self, decoded: Tensor, target: Tensor, similarity: Callable[[Tensor, Tensor], Tensor], unit: float
    ) -> Tensor:
        y, uv = (similarity(a, b) for a, b in zip(_positive(decoded), _positive(target), strict=True))
        return unit * (1 - torch.cat([y, uv], 1)) @ _plane_weights(self.planes, y.device)


def distortion(kind: Kind = "mse", *, mix: float = 0.5, planes: Sequence[float] = (6.0, 1.0, 1.0)) -> Distortion:
    """The distortion that a recipe names. Raises RecipeError like ``Distortion``."""
    return Distortion(kind, mix, tuple(planes))  # type: ignore[arg-type]


def ssim_index(x: Tensor, y: Tensor) -> Tensor:
    """Mean SSIM of every plane [B, C] of pictures [B, C, H, W] in 0..1, without their borders."""
    return _ssim(x, y, luminance=0.01)


def ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """MS-SSIM of every plane [B, C] of pictures [B, C, H, W] in 0..1, at as many scales as they have room for."""
    weights = SCALE_WEIGHTS[: scales_of(min(x.shape[2:]))]
    result = torch.ones_like(x[:, :, 0, 0])
    for scale, weight in enumerate(weights):
        last = scale == len(weights) - 1
        value = ssim_index(x, y) if last else _contrast(x, y)
        result = result * value.clamp(min=FLOOR) ** (weight / sum(weights))
        if not last:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
    return result


def scales_of(side: int) -> int:
    """Scales of MS-SSIM that a plane with this smaller side has room for: 5 above 160 pixels, 4 above 80, …"""
    return 1 + sum(side > (WINDOW - 1) << halvings for halvings in range(1, len(SCALE_WEIGHTS)))


def _contrast(x: Tensor, y: Tensor) -> Tensor:
    """The contrast and structure term alone: with a constant so large, the luminance term of SSIM is exactly 1."""
    return _ssim(x, y, luminance=1e4)


def _ssim(x: Tensor, y: Tensor, luminance: float) -> Tensor:
    """[B, C]. Planes go through the library as pictures of their own, which keeps them apart."""
    if min(x.shape[2:]) < WINDOW:
        raise RecipeError(f"SSIM needs crops of at least {SMALLEST} pixels; a plane is {x.shape[3]}×{x.shape[2]}")
    flat = (p.reshape(-1, 1, *p.shape[2:]) for p in (x, y))
    value = ssim(*flat, data_range=1.0, size_average=False, win=_window(x.device), K=(luminance, 0.03))
    return value.reshape(x.shape[:2])  # type: ignore[no-any-return]


def _positive(packed: Tensor) -> tuple[Tensor, Tensor]:
    y, uv = unpack(packed)
    return y + 0.5, uv + 0.5


# What follows is made once per device: a copy from the host in every step could not be captured in a CUDA graph.


@lru_cache(maxsize=16)
def _plane_weights(planes: tuple[float, float, float], device: torch.device) -> Tensor:
    """[3], of Y, U and V; they sum to one."""
    return (torch.tensor(planes) / sum(planes)).to(device)


@lru_cache(maxsize=16)
def _channel_weights(planes: tuple[float, float, float], device: torch.device) -> Tensor:
    """[96], of the packed channels, for samples in 0..1."""
    channels = torch.tensor([64, 16, 16], device=device)
    return (_plane_weights(planes, device) * PEAK**2 / channels).repeat_interleave(channels)


@lru_cache(maxsize=4)
def _window(device: torch.device) -> Tensor:
    """Gaussian [1, 1, 1, 11] that sums to one."""
    taps = torch.exp(-((torch.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    return (taps / taps.sum())[None, None, None].to(device)
