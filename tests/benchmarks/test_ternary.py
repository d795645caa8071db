from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from benchmarks import ternary
from benchmarks.ternary import Blocks, half_bases, rates_and_distortions, search
from sensic.sensing.operators.ternary import MATRIX, parsed
from sensic.sensing.operators.walsh_hadamard import hadamard
from tests.codec.pictures import write_video


def walks(correlation: float, count: int) -> Blocks:
    """Blocks of four frames that stand still, with neighbours as alike as ``correlation`` says."""
    places = np.arange(8)
    root = np.linalg.cholesky(correlation ** np.abs(np.subtract.outer(places, places)))
    noise = np.random.default_rng(0).normal(0, 50, (count, 1, 8, 8))
    return np.broadcast_to(root @ noise @ root.T, (count, 4, 8, 8)).astype(np.float32)


def test_all_bases_of_half_rows() -> None:
    bases = half_bases()
    assert len({tuple(map(tuple, basis.tolist())) for basis in bases}) == len(bases) == 32
    for basis in bases:
        product = basis @ basis.T
        np.testing.assert_array_equal(product, np.diag(np.diag(product)))


def test_smooth_blocks_choose_what_ships_or_better() -> None:
    found = search(walks(0.95, 300))
    gains = [one.gain for one in found]
    assert gains == sorted(gains, reverse=True)
    assert len({one.matrix.tobytes() for one in found}) == len(found) == 128
    of = {one.matrix.tobytes(): one for one in found}
    assert of[hadamard(8).tobytes()].gain == pytest.approx(0, abs=1e-9)
    assert of[hadamard(8).tobytes()].additions == 8
    shipped = of[parsed(MATRIX).tobytes()]
    assert shipped.additions == 7.5
    assert shipped.gain > 0
    assert gains[-1] < -0.5
    for one in found:
        product = one.matrix @ one.matrix.T
        np.testing.assert_array_equal(product, np.diag(np.diag(product)))


def test_rates_fall_and_errors_rise_with_the_step() -> None:
    blocks = walks(0.9, 100)
    rate, error = rates_and_distortions(blocks, hadamard(8), 8)
    coarse_rate, coarse_error = rates_and_distortions(blocks, hadamard(8), 32)
    assert coarse_rate.sum() < rate.sum()
    assert error.sum() < coarse_error.sum()
    # Nothing is lost or won by an orthogonal transform: with a step beyond all, the error is all there is.
    nothing, everything = rates_and_distortions(blocks, hadamard(8), 1 << 20)
    assert nothing.sum() == pytest.approx(0, abs=1e-6)
    assert everything.sum() == pytest.approx(float(np.mean(np.square(blocks))), rel=1e-4)


def test_the_same_footage_gives_the_same_matrix(tmp_path: Path) -> None:
    source = write_video(tmp_path / "source.mkv", 24)
    app = typer.Typer()
    app.command()(ternary.main)
    results = [CliRunner().invoke(app, [str(source), "--blocks", "40"]) for _ in range(2)]
    assert [result.exit_code for result in results] == [0, 0], results[0].output
    assert results[0].output == results[1].output
    assert "80 blocks, 128 matrices" in results[0].output
