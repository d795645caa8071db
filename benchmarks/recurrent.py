"""A codec with a recurrent pixel state, to measure what it is worth (docs/decisions/0006…)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sensic.networks.codec import NetworkSize, VideoVAE
from sensic.training.sequence import Window

HIDDEN = 48  # channels of the recurrent state


class RecurrentVAE(VideoVAE):
    """With a convolutional GRU beside the picture: ``HIDDEN`` channels at 1/8 resolution, warped along the motion,
    read by the context and written by the synthesis. Its way in starts at zero.

    ``watch`` must be told every window before it is unrolled, since the networks themselves never see the motion.
    """

    def __init__(self, size: NetworkSize | None = None) -> None:
        super().__init__(size)
        features = self.size.features
        self.h_in = nn.Conv2d(HIDDEN, features, 1)
        self.gates, self.fresh = (nn.Conv2d(features + HIDDEN, n * HIDDEN, 1) for n in (2, 1))
        for parameter in self.h_in.parameters():
            nn.init.zeros_(parameter)
        self.hidden: Tensor | None = None
        self.window: Window | None = None
        self.frame = 0
        self.context.c_blk.register_forward_pre_hook(self._read)
        self.synthesis.r_blk.register_forward_hook(self._write)

    def watch(self, window: Window, *, fresh: bool) -> None:
        """Start on a window, from no state at all or from where the last one ended, without gradient."""
        self.window, self.frame = window, 0
        self.hidden = None if fresh or self.hidden is None else self.hidden.detach()

    def _read(self, module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
        assert self.window is not None
        (x,) = inputs
        hidden = x.new_zeros(x.shape[0], HIDDEN, *x.shape[2:]) if self.hidden is None else self.hidden
        starts = self.window.starts[:, self.frame, None, None, None]
        self.hidden = displaced(hidden, self.window.motion[:, self.frame]).masked_fill(starts, 0)
        return (x + self.h_in(self.hidden),)

    def _write(self, module: nn.Module, inputs: tuple[Tensor], out: Tensor) -> None:
        assert self.hidden is not None
        update, reset = torch.sigmoid(self.gates(torch.cat([out, self.hidden], 1))).chunk(2, 1)
        fresh = torch.tanh(self.fresh(torch.cat([out, reset * self.hidden], 1)))
        self.hidden = self.hidden + update * (fresh - self.hidden)
        self.frame += 1


def displaced(features: Tensor, motion: Tensor) -> Tensor:
    """Features [B, C, h, w] at 1/8 resolution moved along vectors [B, 2, h/2, w/2] in quarter pixels."""
    b, _, h, w = features.shape
    identity = torch.eye(2, 3, device=features.device).expand(b, 2, 3)
    grid = F.affine_grid(identity, [b, 1, h, w], align_corners=False)
    flow = F.interpolate(motion / 32, size=(h, w), mode="bilinear", align_corners=False)
    grid = grid + flow.permute(0, 2, 3, 1) * flow.new_tensor([2 / w, 2 / h])
    return F.grid_sample(features, grid, mode="bilinear", padding_mode="border", align_corners=False)
