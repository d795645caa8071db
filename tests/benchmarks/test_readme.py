"""Figures go from the measurements into the README, and nothing else of it changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import typer

from benchmarks import readme
from sensic.evaluation import ClipInfo, Measurement, Results, Run

CLIP = ClipInfo("clip", "00" * 32, 10, 100, 100, 8, "25/1")
FACTORS = {"sensic": 1.5, "x264:medium": 1.2, "x265:medium": 1.0}


def measurement(coder: str, index: int, factor: float) -> Measurement:
    payload = round(factor * 1000 * 2**index)
    metrics = {"psnr_y": 30.0 + 3 * index, "vmaf": 40.0 + 10 * index, "msssim": 0.8 + 0.04 * index}
    runs = [Run(2.0, 0.5, 3.0, 1.0, 10**8, 5 * 10**7, 2)]
    return Measurement("clip", coder, 16.0 * index, payload + 100, payload, metrics, runs=runs)


def results(factors: Mapping[str, float] = FACTORS, gop: int = 32) -> Results:
    conditions = {
        "gop": gop,
        "threads": 2,
        "repeats": 3,
        "machine": {"cores": 2, "processor": "a processor", "load_average": 0.3},
        "networks": {
            "sensic": {
                "model": "default",
                "id": "ab" * 32,
                "kmac_per_pixel": {"first": 1.5, "analysis": 2.0, "decoder": 1.5, "encoder": 3.5},
            }
        },
    }
    found = [measurement(coder, index, factor) for index in range(5) for coder, factor in factors.items()]
    return Results(conditions, [CLIP], found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    results().write(folder / "results.json")
    (folder / "rd.png").write_bytes((Path(__file__).parents[2] / "docs" / "images" / "rd.png").read_bytes())
    return folder


def test_the_section_is_replaced_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "README.md"
    target.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    readme.main(folder, target, folder / "rd.png")
    text = target.read_text()
    assert text.startswith("before\n<!-- figures -->\n10 frames of each clip, one intra frame per 32")
    assert text.endswith("<!-- /figures -->\nafter\n")
    assert "old" not in text
    assert (tmp_path / "docs" / "images" / "rd.png").read_bytes() == (folder / "rd.png").read_bytes()
    assert (tmp_path / "docs" / "images" / "side-by-side.jpg").read_bytes().startswith(b"\xff\xd8")
    readme.main(folder, target, tmp_path / "no demo was run")
    assert target.read_text() == text


def test_figures_are_those_of_the_measurements(folder: Path) -> None:
    text = readme.figures(folder)
    assert "| clip | +24.3% (+25.0%), 30.0–42.0 dB | +48.4% (+50.0%), 30.0–42.0 dB | 0.4880 | 36.00 | 60.0 |" in text
    assert "| **mean** | +24.3% (+25.0%) | +48.4% (+50.0%) |" in text
    assert "bits/pixel at quality 32 |" in text
    assert "reaches 42.0 to 42.0 dB" in text
    assert "| x265 medium | +48.4% | +48.4% | +48.4% |" in text.replace("−", "-")
    assert "| sensic | 5.0 | 20.0 | 300.0 | 100.0 | 100 | 50 |" in text
    assert "the decoder takes 1.50 kMAC per pixel, the encoder 3.50 (first 1.50, analysis 2.00)" in text
    assert "Peak memory" not in text
    assert "per 16" not in text


def test_other_figures_are_told_where_they_were_measured(folder: Path) -> None:
    row = {"job": "encode", "frames": 100, "peak_bytes": 3 << 28, "seconds": 9.0}
    (folder / "memory.json").write_text(json.dumps({"width": 1280, "height": 720, "rows": [row]}))
    (folder / "adaptive.json").write_text(
        json.dumps({"bytes_without_with": {"clip": {"0": [100, 90], "63": [10, 10]}}})
    )
    (folder / "gop-16").mkdir()
    results({**FACTORS, "sensic": 1.0}, gop=16).write(folder / "gop-16" / "results.json")
    text = readme.figures(folder)
    assert "Peak memory at 1280×720: encode 768 MiB for 100 frames." in text
    assert "by -5.0% (mean of 2 runs)" in text
    assert "one intra frame per 16 (PSNR Y, mean of the clips): -16.2% against x264 medium, +0.0% against x265" in text


def test_a_clip_without_a_figure_leaves_no_mean(folder: Path) -> None:
    found = results()
    lost = [m for m in found.measurements if (m.coder, m.setting) != ("x264:medium", 0.0)]
    Results(found.conditions, found.clips, lost).write(folder / "results.json")
    text = readme.figures(folder)
    assert "| **mean** | none (none) | +48.4%" in text
    assert "| x264 medium | none |" in text


def test_a_readme_without_marks_is_refused(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "README.md"
    target.write_text("nothing here\n")
    with pytest.raises(typer.BadParameter, match="has no lines"):
        readme.main(folder, target, folder / "rd.png")
    assert target.read_text() == "nothing here\n"


def test_the_real_readme_has_the_marks() -> None:
    assert readme.MARKS.search((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8"))
