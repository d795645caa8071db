"""Training input: sequences of groups from prepared clips, with random ways to quantise them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensic.networks.sensing import BLOCK, FRAMES, to_blocks
from sensic.training.prepare import Prepared
from sensic.training.sensing.measuring import Coding, random_coding

_CHROMA = 0.15  # share of the sequences that are a chroma plane
_HALVED = 0.3  # that are seen at half the size, which makes them sharper
_FASTER = 0.3  # that leave out every other picture


class SensingLanes:
    """Batch number ``step`` is always the same: nothing has to be kept in a checkpoint.

    Sequences longer than a clip walk to and fro in it. ``exponents`` is the range of those of the step sizes.
    """

    def __init__(
        self,
        prepared: Sequence[Prepared],
        clips: NDArray[np.int64],
        *,
        seed: int,
        exponents: tuple[float, float],
        chroma: bool = True,
    ) -> None:
        self.prepared, self.clips, self.seed, self.chroma = prepared, clips, seed, chroma
        self.exponents = exponents

    def batch(self, step: int, lanes: int, crop: int, groups: int) -> tuple[Tensor, Coding]:
        """Samples [lanes, groups, 256, crop/8, crop/8] in 8-bit levels, centred, and how to quantise them."""
        generator = np.random.default_rng([self.seed, step])
        pictures = np.stack([self._sequence(generator, crop, groups * FRAMES) for _ in range(lanes)])
        samples = to_blocks(torch.from_numpy(pictures).view(lanes, groups, FRAMES, crop, crop))
        draws = torch.Generator().manual_seed(int(generator.integers(1 << 62)))
        return samples, random_coding(lanes, groups, self.exponents, draws)

    def _sequence(self, generator: np.random.Generator, crop: int, frames: int) -> NDArray[np.float32]:
        pack, clip = (int(i) for i in self.clips[generator.integers(len(self.clips))])
        source = self.prepared[pack]
        chroma = self.chroma and generator.random() < _CHROMA and min(source.uv.shape[3:]) >= crop
        planes = source.uv[clip, :, int(generator.integers(2))] if chroma else source.y[clip]
        return centred(moving_crop(generator, planes, crop, frames), source.depth)


def moving_crop(generator: np.random.Generator, planes: NDArray[Any], crop: int, frames: int) -> NDArray[Any]:
    """Some ``frames`` [frames, crop, crop] of a clip [T, H, W], in a random place, pace, size and orientation."""
    planes = planes[::2] if generator.random() < _FASTER else planes
    count, height, width = planes.shape
    halved = generator.random() < _HALVED and min(height, width) >= 2 * crop
    size = 2 * crop if halved else crop
    top, left = (BLOCK * int(generator.integers((side - size) // BLOCK + 1)) for side in (height, width))
    view = planes[walk(generator, frames, count), top : top + size, left : left + size]
    view = half_size(view) if halved else view
    for axis in (1, 2):
        view = np.flip(view, axis) if generator.integers(2) else view
    return view.swapaxes(1, 2) if generator.integers(2) else view


def half_size(pictures: NDArray[Any]) -> NDArray[Any]:
    """[T, 2h, 2w] to [T, h, w], by means of four samples, rounded."""
    t, height, width = pictures.shape
    sums = pictures.reshape(t, height // 2, 2, width // 2, 2).sum((2, 4), dtype=np.int32)
    means: NDArray[Any] = (sums + 2) >> 2
    return means


def walk(generator: np.random.Generator, frames: int, count: int) -> NDArray[np.int64]:
    """Numbers of ``frames`` pictures of a clip of ``count``, one after the other, turning back at its ends."""
    circle = np.concatenate((np.arange(count), np.arange(count - 2, 0, -1)))
    if frames <= count:
        start = int(generator.integers(count - frames + 1))
        forward = np.arange(start, start + frames)
        return forward if generator.integers(2) else forward[::-1]
    return circle[(int(generator.integers(len(circle))) + np.arange(frames)) % len(circle)]


def centred(planes: NDArray[Any], depth: int) -> NDArray[np.float32]:
    """Samples of any depth in 8-bit levels around 0."""
    levels: NDArray[np.float32] = planes.astype(np.float32) / np.float32(1 << (depth - 8)) - np.float32(128)
    return levels
