"""Writes a Sensic stream into a Matroska file, pipe or socket."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from sensic.container import description, ebml
from sensic.container.block import Block
from sensic.container.header import StreamHeader
from sensic.container.mux import Muxer
from sensic.container.side import SideMuxer
from sensic.errors import UsageError
from sensic.video import AtomicFile, SideStreams


class StreamWriter:
    """Writes blocks, and the side streams up to their time; a context manager.

    ``destination`` is a path (the file appears when closed without an error, and not before), "-" for standard output,
    or a binary file object, which is left open. ``payload_bytes`` are those of the blocks' payloads, ``packet_bytes``
    those of whole blocks. With ``low_latency`` in the header every block leaves at once.
    ``notes`` names the side streams that Matroska can't hold. The blocks' ``sequence`` and ``last`` are set here: the
    last block of a stream says so, hence one block is held back, or, with low latency, an empty one ends the stream.
    Raises OutputError, UsageError, LimitError, InputError (a side stream can't be read).
    """

    def __init__(
        self, destination: str | Path | BinaryIO, header: StreamHeader, side: SideStreams | None = None
    ) -> None:
        self.header = header
        self.payload_bytes = self.packet_bytes = 0
        self._sequence = 0
        self._pending: Block | None = None
        self._previous: int | None = None
        self._end = Fraction(0)
        self._closed = False
        self._side: SideMuxer | None = None
        self._atomic: AtomicFile | None = None
        header.pack()  # its errors come before anything is created
        try:
            self._file, patchable = self._open(destination)
            self._side = SideMuxer(side, self._put_side) if side is not None else None
            self._muxer = self._start(patchable)
        except BaseException:
            self.abort()
            raise

    @property
    def notes(self) -> tuple[str, ...]:
        return self._side.notes if self._side else ()

    @property
    def bytes_written(self) -> int:
        """All bytes so far, with those of the block that is held back."""
        return self._muxer.bytes_written + (len(self._pending.payload) if self._pending else 0)

    def write(self, block: Block) -> None:
        """Add a block. The pts of the stream rise strictly, and the first block starts a group."""
        if not block.frames:
            raise UsageError("a block has frames")
        if self._previous is None and not block.starts_group:
            raise UsageError("the first block starts a group of pictures")
        if self._previous is not None and block.frames[0].pts <= self._previous:
            raise UsageError(f"pts {block.frames[0].pts} after {self._previous}: pts rise strictly")
        self._previous = block.frames[-1].pts
        self.payload_bytes += len(block.payload)
        if self.header.low_latency:
            self._put(block)
            self._muxer.flush()
        else:
            if self._pending is not None:
                self._put(self._pending)
            self._pending = block

    def close(self) -> None:
        """Finish the file and let it appear. Nothing happens the second time."""
        if self._closed:
            return
        try:
            self._put(replace(self._pending, last=True) if self._pending else Block((), False, b"", last=True))
            self._pending = None
            if self._side is not None:
                self._side.finish()
            self._muxer.finish(self._end)
        except BaseException:
            self.abort()
            raise
        self._closed = True
        if self._atomic is not None:
            self._atomic.commit()

    def abort(self) -> None:
        """Leave nothing behind, where the destination is a path."""
        self._closed = True
        if self._side is not None:
            self._side.close()
        if self._atomic is not None:
            self._atomic.discard()

    def __enter__(self) -> StreamWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def _open(self, destination: str | Path | BinaryIO) -> tuple[BinaryIO, bool]:
        """The file, and whether sizes can be filled in later (not where it might append)."""
        if destination == "-":
            return sys.stdout.buffer, False
        if isinstance(destination, str | Path):
            self._atomic = AtomicFile(destination)
            return cast(BinaryIO, self._atomic.file), not self._atomic.direct
        return destination, ebml.is_seekable(destination) and "a" not in str(getattr(destination, "mode", ""))

    def _start(self, patchable: bool) -> Muxer:
        side, info = self._side, self.header.info
        others = side.tracks if side else []
        self._track = len(others) + 1
        return Muxer(
            self._file,
            patchable,
            info.tags.get(description.TITLE_TAG, ""),
            ebml.master(ebml.TRACKS, description.track_entry(self.header, self._track), *others),
            description.chapters(info.chapters),
            side.attachments if side else b"",
            description.tags(info.tags, side.tags if side else ()),
        )

    def _put(self, block: Block) -> None:
        """Write the side streams up to the block's first frame, then the block."""
        time_base = self.header.info.time_base
        time = block.frames[0].pts * time_base if block.frames else self._end
        if self._side is not None and block.frames:
            self._side.write_until(time)
        data = replace(block, sequence=self._sequence).pack()
        self._muxer.block(round(time * 1000), self._track, data, block.starts_group)
        self.packet_bytes += len(data)
        self._sequence += 1
        if block.frames:
            self._end = _end(block) * time_base

    def _put_side(self, milliseconds: int, data: bytearray, offset_at: int) -> None:
        self._muxer.element(milliseconds, data, offset_at)


def _end(block: Block) -> int:
    """When the last frame ends; a frame of unknown duration lasts as long as the step before it."""
    last = block.frames[-1]
    if last.duration is not None:
        return last.pts + last.duration
    return 2 * last.pts - block.frames[-2].pts if len(block.frames) > 1 else last.pts
