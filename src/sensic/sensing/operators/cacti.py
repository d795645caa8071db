"""Snapshot compressive imaging: frames seen through masks and summed into one picture."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from sensic.errors import UsageError
from sensic.sensing.operators.generator import SplitMix64
from sensic.sensing.operators.protocol import Samples, Spec, wide

BLOCK = 256
FRAMES = 8


class Cacti:
    """``masks`` [frames, H, W] of zeros and ones (floats too, for masks that were calibrated).

    ``forward`` takes [..., frames, H, W] to [..., 1, H, W], one snapshot; ``adjoint`` shows a snapshot through every
    mask. ``block`` is 1: a snapshot has a number for every pixel. A Aᵀ is diagonal: ``energy`` [H, W] = Σ masks².
    Raises UsageError for masks that are not [frames, H, W].
    """

    kind, block, bands = "cacti", 1, 1

    def __init__(self, masks: Samples, seed: int = 0) -> None:
        if masks.ndim != 3 or 0 in masks.shape:
            raise UsageError(f"masks are [frames, H, W], not {list(masks.shape)}")
        self.masks = wide(masks)
        self.seed, self.frames, self._seeded = seed, int(masks.shape[0]), False
        self.energy = np.square(self.masks).sum(0)
        self.additions = (self.frames - 1) / self.frames

    @classmethod
    def seeded(cls, seed: int = 0, frames: int = FRAMES, block: int = BLOCK) -> Cacti:
        """Masks [frames, block, block] of the generator's top bits, in that order."""
        if not (1 <= frames <= 256 and 1 <= block <= 4096):
            raise UsageError(f"masks are 1 to 256 frames of 1 to 4096 squared, not {frames} of {block}")
        bits = SplitMix64(seed).bits(frames * block * block)
        one = cls(np.array(bits, np.uint8).reshape(frames, block, block), seed)
        one._seeded = True
        return one

    @property
    def spec(self) -> Spec:
        """Of masks that came from a file, only their hash."""
        if self._seeded:
            return {"kind": self.kind, "seed": self.seed, "frames": self.frames, "block": int(self.masks.shape[1])}
        digest = hashlib.sha256(np.ascontiguousarray(self.masks).tobytes()).hexdigest()
        return {"kind": self.kind, "frames": self.frames, "masks": digest}

    def forward(self, x: Samples) -> NDArray[np.int32]:
        """Integers where frames and masks are; a calibrated mask's sums are rounded (``measure`` keeps them)."""
        return np.rint(self.measure(x)).astype(np.int32)

    def measure(self, x: Samples) -> Samples:
        """A x in the numbers of ``x`` and the masks: int64 or float64."""
        if x.shape[-3:] != self.masks.shape:
            raise UsageError(f"frames are [..., {', '.join(map(str, self.masks.shape))}], not {list(x.shape)}")
        snapshot: Samples = (wide(x) * self.masks).sum(-3, keepdims=True)
        return snapshot

    def adjoint(self, y: Samples) -> Samples:
        if y.ndim < 3 or y.shape[-3:] != (1, *self.masks.shape[1:]):
            raise UsageError(
                f"a snapshot is [..., 1, {', '.join(map(str, self.masks.shape[1:]))}], not {list(y.shape)}"
            )
        return wide(y) * self.masks
