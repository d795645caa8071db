"""Validation: held-out clips coded whole, at several qualities, with everything rounded as in a stream."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensic.errors import PackError
from sensic.evaluation.bd import NoOverlap, delta_rate
from sensic.networks.codec import VideoVAE, pack
from sensic.training.data.pack import Pack
from sensic.training.losses import distortion
from sensic.training.prepare import Prepared
from sensic.training.recipe import Recipe
from sensic.training.reports import Point, ValidationResult
from sensic.training.sequence import Objective, Window, unroll

Clips = NDArray[np.int64]
_LEAST_ERROR = 1e-3  # squared 8-bit levels, 78 dB: so that a flat picture without any error has a PSNR


@dataclass(frozen=True)
class HeldOut:
    """``clips`` [N, 2]: pack and clip of what is coded in a validation, never trained on."""

    prepared: Sequence[Prepared]
    clips: Clips


def split(packs: Sequence[Prepared] | Sequence[Pack], hold_out: float) -> tuple[Clips, Clips]:
    """All clips [N, 2] in two parts, to train on and to validate on.

    A clip's own hash decides, so that it is on the same side in every run and whatever other packs there are. At least
    one is held out where there are two. Both parts are in the order of that hash.
    """
    counts = [one.clips for one in packs]
    clips = [(p, c) for p, count in enumerate(counts) for c in range(count)]
    if not clips:
        raise PackError("there are no clips to train on")
    hashes = [hashlib.sha256(f"{packs[p].sha256}:{c}".encode()).digest() for p, c in clips]
    order = sorted(range(len(clips)), key=lambda i: hashes[i])
    limit = int(hold_out * 2**64)
    held = sum(int.from_bytes(hashes[i][:8], "big") < limit for i in order)
    held = min(max(held, 1 if hold_out else 0), len(clips) - 1)
    sorted_clips = np.array([clips[i] for i in order], np.int64)
    return sorted_clips[held:], sorted_clips[:held]


def everything(prepared: Sequence[Prepared]) -> Clips:
    """All clips [N, 2], in the order of their hashes."""
    return np.concatenate(split(prepared, 0.0)[::-1])


def clip_window(prepared: Prepared, clip: int, qualities: Sequence[int], intra: int, inter: Sequence[int]) -> Window:
    """A whole clip, once for each quality (0..63): a window of as many lanes, all frames of one group."""
    source, lanes = prepared.motion, len(qualities)
    frames = prepared.y.shape[1]
    peak = np.float32(2**prepared.depth - 1)
    y = torch.from_numpy(prepared.y[clip] / peak - np.float32(0.5))[:, None]
    uv = torch.from_numpy(prepared.uv[clip] / peak - np.float32(0.5))
    pictures = pack(y, uv)[None].expand(lanes, -1, -1, -1, -1)
    levels = [min(q * len(source) // 63, len(source) - 1) for q in qualities]
    motion = torch.from_numpy(np.stack([source[level, 0, clip] for level in levels]).astype(np.float32))
    starts = torch.zeros(lanes, frames, dtype=torch.bool)
    starts[:, 0] = True
    offsets = [intra, *(inter[t % len(inter)] for t in range(frames - 1))]
    quality = (torch.tensor(qualities)[:, None] + torch.tensor(offsets)[None]).clamp(0, 63) / 63
    return Window(pictures, motion, starts, quality)


def validate(
    vae: VideoVAE,
    held_out: HeldOut,
    qualities: Sequence[int],
    objective: Objective,
    *,
    intra: int = 9,
    inter: Sequence[int] = (-4, 0, -4, 5),
    precision: torch.dtype = torch.float32,
    device: torch.device | None = None,
    tick: Callable[[int], bool] = lambda done: True,
) -> tuple[float, tuple[Point, ...]] | None:
    """The mean loss and the rate–distortion curve, PSNR being the mean over frames.

    ``tick`` is called after each clip with the number done; where it returns False the validation is given up, and the
    result is None.
    """
    was_training = vae.training
    vae.eval()
    measured: list[Tensor] = []
    squared_error = distortion("mse")

    def both(decoded: Tensor, target: Tensor) -> Tensor:
        measured.append(squared_error(decoded.clamp(-0.5, 0.5), target))
        return objective.distortion(decoded, target)

    watched = Objective(both, objective.lambda_low, objective.lambda_high, objective.balance)
    losses, rates, psnrs = [], [], []
    try:
        for done, (number, clip) in enumerate(held_out.clips, 1):
            window = clip_window(held_out.prepared[number], int(clip), qualities, intra, inter)
            measured.clear()
            outcome, _ = unroll(vae, window.to(device or "cpu"), None, watched, train=False, precision=precision)
            losses.append(float(outcome.loss))
            rates.append(outcome.rate.mean(1).double().cpu())
            psnrs.append(_psnr(torch.stack(measured, 1)).mean(1).double().cpu())
            if not tick(done):
                return None
    finally:
        vae.train(was_training)
    bpp, psnr = torch.stack(rates).mean(0), torch.stack(psnrs).mean(0)
    points = (Point(q, float(r), float(d)) for q, r, d in zip(qualities, bpp, psnr, strict=True))
    return float(np.mean(losses)), tuple(points)


def objective(recipe: Recipe) -> Objective:
    """The loss that a recipe names."""
    loss = recipe.loss
    return Objective(distortion(loss.distortion, mix=loss.mix, planes=loss.planes), *loss.lambdas, loss.balance)


def saved_rate(start: ValidationResult, now: ValidationResult) -> float | None:
    """BD-rate in percent against the start of a run, below 0 where bits are saved; None without a common range."""
    curves = ([(p.bpp, p.psnr) for p in result.points] for result in (start, now))
    try:
        return delta_rate(*curves).percent
    except (NoOverlap, ValueError):  # curves of weights that are still random need not rise
        return None


def _psnr(squared_error: Tensor) -> Tensor:
    return 10 * torch.log10(255.0**2 / squared_error.clamp(min=_LEAST_ERROR))
