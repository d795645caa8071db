from __future__ import annotations

import io
import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sensic.errors import InputError, UnsupportedError
from sensic.video import VideoSource
from sensic.video.planes import planes_of
from tests.video.media import TICKS, VARIABLE, picture, write_pictures, write_with_sound


def plainly(path: Path) -> list[tuple[Fraction, np.ndarray]]:
    """Times and luma as PyAV decodes them."""
    with av.open(str(path)) as container:
        return [(f.pts * f.time_base, planes_of(f)[0].copy()) for f in container.decode(video=0)]


@pytest.mark.parametrize(
    ("name", "pixels", "codec"),
    [
        ("a.nut", "yuv420p", "ffv1"),
        ("a.mkv", "yuv420p10le", "ffv1"),
        ("a.mp4", "yuv420p", "libx264"),
        ("a.mp4", "yuv420p10le", "libx264"),
        ("a.mp4", "yuv422p", "libx264"),
        ("a.mov", "yuv444p", "libx264"),
        ("a.nut", "yuv422p10le", "ffv1"),
        ("a.mkv", "gray", "ffv1"),
        ("a.mkv", "bgr0", "ffv1"),
    ],
)
def test_every_frame_at_its_time(tmp_path: Path, name: str, pixels: str, codec: str) -> None:
    path = tmp_path / name
    write_pictures(path, pixels, codec=codec)
    wanted = plainly(path)
    with VideoSource(path) as source:
        got = list(source)
        info = source.info
    assert len(got) == len(VARIABLE)
    assert [frame.time for frame in got] == [time for time, _ in wanted]
    assert all(np.array_equal(frame.y, luma) for frame, (_, luma) in zip(got, wanted, strict=True))
    assert (info.source_format, info.depth) == (pixels, 10 if "10" in pixels else 8)
    assert bool(source.notes) == (not pixels.startswith("yuv420"))


def test_times_are_exact_where_the_container_is(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a.mp4", codec="libx264")
    with VideoSource(tmp_path / "a.mp4") as source:
        assert [frame.time for frame in source] == [pts * TICKS for pts in VARIABLE]
        assert source.info.rate is None


def test_a_constant_rate_is_known(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a.mkv", times=range(20), time_base=Fraction(1, 25))
    with VideoSource(tmp_path / "a.mkv") as source:
        assert source.info.rate == 25


@pytest.mark.parametrize("size", [(65, 47), (1, 1), (2, 1), (33, 48)])
def test_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    write_pictures(tmp_path / "a.mkv", width=size[0], height=size[1])
    with VideoSource(tmp_path / "a.mkv") as source:
        for frame in source:
            assert (frame.width, frame.height) == size
            assert frame.u.shape == ((size[1] + 1) // 2, (size[0] + 1) // 2)


def test_frames_outlive_the_source(tmp_path: Path) -> None:
    """Planes are views of FFmpeg's memory; it must not be reused under them."""
    write_pictures(tmp_path / "a.mp4", codec="libx264", times=range(0, 180_000, 3600))
    wanted = plainly(tmp_path / "a.mp4")
    with VideoSource(tmp_path / "a.mp4") as source:
        kept = list(source)
    del source
    assert all(np.array_equal(frame.y, luma) for frame, (_, luma) in zip(kept, wanted, strict=True))


def test_equal_times_are_repaired_and_said(tmp_path: Path) -> None:
    """Matroska holds milliseconds, which are 90 ticks: three of these times become 40, then one stays alone."""
    write_pictures(tmp_path / "a.mkv", times=[0, 3600, 3610, 3620, 9000, 9010, 18_000])
    with VideoSource(tmp_path / "a.mkv") as source:
        times = [frame.pts for frame in source]
    assert times == [0, 40, 80, 81, 100, 101, 200]
    assert any(note.startswith("3 frames") for note in source.notes)


def test_a_file_without_times_gets_the_rate(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a.mkv", times=[0, 1, 2, 3])
    with VideoSource(tmp_path / "a.mkv") as source:
        assert [frame.pts for frame in source] == [0, 40, 80, 120]


@pytest.mark.parametrize("kind", ["path", "string", "file", "bytes"])
@pytest.mark.parametrize("name", ["a.mkv", "a.y4m"])
def test_every_kind_of_source(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / name
    write_pictures(path, times=range(4), codec="ffv1" if name == "a.mkv" else "wrapped_avframe")
    with path.open("rb") as file:
        kinds = {"path": path, "string": str(path), "file": file, "bytes": io.BytesIO(path.read_bytes())}
        with VideoSource(kinds[kind]) as source:
            assert len(list(source)) == 4


def test_other_formats_through_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    write_pictures(path)
    reading, writing = os.pipe()

    def feed() -> None:
        with open(writing, "wb") as pipe:
            pipe.write(path.read_bytes())

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open(reading, "rb", buffering=0) as pipe, VideoSource(pipe) as source:
        assert len(list(source)) == len(VARIABLE)
    feeder.join()


def test_a_named_pipe_of_y4m(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a.y4m", times=range(4), codec="wrapped_avframe")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=lambda: pipe.write_bytes((tmp_path / "a.y4m").read_bytes()))
    feeder.start()
    with VideoSource(pipe) as source:
        assert len(list(source)) == 4
    feeder.join()


def test_what_is_no_video(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.mkv", tmp_path / "text.txt"
    empty.touch()
    text.write_text("Dear reader,\n" * 100)
    for source in (tmp_path / "absent.mkv", tmp_path, empty, text, io.BytesIO(), io.BytesIO(b"x" * 5000)):
        with pytest.raises(InputError):
            VideoSource(source)


def test_playlists_lead_nowhere(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a.ts", codec="mpeg2video", times=range(10), time_base=Fraction(1, 25))
    playlist = tmp_path / "a.m3u8"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\na.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(InputError):
        VideoSource(playlist)


def test_sound_alone_is_unsupported(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 2000), np.int16), "s16", "stereo")
        sound.sample_rate = 8000
        output.mux(stream.encode(sound))
    with pytest.raises(UnsupportedError, match="no video stream"):
        VideoSource(tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_truncated_file_yields_what_is_there(tmp_path: Path, name: str) -> None:
    whole = tmp_path / name
    with av.open(str(whole), "w", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for index in range(20):
            output.mux(stream.encode(picture("yuvj420p", 64, 48, index)))
        output.mux(stream.encode(None))
    cut = tmp_path / f"cut_{name}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with VideoSource(cut) as source:
        assert 0 < len(list(source)) < 20


def test_damage_inside_is_left_out_and_said(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a.mkv", times=range(0, 72_000, 3600))
    data = bytearray((tmp_path / "a.mkv").read_bytes())
    packets = []
    with av.open(str(tmp_path / "a.mkv")) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    position, size = packets[10]
    data[position + 40 : position + size - 40] = bytes(size - 80)
    (tmp_path / "b.mkv").write_bytes(data)
    with VideoSource(tmp_path / "b.mkv") as source:
        count = len(list(source))
    assert count >= 19
    assert count == 20 or any("damaged" in note for note in source.notes)


def test_a_change_of_size_is_refused(tmp_path: Path) -> None:
    """MPEG-TS has no global size: two streams, one after the other."""
    for name, width in (("a.ts", 64), ("b.ts", 96)):
        write_pictures(tmp_path / name, codec="mpeg2video", width=width, times=range(20), time_base=Fraction(1, 25))
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    with VideoSource(joined) as source, pytest.raises(UnsupportedError, match="64x48 to 96x48"):
        list(source)


def test_tags_and_hints(tmp_path: Path) -> None:
    write_with_sound(tmp_path / "a.mkv")
    with VideoSource(tmp_path / "a.mkv") as source:
        info = source.info
    assert info.time_base == Fraction(1, 1000)
    assert info.frame_count == 25 or info.frame_count is None or abs(info.frame_count - 25) <= 1
    assert "ENCODER" not in info.tags
    assert "DURATION" not in info.stream_tags
