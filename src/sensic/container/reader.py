"""Reads a Sensic stream from a file, bytes, a pipe or a socket."""

from __future__ import annotations

import bisect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from sensic.container.block import Block, out_of_order
from sensic.container.demux import Demuxer, Place
from sensic.container.limits import DEFAULT_LIMITS, Limits
from sensic.container.salvage import Gap, survivors
from sensic.errors import DamagedError, InputError, LimitError, UsageError

if TYPE_CHECKING:
    from sensic.video import SideStreams


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One block: pts of its first and last frame (in the stream's time base), how many frames, bytes of payload."""

    first_pts: int
    last_pts: int
    frames: int
    starts_group: bool
    payload_bytes: int
    place: Place


class StreamReader:
    """The header and the blocks of a stream; a context manager.

    ``source`` is a path, "-" for standard input, the bytes themselves, or a binary file object, which is left open.
    Nothing is read beyond the block asked for, so a live stream comes without delay. ``blocks`` reads on from where
    the reader stands; ``index`` and ``seek`` need a source that can seek. Raises InputError (can't be opened),
    StreamError (not a Sensic stream), DamagedError, LimitError, VersionError.
    """

    def __init__(self, source: str | Path | bytes | BinaryIO, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self.source = source
        self._limits = limits
        self._owned: BinaryIO | None = None
        self._index: tuple[IndexEntry, ...] | None = None
        self._sequence = 0
        self._ended = False
        file = self._open(source)
        try:
            self._demuxer = Demuxer(file, limits)
        except BaseException:
            self.close()
            raise
        self.header = self._demuxer.header
        self._start = self._demuxer.place

    @property
    def seekable(self) -> bool:
        return self._demuxer.seekable

    def blocks(self) -> Iterator[Block]:
        """The blocks from here on, each checked; DamagedError where one is missing or the stream ends too soon."""
        return (block for block, _ in self._read() if block.frames)

    def survivors(self) -> Iterator[Block | Gap]:
        """The blocks of a damaged stream from its first on that are whole, and the gaps between them. Where the source
        can't seek, a gap ends at the next element that makes sense."""
        items = survivors(self._demuxer, self._unpack)
        return (item for item in items if isinstance(item, Gap) or item.frames)

    def index(self) -> tuple[IndexEntry, ...]:
        """Every block of the stream, from one pass through the file in which checksums are checked and nothing is
        decoded. The reader then stands where it stood before. UsageError if the source can't seek."""
        if self._index is None:
            self._need_seek()
            here, sequence, ended = self._demuxer.place, self._sequence, self._ended
            try:
                self._go_to(self._start, 0)
                self._index = tuple(_entry(block, place) for block, place in self._read() if block.frames)
            finally:
                self._go_to(here, sequence)
                self._ended = ended
        return self._index

    def seek(self, pts: int) -> None:
        """Go to the group that contains ``pts``: ``blocks`` then begins with its first block.

        Before the first frame that is the first group, after the last the last.
        """
        index = self.index()
        number = max(0, bisect.bisect_right(index, pts, key=lambda entry: entry.first_pts) - 1)
        while number and not index[number].starts_group:
            number -= 1
        self._go_to(index[number].place if index else self._start, number)

    def has_side(self) -> bool:
        """Whether there may be side streams: there are none in a file with one track and no attachment."""
        here = self._demuxer.place
        try:
            return self._demuxer.seekable and self._demuxer.has_others()
        finally:
            if self._demuxer.seekable:
                self._demuxer.go_to(here)

    def side(self) -> SideStreams:
        """The side streams; there are none where the source is not a path."""
        from sensic.video import SideStreams

        return SideStreams(self.source if isinstance(self.source, str | Path) else "-")

    def close(self) -> None:
        if self._owned is not None:
            self._owned.close()

    def __enter__(self) -> StreamReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, source: str | Path | bytes | BinaryIO) -> BinaryIO:
        if isinstance(source, bytes):
            return BytesIO(source)
        if source == "-":
            return sys.stdin.buffer
        if not isinstance(source, str | Path):
            return source
        try:
            self._owned = open(source, "rb")  # noqa: SIM115 (closed by close)
        except OSError as error:
            raise InputError(f"can't read {source}: {error.strerror}") from error
        return self._owned

    def _read(self) -> Iterator[tuple[Block, Place]]:
        """Blocks in sequence, and where they start, until the last."""
        group = 0
        previous: int | None = None
        while not self._ended:
            raw = self._demuxer.next_block()
            if raw is None:
                raise DamagedError("the stream is cut short: its last block is missing")
            block = self._unpack(raw.data)
            if fault := out_of_order(block, self._sequence, previous):
                raise DamagedError(fault)
            if block.sequence == 0 and block.frames and not block.starts_group:
                raise DamagedError("the first block doesn't start a group of pictures")
            group = len(block.frames) + (0 if block.starts_group else group)
            if group > self._limits.frames:
                raise LimitError(f"frames of a group: {group:,}, but {self._limits.frames:,} is the most allowed")
            previous = block.frames[-1].pts if block.frames else previous
            self._sequence += 1
            self._ended = block.last
            yield block, raw.place

    def _unpack(self, data: bytes) -> Block:
        """Raises DamagedError, LimitError, VersionError."""
        block, info = Block.unpack(data, self._limits), self.header.info
        if block.frames:
            self._limits.check_contents(len(block.frames), info.width, info.height, info.depth, len(block.payload))
        return block

    def _need_seek(self) -> None:
        if not self._demuxer.seekable:
            raise UsageError("a pipe can't be sought in: give a file")

    def _go_to(self, place: Place, sequence: int) -> None:
        self._demuxer.go_to(place)
        self._sequence, self._ended = sequence, False


def _entry(block: Block, place: Place) -> IndexEntry:
    first, last = block.frames[0].pts, block.frames[-1].pts
    return IndexEntry(first, last, len(block.frames), block.starts_group, len(block.payload), place)
