from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import growth


def test_every_axis_is_measured(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "LENGTHS", (3,))
    monkeypatch.setattr(growth, "SMALL", (48, 32))
    monkeypatch.setattr(growth, "SIZES", ((96, 80),))
    monkeypatch.setattr(growth, "THREADS", (2,))
    monkeypatch.setattr(growth, "WORKERS", (2,))
    monkeypatch.setattr(growth, "SEVERAL", (64, 48))
    monkeypatch.setattr(growth, "FEW", 2)
    monkeypatch.setattr(growth, "GROUPS", 2)
    growth.main(source, out=tmp_path)
    rows = json.loads((tmp_path / "growth.json").read_text())
    assert [(row["case"]["axis"], row["case"]["frames"], row["case"]["height"], row["job"]) for row in rows] == [
        (*case, job)
        for case in [
            ("size", 2, 80), ("threads", 2, 48), ("workers", 4, 48), ("length", 3, 32),
        ]
        for job in ("encode", "decode")
    ]  # fmt: skip
    assert all(row["seconds"] > 0 and row["cpu"] > 0 and row["memory"] > 30 << 20 for row in rows)
    text = (tmp_path / "growth.md").read_text()
    assert [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")] == [
        "length", "3 frames", "size", "80p", "threads", "2",
        "workers", "2",
    ]  # fmt: skip
    assert (tmp_path / "growth.png").stat().st_size > 1000
