"""Side streams (audio, subtitles, attachments) as Matroska elements.

FFmpeg knows how each codec is stored in Matroska, so it muxes the side streams by themselves, into memory; the track
entries and blocks are then taken out and written beside Sensic's own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO

import av

from sensic.container import ebml
from sensic.errors import DamagedError, InputError, OutputError
from sensic.video import SideStreams, SideWriter

_OPTIONS = {
    "fflags": "+bitexact",
    "write_crc32": "0",
    "flush_packets": "1",
    "cluster_time_limit": "0",  # blocks come out at once
    "max_interleave_delta": "1",  # Sensic interleaves
    "avoid_negative_ts": "disabled",
}
_MOST_BUFFERED = 1 << 20

Deliver = Callable[[int, bytearray, int], None]


class SideMuxer:
    """Turns the packets of ``side`` into blocks.

    ``tracks`` (numbered from 1), ``attachments`` and ``tags`` are elements for the head of the file. A block goes to
    ``deliver`` as its time in milliseconds, its element (SimpleBlock or BlockGroup), and where in it the two bytes are
    that hold the time since the cluster.
    """

    def __init__(self, side: SideStreams, deliver: Deliver) -> None:
        self.tracks: list[bytes] = []
        self.tags: list[bytes] = []
        self.attachments = b""
        self._deliver = deliver
        self._buffer = bytearray()
        self._cluster = 0
        self._started = False
        self._container = av.open(self, "w", format="matroska", options=_OPTIONS)
        try:
            self._writer = SideWriter(self._container, side)
            if self._container.streams:
                self._start()
        except BaseException:
            self.close()
            raise

    @property
    def notes(self) -> tuple[str, ...]:
        """What was left out or converted."""
        return self._writer.notes

    def write_until(self, seconds: Fraction | None) -> None:
        """Deliver what is shown up to ``seconds``; None: all that is left. Raises InputError, OutputError."""
        if self._started:
            self._writer.write_until(seconds)
            self._take()

    def finish(self) -> None:
        """Deliver the rest."""
        self.write_until(None)
        if self._started:
            try:
                self._container.close()
            except av.FFmpegError as error:
                raise OutputError(f"muxing failed: {error.strerror}") from error
            self._take()

    def close(self) -> None:
        """Give everything back; also after a failure."""
        self._started = False
        with contextlib.suppress(Exception):
            self._container.close()

    def write(self, data: bytes) -> int:
        """FFmpeg calls this. There is no seeking, so each element comes once."""
        self._buffer += data
        if self._started and len(self._buffer) > _MOST_BUFFERED:
            self._take()
        return len(data)

    def _start(self) -> None:
        try:
            self._container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise InputError(f"a side stream can't be copied into Matroska: {error}") from error
        source = ebml.Input(BytesIO(bytes(self._buffer)))
        while (found := source.element()) is not None:
            number, count = found
            if number == ebml.SEGMENT:
                continue
            payload = source.read(count)
            if number == ebml.TRACKS:
                self.tracks = _elements(payload, ebml.TRACK_ENTRY)
            elif number == ebml.TAGS:
                self.tags = _elements(payload, ebml.TAG)
            elif number == ebml.ATTACHMENTS:
                self.attachments = ebml.element(number, payload)
        self._buffer.clear()
        self._started = True

    def _take(self) -> None:
        """Deliver the blocks that FFmpeg has written completely; what has only begun stays for the next time."""
        data = bytes(self._buffer)
        source = ebml.Input(BytesIO(data))
        done = 0
        with contextlib.suppress(DamagedError):
            while (found := source.element()) is not None:
                number, count = found
                if number == ebml.CLUSTER:
                    done = source.position
                    continue
                payload = source.read(count)
                if number == ebml.TIMESTAMP:
                    self._cluster = int.from_bytes(payload, "big")
                elif number in (ebml.SIMPLE_BLOCK, ebml.BLOCK_GROUP):
                    block = bytearray(data[done : source.position])
                    at = _offset_at(block, count)
                    self._deliver(self._cluster + int.from_bytes(block[at : at + 2], "big", signed=True), block, at)
                done = source.position
        del self._buffer[:done]


def _elements(payload: bytes, wanted: int) -> list[bytes]:
    return [ebml.element(number, content) for number, content in ebml.children(payload) if number == wanted]


def _offset_at(block: bytearray, count: int) -> int:
    """Where the time since the cluster is, in an element that ends in ``count`` bytes of contents."""
    source = ebml.Input(BytesIO(block))
    source.seek(len(block) - count)
    if block[0] == ebml.BLOCK_GROUP:
        while (found := source.element()) is not None and found[0] != ebml.BLOCK:
            source.skip(found[1])
    source.variable()  # the track's number
    return source.position
