from __future__ import annotations

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from benchmarks import throughput


def test_both_kinds_of_step_are_timed(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(throughput.main)
    options = ["--lanes", "1", "--prior-lanes", "2", "--crop", "64", "--frames", "2", "--threads", "1", "--rounds", "1"]
    result = CliRunner().invoke(app, [*options, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "throughput.json").read_text())["rows"]
    assert set(rows) == {"full", "prior"}
    assert all(0 < row["crops_per_second"] <= row["best"] and row["ceiling"] > 0 for row in rows.values())
