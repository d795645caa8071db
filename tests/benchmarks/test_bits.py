"""Where the bits go: sums that must agree with the file, from made-up frames and from a real encoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.bits import (
    Coded,
    CodedFrame,
    Rows,
    WithoutB,
    ceilings,
    code_ours,
    code_x265,
    delta_rates,
    draw,
    markdown,
    summary,
    write,
)
from sensic.evaluation import Clip
from sensic.evaluation.coders.ffmpeg import FFmpegCoder
from sensic.runtime import OnnxBackend
from tests.small_model import small_model


def frames(count: int = 20) -> list[CodedFrame]:
    inter = [CodedFrame(f"inter {i % 2:+d}", {"inter motion": 10, "inter y": 30}, 1.0 + i, 4.0) for i in range(count)]
    return [CodedFrame("intra", {"intra y": 500, "intra z": 20}, 0.5), *inter]


def coded(coder: str, level: int, factor: float) -> Coded:
    rate = factor * 0.01 * 2**level
    names = ("intra y", "inter y", "intra") if coder == "sensic" else ("I", "P", "I")
    psnr = {"all": 30.0 + 2 * level, "inter": 29.5 + 2 * level, names[2]: 31.0 + 2 * level}
    return Coded(coder, level, {names[0]: rate, names[1]: 2 * rate, "rest": 0.001}, psnr)


def rows() -> Rows:
    return {"clip": [(coded("sensic", i, 1.5), coded("x265-medium", i, 1.0)) for i in range(5)]}


def test_parts_add_up_to_the_file() -> None:
    result = summary("sensic", 32, frames(), pixels=10_000, file_bytes=200)
    assert sum(result.bpp.values()) == pytest.approx(8 * 200 / 10_000)
    assert result.bpp["inter y"] == pytest.approx(20 * 30 / 10_000)
    assert result.bpp["rest"] == pytest.approx((1600 - 520 - 800) / 10_000)


def test_errors_are_averaged_before_they_are_decibels() -> None:
    psnr = summary("sensic", 32, frames(), 10_000, 200).psnr
    assert psnr["first"] - psnr["last"] == pytest.approx(5.64, abs=0.01)  # of mean errors 4.5 and 16.5
    assert psnr["intra"] > psnr["inter +0"] > psnr["inter +1"]
    assert psnr["prediction"] == pytest.approx(10 * 4.211, abs=0.02)
    assert "prediction" not in summary("x265-medium", 28, [CodedFrame("I", {"I": 9}, 1.0)], 100, 9).psnr


def test_kinds_of_frames_are_compared_with_their_like() -> None:
    deltas = delta_rates(rows())["clip"]["x265-medium"]
    assert deltas["intra"] == pytest.approx(50)
    assert deltas["inter"] == pytest.approx(50)
    assert isinstance(deltas["all"], float)
    assert 40 < deltas["all"] < 50  # the rest is the same and weighs less on more
    few = delta_rates({"clip": rows()["clip"][:2]})["clip"]["x265-medium"]
    assert "5 points" in str(few["intra"])


def test_tables_and_picture(tmp_path: Path) -> None:
    text = markdown(rows(), {"clip": {96: 30.0, 128: 35.0, 192: 40.0, 256: 45.0}})
    assert "| clip | sensic | 0 | 0.0150 (33%) | 0.0300 (65%) |" in text
    assert text.splitlines()[-1] == "| clip |  | 30.00 | 35.00 | 40.00 | 45.00 |"
    assert text.splitlines()[-7] == "| clip | x265-medium | +50% | +50% | +49% |"
    draw(rows(), tmp_path / "bits.png")
    assert (tmp_path / "bits.png").read_bytes().startswith(b"\x89PNG")


def test_the_watched_encoder_is_the_real_one(clip: Clip, tmp_path: Path) -> None:
    """``code_ours`` itself refuses where the payload differs from that of ``sensic.encode``."""
    model, ticks, pictures, path = small_model(), list[int](), list(clip.frames()), tmp_path / "ours.mkv"
    result = code_ours(clip, pictures, path, 32, "fast", model, OnnxBackend(model), lambda: ticks.append(1))
    assert len(ticks) == clip.info.frames
    assert sum(result.bpp.values()) == pytest.approx(8 * path.stat().st_size / clip.info.pixels)
    assert {"intra", "all", "unrounded intra"} <= set(result.psnr)
    write(tmp_path, clip.info.frames, "fast", model, {"clip": [(result, coded("x265-medium", 0, 1.0))]}, {})
    assert json.loads((tmp_path / "bits.json").read_text())["model"]["id"] == model.id


def test_packets_of_x265_are_counted_by_type(clip: Clip, tmp_path: Path) -> None:
    pictures = list(clip.frames())
    plain, without = FFmpegCoder("x265"), WithoutB()
    found = {one.spec: code_x265(clip, pictures, tmp_path, one, 38.0) for one in (plain, without)}
    for result in found.values():
        assert {"I", "P", "rest"} <= set(result.bpp)
        assert result.psnr["all"] == pytest.approx(38.0, abs=1.5)
    assert "B" in found["x265:medium"].bpp
    assert "B" not in found["x265:medium without B"].bpp


def test_more_coefficients_keep_more_of_a_picture() -> None:
    rng = np.random.default_rng(0)
    y, u, v = (rng.integers(0, 256, shape, np.uint8) for shape in ((48, 64), (24, 32), (24, 32)))
    values = list(ceilings([(y, u, v)] * 3, 8, torch.eye(384)).values())
    assert len(values) == 4
    assert values == sorted(values)
    assert values[-1] == 100  # all of luma, the first 256
    assert values[0] < 25
