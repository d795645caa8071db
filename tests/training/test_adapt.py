"""The whole way on a synthetic fixed camera: split, packs, training, export, comparison; nothing is done twice."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sensic import InputError, UsageError
from sensic.evaluation import compare as compare_module
from sensic.evaluation.bd import DeltaRate
from sensic.evaluation.compare import Comparison, Row
from sensic.model import Model
from sensic.training import AdaptProgress, AdaptReport, Recipe, adapt, adaptation
from sensic.training.adaptation import RECIPE, chosen, pack_settings
from sensic.training.data.pack import open_packs
from sensic.training.footage import Footage, split_by_time
from tests.small_model import small_model
from tests.training.conftest import small_recipe
from tests.training.fixed_camera import write_footage

MINUTES = 0.003


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of one camera, 60 pictures: the last 12 of the second are held out."""
    folder = tmp_path_factory.mktemp("camera")
    write_footage(folder / "1.mkv", 20)
    write_footage(folder / "2.mkv", 40)
    (folder / "broken.mp4").write_text("no video")
    return folder


def specialise(footage: Path, out: Path, **changed: Any) -> AdaptReport:
    recipe = small_recipe(Path("none"), validation={"clips": 1, "qualities": [10, 50]})
    options: dict[str, Any] = {"minutes": MINUTES, "threads": 1, "recipe": replace(recipe, network=None)}
    return adapt(small_model(), [footage], out, **{**options, **changed})


@pytest.fixture(scope="module")
def first(footage: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[AdaptReport, list[AdaptProgress]]:
    """A second of training may or may not make a better model; here it is said that it did not."""
    told: list[AdaptProgress] = []
    out = tmp_path_factory.mktemp("adapted") / "mine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Comparison, "better", False)
        return specialise(footage, out, progress=told.append), told


def test_all_of_it(first: tuple[AdaptReport, list[AdaptProgress]], footage: Path) -> None:
    report, told = first
    assert report.steps > 0
    assert list(dict.fromkeys(p.stage for p in told)) == ["reading", "packing", "training", "counting", "judging"]
    assert [note.split(": ")[0] for note in report.notes] == ["left out"]
    comparison = report.comparison
    assert {p.quality for p in comparison.points} == {0, 16, 32, 47, 63}
    assert {p.frames for p in comparison.points} == {12}
    assert comparison.before == small_model().id
    written = json.loads((report.out / "report.json").read_text())
    assert written["held_out"] == [
        {"file": "excerpt-1.mkv", "source": str(footage.resolve() / "2.mkv"), "first": 28, "frames": 12}
    ]
    assert written["points"] == [json.loads(json.dumps(vars(p))) for p in comparison.points]
    assert "2.mkv, frames 28 to 39" in (report.out / "report.md").read_text()
    assert (report.out / "report.svg").read_text().startswith("<?xml")
    assert "Started from small-0" in (report.out / "candidate" / "README.md").read_text()


def test_what_is_held_out_is_never_learned(first: tuple[AdaptReport, list[AdaptProgress]]) -> None:
    report, _ = first
    clips = json.loads((report.out / "packs" / "packs.json").read_text())["clips"]
    ends = {"1.mkv": Fraction(20, 25), "2.mkv": Fraction(28, 25)}
    assert {Path(clip["file"]).name for clip in clips} == set(ends)
    for clip in clips:
        assert clip["start"] + 12 / 25 <= float(ends[Path(clip["file"]).name]) + 1e-3
    assert sum(pack.clips for pack in open_packs([report.out / "packs"])) == len(clips) == 3


def test_the_same_again_does_nothing_twice(
    first: tuple[AdaptReport, list[AdaptProgress]], footage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report, _ = first
    monkeypatch.setattr(compare_module, "measure", lambda *a, **k: pytest.fail("measured again"))
    monkeypatch.setattr(Comparison, "better", False)
    again = specialise(footage, report.out)
    assert (again.steps, again.comparison) == (report.steps, report.comparison)


def test_a_model_that_is_not_better_changes_nothing(first: tuple[AdaptReport, list[AdaptProgress]]) -> None:
    report, _ = first
    assert not report.better
    assert report.model == small_model().directory
    assert not (report.out / "model").exists()
    assert "is not better: go on with small-0" in (report.out / "report.md").read_text()


def test_a_better_model_gets_its_place_and_its_figures(
    first: tuple[AdaptReport, list[AdaptProgress]], footage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def better(excerpts: list[Path], before: Model, after: Model, **_: Any) -> Comparison:
        delta = DeltaRate(-12.3, 30.0, 36.0)
        points = [replace(p, model=before.id if p.model == small_model().id else after.id) for p in kept.points]
        return Comparison(before.id, after.id, points, [Row(excerpts[0].name, delta, delta, [5.0] * 5)])

    kept = first[0].comparison
    monkeypatch.setattr(adaptation, "compare", better)
    for _ in range(2):
        report = specialise(footage, first[0].out, name="garden")
        assert report.better
        assert report.model == report.out / "model"
        model = Model.load(report.model)
        assert model.id == report.comparison.after
        text = (report.model / "README.md").read_text()
        assert "files change by -12.3% for the same luma PSNR" in text
        assert not (report.out / "candidate").exists()


def test_a_folder_is_for_one_adaptation(first: tuple[AdaptReport, list[AdaptProgress]], footage: Path) -> None:
    with pytest.raises(UsageError, match=r"differently \(minutes, hold_out\)"):
        specialise(footage, first[0].out, minutes=1.0, hold_out=0.3)
    with pytest.raises(UsageError, match="holds something else"):
        specialise(footage, footage)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"qualities": [1, 2, 3, 4]}, "5 or more"),
        ({"qualities": [0, 1, 2, 3, 64]}, "0 to 63"),
        ({"minutes": 0.0}, "minutes is above 0"),
        ({"hold_out": 0.9}, "held-out share"),
    ],
)
def test_options_that_make_no_sense(footage: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        specialise(footage, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_too_little_footage(tmp_path: Path) -> None:
    write_footage(tmp_path / "a.mkv", 5)
    with pytest.raises(InputError, match="too little footage"):
        specialise(tmp_path / "a.mkv", tmp_path / "out")


def test_the_recipe_comes_with_the_package() -> None:
    recipe = Recipe.read(RECIPE)
    assert recipe.network is None
    assert recipe.validation.qualities


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(416, 240, (416, 240)), (1920, 1080, (1280, 720)), (854, 480, (848, 480)), (1080, 1920, (720, 1280))],
)
def test_pictures_are_learned_as_they_are(width: int, height: int, size: tuple[int, int]) -> None:
    footage = [Footage(Path("a"), 25 * 3600, width, height, 10, Fraction(25))]
    settings = pack_settings(footage, split_by_time(footage, 0.2), 10.0)
    assert settings.size == size
    assert settings.depth == 10
    assert settings.max_clips is not None
    assert settings.max_clips * (settings.gap + 12 / 25) == pytest.approx(0.8 * 3600)  # spread over all of it


@pytest.mark.parametrize(("width", "height", "count"), [(640, 360, 4), (1280, 720, 1), (3840, 2160, 1), (64, 64, 4)])
def test_large_pictures_are_judged_by_fewer(width: int, height: int, count: int) -> None:
    footage = [Footage(Path("a"), 5000, width, height, 8, Fraction(25))]
    assert len(chosen(footage, split_by_time(footage, 0.2))) == count


def test_pictures_that_are_too_small() -> None:
    footage = [Footage(Path("a"), 100, 320, 48, 8, Fraction(25))]
    with pytest.raises(InputError, match="too small"):
        pack_settings(footage, split_by_time(footage, 0.2), 10.0)
