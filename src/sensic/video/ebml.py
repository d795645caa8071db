"""The little EBML (RFC 8794) that is needed to describe a track, and to correct a description FFmpeg wrote."""

from __future__ import annotations

import struct
from collections.abc import Iterator

VOID, CRC32 = 0xEC, 0xBF


def element(number: int, body: bytes) -> bytes:
    """An element with an eight-byte length."""
    return identifier(number) + (len(body) | 1 << 56).to_bytes(8, "big") + body


def unsigned(number: int, value: int) -> bytes:
    return element(number, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def real(number: int, value: float) -> bytes:
    return element(number, struct.pack(">d", value))


def short(number: int, body: bytes) -> bytes:
    """An element with the shortest length there is."""
    size = len(body)
    width = max(1, -(-(size + 2).bit_length() // 7))
    return identifier(number) + (size | 1 << 7 * width).to_bytes(width, "big") + body


def void(size: int) -> bytes:
    """An empty element of ``size`` bytes in all, from 2 to 128; nothing for 0. Raises ValueError for other sizes."""
    if size == 0:
        return b""
    if not (2 <= size <= 128):
        raise ValueError("no void element of this size")
    return identifier(VOID) + bytes([0x80 | (size - 2)]) + bytes(size - 2)


def identifier(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """Number, body start and body length of the element at ``at``. Raises ValueError where there is none."""
    number, at = _variable(data, at, keep_marker=True)
    length, at = _variable(data, at, keep_marker=False)
    return number, at, length


def children(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Numbers and bodies of the elements that ``data`` is made of. Raises ValueError."""
    at = 0
    while at < len(data):
        number, start, length = read_head(data, at)
        at = start + length
        if at > len(data):
            raise ValueError("an element is longer than what holds it")
        yield number, data[start:at]


def _variable(data: bytes, at: int, keep_marker: bool) -> tuple[int, int]:
    if at >= len(data) or not data[at]:
        raise ValueError("no EBML number here")
    size = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + size], "big")
    return (value if keep_marker else value & ((1 << 7 * size) - 1)), at + size
