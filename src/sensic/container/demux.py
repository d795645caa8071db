"""Finds the Sensic track in a Matroska file, and the bytes of its blocks.

The identifiers of Matroska are unique over all levels, so the file is read as one flat sequence of elements: segment,
cluster and block group are entered, blocks of the Sensic track are read, everything else is skipped. That works the
same for files, for pipes whose elements have no size yet, and for files that other software has remuxed. Nothing is
believed: sizes are capped before memory is taken, and Sensic's own checksums decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from sensic.container import ebml
from sensic.container.description import CODEC
from sensic.container.header import StreamHeader
from sensic.container.limits import Limits
from sensic.errors import DamagedError, LimitError, StreamError

_ENTERED = (ebml.SEGMENT, ebml.CLUSTER, ebml.BLOCK_GROUP)
_MAX_NUMBER_BYTES = 8
_MAX_TRACKS_BYTES = 1 << 24  # other tracks may carry fonts and parameter sets
_LACING = 0b0110


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere between two elements: the byte, and the time of the cluster there in milliseconds."""

    position: int
    cluster: int


@dataclass(frozen=True, slots=True)
class RawBlock:
    """What Matroska stored as a block: ``data`` at ``place``, to be shown at ``milliseconds``."""

    place: Place
    milliseconds: int
    data: bytes


class Demuxer:
    """Reads a Matroska file from its start. Raises StreamError where there is no Sensic track in it."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._input = ebml.Input(file)
        self._limits = limits
        self._cluster = 0
        self._check_start()
        self._has_others = False
        self.track, self.header = self._find_track()

    @property
    def seekable(self) -> bool:
        return self._input.seekable

    @property
    def size(self) -> int | None:
        """Bytes of the file, where it can seek."""
        return self._input.end

    @property
    def place(self) -> Place:
        return Place(self._input.position, self._cluster)

    def go_to(self, place: Place) -> None:
        """Continue from a place seen before. Only if ``seekable``."""
        self._input.seek(place.position)
        self._cluster = place.cluster

    def peek(self, position: int, count: int) -> bytes:
        """Up to ``count`` bytes from there. Only if ``seekable``; go somewhere afterwards."""
        self._input.seek(position)
        return self._input.read_up_to(count)

    def has_others(self) -> bool:
        """Whether another track or an attachment may be behind this place, or has been before. Only if ``seekable``;
        go somewhere afterwards."""
        try:
            while not self._has_others and (found := self._input.element()) is not None:
                number, count = found
                self._has_others = number == ebml.ATTACHMENTS
                if count != ebml.UNKNOWN_SIZE:
                    self._skip(count)
        except DamagedError:
            return True  # who knows
        return self._has_others

    def next_block(self) -> RawBlock | None:
        """The next block of the Sensic track, None at the end of the file. Raises DamagedError, LimitError."""
        while True:
            place = self.place
            found = self._input.element()
            if found is None:
                return None
            number, count = found
            if number in (ebml.SIMPLE_BLOCK, ebml.BLOCK):
                block = self._block(place, count)
                if block is not None:
                    return block
            elif number == ebml.TIMESTAMP:
                self._cluster = int.from_bytes(self._read(count, _MAX_NUMBER_BYTES, "a timestamp"), "big")
            elif number not in _ENTERED:
                self._skip(count)

    def _check_start(self) -> None:
        if self._input.end == 0:
            raise StreamError("not a Sensic stream: the file is empty")
        magic = ebml.identifier(ebml.EBML)
        try:
            if self._input.read(len(magic)) != magic:
                raise StreamError("not a Sensic stream: the file is not Matroska")
            count, _ = self._input.variable()
            kind = dict(ebml.children(self._read(count, self._limits.header_bytes, "the EBML header")))
        except DamagedError as error:
            raise StreamError(f"not a Sensic stream: {error}") from error
        if kind.get(ebml.DOC_TYPE, b"").rstrip(b"\0") not in (b"matroska", b"webm"):
            raise StreamError("not a Sensic stream: the file is not Matroska")

    def _find_track(self) -> tuple[int, StreamHeader]:
        while (found := self._input.element()) is not None:
            number, count = found
            if number == ebml.TRACKS:
                return self._own_track(self._read(count, _MAX_TRACKS_BYTES, "the list of tracks"))
            if number == ebml.CLUSTER:
                break
            self._has_others |= number == ebml.ATTACHMENTS
            if number not in _ENTERED:
                self._skip(count)
        raise StreamError("not a Sensic stream: a Matroska file without tracks")

    def _own_track(self, tracks: bytes) -> tuple[int, StreamHeader]:
        entries = [payload for number, payload in ebml.children(tracks) if number == ebml.TRACK_ENTRY]
        self._has_others |= len(entries) > 1
        for payload in entries:
            entry = dict(ebml.children(payload))
            if entry.get(ebml.CODEC_ID, b"").rstrip(b"\0") == CODEC.encode():
                header = StreamHeader.unpack(entry.get(ebml.CODEC_PRIVATE, b""), self._limits)
                return int.from_bytes(entry.get(ebml.TRACK_NUMBER, b""), "big"), header
        raise StreamError("not a Sensic stream: a Matroska file without a Sensic track")

    def _block(self, place: Place, count: int) -> RawBlock | None:
        if count == ebml.UNKNOWN_SIZE:
            raise DamagedError("the file is damaged: a block has no size")
        track, length = self._input.variable()
        left = count - length
        if track != self.track:
            self._skip(left)
            return None
        if left < 3:
            raise DamagedError("the file is damaged: a block is shorter than its head")
        head = self._input.read(3)
        if head[2] & _LACING:
            raise DamagedError("the file is damaged: a block claims to hold several")
        data = self._read(left - 3, self._limits.block_bytes, "bytes of a block")
        offset = int.from_bytes(head[:2], "big", signed=True)
        return RawBlock(place, self._cluster + offset, data)

    def _read(self, count: int, most: int, what: str) -> bytes:
        if count == ebml.UNKNOWN_SIZE:
            raise DamagedError(f"the file is damaged: {what} has no size")
        end = self._input.end
        if end is not None and self._input.position + count > end:
            raise DamagedError("the file is cut short")
        if count > most:
            raise LimitError(f"{what}: {count:,}, but {most:,} is the most allowed")
        return self._input.read(count)

    def _skip(self, count: int) -> None:
        if count == ebml.UNKNOWN_SIZE or count < 0:
            raise DamagedError("the file is damaged: an element has no size")
        self._input.skip(count)
