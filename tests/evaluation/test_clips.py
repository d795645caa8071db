"""A clip holds exactly the pictures of its source, whatever their size, depth and timing."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.errors import InputError, UnsupportedError, UsageError
from sensic.evaluation.clips import PIXEL_FORMATS, decode_planes, load, picture_of, planes_of
from sensic.evaluation.process import ffmpeg, run
from tests.evaluation import footage


@given(st.integers(1, 70), st.integers(1, 40), st.sampled_from([8, 10]))
def test_planes_of_inverts_picture_of(width: int, height: int, depth: int) -> None:
    random = np.random.default_rng(width * height)
    dtype = np.uint8 if depth == 8 else np.uint16
    shapes = ((height, width), ((height + 1) // 2, (width + 1) // 2), ((height + 1) // 2, (width + 1) // 2))
    y, u, v = (random.integers(0, 1 << depth, shape).astype(dtype) for shape in shapes)
    assert footage.same([planes_of(picture_of((y, u, v)))], [(y, u, v)])


@pytest.mark.parametrize(("width", "height", "depth"), [(96, 64, 8), (65, 33, 8), (64, 49, 10)])
def test_a_clip_has_the_samples_of_its_source(tmp_path: Path, width: int, height: int, depth: int) -> None:
    pictures = footage.scenes(width, height, depth, 5)
    source = footage.write(tmp_path / "scene.mkv", pictures, Fraction(30000, 1001))
    clip = load(source, tmp_path, 3)
    info = clip.info
    assert (info.name, info.frames, info.width, info.height, info.depth) == ("scene", 3, width, height, depth)
    assert info.rate == "30000/1001"
    assert not info.audio
    assert clip.source == source
    assert footage.same(clip.frames(), pictures[:3])
    samples = b"".join(plane.tobytes() for picture in pictures[:3] for plane in picture)
    assert info.sha256 == hashlib.sha256(samples).hexdigest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene.lossless.mkv", "scene.mkv"]


def test_frames_come_one_by_one(tmp_path: Path) -> None:
    frames = footage.clip(tmp_path).frames()
    assert footage.same([next(frames)], footage.scenes(96, 64, 8, 1))


def test_uneven_times_become_even(tmp_path: Path) -> None:
    pictures = footage.scenes(96, 64, 8, 4)
    with av.open(str(tmp_path / "uneven.mkv"), "w") as writer:
        stream = writer.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, PIXEL_FORMATS[8]
        stream.codec_context.time_base = Fraction(1, 1000)
        for planes, time in zip(pictures, (5, 40, 500, 512), strict=True):
            picture = picture_of(planes)
            picture.pts, picture.time_base = time, Fraction(1, 1000)
            writer.mux(stream.encode(picture))
        writer.mux(stream.encode(None))
    clip = load(tmp_path / "uneven.mkv", tmp_path)
    assert footage.same(clip.frames(), pictures)
    with av.open(str(clip.path)) as reader:
        times = [float(frame.time or 0) for frame in reader.decode(video=0)]
    rate = float(Fraction(clip.info.rate))
    assert times == pytest.approx([n / rate for n in range(4)], abs=1e-3)


@pytest.mark.parametrize("rate", [Fraction(1, 10), Fraction(1000)])
def test_a_rate_that_no_encoder_takes_becomes_25(tmp_path: Path, rate: Fraction) -> None:
    source = footage.write(tmp_path / "scene.nut", footage.scenes(96, 64, 8, 2), rate)
    assert load(source, tmp_path).info.rate == "25/1"


def sound(path: Path) -> tuple[str, bytes]:
    """The codec and the samples, 16 bits each."""
    with av.open(str(path)) as reader:
        to_s16 = av.AudioResampler(format="s16")
        frames = [part for frame in reader.decode(audio=0) for part in to_s16.resample(frame)]
        return reader.streams.audio[0].codec_context.name, b"".join(frame.to_ndarray().tobytes() for frame in frames)


@pytest.mark.parametrize(("codec", "kept"), [("pcm_s16le", "pcm_s16le"), ("pcm_s8", "flac")])
def test_audio_goes_along_when_asked_for(tmp_path: Path, codec: str, kept: str) -> None:
    """Matroska does not hold ``pcm_s8``."""
    silent = footage.write(tmp_path / "silent.mkv", footage.scenes(96, 64, 8, 10))
    source = tmp_path / "loud.mov"
    tone = ["-f", "lavfi", "-i", "sine=440:sample_rate=22050:duration=2", "-c:a", codec]
    run([ffmpeg(), "-v", "error", "-i", str(silent), *tone, "-c:v", "copy", "-strict", "-2", str(source)])
    clip = load(source, tmp_path, 5, audio=True)
    assert clip.info.audio
    assert footage.same(clip.frames(), footage.scenes(96, 64, 8, 5))
    name, ours = sound(clip.path)
    assert name == kept
    assert len(ours) == pytest.approx(0.2 * 22050 * 2, rel=0.5)
    assert sound(source)[1].startswith(ours)
    assert not load(source, tmp_path, 5).info.audio
    assert not load(silent, tmp_path, 5, audio=True).info.audio


@pytest.mark.parametrize("pixels", ["yuv422p", "yuv444p10le", "gray", "rgb24"])
def test_other_samplings_are_refused(tmp_path: Path, pixels: str) -> None:
    source = tmp_path / "other.avi"
    with av.open(str(source), "w") as writer:
        stream = writer.add_stream("png" if pixels == "rgb24" else "ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        writer.mux(stream.encode(av.VideoFrame(64, 48, pixels)))
        writer.mux(stream.encode(None))
    with pytest.raises(UnsupportedError, match=rf"{pixels}; 4:2:0 of 8 or 10 bits.*-pix_fmt yuv420p"):
        load(source, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other.avi"]


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.mkv"
    text.write_text("no video")
    with pytest.raises(InputError, match=r"text\.mkv"):
        load(text, tmp_path)
    with pytest.raises(InputError, match=r"none\.mkv"):
        load(tmp_path / "none.mkv", tmp_path)
    empty = tmp_path / "empty.y4m"
    empty.write_bytes(b"YUV4MPEG2 W64 H48 F25:1 C420jpeg\n")
    with pytest.raises(InputError, match="no frame"):
        load(empty, tmp_path)
    with pytest.raises(UsageError, match="at least 1, not 0"):
        load(text, tmp_path, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.y4m", "text.mkv"]


def test_decode_planes_refuses_other_samplings(tmp_path: Path) -> None:
    source = tmp_path / "other.mkv"
    with av.open(str(source), "w") as writer:
        stream = writer.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        writer.mux(stream.encode(av.VideoFrame(64, 48, "yuv444p")))
        writer.mux(stream.encode(None))
    with pytest.raises(UnsupportedError, match="yuv444p"):
        list(decode_planes(source))
