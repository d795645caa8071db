"""What ``sensic export`` makes of its arguments; the library is a stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import sensic.training
from sensic import ModelError, UsageError
from sensic.cli import main


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def export_weights(*args: Any, **options: Any) -> SimpleNamespace:
        seen.update(args=args, options=options)
        if seen.get("error"):
            raise seen["error"]
        return SimpleNamespace(directory=Path("m"), id="ab" * 32, name="mine")

    monkeypatch.setattr(sensic.training, "export_weights", export_weights, raising=False)
    return seen


def test_options_are_handed_on(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "-o", "m", "--name", "mine", "--facts", "told.toml", "--packs", "p", "--force"]) == 0
    assert calls["args"] == ("run", "m")
    del calls["options"]["progress"]
    assert calls["options"] == {
        "name": "mine", "facts": "told.toml", "packs": ["p"], "calibrate": None, "int8": False, "force": True,
    }  # fmt: skip
    assert capsys.readouterr().err.splitlines() == [
        "exporting run",
        "m: model mine (abababababababab), golden vector reproduced",
    ]
    assert main(["export", "run", "-o", "m", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_json(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "-o", "m", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "type": "exported", "schema": 1, "directory": "m", "id": "ab" * 32, "name": "mine",
    }  # fmt: skip


def test_errors(calls: dict[str, Any]) -> None:
    calls["error"] = ModelError("the weights hold NaN")
    assert main(["export", "run", "-o", "m"]) == 1
    calls["error"] = UsageError("--force")
    assert main(["export", "run", "-o", "m"]) == 2
    assert main(["export", "run"]) == 2
