from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sensic.sensing.bins import Bins, project, rounded
from sensic.sensing.operators import LearnedTernary, WalshHadamard
from sensic.sensing.quantiser import Quantiser

Pictures = NDArray[np.int64]


def noise(seed: int, frames: int) -> Pictures:
    """Anything from flat to wild."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256) + rng.normal(0, 10.0 ** rng.integers(-1, 3), (frames, 16, 24))
    return np.clip(np.rint(pictures), 0, 255).astype(np.int64)


def bins_of(pictures: Pictures, quality: int, arrived: NDArray[np.bool_] | None = None) -> tuple[Bins, WalshHadamard]:
    operator = WalshHadamard(frames=len(pictures))
    quantiser = Quantiser(operator, 8, quality)
    everything = np.ones(operator.bands, np.bool_) if arrived is None else arrived
    return quantiser.bins(quantiser.symbols(operator.forward(pictures)), everything), operator


@given(st.integers(0, 2**31), st.sampled_from([1, 2, 4]), st.integers(0, 63), st.booleans())
def test_projected_samples_lie_in_the_bins_exactly(seed: int, frames: int, quality: int, lossy: bool) -> None:
    rng = np.random.default_rng(seed)
    arrived = rng.random(64 * frames) < 0.7 if lossy else None
    bins, operator = bins_of(noise(seed, frames), quality, arrived)
    guess = rng.normal(128, 300, (frames, 16, 24))
    out = project(guess, bins, operator)
    fine = out * operator.gain
    assert (fine == np.rint(fine)).all()
    whole = np.floor(out)  # so that the integer operator measures them, exactly
    measured = operator.forward(whole) + operator.forward((out - whole) * operator.gain) / operator.gain
    assert (measured == np.rint(measured)).all()
    assert not bins.outside(measured).any()


@given(st.integers(0, 2**31), st.sampled_from([1, 2, 4]), st.integers(0, 63))
def test_of_the_learned_transform_but_for_the_rounding_of_floats(seed: int, frames: int, quality: int) -> None:
    operator = LearnedTernary(frames)
    quantiser = Quantiser(operator, 8, quality)
    symbols = quantiser.symbols(operator.forward(noise(seed, frames)))
    bins = quantiser.bins(symbols, np.ones(operator.bands, np.bool_))
    out = project(np.random.default_rng(seed).normal(128, 300, (frames, 16, 24)), bins, operator)
    whole = np.floor(out)
    fine = np.rint((out - whole) * 2**20)  # so that the integer operator measures them
    measured = operator.forward(whole) + operator.forward(fine) / 2**20
    assert np.abs(measured - bins.clip(measured)).max() < 0.5


@given(st.integers(0, 2**31), st.integers(0, 40))
def test_what_is_inside_already_stays(seed: int, quality: int) -> None:
    pictures = noise(seed, 4)
    bins, operator = bins_of(pictures, quality)
    assert (project(pictures, bins, operator) == pictures).all()
    out, share = rounded(pictures, bins, operator)
    assert (out == pictures).all()
    assert share == 0


@given(st.integers(0, 2**31), st.integers(14, 44))
def test_rounded_samples_lie_in_wide_bins_too(seed: int, quality: int) -> None:
    pictures = noise(seed, 4)
    bins, operator = bins_of(pictures, quality)
    centre = operator.adjoint(bins.middle) / operator.gain
    out, share = rounded(project(centre, bins, operator), bins, operator)
    assert out.min() >= 0
    assert out.max() <= 255
    # The share is told as it is, and no worse than that of plain rounding.
    assert share == bins.outside(operator.forward(out)).mean()
    assert share <= bins.outside(operator.forward(np.clip(np.rint(centre), 0, 255))).mean()


def test_smooth_pictures_are_brought_inside_at_any_useful_step() -> None:
    rows, columns = np.mgrid[0:16, 0:24]
    pictures = np.stack([100 + 3 * rows + 2 * columns + t for t in range(4)])
    for quality in range(10, 50, 3):
        bins, operator = bins_of(pictures, quality)
        middles = operator.adjoint(bins.middle) / operator.gain
        out, share = rounded(project(middles, bins, operator), bins, operator)
        assert share == 0
        assert not bins.outside(operator.forward(out)).any()


def test_the_width_of_zeros_bin_is_told_by_any_bin() -> None:
    for seed in range(5):
        pictures = noise(seed, 4)
        for quality in (20, 33, 47, 60, 63):
            bins, operator = bins_of(pictures, quality)
            quantiser = Quantiser(operator, 8, quality)
            zero = quantiser.bins(np.zeros((operator.bands, 1, 1), np.int32), np.ones(operator.bands, np.bool_))
            assert (bins.zero == zero.high[:, 0, 0] + 1).all()
