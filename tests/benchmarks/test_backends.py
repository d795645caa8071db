from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import backends


def test_backends_take_turns(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "WIDTH", 64)
    monkeypatch.setattr(backends, "HEIGHT", 48)
    monkeypatch.setattr(backends, "BACKENDS", ("onnxruntime", "openvino"))
    backends.main(source, frames=2, rounds=2, out=tmp_path)
    rows = json.loads((tmp_path / "backends.json").read_text())["rows"]
    assert [row["backend"] for row in rows] == ["onnxruntime", "openvino", "onnxruntime, fast"]
    assert (rows[0]["encode_ratio"], rows[0]["decode_ratio"]) == (1, 1)
    assert all(row["encode"] > 0 and row["decode"] > 0 and row["start"] > 0 for row in rows)
