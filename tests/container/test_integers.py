from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.container.integers import Cursor, crc32c, seal, signed_varint, unseal, varint
from sensic.errors import DamagedError


def test_crc_is_castagnoli() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@given(st.integers(0, (1 << 70) - 1))
def test_varint_round_trip(value: int) -> None:
    cursor = Cursor(varint(value))
    assert cursor.varint() == value
    assert cursor.left == 0


@given(st.integers(-(1 << 69), (1 << 69) - 1))
def test_signed_varint_round_trip(value: int) -> None:
    assert Cursor(signed_varint(value)).signed_varint() == value


def test_the_layout_of_integers() -> None:
    assert varint(127) == b"\x7f"
    assert varint(300) == b"\xac\x02"
    assert [signed_varint(n) for n in (0, -1, 1, -2)] == [b"\0", b"\1", b"\2", b"\3"]


@pytest.mark.parametrize("value", [-1, 1 << 70])
def test_a_varint_has_bounds(value: int) -> None:
    with pytest.raises(ValueError, match="varint"):
        varint(value)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 11])
def test_a_broken_varint(data: bytes) -> None:
    with pytest.raises(DamagedError):
        Cursor(data).varint()


@given(st.binary(max_size=40), st.integers(0, 8 * 44 - 1))
def test_one_bit_breaks_the_seal(data: bytes, bit: int) -> None:
    sealed = bytearray(seal(data))
    assert unseal(bytes(sealed), "it") == data
    bit %= 8 * len(sealed)
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedError, match="it is damaged"):
        unseal(bytes(sealed), "it")
