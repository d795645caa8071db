"""Training input: each lane walks to and fro through the frames of one clip, then jumps to another.

A clip has a dozen frames and a group of pictures in use has hundreds. Walking back and forth makes long groups
of short clips, with true motion in both directions, and the decoder's state is carried along, so that the networks
meet their own accumulated errors. A lane draws everything (clip, crop, mirror, quality, length, noise) from a
generator of its own, seeded by its global number: how lanes are dealt to processes changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sensic.networks.codec import NetworkSize, pack
from sensic.training.prepare import Prepared
from sensic.training.sequence import Window

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Walk:
    """Where a lane is. ``pack`` and ``clip`` say what it watches, ``top`` and ``left`` where (in luma pixels)."""

    pack: int = 0
    clip: int = 0
    top: int = 0
    left: int = 0
    mirrors: tuple[bool, bool, bool] = (False, False, False)  # left–right, top–bottom, transposed
    quality: float = 0.0
    position: int = 0  # frame of the clip that comes next
    forward: bool = True
    done: int = 0  # frames of the group that are behind
    length: int = 0  # frames of the group


@dataclass
class _Lane:
    generator: np.random.Generator
    walk: Walk = field(default_factory=Walk)


class Lanes:
    """An endless source of windows.

    ``clips`` [N, 2] int names the pack and the clip of everything that may be watched (default: all);
    ``group`` is the range of group lengths in frames; ``offsets`` are added to the quality of the first frame of
    a group and, in turn, of the others, in units of 1/63. Qualities are drawn evenly and raised to ``quality_power``:
    below 1 favours the better ones. ``first_lane`` is the global number of the first lane.
    """

    def __init__(
        self,
        prepared: Sequence[Prepared],
        *,
        lanes: int,
        crop: int,
        frames: int,
        seed: int,
        size: NetworkSize | None = None,
        clips: NDArray[np.int64] | None = None,
        group: tuple[int, int] = (4, 32),
        intra_offset: int = 9,
        inter_offsets: Sequence[int] = (-4, 0, -4, 5),
        quality_power: float = 1.0,
        first_lane: int = 0,
        noise: bool = True,
    ) -> None:
        self.prepared, self.crop, self.frames, self.group = prepared, crop, frames, group
        self.size = size or NetworkSize()
        everything = [(p, c) for p, one in enumerate(prepared) for c in range(len(one.y))]
        self.clips = np.array(everything, np.int64) if clips is None else clips
        self.offsets = intra_offset / 63, tuple(o / 63 for o in inter_offsets)
        self.noise, self.quality_power = noise, quality_power
        self.lanes = [_Lane(np.random.default_rng([seed, first_lane + i])) for i in range(lanes)]

    def __len__(self) -> int:
        return len(self.lanes)

    def next(self) -> Window:
        parts = [self._walk(lane) for lane in self.lanes]
        y, uv, motion, starts, quality = (np.stack([p[i] for p in parts]) for i in range(5))
        b, t, c = len(parts), self.frames, self.crop
        planes = torch.from_numpy(y).view(b * t, 1, c, c), torch.from_numpy(uv).view(b * t, 2, c // 2, c // 2)
        return Window(
            pack(*planes).view(b, t, -1, c // 8, c // 8),
            torch.from_numpy(motion),
            torch.from_numpy(starts),
            torch.from_numpy(quality),
            *self._noise(),
        )

    def state(self) -> dict[str, Any]:
        """For a checkpoint: whole numbers, floats and strings only."""
        return {"lanes": [{"walk": asdict(x.walk), "generator": x.generator.bit_generator.state} for x in self.lanes]}

    def restore(self, state: dict[str, Any]) -> None:
        for lane, saved in zip(self.lanes, state["lanes"], strict=True):
            lane.generator.bit_generator.state = saved["generator"]
            lane.walk = Walk(**{**saved["walk"], "mirrors": tuple(saved["walk"]["mirrors"])})

    def _begin(self, generator: np.random.Generator) -> Walk:
        pack_index, clip = (int(i) for i in self.clips[generator.integers(len(self.clips))])
        _, frames, height, width = self.prepared[pack_index].y.shape
        top, left = (16 * int(generator.integers((side - self.crop) // 16 + 1)) for side in (height, width))
        mirrors = (bool(generator.integers(2)), bool(generator.integers(2)), bool(generator.integers(2)))
        low, high = self.group
        return Walk(
            pack_index,
            clip,
            top,
            left,
            mirrors,
            quality=float(generator.random()) ** self.quality_power,
            position=int(generator.integers(frames)),
            forward=bool(generator.integers(2)),
            length=int(generator.integers(low, high + 1)),
        )

    def _walk(self, lane: _Lane) -> tuple[FloatArray, FloatArray, FloatArray, NDArray[np.bool_], FloatArray]:
        """``frames`` steps: luma, chroma, motion, starts, quality."""
        steps = []
        for _ in range(self.frames):
            if lane.walk.done == lane.walk.length:
                lane.walk = self._begin(lane.generator)
            steps.append(self._frame(lane.walk))
            lane.walk = self._advance(lane.walk)
        y, uv, motion = (np.stack([s[i] for s in steps]).astype(np.float32) for i in range(3))
        starts = np.array([s[3] for s in steps])
        return y, uv, motion, starts, np.array([s[4] for s in steps], np.float32)

    def _advance(self, walk: Walk) -> Walk:
        last = self.prepared[walk.pack].y.shape[1] - 1
        forward = walk.forward if 0 <= walk.position + (1 if walk.forward else -1) <= last else not walk.forward
        position = walk.position + (1 if forward else -1) if last else 0
        return Walk(**{**vars(walk), "position": position, "forward": forward, "done": walk.done + 1})

    def _frame(self, walk: Walk) -> tuple[FloatArray, FloatArray, FloatArray, bool, float]:
        source, c, t = self.prepared[walk.pack], self.crop, walk.position
        luma = source.y[walk.clip, t, walk.top : walk.top + c, walk.left : walk.left + c]
        half = walk.top // 2, walk.left // 2
        chroma = source.uv[walk.clip, t, :, half[0] : half[0] + c // 2, half[1] : half[1] + c // 2]
        block = walk.top // 16, walk.left // 16
        level = min(int(walk.quality * len(source.motion)), len(source.motion) - 1)
        # Arriving at t from t - 1 walking forward, from t + 1 walking back.
        vectors = source.motion[level, 0 if walk.forward else 1, walk.clip, t]
        motion = vectors[:, block[0] : block[0] + c // 16, block[1] : block[1] + c // 16].astype(np.float32)
        y, uv = _centred(luma, source.depth), _centred(chroma, source.depth)
        return (*_mirrored(y, uv, motion, walk.mirrors), walk.done == 0, self._quality(walk))

    def _quality(self, walk: Walk) -> float:
        first, others = self.offsets
        offset = others[(walk.done - 1) % len(others)] if walk.done else first
        return min(max(walk.quality + offset, 0.0), 1.0)

    def _noise(self) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        if not self.noise:
            return None, None
        h = self.crop // 16
        shapes = (self.size.latent, h, h), (self.size.hyper, -(-h // 4), -(-h // 4))
        draws = [[x.generator.random((self.frames, *s), np.float32) for x in self.lanes] for s in shapes]
        y, z = (torch.from_numpy(np.stack(d) - np.float32(0.5)) for d in draws)
        return y, z


def _centred(samples: NDArray[Any], depth: int) -> FloatArray:
    """Samples of 8 or 10 bits to -0.5..0.5."""
    centred: FloatArray = samples.astype(np.float32) / np.float32(2**depth - 1) - np.float32(0.5)
    return centred


def _mirrored(
    y: FloatArray, uv: FloatArray, motion: FloatArray, mirrors: tuple[bool, bool, bool]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    left_right, top_bottom, transposed = mirrors
    if left_right:
        y, uv, motion = y[..., ::-1], uv[..., ::-1], motion[..., ::-1] * np.array([-1, 1], np.float32)[:, None, None]
    if top_bottom:
        y, uv, motion = (
            y[..., ::-1, :],
            uv[..., ::-1, :],
            motion[..., ::-1, :] * np.array([1, -1], np.float32)[:, None, None],
        )
    if transposed:
        y, uv, motion = y.swapaxes(-1, -2), uv.swapaxes(-1, -2), motion.swapaxes(-1, -2)[::-1]
    return y, uv, motion
