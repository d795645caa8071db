"""Plans of runs and adaptations: what is there, without touching it, and the errors of the real thing."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sensic.errors import ModelError, OutputError, RecipeError, UsageError
from sensic.training import Recipe, SensingRecipe, SnapshotRecipe, plan_adaptation, plan_training, train
from tests.codec.pictures import write_video
from tests.training.conftest import FRAMES, HEIGHT, WIDTH

Small = Callable[..., Recipe]


def test_a_new_run_and_one_that_goes_on(small: Small, tmp_path: Path) -> None:
    recipe, out = small(length={"steps": 2}, output={"export": False}, validation={"clips": 2}), tmp_path / "run"
    plan = plan_training(recipe, out=out, device="cpu")
    assert [(pack.clips, pack.frames, pack.width, pack.height) for pack in plan.packs] == [
        (3, FRAMES, WIDTH, HEIGHT),
        (1, FRAMES, WIDTH, HEIGHT),
    ]
    assert (plan.profile, plan.clips + plan.held_out, plan.goes_on_at) == ("neural", 4, None)
    assert (plan.length, plan.device, plan.start) == ({"steps": 2}, "cpu", None)
    assert not out.exists()
    json.dumps(plan.to_json())
    train(recipe, out=out, device="cpu")
    assert plan_training(recipe, out=out, minutes=3, device="cpu").goes_on_at == 2
    assert plan_training(recipe, out=out, minutes=3, device="cpu").length == {"minutes": 3}


def test_what_the_run_would_refuse_is_refused(small: Small, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(RecipeError, match="is empty"):
        plan_training(small(data={"packs": []}), out=out)
    with pytest.raises(RecipeError, match="crop = 80"):
        plan_training(small(sequence={"crop": 80}), out=out)
    with pytest.raises(ModelError):
        plan_training(small(), out=out, start=tmp_path / "nothing")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError):
        plan_training(small(), out=tmp_path / "file" / "run")
    assert not out.exists()


@pytest.mark.parametrize("kind", [SensingRecipe, SnapshotRecipe])
def test_decoders_of_measurements(kind: type[SensingRecipe | SnapshotRecipe], packs: Path, tmp_path: Path) -> None:
    recipe = kind.of({"data": {"packs": [str(packs)]}})
    phases = tuple(dataclasses.replace(phase, crop=64) for phase in recipe.sequence.phases)
    recipe = dataclasses.replace(recipe, sequence=dataclasses.replace(recipe.sequence, phases=phases))
    assert plan_training(recipe, out=tmp_path / "run").profile == recipe.profile
    with pytest.raises((ModelError, RecipeError)):  # that is a model, but of the codec
        plan_training(recipe, out=tmp_path / "run", start="default")


def test_an_adaptation(tmp_path: Path) -> None:
    clip, out = write_video(tmp_path / "clip.mkv", 20, 96, 64), tmp_path / "out"
    plan = plan_adaptation("default", [clip], out, minutes=2, hold_out=0.25, device="cpu")
    assert ([one.frames for one in plan.footage], plan.learned, plan.held_out) == ([20], 15, 5)
    assert (plan.packs.size, plan.goes_on, plan.device) == ((96, 64), False, "cpu")
    json.dumps(plan.to_json())
    assert not out.exists()
    out.mkdir()
    (out / "mine").write_bytes(b"")
    with pytest.raises(UsageError, match="holds something else"):
        plan_adaptation("default", [clip], out)
    with pytest.raises(UsageError, match="held-out share"):
        plan_adaptation("default", [clip], tmp_path / "other", hold_out=0.7)
