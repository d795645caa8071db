"""The commands that change pictures before coding, or look at them after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sensic
from sensic import Filters
from sensic.cli import main
from tests.video.media import write_pictures


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What ``sensic.encode`` was asked for; it does nothing."""
    calls: dict[str, Any] = {}

    def encode(source: str, destination: str, **choice: Any) -> sensic.EncodeReport:
        calls.update(choice)
        return sensic.EncodeReport(1, 16, 16, 32, "ab" * 32, 1, 1, 8.0, {}, 1.0)

    monkeypatch.setattr(sensic, "encode", encode)
    return calls


def test_encode_hands_filters_on(asked: dict[str, Any]) -> None:
    words = "--trim 0:00:01:5 --deinterlace auto --crop 64:48 --scale 32:-2 --fps 50 --fps-mode interpolate --depth 8"
    assert main(["encode", "a.mp4", "b.mkv", "--quiet", *words.split()]) == 0
    assert asked["filters"] == Filters("0:00:01:5", "auto", "64:48", "32:-2", "50", "interpolate", 8)


def test_without_filters_none_are_handed_on(asked: dict[str, Any]) -> None:
    assert main(["encode", "a.mp4", "b.mkv", "--quiet"]) == 0
    assert asked.get("filters") is None


def test_a_wrong_filter_is_one_line(asked: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", "a.mp4", "b.mkv", "--crop", "64"]) == 2
    assert asked == {}
    assert capsys.readouterr().err == "sensic: crop is W:H or W:H:X:Y in pixels, or auto, not '64'\n"


def test_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a.mkv", "b.mkv"):
        write_pictures(tmp_path / name, times=range(0, 10_800, 3600))
    words = ["compare", str(tmp_path / "a.mkv"), str(tmp_path / "b.mkv")]
    assert main([*words, "-o", str(tmp_path / "c.mkv"), "--mode", "difference", "--amplify", "4", "--quiet"]) == 0
    assert (
        capsys.readouterr().out
        == "3 frames of 64x48: PSNR 100.00 dB (worst: frame 0, 100.00 dB), SSIM 1.0000, of luma\n"
    )
    assert (tmp_path / "c.mkv").stat().st_size
    assert main([*words, "--out", str(tmp_path / "c.png"), "--frame", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (report["type"], report["frames"], report["psnr"], report["worst"]) == ("compared", 1, 100, 0)
    assert main([*words, "--out", str(tmp_path / "d.png"), "--frame", "9"]) == 2
    assert capsys.readouterr().err == "sensic: there is no picture 9: 3 can be compared, counted from 0\n"
    assert main(["compare", str(tmp_path / "a.mkv"), str(tmp_path / "missing.mkv")]) == 1
    assert "missing.mkv" in capsys.readouterr().err
