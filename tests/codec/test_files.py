"""Whole files through the public API."""

from __future__ import annotations

import hashlib
import io
import math
import random
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import sensic
from sensic.video import Filters, VideoSource
from tests.codec.pictures import write_video
from tests.small_model import small_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def source(folder: Path) -> Path:
    return write_video(folder / "source.mkv", 11)


@pytest.fixture(scope="module")
def stream(folder: Path, source: Path) -> Path:
    report = sensic.encode(source, folder / "stream.mkv", quality=30, gop=4, model=small_model())
    assert report.frames == 11
    assert report.file_bytes == (folder / "stream.mkv").stat().st_size > report.payload_bytes
    assert report.estimated_bits == pytest.approx(8 * report.payload_bytes, abs=64 * 3)
    assert sum(report.bits.values()) == pytest.approx(report.estimated_bits)
    assert sum(report.frame_bits) == pytest.approx(report.estimated_bits, abs=64)  # the last checksum is of no frame
    return folder / "stream.mkv"


def test_the_default_model_carries_a_picture(tmp_path: Path, source: Path) -> None:
    """High quality comes close to the source; low quality is much smaller."""
    sizes = []
    for quality, least in ((60, 32.0), (5, 22.0)):
        report = sensic.encode(source, tmp_path / "s.mkv", quality=quality)
        verified = sensic.verify(tmp_path / "s.mkv", reference=source)
        assert verified.psnr is not None
        assert verified.psnr[0] > least
        sizes.append(report.payload_bytes)
    assert sizes[0] > 2 * sizes[1]


def test_a_long_group_stays_stable_at_every_quality(tmp_path: Path) -> None:
    """Recurrence must not drift away: the last of 96 pictures is about as good as the second."""
    long = write_video(tmp_path / "long.mkv", 96)
    for quality in (0, 20, 40, 63):
        sensic.encode(long, tmp_path / "s.mkv", quality=quality, gop=96)
        with sensic.open_video(tmp_path / "s.mkv") as coded, VideoSource(long) as original:
            errors = [float(np.square(a.y.astype(float) - b.y).mean()) for a, b in zip(coded, original, strict=True)]
        assert np.mean(errors[-8:]) < 4 * np.mean(errors[1:9]) + 4


def test_decoding_is_lossless_after_the_codec(tmp_path: Path, stream: Path) -> None:
    sensic.decode(stream, tmp_path / "back.mkv", model=small_model())
    with sensic.open_video(stream, model=small_model()) as video, av.open(str(tmp_path / "back.mkv")) as back:
        for mine, theirs in zip(video, back.decode(video=0), strict=True):
            assert np.array_equal(mine.y, theirs.to_ndarray(format="yuv420p")[:48])
            assert mine.time == pytest.approx(float(theirs.time))


def test_verify_compares_and_hashes(stream: Path, source: Path) -> None:
    report = sensic.verify(stream, reference=source, model=small_model())
    assert (report.frames, report.groups) == (11, 3)
    assert report.psnr is not None
    digest = hashlib.sha256()
    with sensic.open_video(stream, model=small_model()) as video:
        for frame in video:
            for plane in frame.planes:
                digest.update(plane.tobytes())
    assert digest.hexdigest() == report.sha256


def test_verify_compares_with_what_was_coded(tmp_path: Path, source: Path) -> None:
    filters = Filters(trim="2f:", crop="48:32", depth=10)
    sensic.encode(source, tmp_path / "s.mkv", quality=60, filters=filters, model=small_model())
    report = sensic.verify(tmp_path / "s.mkv", reference=source, filters=filters, model=small_model())
    with sensic.open_video(tmp_path / "s.mkv", model=small_model()) as video:
        assert report.frames == len(video)
    assert report.psnr is not None
    with pytest.raises(sensic.UsageError, match="reference"):
        sensic.verify(tmp_path / "s.mkv", reference=source, model=small_model())


def test_verify_refuses_another_reference(tmp_path: Path, stream: Path) -> None:
    for name, count, width in (("short", 10, 64), ("long", 12, 64), ("wide", 11, 80)):
        other = write_video(tmp_path / f"{name}.mkv", count, width)
        with pytest.raises(sensic.UsageError, match=r"reference|frames"):
            sensic.verify(stream, reference=other, model=small_model())


def test_verify_of_equal_pictures_is_infinite(tmp_path: Path, stream: Path) -> None:
    sensic.decode(stream, tmp_path / "back.mkv", model=small_model())
    report = sensic.verify(stream, reference=tmp_path / "back.mkv", model=small_model())
    assert report.psnr == (math.inf, math.inf, math.inf)


def test_probe_needs_no_model(stream: Path) -> None:
    info = sensic.probe(stream)
    assert (info.frames, info.groups, info.header.quality, info.header.gop) == (11, 3, 30, 4)
    assert info.duration == Fraction(11, 25)
    assert info.to_json()["model"] == small_model().id
    assert sensic.probe(stream.read_bytes()).frames == 11


def test_random_access_equals_linear_decoding(stream: Path) -> None:
    with sensic.open_video(stream, model=small_model()) as video:
        linear = [frame.y.copy() for frame in video]
        assert len(video) == len(linear) == 11
        order = list(range(11)) * 3
        random.Random(5).shuffle(order)
        for number in order:
            assert np.array_equal(video[number].y, linear[number]), number
        assert np.array_equal(video[-1].y, linear[10])
        assert [f.pts for f in video[8:2:-2]] == [video[8].pts, video[6].pts, video[4].pts]
        assert video[3:3] == []
        for seconds, number in ((0, 0), (0.039, 0), (0.04, 1), (0.2, 5), (99, 10)):
            assert video.at(seconds).pts == video[number].pts
        with pytest.raises(IndexError):
            video[11]
        with pytest.raises(sensic.UsageError):
            video.at(-1)


def test_low_latency_through_a_pipe(tmp_path: Path, source: Path) -> None:
    out = io.BytesIO()
    sensic.encode(source, out, gop=5, low_latency=True, model=small_model())
    info = sensic.probe(out.getvalue())
    assert info.header.low_latency
    assert (info.frames, info.groups) == (11, 3)
    assert sensic.verify(out.getvalue(), reference=source, model=small_model()).frames == 11


def test_progress_counts_every_frame(tmp_path: Path, source: Path) -> None:
    seen: list[sensic.Progress] = []
    sensic.encode(source, tmp_path / "s.mkv", model=small_model(), progress=seen.append)
    assert [p.frames for p in seen] == list(range(1, 12))


def test_another_model_is_named(tmp_path: Path, stream: Path) -> None:
    with pytest.raises(sensic.WrongModelError, match=small_model().id):
        sensic.decode(stream, tmp_path / "x.mkv")
    with pytest.raises(sensic.WrongModelError, match="small-1"):
        sensic.decode(stream, tmp_path / "x.mkv", model=small_model(1))
    assert list(tmp_path.iterdir()) == []


def test_the_input_is_never_overwritten(tmp_path: Path, source: Path) -> None:
    copy = Path(shutil.copy(source, tmp_path / "copy.mkv"))
    (tmp_path / "link.mkv").symlink_to(copy)
    for destination in (copy, tmp_path / "link.mkv"):
        with pytest.raises(sensic.UsageError, match="is the input"):
            sensic.encode(copy, destination, model=small_model())
    assert copy.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("damage", ["empty", "text", "truncated", "foreign", "flipped"])
def test_what_is_not_a_whole_stream_leaves_nothing_behind(
    tmp_path: Path, stream: Path, source: Path, damage: str
) -> None:
    data = bytearray(stream.read_bytes())
    data[len(data) // 2] ^= 64
    contents = {
        "empty": b"", "text": b"hello\n" * 100, "truncated": stream.read_bytes()[: len(data) * 2 // 3],
        "foreign": source.read_bytes(), "flipped": bytes(data),
    }  # fmt: skip
    bad = tmp_path / "bad.mkv"
    bad.write_bytes(contents[damage])
    for operation in (
        lambda: sensic.decode(bad, tmp_path / "out.mkv", model=small_model()),
        lambda: sensic.verify(bad, model=small_model()),
    ):
        with pytest.raises(sensic.StreamError):
            operation()
    assert list(tmp_path.iterdir()) == [bad]


def test_an_interrupted_encoding_leaves_nothing_behind(tmp_path: Path, source: Path) -> None:
    def interrupt(progress: sensic.Progress) -> None:
        if progress.frames == 6:
            raise KeyboardInterrupt

    for run in (
        lambda: sensic.encode(source, tmp_path / "s.mkv", gop=2, model=small_model(), progress=interrupt),
        lambda: sensic.decode(
            _encoded(source, tmp_path), tmp_path / "out.mkv", model=small_model(), progress=interrupt
        ),
    ):
        with pytest.raises(KeyboardInterrupt):
            run()
        assert not [p for p in tmp_path.iterdir() if p.name != "whole.mkv"]


def _encoded(source: Path, folder: Path) -> Path:
    sensic.encode(source, folder / "whole.mkv", model=small_model())
    return folder / "whole.mkv"


@pytest.mark.parametrize(
    "wrong", [{"quality": 64}, {"gop": 0}, {"preset": "ludicrous"}, {"preset": 10}, {"threads": 0}]
)
def test_usage_errors_name_what_is_allowed(tmp_path: Path, source: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(sensic.UsageError, match=r"\d"):
        sensic.encode(source, tmp_path / "s.mkv", model=small_model(), **wrong)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
