"""Two models compared: what is measured is real files, what was measured is not measured again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensic import verify
from sensic.evaluation import compare as module
from sensic.evaluation.compare import QUALITIES, Comparison, Measurements, Point, Row, compare, measure
from sensic.model import Model
from tests.small_model import small_model
from tests.training.fixed_camera import write_footage


def point(model: Model, quality: int, rate: float, excerpt: str = "a.mkv", psnr: float = 0.0) -> Point:
    psnr = psnr or 28 + quality / 8
    return Point(excerpt, model.id, quality, 10, 40960, round(rate * 1000 * 2 ** (quality / 16)), (psnr, psnr, psnr))


def test_a_measurement_is_of_the_real_file(tmp_path: Path) -> None:
    source, model = write_footage(tmp_path / "a.mkv", 3), small_model()
    found = measure(source, model, 20, threads=1)
    module.encode(source, tmp_path / "b.mkv", quality=20, model=model, threads=1)
    assert found.file_bytes == (tmp_path / "b.mkv").stat().st_size
    assert found.psnr == verify(tmp_path / "b.mkv", reference=source, model=model).psnr
    assert (found.excerpt, found.model, found.quality, found.frames) == ("a.mkv", model.id, 20, 3)
    assert found.pixels == 3 * 64 * 64


def test_psnr_of_all_planes_weighs_errors_6_1_1() -> None:
    even = Point("a", "m", 0, 1, 1, 1, (30.0, 30.0, 30.0))
    assert even.colour == pytest.approx(30.0)
    luma_only = Point("a", "m", 0, 1, 1, 1, (30.0, float("inf"), float("inf")))
    assert luma_only.colour == pytest.approx(30.0 + 1.2494, abs=1e-3)  # 10 log10(8/6)
    assert Point("a", "m", 0, 1, 1, 1, (float("inf"),) * 3).colour == float("inf")


@pytest.mark.parametrize(("factor", "better"), [(0.8, True), (1.25, False), (1.0, False)])
def test_a_model_that_needs_less_is_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float, better: bool
) -> None:
    before, after = small_model(0), small_model(1)
    jobs: list[tuple[str, int]] = []

    def stand_in(excerpt: Path, model: Model, quality: int, *, threads: int | None = None) -> Point:
        jobs.append((model.id, quality))
        return point(model, quality, factor if model is after else 1.0, excerpt.name)

    monkeypatch.setattr(module, "measure", stand_in)
    excerpts = [tmp_path / "a.mkv", tmp_path / "b.mkv"]
    told: list[tuple[int, int]] = []
    found = compare(excerpts, before, after, kept=tmp_path / "m.jsonl", on_point=lambda *t: told.append(t))
    assert found.better is better
    assert found.luma == pytest.approx(100 * factor - 100, abs=0.1)
    assert found.rows[0].saved == pytest.approx([100 - 100 * factor] * 5, abs=0.2)
    assert told[0] == (0, 20)
    assert told[-1] == (20, 20)
    assert len(jobs) == 2 * 2 * len(QUALITIES)
    json.dumps(found.to_dict(), allow_nan=False)
    assert compare(excerpts, before, after, kept=tmp_path / "m.jsonl") == found
    assert len(jobs) == 2 * 2 * len(QUALITIES)  # nothing was measured again


def test_curves_that_can_not_be_compared_make_nothing_better(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = small_model(0), small_model(1)
    monkeypatch.setattr(module, "measure", lambda e, m, q, threads: point(m, q, 1.0, psnr=30.0 if m is after else 0.0))
    found = compare([tmp_path / "a.mkv"], before, after, kept=tmp_path / "m.jsonl")
    assert not found.better
    assert found.luma is None
    assert isinstance(found.rows[0].luma, str)
    assert "quality must rise" in found.rows[0].luma
    assert found.rows[0].saved == [None] * 5


def test_one_excerpt_without_a_figure_leaves_no_mean() -> None:
    found = Comparison("a", "b", [], [Row("x", "no overlap", "no overlap", [])])
    assert found.luma is None
    assert not found.better


def test_what_a_kill_cut_off_is_measured_again(tmp_path: Path) -> None:
    path, model = tmp_path / "m.jsonl", small_model()
    kept = Measurements(path)
    kept.add(point(model, 0, 1.0))
    kept.add(point(model, 16, 1.0))
    path.write_text(path.read_text()[:-20])
    again = Measurements(path)
    assert again.get("a.mkv", model, 0) == point(model, 0, 1.0)
    assert again.get("a.mkv", model, 16) is None
    again.add(point(model, 16, 1.0))
    assert Measurements(path).get("a.mkv", model, 16) == point(model, 16, 1.0)
