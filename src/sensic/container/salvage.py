"""What can still be read of a damaged stream: every block that its checksum vouches for, and what is missing between.

Where anything is odd (an element that makes no sense, a checksum, a number out of order), the file is searched for the
next good block from the end of the last one on, byte by byte: damage then costs the blocks that it hit, and no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sensic.container import ebml
from sensic.container.block import BLOCK_VERSION, Block, out_of_order
from sensic.container.demux import Demuxer, Place
from sensic.errors import StreamError

_WINDOW = 1 << 20
_LONGEST_HEAD = 1 + 8 + 8 + 3  # identifier, size, track, time and flags
_PATIENCE, _LEAST_PATIENCE = 8, 1 << 26
"""At most so many times the file's bytes are looked at in search of blocks, or so many bytes: a file may be full of
what looks like large blocks."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something is wrong here: ``blocks`` are missing (0: none, but there was more than belongs there; None: nobody
    knows, as the stream ends), and ``reason`` says what was seen first."""

    blocks: int | None
    reason: str


def survivors(demuxer: Demuxer, unpack: Callable[[bytes], Block]) -> Iterator[Block | Gap]:
    """Good blocks in order from where the demuxer stands, as ``unpack`` makes them, and the gaps between them.

    A source that can't seek is not searched: where its elements make no sense any more, it ends.
    """
    return _Salvage(demuxer, unpack).items()


class _Salvage:
    def __init__(self, demuxer: Demuxer, unpack: Callable[[bytes], Block]) -> None:
        self._demuxer, self._unpack = demuxer, unpack
        self._sequence = 0  # of the block to come
        self._pts: int | None = None  # of the last frame so far
        self._good = demuxer.place  # behind the last good block
        self._budget = max(_LEAST_PATIENCE, _PATIENCE * (demuxer.size or 0))

    def items(self) -> Iterator[Block | Gap]:
        while True:
            reason, block = "", None
            try:
                block = self._next()
                reason = out_of_order(block, self._sequence, self._pts) if block else ""
            except StreamError as error:
                reason = str(error)
            if reason:
                block = self._search() if self._demuxer.seekable else self._wait()
            if block is None:
                yield Gap(None, reason or "the stream is cut short: its last block is missing")
                return
            if reason:
                yield Gap(block.sequence - self._sequence, reason)
            yield block
            if block.last:
                return
            self._sequence = block.sequence + 1
            self._pts = block.frames[-1].pts if block.frames else self._pts
            self._good = self._demuxer.place

    def _next(self) -> Block | None:
        raw = self._demuxer.next_block()
        return None if raw is None else self._unpack(raw.data)

    def _is_next(self, block: Block) -> bool:
        """Whether it may follow the last good block, be it that others between are lost."""
        late = self._pts is None or not block.frames or block.frames[0].pts > self._pts
        return block.sequence >= self._sequence and late

    def _wait(self) -> Block | None:
        """The next good block of a pipe."""
        while True:
            try:
                block = self._next()
            except StreamError:  # what was wrong has been read: there is less and less left
                continue
            if block is None or self._is_next(block):
                return block

    def _search(self) -> Block | None:
        """The next good block in the bytes behind the last one; the demuxer then stands behind it."""
        head = _heads(self._demuxer.track)
        start = self._good.position
        while window := self._demuxer.peek(start, _WINDOW + _LONGEST_HEAD):
            for match in head.finditer(window):
                if match.start() >= _WINDOW:
                    break
                block = self._block_at(start + match.start())
                if block is not None and self._is_next(block):
                    return block
                if self._budget < 0:
                    return None
            start += _WINDOW
        return None

    def _block_at(self, position: int) -> Block | None:
        self._demuxer.go_to(Place(position, self._good.cluster))
        try:
            return self._next()
        except StreamError:
            return None
        finally:
            self._budget -= max(0, self._demuxer.place.position - position)


def _heads(track: int) -> re.Pattern[bytes]:
    """What the head of a block of the track looks like, and the first byte of what it holds."""
    sizes = b"|".join(b"[\\x%02x-\\x%02x].{%d}" % (128 >> n, (256 >> n) - 1, n) for n in range(8))
    kinds = b"[" + re.escape(ebml.identifier(ebml.SIMPLE_BLOCK) + ebml.identifier(ebml.BLOCK)) + b"]"
    version = b"[\\x%02x-\\x%02x]" % (1 << 5, (BLOCK_VERSION + 1 << 5) - 1)
    number = b"|".join(re.escape(ebml.size(track, length)) for length in range(1, 9) if track < (1 << 7 * length) - 1)
    return re.compile(b"(?=%s(?:%s)(?:%s)...%s)" % (kinds, sizes, number, version), re.DOTALL)
