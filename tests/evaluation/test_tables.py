"""Tables: BD-rates that are known, speed of the fastest rounds, no mean where one is missing, Markdown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sensic.evaluation import tables
from sensic.evaluation.results import Results
from tests.evaluation import found


def test_bd_rates_are_those_that_the_curves_were_made_with() -> None:
    table = tables.deltas(found.results(), "x265:medium", "psnr_y")
    assert {clip: {coder: cell.percent for coder, cell in row.items()} for clip, row in table.cells.items()} == {
        "a": {"sensic": pytest.approx(50), "svtav1:8": pytest.approx(-50)},
        "b": {"sensic": pytest.approx(100), "svtav1:8": pytest.approx(0)},
    }
    assert (table.mean("sensic"), table.mean("svtav1:8")) == (pytest.approx(75), pytest.approx(-25))
    assert (table.cells["a"]["sensic"].low, table.cells["a"]["sensic"].high) == (30.0, 38.0)


def test_payloads_are_compared_without_containers() -> None:
    table = tables.deltas(found.results(), "x265:medium", "psnr_y")
    payload = table.cells["a"]["sensic"].payload
    assert payload is not None
    assert 50 < payload < 56  # 100 bytes of container weigh more on the smaller file
    assert table.mean("sensic", payload=True) == pytest.approx((payload + table.cells["b"]["sensic"].payload) / 2)


def test_there_is_no_mean_where_one_clip_has_no_figure() -> None:
    whole = found.results()
    short = replace(
        whole, measurements=[m for m in whole.measurements if (m.clip, m.coder, m.setting) != ("b", "sensic", 40)]
    )
    table = tables.deltas(short, "x265:medium", "psnr_y")
    assert table.cells["b"]["sensic"].percent is None
    assert "5 points, not 4" in table.cells["b"]["sensic"].reason
    assert table.mean("sensic") is table.mean("sensic", payload=True) is None
    assert table.mean("svtav1:8") == pytest.approx(-25)
    assert "none: a curve needs 5 points" in tables.markdown(short)


def test_another_unit_needs_no_decibel_of_overlap() -> None:
    assert tables.delta(found.results(), "a", "sensic", "x265:medium", "ssim").percent == pytest.approx(50)


def test_bd_rates_are_of_pictures_and_of_what_is_better_when_higher() -> None:
    assert tables.rate_metrics(found.results()) == ["psnr_y", "psnr_yuv", "ssim"]


@pytest.mark.parametrize(
    ("asked", "coders", "expected"),
    [
        ("svtav1:8", ("sensic", "x265:medium", "svtav1:8"), "svtav1:8"),
        ("vvenc", ("sensic", "svtav1:8", "x265:medium"), "x265:medium"),
        (None, ("sensic:mine", "svtav1:8"), "svtav1:8"),
        (None, ("sensic", "sensic:mine"), "sensic"),
        (None, (), ""),
    ],
)
def test_the_anchor(asked: str | None, coders: tuple[str, ...], expected: str) -> None:
    made = found.results({"a": dict.fromkeys(coders, 1.0)})
    assert tables.default_anchor(replace(made, conditions={"anchor": asked})) == expected


def test_speed_is_of_the_fastest_rounds_and_memory_of_the_largest() -> None:
    rows = {row.coder: row for row in tables.speeds(found.results())}
    sensic = rows["sensic"]
    assert (sensic.encode_rate, sensic.decode_rate) == (found.FRAMES / 1.0, found.FRAMES / 0.5)
    assert (sensic.encode_cpu, sensic.decode_cpu) == (2500 / found.FRAMES, 1000 / found.FRAMES)
    assert (sensic.encode_memory, sensic.decode_memory, sensic.threads, sensic.rounds) == (10**8, 2 * 10**8, 2, 2)
    assert (sensic.encode_kmac, sensic.decode_kmac) == (9.5, 5.75)
    assert rows["x265:medium"].decode_kmac is None
    assert rows["svtav1:8"].version == "svtav1 1.0"


def test_a_coder_that_was_not_timed_has_no_speed() -> None:
    whole = found.results()
    untimed = replace(whole, measurements=[replace(m, runs=[]) for m in whole.measurements])
    assert tables.speeds(untimed) == []


def test_kilobits_are_of_the_clips_own_rate() -> None:
    results = found.results()
    first = results.of("a", "x265:medium")[0]
    assert tables.kilobits_per_second(results, first) == pytest.approx(8 * 1000 / (8 * 1001 / 30000) / 1000)


def test_the_nearest_size_is_by_ratio() -> None:
    points = found.results().of("a", "x265:medium")  # 1000, 2000, 4000 … bytes
    nearest = tables.nearest(points, 1450)
    assert nearest is not None
    assert nearest.file_bytes == 2000  # by difference it would be 1000
    assert tables.nearest([], 1) is None


def test_markdown_holds_figures_speed_and_failures() -> None:
    text = tables.markdown(found.results())
    assert "| a | +50.0% (+51.8%), 30.0–38.0 dB | −50.0% (−51.8%), 30.0–38.0 dB |" in text
    assert "| **mean** | +75.0% (+77.7%) | −25.0% (−25.9%) |" in text
    assert "| SSIM | +75.0% | −25.0% |" in text
    assert "| sensic | 8.0 | 16.0 | 312.5 | 125.0 | 100 | 200 | 2 | 9.50 | 5.75 |" in text
    assert "| c |  |  | no frame \\| at all |" in text
    assert "| a | vvenc | 32 | libvvenc is missing |" in text


def test_markdown_of_nothing() -> None:
    assert tables.markdown(Results({})).strip() == ""
