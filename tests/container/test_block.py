from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.container import DEFAULT_LIMITS, Block, FrameRecord, Limits
from sensic.container.block import MAX_PTS
from sensic.container.integers import seal, signed_varint, varint
from sensic.errors import DamagedError, LimitError, StreamError, UsageError, VersionError


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    pts = sorted(draw(st.sets(st.integers(-MAX_PTS, MAX_PTS), min_size=1, max_size=12)))
    duration = st.one_of(st.none(), st.integers(0, MAX_PTS))
    durations = draw(
        st.one_of(
            duration.map(lambda d: [d] * len(pts)),
            st.lists(duration, min_size=len(pts), max_size=len(pts)),
        )
    )
    return Block(
        tuple(map(FrameRecord, pts, durations)),
        draw(st.booleans()),
        draw(st.binary(max_size=200)),
        draw(st.integers(0, 1 << 40)),
        draw(st.booleans()),
        draw(st.booleans()),
    )


@given(blocks())
def test_round_trip(block: Block) -> None:
    assert Block.unpack(block.pack()) == block


@given(st.integers(1, 100), st.integers(-1000, 1 << 40), st.integers(1, 1 << 20))
def test_even_frames_round_trip(count: int, start: int, step: int) -> None:
    block = Block(tuple(FrameRecord(start + i * step, step) for i in range(count)), True, b"x")
    assert Block.unpack(block.pack()) == block
    assert len(block.pack()) < 25


def test_thirty_two_frames_cost_less_than_twenty_bytes() -> None:
    frames = tuple(FrameRecord(90_000 * 3600 + 3600 * i, 3600) for i in range(32))
    assert len(Block(frames, True, bytes(20_000), sequence=100).pack()) - 20_000 < 20


def test_the_layout() -> None:
    block = Block((FrameRecord(-1, 2), FrameRecord(1, 2), FrameRecord(3, 2)), True, b"abc", sequence=300, last=True)
    expected = bytes([0b001_01_0_1_1]) + b"\xac\x02" + b"\x03" + b"\x01" + b"\x01" + b"\x03abc"
    assert block.pack() == seal(expected)
    uneven = Block((FrameRecord(0), FrameRecord(1), FrameRecord(5, 7)), False, b"")
    assert uneven.pack() == seal(bytes([0b001_11_1_0_0, 0, 3, 0, 0, 6, 0, 0, 8, 0]))
    assert Block((), False, b"", last=True, repeats=True).pack() == seal(bytes([0b010_00_0_1_0, 0, 0, 0]))


def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    data = Block(tuple(FrameRecord(i * i, 1) for i in range(5)), True, b"payload").pack()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StreamError):
            Block.unpack(bytes(damaged))
    for length in range(len(data)):
        with pytest.raises(DamagedError):
            Block.unpack(data[:length])


@given(st.sampled_from([b"\x23", b"\x43"]), st.binary(max_size=60))
def test_any_bytes_with_a_good_checksum_are_a_block_or_an_error(head: bytes, data: bytes) -> None:
    try:
        block = Block.unpack(seal(head + data))
    except StreamError:
        return
    assert Block.unpack(block.pack()) == block


EVEN = bytes([0b001_00_0_0_1])


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (EVEN + b"\0" + varint(4097), LimitError),
        (EVEN + b"\0" + varint(1 << 60), LimitError),
        (EVEN + b"\0\1\0" + varint(1 << 60) + b"x", DamagedError),  # a payload longer than the block
        (EVEN + b"\0\1\0\1xy", DamagedError),  # or shorter
        (EVEN + b"\0\1" + signed_varint(MAX_PTS + 1) + b"\0", DamagedError),
        (EVEN + b"\0\2\0" + varint(MAX_PTS + 1) + b"\0", DamagedError),
        (bytes([0b001_00_1_0_1]) + b"\0\3\0\0" + signed_varint(-1) + b"\0", DamagedError),  # pts stand still
        (bytes([0b001_01_0_0_1]) + b"\0\1\0\0", DamagedError),  # the duration of one frame is "until the next"
        (EVEN + b"\0\0\0", DamagedError),  # no frames, and not the last
        (bytes([0b001_00_0_1_0]) + b"\0\0\1x", DamagedError),  # no frames, but a payload
        (b"\1\0\1\0\0", DamagedError),  # version 0
    ],
)
def test_absurd_fields_with_a_good_checksum(data: bytes, error: type[StreamError]) -> None:
    with pytest.raises(error):
        Block.unpack(seal(data))


def test_a_newer_version_is_named() -> None:
    with pytest.raises(VersionError, match="version 3"):
        Block.unpack(bytes([3 << 5]) + b"whatever it is")


def test_a_block_is_capped_before_it_is_checked() -> None:
    data = Block((FrameRecord(0),), True, bytes(100)).pack()
    with pytest.raises(LimitError, match="bytes of a block"):
        Block.unpack(data, Limits(block_bytes=50))
    assert DEFAULT_LIMITS.block_bytes == 64 << 20


@pytest.mark.parametrize(
    "frames",
    [
        (),
        (FrameRecord(1), FrameRecord(1)),
        (FrameRecord(2), FrameRecord(1)),
        (FrameRecord(MAX_PTS + 1),),
        (FrameRecord(0, -1),),
    ],
)
def test_frames_that_make_no_sense(frames: tuple[FrameRecord, ...]) -> None:
    with pytest.raises(UsageError):
        Block(frames, True, b"")
