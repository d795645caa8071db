from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from sensic.errors import InputError
from sensic.video import SideStreams, VideoSink, VideoSource
from sensic.video.side import time_of
from tests.video.media import packets, write_pictures, write_with_sound


def copy(source_path: Path, target: Path, **choice: object) -> VideoSink:
    with VideoSource(source_path) as source, SideStreams(source_path) as side:  # noqa: SIM117
        with VideoSink(target, source.info, side=side, **choice) as sink:
            for frame in source:
                sink.write(frame)
    return sink


@pytest.mark.parametrize("delay", [0, 30_000])
@pytest.mark.parametrize("target", ["b.mp4", "b.mkv"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_is_copied_with_its_offset(tmp_path: Path, name: str, target: str, delay: int) -> None:
    write_with_sound(tmp_path / name, subtitles=None, delay=delay)
    copy(tmp_path / name, tmp_path / target)
    wanted, got = packets(tmp_path / name, "audio"), packets(tmp_path / target, "audio")
    assert [data for _, data in got] == [data for _, data in wanted]
    exact = name.endswith("mp4") and target.endswith("mp4")
    tolerance = 0 if exact else Fraction(1, 1000)
    assert max(abs(a - b) for (a, _), (b, _) in zip(wanted, got, strict=True)) <= tolerance
    if name == "a.mp4":
        assert wanted[0][0] < Fraction(delay, 44_100)  # the encoder's priming comes before
    with av.open(str(tmp_path / target)) as container:
        assert container.streams.audio[0].language == "deu"
    with VideoSource(tmp_path / name) as before, VideoSource(tmp_path / target) as after:
        assert [frame.time for frame in before] == [frame.time for frame in after]


@pytest.mark.parametrize(
    ("name", "kind", "target", "texts"),
    [
        ("a.mkv", "subrip", "b.mkv", [b"Gr\xc3\xbc\xc3\x9fe", b"<i>farewell</i>"]),
        ("a.mkv", "subrip", "b.mp4", [b"\0\x07Gr\xc3\xbc\xc3\x9fe", b"\0\x08farewell"]),
        ("a.mp4", "mov_text", "b.mkv", [b"Gr\xc3\xbc\xc3\x9fe", b"<i>farewell</i>"]),
        ("a.mp4", "mov_text", "b.mp4", [b"\0\x07Gr\xc3\xbc\xc3\x9fe", b"\0\x0f<i>farewell</i>"]),
    ],
)
def test_subtitles(tmp_path: Path, name: str, kind: str, target: str, texts: list[bytes]) -> None:
    write_with_sound(tmp_path / name, subtitles=kind)
    sink = copy(tmp_path / name, tmp_path / target)
    assert packets(tmp_path / target, "subtitle") == list(zip([Fraction(1, 10), Fraction(1, 2)], texts, strict=True))
    assert any("plain text" in note for note in sink.notes) == (name[-3:] != target[-3:])
    with av.open(str(tmp_path / target)) as container:
        assert container.streams.subtitles[0].language == "eng"


def test_attachments_go_where_they_can(tmp_path: Path) -> None:
    write_with_sound(tmp_path / "a.mkv", attachment=True)
    copy(tmp_path / "a.mkv", tmp_path / "b.mkv")
    with av.open(str(tmp_path / "b.mkv")) as container:
        (attachment,) = container.streams.attachments
        assert (attachment.data, attachment.name) == (b"a font", "font.ttf")
    sink = copy(tmp_path / "a.mkv", tmp_path / "b.mp4")
    assert any("font.ttf" in note for note in sink.notes)


def test_dispositions_are_kept(tmp_path: Path) -> None:
    write_with_sound(tmp_path / "a.mkv")
    with av.open(str(tmp_path / "a.mkv")) as source, av.open(str(tmp_path / "forced.mkv"), "w") as output:
        template = source.streams.subtitles[0]
        video = output.add_stream_from_template(source.streams.video[0], opaque=True)
        stream = output.add_stream_from_template(template)
        stream.disposition = av.stream.Disposition.forced
        for packet in source.demux():
            if packet.size and packet.stream.type in ("video", "subtitle"):
                packet.stream = video if packet.stream.type == "video" else stream
                output.mux(packet)
    copy(tmp_path / "forced.mkv", tmp_path / "b.mkv")
    with av.open(str(tmp_path / "b.mkv")) as container:
        assert container.streams.subtitles[0].disposition & av.stream.Disposition.forced


@pytest.mark.parametrize("target", ["b.nut", "b.avi", "b.webm", "b.y4m"])
def test_what_cant_be_held_is_said(tmp_path: Path, target: str) -> None:
    write_with_sound(tmp_path / "a.mp4", subtitles="mov_text")
    sink = copy(tmp_path / "a.mp4", tmp_path / target)
    assert any("subtitle" in note for note in sink.notes)
    with VideoSource(tmp_path / target) as source:
        assert len(list(source)) == 25


def test_packets_come_up_to_a_time(tmp_path: Path) -> None:
    write_with_sound(tmp_path / "a.mkv")
    with SideStreams(tmp_path / "a.mkv") as side:
        assert [template.type for template in side.templates] == ["audio", "subtitle"]
        early = [time_of(packet) for packet in side.until(Fraction(1, 5))]
        assert early
        assert max(early) <= Fraction(1, 5)
        assert list(side.until(Fraction(1, 5))) == []
        late = [time_of(packet) for packet in side.until(None)]
        assert len(early) + len(late) == len(packets(tmp_path / "a.mkv", "audio")) + 2
        assert list(side.until(None)) == []


def test_sources_without_side_streams(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a.mkv")
    write_pictures(tmp_path / "a.y4m", times=range(3), codec="wrapped_avframe")
    with (tmp_path / "a.mkv").open("rb") as file:
        for source in (tmp_path / "a.mkv", tmp_path / "a.y4m", "-", file):
            with SideStreams(source) as side:
                assert side.templates == ()
                assert list(side.until(None)) == []


def test_what_is_no_video_has_no_side_streams(tmp_path: Path) -> None:
    (tmp_path / "text.mkv").write_text("Dear reader")
    with pytest.raises(InputError):
        SideStreams(tmp_path / "text.mkv")
