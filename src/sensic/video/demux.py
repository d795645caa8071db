"""Pictures out of any file that FFmpeg reads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av

from sensic.errors import InputError, UnsupportedError, UsageError
from sensic.video.frame import Frame
from sensic.video.hdr import hdr_of, side_data_of
from sensic.video.info import Chapter, VideoInfo
from sensic.video.planes import colour_of, conversion_note, depth_of, planes_of
from sensic.video.tags import container_tags, stream_tags
from sensic.video.y4m import interlaced_note

_LONG = Fraction(1, 2)  # seconds: sound may go on for a while
_PLAYLISTS = {"concat", "dash", "hls", "sdp", "tty"}  # name other files, or are plain text shown as a terminal
_INDEXED = {"matroska", "mov"}
_FIELD_ORDERS = {2: "tff", 3: "bff", 4: "tff", 5: "bff"}  # AVFieldOrder; 4 and 5 are of fields stored interleaved
_NOT_KEPT = {
    "A53_CC": "closed captions inside the pictures aren't kept",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata isn't kept; the base layer is",
    "DYNAMIC_HDR_PLUS": "HDR10+ dynamic metadata isn't kept",
    "ICC_PROFILE": "the ICC colour profile isn't kept",
}


def open_container(source: str | BinaryIO) -> av.container.InputContainer:
    """Open a path, URL or file object for reading. Raises InputError, with FFmpeg's reason."""
    options = {} if not isinstance(source, str) or "://" in source else {"protocol_whitelist": "file"}
    name = source if isinstance(source, str) else getattr(source, "name", "the source")
    try:
        container = av.open(source, "r", container_options=options, metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"can't read {name} as video: {reason}") from error
    if _PLAYLISTS & set(container.format.name.split(",")):
        container.close()
        raise UnsupportedError(f"{name} is not a video file ({container.format.name})")
    return container


def local_name(path: str) -> str:
    """The path as a name that FFmpeg can't take for a protocol; URLs stay."""
    return path if os.path.isabs(path) or "://" in path else os.path.join(".", path)


class ContainerReader:
    """Decodes the main video stream of a container: ``info``, then an iterator of Frame.

    ``notes`` grows while frames are read. Raises InputError where there is no video, nothing decodes, or the picture
    size changes.
    """

    def __init__(self, source: str | BinaryIO) -> None:
        self.notes: list[str] = []
        self._source = source
        self._first: av.VideoFrame  # decoded, but not handed on yet
        self._open()
        try:
            self.info = _describe(self._container, self._stream, self._first)
            self.origin = self._first.pts or 0  # when the first picture is shown, in ``info.time_base``
        except UsageError as error:
            self.close()
            raise InputError(f"the source describes itself wrongly: {error}") from error
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        return (frame_of_picture(picture, self.info) for picture in self.pictures())

    def pictures(self) -> Iterator[av.VideoFrame]:
        """What the decoder yields, every time in ``info.time_base`` and later than the one before."""
        repaired = 0
        previous: int | None = None
        waiting: list[av.VideoFrame | None] = [self._first]  # the next picture, if it had to be looked at already
        while picture := waiting.pop() if waiting else next(self._pictures, None):
            pts = picture.pts
            if pts is None or (previous is not None and pts <= previous):
                waiting.append(next(self._pictures, None))
                pts = 0 if previous is None else previous + self._step(picture, previous, waiting[0])
                repaired += 1
            previous = pts
            self._check(picture)
            picture.pts, picture.time_base = pts, self.info.time_base
            yield picture
        if repaired:
            self.notes.append(
                f"{repaired} frames had no time or not a later one than the frame before; they were given one"
            )
        if missing := self._missing(previous):
            self.notes.append(missing)
        if self._damaged:
            self.notes.append(f"{self._damaged} packets of the source are damaged and were left out")

    def close(self) -> None:
        self._container.close()

    def _missing(self, last: int | None) -> str:
        """A note where the source ends long before it says that it does."""
        lasts, time_base = self.info.duration, self.info.time_base
        ends = Fraction(0) if last is None else (last - self.origin) * time_base
        if lasts is None or lasts - ends < _LONG + lasts / 20:
            return ""
        return f"the pictures end at {float(ends):.2f} s, though the source says that it lasts {float(lasts):.2f} s"

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Every picture that the decoder yields; what it can't decode is counted."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.InvalidDataError:
                packet = None
                self._damaged += 1
            except (av.FFmpegError, OSError) as error:
                raise InputError(f"reading failed: {error}") from error
            try:
                yield from self._stream.decode(packet)
            except av.EOFError:
                return
            except av.InvalidDataError:
                self._damaged += 1
            except (av.FFmpegError, ValueError) as error:
                raise InputError(f"decoding failed: {error}") from error
            if packet is None or packet.size == 0:
                return

    def jump(self, ticks: int) -> av.VideoFrame | None:
        """Go to a key picture from which what is shown at ``ticks`` of ``info.time_base`` can be decoded, and give it;
        None where there is nothing. Some formats come too late."""
        self._damaged = 0
        try:
            self._container.seek(ticks, stream=self._stream)
        except av.FFmpegError:
            return None
        self._pictures = self._decode()
        first = next(self._pictures, None)
        self._first = self._first if first is None else first
        return first

    def skip_to(self, ticks: int) -> None:
        """Let ``pictures`` begin at or before what is shown at ``ticks``: close before it in files with an index that
        can be trusted, else with the first."""
        if isinstance(self._source, str) and _INDEXED & set(self._container.format.name.split(",")):
            first = self.jump(ticks)
            if first is None or first.pts is None or first.pts > ticks:
                self._container.close()
                self._open()

    def _open(self) -> None:
        self._damaged = 0
        self._container = open_container(self._source)
        try:
            self._stream = _main_video(self._container)
            self._stream.thread_type = "AUTO"
            self._pictures = self._decode()
            first = next(self._pictures, None)
            if first is None:
                raise InputError("no picture of the video could be decoded")
            self._first = first
        except BaseException:
            self._container.close()
            raise

    def _check(self, picture: av.VideoFrame) -> None:
        info = self.info
        if (picture.width, picture.height) != (info.width, info.height):
            raise UnsupportedError(
                f"the picture size changes from {info.width}x{info.height} to {picture.width}x{picture.height}"
            )
        if depth_of(picture.format) != info.depth:
            raise UnsupportedError(f"the pixel format changes from {info.source_format} to {picture.format.name}")

    def _step(self, picture: av.VideoFrame, previous: int, following: av.VideoFrame | None) -> int:
        """From the previous time to one for a picture that has none, or an earlier one: as little as there is if the
        source goes on at a later time, else the distance of frames."""
        if picture.pts is not None and following and following.pts is not None and following.pts > previous + 1:
            return 1
        rate = self.info.rate or self._stream.guessed_rate or Fraction(25)
        return max(1, picture.duration or round(1 / (rate * self.info.time_base)))


def frame_of_picture(picture: av.VideoFrame, info: VideoInfo) -> Frame:
    """A decoded picture as 4:2:0. Raises InputError, UnsupportedError."""
    colour = colour_of(picture)
    try:
        return Frame(
            *planes_of(picture),
            depth=info.depth,
            pts=picture.pts or 0,
            time_base=info.time_base,
            duration=picture.duration or None,
            colour=info.colour if colour == info.colour else colour,
        )
    except UsageError as error:
        raise InputError(f"the picture at {picture.pts} is not valid: {error}") from error


def _main_video(container: av.container.InputContainer) -> av.VideoStream:
    """The default video stream, or the first; never a cover picture."""
    covers = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    streams = [s for s in container.streams.video if not s.disposition & covers]
    if not streams:
        only = "only a cover picture" if container.streams.video else "no video stream"
        raise UnsupportedError(f"there is {only} in the source")
    default = [s for s in streams if s.disposition & av.stream.Disposition.default]
    chosen = (default or streams)[0]
    if chosen.codec_context is None:
        raise UnsupportedError("no decoder knows this video stream")
    return chosen


def _describe(container: av.container.InputContainer, stream: av.VideoStream, first: av.VideoFrame) -> VideoInfo:
    colour = colour_of(first)
    field_order = _field_order(stream, first)
    matrix = _display_matrix(first)
    rate = _constant_rate(stream)
    duration = _duration(container, stream)
    return VideoInfo(
        width=first.width,
        height=first.height,
        depth=depth_of(first.format),
        time_base=first.time_base or stream.time_base or Fraction(1, 25),
        rate=rate,
        sample_aspect_ratio=stream.sample_aspect_ratio or None,
        rotation=round(first.rotation / 90) * 90,
        display_matrix=matrix if matrix and not _is_rotation(matrix) else None,
        colour=colour,
        field_order=field_order,
        hdr=hdr_of(first),
        tags=container_tags(container.metadata),
        stream_tags=stream_tags(stream.metadata),
        chapters=_chapters(container),
        frame_count=stream.frames or (round(duration * rate) if duration and rate else None),
        duration=duration,
        source_format=first.format.name,
        notes=_notes(container, stream, first, field_order),
    )


def _constant_rate(stream: av.VideoStream) -> Fraction | None:
    """The rate, if the average over the file is also the rate that the timestamps suggest."""
    average, base = stream.average_rate, stream.base_rate
    if not average:
        return base or None
    return average if base and abs(average / base - 1) < Fraction(1, 500) else None


def _duration(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction | None:
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    return Fraction(container.duration, av.time_base) if container.duration else None


def _field_order(stream: av.VideoStream, first: av.VideoFrame) -> str:
    if first.interlaced_frame:
        return "tff" if _is_top_first(first) else "bff"
    return _FIELD_ORDERS.get(int(stream.codec_context.field_order), "progressive")


def _is_top_first(picture: av.VideoFrame) -> bool:
    """What the decoder says of an interlaced picture, which only a filter can see in PyAV."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 25)
    )
    graph.link_nodes(source, graph.add("select", r"eq(interlace_type\,TOPFIRST)"), graph.add("buffersink")).configure()
    graph.vpush(picture)
    try:
        graph.vpull()
    except (av.BlockingIOError, av.EOFError):
        return False
    return True


def _display_matrix(frame: av.VideoFrame) -> tuple[int, ...] | None:
    for data in side_data_of(frame):
        if data.type.name == "DISPLAYMATRIX":
            return tuple(memoryview(bytes(data)).cast("i"))
    return None


def _is_rotation(matrix: tuple[int, ...]) -> bool:
    """Whether the matrix is a turn by a multiple of 90 degrees, wherever it moves the picture to."""
    one = 1 << 16
    turns = {(one, 0, 0, one), (0, one, -one, 0), (-one, 0, 0, -one), (0, -one, one, 0)}
    return (matrix[0], matrix[1], matrix[3], matrix[4]) in turns and matrix[2] == matrix[5] == 0


def _chapters(container: av.container.InputContainer) -> tuple[Chapter, ...]:
    def chapter(entry: Any) -> Chapter:
        return Chapter(entry["start"], entry["end"], entry["time_base"], entry["id"], dict(entry["metadata"]))

    return tuple(chapter(entry) for entry in container.chapters())


def _notes(
    container: av.container.InputContainer, stream: av.VideoStream, first: av.VideoFrame, field_order: str
) -> tuple[str, ...]:
    notes = []
    if note := conversion_note(first.format):
        notes.append(note)
    if field_order != "progressive":
        notes.append(interlaced_note(field_order))
    notes += [_NOT_KEPT[data.type.name] for data in side_data_of(first) if data.type.name in _NOT_KEPT]
    others = len(container.streams.video) - 1
    if others:
        notes.append(f"{others} more video stream{'s are' if others > 1 else ' is'} not kept")
    return tuple(notes)
