"""Validation: held-out clips, through masks that are always the same."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sensic.networks.snapshot import SnapshotVAE
from sensic.training.sensing.lanes import centred, walk
from sensic.training.sensing.losses import decibels
from sensic.training.snapshot.lanes import Seen, random_masks, seen
from sensic.training.snapshot.reports import SnapshotResult
from sensic.training.validation import HeldOut


def clip_seen(held_out: HeldOut, index: int, crop: int, frames: int) -> Seen:
    """The middle of a held-out clip's luma, from its first frame on, one sequence; without noise."""
    pack, clip = held_out.clips[index]
    source, generator = held_out.prepared[pack], np.random.default_rng(index)
    count, height, width = source.y.shape[1:]
    sides = [min(crop, side // 4 * 4) for side in (height, width)]
    top, left = ((side - own) // 2 for side, own in zip((height, width), sides, strict=True))
    there = np.arange(frames) if frames <= count else walk(generator, frames, count)
    view = source.y[clip, there, top : top + sides[0], left : left + sides[1]]
    masks = random_masks(generator, frames, max(sides))[:, : sides[0], : sides[1]]
    return seen([centred(view, source.depth) + np.float32(128)], [masks], [np.zeros(sides, np.float32)])


@torch.no_grad()
def validate(vae: SnapshotVAE, held_out: HeldOut, crop: int, frames: int, step: int, seconds: float) -> SnapshotResult:
    """Of each clip the mean PSNR of its frames, as the field reports it."""
    device = vae.gains.device
    found, starts = [], []
    for index in range(len(held_out.clips)):
        clip = clip_seen(held_out, index, crop, frames).to(device)
        found.append(_psnr(vae(clip.snapshot, clip.masks).frames, clip.frames))
        light = clip.masks.sum(1).clamp(min=1)
        starts.append(_psnr((clip.snapshot / light)[:, None].expand_as(clip.frames), clip.frames))
    return SnapshotResult(step, seconds, float(np.mean(found)), float(np.mean(starts)), min(found))


def _psnr(pictures: Tensor, frames: Tensor) -> float:
    errors = (255 * (pictures.clamp(0, 1) - frames)).square().mean((0, 2, 3))
    return float(decibels(errors).mean())
