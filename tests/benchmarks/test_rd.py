"""Tables of the rate–distortion bench, from made-up measurements."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from benchmarks.measurement import Measurement
from benchmarks.plots import rate_distortion, side_by_side, to_rgb
from benchmarks.rd import delta_rates, error_percent, markdown, mean_delta
from tests.benchmarks.test_metrics import picture


def measurement(coder: str, index: int, factor: float, shift: float = 0) -> Measurement:
    size = round(factor * 1000 * 2**index)
    psnr = 30.0 + 3 * index + shift
    estimate = size * 0.99 if coder == "sensic" else None
    return Measurement(coder, index, 100_000, 10, size + 100, size, estimate, (psnr, psnr + 3, psnr + 4), 2.0, 0.5)


def curves(shift: float = 0) -> dict[str, list[Measurement]]:
    factors = {"sensic": 1.5, "x264-medium": 1.2, "x265-medium": 1.0}
    return {c: [measurement(c, i, f, shift if c == "sensic" else 0) for i in range(5)] for c, f in factors.items()}


def test_measurement_derives_rates() -> None:
    m = measurement("sensic", 0, 1.0)
    assert (m.bits_per_pixel, m.encode_rate, m.decode_rate) == (1100 * 8 / 100_000, 5, 20)
    assert error_percent(m) == pytest.approx(100 / 0.99 - 100)


def test_delta_rates_of_payloads_and_files() -> None:
    deltas = delta_rates(curves())
    assert deltas["x265-medium"]["payload_bytes"]["percent"] == pytest.approx(50)
    assert deltas["x264-medium"]["payload_bytes"]["percent"] == pytest.approx(25)
    assert 40 < deltas["x265-medium"]["file_bytes"]["percent"] < 50  # the same 100 bytes weigh less on more


def test_a_clip_without_overlap_says_why_and_leaves_no_mean() -> None:
    deltas = {"near": delta_rates(curves()), "far": delta_rates(curves(shift=40))}
    assert "share 0.00 dB" in deltas["far"]["x265-medium"]["file_bytes"]["reason"]
    assert mean_delta(deltas, "x265-medium", "file_bytes") is None
    assert mean_delta({"near": deltas["near"]}, "x265-medium", "payload_bytes") == pytest.approx(50)


def test_markdown_has_a_row_per_measurement_and_the_mean() -> None:
    rows = {"clip": curves()}
    text = markdown(rows, {"clip": delta_rates(rows["clip"])})
    assert text.count("| clip | sensic |") == 5
    assert "| clip | sensic | 0 | 0.1280 | 30.00 | 1600 | 1500 | 1485 (+1.01%) | 5.0 | 20.0 |" in text
    assert "(+25.0%)" in text.splitlines()[-1]


def test_pictures_are_drawn(tmp_path: Path) -> None:
    rate_distortion({"a": curves(), "b": curves()}, tmp_path / "rd.png")
    side_by_side([("source", picture(0)), ("coded", picture(1))], tmp_path / "side.png", (2, 3, 9, 5))
    for name in ("rd.png", "side.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_rgb_of_black_white_and_grey() -> None:
    y, u, v = picture(0)
    u[:], v[:] = 128, 128
    for luma, grey in ((16, 0), (235, 255), (126, 128)):
        y[:] = luma
        assert (to_rgb((y, u, v)) == grey).all()


def test_panels_without_a_clip_are_hidden(tmp_path: Path) -> None:
    """Five clips take two rows of four; the three that are left over would show as empty axes, not as white."""
    rate_distortion({str(i): curves() for i in range(5)}, tmp_path / "rd.png")
    with Image.open(tmp_path / "rd.png") as image:
        right_end_of_second_row = image.convert("L").crop((image.width // 2, image.height // 2 + 20, *image.size))
        assert right_end_of_second_row.getextrema() == (255, 255)
