"""Packets stand alone, and damage is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.errors import DamagedError
from sensic.sensing.packets import Packet, join, split

PACKETS = st.lists(
    st.builds(Packet, st.integers(0, 7), st.integers(0, 63), st.binary(max_size=300), st.booleans()), max_size=5
)


@given(PACKETS)
def test_round_trip(packets: list[Packet]) -> None:
    assert split(join(packets)) == packets


@given(PACKETS.filter(bool), st.data())
def test_damage(packets: list[Packet], data: st.DataObject) -> None:
    payload = bytearray(join(packets))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DamagedError):
        split(bytes(payload))


@given(PACKETS.filter(bool), st.data())
def test_cut_short(packets: list[Packet], data: st.DataObject) -> None:
    payload = join(packets)
    ends = {len(join(packets[:count])) for count in range(len(packets))}
    cut = data.draw(st.integers(0, len(payload) - 1).filter(lambda place: place not in ends))
    with pytest.raises(DamagedError):
        split(payload[:cut])


@pytest.mark.parametrize("head", [b"\x10\x00", b"\x80\x00", b"\x00\x40"])
def test_what_no_version_writes(head: bytes) -> None:
    from sensic.container.integers import seal

    with pytest.raises(DamagedError, match="no sense"):
        split(seal(head + b"\x00"))
