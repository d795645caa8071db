"""Where pictures come from: a file, a file object or a pipe."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, cast

from sensic.errors import InputError
from sensic.video.bars import find_crop
from sensic.video.demux import ContainerReader, local_name
from sensic.video.filters import Filters
from sensic.video.frame import Frame
from sensic.video.graph import Cut, FilteredReader
from sensic.video.info import VideoInfo
from sensic.video.y4m import MAGIC, Y4MReader


class Entry(NamedTuple):
    """Where to begin reading: at a key picture before ``near`` seconds of what comes out, as far as the format allows;
    the first pictures may be spoilt. ``cut`` is what reading from the start found."""

    near: Fraction
    cut: Cut


class VideoSource:
    """The pictures of one video, in presentation order: a context manager and an iterator.

    ``source`` is a path, a binary file object, or "-" for standard input; y4m is read incrementally from any of them,
    other formats by FFmpeg (from pipes as far as the format allows). Every frame that the decoder yields is handed on
    as 4:2:0 with its exact pts; pts increase strictly, and a repair is noted. ``info`` is known at once; ``notes`` is
    complete after the last frame. With ``filters``, all of this is of the filtered pictures, and ``cut`` says what is
    kept of the source's time. ``entry`` lets it begin later. Raises InputError and UnsupportedError, UsageError for
    filters that don't fit. Frames can be read once.
    """

    def __init__(
        self, source: str | Path | BinaryIO, filters: Filters | None = None, entry: Entry | None = None
    ) -> None:
        self._owned: BinaryIO | None = None
        self._filtered: FilteredReader | None = None
        self.cut = Cut()
        try:
            self._reader = self._open(source)
            if entry is not None:
                self._reader.jump(int((entry.near + entry.cut.start) / self._reader.info.time_base))
            if filters is not None and filters != Filters():
                crop = find_crop(source, filters)
                self._filtered = FilteredReader(self._reader, filters, crop, entry and entry.cut)
                self.cut = self._filtered.cut
        except BaseException:
            self.close()
            raise
        self._frames = self._whole(iter(self._filtered or self._reader))

    @property
    def info(self) -> VideoInfo:
        return (self._filtered or self._reader).info

    @property
    def notes(self) -> tuple[str, ...]:
        """``info.notes`` and what came up while reading."""
        found = self._reader.notes if isinstance(self._reader, ContainerReader) else []
        return (*self.info.notes, *(self._filtered.notes if self._filtered else ()), *found)

    def __iter__(self) -> Iterator[Frame]:
        return self._frames

    def _whole(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Raises InputError at the end where the file has become shorter meanwhile: FFmpeg takes that for its end."""
        before = self._length()
        yield from frames
        if self._length() < before:
            raise InputError("the source was cut short while it was read")

    def _length(self) -> int:
        """Bytes of the file; 0 where there is none."""
        return os.fstat(self._owned.fileno()).st_size if self._owned is not None else 0

    def close(self) -> None:
        reader = getattr(self, "_reader", None)
        if isinstance(reader, ContainerReader):
            reader.close()
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, source: str | Path | BinaryIO) -> Y4MReader | ContainerReader:
        if isinstance(source, str | Path):
            if str(source) == "-":
                return _open_stream(sys.stdin.buffer)
            path = os.fspath(source)
            if "://" in path or _is_pattern(path):
                return ContainerReader(path)
            self._owned = _open_file(path)
            if not self._owned.seekable():
                return _open_stream(self._owned)
            if self._owned.read(len(MAGIC)) == MAGIC:
                self._owned.seek(0)
                return Y4MReader(io.BufferedReader(cast(io.RawIOBase, self._owned), 1 << 16))
            return ContainerReader(local_name(path))
        return _open_stream(source)


class _Rejoined(io.RawIOBase):
    """A stream whose beginning was read already; not seekable."""

    def __init__(self, beginning: bytes, rest: BinaryIO) -> None:
        self._beginning = beginning
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if self._beginning:
            part, self._beginning = self._beginning[:size], self._beginning[size:]
            return part
        try:
            return self._rest.read(size) or b""
        except KeyboardInterrupt as error:  # FFmpeg calls this, and PyAV hands on nothing but Exception
            raise OSError("interrupted") from error


def _open_stream(file: BinaryIO) -> Y4MReader | ContainerReader:
    beginning = b""
    try:
        while len(beginning) < len(MAGIC) and MAGIC.startswith(beginning):
            part = file.read(len(MAGIC) - len(beginning))
            if not part:
                break
            beginning += part
        if not beginning:
            raise InputError("the source is empty")
        if beginning == MAGIC:
            return Y4MReader(_Rejoined(beginning, file))
        if file.seekable():
            file.seek(-len(beginning), os.SEEK_CUR)
            return ContainerReader(file)
    except OSError as error:
        raise InputError(f"reading failed: {error}") from error
    return ContainerReader(cast(BinaryIO, _Rejoined(beginning, file)))


def _open_file(path: str) -> BinaryIO:
    try:
        return cast(BinaryIO, open(path, "rb", buffering=0))
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror}") from error


def _is_pattern(path: str) -> bool:
    """Whether this names a numbered series of pictures, like frame%04d.png."""
    return "%" in path and not os.path.exists(path)
