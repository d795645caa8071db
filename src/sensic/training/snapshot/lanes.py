"""Training input: moving pictures from prepared clips, seen through random masks as one snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensic.training.prepare import Prepared
from sensic.training.sensing.lanes import centred, moving_crop

_CONTRAST = 0.6, 1.5  # and a little brightness: benchmarks are brighter and darker than footage
_SHIFTED = 0.2  # share of the masks that are one, shifted by a pixel from frame to frame, as a moving mask is
_ANY_SHARE = 0.2  # that let a random share of the light through, all others half of it
_SHARES = 0.25, 0.75


class Seen(NamedTuple):
    """``frames`` and ``masks`` [B, T, H, W], ``snapshot`` [B, H, W]; samples are 0..1."""

    frames: Tensor
    masks: Tensor
    snapshot: Tensor

    def to(self, device: torch.device) -> Seen:
        return Seen(*(x.to(device) for x in self))


class SnapshotLanes:
    """Batch number ``step`` is always the same: nothing has to be kept in a checkpoint.

    ``noise`` is the greatest standard deviation of a snapshot's noise, in 8-bit levels.
    """

    def __init__(
        self, prepared: Sequence[Prepared], clips: NDArray[np.int64], *, seed: int, noise: float = 1.0
    ) -> None:
        self.prepared, self.clips, self.seed, self.noise = prepared, clips, seed, noise

    def batch(self, step: int, lanes: int, crop: int, frames: int) -> Seen:
        """Of ``lanes`` sequences."""
        generator = np.random.default_rng([self.seed, step])
        return seen(*zip(*(self._sequence(generator, crop, frames) for _ in range(lanes)), strict=True))

    def _sequence(
        self, generator: np.random.Generator, crop: int, frames: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        pack, clip = (int(i) for i in self.clips[generator.integers(len(self.clips))])
        source = self.prepared[pack]
        pictures = centred(moving_crop(generator, source.y[clip], crop, frames), source.depth)
        pictures = pictures * generator.uniform(*_CONTRAST) + generator.uniform(88, 168)
        masks = random_masks(generator, frames, crop)
        noise = generator.normal(0, generator.uniform(0, self.noise), (crop, crop)) * generator.integers(2)
        return np.rint(pictures).clip(0, 255).astype(np.float32), masks, noise.astype(np.float32)


def random_masks(generator: np.random.Generator, frames: int, side: int) -> NDArray[np.float32]:
    """Masks [frames, side, side] of zeros and ones, of the kinds that cameras have."""
    share = generator.uniform(*_SHARES) if generator.random() < _ANY_SHARE else 0.5
    if generator.random() >= _SHIFTED:
        return (generator.random((frames, side, side)) < share).astype(np.float32)
    wide = (generator.random((side, side + frames)) < share).astype(np.float32)
    masks = np.stack([wide[:, t : t + side] for t in range(frames)])
    masks = masks.swapaxes(1, 2) if generator.integers(2) else masks
    return masks[::-1] if generator.integers(2) else masks


def seen(pictures: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any]], noise: Sequence[NDArray[Any]]) -> Seen:
    """Sequences [T, H, W] in 8-bit levels, their masks, and the noise [H, W] of their snapshots."""
    frames, mask = (torch.from_numpy(np.ascontiguousarray(np.stack(x))) for x in (pictures, masks))
    snapshot = (frames * mask).sum(1) + torch.from_numpy(np.stack(noise))
    return Seen(frames / 255, mask, snapshot / 255)
