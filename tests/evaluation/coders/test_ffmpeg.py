"""Every encoder is run for real: the same groups for all, and pictures of the clip's own size and depth."""

from __future__ import annotations

import re
from pathlib import Path

import av
import numpy as np
import pytest

from sensic.errors import EvaluationError, UnsupportedError, UsageError
from sensic.evaluation.clips import Clip, Planes, load, planes_of
from sensic.evaluation.coders import Coder, coder
from sensic.evaluation.coders.ffmpeg import FAMILIES, version
from sensic.evaluation.process import ffmpeg, run
from tests.evaluation import footage

FAST = {"x264": "veryfast", "x265": "veryfast", "svtav1": "10", "vvenc": "faster", "vp9": "5", "aom": "8"}
VIDEO = tuple(f"{name}:{preset}" for name, preset in FAST.items())
ALL = (*VIDEO, "jpeg")


def decoded(path: Path, start: int = 0) -> dict[int, tuple[bool, Planes]]:
    """Pictures by the time they are shown, and whether each is an intra frame; from the packet ``start`` on."""
    with av.open(str(path)) as reader:
        packets = [packet for packet in reader.demux(video=0) if packet.size]
        context = reader.streams.video[0].codec_context
        frames = [frame for packet in packets[start:] for frame in context.decode(packet)] + context.decode(None)
    intra = av.video.frame.PictureType.I
    return {frame.pts or 0: (frame.pict_type == intra, planes_of(frame)) for frame in frames}


def key_packets(path: Path) -> tuple[list[int], list[int]]:
    """Times of all packets as they lie in the file, and which of them are key frames."""
    with av.open(str(path)) as reader:
        packets = [packet for packet in reader.demux(video=0) if packet.size]
    return [packet.pts or 0 for packet in packets], [n for n, packet in enumerate(packets) if packet.is_keyframe]


@pytest.mark.parametrize("gop", [4, 11])
@pytest.mark.parametrize("spec", VIDEO)
def test_groups_are_equal_and_closed_in_spite_of_a_cut(tmp_path: Path, spec: str, gop: int) -> None:
    clip = footage.clip(tmp_path, frames=11, cut=6)
    encoded = coder(spec).encode(clip, tmp_path / "o.mkv", FAMILIES[spec.split(":")[0]].settings[2], gop=gop, threads=2)
    pictures = decoded(encoded.path)
    times = sorted(pictures)
    assert len(times) == 11
    assert [n for n, time in enumerate(times) if pictures[time][0]] == list(range(0, 11, gop))
    order, keys = key_packets(encoded.path)
    assert [times.index(order[key]) for key in keys] == list(range(0, 11, gop))
    for key in keys:
        assert min(order[key:]) == order[key]  # nothing of this group is shown before it
        alone = decoded(encoded.path, key)
        assert sorted(alone) == sorted(order[key:])
        assert all(footage.same([alone[time][1]], [pictures[time][1]]) for time in alone)


@pytest.mark.parametrize("spec", ALL)
def test_every_frame_may_be_an_intra_frame(tmp_path: Path, spec: str) -> None:
    clip = footage.clip(tmp_path, frames=3)
    encoded = coder(spec).encode(clip, tmp_path / "o.mkv", FAMILIES[spec.split(":")[0]].settings[2], gop=1, threads=1)
    assert [intra for intra, _ in decoded(encoded.path).values()] == [True] * 3


@pytest.mark.parametrize(("width", "height", "depth"), [(96, 64, 8), (97, 65, 8), (98, 67, 10)])
@pytest.mark.parametrize("spec", ALL)
def test_sizes_and_depths(tmp_path: Path, spec: str, width: int, height: int, depth: int) -> None:
    """The worst and the best of the default settings; pictures that are moved, cut or scaled would fail."""
    tested = coder(spec)
    clip = footage.clip(tmp_path, width, height, depth, frames=6)
    if (spec, depth) == ("jpeg", 10):
        with pytest.raises(UnsupportedError, match="jpeg codes 8 bits, and 98x67x10 has 10"):
            tested.encode(clip, tmp_path / "o.mkv", 3, gop=6, threads=2)
        return
    sizes, qualities = zip(*(measure(tested, clip, tmp_path, s) for s in tested.settings[::4]), strict=True)
    assert sizes[0] < 0.7 * sizes[1]
    assert 23 < qualities[0][0] < qualities[1][0] - 3
    assert all(37 < plane < 60 for plane in qualities[1])


def measure(tested: Coder, clip: Clip, directory: Path, setting: float) -> tuple[int, list[float]]:
    """Bytes and PSNR of a real encoding, its accounts checked."""
    stream, raw = directory / "o.mkv", directory / "o.yuv"
    encoded = tested.encode(clip, stream, setting, gop=6, threads=2)
    got = tested.decode(encoded.path, raw, clip=clip, threads=2)
    assert encoded.file_bytes == stream.stat().st_size
    assert 0 < encoded.file_bytes - encoded.payload_bytes < 700 + 16 * clip.info.frames
    assert len(encoded.bits) == clip.info.frames
    assert sum(encoded.bits) == 8 * encoded.payload_bytes
    assert min(encoded.usage.seconds, encoded.usage.cpu, got.usage.seconds, got.usage.memory) > 0
    pictures = footage.raw_planes(got.path, clip.info)
    assert len(pictures) == clip.info.frames
    return encoded.file_bytes, footage.psnr(pictures, clip.frames(), clip.info.depth)


@pytest.mark.parametrize(("width", "height"), [(65, 33), (64, 35), (67, 48)])
def test_padding_changes_no_sample(tmp_path: Path, width: int, height: int) -> None:
    """x264 is lossless at 0."""
    clip = footage.clip(tmp_path, width, height, frames=2)
    x264 = coder("x264:ultrafast")
    encoded = x264.encode(clip, tmp_path / "o.mkv", 0, gop=2, threads=1)
    raw = x264.decode(encoded.path, tmp_path / "o.yuv", clip=clip, threads=1).path
    assert footage.same(footage.raw_planes(raw, clip.info), clip.frames())


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_ten_bits_are_rounded_to_eight(tmp_path: Path, offset: int) -> None:
    """What VVenC decodes to becomes the nearest of 8 bits, without dither and without scaling."""
    clip = footage.clip(tmp_path, 66, 50, frames=2)
    wide: list[Planes] = []
    for picture in clip.frames():
        y, u, v = ((4 * plane.astype(np.int32) + offset).clip(0, 1023).astype(np.uint16) for plane in picture)
        wide.append((y, u, v))
    stream = footage.write(tmp_path / "ten.mkv", wide)
    raw = coder("vvenc").decode(stream, tmp_path / "o.yuv", clip=clip, threads=1).path
    assert footage.same(footage.raw_planes(raw, clip.info), clip.frames())


def test_audio_goes_into_the_file_and_not_into_the_bits(tmp_path: Path) -> None:
    silent = footage.clip(tmp_path, frames=4)
    tone = ["-f", "lavfi", "-i", "sine=440:duration=1", "-c:a", "pcm_s16le"]
    run([ffmpeg(), "-v", "error", "-i", str(silent.source), *tone, "-c:v", "copy", str(tmp_path / "loud.mkv")])
    loud = load(tmp_path / "loud.mkv", tmp_path, audio=True)
    for spec in ("x264:veryfast", "aom:8"):
        plain, sounding = (
            coder(spec).encode(clip, tmp_path / f"{clip.info.name}.out.mkv", 30, gop=4, threads=1)
            for clip in (silent, loud)
        )
        assert sounding.bits == plain.bits
        assert sounding.file_bytes > plain.file_bytes + 5000
        with av.open(str(sounding.path)) as reader:
            assert reader.streams.audio[0].codec_context.name == "pcm_s16le"


def test_commands_name_files_and_repeat(tmp_path: Path) -> None:
    clip = footage.clip(tmp_path, frames=2)
    tested = coder("vp9:5")
    once, twice = (tested.encode(clip, tmp_path / name, 40, gop=2, threads=2) for name in ("a.mkv", "b.mkv"))
    assert once.path.read_bytes() == twice.path.read_bytes()
    assert str(tmp_path) not in " ".join(once.command)
    assert once.command[0] == "ffmpeg"
    assert once.command.count("&&") == 1
    assert once.command[-1] == "a.mkv"
    got = tested.decode(once.path, tmp_path / "o.yuv", clip=clip, threads=2)
    assert got.command[-1] == "o.yuv"
    assert str(tmp_path) not in " ".join(got.command)
    assert sorted(path.name for path in tmp_path.iterdir() if path != clip.source) == [
        "96x64x8.lossless.mkv", "a.mkv", "b.mkv", "o.yuv"
    ]  # fmt: skip


def test_a_stream_that_ends_too_soon_is_noticed(tmp_path: Path) -> None:
    clip, shorter = footage.clip(tmp_path, frames=4), footage.clip(tmp_path, 98, frames=2)
    x264 = coder("x264:veryfast")
    stream = x264.encode(shorter, tmp_path / "o.mkv", 30, gop=4, threads=1).path
    with pytest.raises(EvaluationError, match=r"decoded \d+ bytes of 96x64x8, not the 36864 of 4 frames"):
        x264.decode(stream, tmp_path / "o.yuv", clip=clip, threads=1)


@pytest.mark.parametrize(("spec", "setting"), [("x264", 52), ("x265", -1), ("vp9", 64), ("aom", 30.5), ("jpeg", 0)])
def test_impossible_settings_are_refused(tmp_path: Path, spec: str, setting: float) -> None:
    with pytest.raises(UsageError, match=rf"a setting of {spec}.* is a .*number from \d+ to \d+, not {setting:g}"):
        coder(spec).encode(footage.clip(tmp_path, frames=2), tmp_path / "o.mkv", setting, gop=2, threads=1)


@pytest.mark.parametrize(("spec", "setting"), [("x264:medium", 30), ("vvenc:faster", 37)])
def test_psnr_costs_fewer_bytes_when_asked_for(tmp_path: Path, spec: str, setting: float) -> None:
    clip = footage.clip(tmp_path, 320, 192, frames=4)
    (low, few), (high, many), (reached, bytes_) = (
        point(coder(tested), clip, tmp_path, s)
        for tested, s in [(spec, setting + 6), (spec, setting - 4), (f"{spec}:psnr", setting)]
    )
    assert low < reached < high
    assert bytes_ < 0.98 * few * (many / few) ** ((reached - low) / (high - low))


def point(tested: Coder, clip: Clip, directory: Path, setting: float) -> tuple[float, int]:
    """PSNR of luma and bytes."""
    encoded = tested.encode(clip, directory / "o.mkv", setting, gop=4, threads=1)
    raw = tested.decode(encoded.path, directory / "o.yuv", clip=clip, threads=1).path
    return footage.psnr(footage.raw_planes(raw, clip.info), clip.frames(), clip.info.depth)[0], encoded.payload_bytes


def test_x265_is_told_of_psnr(tmp_path: Path) -> None:
    clip = footage.clip(tmp_path, frames=2)
    plain, tuned = (
        coder(spec).encode(clip, tmp_path / "o.mkv", 30, gop=2, threads=1) for spec in ("x265:fast", "x265:fast:psnr")
    )
    assert "-tune psnr" in " ".join(tuned.command)
    assert "-tune" not in plain.command
    assert plain.bits != tuned.bits


@pytest.mark.parametrize("spec", VIDEO)
def test_specifications_are_completed(spec: str) -> None:
    name = spec.split(":")[0]
    family = FAMILIES[name]
    assert coder(spec).spec == spec
    assert coder(name).spec == f"{name}:{family.preset}"
    assert len(family.settings) >= 5
    assert list(family.settings) == sorted(set(family.settings), reverse=True)
    if family.tunable:
        assert coder(f"{name}:psnr").spec == f"{name}:{family.preset}:psnr"
        assert coder(f"{spec}:psnr").spec == f"{spec}:psnr"


@pytest.mark.parametrize("name", FAMILIES)
def test_versions_are_the_encoders_own(name: str) -> None:
    assert re.fullmatch(rf"{name} v?\d+\S*, FFmpeg \S+", coder(name).version)


@pytest.mark.parametrize("spec", ["x264:fastest", "x264:medium:vmaf", "svtav1:14", "vp9:psnr", "jpeg:90"])
def test_unknown_presets_are_refused(spec: str) -> None:
    with pytest.raises(UsageError, match=r"has (the presets|no presets)|medium"):
        coder(spec)


@pytest.mark.parametrize("spec", ["", "h264", "X264", "sensical"])
def test_unknown_coders_are_refused(spec: str) -> None:
    with pytest.raises(UsageError, match=r"a coder is one of sensic.*x264.*vvenc.*jpeg"):
        coder(spec)


def test_an_encoder_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lesser = tmp_path / "ffmpeg"
    lesser.write_text("#!/bin/sh\necho 'ffmpeg version 1.2 Copyright' >&2\necho \"Unknown encoder 'x'\" >&2\nexit 8\n")
    lesser.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(lesser))
    monkeypatch.setattr("sensic.evaluation.coders.ffmpeg.version", version.__wrapped__)
    with pytest.raises(EvaluationError, match=r"libvvenc is missing in FFmpeg 1\.2"):
        coder("vvenc")


def test_an_encoder_that_fails_is_quoted(tmp_path: Path) -> None:
    clip = footage.clip(tmp_path, frames=2)
    clip.path.write_bytes(b"no video")
    with pytest.raises(EvaluationError, match=r"failed: .*Invalid data"):
        coder("x264").encode(clip, tmp_path / "o.mkv", 30, gop=2, threads=1)
