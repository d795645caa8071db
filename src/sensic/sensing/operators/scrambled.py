"""Scrambled Hadamard: the classic random measurement, of which any few are as good as any others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensic.errors import UsageError
from sensic.sensing.operators.generator import SplitMix64
from sensic.sensing.operators.protocol import (
    Samples,
    Spec,
    bands_last,
    blocks_of,
    check_frames,
    group_of,
    wide,
)
from sensic.sensing.operators.walsh_hadamard import butterflies

BLOCK = 16
SAMPLES = BLOCK * BLOCK


class Scrambled:
    """Of each 16×16 block of each frame: the samples permuted, some with their sign turned (both by ``seed``, alike in
    all blocks), transformed by a Hadamard matrix, and of the results, permuted too, the first ``measurements`` (1 to
    256) kept.

    Band t × measurements + k is number k of frame t. The rows that are kept must not be the first ones in natural
    order: of 128 those are the same for samples 128 apart. A Aᵀ = ``gain`` I, 256. A
    structurally random matrix (Do, Gan, Nguyen and Tran, 2012). Raises UsageError for numbers out of range.
    """

    kind, block, gain = "scrambled", BLOCK, SAMPLES
    additions = 8.0

    def __init__(self, seed: int = 0, measurements: int = SAMPLES, frames: int = 1) -> None:
        check_frames(frames)
        if not 1 <= measurements <= SAMPLES:
            raise UsageError(f"measurements of a block are 1 to {SAMPLES}, not {measurements}")
        generator = SplitMix64(seed)
        self._order = np.array(generator.permutation(SAMPLES), np.intp)
        self._signs = 1 - 2 * np.array(generator.bits(SAMPLES), np.int32)
        self._rows = np.array(generator.permutation(SAMPLES)[:measurements], np.intp)
        self.seed, self.measurements, self.frames = seed, measurements, frames
        self.bands = measurements * frames

    @property
    def spec(self) -> Spec:
        return {"kind": self.kind, "seed": self.seed, "measurements": self.measurements, "frames": self.frames}

    def forward(self, x: Samples) -> NDArray[np.int32]:
        blocks = blocks_of(np.asarray(x, np.int32), self.frames, BLOCK)
        samples = blocks.reshape(*blocks.shape[:-2], SAMPLES)[..., self._order] * self._signs
        kept = butterflies(samples, -1)[..., self._rows]
        bands = kept.reshape(*kept.shape[:-2], self.bands)
        return np.ascontiguousarray(np.moveaxis(bands, -1, -3), np.int32)

    def adjoint(self, y: Samples) -> Samples:
        last = wide(bands_last(y, self.bands))
        leading = last.shape[:-1]
        padded = np.zeros((*leading, self.frames, SAMPLES), last.dtype)
        padded[..., self._rows] = last.reshape(*leading, self.frames, self.measurements)
        samples = np.empty_like(padded)
        samples[..., self._order] = butterflies(padded, -1) * self._signs
        return group_of(samples.reshape(*leading, self.frames, BLOCK, BLOCK))

    def inverse(self, y: Samples) -> NDArray[np.float64]:
        """The least samples [..., frames, H, W] whose measurements are ``y``."""
        samples: NDArray[np.float64] = self.adjoint(y) / self.gain
        return samples
