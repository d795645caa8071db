from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import sensing_encoder


def test_every_way_of_coding_is_timed(tmp_path: Path) -> None:
    if shutil.which(os.environ.get("CC", "cc")) is None and not os.environ.get("CI"):
        pytest.skip("there is no C compiler")
    app = typer.Typer()
    app.command()(sensing_encoder.main)
    options = ["--frames", "4", "--quality", "20", "--quality", "44", "--seconds", "0", "--out", str(tmp_path)]
    result = CliRunner().invoke(app, ["demo/bunny.mp4", *options])
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "sensing_encoder.json").read_text())["rows"]
    assert {(row["frames"], row["coder"], row["quality"]) for row in rows} == {
        (frames, coder, quality) for frames in (1, 4) for coder in ("range", "rice") for quality in (20, 44)
    }
    assert all(min(row["measuring"], row["quantising"], row["all"]) > 0 for row in rows)
    for coarse, fine in zip(rows[::2], rows[1::2], strict=True):
        assert 0 < coarse["bytes"] < fine["bytes"]
        assert coarse["samples"] == 4 * 640 * 360 * 3 // 2
