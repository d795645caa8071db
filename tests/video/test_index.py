"""Stretches of a video, read by themselves, are what reading from the start gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sensic.errors import InputError
from sensic.video import Filters, Frame, FrameIndex, VideoInfo, VideoSink, VideoSource, index
from sensic.video.index import mark

COUNT = 120  # 4.8 s: stretches begin more than the lead after the start
OPEN_GROUPS = {"x264-params": "open-gop=1:keyint=40:min-keyint=40:bframes=3:scenecut=0"}
STRETCHES = ((0, 3), (55, 70), (78, 83), (90, 91), (105, 108))

Key = tuple[int, int | None, int]


def pictures(uneven: bool = False) -> Iterator[av.VideoFrame]:
    """A gradient that moves, so that predicted pictures need their references."""
    rows, columns = np.mgrid[:48, :64]
    for number in range(COUNT):
        luma = (128 + 90 * np.sin((columns + 3 * number) / 9) * np.cos((rows - number) / 7)).astype(np.uint8)
        picture = av.VideoFrame.from_ndarray(np.vstack([luma, np.full((24, 64), 128, np.uint8)]), "yuv420p")
        picture.pts = 40 * number + (number % 7) * 3 if uneven else 40 * number
        picture.time_base = Fraction(1, 1000)
        yield picture


def write(path: Path, codec: str, options: dict[str, str], *, uneven: bool = False) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if uneven:
            stream.codec_context.time_base = Fraction(1, 1000)
        for picture in pictures(uneven):
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def write_y4m(path: Path) -> Path:
    info = VideoInfo(64, 48, rate=Fraction(25))
    with VideoSink(path, info) as sink:
        for number, picture in enumerate(pictures()):
            samples = picture.to_ndarray()
            u, v = (np.ascontiguousarray(samples[48:60].reshape(24, 32)) for _ in range(2))
            sink.write(Frame(samples[:48], u, v, 8, number, info.time_base, 1))
    return path


SOURCES: dict[str, Callable[[Path], Path]] = {
    "open.mkv": lambda path: write(path, "libx264", OPEN_GROUPS),
    "open.ts": lambda path: write(path, "libx264", OPEN_GROUPS),
    "uneven.mp4": lambda path: write(path, "libx264", OPEN_GROUPS, uneven=True),
    "one-group.mp4": lambda path: write(path, "libx264", {"g": "500", "bf": "2"}),
    "old.avi": lambda path: write(path, "mpeg4", {"g": "15", "bf": "2"}),
    "old.mpg": lambda path: write(path, "mpeg2video", {"g": "15", "bf": "2"}),
    "without-times.h264": lambda path: write(path, "libx264", OPEN_GROUPS),
    "raw.y4m": write_y4m,
}


def keys(frames: Iterator[Frame] | VideoSource) -> list[Key]:
    return [(frame.pts, frame.duration, mark(frame)) for frame in frames]


def check(path: Path, filters: Filters | None = None) -> None:
    with VideoSource(path, filters) as video:
        linear = keys(video)
        notes, info = video.notes, video.info
    found = FrameIndex.of(path, filters)
    assert len(found) == len(linear)
    assert (found.notes, found.info) == (notes, info)
    for start, stop in STRETCHES:
        assert keys(found.stretch(path, filters, start, stop).frames()) == linear[start:stop]


@pytest.mark.parametrize("name", SOURCES)
def test_a_stretch_is_what_reading_from_the_start_gives(tmp_path: Path, name: str) -> None:
    check(SOURCES[name](tmp_path / name))


@pytest.mark.parametrize(
    "filters",
    [
        Filters(trim="0.5:", crop="32:32"),
        Filters(trim="10f:", depth=10),
        Filters(trim="0.3:7.9", fps="30"),
        Filters(deinterlace="fields"),
        Filters(deinterlace="always", fps="50"),
        Filters(fps="40", fps_mode="interpolate"),
    ],
)
def test_a_stretch_of_filtered_pictures(tmp_path: Path, filters: Filters) -> None:
    check(SOURCES["uneven.mp4"](tmp_path / "uneven.mp4"), filters)


def test_reading_begins_close_to_the_stretch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = SOURCES["open.mkv"](tmp_path / "open.mkv")
    stretch = FrameIndex.of(path).stretch(path, None, 100, 110)
    read: list[Fraction] = []
    frames = VideoSource.__iter__

    def watched(self: VideoSource) -> Iterator[Frame]:
        for frame in frames(self):
            read.append(frame.time)
            yield frame

    monkeypatch.setattr(VideoSource, "__iter__", watched)
    assert len(list(stretch.frames())) == 10
    assert min(read) > 1
    assert len(read) < 90


def test_what_a_jump_spoils_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a lead, the pictures after a key picture of an open group lack their references."""
    monkeypatch.setattr(index, "LEADS", (Fraction(0),))
    path = SOURCES["open.ts"](tmp_path / "open.ts")
    with VideoSource(path) as video:
        linear = keys(video)
    found = FrameIndex.of(path)
    for start in range(75, 85):
        assert keys(found.stretch(path, None, start, start + 9).frames()) == linear[start : start + 9]


def test_the_index_can_be_kept(tmp_path: Path) -> None:
    path = SOURCES["old.avi"](tmp_path / "old.avi")
    found = FrameIndex.of(path, Filters(trim="1:2"))
    again = FrameIndex.from_bytes(found.to_bytes())
    assert (again.info, again.cut, again.notes) == (found.info, found.cut, found.notes)
    assert np.array_equal(again.rows, found.rows)


def test_another_file_in_its_place_is_noticed(tmp_path: Path) -> None:
    path = SOURCES["old.avi"](tmp_path / "old.avi")
    stretch = FrameIndex.of(path).stretch(path, None, 50, 60)
    write(path, "mpeg4", {}, uneven=True)
    with pytest.raises(InputError, match="frame 50 is not what it was"):
        list(stretch.frames())
