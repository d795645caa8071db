"""The learned decoder of snapshot compressive imaging: unrolled projections on the snapshot, a network between them.

A snapshot is Σ mask × frame. Frames v are projected on those that make it, v + Φᵀ((y − Φv) / ΦΦᵀ) (generalised
alternating projection, GAP: ΦΦᵀ is diagonal, so the projection is exact), a network changes them, and so on:

::

    snapshot, masks ─► mean of what each pixel saw ─► stage ─► stage ─► … ─► frames, variance
    stage: project ─► half the resolution ─► a quarter, mixed along time ─► half ─► change of the frames
                            ▲                      ▲                          │
                            └── features of the stage before, of both ────────┘

What one stage has found reaches the next: the stages are a recurrence too. The first ``bodies`` stages have weights of
their own, all later ones share those of the last body; each stage has gains and offsets of its own.

Frames lie along the batch, time first ([T·B, …]), so that a shift in time is one along the first axis. Samples are
0..1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MOST_STAGES = 8
_SEEN = 5  # maps of a frame that a stage sees: frame, change by the projection, mask, start, share of light
_HALF = 4  # samples of a frame that share a place at half the resolution
_SLOPE = 0.1
_CHANGE = 0.1  # unit of the changes: they are small next to the samples, and begin so
_DOUBT, _DOUBTS = 4.0, 5.0  # the variance's logarithm begins at the one and stays within the other around it
_LIGHT = 0.02  # a pixel that no mask opened holds nothing but noise
_MIXED = 4  # one channel in so many comes from the frame before, and one from the frame after


@dataclass(frozen=True)
class SnapshotSize:
    """Channels at half (``fine``) and a quarter (``coarse``) of the resolution; ``stages`` of which the first
    ``bodies`` have weights of their own; ``blocks`` residual blocks in each."""

    fine: int = 24
    coarse: int = 64
    stages: int = 5
    bodies: int = 3
    blocks: int = 1

    def to_dict(self) -> dict[str, int]:
        return asdict(self)


class Unrolled(NamedTuple):
    """``frames`` [B, T, H, W], 0..1; ``log_variance`` of the error to be expected of each sample, in 8-bit levels;
    ``stages``: the frames of all stages, the last ones among them."""

    frames: Tensor
    log_variance: Tensor
    stages: list[Tensor]


def shifted(x: Tensor, batch: int) -> Tensor:
    """[T·B, C, h, w] with some channels from the frame before and some from the one after (temporal shift; Lin et al.,
    2019). At the ends a frame is its own neighbour."""
    part = x.shape[1] // _MIXED
    before = torch.cat((x[:batch, :part], x[:-batch, :part]), 0)
    after = torch.cat((x[batch:, part : 2 * part], x[-batch:, part : 2 * part]), 0)
    return torch.cat((before, after, x[:, 2 * part :]), 1)


class Mixing(nn.Module):
    """A residual block of two convolutions, each over what lies around in space and time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.a = nn.Conv2d(channels, channels, 3, padding=1)
        self.b = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, batch: int) -> Tensor:
        inner = self.a(shifted(F.leaky_relu(x, _SLOPE), batch))
        out: Tensor = x + self.b(shifted(F.leaky_relu(inner, _SLOPE), batch))
        return out


class Body(nn.Module):
    """What a stage does between two projections, at half and at a quarter of the resolution."""

    def __init__(self, size: SnapshotSize) -> None:
        super().__init__()
        fine, coarse = size.fine, size.coarse
        self.look = nn.Conv2d(_SEEN * _HALF + fine, fine, 3, padding=1)
        self.down = nn.Conv2d(fine, coarse, 2, stride=2)
        self.work = nn.ModuleList(Mixing(coarse) for _ in range(size.blocks))
        self.up = nn.Conv2d(coarse, 4 * fine, 1)
        self.change = nn.Conv2d(fine, _HALF, 3, padding=1)
        _silence(self.change)

    def forward(
        self, seen: Tensor, coarse: Tensor | None, gain: Tensor, offset: Tensor, batch: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Of what is ``seen`` at half the resolution and the ``coarse`` features of the stage before: features at half
        and at a quarter, and the change of the frames [T·B, 1, H, W]. ``gain`` and ``offset`` [C] are the stage's."""
        cut = self.look.out_channels
        gain, offset = 1 + gain[:, None, None], offset[:, None, None]
        fine = F.leaky_relu(self.look(seen) * gain[:cut] + offset[:cut], _SLOPE)
        x = self.down(fine) * gain[cut:] + offset[cut:]
        x = x if coarse is None else x + coarse
        for block in self.work:
            x = block(x, batch)
        fine = fine + F.pixel_shuffle(self.up(F.leaky_relu(x, _SLOPE)), 2)
        return fine, x, _CHANGE * F.pixel_shuffle(self.change(F.leaky_relu(fine, _SLOPE)), 2)


class SnapshotVAE(nn.Module):
    """See the module. The whole, ``unroll``, is one graph when exported."""

    def __init__(self, size: SnapshotSize | None = None) -> None:
        super().__init__()
        self.size = size = size or SnapshotSize()
        self.bodies = nn.ModuleList(Body(size) for _ in range(size.bodies))
        self.gains = nn.Parameter(torch.zeros(size.stages, size.fine + size.coarse))
        self.offsets = nn.Parameter(torch.zeros(size.stages, size.fine + size.coarse))
        last = nn.Conv2d(size.fine, _HALF, 3, padding=1)
        self.doubt = nn.Sequential(nn.Conv2d(size.fine, size.fine, 1), nn.LeakyReLU(_SLOPE), last)
        _silence(last)

    def forward(self, snapshot: Tensor, masks: Tensor, stages: int | None = None) -> Unrolled:
        """``snapshot`` [B, H, W] = Σ masks × frames, ``masks`` [B, T, H, W] of 0..1; H and W are multiples of 4.

        ``stages`` (default: those of ``size``) may be fewer while training begins.
        """
        b, t, height, width = masks.shape
        shape = (t, b, height, width)
        seen = masks.transpose(0, 1)
        light, energy = seen.sum(0), seen.square().sum(0).clamp(min=_LIGHT**2)

        def project(frames: Tensor) -> Tensor:
            return frames + seen * ((snapshot - (seen * frames).sum(0)) / energy)

        mean = (snapshot / light.clamp(min=_LIGHT)).expand(shape)
        about = _halved(torch.stack((seen, mean, (light / t).expand(shape)), 2).flatten(0, 1))
        fine = about.new_zeros(t * b, self.size.fine, height // 2, width // 2)
        coarse: Tensor | None = None
        frames, found = mean, []
        for stage in range(stages or self.size.stages):
            body = self.bodies[min(stage, len(self.bodies) - 1)]
            projected = project(frames)
            now = _halved(torch.stack((projected - 0.5, 4 * (projected - frames)), 2).flatten(0, 1))
            before = shifted(F.leaky_relu(fine, _SLOPE), b)
            looked_at = torch.cat((now, about, before), 1)
            fine, coarse, change = body(looked_at, coarse, self.gains[stage], self.offsets[stage], b)
            frames = projected + change.view(shape)
            found.append(frames)
        # The true frames make the snapshot: what is nearer to those that do is nearer to them.
        frames = project(frames)
        found[-1] = frames
        doubt = F.pixel_shuffle(self.doubt(F.leaky_relu(fine.detach(), _SLOPE)), 2).view(shape)
        log_variance = _DOUBT + _DOUBTS * torch.tanh(doubt / _DOUBTS)
        return Unrolled(frames.transpose(0, 1), log_variance.transpose(0, 1), [x.transpose(0, 1) for x in found])

    def unroll(self, snapshot: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """``frames`` and ``log_variance`` of ``snapshot`` [1, H, W] and ``masks`` [1, T, H, W]."""
        unrolled = self(snapshot, masks)
        return unrolled.frames, unrolled.log_variance


def _silence(last: nn.Conv2d) -> None:
    """What begins with zeros changes nothing before it has learned something."""
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)


def _halved(maps: Tensor) -> Tensor:
    """[N, C, H, W] to [N, 4C, H/2, W/2]."""
    return F.pixel_unshuffle(maps, 2).contiguous(memory_format=torch.channels_last)
