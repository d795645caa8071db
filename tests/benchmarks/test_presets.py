from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import presets
from tests.small_model import small_model


def test_everything_is_measured_once(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    presets.main([source], out, 3, str(small_model().directory))
    found = json.loads((out / "presets.json").read_text())["clips"]["source"]
    assert set(found["rows"]) == set(map(str, presets.QUALITIES))
    assert all(set(row) == {*presets.PRESETS, *presets.WITHOUT} for row in found["rows"].values())
    lines = (out / "presets.md").read_text().splitlines()
    assert next(line for line in lines if line.startswith("| medium |")).split(" | ")[-1] == "1.00 |"
    assert (out / "presets.png").stat().st_size > 1000
    monkeypatch.setattr(presets, "measure", None)
    presets.main([source], out, 3, str(small_model().directory))


def test_what_is_compared() -> None:
    def row(size: int, psnr: float, seconds: float) -> presets.Row:
        return {"bytes": size, "psnr": psnr, "seconds": seconds}

    rows = {
        str(n): {"medium": row(1000 * 2**n, 30 + 2 * n, 1), "best": row(900 * 2**n, 30 + 2 * n, 3)} for n in range(5)
    }
    change, spent = presets.compared(rows, "best")
    assert change == pytest.approx(-10)
    assert spent == 3
    for n, found in rows.items():
        found["fast"] = row(100, 10 + int(n), 1)
    assert presets.compared(rows, "fast")[0] is None
