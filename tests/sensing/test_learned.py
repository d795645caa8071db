from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sensic import BackendError, ModelError, UsageError
from sensic.model import Model
from sensic.networks.sensing import Measured, SensingSize, SensingVAE, to_frames
from sensic.sensing.bins import Bins
from sensic.sensing.learned import OPERATOR, LearnedDecoder, deviation_map, prepared
from sensic.sensing.linear import reconstruction_points
from sensic.sensing.operators import WalshHadamard
from sensic.sensing.quantiser import Quantiser
from sensic.training.sensing.export import export_sensing
from tests.small_model import small_model
from tests.training.conftest import panning_clip

GROUPS = 5


def networks() -> SensingVAE:
    torch.manual_seed(1)
    vae = SensingVAE(SensingSize(hidden=8, layers=2, latent=8, features=8, steps=3)).eval()
    vae.deviation.copy_(100 / (1 + torch.arange(256)))
    for change in vae.change:
        torch.nn.init.normal_(change.weight, std=0.2)  # type: ignore[arg-type]
    return vae


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return export_sensing(networks(), tmp_path_factory.mktemp("sensing") / "small", name="small", facts={})


@pytest.fixture(scope="module")
def decoder(model: Model) -> LearnedDecoder:
    return LearnedDecoder(model, 1)


def clip(depth: int = 8) -> NDArray[np.int64]:
    frames = panning_clip(5, frames=4 * GROUPS, width=48, height=32)[..., 1].astype(np.int64)
    return frames << (depth - 8)


def groups(quality: int = 34, depth: int = 8, arrived: NDArray[np.bool_] | None = None) -> list[Bins]:
    quantiser = Quantiser(OPERATOR, depth, quality)
    here = np.ones(OPERATOR.bands, np.bool_) if arrived is None else arrived
    return [
        quantiser.bins(quantiser.symbols(OPERATOR.forward(group)), here) for group in clip(depth).reshape(-1, 4, 32, 48)
    ]


def test_it_computes_what_was_trained(decoder: LearnedDecoder) -> None:
    known = groups()
    inputs = [prepared(bins, 8) for bins in known]
    measured = Measured(*(torch.from_numpy(np.stack([i[k] for i in inputs], 1)) for k in Measured._fields))
    with torch.no_grad():
        wanted = networks()(measured)
    found = list(decoder.recover(known))
    assert len(found) == GROUPS
    for i, one in enumerate(found):
        picture, variance = (to_frames(x[0, i]).numpy() for x in (wanted.pictures + 128, wanted.log_variance.exp()))
        np.testing.assert_allclose(one.pictures, picture, atol=0.1)  # whole measurements: up to half a unit off
        np.testing.assert_allclose(one.variance, variance, rtol=0.02)


@pytest.mark.parametrize(("quality", "depth"), [(20, 8), (34, 8), (60, 8), (40, 10)])
def test_pictures_lie_in_the_bins_exactly(decoder: LearnedDecoder, quality: int, depth: int) -> None:
    known = groups(quality, depth)
    for bins, one in zip(known, decoder.recover(known, depth), strict=True):
        whole = np.floor(one.pictures)
        rest = OPERATOR.forward((one.pictures - whole) * OPERATOR.gain) / OPERATOR.gain
        assert not bins.outside(OPERATOR.forward(whole) + rest).any()
        assert one.variance.shape == one.pictures.shape
        assert (one.variance > 0).all()


def test_short_windows_hear_less_of_what_follows(decoder: LearnedDecoder) -> None:
    known = groups()
    whole, short = list(decoder.recover(known)), list(decoder.recover(iter(known), window=1))
    assert len(short) == GROUPS
    differences = [float(np.abs(a.pictures - b.pictures).mean()) for a, b in zip(whole, short, strict=True)]
    assert differences[-3:] == [0, 0, 0]  # the ends of both are as near
    assert 0 < differences[0] < 1


def test_lost_bands_are_made_up(decoder: LearnedDecoder) -> None:
    arrived = np.arange(OPERATOR.bands) < 64
    known = groups(arrived=arrived)
    for bins, one in zip(known, decoder.recover(known), strict=True):
        measured = OPERATOR.forward(np.rint(one.pictures))
        assert np.abs(measured[~bins.arrived]).max() > 0
        assert np.isfinite(one.pictures).all()


def test_a_lost_mean_is_the_last_one(decoder: LearnedDecoder) -> None:
    known = groups()
    lost = replace(known[2], arrived=np.arange(OPERATOR.bands) > 0)
    whole, holes = (list(decoder.recover(x)) for x in (known, [*known[:2], lost, *known[3:]]))
    means = [float(found[2].pictures.mean()) for found in (whole, holes)]
    assert abs(means[0] - means[1]) < 20
    assert abs(means[1] - whole[1].pictures.mean()) < 5


def test_no_groups_give_no_pictures(decoder: LearnedDecoder) -> None:
    assert list(decoder.recover([])) == []


def test_points_lie_in_their_bins() -> None:
    for quality in (10, 30, 50, 60):
        for bins in groups(quality):
            points = reconstruction_points(bins)
            assert ((points >= bins.low - 0.5) & (points <= bins.high + 0.5)).all()


def test_it_says_what_it_cannot_do(decoder: LearnedDecoder, model: Model, tmp_path: Path) -> None:
    spatial = Quantiser(WalshHadamard(1), 8, 34)
    bins = spatial.bins(np.zeros((64, 4, 6), np.int32), np.ones(64, np.bool_))
    with pytest.raises(UsageError, match="4 frames, 256 bands, not 64"):
        list(decoder.recover([bins]))
    with pytest.raises(UsageError, match="at least 1 group, not 0"):
        list(decoder.recover(groups(), window=0))
    with pytest.raises(ModelError, match="no model of the sensing profile"):
        LearnedDecoder(small_model())


def test_a_model_whose_networks_compute_something_else_is_refused(model: Model) -> None:
    other = Model(model.directory, model.id, model.manifest)
    changed = {key: value + (1 if key == "out.paint.picture" else 0) for key, value in model.golden.items()}
    other.__dict__["golden"] = changed
    with pytest.raises(BackendError, match="paint"):
        LearnedDecoder(other, 1)
    del changed["in.points"]
    with pytest.raises(ModelError, match="no golden vector for"):
        LearnedDecoder(other, 1)


def test_the_map_of_deviations_is_black_where_all_is_certain() -> None:
    variance = np.array([0, 16, 64, 256, 1e6], np.float32)
    assert deviation_map(variance).tolist() == [0, 64, 128, 255, 255]
    assert deviation_map(variance * 16, depth=10).tolist() == [0, 64, 128, 255, 255]
