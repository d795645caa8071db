from __future__ import annotations

import zlib
from fractions import Fraction
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.video import ebml
from sensic.video.aspect import set_pixel_aspect
from tests.video.media import write_pictures, write_with_sound


@given(st.lists(st.tuples(st.sampled_from([0xEC, 0x4282, 0x2AD7B1, 0x1A45DFA3]), st.binary(max_size=300)), max_size=5))
def test_elements_are_read_as_written(elements: list[tuple[int, bytes]]) -> None:
    for write in (ebml.element, ebml.short):
        assert list(ebml.children(b"".join(write(number, body) for number, body in elements))) == elements


@given(st.binary(max_size=60))
def test_noise_is_read_or_refused(data: bytes) -> None:
    try:
        found = list(ebml.children(data))
    except ValueError:
        return
    assert sum(len(body) for _, body in found) <= len(data)


def test_only_the_tracks_change_and_their_checksum_is_right(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    write_pictures(path, width=160, height=144)
    before = path.read_bytes()
    assert set_pixel_aspect(path, 160, 144, Fraction(64, 45))
    after = path.read_bytes()
    assert len(after) == len(before)
    number = bytes.fromhex("1654ae6b")
    at = before.index(number, before.index(number) + 1)  # the first is an entry of the seek head
    _, start, length = ebml.read_head(before, at)
    assert (before[:start], before[start + length :]) == (after[:start], after[start + length :])
    tracks = after[start : start + length]
    assert tracks[:2] == b"\xbf\x84"
    assert zlib.crc32(tracks[6:]) == int.from_bytes(tracks[2:6], "little")
    with av.open(str(path)) as container:
        assert float(container.streams.video[0].sample_aspect_ratio) == pytest.approx(64 / 45, rel=0.01)
        assert len(list(container.decode(video=0))) == 7


def test_other_files_stay_as_they_are(tmp_path: Path) -> None:
    write_with_sound(tmp_path / "a.mp4", subtitles=None)
    (tmp_path / "text").write_text("Dear reader")
    (tmp_path / "empty").touch()
    for path in tmp_path.iterdir():
        before = path.read_bytes()
        assert not set_pixel_aspect(path, 64, 48, Fraction(2))
        assert path.read_bytes() == before
