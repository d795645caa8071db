"""Filters at work, next to the same filters in the ffmpeg program."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe

from sensic.errors import InputError, UsageError
from sensic.video import Chapter, Colour, Filters, Frame, SideStreams, VideoInfo, VideoSink, VideoSource
from sensic.video.side import time_of
from tests.video.media import TICKS, VARIABLE, frames, packets, write_pictures, write_with_sound

BUNNY = Path(__file__).parent.parent.parent / "demo" / "bunny.mp4"
SCALER = "flags=lanczos+accurate_rnd+full_chroma_int"

Read = tuple[VideoInfo, list[Frame], VideoSource]


def read(path: Path | io.BytesIO, **choice: object) -> Read:
    with VideoSource(path, Filters(**choice)) as source:  # type: ignore[arg-type]
        return source.info, list(source), source


def samples(found: Sequence[Frame]) -> bytes:
    return b"".join(np.ascontiguousarray(plane).tobytes() for frame in found for plane in frame.planes)


def ffmpeg(*words: str | Path) -> bytes:
    command = [get_ffmpeg_exe(), "-v", "error", *map(str, words)]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout


def by_ffmpeg(path: Path, graph: str, pixels: str = "yuv420p") -> bytes:
    return ffmpeg("-i", path, "-vf", graph, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", pixels, "-")


@pytest.mark.parametrize(
    ("choice", "graph", "pixels", "count"),
    [
        ({"scale": "160:-2"}, f"scale=160:-2:{SCALER}", "yuv420p", 32),
        ({"crop": "200:101", "scale": "-1:64"}, f"crop=200:101:220:128:exact=1,scale=-1:64:{SCALER}", "yuv420p", 32),
        ({"crop": "98:50:2:6"}, "crop=98:50:2:6", "yuv420p", 32),
        ({"trim": "0.5:1.25"}, "trim=0.5:1.25", "yuv420p", 19),
        ({"trim": "10f:20f", "fps": "10"}, "trim=start_frame=10:end_frame=20,setpts=PTS-STARTPTS,fps=10", "yuv420p", 4),
        ({"fps": "30000/1001", "scale": "64:36"}, f"scale=64:36:{SCALER},fps=30000/1001", "yuv420p", 38),
        ({"depth": 10, "scale": "64:36"}, f"scale=64:36:{SCALER},format=yuv420p10le", "yuv420p10le", 32),
    ],
)
def test_the_same_pictures_as_from_ffmpeg(choice: dict[str, object], graph: str, pixels: str, count: int) -> None:
    info, found, source = read(BUNNY, **choice)
    assert samples(found) == by_ffmpeg(BUNNY, graph, pixels)
    assert len(found) == count
    assert info.frame_count == count
    assert (info.width, info.height, info.depth) == (found[0].width, found[0].height, found[0].depth)
    assert info.time_base == found[0].time_base
    assert source.notes == ()


def test_a_trim_starts_at_zero_and_ends_before_its_end() -> None:
    _, every, _ = read(BUNNY)
    info, found, source = read(BUNNY, trim="0.5:1.25")
    wanted = [frame for frame in every if Fraction("0.5") <= frame.time < Fraction("1.25")]
    assert [frame.time for frame in found] == [frame.time - wanted[0].time for frame in wanted]
    assert samples(found) == samples(wanted)
    assert source.cut.start == wanted[0].time
    assert source.cut.end == Fraction("1.25")
    assert found[-1].time + (found[-1].duration or 0) * info.time_base == Fraction("1.25") - wanted[0].time
    assert info.duration == Fraction("0.73")


@pytest.mark.parametrize(
    ("trim", "kept"),
    [
        ("0:", VARIABLE),
        (":3f", VARIABLE[:3]),
        ("0.04:0.2", (3600, 3700, 10_000)),
        ("0.2223:", (20_101, 29_000)),
        ("1f:0.2222", (3600, 3700, 10_000)),
        ("2f:", VARIABLE[2:]),
    ],
)
def test_trims_of_variable_timing(tmp_path: Path, trim: str, kept: Sequence[int]) -> None:
    write_pictures(tmp_path / "a.nut", times=VARIABLE)
    info, found, _ = read(tmp_path / "a.nut", trim=trim)
    assert info.time_base == TICKS
    assert [frame.pts for frame in found] == [pts - kept[0] for pts in kept]


@pytest.mark.parametrize("late", [0, 7])
def test_times_are_counted_from_the_first_picture(tmp_path: Path, late: int) -> None:
    times = [90_000 * late + 3600 * number for number in range(10)]
    write_pictures(tmp_path / "a.nut", times=times)
    _, found, source = read(tmp_path / "a.nut", trim="0.2:0.32")
    assert [frame.pts for frame in found] == [0, 3600, 7200]
    assert source.cut.start == late + Fraction("0.2")
    assert source.cut.end == late + Fraction("0.32")
    _, untrimmed, _ = read(tmp_path / "a.nut", scale="32:-2")
    assert [frame.pts for frame in untrimmed] == times


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(InputError, match=r"trim 2:3 keeps no picture; the video has 1\.280 s"):
        read(BUNNY, trim="2:3")


def test_a_seek_changes_nothing(tmp_path: Path) -> None:
    """A long trim is not decoded from the start: groups are found by the index, whatever they are made of."""
    path = tmp_path / "a.mkv"
    ffmpeg("-i", BUNNY, "-vf", "scale=64:36", "-c:v", "libx264", "-g", "8", "-x264-params", "open-gop=1", path)
    _, every, _ = read(path)
    for start in range(1, 31):
        _, found, _ = read(path, trim=f"{start * 0.04 - 0.001:.3f}:")
        assert samples(found) == samples(every[start:]), start


@pytest.mark.parametrize("fps", ["5", "12.5", "60"])
def test_a_constant_rate_from_variable_timing(tmp_path: Path, fps: str) -> None:
    write_pictures(tmp_path / "a.nut", times=VARIABLE)
    info, found, _ = read(tmp_path / "a.nut", fps=fps)
    assert samples(found) == by_ffmpeg(tmp_path / "a.nut", f"fps={fps}")
    assert info.rate == Fraction(fps)
    assert info.time_base == 1 / Fraction(fps)
    assert [frame.pts for frame in found] == list(range(len(found)))


def test_motion_is_interpolated_to_the_very_end() -> None:
    choice = {"trim": ":0.48", "scale": "96:-2"}
    _, plain, _ = read(BUNNY, **choice)
    info, found, _ = read(BUNNY, **choice, fps="50", fps_mode="interpolate")
    assert info.frame_count == len(found) == 24
    assert [frame.pts for frame in found] == list(range(24))
    same = by_ffmpeg(BUNNY, f"trim=0:0.48,scale=96:-2:{SCALER},minterpolate=fps=50")
    assert len(same) < len(samples(found))  # FFmpeg leaves out the last pictures
    assert samples(found)[: len(same)] == same
    whole = [np.abs(np.subtract(a.y, b.y, dtype=np.float64)).mean() for a, b in zip(found[::2], plain, strict=True)]
    assert max(whole) < 2  # each second picture is one of the source
    doubled = read(BUNNY, **choice, fps="50")[1]
    moving = [np.abs(np.subtract(a.y, b.y, dtype=np.float64)).mean() for a, b in zip(found, doubled, strict=True)]
    assert max(moving[1:22:2]) > 0.1  # the others are not just repeated


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_interlaced_pictures(tmp_path: Path, order: str) -> None:
    """A moving picture in two fields: deinterlacing finds the progressive ones again, nearly."""
    made = "interleave_top" if order == "tff" else "interleave_bottom"
    smooth = "testsrc2=size=160x96:rate=50:duration=0.4"
    path, wanted = tmp_path / "a.mkv", tmp_path / "wanted.mkv"
    fields = f"{smooth},format=yuv420p,tinterlace={made}"
    ffmpeg("-f", "lavfi", "-i", fields, "-c:v", "ffv1", path)
    ffmpeg("-f", "lavfi", "-i", f"{smooth},format=yuv420p", "-c:v", "ffv1", wanted)
    plain, interlaced, _ = read(path)
    assert plain.field_order == order
    info, found, source = read(path, deinterlace="auto")
    assert info.field_order == "progressive"
    assert info.time_base == plain.time_base
    assert not any("interlaced" in note for note in source.notes)
    assert [frame.time for frame in found] == [frame.time for frame in interlaced]
    fields_info, both, _ = read(path, deinterlace="fields")
    assert fields_info.rate == 50
    assert fields_info.frame_count == len(both) == 20
    assert [frame.time for frame in both[::2]] == [frame.time for frame in interlaced]
    steps = {b.time - a.time for a, b in pairwise(both)}
    assert steps == {Fraction(1, 50)}
    _, truth, _ = read(wanted)
    errors = [error(a, b) for a, b in zip(both, truth, strict=True)]
    swapped = [error(a, b) for a, b in zip(both, truth[1:], strict=False)]
    assert np.mean(errors) < np.mean(swapped) / 2  # fields in the right order
    with pytest.raises(UsageError, match="deinterlace"):
        read(path, fps="50", fps_mode="interpolate")
    with pytest.raises(UsageError, match="row that 4 divides"):
        read(path, crop="64:48:0:2")
    kept, _, _ = read(path, crop="64:48:0:4")
    assert kept.field_order == order


def error(one: Frame, other: Frame) -> float:
    return float(np.square(np.subtract(one.y, other.y, dtype=np.float64)).mean())


def test_progressive_pictures_are_left_alone_by_auto(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a.mkv")
    _, plain, _ = read(tmp_path / "a.mkv")
    info, found, _ = read(tmp_path / "a.mkv", deinterlace="auto")
    assert samples(found) == samples(plain)
    assert [frame.time for frame in found] == [frame.time for frame in plain]
    _, bent, _ = read(tmp_path / "a.mkv", deinterlace="always")
    assert samples(bent) != samples(plain)
    assert info.field_order == "progressive"


@pytest.mark.parametrize("turn", [90, 180, 270])
@pytest.mark.parametrize(
    ("crop", "scale"), [("40:50:6:8", None), ("40:50", None), (None, "32:-2"), ("40:30:2:10", "20:60")]
)
def test_sizes_are_of_the_picture_as_it_is_shown(
    tmp_path: Path, turn: int, crop: str | None, scale: str | None
) -> None:
    """FFmpeg turns the picture before it filters; here it stays as stored, and turned when shown."""
    ffmpeg("-i", BUNNY, "-vf", "scale=96:64", "-frames:v", "2", "-c:v", "libx264", "-crf", "1", tmp_path / "flat.mp4")
    ffmpeg("-display_rotation", str(turn), "-i", tmp_path / "flat.mp4", "-c", "copy", tmp_path / "a.mp4")
    info, found, _ = read(tmp_path / "a.mp4", crop=crop, scale=scale)
    wanted = [f"crop={crop}"] * bool(crop) + [f"scale={scale}:{SCALER}"] * bool(scale)
    shown = by_ffmpeg(tmp_path / "a.mp4", ",".join(wanted))
    assert info.rotation % 360 == turn
    turned = [np.rot90(frame.y, info.rotation // 90 % 4) for frame in found]
    theirs = np.frombuffer(shown, np.uint8).reshape(2, -1)[:, : turned[0].size].reshape(2, *turned[0].shape)
    difference = np.abs(np.subtract(turned, theirs, dtype=np.int16))
    assert difference.max() <= (1 if scale else 0)


@pytest.mark.parametrize(("aspect", "scale"), [("16/15", "64:-2"), ("16/15", "90:90"), ("1", "50:48"), (None, "64:20")])
def test_scaling_keeps_the_shape_of_the_picture(tmp_path: Path, aspect: str | None, scale: str) -> None:
    path = tmp_path / "a.mp4"
    sar = f",setsar={aspect}" if aspect else ",setsar=0"
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=size=72x58:rate=5:duration=0.4{sar}", "-c:v", "libx264", path)
    info, _, _ = read(path, crop="60:58", scale=scale)
    ffmpeg("-i", path, "-vf", f"crop=60:58,scale={scale}", "-c:v", "ffv1", tmp_path / "b.mov")
    with VideoSource(tmp_path / "b.mov") as theirs:
        assert info.sample_aspect_ratio == theirs.info.sample_aspect_ratio
        assert (info.width, info.height) == (theirs.info.width, theirs.info.height)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p", "yuv444p10le", "nv12", "rgb24", "gray", "yuva420p"])
@pytest.mark.parametrize("choice", [{"scale": "31:47"}, {"depth": 8}, {"depth": 10}, {"crop": "33:21:2:4"}])
def test_every_format_can_be_filtered(tmp_path: Path, pixels: str, choice: dict[str, object]) -> None:
    codec = "rawvideo" if pixels in ("nv12", "rgb24") else "ffv1"
    write_pictures(tmp_path / "a.nut", pixels, codec=codec, times=(0, 3600))
    plain, before, _ = read(tmp_path / "a.nut")
    info, found, _ = read(tmp_path / "a.nut", **choice)
    assert info.depth == choice.get("depth", plain.depth)
    assert len(found) == 2
    assert found[0].colour == info.colour == plain.colour
    level = np.mean(before[0].y) / (1 << plain.depth)
    assert abs(np.mean(found[0].y) / (1 << info.depth) - level) < 0.05  # noise of all values: its mean stays


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("choice", [{"scale": "32:-2"}, {"depth": 10}, {"deinterlace": "always"}, {"fps": "50"}])
def test_the_colour_stays(tmp_path: Path, full: bool, choice: dict[str, object]) -> None:
    colour = Colour(9, 16, 9, full)
    info = VideoInfo(64, 48, time_base=Fraction(1, 25), rate=Fraction(25), colour=colour)
    white = 255 if full else 235
    with VideoSink(tmp_path / "a.mkv", info) as sink:
        for frame in frames(info, range(4)):
            planes = (np.full_like(frame.y, white), np.full_like(frame.u, 128), np.full_like(frame.v, 90))
            sink.write(Frame(*planes, 8, frame.pts, frame.time_base, None, colour))
    found, pictures, _ = read(tmp_path / "a.mkv", **choice)
    assert found.colour == colour
    assert all(frame.colour == colour for frame in pictures)
    scale = 4 if found.depth == 10 else 1
    for frame in pictures:
        assert abs(int(frame.y.min()) - white * scale) <= scale
        assert abs(int(frame.v.max()) - 90 * scale) <= scale


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le"])
def test_y4m_from_a_pipe(pixels: str) -> None:
    data = ffmpeg(
        *("-i", BUNNY, "-vf", f"scale=64:36,format={pixels}", "-strict", "-1", "-f", "yuv4mpegpipe", "-"),
    )
    info, found, _ = read(io.BytesIO(data), trim="4f:20f", crop="32:16", fps="50", depth=8)
    assert (info.width, info.height, info.rate, info.depth) == (32, 16, 50, 8)
    assert info.frame_count == len(found) == 32
    with pytest.raises(UsageError, match="W:H:X:Y"):
        read(io.BytesIO(data), crop="auto")


def pad(box: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        ffmpeg("-i", BUNNY, "-vf", f"scale=64:40,pad={box}", "-c:v", "libx264", "-crf", "10", path)

    return make


@pytest.mark.parametrize(
    ("box", "kept"), [("64:60:0:8", (64, 40)), ("90:50:12:4", (64, 40)), ("64:40", (64, 40)), ("80:40:0:0", (64, 40))]
)
def test_black_bars_are_found(tmp_path: Path, box: str, kept: tuple[int, int]) -> None:
    pad(box)(tmp_path / "a.mkv")
    info, found, _ = read(tmp_path / "a.mkv", crop="auto")
    assert (info.width, info.height) == kept
    assert min(float(plane.mean()) for plane in (found[0].y[0], found[0].y[-1], found[0].y[:, 0])) > 24


def test_a_black_video_is_not_cropped_away(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "color=black:size=64x48:duration=0.2", "-c:v", "ffv1", tmp_path / "a.mkv")
    info, _, _ = read(tmp_path / "a.mkv", crop="auto")
    assert (info.width, info.height) == (64, 48)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"crop": "700:100"}, "inside the picture of 640x360"),
        ({"crop": "640:100:2:0"}, "inside the picture of 640x360"),
        ({"crop": "64:64:1:0"}, "even column"),
        ({"crop": "64:64:0:3"}, "row that 2 divides"),
    ],
)
def test_what_does_not_fit_is_said(choice: dict[str, str], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        read(BUNNY, **choice)


def test_motion_interpolation_needs_8_bits(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a.nut", "yuv420p10le", times=range(0, 36_000, 3600))
    with pytest.raises(UsageError, match="depth 8"):
        read(tmp_path / "a.nut", fps="50", fps_mode="interpolate")
    info, found, _ = read(tmp_path / "a.nut", fps="50", fps_mode="interpolate", depth=8)
    assert (info.depth, len(found)) == (8, 20)


def test_sound_and_subtitles_are_trimmed_along(tmp_path: Path) -> None:
    """Sound by whole packets; of the subtitles, 0.1 to 0.4 and 0.5 to 0.8 s, what is shown in the range."""
    write_with_sound(tmp_path / "a.mkv")
    start, end = Fraction("0.24"), Fraction("0.6")
    with VideoSource(tmp_path / "a.mkv", Filters(trim="0.24:0.6")) as video:
        assert (video.cut.start, video.cut.end) == (start, end)
        with SideStreams(tmp_path / "a.mkv", video.cut) as side:
            kept = [
                (packet.stream.type, time_of(packet), packet.duration, bytes(packet))
                for part in (Fraction("0.1"), None)
                for packet in side.until(part)
            ]
    sound = [(time, data) for time, data in packets(tmp_path / "a.mkv", "audio") if start <= time < end]
    assert [(time + start, data) for kind, time, _, data in kept if kind == "audio"] == sound
    assert [entry[1:] for entry in kept if entry[0] == "subtitle"] == [
        (Fraction(0), 160, "Grüße".encode()),
        (Fraction("0.26"), 100, b"<i>farewell</i>"),
    ]


def test_sound_ends_with_the_last_of_counted_pictures(tmp_path: Path) -> None:
    write_with_sound(tmp_path / "a.mkv", subtitles=None)
    with (
        VideoSource(tmp_path / "a.mkv", Filters(trim="5f:10f")) as video,
        SideStreams(tmp_path / "a.mkv", video.cut) as side,
    ):
        times = [time_of(packet) for frame in video for packet in side.until(frame.time)]
        assert video.cut.end == Fraction("0.4")
        times += [time_of(packet) for packet in side.until(None)]
    assert times[0] >= 0
    assert Fraction("0.16") < times[-1] < Fraction("0.2")


def test_chapters_are_cut_and_moved(tmp_path: Path) -> None:
    base = Fraction(1, 1000)
    chapters = tuple(Chapter(a, b, base, i, {"title": str(i)}) for i, (a, b) in enumerate([(0, 200), (200, 900)]))
    info = VideoInfo(16, 16, time_base=Fraction(1, 25), rate=Fraction(25), chapters=chapters)
    with VideoSink(tmp_path / "a.mkv", info) as sink:
        for frame in frames(info, range(25)):
            sink.write(frame)
    for trim, wanted in (
        ("0.12:0.52", [(0, 80, "0"), (80, 400, "1")]),
        ("3f:13f", [(0, 80, "0"), (80, 400, "1")]),
        ("0.4:", [(0, 500, "1")]),
        (":0.2", [(0, 200, "0")]),
    ):
        found, _, _ = read(tmp_path / "a.mkv", trim=trim)
        times = [(c.start * c.time_base * 1000, c.end * c.time_base * 1000, c.tags["title"]) for c in found.chapters]
        assert times == wanted


def test_a_dark_scene_is_not_a_bar(tmp_path: Path) -> None:
    info = VideoInfo(64, 48, time_base=Fraction(1, 25), rate=Fraction(25))
    with VideoSink(tmp_path / "a.mkv", info) as sink:
        for frame in frames(info, range(2)):
            y = frame.y.copy()
            y[24:] = 18
            y[24:, 5] = 60
            y[:8] = 16
            sink.write(Frame(y, frame.u, frame.v, 8, frame.pts, frame.time_base))
    found, _, _ = read(tmp_path / "a.mkv", crop="auto")
    assert (found.width, found.height) == (64, 40)


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.mp4"), ("mpeg2video", "a.ts"), ("prores_ks", "a.mov")])
def test_the_field_order_is_the_one_of_the_pictures(tmp_path: Path, order: str, codec: str, name: str) -> None:
    """Containers tell it in several ways, and MP4 not at all."""
    made = "interleave_top" if order == "tff" else "interleave_bottom"
    fields = f"testsrc2=size=160x96:rate=50:duration=0.2,tinterlace={made},format=yuv420p"
    ffmpeg("-f", "lavfi", "-i", fields, "-c:v", codec, "-flags", "+ildct+ilme", tmp_path / name)
    with VideoSource(tmp_path / name) as source:
        assert source.info.field_order == order
