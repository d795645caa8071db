"""Processes started by torchrun, on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sensic import RecipeError
from sensic.training import Recipe, train
from sensic.training.checkpoint import read_checkpoint
from sensic.training.distributed import Team, choose_device
from sensic.training.logs import read_log
from tests.training.run import ROOT

TABLES: dict[str, Any] = {
    "length": {"steps": 4},
    "validation": {"clips": 1, "every_steps": 2, "qualities": [30]},
}


def curve(run: Path, kind: str) -> list[float]:
    return [entry["loss"] for entry in read_log(run / "log.jsonl") if entry["type"] == kind]


def test_two_processes_are_one_with_twice_the_lanes(small: Callable[..., Recipe], packs: Path, tmp_path: Path) -> None:
    together, alone = tmp_path / "two", tmp_path / "one"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    command += ["tests.training.run", str(packs), str(together), json.dumps(TABLES)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    train(small(**TABLES, sequence={"lanes": 2}), out=alone)
    assert curve(together, "training") == pytest.approx(curve(alone, "training"), rel=1e-4)
    assert curve(together, "validation") == pytest.approx(curve(alone, "validation"), rel=1e-3)
    # One process writes, and what only the other knows is in its checkpoint.
    sittings = [entry for entry in read_log(together / "log.jsonl") if entry["type"] == "sitting"]
    assert [entry["processes"] for entry in sittings] == [2]
    checkpoint = read_checkpoint(sorted((together / "checkpoints").iterdir())[-1])
    lanes = [bytes(checkpoint.tensors[f"process.{rank}.lanes"].tolist()) for rank in (0, 1)]
    assert lanes[0] != lanes[1]
    assert checkpoint.facts["clock"]["pictures"] == 4 * 2 * 2


def test_a_team_of_one_changes_nothing() -> None:
    team = Team(0, 1, torch.device("cpu"))
    assert team.leads
    assert team.average([1.5, float("inf")]) == [1.5, float("inf")]
    assert team.first(2.5) == 2.5
    assert team.gather(b"mine") == [b"mine"]
    parameter = torch.nn.Parameter(torch.zeros(2))
    team.average_gradients([parameter])
    assert parameter.grad is None


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_device("cpu").type == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    with pytest.raises(RecipeError, match="no CUDA GPU"):
        choose_device("cuda")
    chosen: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert choose_device("auto", 1) == torch.device("cuda", 1)
    assert choose_device("cuda:1", 0) == torch.device("cuda", 1)
    with pytest.raises(RecipeError, match="there are 2 GPUs"):
        choose_device("cuda:2")
    with pytest.raises(RecipeError, match="auto, cpu, cuda or cuda:N"):
        choose_device("gpu")
    assert chosen == [torch.device("cuda", 1)] * 2
