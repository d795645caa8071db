"""A block: the unit that is muxed, checked, and decoded as a whole.

Layout (integers as in ``sensic.container.integers``)::

    byte            version * 32 + flags; version 2 where frames may repeat the last picture, else 1
                        flags bit 0    the block starts a group of pictures
                              bit 1    the last block of the stream
                              bit 2    the frames are not equally spaced
                              bits 3-4 durations: 0 unknown; 1 each frame lasts until the next, the last one as long as
                                       the one before it; 2 one duration for all; 3 one for each frame
    varint          sequence: 0 for the first block of a stream, then one more for each
    varint          frames n, at most 4,096; 0 only in a last block, which then has no payload
    signed varint   pts of the first frame                              (if n >= 1)
    varint          pts of the second frame minus the first, minus 1    (if n >= 2)
    signed varint   change of that distance from frame to frame, n - 2 times        (if bit 2)
    varint          the duration                                        (if durations is 2)
    varint          0 for an unknown duration, else duration + 1, n times           (if durations is 3)
    varint          payload length in bytes, then the payload
    4 bytes         CRC-32C of everything above, little-endian

A pts and a duration count the time base of the stream header. Within a block pts rise strictly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sensic.container.integers import Cursor, seal, signed_varint, unseal, varint
from sensic.container.limits import DEFAULT_LIMITS, Limits
from sensic.errors import DamagedError, UsageError, VersionError

BLOCK_VERSION = 2  # the newest; the oldest that will do is written
MAX_PTS = 1 << 62

_STARTS_GROUP, _LAST, _UNEVEN = 1, 2, 4
_DURATIONS_SHIFT = 3
_UNKNOWN, _UNTIL_NEXT, _SHARED, _EACH = range(4)
_VERSION_SHIFT = 5


@dataclass(frozen=True, slots=True)
class FrameRecord:
    """When a frame is shown and for how long, in units of the stream's time base; ``duration`` None is unknown."""

    pts: int
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Frames and the bytes that decode to them.

    ``payload`` is opaque here: one entropy-coded run for all frames. ``sequence`` and ``last`` are set by
    StreamWriter, so that a reader notices blocks that are missing. ``repeats`` says that frames may show the last
    picture again (version 2). Raises UsageError for frames out of order.
    """

    frames: tuple[FrameRecord, ...]
    starts_group: bool
    payload: bytes
    sequence: int = 0
    last: bool = False
    repeats: bool = False

    def __post_init__(self) -> None:
        if not self.frames and (self.payload or not self.last):
            raise UsageError("a block without frames can only end a stream")
        if any(abs(frame.pts) > MAX_PTS for frame in self.frames):
            raise UsageError(f"a pts is within ±{MAX_PTS}")
        if any(not 0 <= (frame.duration or 0) <= MAX_PTS for frame in self.frames):
            raise UsageError(f"a duration is from 0 to {MAX_PTS}")
        if any(b.pts <= a.pts for a, b in pairwise(self.frames)):
            raise UsageError("the pts of a block's frames rise strictly")

    def pack(self) -> bytes:
        """The bytes of the layout above."""
        times, uneven = _pack_times([frame.pts for frame in self.frames])
        mode, durations = _pack_durations(self.frames)
        flags = _STARTS_GROUP * self.starts_group | _LAST * self.last | _UNEVEN * uneven | mode << _DURATIONS_SHIFT
        version = 2 if self.repeats else 1
        head = bytes([version << _VERSION_SHIFT | flags]) + varint(self.sequence) + varint(len(self.frames))
        return seal(head + times + durations + varint(len(self.payload)) + self.payload)

    @classmethod
    def unpack(cls, data: bytes | memoryview, limits: Limits = DEFAULT_LIMITS) -> Block:
        """The inverse of ``pack``. Raises DamagedError, LimitError or VersionError."""
        limits.check("bytes of a block", len(data), limits.block_bytes)
        if not len(data):
            raise DamagedError("a block is empty")
        version = data[0] >> _VERSION_SHIFT
        if version > BLOCK_VERSION:
            raise VersionError(f"a block has version {version}; this Sensic reads up to {BLOCK_VERSION}: please update")
        cursor = Cursor(unseal(data, "a block"))
        flags = cursor.byte()
        if version < 1:
            raise DamagedError("a block has version 0")
        sequence = cursor.varint()
        count = cursor.varint()
        limits.check("frames of a block", count, limits.frames)
        times = _unpack_times(cursor, count, bool(flags & _UNEVEN))
        durations = _unpack_durations(cursor, times, flags >> _DURATIONS_SHIFT & 3)
        if cursor.varint() != cursor.left:
            raise DamagedError("a block's length disagrees with its contents")
        try:
            return cls(
                tuple(map(FrameRecord, times, durations)),
                bool(flags & _STARTS_GROUP),
                cursor.take(cursor.left),
                sequence,
                bool(flags & _LAST),
                version > 1,
            )
        except UsageError as error:
            raise DamagedError(f"a block makes no sense: {error}") from error


def out_of_order(block: Block, sequence: int, previous: int | None) -> str:
    """Why a block can't be number ``sequence`` behind a frame shown at ``previous``; empty if it can."""
    if block.sequence != sequence:
        return f"block {sequence:,} is missing: block {block.sequence:,} follows"
    if previous is not None and block.frames and block.frames[0].pts <= previous:
        return f"block {block.sequence:,} is earlier than the block before"
    return ""


def _pack_times(times: Sequence[int]) -> tuple[bytes, bool]:
    steps = [b - a for a, b in pairwise(times)]
    changes = [b - a for a, b in pairwise(steps)]
    uneven = any(changes)
    data = b"".join(map(signed_varint, times[:1])) + b"".join(varint(step - 1) for step in steps[:1])
    return data + (b"".join(map(signed_varint, changes)) if uneven else b""), uneven


def _unpack_times(cursor: Cursor, count: int, uneven: bool) -> list[int]:
    if not count:
        return []
    times = [cursor.signed_varint()]
    step = cursor.varint() + 1 if count > 1 else 0
    for i in range(1, count):
        if uneven and i > 1:
            step += cursor.signed_varint()
        times.append(times[-1] + step)
    return times


def _until_next(times: Sequence[int]) -> list[int]:
    steps = [b - a for a, b in pairwise(times)]
    return steps + steps[-1:]


def _pack_durations(frames: Sequence[FrameRecord]) -> tuple[int, bytes]:
    durations = [frame.duration for frame in frames]
    known = [duration for duration in durations if duration is not None]
    if not known:
        return _UNKNOWN, b""
    if len(frames) > 1 and durations == _until_next([frame.pts for frame in frames]):
        return _UNTIL_NEXT, b""
    if len(known) == len(durations) and len(set(known)) == 1:
        return _SHARED, varint(known[0])
    return _EACH, b"".join(varint(0 if duration is None else duration + 1) for duration in durations)


def _unpack_durations(cursor: Cursor, times: Sequence[int], mode: int) -> Sequence[int | None]:
    if mode == _UNKNOWN:
        return [None] * len(times)
    if mode == _UNTIL_NEXT:
        if len(times) < 2:
            raise DamagedError("a block of one frame can't take its duration from the next")
        return _until_next(times)
    if mode == _SHARED:
        return [cursor.varint()] * len(times)
    return [None if value == 0 else value - 1 for value in (cursor.varint() for _ in times)]
