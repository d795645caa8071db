"""The corpus replayed, and some seconds of new cases for every parser."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sensic.errors import ModelError
from tests.fuzz.targets import CORPUS, TARGETS, changed_json, repaired

ROOT = Path(__file__).parents[2]
CASES = sorted(path for path in CORPUS.rglob("*") if path.is_file())
SECONDS = 10  # for each of six parsers: a minute in all


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_valid(name: str) -> None:
    for seed in TARGETS[name].seeds():
        TARGETS[name].read(seed)


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_corpus(case: Path) -> None:
    """Also cut short, and with a byte more."""
    target, data = TARGETS[case.parent.name], case.read_bytes()
    for one in (data, data[:-1], data[: len(data) // 2], data + b"\0"):
        target(one)
        if target.sealed:
            target(repaired(one))


def test_changed_manifests_reach_every_check() -> None:
    """And stay JSON, which few changes of bytes do."""
    target, refused = TARGETS["manifest"], set()
    seeds = target.seeds()
    for number in range(600):
        changed = seeds[number % 2]
        for step in range(2):
            changed = changed_json(changed, 2 * number + step) or b""
        try:
            target.read(changed)
        except ModelError as error:
            refused.add(str(error).split(": ")[1].split()[0])
    assert refused >= {"name", "base", "facts", "networks", "quality_offsets", "files", "model"}
    assert changed_json(b"{", 0) is None


@pytest.mark.parametrize("name", TARGETS)
def test_new_cases(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    words = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(SECONDS), "--crashes", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not list(tmp_path.iterdir())
    runs = next(line for line in done.stderr.splitlines() if "number_of_executed_units" in line)
    assert int(runs.split()[-1]) > 100
