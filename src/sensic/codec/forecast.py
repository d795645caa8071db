"""What frames will take at every quality: learned from the frames before them, or known from a first pass.

The bits of a frame grow by a constant factor with every step of quality, the first frames of groups more slowly than
others. How many they are differs by content and by the offset that the model gives a frame's position in its group: a
frame coded better than the one before it has to bring the detail that the other left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensic.codec.complexity import Sight
from sensic.model import Model
from sensic.model.model import QUALITIES

Floats = NDArray[np.float64]

INTRA_SLOPE, INTER_SLOPE = 0.05, 0.08
"""Octaves of bits for a step of a frame's own quality (median of clips, docs/rate.md)."""
INTER_POWER = 0.6
MIDDLE = 32
INTRA_GUESS, INTER_GUESS, OFFSET_GUESS = 0.042, 0.016, 0.2
"""Before anything is coded: bits per pixel at quality 32 for every step of texture, for a frame between, and octaves
more of these for a step of offset."""
BLOCK_BITS = 8 * 16
"""What the container and the end of the coder add to a block."""
ORDINARY = Sight(5.0, 0.9)  # of pictures nothing is known of
INTRA_KEPT, INTER_KEPT = 0.3, 0.8
"""Of what was learned from earlier frames of a kind, when another comes."""
SMOOTH = 5  # frames of a kind
_LEAST = 16.0  # bits of a frame that is predicted to be free


@dataclass(frozen=True)
class Pattern:
    """What rate control knows of the stream: pixels of a frame, the model's quality offsets by position in a group
    [gop], whether every frame is a block of its own."""

    pixels: int
    offsets: tuple[int, ...]
    low_latency: bool = False

    @classmethod
    def of(cls, model: Model, width: int, height: int, gop: int, *, low_latency: bool = False) -> Pattern:
        return cls(width * height, tuple(model.frame_quality(MIDDLE, p) - MIDDLE for p in range(gop)), low_latency)

    @cached_property
    def kinds(self) -> NDArray[np.int64]:
        """Which frames of a group are alike [gop]: 0 the first, then one number for every offset."""
        return np.array([0, *(1 + sorted(set(self.offsets)).index(offset) for offset in self.offsets[1:])])

    @cached_property
    def growth(self) -> Floats:
        """Bits at all ``qualities`` [Q, gop] next to those of the middle one."""
        return np.asarray(np.exp2(self.octaves(self.qualities[:, None], np.arange(len(self.offsets)))))

    @cached_property
    def qualities(self) -> NDArray[np.int64]:
        """Those of the stream to choose from, rising: as far up as any frame gets better. Not below 0, where first
        frames are no pictures any more, and the encoder would code them again with a higher quality."""
        return np.arange(QUALITIES + max(0, *(-offset for offset in self.offsets)))

    def positions(self, first: int, count: int) -> NDArray[np.int64]:
        return (first + np.arange(count)) % len(self.offsets)

    def overhead(self, positions: NDArray[np.int64]) -> Floats:
        """What the container adds to frames at these positions, bits."""
        return np.where(self.low_latency | (positions == 0), float(BLOCK_BITS), 0.0)

    def octaves(self, qualities: NDArray[Any] | float, positions: NDArray[np.int64]) -> Floats:
        """By how much qualities [Q, 1] or [n] of the stream raise the bits of frames at positions [n]."""
        own = np.clip(qualities + np.asarray(self.offsets)[positions], 0, QUALITIES - 1)
        return np.asarray(np.where(positions == 0, INTRA_SLOPE, INTER_SLOPE) * (own - MIDDLE))


class Forecast(Protocol):
    def ahead(self, frame: int, position: int, sights: Sequence[Sight], count: int) -> Floats:
        """Bits [Q, count] of frame number ``frame`` and those after it at all of ``Pattern.qualities``; ``sights`` are
        of the first of them."""

    def learn(self, frame: int, position: int, sight: Sight, quality: int, bits: float) -> None:
        """What a frame took."""


@dataclass
class _Level:
    """A mean of bits per unit that forgets. ``complexity`` is that of the frames in it, in units."""

    bits: float
    units: float
    complexity: float
    weight: float = 0.0

    @property
    def usual(self) -> float:
        """Bits of an ordinary frame at the middle quality."""
        return self.of(self.complexity)

    def of(self, units: float) -> float:
        """Bits of a frame of so many units at the middle quality."""
        return self.bits / self.units * units

    def learn(self, bits: float, units: float, complexity: float, keep: float) -> None:
        keep = min(keep, self.weight / (self.weight + 1))  # the first replaces the guess
        self.weight += 1
        self.bits = keep * self.bits + (1 - keep) * bits
        self.units = keep * self.units + (1 - keep) * units
        self.complexity = keep * self.complexity + (1 - keep) * complexity


@dataclass
class Running:
    """A Forecast from the frames so far, and from what is seen of those to come: every kind of frame has a level."""

    pattern: Pattern
    levels: list[_Level]

    def ahead(self, frame: int, position: int, sights: Sequence[Sight], count: int) -> Floats:
        pattern, first = self.pattern, self.levels[0]
        positions = pattern.positions(position, count)
        kinds = pattern.kinds[positions]
        scale = np.array([level.usual for level in self.levels])[kinds]
        most = np.full(count, first.usual)  # a frame that nothing predicts can start a group
        for place, sight in enumerate(sights[:count]):
            scale[place] = self.levels[kinds[place]].of(_units(positions[place], sight))
            most[place] = first.of(_units(0, sight))
        costs = np.minimum(scale * pattern.growth[:, positions], most * pattern.growth[:, :1])
        return np.asarray(np.maximum(costs, _LEAST) + pattern.overhead(positions))

    def learn(self, frame: int, position: int, sight: Sight, quality: int, bits: float) -> None:
        level = self.levels[self.pattern.kinds[position]]
        here = _units(position, sight)
        units = here * float(self.pattern.growth[quality - self.pattern.qualities[0], position])
        level.learn(bits, units, here, INTRA_KEPT if position == 0 else INTER_KEPT)

    @classmethod
    def of(cls, pattern: Pattern) -> Running:
        """Before anything was coded."""
        inter = [INTER_GUESS * 2 ** (OFFSET_GUESS * offset) for offset in sorted(set(pattern.offsets))]
        intra = _Level(INTRA_GUESS * pattern.pixels, 1.0, _units(0, ORDINARY))
        return cls(pattern, [intra, *(_Level(bits * pattern.pixels, 1.0, 1.0) for bits in inter)])


def _units(position: int, sight: Sight) -> float:
    """What bits are in proportion to, roughly: some are needed where nothing changes, and a sudden change is cheaper
    than it looks."""
    return float((sight.change + 0.1) ** INTER_POWER) if position else sight.texture + 0.25


@dataclass(frozen=True)
class Seen:
    """What a first pass found, frame by frame [n]: positions in their groups, qualities of the stream, bits with the
    container's share, and the times at which they are shown (seconds); ``seconds`` is how long all of them last."""

    positions: NDArray[np.int64]
    qualities: NDArray[np.int64]
    bits: Floats
    times: Floats
    seconds: float

    def __len__(self) -> int:
        return len(self.bits)

    @classmethod
    def joined(cls, chunks: Sequence[Seen]) -> Seen:
        """Of a video that was seen in chunks."""

        def column(name: str) -> NDArray[Any]:
            return np.concatenate([getattr(chunk, name) for chunk in chunks])

        seconds = float(chunks[-1].times[0] - chunks[0].times[0]) + chunks[-1].seconds
        return cls(column("positions"), column("qualities"), column("bits"), column("times"), seconds)

    def pack(self) -> bytes:
        """``Seen.unpack(seen.pack())`` equals the original."""
        buffer = BytesIO()
        np.savez(buffer, **vars(self))
        return buffer.getvalue()

    @classmethod
    def unpack(cls, data: bytes) -> Seen:
        with np.load(BytesIO(data)) as found:
            return cls(**{**found, "seconds": float(found["seconds"])})

    def part(self, start: int, stop: int | None) -> Seen:
        times = np.append(self.times, self.times[0] + self.seconds)[start:][: len(self.times[start:stop]) + 1]
        rows = slice(start, stop)
        seconds = float(times[-1] - times[0])
        return Seen(self.positions[rows], self.qualities[rows], self.bits[rows], self.times[rows], seconds)

    def at(self, pattern: Pattern, quality: float) -> Floats:
        """Bits of the frames at another quality [n]."""
        step = pattern.octaves(quality, self.positions) - pattern.octaves(self.qualities, self.positions)
        return np.asarray(self.bits * np.exp2(step))


@dataclass
class Known:
    """A Forecast from a first pass, scaled by what the second has found so far.

    Groups may begin elsewhere than in the first pass: a frame is then taken for what its neighbours of that kind are.
    """

    pattern: Pattern
    seen: Seen

    def __post_init__(self) -> None:
        positions, count = self.seen.positions, len(self.seen)
        self._kinds = self.pattern.kinds[positions]
        grown = self.pattern.growth[self.seen.qualities - self.pattern.qualities[0], positions]
        self._middle = np.maximum(self.seen.bits, _LEAST) / grown  # bits at the middle quality
        every = np.arange(count)
        self._usual = np.empty((1 + int(self.pattern.kinds.max()), count))
        for kind, row in enumerate(self._usual):
            where = np.flatnonzero(self._kinds == kind)
            row[:] = np.interp(every, where, _smooth(self._middle[where])) if where.size else self._middle.mean()
        before = np.append(len(self.pattern.offsets) - 1, positions[:-1])
        self._cuts = (positions == 0) & (before != len(self.pattern.offsets) - 1)
        self._levels = (_Level(1, 1, 1, weight=3), _Level(1, 1, 1, weight=3))  # of first frames the second

    def ahead(self, frame: int, position: int, sights: Sequence[Sight], count: int) -> Floats:
        positions = self._positions(frame, position, count)
        scale = np.where(positions == 0, *(self._levels[k].bits / self._levels[k].units for k in (True, False)))
        return np.asarray(self.pattern.growth[:, positions] * (scale * self._bits(frame, positions)))

    def learn(self, frame: int, position: int, sight: Sight, quality: int, bits: float) -> None:
        mean = float(self._middle.mean())
        expected = float(self._bits(frame, np.array([position]))[0])
        growth = float(self.pattern.growth[quality - self.pattern.qualities[0], position])
        self._levels[position == 0].learn(bits / mean, growth * expected / mean, 1.0, INTER_KEPT)

    def _positions(self, frame: int, position: int, count: int) -> NDArray[np.int64]:
        """Those of the frames from one at ``position`` on: cuts begin groups again."""
        positions = self.pattern.positions(position, count)
        for cut in np.flatnonzero(self._cuts[frame + 1 : frame + count]) + 1:
            positions[cut:] = self.pattern.positions(0, count - int(cut))
        return positions

    def _bits(self, frame: int, positions: NDArray[np.int64]) -> Floats:
        """Bits at the middle quality of the frames from ``frame`` on, at these positions."""
        rows = np.minimum(frame + np.arange(len(positions)), len(self.seen) - 1)
        was, now, bits = self._kinds[rows], self.pattern.kinds[positions], self._middle[rows]
        usual = self._usual[now, rows]
        inter = usual * bits / self._usual[was, rows]
        return np.where(was == now, bits, np.where((was > 0) & (now > 0), inter, usual))


def _smooth(values: Floats) -> Floats:
    """The mean of each value and its neighbours."""
    reach = min(SMOOTH, len(values))
    return np.convolve(values, np.ones(reach), "same") / np.convolve(np.ones(len(values)), np.ones(reach), "same")
