from __future__ import annotations

import zlib
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.container import Limits, StreamHeader
from sensic.container.header import DICTIONARY, PROFILES
from sensic.container.integers import seal, varint
from sensic.errors import DamagedError, LimitError, StreamError, UsageError, VersionError
from sensic.video import Chapter, Colour, VideoInfo
from tests.container.streams import MODEL, make_header

fractions = st.builds(Fraction, st.integers(1, (1 << 31) - 1), st.integers(1, (1 << 31) - 1))
texts = st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=3)
colours = st.builds(
    Colour, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.sampled_from([None, True, False])
)
infos = st.builds(
    VideoInfo,
    width=st.integers(1, 8192),
    height=st.integers(1, 8192),
    depth=st.sampled_from([8, 10]),
    time_base=fractions,
    rate=st.one_of(st.none(), fractions),
    sample_aspect_ratio=st.one_of(st.none(), fractions),
    rotation=st.sampled_from([0, 90, 180, -90]),
    colour=colours,
    field_order=st.sampled_from(["progressive", "tff", "bff"]),
    tags=texts,
    chapters=st.lists(st.builds(Chapter, st.integers(0, 99), st.integers(0, 99), fractions), max_size=2).map(tuple),
    source_format=st.sampled_from(["yuv420p", "yuv444p10le"]),
    notes=st.lists(st.text(max_size=20), max_size=2).map(tuple),
)
headers = st.builds(
    StreamHeader,
    st.binary(min_size=32, max_size=32),
    st.integers(0, 63),
    st.integers(1, 4096),
    infos,
    st.booleans(),
    st.sampled_from(PROFILES),
)


@given(headers)
def test_round_trip(header: StreamHeader) -> None:
    assert StreamHeader.unpack(header.pack()) == header


def test_hints_are_left_out() -> None:
    header = make_header(frame_count=7, duration=Fraction(7, 25))
    assert StreamHeader.unpack(header.pack()).info == replace(header.info, frame_count=None, duration=None)


def test_a_plain_video_takes_fifty_bytes() -> None:
    assert len(make_header().pack()) <= 50


def test_a_described_video_is_deflated() -> None:
    info: dict[str, Any] = {
        "colour": Colour(1, 1, 1, False),
        "depth": 10,
        "source_format": "yuv420p10le",
        "chroma_location": 1,
    }
    assert len(make_header(**info).pack()) <= 75


def test_the_layout() -> None:
    start = b"SN\x01\x14\x00\x08" + MODEL + varint(352) + varint(288) + b"\x01\x19" + b"\x19\x01"
    assert make_header().pack() == seal(start)
    assert StreamHeader.unpack(seal(start + b"\x00" + b'{"rotation":90}')) == make_header(rotation=90)


def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    data = make_header(tags={"title": "a film"}).pack()
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(StreamError):
            StreamHeader.unpack(bytes(damaged))
    for length in range(len(data)):
        with pytest.raises(StreamError):
            StreamHeader.unpack(data[:length])


def _start(width: int = 16, height: int = 16, profile: int = 0, gop: int = 8, time_base: bytes = b"\x01\x19") -> bytes:
    sizes = varint(width) + varint(height)
    return b"SN\x01\x14" + bytes([profile]) + varint(gop) + MODEL + sizes + time_base + b"\0"


def _deflate(plain: bytes) -> bytes:
    deflate = zlib.compressobj(9, wbits=-15, zdict=DICTIONARY)
    return b"\1" + deflate.compress(plain) + deflate.flush()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (_start(width=1 << 40), LimitError),
        (_start(width=16_385), LimitError),
        (_start(width=16_384, height=16_384), LimitError),
        (_start(width=0), DamagedError),
        (_start(gop=5000), LimitError),
        (_start(gop=0), DamagedError),
        (_start(profile=3), VersionError),
        (_start(time_base=b"\x01\x00"), DamagedError),
        (_start(time_base=b"\x00\x01"), DamagedError),
        (_start(time_base=varint(1 << 40) + b"\x01"), DamagedError),
        (_start() + b"\x02{}", VersionError),
        (_start() + b"\x00[]", DamagedError),
        (_start() + b"\x00{", DamagedError),
        (_start() + b"\x00\xff\xfe", DamagedError),
        (_start() + b"\x00" + b"[" * 100_000, DamagedError),
        (_start() + b'\x00{"width":17}', DamagedError),
        (_start() + b'\x00{"rotation":"up"}', DamagedError),
        (_start() + b'\x00{"unheard":1}', DamagedError),
        (_start() + b"\x01garbage", DamagedError),
        (_start() + _deflate(b"{}")[:-1], DamagedError),
        (_start() + _deflate(b"{}") + b"more", DamagedError),
        (_start() + _deflate(b"{" + b" " * (2 << 20) + b"}"), LimitError),
    ],
)
def test_absurd_fields_with_a_good_checksum(data: bytes, error: type[StreamError]) -> None:
    with pytest.raises(error):
        StreamHeader.unpack(seal(data))


@given(st.binary(max_size=80))
def test_any_bytes_with_a_good_checksum_are_a_header_or_an_error(data: bytes) -> None:
    with pytest.raises(StreamError):
        StreamHeader.unpack(seal(b"SN\x01" + data[:30]))
    try:
        header = StreamHeader.unpack(seal(_start() + data))
    except StreamError:
        return
    assert StreamHeader.unpack(header.pack()) == header


def test_newer_and_foreign() -> None:
    with pytest.raises(VersionError, match="version 2"):
        StreamHeader.unpack(b"SN\x02 anything")
    for foreign in (b"", b"S", b"RIFF and so on"):
        with pytest.raises(StreamError, match="not a Sensic stream"):
            StreamHeader.unpack(foreign)


def test_a_description_that_is_too_long_is_refused() -> None:
    with pytest.raises(LimitError):
        make_header(tags={"comment": "x" * (1 << 20)}).pack()
    with pytest.raises(LimitError):
        StreamHeader.unpack(make_header().pack(), Limits(header_bytes=20))


@pytest.mark.parametrize(
    "wrong",
    [
        {"quality": 64},
        {"quality": -1},
        {"gop": 0},
        {"gop": 4097},
        {"model": b"short"},
        {"profile": "fast"},
        {"version": 2},
    ],
)
def test_values_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        replace(make_header(), **wrong)  # type: ignore[arg-type]
