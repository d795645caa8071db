"""The main job, on a small clip with the shipped model; and that it notices when something is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

import sensic
from benchmarks import clips, demo, ours, rd
from benchmarks.metrics import plane_psnrs


def test_the_demo_leaves_what_it_says(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    application = Typer()
    application.command()(demo.main)
    result = CliRunner().invoke(application, [str(source), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "verified: 12 frames" in result.output
    for coder in ("sensic", "x264-medium", "x265-medium"):
        assert coder in result.output
    assert sorted(p.name for p in out.iterdir()) == ["decoded.mkv", "sensic.mkv", "side-by-side.png"]
    assert sensic.probe(out / "sensic.mkv").frames == 12
    assert len(list(clips.decode_planes(out / "decoded.mkv"))) == 12


def test_measure_counts_and_compares_what_lies_in_the_file(clip: clips.Clip, tmp_path: Path) -> None:
    path = tmp_path / "coded.mkv"
    m = ours.measure(clip, path, 40)
    assert m.file_bytes == path.stat().st_size > m.payload_bytes == sensic.probe(path).payload_bytes
    assert m.psnr == plane_psnrs(ours.decode_planes(path), clip.frames)
    assert m.estimated_bytes is not None
    assert 0 <= m.payload_bytes - m.estimated_bytes < 40  # words of the range coder, once per group


def test_check_notices_a_picture_that_is_not_as_encoded(clip: clips.Clip, tmp_path: Path) -> None:
    stream, decoded = tmp_path / "coded.mkv", tmp_path / "decoded.mkv"
    expected = ours.measure(clip, stream, 40).psnr[0]
    sensic.decode(stream, decoded)
    assert demo.check(clip, stream, decoded, expected) == []
    (fault,) = demo.check(clip, stream, clip.path, expected)
    assert "the decoded file has inf dB" in fault


def test_check_reports_damage(clip: clips.Clip, tmp_path: Path) -> None:
    stream = tmp_path / "coded.mkv"
    ours.measure(clip, stream, 40)
    data = bytearray(stream.read_bytes())
    data[-60] ^= 1
    stream.write_bytes(data)
    assert demo.check(clip, stream, clip.path, 0.0) != []


def test_the_bench_takes_turns(clip: clips.Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "QUALITIES", (20, 40))
    monkeypatch.setattr(rd.anchors, "CRFS", (20.0, 40.0))
    rows = list(rd.measure_clip(clip, tmp_path, 32, "fast", None))
    assert [m.coder for m in rows] == ["sensic", "x264-medium", "x265-medium"] * 2
    assert [m.setting for m in rows] == [20, 40, 40, 40, 20, 20]
    assert not (tmp_path / "coded.mkv").exists()
    assert np.isfinite([m.psnr for m in rows]).all()
