from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from sensic import ModelError, RecipeError, TrainingError
from sensic.model import Model
from sensic.sensing.snapshots import SnapshotDecoder
from sensic.training import SnapshotRecipe, SnapshotReport, SnapshotResult, export_weights, train
from sensic.training.checkpoint import read_checkpoint
from sensic.training.logs import read_log
from sensic.training.snapshot.weights import load_snapshot

Small = Callable[..., SnapshotRecipe]
CARRYING: dict[str, Any] = {
    "sequence": {
        "phases": [{"at": 0.0, "lanes": 2, "crop": 32, "stages": 1}, {"at": 0.5, "lanes": 1, "crop": 48}],
    },
    "schedule": {"kind": "plateau", "patience": 0},
    "validation": {"every_steps": 2},
}


def newest(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(sorted((run / "checkpoints").glob("*.safetensors"))[-1]).tensors


def interrupt_at(step: int) -> Callable[[Any], None]:
    def watch(progress: Any) -> None:
        if getattr(progress, "task", "") == "training" and progress.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    return watch


def test_an_interrupted_run_goes_on_exactly(small: Small, tmp_path: Path) -> None:
    recipe = small(**CARRYING)
    straight = train(recipe, out=tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        train(recipe, out=tmp_path / "stopped", progress=interrupt_at(3))
    report = train(recipe, out=tmp_path / "stopped")
    assert isinstance(report, SnapshotReport)
    assert report.steps == straight.steps == 6
    assert [v.step for v in report.validations] == [0, 2, 4, 6]
    one, other = newest(tmp_path / "straight"), newest(tmp_path / "stopped")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns_to_be_better_than_the_mean(small: Small, tmp_path: Path) -> None:
    recipe = small(length={"steps": 60}, optimiser={"muon": 0.02, "adamw": 5e-3, "average": 0.1})
    report = train(recipe, out=tmp_path)
    first, best = report.validations[0], report.best
    assert isinstance(first, SnapshotResult)
    assert isinstance(best, SnapshotResult)
    assert first.psnr == pytest.approx(first.start, abs=1e-2)
    assert best.psnr > first.psnr + 0.5
    training = [entry for entry in read_log(tmp_path / "log.jsonl") if entry["type"] == "training"]
    assert training[-1]["loss"] < training[0]["loss"]


def test_a_run_becomes_a_model(small: Small, tmp_path: Path) -> None:
    report = train(small(length={"steps": 1}, output={"export": True}), out=tmp_path / "run")
    assert report.model is not None
    model = Model.load(report.model)
    SnapshotDecoder(model, 1)
    assert "kMAC per pixel to decode" in (report.model / "README.md").read_text()
    again = export_weights(tmp_path / "run", tmp_path / "again", name="mine", facts={"licence": "mine"})
    assert again.graph("unroll") == model.graph("unroll")
    assert again.manifest["facts"]["validation"][0]["frames of a snapshot"] == 4
    once_more = export_weights(tmp_path / "again", tmp_path / "more", name="mine")
    assert once_more.id == again.id


def test_a_model_gives_its_weights_back(small: Small, tmp_path: Path) -> None:
    report = train(small(length={"steps": 2}, output={"export": True}), out=tmp_path / "run")
    assert report.model is not None
    kept, back = load_file(report.weights), load_snapshot(report.model).state_dict()
    assert kept.keys() == back.keys()
    assert all(torch.equal(back[name], value.half().float()) for name, value in kept.items())
    assert train(small(length={"steps": 1}), out=tmp_path / "two", start=report.model).steps == 1


def test_a_run_starts_from_weights_that_fit(small: Small, tmp_path: Path) -> None:
    train(small(length={"steps": 1}), out=tmp_path / "one")
    with pytest.raises(RecipeError, match="coarse = 16, not 8"):
        train(small(network={"coarse": 16}), out=tmp_path / "two", start=tmp_path / "one")
    with pytest.raises(RecipeError, match="fine = 8, not 24"):
        train(small(), out=tmp_path / "two", start="snapshot")  # the model that ships
    with pytest.raises(ModelError, match="nowhere: not a model directory"):
        train(small(), out=tmp_path / "two", start="nowhere")
    tensors = load_file(tmp_path / "one" / "best.safetensors")
    tensors.pop("gains")
    save_file(tensors, tmp_path / "cut.safetensors")
    with pytest.raises(ModelError, match="gains"):
        train(small(), out=tmp_path / "three", start=tmp_path / "cut.safetensors")


def test_a_loss_that_is_no_number_ends_the_run(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensic.training.snapshot.losses._FLOOR", float("nan"))
    with pytest.raises(TrainingError, match="lower the learning rates"):
        train(small(optimiser={"nan_steps": 2}), out=tmp_path)


def test_a_run_that_finds_nothing_better_ends(small: Small, tmp_path: Path) -> None:
    """With learning rates of nearly 0 no validation is better than the first."""
    recipe = small(
        length={"steps": 50}, optimiser={"muon": 0.0, "adamw": 1e-12}, validation={"every_steps": 1, "patience": 2}
    )
    report = train(recipe, out=tmp_path)
    assert report.stopped_early
    assert report.steps < 50
