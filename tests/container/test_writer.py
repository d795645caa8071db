from __future__ import annotations

import io
import itertools
import os
import threading
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import pytest

from sensic.container import Block, FrameRecord, StreamReader, StreamWriter
from sensic.errors import OutputError, UsageError
from sensic.video import Chapter, Colour, SideStreams
from tests.container.streams import contents, make_blocks, make_header, make_stream

MakeSource = Callable[..., Path]


class Pipe(io.RawIOBase):
    """Takes bytes, a few at a time, and can't seek."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data[:7]
        return min(7, len(data))


def test_the_overhead_of_a_small_file() -> None:
    for count in (1, 2, 4):
        overhead = len(make_stream(make_blocks(count, frames=32, size=20_000 // count))) - 20_000
        assert overhead <= 170 + 20 * count


def test_low_latency_costs_little_per_frame() -> None:
    data = make_stream(make_blocks(250, frames=1, size=400), low_latency=True)
    assert len(data) - 250 * 400 <= 200 + 250 * 20


def test_the_file_appears_when_it_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "out.mkv"
    with StreamWriter(path, make_header()) as writer:
        for block in make_blocks(3):
            writer.write(block)
        assert not path.exists()
    assert os.listdir(tmp_path) == ["out.mkv"]
    assert path.stat().st_size == writer.bytes_written
    assert writer.payload_bytes == 300
    writer.close()


def test_nothing_is_left_after_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "out.mkv"
    path.write_bytes(b"precious")

    def interrupted() -> None:
        with StreamWriter(path, make_header()) as writer:
            writer.write(make_blocks(1)[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert os.listdir(tmp_path) == ["out.mkv"]
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("low_latency", [False, True])
def test_a_pipe_gets_the_same_blocks(low_latency: bool) -> None:
    blocks, pipe = make_blocks(5, group=2), Pipe()
    with StreamWriter(pipe, make_header(low_latency=low_latency)) as writer:  # type: ignore[arg-type]
        for block in blocks:
            writer.write(block)
    assert writer.bytes_written == len(pipe.data)
    assert contents(StreamReader(bytes(pipe.data)).blocks()) == contents(blocks)


def test_a_stream_may_start_inside_a_file() -> None:
    file = BytesIO(b"before")
    file.seek(6)
    with StreamWriter(file, make_header()) as writer:
        writer.write(make_blocks(1)[0])
    assert not file.closed
    assert file.getvalue()[6:] == make_stream(make_blocks(1))


def test_appending_is_not_patching(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before")
    with open(path, "ab") as file, StreamWriter(file, make_header()) as writer:
        writer.write(make_blocks(1)[0])
    assert contents(StreamReader(path.read_bytes()[6:]).blocks()) == contents(make_blocks(1))


def test_low_latency_is_one_block_behind_nothing() -> None:
    """Each frame can be read from a real pipe before the next one is written."""
    reading, writing = os.pipe()
    blocks = make_blocks(4, frames=1, group=4)
    seen: list[Block] = []
    arrived = [threading.Event() for _ in blocks]

    def read() -> None:
        with open(reading, "rb") as file:
            for event, block in zip(arrived, StreamReader(file).blocks(), strict=True):
                seen.append(block)
                event.set()

    reader = threading.Thread(target=read)
    reader.start()
    with open(writing, "wb") as file, StreamWriter(file, make_header(low_latency=True)) as writer:
        for block, event in zip(blocks, arrived, strict=True):
            writer.write(block)
            assert event.wait(10)
    reader.join(10)
    assert contents(seen) == contents(blocks)


def test_wrong_orders_are_refused() -> None:
    block, later = make_blocks(2)
    inner = Block((FrameRecord(5),), False, b"")
    for wrong in ([inner], [later, block], [block, block], [block, Block((), False, b"", last=True)]):
        with StreamWriter(BytesIO(), make_header()) as writer, pytest.raises(UsageError):  # noqa: PT012
            for entry in wrong:
                writer.write(entry)


def test_a_full_disk() -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")

    def write() -> None:
        with StreamWriter("/dev/full", make_header()) as writer:
            writer.write(make_blocks(1)[0])

    with pytest.raises(OutputError, match="No space"):
        write()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="can't write"):
        StreamWriter(tmp_path / "none" / "out.mkv", make_header())


def test_the_end_is_not_before_the_start() -> None:
    data = make_stream(make_blocks(2, start=-100))
    assert [block.frames[0].pts for block in StreamReader(data).blocks()] == [-100, -92]


def test_hours_of_blocks_are_split_into_clusters() -> None:
    blocks = [Block((FrameRecord(i * 250),), i % 5 == 0, b"x") for i in range(40)]  # 10 s each
    data = make_stream(blocks)
    assert contents(StreamReader(data).blocks()) == contents(blocks)
    with av.open(BytesIO(data), "r") as container:
        times = [packet.pts for packet in container.demux() if packet.size]
        assert times == [i * 10_000 for i in range(40)]
        assert container.duration == 390_000_000


def test_matroska_says_what_the_video_is() -> None:
    info: dict[str, Any] = {
        "colour": Colour(9, 16, 9, False),
        "rotation": -90,
        "sample_aspect_ratio": Fraction(16, 11),
        "field_order": "tff",
        "hdr": {
            "content_light": {"maximum": 1000, "average": 400},
            "mastering_display": {
                "primaries": [[[17, 25], [8, 25]], [[53, 200], [69, 100]], [[3, 20], [3, 50]]],
                "white_point": [[3127, 10000], [329, 1000]],
                "luminance": [[1, 1000], [1000, 1]],
            },
        },
        "tags": {"title": "a film"},
        "stream_tags": {"language": "fra"},
        "chapters": (Chapter(0, 4, Fraction(1, 25), 1, {"title": "One"}), Chapter(4, 8, Fraction(1, 25))),
    }
    data = make_stream(make_blocks(1), **info)
    with av.open(BytesIO(data), "r") as container:
        stream = container.streams[0]
        assert stream.type == "video"
        assert stream.language == "fra"
        assert container.metadata["title"] == "a film"
        assert container.duration == 8 * 40_000
        assert [(c["start"] * (c["time_base"] or 0), c["metadata"]) for c in container.chapters()] == [
            (0, {"title": "One"}),
            (Fraction(4, 25), {}),
        ]
    assert StreamReader(data).header == make_header(**info)


def test_side_streams_are_copied(make_source: MakeSource, tmp_path: Path) -> None:
    source, out = make_source("in.mkv"), tmp_path / "out.mkv"
    with SideStreams(source) as side, StreamWriter(out, make_header(), side) as writer:
        for block in make_blocks(4):
            writer.write(block)
    assert writer.notes == ()
    with StreamReader(out) as reader, SideStreams(source) as before, reader.side() as after:
        assert contents(reader.blocks()) == contents(make_blocks(4))
        assert [t.type for t in after.templates] == [t.type for t in before.templates]
        expected = [(p.stream.type, p.pts, p.duration, bytes(p)) for p in before.until(None)]
        assert sorted((p.stream.type, p.pts, p.duration, bytes(p)) for p in after.until(None)) == sorted(expected)
    with av.open(str(out), "r") as container:
        assert next(stream.type for stream in container.streams) == "video"
        assert container.streams.attachments[0].data == b"attached"
        assert (container.duration or 0) >= 1_000_000


def test_side_streams_are_interleaved(make_source: MakeSource, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    with SideStreams(make_source("in.mkv", seconds=4)) as side, StreamWriter(out, make_header(), side) as writer:
        for block in make_blocks(12, frames=8):
            writer.write(block)
    with av.open(str(out), "r") as container:
        times = [packet.pts for packet in container.demux() if packet.size and packet.pts is not None]
    assert max(before - after for before, after in itertools.pairwise(times)) <= 50


def test_timed_text_becomes_plain_text(make_source: MakeSource, tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    with (
        SideStreams(make_source("in.mp4", subtitle="mov_text")) as side,
        StreamWriter(out, make_header(), side) as writer,
    ):
        writer.write(make_blocks(1)[0])
    assert any("plain text" in note for note in writer.notes)
    with av.open(str(out), "r") as container:
        texts = [(p.pts, p.duration, bytes(p)) for p in container.demux(subtitles=0) if p.size]
    assert texts == [(200, 300, b"hello")]


def test_a_stream_without_side_streams_takes_any_source(tmp_path: Path) -> None:
    with SideStreams("-") as side, StreamWriter(tmp_path / "out.mkv", make_header(), side) as writer:
        writer.write(make_blocks(1)[0])
    assert (tmp_path / "out.mkv").read_bytes() == make_stream(make_blocks(1))
