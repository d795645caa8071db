from __future__ import annotations

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.container import ebml
from sensic.errors import DamagedError


@given(st.integers(0, (1 << 56) - 2))
def test_sizes_round_trip_in_the_fewest_bytes(count: int) -> None:
    data = ebml.size(count)
    assert ebml.Input(BytesIO(data)).variable() == (count, len(data))
    assert len(data) == 1 or count >= (1 << 7 * (len(data) - 1)) - 1


def test_unknown_sizes() -> None:
    for length in range(1, 9):
        data = ebml.identifier(ebml.CLUSTER) + ebml.size(ebml.UNKNOWN_SIZE, length)
        assert ebml.Input(BytesIO(data)).element() == (ebml.CLUSTER, ebml.UNKNOWN_SIZE)
    assert ebml.size(127) == b"\x40\x7f"  # one byte of ones would mean unknown


@given(st.lists(st.tuples(st.sampled_from([ebml.VIDEO, ebml.TAG_NAME, ebml.SEGMENT]), st.binary(max_size=300))))
def test_children_round_trip(elements: list[tuple[int, bytes]]) -> None:
    assert list(ebml.children(b"".join(ebml.element(*e) for e in elements))) == elements


@pytest.mark.parametrize("data", [b"\0", b"\x1f", b"\xec", b"\xec\x85abc", b"\xec\xff", b"\x08", b"\xec\x00"])
def test_broken_children(data: bytes) -> None:
    with pytest.raises(DamagedError):
        list(ebml.children(data))


def test_reals_are_exact() -> None:
    assert ebml.real(ebml.DURATION, 1280.0) == b"\x44\x89\x84" + struct.pack(">f", 1280)
    assert ebml.real(ebml.DURATION, 0.1) == b"\x44\x89\x88" + struct.pack(">d", 0.1)
    assert ebml.real(ebml.DURATION, 1e300) == b"\x44\x89\x88" + struct.pack(">d", 1e300)


def test_input_asks_for_no_more_than_it_needs() -> None:
    class Careful(BytesIO):
        allowed = 0

        def read(self, count: int | None = -1) -> bytes:
            assert count is not None
            assert 0 <= count <= self.allowed - self.tell()
            return super().read(count)

        def seekable(self) -> bool:
            return False

    file = Careful(ebml.element(ebml.SIMPLE_BLOCK, b"abc") + b"later")
    source = ebml.Input(file)
    file.allowed = 5
    assert source.element() == (ebml.SIMPLE_BLOCK, 3)
    assert source.read(3) == b"abc"
