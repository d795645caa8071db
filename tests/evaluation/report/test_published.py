"""Published figures: each has its source, computed ones follow from the points, what is malformed is refused."""

from __future__ import annotations

from pathlib import Path

import bjontegaard
import pytest

from sensic.errors import EvaluationError
from sensic.evaluation.report import published

POINTS = [[1000, 30], [2000, 32], [4000, 34], [8000, 36], [16000, 38]]
ENTRY = f"""
[[source]]
title = "A paper, table 1"
url = "https://example.org/paper"
anchor = "HM"
clips = "UVG"
metric = "PSNR"
conditions = "intra period 32"
anchor_points = {POINTS}
figure = [
    {{ codec = "printed", percent = -12.5, speed = "1 / 2" }},
    {{ codec = "points", points = {[[2 * rate, quality] for rate, quality in POINTS]}, anchor = "x265" }},
]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "published.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_figures_that_ship_all_say_where_they_stand() -> None:
    figures = published.load()
    assert {"DCVC-RT", "DCVC-FM", "DCVC-DC", "ssf2020 (CompressAI)"} <= {f.codec for f in figures}
    for figure in figures:
        assert figure.url.startswith("https://")
        assert all((figure.title, figure.anchor, figure.clips, figure.metric, figure.conditions)), figure
        assert -100 < figure.percent < 1000


def test_a_figure_takes_what_its_source_says_unless_it_says_so_itself(tmp_path: Path) -> None:
    printed, points = published.load(write(tmp_path, ENTRY))
    assert (printed.percent, printed.computed, printed.anchor, printed.speed) == (-12.5, False, "HM", "1 / 2")
    assert (printed.printed, points.printed) == ("−12.5%", "+100.0%*")
    assert (points.computed, points.anchor, points.title) == (True, "x265", "A paper, table 1")


def test_computed_figures_agree_with_the_bjontegaard_package(tmp_path: Path) -> None:
    anchor, test = POINTS, [[900, 29], [1700, 31.5], [4100, 33.5], [7000, 36.5], [14000, 37.5]]
    text = ENTRY.replace(str([[2 * rate, quality] for rate, quality in POINTS]), str(test))
    _, figure = published.load(write(tmp_path, text))
    (rates, qualities), (test_rates, test_qualities) = zip(*anchor, strict=True), zip(*test, strict=True)
    expected = bjontegaard.bd_rate(rates, qualities, test_rates, test_qualities, method="pchip")
    assert figure.percent == pytest.approx(expected, rel=1e-6)


def test_no_digit_is_added(tmp_path: Path) -> None:
    assert published.load(write(tmp_path, ENTRY.replace("-12.5", "-21")))[0].printed == "−21%"


@pytest.mark.parametrize(
    "text",
    [
        "[[source",
        ENTRY.replace("https://example.org", "javascript:alert(1)//"),
        ENTRY.replace('anchor = "HM"', ""),
        ENTRY.replace("percent = -12.5", "percentage = -12.5"),
        ENTRY.replace("[32000, 38]", "[32000, 31]"),
    ],
)
def test_what_is_malformed_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(EvaluationError, match=r"published\.toml holds no published figures"):
        published.load(write(tmp_path, text))
