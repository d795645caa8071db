"""Two videos, any that FFmpeg reads or Sensic streams, as pairs of pictures of one size and depth, as shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import numpy as np

from sensic.codec.access import open_video
from sensic.errors import StreamError
from sensic.model import Model
from sensic.video import Filters, Frame, VideoInfo, VideoSource, filtered
from sensic.video.info import shown_turn

_SAME_RATE = Fraction(1, 500)


class Pairs:
    """Iterates over pictures of ``first``, each with the one of ``second`` that belongs to it: of the same number where
    both have the same rate, else the nearest in time. ``info`` is that of the first as shown; ``notes`` say what had to
    be made alike. A context manager. Raises InputError, StreamError, UsageError.
    """

    def __init__(
        self, first: str | Path, second: str | Path, model: str | Path | Model | None, threads: int | None
    ) -> None:
        self.notes: list[str] = []
        self._stack = ExitStack()
        try:
            (a, self._first), (b, self._second) = (self._open(x, model, threads) for x in (first, second))
            self._make_alike(a, b)
        except BaseException:
            self._stack.close()
            raise
        rates = (a.rate, b.rate)
        self._by_time = None in rates or abs(a.rate / b.rate - 1) > _SAME_RATE  # type: ignore[operator]
        if self._by_time and rates != (None, None):
            shown = [f"{float(rate):g}" if rate else "a varying number of" for rate in rates]
            self.notes.append(f"A has {shown[0]} and B {shown[1]} frames/s: compared is what is nearest in time")

    def __iter__(self) -> Iterator[tuple[Frame, Frame]]:
        yield from self._nearest() if self._by_time else self._numbered()

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Pairs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(
        self, source: str | Path, model: str | Path | Model | None, threads: int | None
    ) -> tuple[VideoInfo, Iterator[Frame]]:
        try:
            stream = self._stack.enter_context(open_video(source, model=model, threads=threads))
            return replace(stream.info, frame_count=len(stream)), iter(stream)
        except StreamError as error:
            if type(error) is not StreamError:  # a Sensic stream, but one that can't be decoded
                raise
        video = self._stack.enter_context(VideoSource(source))
        return video.info, iter(video)

    def _make_alike(self, a: VideoInfo, b: VideoInfo) -> None:
        """Depth and size, the second's being changed to the first's; 10 bits where one has them."""
        depth = max(a.depth, b.depth)
        size, other = shown_size(a), shown_size(b)
        if a.depth != depth:
            a, self._first = filtered(self._first, a, Filters(depth=depth))
        if size != other:
            self.notes.append(f"B is scaled from {other[0]}x{other[1]} to {size[0]}x{size[1]}, the size of A")
        if size != other or b.depth != depth:
            scale = f"{size[0]}:{size[1]}" if size != other else None
            b, self._second = filtered(self._second, b, Filters(scale=scale, depth=depth))
        if a.colour.full_range != b.colour.full_range:
            self.notes.append("A and B have different colour ranges; their samples are compared as they are")
        aspect = a.sample_aspect_ratio
        if aspect and shown_turn(a) in (90, 270):
            aspect = 1 / aspect
        self._turns = shown_turn(a) // 90, shown_turn(b) // 90
        self.info = replace(
            a,
            width=size[0],
            height=size[1],
            rotation=0,
            display_matrix=None,
            sample_aspect_ratio=aspect,
            tags={},
            stream_tags={},
            chapters=(),
            notes=(),
        )

    def _numbered(self) -> Iterator[tuple[Frame, Frame]]:
        for number, one in enumerate(self._first):
            other = next(self._second, None)
            if other is None:
                self._ended("B", number)
                return
            yield _turned(one, self._turns[0]), _turned(other, self._turns[1])
        if next(self._second, None) is not None:
            self._ended("A", number + 1)

    def _nearest(self) -> Iterator[tuple[Frame, Frame]]:
        """Times count from the first picture of each."""
        shown = next(self._second, None)
        following = next(self._second, None)
        origin: tuple[Fraction, Fraction] | None = None
        for one in self._first:
            if shown is None:
                return
            if origin is None:
                origin = one.time, shown.time
            time = one.time - origin[0] + origin[1]
            while following is not None and abs(following.time - time) <= abs(shown.time - time):
                shown, following = following, next(self._second, None)
            yield _turned(one, self._turns[0]), _turned(shown, self._turns[1])

    def _ended(self, name: str, frames: int) -> None:
        self.notes.append(f"{name} ends first: {frames} pictures are compared")


def shown_size(info: VideoInfo) -> tuple[int, int]:
    """Width and height of the picture as shown."""
    return (info.height, info.width) if shown_turn(info) in (90, 270) else (info.width, info.height)


def _turned(frame: Frame, quarters: int) -> Frame:
    if not quarters:
        return frame
    y, u, v = (np.rot90(plane, quarters) for plane in frame.planes)
    return replace(frame, y=y, u=u, v=v)
