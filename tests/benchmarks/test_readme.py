"""Figures go from the measurements into the README, and nothing else of it changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from benchmarks import rd, readme
from tests.benchmarks.test_rd import curves

HOW = {
    "frames": 32,
    "gop": 32,
    "load_average": 0.3,
    "machine": {"cores": 2, "processor": "a processor"},
    "model": {"name": "default", "id": "ab" * 32},
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    rd.write(folder, HOW, {"clip": curves()})
    return folder


def test_the_section_is_replaced_and_nothing_else(results: Path, tmp_path: Path) -> None:
    target = tmp_path / "README.md"
    target.write_text("before\n<!-- figures -->\nold\n<!-- /figures -->\nafter\n")
    readme.main(results, target, results / "rd.png")
    text = target.read_text()
    assert text.startswith("before\n<!-- figures -->\n32 frames of each clip")
    assert text.endswith("<!-- /figures -->\nafter\n")
    assert "old" not in text
    assert "| clip | +24.3% (+25.0%), 30.0–42.0 dB |" in text
    assert "| 0.4880 | 36.00 | 5.0 | 20.0 |" in text
    assert "reaches 42.0 to 42.0 dB on these clips. Payloads above 20 kB are +1.01% to +1.01% from" in text
    assert (tmp_path / "docs" / "images" / "rd.png").read_bytes() == (results / "rd.png").read_bytes()
    assert (tmp_path / "docs" / "images" / "side-by-side.jpg").read_bytes().startswith(b"\xff\xd8")
    readme.main(results, target, tmp_path / "no demo was run")
    assert target.read_text() == text


def test_the_other_figures_are_told_where_they_were_measured(results: Path) -> None:
    assert "Peak memory" not in readme.figures(results)
    row = {"job": "encode", "frames": 100, "peak_bytes": 3 << 28, "seconds": 9.0}
    (results / "memory.json").write_text(json.dumps({"width": 1280, "height": 720, "rows": [row]}))
    counts = {"kmac_per_pixel": {"first": 1.5, "analysis": 2.0}, "decoder": 1.5, "encoder": 3.5}
    (results / "kmac.json").write_text(json.dumps(counts))
    (results / "adaptive.json").write_text(
        json.dumps({"bytes_without_with": {"clip": {"0": [100, 90], "63": [10, 10]}}})
    )
    text = readme.figures(results)
    assert "Peak memory at 1280×720: encode 768 MiB for 100 frames." in text
    assert "the decoder takes 1.50 kMAC per pixel, the encoder 3.50 (first 1.50, analysis 2.00)" in text
    assert "by -5.0% (mean of 2 runs)" in text


def test_a_readme_without_marks_is_refused(results: Path, tmp_path: Path) -> None:
    target = tmp_path / "README.md"
    target.write_text("nothing here\n")
    with pytest.raises(typer.BadParameter, match="has no lines"):
        readme.main(results, target, results / "rd.png")
    assert target.read_text() == "nothing here\n"


def test_the_real_readme_has_the_marks() -> None:
    assert readme.MARKS.search((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8"))
