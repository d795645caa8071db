"""EBML, the notation of Matroska (RFC 8794): every element is an identifier, a size and that many bytes.

An identifier is written as it is (``0x1A45DFA3`` is four bytes). A size is 1 to 8 bytes, big-endian, whose leading
zero bits say how many bytes there are; all ones after the marker bit means unknown. Only what Sensic writes or looks
for has a name here; the numbers are those of RFC 9559.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from sensic.errors import DamagedError, InputError

EBML = 0x1A45DFA3
DOC_TYPE, DOC_TYPE_VERSION, DOC_TYPE_READ_VERSION = 0x4282, 0x4287, 0x4285
SEGMENT = 0x18538067
INFO, MUXING_APP, WRITING_APP, TITLE, DURATION = 0x1549A966, 0x4D80, 0x5741, 0x7BA9, 0x4489
TRACKS, TRACK_ENTRY, TRACK_NUMBER, TRACK_UID, TRACK_TYPE = 0x1654AE6B, 0xAE, 0xD7, 0x73C5, 0x83
CODEC_ID, CODEC_PRIVATE, DEFAULT_DURATION, LANGUAGE = 0x86, 0x63A2, 0x23E383, 0x22B59C
VIDEO, PIXEL_WIDTH, PIXEL_HEIGHT, DISPLAY_WIDTH, DISPLAY_HEIGHT = 0xE0, 0xB0, 0xBA, 0x54B0, 0x54BA
FLAG_INTERLACED, FIELD_ORDER = 0x9A, 0x9D
PROJECTION, PROJECTION_TYPE, PROJECTION_ROLL = 0x7670, 0x7671, 0x7675
COLOUR, MATRIX, RANGE, TRANSFER, PRIMARIES = 0x55B0, 0x55B1, 0x55B9, 0x55BA, 0x55BB
SITING_HORIZONTAL, SITING_VERTICAL, MAX_CLL, MAX_FALL = 0x55B7, 0x55B8, 0x55BC, 0x55BD
MASTERING, LUMINANCE_MAX, LUMINANCE_MIN = 0x55D0, 0x55D9, 0x55DA
CHROMATICITIES = 0x55D1, 0x55D2, 0x55D3, 0x55D4, 0x55D5, 0x55D6, 0x55D7, 0x55D8  # red, green, blue, white: x, y
CHAPTERS, EDITION, CHAPTER_ATOM, CHAPTER_UID = 0x1043A770, 0x45B9, 0xB6, 0x73C4
CHAPTER_START, CHAPTER_END, CHAPTER_DISPLAY, CHAPTER_STRING, CHAPTER_LANGUAGE = 0x91, 0x92, 0x80, 0x85, 0x437C
TAGS, TAG, TARGETS, SIMPLE_TAG, TAG_NAME, TAG_STRING = 0x1254C367, 0x7373, 0x63C0, 0x67C8, 0x45A3, 0x4487
TAG_LANGUAGE = 0x447A
ATTACHMENTS = 0x1941A469
CLUSTER, TIMESTAMP, SIMPLE_BLOCK, BLOCK_GROUP, BLOCK = 0x1F43B675, 0xE7, 0xA3, 0xA0, 0xA1

UNKNOWN_SIZE = -1


def identifier(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def size(count: int, length: int | None = None) -> bytes:
    """The size ``count`` in ``length`` bytes, by default as few as can be; ``UNKNOWN_SIZE`` is all ones."""
    if count == UNKNOWN_SIZE:
        length = length or 1
        return ((1 << 7 * length + 1) - 1).to_bytes(length, "big")
    if length is None:
        length = next(n for n in range(1, 9) if count < (1 << 7 * n) - 1)
    return (count | 1 << 7 * length).to_bytes(length, "big")


def element(number: int, payload: bytes) -> bytes:
    return identifier(number) + size(len(payload)) + payload


def master(number: int, *children: bytes) -> bytes:
    """An element made of elements."""
    return element(number, b"".join(children))


def unsigned(number: int, value: int) -> bytes:
    return element(number, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def text(number: int, value: str) -> bytes:
    return element(number, value.encode())


def real(number: int, value: float) -> bytes:
    """Four bytes where they hold the value exactly, else eight."""
    short = struct.pack(">f", value) if abs(value) < 1e38 else b""
    return element(number, short if short and struct.unpack(">f", short)[0] == value else struct.pack(">d", value))


class Input:
    """Reads elements from a file, pipe or socket, never more than asked for, so that nothing waits for later data."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0
        self.end: int | None = None
        self.seekable = is_seekable(file)
        if self.seekable:
            self._base = file.tell()
            self.end = file.seek(0, 2) - self._base
            file.seek(self._base)

    def read(self, count: int) -> bytes:
        """Exactly ``count`` bytes, or DamagedError where the file ends before."""
        data = self.read_up_to(count)
        if len(data) < count:
            raise DamagedError("the file is cut short")
        return data

    def skip(self, count: int) -> None:
        if self.end is not None:
            if self.position + count > self.end:
                raise DamagedError("the file is cut short")
            self.seek(self.position + count)
            return
        while count:
            count -= len(self.read(min(count, 1 << 16)))

    def seek(self, position: int) -> None:
        """Go to a byte, counted from where the file stood at first. Only if ``seekable``."""
        self._file.seek(self._base + position)
        self.position = position

    def element(self) -> tuple[int, int] | None:
        """Identifier and size (or ``UNKNOWN_SIZE``) of the next element, None at the end of the file."""
        first = self.read_up_to(1)
        if not first:
            return None
        length = 9 - first[0].bit_length()
        if length > 4:
            raise DamagedError("the file is damaged: this is no Matroska element")
        number = int.from_bytes(first + self.read(length - 1), "big")
        return number, self._size()

    def variable(self) -> tuple[int, int]:
        """A number written like a size, and how many bytes it took."""
        first = self.read(1)
        length = 9 - first[0].bit_length()
        if length > 8:
            raise DamagedError("the file is damaged: a number is longer than eight bytes")
        return int.from_bytes(first + self.read(length - 1), "big") & (1 << 7 * length) - 1, length

    def _size(self) -> int:
        count, length = self.variable()
        return UNKNOWN_SIZE if count == (1 << 7 * length) - 1 else count

    def read_up_to(self, count: int) -> bytes:
        """Fewer than ``count`` bytes only where the file ends. Raises InputError."""
        parts = []
        try:
            while count and (part := self._file.read(count)):
                parts.append(part)
                count -= len(part)
                self.position += len(part)
        except OSError as error:
            raise InputError(f"reading failed: {error.strerror or error}") from error
        return parts[0] if len(parts) == 1 else b"".join(parts)


def is_seekable(file: BinaryIO) -> bool:
    """Whether the file says that it can seek; objects that don't say so can't."""
    try:
        return file.seekable()
    except AttributeError:
        return False


def children(payload: bytes) -> Iterator[tuple[int, bytes]]:
    """The elements inside a master element. DamagedError where they don't fill it exactly."""
    source = Input(BytesIO(payload))
    while (found := source.element()) is not None:
        number, count = found
        if count == UNKNOWN_SIZE:
            raise DamagedError("the file is damaged: an element has no size")
        yield number, source.read(count)
