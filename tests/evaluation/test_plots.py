"""Curves as a picture: every coder has a line of its own, however many there are."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from PIL import Image

from sensic.evaluation.plots import COLOURS, MARKERS, rate_distortion

CURVE = [(0.01, 30.0), (0.02, 33.0), (0.05, 36.0)]


@pytest.mark.parametrize("coders", [1, len(COLOURS), len(COLOURS) + 2])
def test_every_coder_is_in_the_legend_and_drawn(coders: int) -> None:
    picture = io.BytesIO()
    names = [f"coder{i}" for i in range(coders)]
    rate_distortion({"clip": {name: CURVE for name in names}}, picture, format="svg", quality="SSIM")
    text = picture.getvalue().decode()
    assert all(f"<!-- {name} -->" in text for name in names)
    assert "<!-- SSIM -->" in text
    drawn = set(re.findall(r"stroke: (#[0-9a-f]{6})", text))
    assert drawn >= set(COLOURS[:coders])


def test_hues_and_markers_are_as_many() -> None:
    assert len(set(COLOURS)) == len(set(MARKERS)) == len(COLOURS) == len(MARKERS)


def test_a_coder_that_lacks_a_clip_leaves_its_panel_to_the_others(tmp_path: Path) -> None:
    rate_distortion({"a": {"x": CURVE, "y": CURVE}, "b": {"y": CURVE}, "c": {}}, tmp_path / "rd.png")
    with Image.open(tmp_path / "rd.png") as picture:
        assert picture.width > picture.height
