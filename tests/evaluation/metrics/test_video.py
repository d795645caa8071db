"""Every metric of pictures against an independent implementation, and what can't be measured."""

from __future__ import annotations

import json
import re
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pytorch_msssim import ms_ssim
from skimage.metrics import structural_similarity
from vmaf_torch import VMAF

from sensic.errors import EvaluationError, UsageError
from sensic.evaluation.clips import Clip, Planes, load
from sensic.evaluation.metrics import METRICS, NAMES, measure
from sensic.evaluation.metrics.temporal import flicker, summary
from sensic.evaluation.process import ffmpeg, run
from tests.evaluation.footage import clip as small_clip
from tests.evaluation.footage import scenes, write
from tests.evaluation.metrics import reference

Pair = tuple[Clip, list[Planes], list[Planes], Path]


def pair(
    directory: Path, width: int, height: int, depth: int = 8, frames: int = 3, rate: Fraction = Fraction(25)
) -> Pair:
    """A clip, its pictures, and worse ones, also as a raw file."""
    pictures = scenes(min(width, 640), min(height, 360), depth, frames)
    if width > 640 or height > 360:
        pictures = reference.enlarged(pictures, width, height)
    source = load(write(directory / "clip.mkv", pictures, rate), directory)
    worse = reference.degraded(pictures)
    return source, pictures, worse, reference.write_raw(directory / "decoded.yuv", worse)


def luma(pictures: list[Planes], depth: int = 8) -> list[np.ndarray]:  # type: ignore[type-arg]
    """On the scale of 8 bits."""
    return [y.astype(np.float64) / (1 << (depth - 8)) for y, _, _ in pictures]


@pytest.mark.parametrize(("width", "height", "depth"), [(96, 64, 8), (99, 65, 8), (99, 65, 10), (2, 1, 8)])
def test_psnr_is_that_of_ffmpeg(tmp_path: Path, width: int, height: int, depth: int) -> None:
    clip, pictures, _, decoded = pair(tmp_path, width, height, depth, frames=4)
    raw = reference.write_raw(tmp_path / "source.yuv", pictures)
    lines = [
        dict(re.findall(r"(\w+):(\S+)", line))
        for line in reference.filtered(raw, decoded, clip.info, "psnr=stats_file=-")
    ]
    values, frames = measure(clip, decoded, ["psnr"])
    assert set(values) == {f"psnr_{plane}{kind}" for plane in ("y", "u", "v", "yuv") for kind in ("", "_worst", "_p5")}
    peak = (1 << depth) - 1
    for plane in "yuv":
        assert frames[f"psnr_{plane}"] == pytest.approx(
            [min(100, float(line[f"psnr_{plane}"])) for line in lines], abs=0.006
        )
        error = np.mean([float(line[f"mse_{plane}"]) for line in lines])
        assert values[f"psnr_{plane}"] == pytest.approx(10 * np.log10(peak**2 / error), abs=0.01)


def test_psnr_of_all_planes_weighs_squared_errors_6_1_1(tmp_path: Path) -> None:
    clip, pictures, worse, decoded = pair(tmp_path, 98, 66)
    y, u, v = (
        np.mean([np.mean((a[k].astype(float) - b[k]) ** 2) for a, b in zip(pictures, worse, strict=True)])
        for k in range(3)
    )
    expected = 10 * np.log10(255**2 / ((6 * y + u + v) / 8))
    assert measure(clip, decoded, ["psnr"])[0]["psnr_yuv"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("depth", [8, 10])
def test_ssim_is_that_of_scikit_image_at_full_size(tmp_path: Path, depth: int) -> None:
    clip, pictures, worse, decoded = pair(tmp_path, 704, 480, depth, frames=2)  # libvmaf would halve it
    expected = [
        structural_similarity(a, b, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        for a, b in zip(luma(pictures, depth), luma(worse, depth), strict=True)
    ]
    values, frames = measure(clip, decoded, ["ssim"])
    assert frames["ssim"] == pytest.approx(expected, abs=3e-4)
    assert values["ssim"] == pytest.approx(np.mean(expected), abs=3e-4)
    assert expected[0] < 0.9


@pytest.mark.parametrize("depth", [8, 10])
def test_msssim_is_what_libvmaf_says_it_is(tmp_path: Path, depth: int) -> None:
    clip, pictures, worse, decoded = pair(tmp_path, 321, 181, depth, frames=2)
    both = list(zip(luma(pictures, depth), luma(worse, depth), strict=True))
    _, frames = measure(clip, decoded, ["msssim"])
    assert frames["msssim"] == pytest.approx([reference.msssim(a, b) for a, b in both], abs=5e-5)
    usual = [float(ms_ssim(torch.tensor(a)[None, None], torch.tensor(b)[None, None], 255)) for a, b in both]
    assert frames["msssim"] == pytest.approx(usual, abs=0.02)
    assert usual[0] < 0.98


def test_vmaf_is_that_of_vmaf_torch(tmp_path: Path) -> None:
    clip, pictures, worse, decoded = pair(tmp_path, 320, 180, frames=3)
    a, b = (torch.tensor(np.stack(luma(p)), dtype=torch.float32)[:, None] for p in (pictures, worse))
    with torch.no_grad():
        expected = VMAF()(a, b).flatten().tolist()
    values, frames = measure(clip, decoded, ["vmaf"])
    assert frames["vmaf"] == pytest.approx(expected, abs=0.1)  # libvmaf computes with integers
    assert values["vmaf"] == pytest.approx(np.mean(expected), abs=0.1)
    assert 5 < expected[0] < 95


@pytest.mark.parametrize(("depth", "rate"), [(8, 25), (8, 50), (10, 25)])
def test_xpsnr_is_that_of_the_paper(tmp_path: Path, depth: int, rate: int) -> None:
    clip, pictures, worse, decoded = pair(tmp_path, 690, 482, depth, rate=Fraction(rate))  # rows with padding
    of_frames, of_clip = reference.xpsnr(pictures, worse, rate, depth)
    values, frames = measure(clip, decoded, ["xpsnr"])
    for k, plane in enumerate("yuv"):
        assert frames[f"xpsnr_{plane}"] == pytest.approx(of_frames[:, k], abs=1e-3)
        assert values[f"xpsnr_{plane}"] == pytest.approx(of_clip[k], abs=1e-3)
    assert values["xpsnr_y"] != pytest.approx(measure(clip, decoded, ["psnr"])[0]["psnr_y"], abs=0.1)


@pytest.mark.parametrize(("width", "height", "depth", "rate"), [(99, 65, 8, "60000/1001"), (246, 70, 10, "24000/1001")])
def test_frames_are_paired_by_number(tmp_path: Path, width: int, height: int, depth: int, rate: str) -> None:
    clip, pictures, _, decoded = pair(tmp_path, width, height, depth, 12, Fraction(rate))
    raw = reference.write_raw(tmp_path / "source.yuv", pictures)
    lines = reference.filtered(raw, decoded, clip.info, "xpsnr=stats_file=-")
    expected = [float(line.split()[4]) for line in lines if line.startswith("n:")]
    values, frames = measure(clip, decoded, ["xpsnr", "vmaf"])
    assert frames["xpsnr_y"] == pytest.approx(expected, abs=1e-4)
    assert values["xpsnr_y_worst"] == min(expected)
    assert len(frames["vmaf"]) == 12


def test_the_average_of_xpsnr_is_that_of_ffmpeg(tmp_path: Path) -> None:
    clip, pictures, _, decoded = pair(tmp_path, 96, 64, frames=5)
    raw, log = reference.write_raw(tmp_path / "source.yuv", pictures), tmp_path / "log"
    reference.filtered(raw, decoded, clip.info, f"xpsnr=stats_file={log}")
    (average,) = re.findall(r"XPSNR average, 5 frames  y: (\S+)  u: (\S+)  v: (\S+)", log.read_text())
    values, _ = measure(clip, decoded, ["xpsnr"])
    assert [values[f"xpsnr_{plane}"] for plane in "yuv"] == pytest.approx([float(x) for x in average], abs=1e-3)


def test_equal_pictures(tmp_path: Path) -> None:
    clip, pictures, _, _ = pair(tmp_path, 240, 180)
    values, frames = measure(clip, reference.write_raw(tmp_path / "same.yuv", pictures))
    decibels = {name for name in values if name.startswith(("psnr", "xpsnr"))}
    assert len(decibels) == 21
    assert {values[name] for name in decibels} == {100}
    assert (values["ssim"], values["msssim"], values["flicker"]) == (1, 1, 0)
    assert values["vmaf"] > 90
    assert frames["psnr_yuv"] == [100, 100, 100]
    json.dumps([values, frames], allow_nan=False)


def test_all_names_are_known_and_complete(tmp_path: Path) -> None:
    clip, _, _, decoded = pair(tmp_path, 240, 180)
    values, frames = measure(clip, decoded)
    assert set(values) <= set(METRICS)
    assert {name for name in METRICS if not name.startswith(("loudness", "logmel", "audio"))} == set(values)
    assert {name.split("_")[0] for name in values} == set(NAMES)
    assert {len(of_frames) for of_frames in frames.values()} == {3}
    for name, of_frames in frames.items():
        better = METRICS[name].higher_is_better
        assert values[f"{name}_worst"] == (min if better else max)(of_frames)
        assert METRICS[f"{name}_worst"].unit == METRICS[name].unit


def test_what_is_worse_measures_worse(tmp_path: Path) -> None:
    clip, pictures, _, decoded = pair(tmp_path, 240, 180)
    noisy = reference.write_raw(tmp_path / "noisy.yuv", reference.degraded(pictures, noise=12))
    better, worse = (measure(clip, path)[0] for path in (decoded, noisy))
    for name in better:
        assert (worse[name] < better[name]) == METRICS[name].higher_is_better, name


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=50), st.booleans())
def test_summary_by_sorting(values: list[float], higher: bool) -> None:
    found = summary("x", values, higher)
    ordered = sorted(values, reverse=not higher)  # worst first
    place = 0.05 * (len(values) - 1)
    low, high = ordered[int(place)], ordered[min(int(place) + 1, len(values) - 1)]
    assert found["x_worst"] == ordered[0]
    assert found["x_p5"] == pytest.approx(low + (place - int(place)) * (high - low), abs=1e-9)


def test_flicker_is_of_errors_that_change() -> None:
    still, other = np.full((4, 6), 3.0), np.full((4, 6), -1.0)
    assert flicker(still, still, 8) == 0
    assert flicker(still, other, 8) == 4
    assert flicker(4 * still, 4 * other, 10) == pytest.approx(4, rel=0.003)  # 1023 is not 4 × 255
    one = still.copy()
    one[0, 0] += 12
    assert flicker(still, one, 8) == 0.5


def test_flicker_of_a_moving_clip_whose_error_stands_still(tmp_path: Path) -> None:
    clip, pictures, _, _ = pair(tmp_path, 96, 64, frames=4)
    shift = [2, 2, 2, 5]

    def brighter(y: np.ndarray, by: int) -> np.ndarray:  # type: ignore[type-arg]
        return np.minimum(y, 200) + np.uint8(by)

    source = [(np.minimum(y, 200), u, v) for y, u, v in pictures]
    dark = load(write(tmp_path / "dark.mkv", source), tmp_path)
    coded = [(brighter(y, by), u, v) for (y, u, v), by in zip(pictures, shift, strict=True)]
    values, frames = measure(dark, reference.write_raw(tmp_path / "coded.yuv", coded), ["flicker"])
    assert frames["flicker"] == [0, 0, 0, 3]
    assert (values["flicker"], values["flicker_worst"]) == (1, 3)
    assert clip.info.frames == 4


def test_one_frame(tmp_path: Path) -> None:
    clip, _, _, decoded = pair(tmp_path, 240, 180, frames=1)
    values, frames = measure(clip, decoded)
    assert values["flicker"] == 0
    assert values["vmaf"] == values["vmaf_worst"] == frames["vmaf"][0]
    assert values["psnr_y"] == values["psnr_y_p5"]


@pytest.mark.parametrize("tag", [["-color_range", "pc"], ["-colorspace", "bt709", "-color_range", "tv"]])
def test_samples_are_compared_as_they_are_whatever_the_source_says_of_them(tmp_path: Path, tag: list[str]) -> None:
    clip, _, _, decoded = pair(tmp_path, 96, 64)
    tagged = replace(clip, path=tmp_path / "tagged.mkv")
    run([ffmpeg(), "-v", "error", "-i", str(clip.path), "-c", "copy", *tag, str(tagged.path)])
    assert measure(tagged, decoded, ["xpsnr", "vmaf", "psnr"]) == measure(clip, decoded, ["xpsnr", "vmaf", "psnr"])


@pytest.mark.parametrize(
    ("width", "height", "left_out"),
    [(1, 1, {"ssim", "msssim", "vmaf"}), (31, 200, {"ssim", "msssim", "vmaf"}), (32, 175, {"msssim"})],
)
def test_what_is_too_small_is_left_out_with_a_warning(
    tmp_path: Path, width: int, height: int, left_out: set[str]
) -> None:
    clip, _, _, decoded = pair(tmp_path, width, height)
    with pytest.warns(UserWarning, match="is left out: it needs pictures of") as told:
        values, frames = measure(clip, decoded)
    assert {name.split("_")[0] for name in values} == {name.split("_")[0] for name in frames} == set(NAMES) - left_out
    assert len(told) == len(left_out)
    assert f"these are {width}x{height}" in str(told[0].message)


@pytest.mark.parametrize("wanted", [["psnr"], ["flicker"], ["vmaf"], ["xpsnr"]])
@pytest.mark.parametrize(
    ("size", "said"),
    [
        (2 * 9216, "18432 bytes, 2 frames of 96x64 at 8 bits; 96x64x8 has 3 frames, 27648 bytes"),
        (4 * 9216, "4 frames of 96x64"),
        (3 * 9216 - 1, "2 frames and 9215 bytes of 96x64"),
        (0, "0 bytes, 0 frames"),
    ],
)
def test_other_lengths_are_refused(tmp_path: Path, wanted: list[str], size: int, said: str) -> None:
    clip, decoded = small_clip(tmp_path, frames=3), tmp_path / "decoded.yuv"
    decoded.write_bytes(bytes(size))
    with pytest.raises(EvaluationError, match=said):
        measure(clip, decoded, wanted)


def test_a_missing_file_and_unknown_metrics_are_refused(tmp_path: Path) -> None:
    clip = small_clip(tmp_path, frames=1)
    with pytest.raises(EvaluationError, match=r"can't read gone\.yuv: No such file"):
        measure(clip, tmp_path / "gone.yuv", ["psnr", "vmaf"])
    with pytest.raises(UsageError, match="the metrics are psnr, ssim, msssim, vmaf, xpsnr, flicker, not lpips, psnr_y"):
        measure(clip, tmp_path / "gone.yuv", ["psnr_y", "vmaf", "lpips"])


def test_an_ffmpeg_that_can_not_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, _, _, decoded = pair(tmp_path, 96, 64)
    broken = tmp_path / "some-ffmpeg-9"
    broken.write_text("#!/bin/sh\necho 'No such filter: libvmaf' >&2\nexit 8\n")
    broken.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
    with pytest.raises(EvaluationError, match="ffmpeg failed: No such filter: libvmaf"):
        measure(clip, decoded, ["vmaf"])


def test_frames_are_read_one_at_a_time(tmp_path: Path) -> None:
    clip, _, _, decoded = pair(tmp_path, 320, 180, frames=24)
    tracemalloc.start()
    measure(clip, decoded, ["psnr", "flicker"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 24 * 320 * 180 * 8 / 2  # half of the luma errors of the clip
