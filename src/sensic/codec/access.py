"""Random access: frames of a stream by number, by slice, by time."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, overload

from sensic.codec.engine import DEFAULT_BACKEND
from sensic.codec.profiles import decoder_for
from sensic.container import DEFAULT_LIMITS, Limits, StreamReader
from sensic.errors import UsageError
from sensic.model import Model
from sensic.video import Frame, VideoInfo


class Video:
    """The frames of a Sensic stream: iterate, ``len``, ``video[7]``, ``video[10:20]``, ``video.at(2.5)``,
    ``reversed``.

    Decoding starts at the group that holds the frame wanted and goes on from there, so reading forward costs nothing
    extra. A context manager; not for several threads at once (open one each).
    """

    def __init__(
        self,
        source: str | Path | bytes | BinaryIO,
        *,
        model: str | Path | Model | None = None,
        threads: int | None = None,
        precision: str = "float",
        backend: str = DEFAULT_BACKEND,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._reader = StreamReader(source, limits=limits)
        try:
            self._decoder = decoder_for(self._reader.header, model, threads, precision=precision, backend=backend)
            self._index = self._reader.index()
        except BaseException:
            self._reader.close()
            raise
        self._first = [0, *accumulate(entry.frames for entry in self._index)]  # number of each block's first frame
        self._frames: Iterator[Frame] | None = None
        self._next = 0

    @property
    def info(self) -> VideoInfo:
        return self._reader.header.info

    def __len__(self) -> int:
        return self._first[-1]

    def __iter__(self) -> Iterator[Frame]:
        return (self._frame(number) for number in range(len(self)))

    def __reversed__(self) -> Iterator[Frame]:
        """Backwards: each group of pictures is decoded once, and waits in memory while it is shown."""
        starts = [first for first, entry in zip(self._first, self._index, strict=False) if entry.starts_group]
        for start, stop in reversed(list(pairwise([*starts, len(self)]))):
            yield from reversed([self._frame(number) for number in range(start, stop)])

    @overload
    def __getitem__(self, key: int) -> Frame: ...
    @overload
    def __getitem__(self, key: slice) -> list[Frame]: ...
    def __getitem__(self, key: int | slice) -> Frame | list[Frame]:
        """A frame by number (negative from the end), or the frames of a slice. Raises IndexError."""
        if isinstance(key, slice):
            numbers = range(len(self))[key]
            frames = {number: self._frame(number) for number in sorted(numbers)}
            return [frames[number] for number in numbers]
        number = range(len(self))[key]
        return self._frame(number)

    def at(self, seconds: float | Fraction) -> Frame:
        """The frame on show at that time of the stream. Raises UsageError before the first frame."""
        pts = Fraction(seconds) / self.info.time_base
        block = bisect.bisect_right(self._index, pts, key=lambda entry: Fraction(entry.first_pts)) - 1
        if block < 0:
            raise UsageError(f"the first frame comes later than {float(seconds):.3f} s")
        shown = self._frame(self._first[block])
        for number in range(self._first[block] + 1, self._first[block + 1]):
            frame = self._frame(number)
            if frame.pts > pts:
                break
            shown = frame
        return shown

    def _frame(self, number: int) -> Frame:
        block = bisect.bisect_right(self._first, number) - 1
        while not self._index[block].starts_group:
            block -= 1
        start = self._first[block]
        if self._frames is None or number < self._next or start > self._next:
            self._stop()
            self._reader.seek(self._index[block].first_pts)
            self._frames = self._decoder.frames(self._reader.blocks())
            self._next = start
        while True:
            frame = next(self._frames)
            self._next += 1
            if self._next > number:
                return frame

    def _stop(self) -> None:
        close = getattr(self._frames, "close", None)
        if close is not None:
            close()
        self._frames = None

    def close(self) -> None:
        self._stop()
        self._reader.close()

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_video(
    source: str | Path | bytes | BinaryIO,
    *,
    model: str | Path | Model | None = None,
    threads: int | None = None,
    precision: str = "float",
    backend: str = DEFAULT_BACKEND,
    limits: Limits = DEFAULT_LIMITS,
) -> Video:
    """Open a Sensic stream for reading frames in any order; see ``Video``. ``precision`` and
    ``backend`` are as in ``decode``, ``limits`` is what the stream may ask for.

    Raises StreamError and what is below it, WrongModelError, InputError.

    >>> with open_video("holiday.mkv") as video:
    ...     len(video), video[-1].y.shape, float(video.at(seconds=0.1).time)
    (6, (180, 320), 0.08)
    """
    return Video(source, model=model, threads=threads, precision=precision, backend=backend, limits=limits)
