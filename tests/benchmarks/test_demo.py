"""The main job, on a small clip with the shipped model; and that it notices when something is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

import sensic
from benchmarks import demo
from benchmarks.matching import at_psnr, code
from sensic.evaluation import Clip, coder
from sensic.evaluation.clips import Planes, decode_planes


def test_the_demo_leaves_what_it_says(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    application = Typer()
    application.command()(demo.main)
    result = CliRunner().invoke(application, [str(source), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "verified: 12 frames" in result.output
    for name in ("sensic", *demo.ANCHORS):
        assert name in result.output
    assert sorted(p.name for p in out.iterdir()) == ["decoded.mkv", "sensic.mkv", "side-by-side.png"]
    assert sensic.probe(out / "sensic.mkv").frames == 12
    assert len(list(decode_planes(out / "decoded.mkv"))) == 12


def test_check_notices_a_picture_that_is_not_as_encoded(clip: Clip, tmp_path: Path) -> None:
    stream, decoded = tmp_path / "coded.mkv", tmp_path / "decoded.mkv"
    expected = code(clip, stream, coder("sensic"), 40).psnr
    sensic.decode(stream, decoded)
    assert demo.check(clip, stream, decoded, expected) == []
    (fault,) = demo.check(clip, stream, clip.path, expected)
    assert "the decoded file has 100.000 dB" in fault
    data = bytearray(stream.read_bytes())
    data[-60] ^= 1
    stream.write_bytes(data)
    assert demo.check(clip, stream, decoded, expected) != []


def test_at_psnr_finds_the_crf(clip: Clip, tmp_path: Path) -> None:
    x264 = coder("x264:veryfast")
    target = code(clip, tmp_path / "target.mkv", x264, 31)
    found = at_psnr(clip, tmp_path, x264, target.psnr, tolerance=0.3)
    assert found.psnr == pytest.approx(target.psnr, abs=0.3)
    assert found.encoded.path.stat().st_size == found.encoded.file_bytes
    assert list(tmp_path.glob("*.yuv")) == []
    far = at_psnr(clip, tmp_path, x264, 5.0, tries=3)  # out of reach: the nearest that was tried
    assert far.setting > 40


def planes(level: int) -> Planes:
    y, u, v = (np.full(shape, level, np.uint8) for shape in ((48, 64), (24, 32), (24, 32)))
    return y, u, v


def test_luma_psnr_of_known_errors() -> None:
    assert demo.luma_psnr([planes(10)], [planes(11)], 8) == pytest.approx(20 * np.log10(255))
    half = demo.luma_psnr([planes(10), planes(10)], [planes(10), planes(11)], 8)  # half the error is 3 dB better
    assert half == pytest.approx(20 * np.log10(255) + 10 * np.log10(2))
    with pytest.raises(ValueError, match="argument 2 is longer"):
        demo.luma_psnr([planes(10)], [planes(10)] * 2, 8)


def test_pictures_stand_side_by_side(tmp_path: Path) -> None:
    demo.side_by_side([("source", planes(20)), ("coded", planes(200))], tmp_path / "side.png", (2, 3, 9, 5))
    assert (tmp_path / "side.png").read_bytes().startswith(b"\x89PNG")
