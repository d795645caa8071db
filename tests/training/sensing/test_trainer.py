from __future__ import annotations

import json
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
from sensic.sensing.learned import LearnedDecoder
from sensic.training import SensingRecipe, SensingReport, export_weights, train
from sensic.training.checkpoint import read_checkpoint
from sensic.training.logs import read_log

Small = Callable[..., SensingRecipe]
CARRYING: dict[str, Any] = {
    "sequence": {
        "phases": [
            {"at": 0.0, "groups": 2, "lanes": 2, "crop": 32},
            {"at": 0.5, "groups": 4, "lanes": 1, "crop": 32},
        ]
    },
    "network": {"layers": 2},
    "optimiser": {"residual_dropout": 0.1},
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
    assert isinstance(report, SensingReport)
    assert report.steps == straight.steps == 6
    assert [v.step for v in report.validations] == [0, 2, 4, 6]
    one, other = newest(tmp_path / "straight"), newest(tmp_path / "stopped")
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns_to_be_better_than_linear_decoding(small: Small, tmp_path: Path) -> None:
    recipe = small(
        length={"steps": 60},
        optimiser={"muon": 0.02, "adamw": 5e-3, "average": 0.1},
        sequence={"exponents": [9, 10]},
        validation={"exponents": [9, 10]},
    )
    report = train(recipe, out=tmp_path)
    first, best = report.validations[0], report.best
    assert isinstance(report, SensingReport)
    assert first.gain == pytest.approx(0, abs=1e-3)  # type: ignore[union-attr]
    assert best is not None
    assert best.gain > 0.05  # type: ignore[union-attr]
    gains = [entry["gain"] for entry in read_log(tmp_path / "log.jsonl") if entry["type"] == "training"]
    assert gains[-1] > 0


def test_a_run_becomes_a_model(small: Small, tmp_path: Path) -> None:
    report = train(small(length={"steps": 1}, output={"export": True}), out=tmp_path / "run")
    assert report.model is not None
    LearnedDecoder(Model.load(report.model), 1)
    assert "kMAC per pixel to decode" in (report.model / "README.md").read_text()
    again = export_weights(tmp_path / "run", tmp_path / "again", name="mine", facts={"licence": "mine"})
    assert again.graph("paint") == Model.load(report.model).graph("paint")
    assert again.manifest["facts"]["validation"][0]["step size"] == 128
    once_more = export_weights(tmp_path / "again", tmp_path / "more")
    assert once_more.manifest["facts"]["licence"] == "mine"


def test_a_run_starts_from_weights_that_fit(small: Small, tmp_path: Path) -> None:
    train(small(length={"steps": 1}), out=tmp_path / "one")
    report = train(small(length={"steps": 1}), out=tmp_path / "two", start=tmp_path / "one")
    assert report.best is not None
    with pytest.raises(RecipeError, match="hidden = 16, not 8"):
        train(small(network={"hidden": 16}), out=tmp_path / "three", start=tmp_path / "one")
    tensors = load_file(tmp_path / "one" / "best.safetensors")
    tensors.pop("look.weight")
    save_file(tensors, tmp_path / "cut.safetensors")
    with pytest.raises(ModelError, match=r"look\.weight"):
        train(small(), out=tmp_path / "four", start=tmp_path / "cut.safetensors")


def test_early_stopping(small: Small, tmp_path: Path) -> None:
    """With learning rates of nearly 0 no validation is better than the first."""
    recipe = small(
        length={"steps": 50},
        optimiser={"muon": 0.0, "adamw": 1e-12},
        validation={"every_steps": 1, "patience": 2},
    )
    report = train(recipe, out=tmp_path)
    assert report.stopped_early
    assert report.steps < 50
    assert train(recipe, out=tmp_path).steps == report.steps  # it has ended, and stays so


def test_a_loss_that_is_no_number_ends_the_run(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensic.training.sensing.losses._FLOOR", float("nan"))
    with pytest.raises(TrainingError, match="lower the learning rates"):
        train(small(optimiser={"nan_steps": 2}), out=tmp_path)


def test_no_picture_is_large_enough(small: Small, tmp_path: Path) -> None:
    phases = [{"at": 0.0, "crop": 96}]
    with pytest.raises(RecipeError, match="crop = 96"):
        train(small(sequence={"phases": phases}), out=tmp_path)


def test_the_log_is_lines_of_json(small: Small, tmp_path: Path) -> None:
    train(small(length={"steps": 2}), out=tmp_path)
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["type"] for entry in entries] == ["sitting", "validation", "training", "training", "validation"]
    assert {"linear", "learned"} <= entries[1]["points"][0].keys()
