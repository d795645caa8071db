"""Integers of any size in few bytes, and the CRC that guards them.

A *varint* is little-endian base 128 (LEB128): seven bits a byte, least significant first, the top bit set on every
byte but the last; at most ten bytes. A *signed varint* is the varint of ``2n`` for ``n >= 0`` and ``-2n - 1`` below
(zig-zag).
"""

from __future__ import annotations

import google_crc32c

from sensic.errors import DamagedError

MAX_VARINT_BYTES = 10
CRC_BYTES = 4


def varint(value: int) -> bytes:
    """The varint of ``0 <= value < 2**70``."""
    if not 0 <= value < 1 << 7 * MAX_VARINT_BYTES:
        raise ValueError(f"{value} does not fit a varint")
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed_varint(value: int) -> bytes:
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


class Cursor:
    """Reads bytes from front to back; DamagedError where they end too soon."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._position = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._position

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise DamagedError("the data ends too soon")
        self._position += count
        return bytes(self._data[self._position - count : self._position])

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value = 0
        for i in range(MAX_VARINT_BYTES):
            byte = self.byte()
            value |= (byte & 127) << 7 * i
            if byte < 128:
                return value
        raise DamagedError("an integer is longer than ten bytes")

    def signed_varint(self) -> int:
        value = self.varint()
        return -(value + 1 >> 1) if value & 1 else value >> 1


def crc32c(data: bytes) -> int:
    return int(google_crc32c.value(data))


def seal(data: bytes) -> bytes:
    """``data`` and its CRC-32C (Castagnoli), four bytes, little-endian."""
    return data + crc32c(data).to_bytes(CRC_BYTES, "little")


def unseal(data: bytes | memoryview, what: str) -> memoryview:
    """What ``seal`` was given. DamagedError, naming ``what``, where the checksum disagrees."""
    view = memoryview(data)
    if len(view) < CRC_BYTES:
        raise DamagedError(f"{what} is cut short")
    body = view[:-CRC_BYTES]
    if crc32c(bytes(body)) != int.from_bytes(view[-CRC_BYTES:], "little"):
        raise DamagedError(f"{what} is damaged: its checksum disagrees")
    return body
