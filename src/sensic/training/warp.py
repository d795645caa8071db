"""The decoder's warp (``sensic.motion``) in PyTorch, differentiable in the picture."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from sensic.networks.codec import pack, unpack


@lru_cache(maxsize=8)
def _base(height: int, width: int, device: torch.device) -> Tensor:
    """Coordinates of every pixel, [1, H, W, 2], x first."""
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float32, device=device),
        torch.arange(width, dtype=torch.float32, device=device),
        indexing="ij",
    )
    return torch.stack([x, y], -1)[None]


def _normalised(flow: Tensor) -> Tensor:
    """Displacements [B, 2, H, W] in pixels to the coordinates that ``grid_sample`` reads."""
    height, width = flow.shape[2:]
    size = flow.new_tensor([width - 1, height - 1])
    return (_base(height, width, flow.device) + flow.permute(0, 2, 3, 1)) * (2 / size) - 1


@torch.no_grad()
def sampling_grids(motion: Tensor) -> tuple[Tensor, Tensor]:
    """Where to read luma and chroma for vectors [B, 2, h, w] in quarter pixels, one per 16×16 block."""
    flow = F.interpolate(motion / 4, scale_factor=16, mode="bilinear", align_corners=False)
    return _normalised(flow), _normalised(F.avg_pool2d(flow, 2) / 2)


def warp(picture: Tensor, luma_grid: Tensor, chroma_grid: Tensor) -> Tensor:
    """Packed picture [B, 96, h, w] displaced; clipped to the range of a picture first, as the decoder does."""
    y, uv = unpack(picture.clamp(-0.5, 0.5))

    def sample(plane: Tensor, grid: Tensor) -> Tensor:
        return F.grid_sample(plane, grid, mode="bicubic", padding_mode="border", align_corners=True)

    return pack(sample(y, luma_grid), sample(uv, chroma_grid)).contiguous(memory_format=torch.channels_last)
