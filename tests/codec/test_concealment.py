"""Damaged streams, decoded: what is whole comes as it was, stand-ins come for the rest, and all of it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sensic
from sensic.cli import main
from sensic.codec.extrapolation import Extrapolation
from sensic.container import Block, StreamReader, StreamWriter
from sensic.video import Frame, VideoSource
from tests.cli.conftest import validate
from tests.codec.pictures import write_video
from tests.small_model import small_model

FRAMES, GOP = 22, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


@pytest.fixture(scope="module", params=["neural", "low latency", "sensing"])
def stream(request: pytest.FixtureRequest, folder: Path) -> Path:
    options: dict[str, Any] = {"profile": "sensing"} if request.param == "sensing" else {"model": small_model()}
    source, path = folder / "source.mkv", folder / f"{request.param}.mkv"
    if not source.exists():
        write_video(source, FRAMES)
    sensic.encode(source, path, quality=40, gop=GOP, low_latency=request.param == "low latency", **options)
    return path


def model_for(path: Path) -> Any:
    return None if "sensing" in path.name else small_model()


def frames_of(path: Path) -> list[Frame]:
    with VideoSource(path) as video:
        return [Frame(*(np.array(p) for p in f.planes), f.depth, f.pts, f.time_base, f.duration) for f in video]


def concealed(stream: Path, data: bytes, folder: Path) -> tuple[list[Frame], sensic.DecodeReport]:
    (folder / "damaged.mkv").write_bytes(data)
    report = sensic.decode(
        folder / "damaged.mkv", folder / "out.mkv", model=model_for(stream), on_error="conceal", threads=1
    )
    return frames_of(folder / "out.mkv"), report


def clean(stream: Path, folder: Path) -> list[Frame]:
    out = folder / f"clean-{stream.stem}.mkv"
    if not out.exists():
        sensic.decode(stream, out, model=model_for(stream), threads=1)
    return frames_of(out)


def same(a: Frame, b: Frame) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a.planes, b.planes, strict=True))


def blocks_of(path: Path) -> list[Block]:
    with StreamReader(path) as reader:
        return list(reader.blocks())


def test_a_whole_stream_is_as_ever(stream: Path, folder: Path, tmp_path: Path) -> None:
    frames, report = concealed(stream, stream.read_bytes(), tmp_path)
    assert report.concealed == ()
    assert all(same(a, b) for a, b in zip(frames, clean(stream, folder), strict=True))


def test_a_block_in_the_middle(stream: Path, folder: Path, tmp_path: Path) -> None:
    """What follows from the last good pictures stands in until the next group, at the times of those that are lost."""
    blocks, data = blocks_of(stream), bytearray(stream.read_bytes())
    number = 9 if len(blocks) == FRAMES else 2
    data[data.index(blocks[number].payload) + 1] ^= 4
    frames, report = concealed(stream, bytes(data), tmp_path)
    good = clean(stream, folder)
    first = sum(len(block.frames) for block in blocks[:number])
    rest = next(n for n, block in enumerate(blocks) if n > number and block.starts_group)
    group = sum(len(block.frames) for block in blocks[number:rest])
    assert [frame.pts for frame in frames] == [frame.pts for frame in good]
    moving = Extrapolation(good[first - 2], good[first - 1])
    for n, frame in enumerate(frames):
        assert same(frame, moving.picture(n - first + 1) if first <= n < first + group else good[n])
    (interval,) = report.concealed
    assert (interval.first, interval.frames) == (first, group)
    assert interval.start == pytest.approx(first / 25)
    assert interval.end == pytest.approx((first + group) / 25)
    assert "checksum" in interval.reason


def test_the_first_block(stream: Path, folder: Path, tmp_path: Path) -> None:
    blocks, data = blocks_of(stream), bytearray(stream.read_bytes())
    data[data.index(blocks[0].payload)] ^= 1
    frames, report = concealed(stream, bytes(data), tmp_path)
    good = clean(stream, folder)
    assert same(frames[-1], good[-1])
    assert report.concealed[0].first == 0
    with pytest.raises(sensic.DamagedError):
        sensic.decode(tmp_path / "damaged.mkv", tmp_path / "no.mkv", model=model_for(stream))
    assert not (tmp_path / "no.mkv").exists()


def test_a_stream_that_is_cut_short(stream: Path, folder: Path, tmp_path: Path) -> None:
    data = stream.read_bytes()
    frames, report = concealed(stream, data[: data.index(blocks_of(stream)[-1].payload)], tmp_path)
    assert report.concealed[-1].end is None
    good = clean(stream, folder)
    assert all(same(a, b) for a, b in zip(frames, good, strict=False))
    assert len(good) - GOP <= len(frames) < len(good)


def test_symbols_that_are_wrong_behind_a_right_checksum(stream: Path, folder: Path, tmp_path: Path) -> None:
    """Whoever made the file damaged it before it was sealed: only decoding finds out."""
    out = tmp_path / "sealed.mkv"
    with StreamReader(stream) as reader:
        blocks = list(reader.blocks())
        with StreamWriter(out, reader.header) as writer:
            for n, block in enumerate(blocks):
                payload = bytearray(block.payload)
                if n == 1:
                    payload[len(payload) // 2] ^= 0x55
                writer.write(Block(block.frames, block.starts_group, bytes(payload)))
    frames, report = concealed(stream, out.read_bytes(), tmp_path)
    good = clean(stream, folder)
    assert report.concealed
    assert len(frames) == len(good)
    hidden = {n for i in report.concealed for n in range(i.first, i.first + i.frames)}
    assert all(same(frames[n], good[n]) for n in range(len(good)) if n not in hidden)


@settings(max_examples=20)
@given(st.data())
def test_nothing_damaged_is_shown_as_good(stream: Path, folder: Path, data: st.DataObject) -> None:
    whole = stream.read_bytes()
    start = whole.index(blocks_of(stream)[0].payload)
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(start, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    good = {frame.pts: frame for frame in clean(stream, folder)}
    try:
        frames, report = concealed(stream, bytes(damaged), folder)
    except sensic.DamagedError:
        return  # nothing was left
    hidden = {n for i in report.concealed for n in range(i.first, i.first + i.frames)}
    for n, frame in enumerate(frames):
        assert n in hidden or same(frame, good[frame.pts]) or "sensing" in stream.name
    assert len(frames) == len(good) or report.concealed


def test_random_access_checks_the_last_block_too(folder: Path, tmp_path: Path) -> None:
    """Behind a checksum that is right: what is left to find is the sum over the symbols, which comes last."""
    source = write_video(tmp_path / "in.mkv", 3)
    sensic.encode(source, tmp_path / "s.mkv", model=small_model(), quality=50, gop=3)
    with StreamReader(tmp_path / "s.mkv") as reader:
        (block,) = reader.blocks()
        header = reader.header
    for place in range(len(block.payload) // 2, len(block.payload), 7):
        payload = bytearray(block.payload)
        payload[place] ^= 0x41
        with StreamWriter(tmp_path / "bad.mkv", header) as writer:
            writer.write(Block(block.frames, True, bytes(payload)))
        with (
            sensic.open_video(tmp_path / "bad.mkv", model=small_model()) as video,
            pytest.raises(sensic.DamagedError),
        ):
            video[2]


def test_nothing_left(stream: Path, tmp_path: Path) -> None:
    data = stream.read_bytes()
    start = data.index(blocks_of(stream)[0].payload)
    (tmp_path / "in.mkv").write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(sensic.DamagedError, match="nothing of the stream"):
        sensic.decode(tmp_path / "in.mkv", tmp_path / "out.mkv", model=model_for(stream), on_error="conceal")
    assert not (tmp_path / "out.mkv").exists()
    with pytest.raises(sensic.UsageError, match="on_error"):
        sensic.decode(tmp_path / "in.mkv", tmp_path / "out.mkv", on_error="ignore")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(tmp_path / "in.mkv", 10)
    assert main(["encode", str(tmp_path / "in.mkv"), str(tmp_path / "s.mkv"), "--profile", "sensing", "--quiet"]) == 0
    data = bytearray((tmp_path / "s.mkv").read_bytes())
    data[data.index(blocks_of(tmp_path / "s.mkv")[1].payload)] ^= 1
    (tmp_path / "s.mkv").write_bytes(data)
    words = ["decode", str(tmp_path / "s.mkv"), str(tmp_path / "out.mkv"), "--on-error", "conceal"]
    assert main(words) == 3
    assert "concealed: 4 frames from 0.16 s to 0.32 s: " in capsys.readouterr().err
    assert main([*words, "--json"]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in lines if line["type"] != "progress"] == ["concealed", "decoded"]
    assert not any(map(validate, lines))
    assert len(frames_of(tmp_path / "out.mkv")) == 10
