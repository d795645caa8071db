"""Filters at work: the pictures of a reader go through an FFmpeg filter graph, and what comes out is described."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import Protocol

import av

from sensic.errors import InputError, UsageError
from sensic.video.demux import frame_of_picture
from sensic.video.filters import Crop, Filters, Scale, Span
from sensic.video.frame import Frame
from sensic.video.info import Chapter, VideoInfo, shown_turn
from sensic.video.planes import PIXEL_FORMATS, colour_of, depth_of, picture_of
from sensic.video.y4m import interlaced_note

_PROGRESSIVE = "progressive"
_ROUNDED = Fraction(1, 10)  # of a picture: durations of files come in milliseconds
_LOOK_AHEAD = 3  # pictures that motion interpolation wants to see after the last one


class Reader(Protocol):
    @property
    def info(self) -> VideoInfo: ...

    @property
    def origin(self) -> int: ...

    def skip_to(self, ticks: int) -> None: ...

    def pictures(self) -> Iterator[av.VideoFrame]: ...


@dataclass
class Cut:
    """What is kept of the source's time, seconds. ``start`` becomes time 0; ``end`` may be known only once the last
    picture has been read, None if that is the source's own end."""

    start: Fraction = Fraction(0)
    end: Fraction | None = None


class FilteredReader:
    """Iterates over the filtered frames of ``reader``; ``info`` describes them, ``notes`` is for the user.

    The first picture is filtered at once. Raises UsageError where the filters don't fit the pictures, InputError where
    they leave none.
    """

    def __init__(self, reader: Reader, filters: Filters, crop: Crop | None, entered: Cut | None = None) -> None:
        """``crop`` is that of ``filters``, or what was found in its place; ``entered`` is what is kept, for a reader
        that does not begin at the start."""
        self.notes: list[str] = []
        self.cut = entered or Cut()
        self._source, self._filters, self._crop = reader.info, filters, crop
        self._pictures = self._filtered(
            (_trimmed_on if entered else _trimmed)(reader, filters.trimmed, self.cut)
            if filters.trim
            else reader.pictures()
        )
        first = next(self._pictures, None)
        if first is None:
            length = f"; the video has {float(self._source.duration):.3f} s" if self._source.duration else ""
            what = f"trim {filters.trim} keeps" if filters.trim else "these filters keep"
            raise InputError(f"{what} no picture{length}")
        self._first = first
        self.info = self._described(first)

    def __iter__(self) -> Iterator[Frame]:
        yield frame_of_picture(self._first, self.info)
        for picture in self._pictures:
            yield frame_of_picture(picture, self.info)

    def _filtered(self, pictures: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        first = next(pictures, None)
        if first is None:
            return
        usable = _Uniform(first, self._source)
        graph = _Graph(usable.first, self._chain(usable.first))
        if self._filters.rate is None:
            yield from graph.run(usable.all(pictures))
        elif self._filters.fps_mode == "interpolate":
            lasting = _lasting(usable.all(pictures), self._source)
            yield from _interpolated(graph, lasting, self._source.time_base)
        else:
            yield from graph.run(_lasting(usable.all(pictures), self._source))

    def _chain(self, first: av.VideoFrame) -> list[tuple[str, str]]:
        """The filters and their options, in order."""
        filters, source = self._filters, self._source
        order = source.field_order
        steps: list[tuple[str, str]] = []
        if filters.deinterlace:
            fields = "field" if filters.deinterlace == "fields" else "frame"
            which = "interlaced" if filters.deinterlace == "auto" else "all"
            if order != _PROGRESSIVE and not first.interlaced_frame:
                steps.append(("setfield", order))
            steps.append(("bwdif", f"mode=send_{fields}:deint={which}"))
            if fields == "frame":
                steps.append(("settb", str(source.time_base)))
            order = _PROGRESSIVE
        if (self._crop or filters.scaled) and source.display_matrix:
            self.notes.append("the picture is shown mirrored; crop and scale are meant of the stored picture")
        if self._crop:
            exact = self._crop.left is not None and filters.crop != "auto"
            self._size = _stored_crop(self._crop, source, order != _PROGRESSIVE, exact)
            steps.append(("crop", "{}:{}:{}:{}:exact=1".format(*self._size)))
        if filters.scaled:
            steps.append(("scale", _scale_options(filters.scaled, source, order != _PROGRESSIVE)))
        if filters.rate and filters.fps_mode == "interpolate":
            if order != _PROGRESSIVE:
                raise UsageError("interlaced pictures can't be interpolated along the motion: deinterlace them too")
            if (filters.depth or source.depth) != 8:
                raise UsageError("motion interpolation works with 8 bits per sample: give depth 8 too")
            steps.append(("minterpolate", f"fps={filters.rate}"))
        elif filters.rate:
            steps.append(("fps", str(filters.rate)))
        if filters.depth:
            steps.append(("format", PIXEL_FORMATS[filters.depth]))
        return steps

    def _described(self, first: av.VideoFrame) -> VideoInfo:
        source, filters = self._source, self._filters
        rate = filters.rate or (2 * source.rate if source.rate and filters.deinterlace == "fields" else source.rate)
        duration, chapters = _trimmed_facts(source, filters.trimmed, self.cut)
        deinterlaced = {interlaced_note(source.field_order)} if filters.deinterlace and self._is_interlaced() else set()
        return replace(
            source,
            width=first.width,
            height=first.height,
            depth=depth_of(first.format),
            time_base=first.time_base or source.time_base,
            rate=rate,
            sample_aspect_ratio=self._aspect(first),
            colour=colour_of(first),
            field_order=_PROGRESSIVE if filters.deinterlace else source.field_order,
            chapters=chapters,
            frame_count=self._count(rate, duration),
            duration=duration,
            notes=tuple(note for note in source.notes if note not in deinterlaced),
        )

    def _is_interlaced(self) -> bool:
        return self._source.field_order != _PROGRESSIVE

    def _aspect(self, first: av.VideoFrame) -> Fraction | None:
        """Of one pixel: scaling keeps the shape of the whole picture."""
        source = self._source
        if not (source.sample_aspect_ratio and self._filters.scaled):
            return source.sample_aspect_ratio
        width, height = self._size[:2] if self._crop else (source.width, source.height)
        aspect = source.sample_aspect_ratio * Fraction(width * first.height, height * first.width)
        return aspect if max(aspect.numerator, aspect.denominator) < 1 << 31 else aspect.limit_denominator(1 << 15)

    def _count(self, rate: Fraction | None, duration: Fraction | None) -> int | None:
        """How many frames come out, as far as the source's hints tell."""
        filters, count = self._filters, self._source.frame_count
        if filters.trim is None and filters.fps is None:
            return 2 * count if count and filters.deinterlace == "fields" else count
        start, end = filters.trimmed
        if filters.fps is None and end and end.frames is not None and (not start or start.frames is not None):
            skipped = (start.frames or 0) if start else 0
            return (min(end.frames, count) if count and count > skipped else end.frames) - skipped
        if not (duration and rate):
            return None
        return round(duration * rate) if filters.fps else math.ceil(duration * rate - _ROUNDED)


class _Frames:
    """Frames from anywhere as a reader."""

    def __init__(self, frames: Iterator[Frame], info: VideoInfo) -> None:
        first = next(frames, None)
        self._frames = chain([first] if first else [], frames)
        self.info = info
        self.origin = first.pts if first else 0

    def skip_to(self, ticks: int) -> None:
        """They come as they come."""

    def pictures(self) -> Iterator[av.VideoFrame]:
        return (picture_of(frame) for frame in self._frames)


def filtered(frames: Iterator[Frame], info: VideoInfo, filters: Filters) -> tuple[VideoInfo, Iterator[Frame]]:
    """Frames that ``info`` describes, filtered, and what describes them then. Raises as ``VideoSource`` does; crop auto
    finds nothing here."""
    reader = FilteredReader(_Frames(frames, info), filters, filters.cropped)
    return reader.info, iter(reader)


class _Uniform:
    """Pictures in one pixel format that filters work on: planar YUV as it is, anything else as 4:2:0."""

    def __init__(self, first: av.VideoFrame, info: VideoInfo) -> None:
        self._native = first.format.name if _is_planar_yuv(first.format) else None
        self._info = info
        self.first = self._convert(first)

    def all(self, rest: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        yield self.first
        for picture in rest:
            yield self._convert(picture)

    def _convert(self, picture: av.VideoFrame) -> av.VideoFrame:
        if picture.format.name == self._native:
            return picture
        if self._native not in (None, PIXEL_FORMATS[self._info.depth]):
            raise InputError(f"the pixel format changes from {self._native} to {picture.format.name}")
        return picture_of(frame_of_picture(picture, self._info))


def _is_planar_yuv(pixels: av.VideoFormat) -> bool:
    components = pixels.components
    return (
        not pixels.is_rgb
        and not pixels.has_palette
        and not pixels.is_big_endian
        and [component.plane for component in components] == [0, 1, 2]
    )


class _Graph:
    def __init__(self, like: av.VideoFrame, chain: list[tuple[str, str]]) -> None:
        graph = av.filter.Graph()
        graph.threads = 1  # swscale's threads spoil pictures of odd width
        try:
            source = graph.add(
                "buffer",
                video_size=f"{like.width}x{like.height}",
                pix_fmt=like.format.name,
                time_base=str(like.time_base),
                range=str(int(like.color_range)),
                colorspace=str(int(like.colorspace)),
            )
            sink = graph.add("buffersink")
            graph.link_nodes(source, *(graph.add(name, options) for name, options in chain), sink)
            graph.configure()
        except (av.FFmpegError, ValueError) as error:
            asked = ", ".join(f"{name}={options}" for name, options in chain)
            raise UsageError(f"FFmpeg can't filter {like.width}x{like.height} with {asked}: {error}") from error
        self._graph, self._source, self._sink = graph, source, sink

    def run(self, pictures: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        for picture in pictures:
            yield from self._through(picture)
        yield from self._through(None)

    def _through(self, picture: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        try:
            self._source.push(picture)
            while True:
                made = self._sink.pull()
                assert isinstance(made, av.VideoFrame)
                yield made
        except (av.BlockingIOError, av.EOFError):
            return
        except av.FFmpegError as error:
            raise InputError(f"filtering failed: {error}") from error


def _trimmed(reader: Reader, span: Span, cut: Cut) -> Iterator[av.VideoFrame]:
    """The pictures of the span, the first of them at time 0; ``cut`` is told."""
    start, end = span
    base = reader.info.time_base
    last = None if end is None or end.seconds is None else reader.origin + math.ceil(end.seconds / base)
    if start and start.seconds and (end is None or end.seconds is not None):  # no pictures to be counted
        reader.skip_to(reader.origin + math.floor(start.seconds / base))
    shift: int | None = None
    for number, picture in enumerate(reader.pictures()):
        pts = picture.pts or 0
        time = (pts - reader.origin) * base
        if end is not None and end.is_reached(number, time):
            cut.end = cut.end or pts * base
            return
        if start is not None and not start.is_reached(number, time):
            continue
        if shift is None:
            shift, cut.start = pts, pts * base
            if end is not None and end.seconds is not None:
                cut.end = reader.origin * base + end.seconds
        if last is not None and pts + (picture.duration or 0) > last:
            picture.duration = last - pts
        picture.pts = pts - shift
        yield picture


def _trimmed_on(reader: Reader, span: Span, cut: Cut) -> Iterator[av.VideoFrame]:
    """Like ``_trimmed``, from where the reader is: after the start of the span, which ``cut`` knows; pictures are not
    counted."""
    end, base = span.end, reader.info.time_base
    last = None if end is None or end.seconds is None else reader.origin + math.ceil(end.seconds / base)
    shift = int(cut.start / base)
    for picture in reader.pictures():
        pts = picture.pts or 0
        if last is not None and pts >= last:
            return
        if pts < shift:
            continue
        if last is not None and pts + (picture.duration or 0) > last:
            picture.duration = last - pts
        picture.pts = pts - shift
        yield picture


def _lasting(pictures: Iterator[av.VideoFrame], info: VideoInfo) -> Iterator[av.VideoFrame]:
    """The pictures, each with a duration: that of the last counts when a new rate is made."""
    previous: int | None = None
    usual = 1 if info.rate is None else max(1, round(1 / (info.rate * info.time_base)))
    for picture in pictures:
        pts = picture.pts or 0
        step = usual if info.rate or previous is None else pts - previous
        picture.duration = picture.duration or step
        previous = pts
        yield picture


def _interpolated(graph: _Graph, pictures: Iterator[av.VideoFrame], base: Fraction) -> Iterator[av.VideoFrame]:
    """Motion interpolation up to the end of the last picture, which it would leave out: it is shown it again."""
    end: Fraction | None = None

    def extended() -> Iterator[av.VideoFrame]:
        nonlocal end
        picture, pts = None, 0
        for picture in pictures:
            pts = (picture.pts or 0) + picture.duration
            yield picture
        end = pts * base
        for _ in range(_LOOK_AHEAD if picture else 0):
            assert picture is not None
            picture.pts, pts = pts, pts + picture.duration
            yield picture

    for made in graph.run(extended()):
        if end is None or (made.pts or 0) * (made.time_base or 1) < end:
            yield made


def _stored_crop(crop: Crop, info: VideoInfo, interlaced: bool, exact: bool) -> tuple[int, int, int, int]:
    """Width, height, left and top of what to keep of the stored picture, for a crop of the picture as shown.

    Chroma has half the resolution, and in interlaced pictures two fields: the start is rounded down to where it
    begins too, or refused if it has to be ``exact``.
    """
    turn = shown_turn(info)
    width, height, left, top = crop
    shown = (info.height, info.width) if turn in (90, 270) else (info.width, info.height)
    if (left or 0) + width > shown[0] or (top or 0) + height > shown[1]:
        asked = ":".join(str(number) for number in crop if number is not None)
        raise UsageError(f"crop {asked} is not inside the picture of {shown[0]}x{shown[1]}")
    left = (shown[0] - width) // 4 * 2 if left is None else left
    top = (shown[1] - height) // 4 * 2 if top is None else top
    for _ in range(turn // 90):  # one quarter back, clockwise
        shown = (shown[1], shown[0])
        width, height, left, top = height, width, shown[0] - top - height, left
    step = 4 if interlaced else 2
    if exact and (left % 2 or top % step):
        where = f"column {left} and row {top} of the stored picture"
        raise UsageError(f"a crop begins at an even column and at a row that {step} divides, not at {where}")
    return width, height, left - left % 2, top - top % step


def _scale_options(scale: Scale, info: VideoInfo, interlaced: bool) -> str:
    sides = (scale.height, scale.width) if shown_turn(info) in (90, 270) else (scale.width, scale.height)
    return f"{sides[0]}:{sides[1]}:flags={scale.algorithm}+accurate_rnd+full_chroma_int:interl={int(interlaced)}"


def _trimmed_facts(info: VideoInfo, span: Span, cut: Cut) -> tuple[Fraction | None, tuple[Chapter, ...]]:
    """Duration and chapters of what is kept, as far as it can be told before the last picture."""
    end = cut.end
    if end is None and span.end is not None and span.end.frames is not None and info.rate:
        end = cut.start + max(0, span.end.frames - _frames_before(info, span, cut)) / info.rate
    length = info.duration
    if length is not None and span != (None, None):
        length = max(Fraction(0), length - cut.start)
    if end is not None:
        length = end - cut.start if length is None else min(length, end - cut.start)
    return length, info.chapters if span == (None, None) else tuple(_cut_chapters(info.chapters, cut.start, end))


def _frames_before(info: VideoInfo, span: Span, cut: Cut) -> int:
    if span.start is None:
        return 0
    return span.start.frames if span.start.frames is not None else round(cut.start * (info.rate or 1))


def _cut_chapters(chapters: tuple[Chapter, ...], start: Fraction, end: Fraction | None) -> Iterator[Chapter]:
    for chapter in chapters:
        begins, ends = chapter.start * chapter.time_base, chapter.end * chapter.time_base
        kept = (max(begins, start), ends if end is None else min(ends, end))
        if kept[0] < kept[1]:
            first, last = (round((time - start) / chapter.time_base) for time in kept)
            yield replace(chapter, start=first, end=last)
