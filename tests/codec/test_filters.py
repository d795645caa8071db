"""Filters on the way into a stream: what it says of itself, and what it holds beside the pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

import sensic
from sensic import Filters
from tests.small_model import small_model
from tests.video.media import packets, write_with_sound


@pytest.mark.parametrize("profile", ["neural", "sensing"])
def test_a_filtered_stream(tmp_path: Path, profile: str) -> None:
    write_with_sound(tmp_path / "a.mkv")
    filters = Filters(trim="0.24:0.6", crop="48:32", scale="33:-1", fps="50", depth=10)
    model = small_model() if profile == "neural" else None
    report = sensic.encode(
        tmp_path / "a.mkv", tmp_path / "b.mkv", profile=profile, model=model, threads=1, filters=filters
    )
    assert (report.frames, report.width, report.height) == (18, 33, 22)
    stream = sensic.probe(tmp_path / "b.mkv")
    info = stream.header.info
    assert (info.width, info.height, info.depth, info.rate) == (33, 22, 10, 50)
    assert stream.frames == 18
    assert stream.duration == Fraction("0.36")
    with sensic.open_video(tmp_path / "b.mkv", model=model, threads=1) as video:
        assert [frame.time for frame in video] == [Fraction(number, 50) for number in range(18)]
    start, end = Fraction("0.24"), Fraction("0.6")
    sound = [(time, data) for time, data in packets(tmp_path / "a.mkv", "audio") if start <= time < end]
    assert [(time + start, data) for time, data in packets(tmp_path / "b.mkv", "audio")] == sound
    texts = packets(tmp_path / "b.mkv", "subtitle")
    assert [(time, data.decode()) for time, data in texts] == [(0, "Grüße"), (Fraction("0.26"), "<i>farewell</i>")]


def test_nothing_is_left_where_nothing_is_kept(tmp_path: Path) -> None:
    write_with_sound(tmp_path / "a.mkv")
    with pytest.raises(sensic.InputError, match="keeps no picture"):
        sensic.encode(tmp_path / "a.mkv", tmp_path / "b.mkv", model=small_model(), filters=Filters(trim="5:"))
    assert not (tmp_path / "b.mkv").exists()
