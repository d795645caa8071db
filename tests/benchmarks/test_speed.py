from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import speed


def test_everyone_codes_the_clip(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "WIDTH", 96)
    monkeypatch.setattr(speed, "HEIGHT", 64)
    monkeypatch.setattr(speed, "MODELS", ("fast",))
    monkeypatch.setattr(speed, "bound", lambda words, cores: list(words))  # there may be one core only
    speed.main(source, frames=2, rounds=1, out=tmp_path)
    rows = json.loads((tmp_path / "speed.json").read_text())["rows"]
    coders = ("sensic fast", "x265 medium", "x264 medium", "SVT-AV1 8")
    assert {(r["coder"], r["job"], r["cores"]) for r in rows} == {
        (coder, job, cores) for coder in coders for job in ("encode", "decode") for cores in (1, 2)
    }
    assert all(r["seconds"] > 0 and r["cpu"] > 0 for r in rows)
    assert all(r["ratio"] == 1 for r in rows if r["coder"] == "x265 medium")
    assert speed.table(rows).count("\n") == 17


def test_the_ratio_is_of_the_same_round() -> None:
    assert speed.ratio([(9, 2.0), (9, 6.0), (9, 4.0)], [(1, 1.0), (1, 2.0), (1, 8.0)]) == 2.0  # of 2, 3 and 0.5
