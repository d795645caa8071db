from __future__ import annotations

import io
import itertools
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensic.container import Limits, StreamReader, StreamWriter, ebml
from sensic.container.description import file_start, segment_info, track_entry
from sensic.errors import DamagedError, InputError, LimitError, StreamError, UsageError
from tests.container.streams import contents, make_blocks, make_header, make_stream

BLOCKS = make_blocks(6, group=2)
STREAM = make_stream(BLOCKS)


class Pipe(io.RawIOBase):
    """Hands out a few bytes at a time, and can't seek."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    def readable(self) -> bool:
        return True

    def read(self, count: int = -1) -> bytes:
        count = min(count, 5)
        data, self._rest = self._rest[:count], self._rest[count:]
        return data


@pytest.mark.parametrize("kind", ["str", "path", "bytes", "bytesio", "file", "pipe"])
def test_every_kind_of_source(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    path.write_bytes(STREAM)
    with open(path, "rb") as file:
        sources = {
            "str": str(path),
            "path": path,
            "bytes": STREAM,
            "bytesio": BytesIO(STREAM),
            "file": file,
            "pipe": Pipe(STREAM),
        }
        with StreamReader(sources[kind]) as reader:  # type: ignore[arg-type]
            assert reader.header == make_header()
            assert contents(reader.blocks()) == contents(BLOCKS)
            assert list(reader.blocks()) == []
        assert not file.closed


def test_standard_input() -> None:
    script = "from sensic.container import StreamReader; print(sum(len(b.frames) for b in StreamReader('-').blocks()))"
    done = subprocess.run([sys.executable, "-c", script], input=STREAM, capture_output=True, check=True)
    assert done.stdout.strip() == b"48"


def test_sequence_and_last_are_those_of_the_writer() -> None:
    found = list(StreamReader(STREAM).blocks())
    assert [block.sequence for block in found] == list(range(6))
    assert [block.last for block in found] == [False] * 5 + [True]
    assert list(StreamReader(make_stream([])).blocks()) == []
    assert len(list(StreamReader(make_stream(BLOCKS, low_latency=True)).blocks())) == 6


def test_index() -> None:
    reader = StreamReader(STREAM)
    first = next(reader.blocks())
    index = reader.index()
    assert [(e.first_pts, e.last_pts, e.frames, e.starts_group) for e in index] == [
        (8 * i, 8 * i + 7, 8, i % 2 == 0) for i in range(6)
    ]
    assert sum(entry.payload_bytes for entry in index) == 600
    assert contents([first, *reader.blocks()]) == contents(BLOCKS)  # the reader stood still


def test_random_seeks_agree_with_reading_on() -> None:
    reader, choose = StreamReader(STREAM), random.Random(1)
    for pts in [-5, 0, 47, 1000, *(choose.randrange(50) for _ in range(50))]:
        reader.seek(pts)
        group = min(max(pts, 0) // 16, 2)
        found = reader.blocks()
        assert contents([next(found)]) == contents(BLOCKS[2 * group : 2 * group + 1])
        if choose.random() < 0.5:
            assert contents(found) == contents(BLOCKS[2 * group + 1 :])


def test_seeking_in_nothing_and_in_pipes() -> None:
    empty = StreamReader(make_stream([]))
    empty.seek(3)
    assert list(empty.blocks()) == []
    with pytest.raises(UsageError, match="pipe"):
        StreamReader(Pipe(STREAM)).seek(0)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="pipe"):
        StreamReader(Pipe(STREAM)).index()  # type: ignore[arg-type]


@pytest.mark.parametrize("wrap", [bytes, Pipe])
def test_every_cut_is_noticed(wrap: Callable[[bytes], bytes]) -> None:
    for length in range(len(STREAM)):
        with pytest.raises(StreamError):
            list(StreamReader(wrap(STREAM[:length])).blocks())


def test_no_flipped_bit_gives_wrong_blocks() -> None:
    choose = random.Random(2)
    for bit in choose.sample(range(8 * len(STREAM)), 2000):
        damaged = bytearray(STREAM)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = contents(StreamReader(bytes(damaged)).blocks())
        except StreamError:
            continue
        assert found == contents(BLOCKS)  # it hit something that only others read


def test_missing_and_swapped_blocks() -> None:
    index = StreamReader(STREAM).index()
    cuts = [entry.place.position for entry in index] + [len(STREAM)]
    head, parts = STREAM[: cuts[0]], [STREAM[a:b] for a, b in itertools.pairwise(cuts)]
    assert head + b"".join(parts) == STREAM
    for order in ([0, 2, 3, 4, 5], [1, 2, 3, 4, 5], [0, 2, 1, 3, 4, 5], [0, 0, 1, 2, 3, 4, 5]):
        with pytest.raises(DamagedError, match="block"):
            list(StreamReader(head + b"".join(parts[i] for i in order)).blocks())
    with pytest.raises(DamagedError, match="cut short"):
        list(StreamReader(head + b"".join(parts[:5])).blocks())


def test_blocks_before_the_damage_are_good() -> None:
    reader = StreamReader(STREAM[:-50]).blocks()
    assert contents([next(reader) for _ in range(5)]) == contents(BLOCKS[:5])
    with pytest.raises(DamagedError):
        next(reader)


@pytest.fixture
def plain_video(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            stream = output.add_stream("mpeg4", rate=25)
            stream.width, stream.height = 32, 32
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), "yuv420p")
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        return path

    return make


def test_foreign_files(plain_video: Callable[[str], Path], tmp_path: Path) -> None:
    for data in (b"", b"\n", b"Just text, and more of it.\n" * 100, bytes(5000), os.urandom(5000), STREAM[:3]):
        with pytest.raises(StreamError, match="not a Sensic stream"):
            StreamReader(data)
    for name in ("a.mp4", "a.mkv", "a.webm", "a.avi"):
        if name != "a.webm":  # which takes no MPEG-4
            with pytest.raises(StreamError, match="not a Sensic stream"):
                StreamReader(plain_video(name))
    with pytest.raises(InputError, match="No such file"):
        StreamReader(tmp_path / "none.mkv")
    with pytest.raises(InputError):
        StreamReader(tmp_path)


def _head(track: bytes) -> bytes:
    segment = ebml.identifier(ebml.SEGMENT) + ebml.size(ebml.UNKNOWN_SIZE)
    return file_start() + segment + segment_info(duration=False) + ebml.master(ebml.TRACKS, track)


def test_matroska_that_asks_for_too_much() -> None:
    head = _head(track_entry(make_header(), 1)) + ebml.identifier(ebml.CLUSTER) + ebml.size(ebml.UNKNOWN_SIZE)
    huge = ebml.identifier(ebml.SIMPLE_BLOCK) + ebml.size(1 << 40) + b"\x81\0\0\x80"
    with pytest.raises(DamagedError, match="cut short"):
        next(StreamReader(head + huge).blocks())
    with pytest.raises(LimitError):
        next(StreamReader(Pipe(head + huge)).blocks())  # type: ignore[arg-type]
    with pytest.raises(LimitError):
        list(StreamReader(STREAM, limits=Limits(block_bytes=100)).blocks())
    tracks = file_start() + ebml.identifier(ebml.SEGMENT) + b"\xff" + ebml.identifier(ebml.TRACKS) + ebml.size(1 << 40)
    with pytest.raises(LimitError):
        StreamReader(Pipe(tracks))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "element",
    [
        ebml.identifier(ebml.SIMPLE_BLOCK) + ebml.size(ebml.UNKNOWN_SIZE),
        ebml.identifier(ebml.TAGS) + ebml.size(ebml.UNKNOWN_SIZE),
        ebml.element(ebml.SIMPLE_BLOCK, b""),
        ebml.element(ebml.SIMPLE_BLOCK, b"\x81\0"),
        ebml.element(ebml.SIMPLE_BLOCK, b"\x81\0\0\x86abc"),  # laced
        ebml.element(ebml.SIMPLE_BLOCK, b"\x81\0\0\x80"),  # empty
        ebml.element(ebml.SIMPLE_BLOCK, b"\0\0\0\0"),
        ebml.element(ebml.TIMESTAMP, bytes(9)),
        b"\0",
    ],
)
def test_broken_elements(element: bytes) -> None:
    head = _head(track_entry(make_header(), 1)) + ebml.identifier(ebml.CLUSTER) + ebml.size(ebml.UNKNOWN_SIZE)
    for source in (head + element, Pipe(head + element)):
        with pytest.raises(StreamError):
            next(StreamReader(source).blocks())  # type: ignore[arg-type]


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_after_the_head_are_blocks_or_an_error(data: bytes) -> None:
    with pytest.raises(StreamError):
        list(StreamReader(_head(track_entry(make_header(), 1)) + data).blocks())


def test_a_group_has_a_most() -> None:
    long = make_stream(make_blocks(5, frames=10, group=100))
    with pytest.raises(LimitError, match="frames of a group"):
        list(StreamReader(long, limits=Limits(frames=45)).blocks())


def test_a_track_without_a_header() -> None:
    track = ebml.master(ebml.TRACK_ENTRY, ebml.unsigned(ebml.TRACK_NUMBER, 1), ebml.text(ebml.CODEC_ID, "V_SENSIC"))
    with pytest.raises(StreamError, match="not a Sensic stream"):
        StreamReader(_head(track))
    with pytest.raises(StreamError, match="without tracks"):
        StreamReader(file_start() + ebml.identifier(ebml.SEGMENT) + b"\xff")


def test_memory_is_that_of_one_block(tmp_path: Path) -> None:
    path = tmp_path / "long.mkv"
    with StreamWriter(path, make_header()) as writer:
        for block in make_blocks(100, size=100_000):
            writer.write(block)
    tracemalloc.start()
    try:
        with StreamReader(path) as reader:
            assert len(reader.index()) == sum(1 for _ in reader.blocks())
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_whether_there_may_be_side_streams() -> None:
    attachment = ebml.element(ebml.ATTACHMENTS, b"")
    sound = (Path(__file__).parents[1] / "vectors" / "v1-sound.mkv").read_bytes()
    cases = {STREAM: False, STREAM + attachment: True, sound: True, STREAM + b"what is this?": True}
    for stream, expected in cases.items():
        with StreamReader(stream) as reader:
            first = next(reader.blocks())
            assert reader.has_side() is expected
            assert contents([first, *reader.blocks()]) == contents(BLOCKS) or stream == sound  # stands where it stood
    assert not StreamReader(Pipe(STREAM)).has_side()  # type: ignore[arg-type]


def test_bytes_have_no_side_streams() -> None:
    with StreamReader(STREAM).side() as side:
        assert side.templates == ()
