"""Where pictures go: any container and codec that PyAV writes, lossless unless told otherwise, or y4m."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import av

from sensic.errors import UsageError
from sensic.video.atomic import AtomicFile
from sensic.video.frame import Frame
from sensic.video.info import VideoInfo
from sensic.video.mux import ContainerWriter
from sensic.video.side import SideStreams
from sensic.video.y4m import Y4MWriter

_Y4M = "yuv4mpegpipe"
_TOLERANCE = Fraction(2, 1000)  # seconds; Matroska rounds to one millisecond


class VideoSink:
    """Writes one video: ``write`` frames in presentation order, then ``close``. A context manager.

    ``destination`` is a path, a binary file object, or "-" for standard output. ``format`` is FFmpeg's name of the
    container, by default the one of the path's extension; y4m for "-". ``codec`` and ``options`` are FFmpeg's; the
    default is lossless: FFV1 where the container takes it, else H.264 or VP9 without loss. ``side`` streams are
    copied along.

    A path appears whole or not at all: it is written under another name beside it, and removed when an exception
    (Ctrl-C included) passes through the context manager. ``notes`` says, after ``close``, what the container could
    not hold. Raises OutputError and UsageError.
    """

    def __init__(
        self,
        destination: str | Path | BinaryIO,
        info: VideoInfo,
        *,
        codec: str | None = None,
        options: Mapping[str, str] | None = None,
        side: SideStreams | None = None,
        format: str | None = None,
    ) -> None:
        self.info = info
        self._closed = False
        self._atomic: AtomicFile | None = None
        self._last: Fraction | None = None
        self.container = container = container_of(destination, format)
        if container in ("y4m", _Y4M) and codec is not None:
            raise UsageError("y4m holds raw pictures; it takes no codec")
        file = self._open(destination)
        try:
            self._writer: _Y4MOutput | ContainerWriter
            if container in ("y4m", _Y4M):
                self._writer = _Y4MOutput(file, info, side)
            else:
                self._writer = ContainerWriter(file, container, info, codec, dict(options or {}), side)
        except BaseException:
            self.abort()
            raise

    @property
    def codec(self) -> str | None:
        """FFmpeg's name of what codes the pictures; None where they are raw."""
        return self._writer.codec

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._writer.notes)

    def write(self, frame: Frame) -> None:
        """Add a frame of the size and depth of ``info``, later than the one before."""
        info = self.info
        if (frame.width, frame.height, frame.depth) != (info.width, info.height, info.depth):
            raise UsageError(
                f"a frame of {frame.width}x{frame.height}, {frame.depth} bits doesn't go into a video "
                f"of {info.width}x{info.height}, {info.depth} bits"
            )
        if self._last is not None and frame.time <= self._last:
            raise UsageError(f"a frame at {frame.time} s doesn't come after one at {self._last} s")
        self._last = frame.time
        self._writer.write(frame)

    def close(self) -> None:
        """Finish the file and put it in its place."""
        if self._closed:
            return
        try:
            self._writer.close()
            if self._atomic is not None:
                self._atomic.check()
                if not self._atomic.direct and isinstance(self._writer, ContainerWriter):
                    self._writer.complete(self._atomic.written)
                self._atomic.commit()
            self._closed = True
        finally:
            if not self._closed:
                self.abort()

    def abort(self) -> None:
        """Give up: nothing is left at the destination."""
        if self._closed:
            return
        self._closed = True
        writer = getattr(self, "_writer", None)
        if isinstance(writer, ContainerWriter):
            writer.abort()
        if self._atomic is not None:
            self._atomic.discard()

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _open(self, destination: str | Path | BinaryIO) -> BinaryIO | io.FileIO:
        if not isinstance(destination, str | Path):
            return destination
        if str(destination) == "-":
            return sys.stdout.buffer
        self._atomic = AtomicFile(destination)
        return self._atomic.file


class _Y4MOutput:
    """Frames as y4m, with notes on what a stream without timestamps and metadata loses."""

    codec = None

    def __init__(self, file: BinaryIO | io.FileIO, info: VideoInfo, side: SideStreams | None) -> None:
        self.notes: list[str] = []
        self._info = info
        self._rate = info.rate or _average_rate(info)
        self._irregular = False
        self._first: Fraction | None = None
        self._count = 0
        self._writer = Y4MWriter(file, info, self._rate)
        if info.rotation or info.display_matrix:
            self.notes.append(f"y4m can't hold the rotation by {info.rotation} degrees")
        if side is not None and side.templates:
            self.notes.append("y4m holds pictures only; audio and subtitles are left out")

    def write(self, frame: Frame) -> None:
        if self._first is None:
            self._first = frame.time
        self._irregular |= abs(frame.time - self._first - self._count / self._rate) > _TOLERANCE
        self._count += 1
        self._writer.write(frame)

    def close(self) -> None:
        if self._irregular:
            self.notes.append(f"y4m has no timestamps: frames are written at {float(self._rate):g} frames/s throughout")


def _average_rate(info: VideoInfo) -> Fraction:
    if info.frame_count and info.duration:
        return Fraction(info.frame_count / info.duration).limit_denominator(1001)
    return Fraction(25)


def container_of(destination: str | Path | BinaryIO, format: str | None = None) -> str:
    """FFmpeg's name of the container: ``format``, else what the extension says. Raises UsageError."""
    if format is not None:
        return format
    if not isinstance(destination, str | Path):
        raise UsageError("writing to a file object needs a format, like 'matroska' or 'y4m'")
    if str(destination) == "-":
        return _Y4M
    suffix = os.path.splitext(destination)[1]
    if suffix.lower() == ".y4m":
        return _Y4M
    try:
        with av.open(f"x{suffix.lower()}", "w") as probe:  # nothing is created before the first packet
            return probe.format.name
    except (ValueError, av.FFmpegError) as error:
        raise UsageError(
            f"no container is known by the extension {suffix!r}; try .mkv, .mp4, .mov, .webm, .nut or .y4m"
        ) from error
