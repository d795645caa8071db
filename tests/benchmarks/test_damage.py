"""The damage campaign, for a few trials: every kind once, and a process that dies."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from benchmarks import damage


def test_a_few_trials(source: Path, tmp_path: Path) -> None:
    app = Typer()
    app.command()(damage.main)
    count = len(damage.KINDS)
    words = [str(source), "--trials", str(count), "--jobs", "1", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, words).exit_code == 0
    record = json.loads((tmp_path / "damage.json").read_text())
    assert (record["trials"], record["wrong"]) == (count, [])
    assert (tmp_path / "damage.md").read_text().count("\n") == 3 + len(damage.KINDS)


def _crashing(numbers: range) -> list[damage.Trial]:
    if 3 in numbers:
        os.kill(os.getpid(), signal.SIGKILL)
    return [damage.Trial("bits", "groups", {"strictly": "reported"}, 0.0) for _ in numbers]


def test_a_crash_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "trials", _crashing)
    monkeypatch.setattr(damage, "BATCH", 2)
    results = [one for batch in damage.campaign(tmp_path, 5, 2) for one in batch]
    assert len(results) == 5
    assert [one.stream for one in results if damage.is_wrong(one)] == ["trial 3"]


def test_what_is_wrong() -> None:
    def one(kind: str, strictly: str, slow: float = 0.0) -> damage.Trial:
        return damage.Trial(kind, "groups", {"strictly": strictly}, slow)

    assert damage.is_wrong(one("bits", "other pictures"))
    assert damage.is_wrong(one("bits", "a fault: ValueError: no"))
    assert damage.is_wrong(one("bits", "reported", slow=6))
    assert not damage.is_wrong(one("bits", "the same pictures"))
    assert not damage.is_wrong(one("header repaired", "other pictures"))
