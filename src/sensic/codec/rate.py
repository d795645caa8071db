"""Rate control: which quality every frame gets.

Before every frame the controller looks some seconds ahead with a forecast of bits and takes the quality that would
bring the sum to what is planned for then; what the forecast got wrong is in the sum, so the next frame makes up for it.
A frame that would let the receiver's buffer run dry is coded again with less.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf, log2, sqrt
from typing import Protocol

import numpy as np

from sensic.codec.complexity import Outlook, Sight
from sensic.codec.forecast import INTER_SLOPE, INTRA_SLOPE, Floats, Forecast, Pattern

HORIZON = 3.0  # seconds of looking ahead
SHORT = CALM = 10.0  # seconds from which it grows, with the root of time
SURPRISE = 0.2  # of the bits for the whole window, where one frame takes more than that
DOWN, UP = 4.0, 2.0  # steps of quality from frame to frame inside a group, where no buffer forces more
FULL, HANDED_OVER = 0.9, 0.5
"""How full the buffer is at the start, as in x264, and where one chunk of a video takes over from another."""
SPARE, CAUTION = 0.1, 1.3  # of the buffer, and of the least that is still to come, against bad forecasts

Sights = tuple[Sight, ...]
NOTHING: tuple[int, Sights, int] = (-1, (), 0)


class RateControl(Protocol):
    """Chooses the quality of every frame. The encoder asks before it codes a frame and tells what came of it."""

    def quality(self, frame: int, position: int, outlook: Outlook, time: Fraction) -> int:
        """Quality of frame number ``frame``, the ``position``th of its group and shown at ``time`` (seconds).

        It stands for the quality of a whole stream, to which the model adds its offset for ``position``; beyond 0..63
        it reaches the ends of the scale in spite of that offset. ``outlook`` begins with the frame itself. A frame may
        be asked for again: at position 0, where it starts a group after all.
        """

    def fits(self, frame: int, bits: float) -> bool:
        """Whether a frame that took so many bits may stay; if not, it is asked for and coded again."""

    def spent(self, frame: int, bits: float) -> None:
        """What the frame took for good, payload bits."""


@dataclass(frozen=True)
class Constant:
    """The same quality for all."""

    value: int

    def quality(self, frame: int, position: int, outlook: Outlook, time: Fraction) -> int:
        return self.value

    def fits(self, frame: int, bits: float) -> bool:
        return True

    def spent(self, frame: int, bits: float) -> None:
        pass


@dataclass
class Bucket:
    """A receiver's buffer of ``size`` bits that fills at ``rate`` bits per second and gives every frame away when it is
    shown. It must never hold less than the frame takes."""

    rate: float
    size: float
    level: float

    def wait(self, seconds: float) -> None:
        self.level = min(self.size, self.level + self.rate * seconds)

    def take(self, bits: float) -> None:
        self.level = max(0.0, self.level - bits)  # a receiver that runs dry waits for the rest

    def lowest(self, costs: Floats, seconds: float) -> Floats:
        """The lowest level [Q] while frames of ``costs`` [Q, n] are taken, ``seconds`` apart."""
        level = np.full(len(costs), self.level)
        least = level.copy()
        for column in costs.T:
            level = level - column
            least = np.minimum(least, level)
            level = np.minimum(level + self.rate * seconds, self.size)
        return least


@dataclass(frozen=True)
class Goal:
    """What one controller has to keep, for a whole video or a chunk of it.

    ``quality`` to start from (and to stay at, where there is neither ``bitrate`` nor ``schedule``); ``bitrate`` in bits
    per second, or a ``schedule`` [n + 1] of bits spent before every frame; ``limit`` of all bits; the plan may
    be passed by ``tolerance`` (a share of all) where the length is known. ``maxrate`` and ``bufsize`` are those of the
    receiver, whose buffer is as full as ``level`` says at first and ``handover`` at last. ``frames`` may be None
    (unknown), ``spacing`` is the mean time between them, seconds.
    """

    quality: int
    spacing: float
    frames: int | None = None
    bitrate: float | None = None
    schedule: Floats | None = None
    limit: float = inf
    tolerance: float = inf
    maxrate: float | None = None
    bufsize: float | None = None
    level: float = FULL
    handover: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What a controller came to: ``seconds`` is how long its ``frames`` are shown, ``lowest`` and ``highest`` count
    those at the ends of the scale, ``short`` has the times (seconds) of frames that did not fit even at the lowest
    quality, ``held`` counts those that the receiver's buffer made worse."""

    frames: int = 0
    seconds: float = 0.0
    lowest: int = 0
    highest: int = 0
    short: tuple[float, ...] = ()
    held: int = 0

    def __add__(self, following: Outcome) -> Outcome:
        """Of two chunks, one after the other."""
        return Outcome(
            self.frames + following.frames,
            self.seconds + following.seconds,
            self.lowest + following.lowest,
            self.highest + following.highest,
            (*self.short, *(self.seconds + time for time in following.short)),
            self.held + following.held,
        )

    def excuse(self, above: bool) -> str:
        """Why the bits are above the plan, or below it."""
        if (self.lowest if above else self.highest) > self.frames // 8:
            return "the lowest quality takes no less" if above else "the highest quality takes no more"
        if self.held > self.frames // 8 and not above:
            return "the receiver's buffer has no room for more"
        if self.seconds < SHORT:
            return f"{self.seconds:.1f} s are too short to make up for what was not foreseen"
        return "the pictures changed too much near the end"


class Controller:
    """A RateControl that keeps a goal. ``bits`` is what was spent, with the container's share."""

    def __init__(self, goal: Goal, pattern: Pattern, forecast: Forecast) -> None:
        self._goal, self._pattern, self._forecast = goal, pattern, forecast
        self._frames = goal.frames
        self._bucket = (
            Bucket(goal.maxrate, goal.bufsize, goal.level * goal.bufsize) if goal.maxrate and goal.bufsize else None
        )
        self._lowest, self._highest = int(pattern.qualities[0]), int(pattern.qualities[-1])
        self._last = float(goal.quality)  # quality of the frame before
        self._frame = -1
        self._start = self._time = Fraction(0)
        self._asked = NOTHING  # position, sights and quality of the frame at hand
        self._ceiling = self._highest
        self._ends = {False: 0, True: 0}  # frames at the lowest and at the highest quality
        self._is_held, self._held_down = False, 0  # whether the buffer made the frame at hand worse, and how many
        self.bits = 0.0
        self.short: list[float] = []

    def quality(self, frame: int, position: int, outlook: Outlook, time: Fraction) -> int:
        if frame != self._frame:
            self._arrive(frame, time)
        if outlook.ends:
            self._frames = frame + len(outlook.sights)
        if position != self._asked[0]:
            self._ceiling = self._highest
        count = self._window(frame)
        costs = self._forecast.ahead(frame, position, outlook.sights, count)
        wanted = self._aim(frame, costs)
        if position and not _is_surprise(costs):
            wanted = min(max(wanted, self._last - DOWN), self._last + UP)
        if self._bucket is not None:
            sustained = self._sustained(costs)
            self._is_held = sustained < wanted
            wanted = min(wanted, sustained)
        chosen = min(max(round(wanted), self._lowest), self._ceiling)
        self._asked = (position, outlook.sights, chosen)
        self._wanted = min(wanted, chosen + 0.5)
        return chosen

    def fits(self, frame: int, bits: float) -> bool:
        position, sights, quality = self._asked
        bits += float(self._pattern.overhead(np.array([position]))[0])
        left = self._left(frame)
        rest = 0.0 if left is None else self._least(frame, position, sights, left)
        held = self._held(rest, left)
        room = min(held, self._unspent(rest, left))
        if bits <= room:
            return True
        if quality <= self._lowest:
            if bits > held:
                self.short.append(float(self._time - self._start))
            return True
        slope = INTER_SLOPE if position else INTRA_SLOPE
        less = ceil(log2(bits / room) / slope) if room > 0 else self._highest
        self._ceiling = max(self._lowest, quality - less)
        return False

    def spent(self, frame: int, bits: float) -> None:
        position, sights, quality = self._asked
        bits += float(self._pattern.overhead(np.array([position]))[0])
        self._forecast.learn(frame, position, sights[0], quality, bits)
        self._last = self._wanted
        self._held_down += self._is_held
        self._ends[False] += quality <= self._lowest
        self._ends[True] += quality >= self._highest
        self.bits += bits
        if self._bucket is not None:
            self._bucket.take(bits)

    def _arrive(self, frame: int, time: Fraction) -> None:
        if self._frame < 0:
            self._start = time
        elif self._bucket is not None:
            self._bucket.wait(float(time - self._time))
        self._frame, self._time, self._ceiling = frame, time, self._highest
        self._asked = NOTHING

    @property
    def seconds(self) -> float:
        """How long the frames so far are shown; the last as long as others."""
        return float(self._time - self._start) + self._spacing

    @property
    def outcome(self) -> Outcome:
        """Of the frames so far."""
        ends = self._ends[False], self._ends[True]
        return Outcome(self._frame + 1, self.seconds, *ends, tuple(self.short), self._held_down)

    @property
    def _spacing(self) -> float:
        """Mean time between frames, seconds."""
        return float(self._time - self._start) / self._frame if self._frame > 0 else self._goal.spacing

    def _left(self, frame: int) -> int | None:
        """Frames from this one to the end, if that is known."""
        return self._frames - frame if self._frames is not None and self._frames > frame else None

    def _window(self, frame: int) -> int:
        """How many frames to look ahead."""
        elapsed = float(self._time - self._start)
        count = round(HORIZON * max(1.0, sqrt(elapsed / CALM)) / self._goal.spacing)
        return min(max(count, len(self._pattern.offsets)), self._left(frame) or count)

    @property
    def _bitrate(self) -> float:
        """What is aimed at, bits per second. Of a size it is less where there are more frames than was thought."""
        goal = self._goal
        assert goal.bitrate is not None
        if goal.limit == inf or not goal.frames or not self._frames:
            return goal.bitrate
        return goal.bitrate * goal.frames / self._frames

    def _aim(self, frame: int, costs: Floats) -> float:
        """The quality, in fractions of a step, that brings the sum to the plan at the end of the window."""
        goal, count = self._goal, costs.shape[1]
        if goal.schedule is not None:
            due = float(goal.schedule[min(frame + count, len(goal.schedule) - 1)])
        elif goal.bitrate is not None:
            due = self._bitrate * (float(self._time - self._start) + count * self._spacing)
        else:
            return goal.quality
        allowed = max(due - self.bits, 1.0)
        return float(np.interp(log2(allowed), np.log2(costs.sum(1)), self._pattern.qualities))

    def _sustained(self, costs: Floats) -> float:
        """The highest quality that the buffer can keep up."""
        assert self._bucket is not None
        enough = self._bucket.lowest(costs, self._spacing) >= SPARE * self._bucket.size
        return float(self._pattern.qualities[max(int(enough.sum()) - 1, 0)])

    def _held(self, rest: float, left: int | None) -> float:
        """What the receiver's buffer has for the frame, less what the next chunk expects to find."""
        if self._bucket is None:
            return inf
        if left is None:
            return self._bucket.level
        handed_over = self._goal.handover * self._bucket.size + rest - self._bucket.rate * (left - 1) * self._spacing
        return self._bucket.level - max(0.0, handed_over)

    def _unspent(self, rest: float, left: int | None) -> float:
        """What the goal leaves for the frame and no other."""
        goal, limit = self._goal, self._goal.limit
        if left is not None and goal.bitrate is not None:
            seconds = float(self._time - self._start) + left * self._spacing
            total = self._bitrate * seconds if goal.schedule is None else float(goal.schedule[-1])
            limit = min(limit, (1 + goal.tolerance) * total)
        return limit - self.bits - rest

    def _least(self, frame: int, position: int, sights: Sights, left: int) -> float:
        """What the frames after this one take at the lowest quality, and some more."""
        count = min(left, self._window(frame))
        costs = self._forecast.ahead(frame, position, sights, count)[0, 1:]
        return CAUTION * float(costs.sum()) * (left - 1) / max(1, count - 1)


def _is_surprise(costs: Floats) -> bool:
    """Whether the first of some frames [Q, n] takes so much that nobody compares it with the frame before."""
    middle = costs[len(costs) // 2]
    return len(middle) > 1 / SURPRISE and bool(middle[0] > SURPRISE * middle.sum())
