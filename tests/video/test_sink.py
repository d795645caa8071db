from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from sensic.errors import OutputError, UsageError
from sensic.video import AtomicFile, Chapter, Colour, VideoInfo, VideoSink, VideoSource
from tests.video.media import TICKS, VARIABLE, frames, same_pictures
from tests.video.test_info import HDR

PLAIN = VideoInfo(64, 48, time_base=TICKS)


def through(path: Path, info: VideoInfo, times: tuple[int, ...] = VARIABLE, **choice: object) -> tuple[list, VideoSink]:
    """Write noise, check that it comes back exactly, and return what was written."""
    made = frames(info, times)
    with VideoSink(path, info, **choice) as sink:
        for frame in made:
            sink.write(frame)
    with VideoSource(path) as source:
        assert same_pictures(made, list(source))
    return made, sink


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov", "a.nut", "a.avi"])
def test_the_default_is_lossless(tmp_path: Path, name: str, depth: int) -> None:
    through(tmp_path / name, replace(PLAIN, depth=depth, rate=Fraction(25)), tuple(range(0, 36_000, 3600)))
    assert os.listdir(tmp_path) == [name]


def test_webm_is_lossless_too(tmp_path: Path) -> None:
    through(tmp_path / "a.webm", PLAIN)


@pytest.mark.parametrize("name", ["a.mkv", "a.nut", "a.mp4", "a.webm"])
@pytest.mark.parametrize("size", [(65, 47), (1, 1), (17, 32)])
def test_odd_sizes(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    through(tmp_path / name, replace(PLAIN, width=size[0], height=size[1]))


@pytest.mark.parametrize("name", ["a.mp4", "a.nut", "a.mov"])
@pytest.mark.parametrize("start", [0, 12_345, 279_279])
@pytest.mark.parametrize("base", [TICKS, Fraction(1, 600), Fraction(1001, 30_000), Fraction(1)])
def test_times_come_back_exactly(tmp_path: Path, name: str, start: int, base: Fraction) -> None:
    info = replace(PLAIN, time_base=base)
    times = tuple(start + pts for pts in VARIABLE)
    made, sink = through(tmp_path / name, info, times)
    with VideoSource(tmp_path / name) as source:
        assert [frame.time for frame in source] == [frame.time for frame in made]
    assert sink.notes == ()


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_times_with_reordered_frames(tmp_path: Path, name: str) -> None:
    """H.264 with B-frames has decoding times before zero."""
    info = replace(PLAIN, time_base=Fraction(1, 1000), rate=Fraction(25))
    times = tuple(range(0, 2000, 40))
    made, _ = through(tmp_path / name, info, times, codec="libx264", options={"qp": "0", "bf": "3"})
    with VideoSource(tmp_path / name) as source:
        assert [frame.time for frame in source] == [frame.time for frame in made]


def test_matroska_rounds_to_milliseconds_and_says_so(tmp_path: Path) -> None:
    made, sink = through(tmp_path / "a.mkv", PLAIN, (0, 3600, 3700, 10_000))
    with VideoSource(tmp_path / "a.mkv") as source:
        for got, wanted in zip(source, made, strict=True):
            assert abs(got.time - wanted.time) <= Fraction(1, 2000)
    assert sink.notes == ("matroska rounds times to 1/1000 s",)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.nut"])
def test_pictures_before_time_0_are_kept_and_a_shift_is_said(tmp_path: Path, name: str) -> None:
    made, sink = through(tmp_path / name, replace(PLAIN, time_base=Fraction(1, 1000)), (-50, 0, 40))
    with VideoSource(tmp_path / name) as source:
        times = [frame.time for frame in source]
    assert [time - times[0] for time in times] == [frame.time - made[0].time for frame in made]
    assert any("shifts all times by +0.050 s" in note for note in sink.notes) == (times[0] == 0)


RICH = VideoInfo(
    64,
    48,
    10,
    time_base=Fraction(1, 1000),
    rate=Fraction(25),
    rotation=90,
    colour=Colour(9, 16, 9, False),
    tags={"title": "A film", "comment": "Grüße"},
    stream_tags={"language": "fra"},
    chapters=(
        Chapter(0, 40, Fraction(1, 1000), 1, {"title": "Eins"}),
        Chapter(40, 80, Fraction(1, 1000), 2, {"title": "Zwei"}),
    ),
)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
@pytest.mark.parametrize("hdr", [{}, {"mastering_display": HDR["mastering_display"]}, HDR])
def test_metadata_comes_back(tmp_path: Path, name: str, hdr: dict) -> None:
    info = replace(RICH, hdr=hdr)
    _, sink = through(tmp_path / name, info, (0, 40))
    with VideoSource(tmp_path / name) as source:
        found = source.info
    assert (found.rotation, found.colour, found.depth) == (90, info.colour, 10)
    assert {key.lower(): value for key, value in found.tags.items()}.items() >= info.tags.items()
    assert found.stream_tags["language"] == "fra"
    assert [c.tags["title"] for c in found.chapters] == ["Eins", "Zwei"]
    assert [c.start * c.time_base for c in found.chapters] == [0, Fraction(40, 1000)]
    assert bool(sink.notes) == ("ambient_viewing" in hdr)
    for key in hdr.keys() - {"ambient_viewing"}:
        assert numbers(found.hdr[key]) == pytest.approx(numbers(hdr[key]), rel=1e-4, abs=1e-5)


def numbers(value: object) -> list[float]:
    """All numbers of HDR metadata, in order; fractions divided."""
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in numbers(value[key])]
    if isinstance(value, list):
        if all(isinstance(item, int) for item in value):
            return [value[0] / value[1]]
        return [number for item in value for number in numbers(item)]
    return [float(value)]  # type: ignore[arg-type]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_hdr_with_other_codecs(tmp_path: Path, codec: str) -> None:
    info = replace(RICH, hdr={"content_light": HDR["content_light"]})
    with VideoSink(tmp_path / "a.mp4", info, codec=codec) as sink:
        for frame in frames(info, (0, 40, 80)):
            sink.write(frame)
    with VideoSource(tmp_path / "a.mp4") as source:
        assert source.info.hdr == info.hdr
        assert len(list(source)) == 3
    assert sink.notes == ()


@pytest.mark.parametrize("rotation", [0, 90, 180, -90, 270])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_rotation(tmp_path: Path, name: str, rotation: int) -> None:
    _, sink = through(tmp_path / name, replace(PLAIN, time_base=Fraction(1, 1000), rotation=rotation))
    with VideoSource(tmp_path / name) as source:
        assert (source.info.rotation - rotation) % 360 == 0
        assert source.info.display_matrix is None
    assert sink.notes == ()


def test_mirroring(tmp_path: Path) -> None:
    matrix = (-65_536, 0, 0, 0, 65_536, 0, 0, 0, 1 << 30)
    through(tmp_path / "a.mp4", replace(PLAIN, display_matrix=matrix))
    with VideoSource(tmp_path / "a.mp4") as source:
        assert source.info.display_matrix == matrix


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize(("name", "codec"), [("a.mkv", None), ("a.mp4", "libx264"), ("a.mkv", "libx264")])
def test_interlacing(tmp_path: Path, name: str, codec: str | None, order: str) -> None:
    info = replace(PLAIN, time_base=Fraction(1, 1000), field_order=order)
    options = {"qp": "0"} if codec else None
    _, sink = through(tmp_path / name, info, codec=codec, options=options)
    with VideoSource(tmp_path / name) as source:
        assert source.info.field_order == order
        assert any("interlaced" in note for note in source.notes)
    assert sink.notes == ()


@pytest.mark.parametrize("aspect", [Fraction(64, 45), Fraction(8, 9), Fraction(2)])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_pixel_aspect(tmp_path: Path, name: str, aspect: Fraction) -> None:
    info = replace(PLAIN, width=160, height=144, time_base=Fraction(1, 1000), sample_aspect_ratio=aspect)
    _, sink = through(tmp_path / name, info, (0, 40))
    with VideoSource(tmp_path / name) as source:
        assert float(source.info.sample_aspect_ratio or 1) == pytest.approx(float(aspect), rel=0.01)
    assert sink.notes == ()


def test_what_nut_loses_is_said(tmp_path: Path) -> None:
    _, sink = through(tmp_path / "a.nut", replace(RICH, sample_aspect_ratio=Fraction(2), hdr=HDR), (0, 40))
    said = " ".join(sink.notes)
    for word in ("rotation", "aspect", "primaries", "transfer", "matrix", "mastering display", "content light"):
        assert word in said


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.y4m"])
def test_nothing_half_written_stays(tmp_path: Path, name: str, error: type[BaseException]) -> None:
    (tmp_path / name).write_text("what was there before")
    with pytest.raises(error), VideoSink(tmp_path / name, PLAIN) as sink:  # noqa: PT012
        sink.write(frames(PLAIN, [0])[0])
        raise error
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "what was there before"


INTERRUPTED = """
import sys
from tests.video.media import frames
from tests.video.test_sink import PLAIN
from sensic.video import VideoSink

made = frames(PLAIN, range(2000))
with VideoSink(sys.argv[1], PLAIN) as sink:
    for index, frame in enumerate(made):
        sink.write(frame)
        if index == 5:
            print("ready", flush=True)
    while True:
        pass
"""


@pytest.mark.parametrize("name", ["a.mkv", "a.y4m"])
def test_control_c_leaves_nothing(tmp_path: Path, name: str) -> None:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / name)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "KeyboardInterrupt" in errors
    assert os.listdir(tmp_path) == []


class _SmallDisk(io.FileIO):
    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        if self.tell() + len(data) > 2000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.nut", "a.y4m"])
def test_a_full_disk(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = AtomicFile.__init__

    def small(self: AtomicFile, path: str | Path) -> None:
        opened(self, path)
        self.file.close()
        self.file = _SmallDisk(self.written, "r+b")

    monkeypatch.setattr(AtomicFile, "__init__", small)
    with pytest.raises(OutputError, match="No space"), VideoSink(tmp_path / name, PLAIN) as sink:  # noqa: PT012
        for frame in frames(PLAIN, range(40)):
            sink.write(frame)
    assert os.listdir(tmp_path) == []


def test_places_that_cant_be_written(tmp_path: Path) -> None:
    for path in (tmp_path / "absent" / "a.mkv", Path("/dev/full/a.mkv")):
        with pytest.raises(OutputError):
            VideoSink(path, PLAIN)
    (tmp_path / "folder.mkv").mkdir()
    with pytest.raises(OutputError):
        VideoSink(tmp_path / "folder.mkv", PLAIN)
    assert os.listdir(tmp_path) == ["folder.mkv"]


@pytest.mark.parametrize("name", ["a.mkv", "a.y4m"])
def test_a_device_that_is_full(tmp_path: Path, name: str) -> None:
    link = tmp_path / name
    link.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space"), VideoSink(link, PLAIN) as sink:  # noqa: PT012
        for frame in frames(PLAIN, range(40)):
            sink.write(frame)
    assert Path("/dev/full").is_char_device()


def test_no_frames_is_an_error_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError), VideoSink(tmp_path / "a.mkv", PLAIN):
        pass
    assert os.listdir(tmp_path) == []


def test_a_file_object_and_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = frames(PLAIN, VARIABLE)
    file = io.BytesIO()
    with VideoSink(file, PLAIN, format="nut") as sink:
        for frame in made:
            sink.write(frame)
    with VideoSource(io.BytesIO(file.getvalue())) as source:
        assert same_pictures(made, list(source))
    with (tmp_path / "out").open("w") as text, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", text)
        with VideoSink("-", PLAIN, format="matroska") as sink:
            for frame in made:
                sink.write(frame)
    with VideoSource(tmp_path / "out") as source:
        assert same_pictures(made, list(source))


@pytest.mark.parametrize(
    ("name", "choice", "words"),
    [
        ("a.mkv", {"codec": "no_such_codec"}, "no_such_codec"),
        ("a.mkv", {"codec": "aac"}, "no video codec"),
        ("a.webm", {"codec": "ffv1"}, "ffv1"),
        ("a.mkv", {"codec": "ffv1", "options": {"coder": "nonsense"}}, "coder=nonsense"),
        ("a.mkv", {"codec": "libx264", "options": {"preset": "nonsense"}}, "preset=nonsense"),
        ("a.mkv", {"codec": "libx264", "options": {"no_such_option": "1"}}, "no_such_option"),
        ("a.unknown", {}, "extension"),
        ("a", {}, "extension"),
        ("a.mkv", {"format": "no_such_format"}, "no_such_format"),
        ("a.y4m", {"codec": "ffv1"}, "y4m"),
    ],
)
def test_wrong_choices_are_named(tmp_path: Path, name: str, choice: dict, words: str) -> None:
    with pytest.raises((OutputError, UsageError), match=words):
        VideoSink(tmp_path / name, PLAIN, **choice)
    assert os.listdir(tmp_path) == []


def test_odd_sizes_with_h264_are_explained(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="odd picture sizes"):
        VideoSink(tmp_path / "a.mp4", replace(PLAIN, width=65), codec="libx264")


def test_frames_must_fit(tmp_path: Path) -> None:
    first, second = frames(PLAIN, [0, 1])
    with (
        pytest.raises(UsageError, match="doesn't go into"),
        VideoSink(tmp_path / "a.mkv", replace(PLAIN, width=66)) as s,
    ):
        s.write(first)
    with pytest.raises(UsageError, match="doesn't come after"), VideoSink(tmp_path / "a.mkv", PLAIN) as s:  # noqa: PT012
        s.write(second)
        s.write(first)
    assert os.listdir(tmp_path) == []


def test_options_reach_the_codec(tmp_path: Path) -> None:
    info = replace(PLAIN, rate=Fraction(25))
    sizes = {}
    for qp in ("1", "50"):
        with VideoSink(tmp_path / f"{qp}.mp4", info, codec="libx264", options={"qp": qp}) as sink:
            for frame in frames(info, range(0, 36_000, 3600)):
                sink.write(frame)
        sizes[qp] = (tmp_path / f"{qp}.mp4").stat().st_size
    assert sizes["50"] < sizes["1"] / 2


def test_the_file_gets_ordinary_rights(tmp_path: Path) -> None:
    through(tmp_path / "a.mkv", PLAIN)
    (tmp_path / "ordinary").touch()
    assert (tmp_path / "a.mkv").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "a.mkv", PLAIN)
    sink.write(frames(PLAIN, [0])[0])
    sink.close()
    sink.close()
    sink.abort()
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert len(list(container.decode(video=0))) == 1


def test_atomic_file(tmp_path: Path) -> None:
    target = tmp_path / "a"
    with AtomicFile(target) as atomic:
        atomic.file.write(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    with pytest.raises(KeyboardInterrupt), AtomicFile(target) as atomic:  # noqa: PT012
        atomic.file.write(b"newer")
        raise KeyboardInterrupt
    assert target.read_bytes() == b"new"
    link = tmp_path / "link"
    link.symlink_to(target)
    with AtomicFile(link) as atomic:
        atomic.file.write(b"linked")
    assert link.is_symlink()
    assert target.read_bytes() == b"linked"
    assert sorted(os.listdir(tmp_path)) == ["a", "link"]
