"""Pictures of a video at the size of a pack, with the cuts that FFmpeg's scdet sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import av
from av.filter import Graph

from sensic.errors import InputError
from sensic.training.data.crops import Planes, cover
from sensic.training.data.settings import BuildSettings
from sensic.video import VideoSource
from sensic.video.planes import PIXEL_FORMATS, frame_of, planes_of

_SCALING = "flags=bicubic+accurate_rnd+bitexact"  # the same samples on every machine
_MARGIN = 4
"""Source pictures that minterpolate looks ahead."""


class UnusableError(Exception):
    """Why a whole file gives no clips: ``kind`` is what it is counted under."""

    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind
        super().__init__(reason)


class Picture(NamedTuple):
    """Planes that cover the pack's size, the time in seconds from the start, and whether a shot begins here."""

    planes: Planes
    time: Fraction
    cut: bool


class ScaledVideo:
    """The pictures of one video, scaled and deinterlaced: a context manager and an iterator of Picture.

    The samples are those that are stored: neither turned nor stretched as a player would, since a codec isn't given
    them so either. ``notes`` is complete after the last picture. Raises UnusableError.
    """

    def __init__(self, path: Path, settings: BuildSettings, decoded: Callable[[], None] = lambda: None) -> None:
        """``decoded`` is called after every picture of the file."""
        self._settings, self._decoded = settings, decoded
        try:
            self._source = VideoSource(path)
        except InputError as error:
            raise UnusableError("unreadable", str(error)) from error
        self.info = self._source.info
        covering = cover(self.info.width, self.info.height, settings.size)
        if covering is None:
            self._source.close()
            target = "{}x{}".format(*settings.size)
            raise UnusableError("tiny", f"{self.info.width}x{self.info.height} would have to be enlarged to {target}")
        self.size = covering
        self.rate = self.info.rate or _average(self.info.frame_count, self.info.duration) or Fraction(25)
        self._trouble: list[str] = []
        self._end = Fraction(0)

    @property
    def notes(self) -> list[str]:
        fields = [] if self.info.field_order == "progressive" else ["interlaced: whole pictures made with bwdif"]
        reading = self._source.notes[len(self.info.notes) :]  # those of info are about keeping a video whole
        return [*fields, *reading, *self._trouble]

    def __iter__(self) -> Iterator[Picture]:
        start: Fraction | None = None
        for picture in self._filtered():
            time = Fraction(picture.pts or 0) * (picture.time_base or 1)
            start = time if start is None else start
            self._end = time - start
            # scdet marks the first picture of a shot by its time, and gives every picture a score
            yield Picture(planes_of(picture), self._end, "lavfi.scd.time" in picture.metadata)
        self._look_at_end()

    def __enter__(self) -> ScaledVideo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()

    def _filtered(self) -> Iterator[av.VideoFrame]:
        graph = self._graph()
        try:
            for frame in self._source:
                picture = frame_of(frame.planes, frame.depth)
                picture.pts, picture.time_base = frame.pts, frame.time_base
                graph.push(picture)
                yield from pulled(graph)
                self._decoded()
        except (InputError, av.FFmpegError) as error:  # what came before is good
            self._trouble.append(f"reading stopped: {error}")
        graph.push(None)
        yield from pulled(graph)

    def _graph(self) -> Graph:
        info, (width, height) = self.info, self.size
        fields = [] if info.field_order == "progressive" else [("bwdif", f"send_frame:{info.field_order}:all")]
        chain = [
            *fields,
            ("scale", f"{width}:{height}:{_SCALING}"),
            ("format", PIXEL_FORMATS[self._settings.depth]),
            ("scdet", f"t={self._settings.cut}"),
        ]
        return chained(chain, (info.width, info.height), PIXEL_FORMATS[info.depth], info.time_base)

    def _look_at_end(self) -> None:
        duration = self.info.duration
        if duration is not None and self._end + 1 < duration * Fraction(9, 10):
            self._trouble.append(f"ends after {float(self._end):.1f} of {float(duration):.1f} seconds: it is cut short")


def retimed(clip: Sequence[Planes], times: Sequence[Fraction], fps: float, depth: int) -> list[Planes]:
    """The pictures of a stretch without cuts, made up at ``fps`` by motion-compensated interpolation."""
    height, width = clip[0][0].shape
    ticks = Fraction(1, 90_000)
    # no scene detection: the stretch has no cut, and a false one would repeat pictures
    graph = chained(
        [("minterpolate", f"fps={Fraction(fps).limit_denominator(1001)}:mi_mode=mci:scd=none")],
        (width, height),
        PIXEL_FORMATS[depth],
        ticks,
    )
    out: list[Planes] = []
    for planes, time in zip(clip, times, strict=True):
        picture = frame_of(planes, depth)
        picture.pts, picture.time_base = round((time - times[0]) / ticks), ticks
        graph.push(picture)
        out += [planes_of(made) for made in pulled(graph)]
    graph.push(None)
    return out + [planes_of(made) for made in pulled(graph)]


def stretch(frames: int, fps: float) -> Fraction:
    """Seconds of source that ``frames`` interpolated pictures need, without the look-ahead."""
    return Fraction(frames - 1) / Fraction(fps).limit_denominator(1001)


def enough(times: Sequence[Fraction], frames: int, fps: float) -> bool:
    """Whether pictures at these times suffice for ``retimed`` to give ``frames``."""
    return len(times) > _MARGIN and times[-1 - _MARGIN] - times[0] >= stretch(frames, fps)


def chained(filters: Sequence[tuple[str, str]], size: tuple[int, int], pixels: str, time_base: Fraction) -> Graph:
    """A graph of filters one after the other."""
    graph = Graph()
    graph.threads = 1
    last = graph.add_buffer(width=size[0], height=size[1], format=av.VideoFormat(pixels), time_base=time_base)
    for name, options in [*filters, ("buffersink", "")]:
        following = graph.add(name, options or None)
        last.link_to(following)
        last = following
    graph.configure()
    return graph


def pulled(graph: Graph) -> Iterator[av.VideoFrame]:
    """All pictures that a graph has ready."""
    while True:
        try:
            picture = graph.vpull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield picture


def _average(count: int | None, duration: Fraction | None) -> Fraction | None:
    return Fraction(count) / duration if count and duration else None
