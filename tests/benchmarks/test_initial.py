from __future__ import annotations

from pathlib import Path

import numpy as np
import typer
from typer.testing import CliRunner

from benchmarks import initial
from benchmarks.initial import bits_of, cost, groups, probabilities
from sensic.sensing.contexts import CONTEXTS
from sensic.sensing.initial import PROBABILITIES


def test_what_was_counted_costs_least(source: Path) -> None:
    counted = sum((bits_of(group) for group in groups(source, 12)), np.zeros((2, CONTEXTS), np.int64))
    assert len(list(groups(source, 12))) == 1
    assert len(list(groups(source, 4))) == 3
    found = probabilities(counted)
    assert (found[counted.sum(0) == 0] == 128).all()
    shipped = np.frombuffer(PROBABILITIES, np.uint8)
    assert 0 < cost(counted, found) < cost(counted, shipped) < 1
    assert counted.sum(0)[:12].sum() == 0  # a flag for the one band of means: there is none


def test_it_writes_as_many_as_there_are(source: Path) -> None:
    app = typer.Typer()
    app.command()(initial.main)
    result = CliRunner().invoke(app, [str(source), "--every", "12"])
    assert result.exit_code == 0, result.output
    text = "".join(line.strip().strip('"') for line in result.output.splitlines() if line.startswith('    "'))
    assert len(bytes.fromhex(text)) == CONTEXTS
    assert "decisions in" in result.output
