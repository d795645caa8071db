from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sensic.networks.sensing import COEFFICIENTS, NOTHING_KNOWN, SensingSize, SensingVAE, to_blocks
from sensic.sensing.learned import OPERATOR, prepared
from sensic.sensing.quantiser import ROUNDING, Quantiser
from sensic.training.sensing.measuring import Coding, layer_of, quantised, random_coding
from tests.training.conftest import panning_clip

VAE = SensingVAE(SensingSize(hidden=8, latent=8, features=8, steps=3))


def scene(seed: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return panning_clip(seed, frames=4, width=48, height=32)[..., 1]


def coefficients(seed: int) -> torch.Tensor:
    samples = to_blocks(torch.from_numpy(scene(seed).astype(np.float32) - 128))
    return VAE.measure(samples[None])[:, None]


@pytest.mark.parametrize("quality", [8, 20, 31, 40, 50, 57])
def test_training_sees_what_the_decoder_will_see(quality: int) -> None:
    operator = Quantiser(OPERATOR, 8, quality)
    bins = operator.bins(operator.symbols(OPERATOR.forward(scene(1))), np.ones(COEFFICIENTS, np.bool_))
    wanted = prepared(bins, 8)
    octave, place = divmod(62 - quality, len(ROUNDING))
    arrives = torch.ones(1, 1, COEFFICIENTS, dtype=torch.bool)
    coding = Coding.even(torch.tensor([4.0 + octave]), torch.tensor([ROUNDING[place] / 64]), arrives)
    found = quantised(coefficients(1), coding)
    ac = slice(1, None)  # the mean's bins are laid from 0, in training from grey
    for name in ("points", "low", "high"):
        own = getattr(found, name)[0, :, ac].numpy()
        np.testing.assert_allclose(own, wanted[name][:, ac], atol=0.6 / OPERATOR.gain**0.5)  # whole numbers' edges
    np.testing.assert_allclose(found.half[0], wanted["half"], atol=1 / OPERATOR.gain**0.5)


@given(st.integers(0, 2**31), st.integers(1, 3))
def test_any_coding_keeps_the_truth_in_the_bins(seed: int, batch: int) -> None:
    coding = random_coding(batch, 1, (5.0, 12.0), torch.Generator().manual_seed(seed))
    y = coefficients(seed % 7).expand(batch, -1, -1, -1, -1)
    found = quantised(y, coding)
    assert (found.low <= y).all()
    assert (y <= found.high).all()
    here = coding.arrives[..., None, None].expand_as(y)
    assert ((found.low <= found.points) & (found.points <= found.high))[here].all()
    assert (found.points[:, :, 1:][~here[:, :, 1:]] == 0).all()
    assert ((found.half == NOTHING_KNOWN) == ~coding.arrives).all()


def test_points_are_nearer_than_the_middles() -> None:
    coding = Coding.even(torch.tensor([7.0]), torch.tensor([0.33]), torch.ones(1, 1, 256, dtype=torch.bool))
    y = coefficients(3)
    found = quantised(y, coding)
    middle = torch.where(found.points == 0, 0.0, (found.low + found.high) / 2)
    assert (found.points - y).square().mean() < (middle - y).square().mean()


def test_layers_go_from_coarse_to_fine_and_lost_ones_are_whole() -> None:
    layer = layer_of()
    assert layer[0] == 0
    assert layer.unique().tolist() == [0, 1, 2, 3]
    coding = random_coding(64, 4, (7.0, 9.0), torch.Generator().manual_seed(5))
    counts = torch.stack([coding.arrives[..., layer == k].float().mean(-1) for k in range(4)])
    assert ((counts == 0) | (counts == 1)).all()
    assert 0.5 < counts.mean() < 0.97


def test_a_mean_that_is_lost_is_the_last_one() -> None:
    y = coefficients(2).repeat(1, 3, 1, 1, 1)
    arrives = torch.ones(1, 3, COEFFICIENTS, dtype=torch.bool)
    arrives[:, 1:, 0] = False
    points = quantised(y, Coding.even(torch.tensor([8.0]), torch.tensor([0.33]), arrives)).points
    assert torch.equal(points[:, 1, 0], points[:, 0, 0])
    assert torch.equal(points[:, 2, 0], points[:, 0, 0])
    assert points[:, 0, 0].abs().max() > 0
