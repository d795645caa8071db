"""The budget is counted, and it is what the design promises."""

from __future__ import annotations

from pathlib import Path

import pytest

import sensic
from sensic.errors import UsageError
from sensic.sensing import SensingSettings, measure_budget
from sensic.sensing.budget import additions
from sensic.sensing.operators import LearnedTernary, Scrambled, WalshHadamard
from tests.codec.pictures import write_video


@pytest.mark.parametrize(("frames", "most"), [(1, 6), (2, 7), (4, 8)])
def test_at_most_eight_additions(frames: int, most: int) -> None:
    assert additions(WalshHadamard(frames)) == WalshHadamard(frames).additions == most
    assert additions(LearnedTernary(frames)) == LearnedTernary(frames).additions == most - 0.5
    assert additions(Scrambled()) == Scrambled().additions == 8


def test_of_a_video(tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mkv", 8)
    four = measure_budget(source, quality=30)
    one = measure_budget(source, SensingSettings(frames=1), quality=30)
    plain = measure_budget(source, SensingSettings(frames=1, mcu=True), quality=30)
    samples = 64 * 48 + 2 * 32 * 24
    assert (four.frames, four.samples, four.additions_per_sample) == (8, samples, 8)
    assert one.additions_per_sample == 6
    assert four.multiplications == four.decisions > 0
    assert (plain.multiplications, plain.context_memory) == (0, 0)
    assert (one.picture_memory, four.picture_memory) == (0, 3 * samples)
    assert four.bytes < one.bytes < plain.bytes
    assert one.stripe_memory == 16 * (64 + 32)
    report = sensic.encode(
        source, tmp_path / "out.mkv", quality=30, profile="sensing", sensing=SensingSettings(frames=1)
    )
    assert one.bytes * 8 == report.payload_bytes
    assert one.decisions / 8 < one.bytes * 8  # bits are not far from decisions
    assert one.line_memory == (8 + 4 + 4) * (64 + 2 * 3 + 4)


def test_nothing_to_count(tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mkv", 1)
    with pytest.raises(UsageError, match="1 or more"):
        measure_budget(source, frames=0)
