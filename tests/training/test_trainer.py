from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sensic import ModelError, OutputError, RecipeError, TrainingError
from sensic.model import Model
from sensic.training import Recipe, train
from sensic.training import trainer as trainer_module
from sensic.training.checkpoint import read_checkpoint
from sensic.training.logs import read_log
from tests.training.run import ROOT

Small = Callable[..., Recipe]

# Everything that a run carries along: validations that turn the learning rate, dropout, a change of phase, two lanes.
CARRYING: dict[str, Any] = {
    "sequence": {"lanes": 2, "phases": [{"at": 0.0, "frames": 2}, {"at": 0.6, "frames": 3}]},
    "optimiser": {"residual_dropout": 0.1},
    "schedule": {"kind": "plateau", "patience": 0, "warmup": 2},
    "length": {"steps": 6},
    "validation": {"clips": 1, "every_steps": 3, "qualities": [10, 50]},
}


def weights(run: Path) -> dict[str, torch.Tensor]:
    """All tensors of the newest checkpoint: weights, average, optimiser, lanes, random numbers."""
    newest = sorted((run / "checkpoints").glob("*.safetensors"))[-1]
    return read_checkpoint(newest).tensors


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def at_step(step: int, action: Callable[[], None]) -> Callable[[Any], None]:
    def watch(progress: Any) -> None:
        if getattr(progress, "task", "") == "training" and progress.step == step:
            action()

    return watch


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def losses(run: Path) -> list[tuple[int, float]]:
    return [(entry["step"], entry["loss"]) for entry in read_log(run / "log.jsonl") if entry["type"] == "training"]


@pytest.fixture(scope="module")
def straight(packs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody stopped."""
    from tests.training.conftest import small_recipe

    out = tmp_path_factory.mktemp("straight")
    train(small_recipe(packs, **CARRYING), out=out)
    return out


def test_an_interrupted_run_goes_on_exactly(small: Small, straight: Path, tmp_path: Path) -> None:
    recipe = small(**CARRYING)
    for step in (1, 5):
        with pytest.raises(KeyboardInterrupt):
            train(recipe, out=tmp_path, progress=at_step(step, interrupt))
        assert losses(tmp_path)[-1][0] == step
    report = train(recipe, out=tmp_path)
    assert report.steps == 6
    assert same(weights(tmp_path), weights(straight))
    assert losses(tmp_path) == losses(straight)


def test_a_killed_run_goes_on_exactly_in_another_process(
    small: Small, packs: Path, straight: Path, tmp_path: Path
) -> None:
    tables = CARRYING | {"output": {"checkpoint_seconds": 1e-6}}
    command = [sys.executable, "-m", "tests.training.run", str(packs), str(tmp_path), json.dumps(tables), "4"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    assert read_checkpoint(sorted((tmp_path / "checkpoints").glob("*.safetensors"))[-1]).facts["clock"]["steps"] == 3
    train(small(**CARRYING), out=tmp_path)
    assert same(weights(tmp_path), weights(straight))
    assert losses(tmp_path) == losses(straight)


def test_a_finished_run_stays_as_it_is_and_can_be_made_longer(small: Small, straight: Path, tmp_path: Path) -> None:
    recipe = small(**CARRYING)
    before = weights(straight)
    assert train(recipe, out=straight).steps == 6
    assert same(weights(straight), before)
    assert train(small(length={"steps": 2}), out=tmp_path).steps == 2
    assert train(small(length={"steps": 2}), out=tmp_path, steps=3).steps == 3


def test_what_a_run_leaves(small: Small, tmp_path: Path) -> None:
    recipe = small(
        initialise="klt",
        length={"steps": 3},
        validation={"clips": 1, "every_steps": 2, "qualities": [5, 15, 30, 45, 60]},
        output={"tensorboard": True, "export": True, "keep": 1},
    )
    told: list[Any] = []
    report = train(recipe, out=tmp_path / "run", progress=told.append)
    run = report.run
    assert {path.name for path in run.iterdir()} == {
        "recipe.toml", "checkpoints", "best.safetensors", "log.jsonl", "tensorboard", "rd.png", "model",
    }  # fmt: skip
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-00000003.safetensors"]
    assert Recipe.read(run / "recipe.toml") == recipe
    assert list((run / "tensorboard").glob("events.*"))
    assert (run / "rd.png").read_bytes().startswith(b"\x89PNG")
    assert report.model is not None
    model = Model.load(report.model)
    best = load_file(report.weights)
    assert all(torch.equal(torch.from_numpy(value), best[name]) for name, value in model.weights().items())
    assert model.manifest["facts"]["training"]["steps"] == 3
    assert [v.step for v in report.validations] == [0, 2, 3]
    assert report.best is not None
    assert report.best.loss == min(v.loss for v in report.validations)
    rates = [point.bpp for point in report.validations[0].points]
    assert rates == sorted(rates)
    assert {p.task for p in told if hasattr(p, "task")} == {"training", "validating", "calibrating", "exporting"}
    training = [p for p in told if getattr(p, "task", "") == "training"]
    assert [p.step for p in training] == [1, 2, 3]
    assert all(p.remaining is not None and p.crops_per_second > 0 for p in training)


def test_a_model_to_start_from_is_never_replaced_by_a_worse_one(small: Small, straight: Path, tmp_path: Path) -> None:
    """Learning rates this high spoil everything; what is kept is the start."""
    recipe = small(
        optimiser={"muon": 1.0, "adamw": 1.0},
        length={"steps": 2},
        validation={"clips": 1, "every_steps": 1},
    )
    report = train(recipe, out=tmp_path, start=straight)
    assert report.best_step == 0
    assert same(load_file(report.weights), load_file(straight / "best.safetensors"))


def test_early_stopping(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = iter([3.0, 2.0, 2.5, 2.4])
    monkeypatch.setattr(trainer_module, "validate", lambda *args, **kwargs: (next(found), ()))
    recipe = small(length={"steps": 50}, validation={"clips": 1, "every_steps": 1, "patience": 2})
    report = train(recipe, out=tmp_path)
    assert report.steps == 3
    assert report.best_step == 1
    assert report.stopped_early
    assert train(recipe, out=tmp_path).steps == 3  # it has ended, and stays so


def test_the_prior_alone(small: Small, straight: Path, tmp_path: Path) -> None:
    before = load_file(straight / "best.safetensors")
    recipe = small(stage="prior", sequence={"tape": 32}, length={"steps": 4})
    train(recipe, out=tmp_path, start=straight)
    after = {name: value for name, value in weights(tmp_path).items() if name.startswith("model.")}
    changed = {name for name, value in after.items() if not torch.equal(value, before[name.removeprefix("model.")])}
    assert changed
    assert all(name.startswith("model.prior.") for name in changed)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, out=tmp_path / "stopped", start=straight, progress=at_step(2, interrupt))
    train(recipe, out=tmp_path / "stopped", start=straight)
    again = weights(tmp_path / "stopped")
    assert all(torch.equal(value, again[name]) for name, value in after.items())


@pytest.fixture(params=[math.nan, 1e30])
def broken_steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Steps, counted over all runs of a test, whose loss is NaN, or that of a picture which has run away."""
    broken: set[int] = set()
    count = 0
    real = trainer_module.advance

    def unroll(*args: Any, **kwargs: Any) -> Any:
        nonlocal count
        count += 1
        outcome, state = real(*args, **kwargs)
        if count not in broken:
            return outcome, state
        return outcome._replace(loss=outcome.loss * request.param), state._replace(
            picture=state.picture * request.param
        )

    monkeypatch.setattr(trainer_module, "advance", unroll)
    return broken


def test_a_step_without_a_number_is_left_out(small: Small, tmp_path: Path, broken_steps: set[int]) -> None:
    broken_steps.update({2, 3})
    report = train(small(), out=tmp_path)
    assert report.steps == 4
    assert all(bool(value.isfinite().all()) for value in weights(tmp_path).values())
    skipped = [entry for entry in read_log(tmp_path / "log.jsonl") if entry["type"] == "skipped"]
    assert [entry["in_a_row"] for entry in skipped] == [1, 2]


def test_a_loss_that_stays_nan_ends_the_run(small: Small, tmp_path: Path, broken_steps: set[int]) -> None:
    broken_steps.update(range(3, 100))
    recipe = small(length={"steps": 50}, optimiser={"nan_steps": 4}, output={"checkpoint_seconds": 1e-6})
    with pytest.raises(TrainingError, match="4 steps in a row"):
        train(recipe, out=tmp_path)
    assert all(bool(value.isfinite().all()) for value in weights(tmp_path).values())


def test_a_full_disk_ends_the_run_and_it_goes_on_when_there_is_room(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small(output={"checkpoint_seconds": 1e-6})
    real, calls = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OutputError, match="No space left on device; what was written before is intact"):
            train(recipe, out=tmp_path)
    assert train(recipe, out=tmp_path).steps == 4


def test_other_packs_begin_other_validations(small: Small, packs: Path, tmp_path: Path) -> None:
    validation = {"clips": 1, "qualities": [30]}
    train(small(length={"steps": 1}, validation=validation), out=tmp_path)
    one = small(length={"steps": 2}, validation=validation, data={"packs": [str(packs / "a.mkv")]})
    report = train(one, out=tmp_path)
    assert [v.step for v in report.validations] == [1, 2]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"data": {"packs": []}}, r"data\.packs is empty"),
    ({"sequence": {"crop": 80}}, r"sequence\.crop = 80: pictures of .* are 96×64"),
    ({"device": "cuda:7"}, "cuda"),
]


@pytest.mark.parametrize(("tables", "message"), WRONG)
def test_what_cannot_work_is_said_before_anything_is_made(
    small: Small, tmp_path: Path, tables: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        train(small(**tables), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_other_sizes_than_those_to_start_from(small: Small, straight: Path, tmp_path: Path) -> None:
    recipe = small(network={"latent": 24})
    with pytest.raises(RecipeError, match="latent = 24, not 16"):
        train(recipe, out=tmp_path / "run", start=straight)
    with pytest.raises(RecipeError, match="latent = 24, not 16"):
        train(recipe, out=straight)
    with pytest.raises(ModelError, match="neither a model nor a run"):
        train(recipe, out=tmp_path / "run", start=tmp_path)


def test_sigterm_ends_a_run_as_politely(small: Small, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        train(small(), out=tmp_path, progress=at_step(2, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    assert caught.value.code == 143
    assert losses(tmp_path)[-1][0] == 2
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_second_ctrl_c_ends_it_at_once(small: Small, tmp_path: Path) -> None:
    def twice() -> None:
        interrupt()
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        train(small(), out=tmp_path, progress=at_step(2, twice))
    assert train(small(), out=tmp_path).steps == 4


def test_the_pixel_path_in_bfloat16(small: Small, tmp_path: Path) -> None:
    report = train(small(precision="bfloat16", length={"steps": 1}), out=tmp_path)
    assert report.steps == 1
    assert all(value.dtype != torch.bfloat16 for value in weights(tmp_path).values())
