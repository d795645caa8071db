from __future__ import annotations

import errno
import io
import os
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.errors import InputError, OutputError, UnsupportedError
from sensic.video import Colour, Frame, VideoInfo, VideoSink, VideoSource
from sensic.video.planes import planes_of
from sensic.video.y4m import MAGIC, Y4MReader, Y4MWriter, parse_header
from tests.video.media import VARIABLE, frames, planes, same_pictures, write_pictures


def written(info: VideoInfo, count: int, rate: Fraction = Fraction(25)) -> tuple[bytes, list[Frame]]:
    file = io.BytesIO()
    made = frames(info, range(count))
    writer = Y4MWriter(file, info, rate)
    for frame in made:
        writer.write(frame)
    return file.getvalue(), made


@given(
    st.integers(1, 33),
    st.integers(1, 33),
    st.sampled_from([8, 10]),
    st.integers(0, 3),
    st.builds(Fraction, st.integers(1, 10**6), st.integers(1, 10**4)),
    st.sampled_from(["progressive", "tff", "bff"]),
    st.sampled_from([None, True, False]),
)
def test_what_is_written_is_read(
    height: int, width: int, depth: int, count: int, rate: Fraction, order: str, full: bool | None
) -> None:
    info = VideoInfo(width, height, depth, field_order=order, colour=Colour(full_range=full))
    data, made = written(info, count, rate)
    reader = Y4MReader(io.BytesIO(data))
    got = list(reader)
    assert same_pictures(made, got)
    assert reader.info.rate == rate
    assert [frame.time for frame in got] == [index / rate for index in range(count)]
    assert (reader.info.field_order, reader.info.colour.full_range) == (order, full)


@given(st.data())
def test_a_cut_stream_is_an_error_unless_between_frames(data: st.DataObject) -> None:
    whole, _ = written(VideoInfo(6, 4), 2)
    start = whole.index(b"\n") + 1
    size = (len(whole) - start) // 2
    cut = data.draw(st.integers(0, len(whole)))
    file = io.BytesIO(whole[:cut])
    if cut in (start, start + size, len(whole)):
        assert len(list(Y4MReader(file))) == (cut - start) // size
    else:
        with pytest.raises(InputError):
            list(Y4MReader(file))


@given(st.binary(max_size=200))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        list(Y4MReader(io.BytesIO(data)))


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60))
def test_any_header_line_is_parsed_or_refused(words: str) -> None:
    try:
        header = parse_header(MAGIC + b" " + words.encode())
    except InputError:
        return
    assert header.width > 0
    assert header.height > 0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"YUV4MPEG2 W0 H4 F25:1", "W0"),
        (b"YUV4MPEG2 W4 F25:1", "H"),
        (b"YUV4MPEG2 W4 H999999 F25:1", "H999999"),
        (b"YUV4MPEG2 W4 H4 F25", "ratio"),
        (b"YUV4MPEG2 W4 H4 F9999999999:1", "32 bits"),
        (b"YUV4MPEG2 W4 H4 F25:1 Ix", "interlacing"),
        (b"YUV4MPEG2 W65535 H65535 F25:1", "too large"),
        (b"YUV4MPEG", "line of header"),
        (b"", "empty"),
    ],
)
def test_bad_headers_are_named(line: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Y4MReader(io.BytesIO(line + b"\n" if words not in ("line of header", "empty") else line))


def test_an_unknown_sampling_names_the_known_ones() -> None:
    with pytest.raises(UnsupportedError, match="420mpeg2"):
        Y4MReader(io.BytesIO(b"YUV4MPEG2 W4 H4 F25:1 C433\n"))


def test_a_lying_size_takes_no_memory() -> None:
    class Counting(io.BytesIO):
        asked = 0

        def read(self, size: int | None = -1, /) -> bytes:
            Counting.asked = max(Counting.asked, size or 0)
            return super().read(size)

    with pytest.raises(InputError, match="ends inside frame 0"):
        list(Y4MReader(Counting(b"YUV4MPEG2 W16000 H16000 F25:1\nFRAME\n" + bytes(1000))))
    assert Counting.asked <= 1 << 22


def test_a_header_without_end_is_refused() -> None:
    with pytest.raises(InputError, match="not a y4m"):
        Y4MReader(io.BytesIO(MAGIC + b" " * 10_000))


def test_frame_parameters_are_skipped_and_noise_between_frames_is_not() -> None:
    data, made = written(VideoInfo(6, 4), 2)
    assert same_pictures(made, list(Y4MReader(io.BytesIO(data.replace(b"FRAME\n", b"FRAME Ip\n")))))
    with pytest.raises(InputError, match="damaged before frame 1"):
        list(Y4MReader(io.BytesIO(data[::-1].replace(b"\nEMARF", b"\nEMORF", 1)[::-1])))


def test_more_than_ten_bits_in_a_ten_bit_stream_is_an_error() -> None:
    data, _ = written(VideoInfo(6, 4, 10), 1)
    with pytest.raises(InputError, match="frame 0"):
        list(Y4MReader(io.BytesIO(data[:-2] + b"\xff\xff")))


def test_no_rate_is_assumed_and_said() -> None:
    reader = Y4MReader(io.BytesIO(b"YUV4MPEG2 W2 H2 F0:0\n"))
    assert reader.info.rate == 25
    assert "25 frames/s" in reader.info.notes[0]


@pytest.mark.parametrize(
    ("sampling", "size"), [("422", 24 + 2 * 12), ("444", 72), ("mono", 24), ("444alpha", 96), ("411", 24 + 2 * 8)]
)
def test_other_samplings_are_converted_and_said(sampling: str, size: int) -> None:
    data = f"YUV4MPEG2 W6 H4 F25:1 C{sampling}\nFRAME\n".encode() + bytes(range(size))
    reader = Y4MReader(io.BytesIO(data))
    (frame,) = reader
    assert frame.y.tolist() == np.arange(24).reshape(4, 6).tolist()
    assert "4:2:0" in reader.info.notes[0]


def test_ffmpeg_and_we_agree(tmp_path: Path) -> None:
    made = tmp_path / "made.y4m"
    info = VideoInfo(33, 17, rate=Fraction(30_000, 1001), sample_aspect_ratio=Fraction(10, 11), chroma_location=1)
    pictures = frames(info, range(3))
    with VideoSink(made, info) as sink:
        for frame in pictures:
            sink.write(frame)
    with av.open(str(made)) as container:
        stream = container.streams.video[0]
        assert (stream.average_rate, stream.sample_aspect_ratio) == (info.rate, info.sample_aspect_ratio)
        for theirs, ours in zip(container.decode(video=0), pictures, strict=True):
            assert np.array_equal(planes_of(theirs)[0], ours.y)
    by_ffmpeg = tmp_path / "by_ffmpeg.y4m"
    write_pictures(by_ffmpeg, "yuv420p", range(3), codec="wrapped_avframe", time_base=Fraction(1, 25))
    with VideoSource(by_ffmpeg) as source, av.open(str(by_ffmpeg)) as container:
        for ours, theirs in zip(source, container.decode(video=0), strict=True):
            assert np.array_equal(planes_of(theirs)[0], ours.y)


def test_a_pipe_is_read_frame_by_frame() -> None:
    """The second frame is written only after the first has been received."""
    data, made = written(VideoInfo(64, 48), 2)
    reading, writing = os.pipe()
    half = data.index(b"\n") + 1 + (len(data) - data.index(b"\n") - 1) // 2
    received = threading.Event()

    def feed() -> None:
        with open(writing, "wb", buffering=0) as pipe:
            pipe.write(data[:half])
            if received.wait(20):
                pipe.write(data[half:])

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        with open(reading, "rb", buffering=0) as pipe, VideoSource(pipe) as source:
            iterator = iter(source)
            first = next(iterator)
            received.set()
            assert same_pictures([first, *iterator], made)
    finally:
        received.set()
        feeder.join()


def test_standard_input_and_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, made = written(VideoInfo(64, 48), 3)
    piped = tmp_path / "piped"
    piped.write_bytes(data)
    with piped.open() as text, monkeypatch.context() as patch:
        patch.setattr("sys.stdin", text)
        with VideoSource("-") as source:
            assert same_pictures(made, list(source))
    output = tmp_path / "output"
    with output.open("w") as text, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", text)
        with VideoSink("-", VideoInfo(64, 48, rate=Fraction(25))) as sink:
            for frame in made:
                sink.write(frame)
    assert same_pictures(made, list(Y4MReader(io.BytesIO(output.read_bytes()))))


def test_short_writes_are_completed() -> None:
    class Reluctant(io.BytesIO):
        def write(self, data: bytes | memoryview, /) -> int:
            return super().write(bytes(data)[:7])

    file = Reluctant()
    info = VideoInfo(17, 9)
    writer = Y4MWriter(file, info, Fraction(25))
    made = frames(info, range(2))
    for frame in made:
        writer.write(frame)
    assert same_pictures(made, list(Y4MReader(io.BytesIO(file.getvalue()))))


def test_a_full_disk_is_an_output_error() -> None:
    class Full(io.BytesIO):
        def write(self, data: bytes | memoryview, /) -> int:
            if self.tell() > 100:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    info = VideoInfo(64, 48)
    writer = Y4MWriter(Full(), info, Fraction(25))
    with pytest.raises(OutputError, match="No space"):
        writer.write(frames(info, [0])[0])


def test_variable_timing_is_lost_and_said(tmp_path: Path) -> None:
    info = VideoInfo(64, 48, time_base=Fraction(1, 90_000), rotation=90)
    with VideoSink(tmp_path / "out.y4m", info) as sink:
        for frame in frames(info, VARIABLE):
            sink.write(frame)
    assert any("no timestamps" in note for note in sink.notes)
    assert any("rotation" in note for note in sink.notes)


def test_planes_that_are_views_are_written_right() -> None:
    y, u, v = (np.ascontiguousarray(plane.T).T for plane in planes(8, 8, 10))
    info = VideoInfo(8, 8, 10)
    file = io.BytesIO()
    frame = Frame(y, u, v, 10, 0, Fraction(1, 25))
    Y4MWriter(file, info, Fraction(25)).write(frame)
    assert same_pictures([frame], list(Y4MReader(io.BytesIO(file.getvalue()))))
