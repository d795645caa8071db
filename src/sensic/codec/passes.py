"""From a rate target to what controllers keep: how many bits there are, and where they go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import inf

import numpy as np

from sensic.codec.complexity import Outlook
from sensic.codec.forecast import BLOCK_BITS, ORDINARY, Floats, Known, Pattern, Running, Seen
from sensic.codec.rate import HANDED_OVER, SPARE, Controller, Goal
from sensic.codec.target import RateTarget
from sensic.errors import TargetError, UsageError

AIMED_AT = {1: 0.985, 2: 0.995}
"""Of a size that must not be passed, by the number of passes."""
MUXED_BITS = 8 * 12  # around a block, in Matroska
CERTAIN = 0.998  # the coder may take a little more than the sum of its symbols
QUICK = 2  # effort of the first pass
TOLERANCE = {1: 0.02, 2: 0.01}


@dataclass(frozen=True)
class RatePlan:
    """What a whole video has to keep; ``part`` makes the controller. Travels between processes."""

    pattern: Pattern
    goal: Goal
    seen: Seen | None = None

    @property
    def quality(self) -> int:
        """For the stream's header: what most frames will have, if the forecast is right."""
        return self.goal.quality

    def part(self, start: int = 0, stop: int | None = None) -> Controller:
        """The controller of all frames, or of a chunk of them that starts a group.

        The chunks of a video keep the plan together: each has its share of the bits, and with a buffer each leaves it
        as full as the next expects.
        """
        whole = (start, stop) in ((0, None), (0, self.goal.frames))
        goal = self.goal if whole else self._share(start, stop)
        if self.seen is None:
            return Controller(goal, self.pattern, Running.of(self.pattern))
        return Controller(goal, self.pattern, Known(self.pattern, self.seen.part(start, stop)))

    def recorder(self) -> Recorder:
        """For a first pass over all frames or a chunk of them: it keeps the rate, and doesn't mind how it ends. What a
        frame takes that had to make up for others tells nothing of the frame."""
        goal = replace(self.goal, frames=None, limit=inf, tolerance=inf)
        return Recorder(Controller(goal, self.pattern, Running.of(self.pattern)), self.pattern)

    def _share(self, start: int, stop: int | None) -> Goal:
        goal = self.goal
        if goal.frames is None:
            raise UsageError("the parts of a video can only be planned where its length is known")
        stop = goal.frames if stop is None else stop
        first, last = start == 0, stop == goal.frames
        schedule = goal.schedule
        share = (stop - start) / goal.frames
        if schedule is not None:
            share = float((schedule[stop] - schedule[start]) / schedule[-1])
            schedule = schedule[start : stop + 1] - schedule[start]
        return replace(
            goal,
            frames=stop - start,
            schedule=schedule,
            limit=goal.limit * share,
            level=goal.level if first else HANDED_OVER,
            handover=0.0 if last else HANDED_OVER,
        )


class Recorder:
    """The RateControl of a first pass: another one, and what came of it."""

    def __init__(self, control: Controller, pattern: Pattern) -> None:
        self.control, self._pattern = control, pattern
        self._rows: list[tuple[int, int, float, Fraction]] = []
        self._asked = (0, 0, Fraction(0))

    def quality(self, frame: int, position: int, outlook: Outlook, time: Fraction) -> int:
        chosen = self.control.quality(frame, position, replace(outlook, ends=False), time)
        self._asked = (position, chosen, time)
        return chosen

    def fits(self, frame: int, bits: float) -> bool:
        return self.control.fits(frame, bits)

    def spent(self, frame: int, bits: float) -> None:
        self.control.spent(frame, bits)
        position, quality, time = self._asked
        overhead = float(self._pattern.overhead(np.array([position]))[0])
        self._rows.append((position, quality, bits + overhead, time))

    def seen(self) -> Seen:
        """What came of all frames."""
        positions, qualities, bits, times = (np.array(column) for column in zip(*self._rows, strict=True))
        return Seen(positions, qualities, bits, times.astype(np.float64), self.control.seconds)


def plan(target: RateTarget, pattern: Pattern, source: Goal, beside: int = 0, seen: Seen | None = None) -> RatePlan:
    """How to keep ``target`` for a ``source`` of so many frames and such a spacing, or as a first pass has ``seen``
    it. Its quality is for a target that only limits it; ``beside`` are the bytes of the file without pictures.

    Raises UsageError where the length must be known, TargetError where nothing is left for the pictures.
    """
    goal = replace(source, maxrate=target.maxrate, bufsize=target.bufsize)
    if seen is not None:
        goal = replace(goal, frames=len(seen), spacing=seen.seconds / len(seen))
    frames, spacing = goal.frames, goal.spacing
    if target.max_size is not None:
        if frames is None:
            raise UsageError("max_size needs to know how long the video is, and the source doesn't say: give a bitrate")
        limit = _limit(target.max_size, beside, pattern, frames, seen)
        goal = replace(goal, limit=limit, bitrate=AIMED_AT[target.passes] * limit / (frames * spacing))
    elif target.bitrate is not None:
        goal = replace(goal, bitrate=float(target.bitrate), tolerance=0.6 * TOLERANCE[target.passes])
    if goal.bitrate is None:
        return RatePlan(pattern, goal)
    if seen is None:
        return RatePlan(pattern, replace(goal, quality=_guess(pattern, goal.bitrate * spacing)))
    level, schedule = _schedule(seen, pattern, goal)
    return RatePlan(pattern, replace(goal, quality=_in_range(level), schedule=schedule), seen)


def _limit(size: int, beside: int, pattern: Pattern, frames: int, seen: Seen | None) -> float:
    """Bits that packets may have in a file of ``size`` bytes."""
    blocks = frames if pattern.low_latency else 2 * (1 + frames // len(pattern.offsets))  # scene cuts begin some
    if seen is not None:
        blocks = int((seen.positions == 0).sum()) + 1
    limit = CERTAIN * 8.0 * (size - beside) - MUXED_BITS * blocks
    if limit < BLOCK_BITS * blocks:
        raise TargetError(f"without any picture the file has {beside:,} bytes, and max_size is {size:,}")
    return limit


def _in_range(quality: float) -> int:
    return min(max(round(quality), 0), 63)


def _guess(pattern: Pattern, bits: float) -> int:
    """The quality that ordinary pictures have at so many bits for each."""
    group = Running.of(pattern).ahead(0, 0, (ORDINARY,), len(pattern.offsets)).mean(1)
    return _in_range(float(np.interp(np.log2(bits), np.log2(group), pattern.qualities)))


def _schedule(seen: Seen, pattern: Pattern, goal: Goal) -> tuple[float, Floats]:
    """The one quality at which all frames take what there is, and the bits spent before each of them [n + 1]."""
    assert goal.bitrate is not None
    total = goal.bitrate * seen.seconds
    low, high = float(pattern.qualities[0]), float(pattern.qualities[-1])
    for _ in range(24):
        middle = (low + high) / 2
        low, high = (middle, high) if _costs(seen, pattern, goal, middle).sum() < total else (low, middle)
    costs = _costs(seen, pattern, goal, low)
    spent = np.append(0.0, np.cumsum(costs))
    if goal.maxrate is not None:
        total = min(total, spent[-1])  # the buffer may leave room for less
    return low, spent * (total / spent[-1])


def _costs(seen: Seen, pattern: Pattern, goal: Goal, quality: float) -> Floats:
    """What the frames take [n] at ``quality``, less where the buffer lets groups have no more."""
    costs = seen.at(pattern, quality)
    if goal.maxrate is None or goal.bufsize is None:
        return costs
    level = goal.level * goal.bufsize
    for rows, seconds in _groups(seen):
        wanted = float(costs[rows].sum())
        most = max(level + goal.maxrate * seconds - SPARE * goal.bufsize, 1.0)
        costs[rows] *= min(1.0, most / wanted)
        level = min(goal.bufsize, level - min(wanted, most) + goal.maxrate * seconds)
    return costs


def _groups(seen: Seen) -> Iterator[tuple[slice, float]]:
    """The frames of each group, and how long they last."""
    starts = [*np.flatnonzero(seen.positions == 0).tolist(), len(seen)]
    times = np.append(seen.times, seen.times[0] + seen.seconds)
    for begin, end in pairwise(starts):
        yield slice(begin, end), float(times[end] - times[begin])
