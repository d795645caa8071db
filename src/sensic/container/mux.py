"""The few elements of Matroska that a Sensic stream needs, written as they come.

::

    EBML header
    Segment                            size in 6 bytes; unknown (all ones) while written, and on pipes
        Info                           no duration on pipes
        Tracks                         the Sensic track first
        Chapters, Attachments, Tags    where there are any
        Cluster ...                    size in 4 bytes; unknown while written, and on pipes
            Timestamp                  milliseconds
            SimpleBlock, BlockGroup    SimpleBlock for the Sensic track; what FFmpeg chose for the others

FFmpeg's own muxer adds 550 bytes to a file of one block (2.7% of 20 kB), holds back each frame on a pipe until the
next one, and its name for video it doesn't know (V_UNCOMPRESSED) makes ffprobe fail.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import BinaryIO

from sensic.container import description, ebml
from sensic.errors import OutputError

MAX_CLUSTER_MS = 25_000  # a group may last 7 s more before another cluster has to begin
MAX_CLUSTER_BYTES = 1 << 22
_MIN_OFFSET, _MAX_OFFSET = -(1 << 15), (1 << 15) - 1
_SEGMENT_SIZE, _CLUSTER_SIZE = 6, 4
_KEY_FRAME = 0x80


class Muxer:
    """Writes to ``file``; goes back to fill in sizes and the duration if ``patchable``. Raises OutputError."""

    def __init__(self, file: BinaryIO, patchable: bool, title: str, *elements: bytes) -> None:
        """``elements`` are those between Info and the first cluster."""
        self._file = file
        self._patchable = patchable
        self._base = file.tell() if patchable else 0
        self._cluster_time = 0
        self._cluster_start: int | None = None  # of its contents
        self.bytes_written = 0
        start = description.file_start() + ebml.identifier(ebml.SEGMENT)
        self._segment_start = len(start) + _SEGMENT_SIZE
        info = description.segment_info(title, duration=patchable)
        self._duration_at = self._segment_start + len(info) - 4
        self._write(start + ebml.size(ebml.UNKNOWN_SIZE, _SEGMENT_SIZE) + info + b"".join(elements))

    def block(self, milliseconds: int, track: int, data: bytes, starts_group: bool) -> None:
        """A SimpleBlock with ``data``."""
        if starts_group and self._cluster_is_full(milliseconds, len(data)):
            self._end_cluster()
        head = struct.pack(">hB", self._offset(milliseconds), _KEY_FRAME * starts_group)
        self._write(ebml.element(ebml.SIMPLE_BLOCK, ebml.size(track) + head + data))

    def element(self, milliseconds: int, data: bytearray, offset_at: int) -> None:
        """A block of a side stream, complete but for the two bytes at ``offset_at``: the time since the cluster's."""
        struct.pack_into(">h", data, offset_at, self._offset(milliseconds))
        self._write(bytes(data))

    def finish(self, duration: Fraction) -> None:
        """Fill in the sizes and the duration (seconds) of the whole."""
        self._end_cluster()
        if self._patchable:
            size = ebml.size(self.bytes_written - self._segment_start, _SEGMENT_SIZE)
            self._patch(self._segment_start - _SEGMENT_SIZE, size)
            self._patch(self._duration_at, struct.pack(">f", max(0.0, float(duration * 1000))))
        self.flush()

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            raise OutputError(f"writing failed: {error.strerror}") from error

    def _cluster_is_full(self, milliseconds: int, count: int) -> bool:
        if self._cluster_start is None:
            return False
        size = self.bytes_written - self._cluster_start + count
        return size > MAX_CLUSTER_BYTES or milliseconds - self._cluster_time > MAX_CLUSTER_MS

    def _offset(self, milliseconds: int) -> int:
        """The time since the cluster's, in a new cluster where there is none or the time is too far off.

        A cluster's time can't be negative, an offset can, down to -32,768; what is earlier is written as that.
        """
        if self._cluster_start is None or not _MIN_OFFSET <= milliseconds - self._cluster_time <= _MAX_OFFSET:
            self._end_cluster()
            self._cluster_time = max(0, milliseconds)
            self._write(ebml.identifier(ebml.CLUSTER) + ebml.size(ebml.UNKNOWN_SIZE, _CLUSTER_SIZE))
            self._cluster_start = self.bytes_written
            self._write(ebml.unsigned(ebml.TIMESTAMP, self._cluster_time))
        return max(_MIN_OFFSET, milliseconds - self._cluster_time)

    def _end_cluster(self) -> None:
        if self._cluster_start is not None and self._patchable:
            count = self.bytes_written - self._cluster_start
            if count < (1 << 7 * _CLUSTER_SIZE) - 1:  # else it stays unknown, which is as good
                self._patch(self._cluster_start - _CLUSTER_SIZE, ebml.size(count, _CLUSTER_SIZE))
        self._cluster_start = None

    def _write(self, data: bytes) -> None:
        self.bytes_written += len(data)
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise OutputError(f"writing failed: {error.strerror}") from error

    def _patch(self, position: int, data: bytes) -> None:
        try:
            self._file.seek(self._base + position)
            self._file.write(data)
            self._file.seek(self._base + self.bytes_written)
        except OSError as error:
            raise OutputError(f"writing failed: {error.strerror}") from error
