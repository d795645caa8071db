"""Total variation: less of it in the result, and the result is what was measured."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from sensic import UsageError
from sensic.sensing import linear
from sensic.sensing.bins import Bins, project
from sensic.sensing.operators import Cacti, WalshHadamard
from sensic.sensing.quantiser import Quantiser
from sensic.sensing.total_variation import denoised, gap_tv, within_bins
from tests.sensing.scenes import discs, psnr


def variation(frames: NDArray[np.floating]) -> float:
    return float(np.abs(np.diff(frames, axis=-1)).sum() + np.abs(np.diff(frames, axis=-2)).sum())


def test_more_weight_is_smoother_and_frames_do_not_mix() -> None:
    noise = np.random.default_rng(0).normal(0.5, 0.2, (2, 32, 32)).astype(np.float32)
    smooth = [variation(denoised(noise, weight)) for weight in (0.01, 0.1, 1.0)]
    assert variation(noise) > smooth[0] > smooth[1] > smooth[2]
    np.testing.assert_array_equal(denoised(noise, 0.1)[1:], denoised(noise[1:], 0.1))


def test_more_turns_explain_the_snapshot_better() -> None:
    original, operator = discs(4, 32) / 255, Cacti.seeded(1, 4, 32)
    snapshot = (operator.masks * original).sum(0)
    frames = [gap_tv(snapshot, operator, iterations=turns) for turns in (1, 4, 16, 64)]
    missing = [float(np.square(snapshot - (operator.masks * x).sum(0)).mean()) for x in frames]
    assert missing == sorted(missing, reverse=True)
    assert [psnr(255 * x, 255 * original) for x in frames] == sorted(psnr(255 * x, 255 * original) for x in frames)


def test_a_pixel_that_no_mask_shows_is_filled_in() -> None:
    original, masks = discs(2, 32) / 255, Cacti.seeded(1, 2, 32).masks
    masks[:, 5, 5] = 0
    frames = gap_tv((masks * original).sum(0), Cacti(masks), iterations=30)
    assert np.isfinite(frames).all()
    assert frames[:, 5, 5] == pytest.approx(original[:, 5, 5], abs=0.15)


@pytest.mark.parametrize("quality", [8, 26, 44])
def test_within_bins_is_within_them_and_better_than_linear(quality: int) -> None:
    operator, original = WalshHadamard(4), discs(4, 48)
    quantiser = Quantiser(operator, 8, quality)
    bins = quantiser.bins(quantiser.symbols(operator.forward(original)), np.ones(256, np.bool_))
    straight = linear.recover(linear.reconstruction_points(bins), operator)
    found = within_bins(straight, bins, operator)
    np.testing.assert_array_equal(project(found, bins, operator), found)
    assert psnr(found, original) > psnr(straight, original) + 0.5


def test_within_bins_of_nothing_that_arrived() -> None:
    operator, nothing = WalshHadamard(1), np.zeros((64, 2, 2), np.int32)
    bins = Bins(nothing, nothing, np.ones(64, np.int64), np.zeros(64, np.bool_))
    grey = np.full((1, 16, 16), 128.0)
    np.testing.assert_array_equal(within_bins(grey, bins, operator), grey)


def test_shapes_must_fit() -> None:
    with pytest.raises(UsageError, match=r"a snapshot is \[16, 16\] like its masks, not \[8, 16\]"):
        gap_tv(np.ones((8, 16)), Cacti.seeded(0, 2, 16))


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.restoration", None)
    with pytest.raises(UsageError, match=r"scikit-image: pip install 'sensic\[sensing\]'"):
        denoised(np.zeros((1, 8, 8), np.float32), 0.1)
