"""Packets: a layer of a group each, which no loss of another can touch.

Layout (integers as in ``sensic.container.integers``): byte layer (bits 0-2) and repetition (bit 3), byte quality,
varint length of the body, body, CRC-32C of all that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sensic.container.integers import CRC_BYTES, Cursor, seal, unseal, varint
from sensic.errors import DamagedError
from sensic.sensing.quantiser import QUALITIES

_LAYER, _REPEATED = 7, 8


@dataclass(frozen=True)
class Packet:
    """``layer`` 0 (coarsest) to 3, coded at ``quality`` 0 to 63; ``repeated``: the second of two that are alike."""

    layer: int
    quality: int
    body: bytes
    repeated: bool = False

    def pack(self) -> bytes:
        head = bytes([self.layer | _REPEATED * self.repeated, self.quality])
        return seal(head + varint(len(self.body)) + self.body)


def join(packets: Iterable[Packet]) -> bytes:
    """The payload of a block."""
    return b"".join(packet.pack() for packet in packets)


def split(payload: bytes) -> list[Packet]:
    """The packets of a payload. Raises DamagedError."""
    packets, rest = [], memoryview(payload)
    while rest:
        cursor = Cursor(rest)
        head, quality, length = cursor.byte(), cursor.byte(), cursor.varint()
        size = len(rest) - cursor.left + length + CRC_BYTES
        if length + CRC_BYTES > cursor.left:
            raise DamagedError("a packet is cut short")
        unseal(rest[:size], "a packet")
        if head > _LAYER | _REPEATED or quality >= QUALITIES:
            raise DamagedError("a packet makes no sense")
        packets.append(Packet(head & _LAYER, quality, cursor.take(length), bool(head & _REPEATED)))
        rest = rest[size:]
    return packets
