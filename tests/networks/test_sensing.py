from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sensic.networks.sensing import (
    COEFFICIENTS,
    NOTHING_KNOWN,
    Measured,
    SensingSize,
    SensingVAE,
    from_quarters,
    to_blocks,
    to_frames,
    to_quarters,
)
from sensic.sensing.operators import WalshHadamard

SMALL = SensingSize(hidden=8, latent=8, features=8, steps=3)


def vae(size: SensingSize = SMALL, *, trained: bool = True) -> SensingVAE:
    """Random networks; those that are ``trained`` change the linear picture a lot."""
    torch.manual_seed(1)
    out = SensingVAE(size).eval()
    if trained:
        for change in out.change:
            torch.nn.init.normal_(change.weight, std=1.0)  # type: ignore[arg-type]
    return out


def measured(batch: int = 1, groups: int = 3, step: float = 20.0) -> Measured:
    """Smooth noise, rounded to multiples of ``step``."""
    torch.manual_seed(2)
    points = (torch.randn(batch, groups, COEFFICIENTS, 2, 3) * 40 / step).round() * step
    half = torch.full((batch, groups, COEFFICIENTS), step / 2)
    return Measured(points, points - step / 2, points + step / 2, half)


def inside(net: SensingVAE, pictures: Tensor, known: Measured, slack: float = 1e-2) -> bool:
    y = net.measure(pictures.flatten(0, 1)).view_as(pictures)
    return bool(((y >= known.low - slack) & (y <= known.high + slack)).all())


def test_reordering_is_undone() -> None:
    frames = torch.arange(2 * 4 * 16 * 24).float().view(2, 4, 16, 24)
    blocks = to_blocks(frames)
    assert torch.equal(to_frames(blocks), frames)
    assert blocks[1, 64 * 2 + 8 * 3 + 5, 1, 2] == frames[1, 2, 8 + 3, 16 + 5]
    quarters = to_quarters(blocks)
    assert torch.equal(from_quarters(quarters), blocks)
    # A place at a quarter of the resolution holds 4 x 4 samples of each picture.
    assert quarters[0, :, 1, 3].tolist() == frames[0, :, 4:8, 12:16].flatten().tolist()


def test_the_transform_is_that_of_the_encoder() -> None:
    frames = np.random.default_rng(3).integers(0, 256, (4, 16, 24))
    operator = WalshHadamard(frames=4)
    own = vae().measure(to_blocks(torch.from_numpy(frames).float())[None])[0] * operator.gain**0.5
    np.testing.assert_allclose(own.numpy(), operator.forward(frames), atol=0.05)
    back = vae().picture(own[None] / operator.gain**0.5)
    np.testing.assert_allclose(to_frames(back)[0].numpy(), frames, atol=1e-3)


def test_it_starts_as_linear_decoding() -> None:
    net, known = vae(trained=False), measured()
    linear = net.picture(known.points.flatten(0, 1)).view_as(known.points)
    torch.testing.assert_close(net(known).pictures, linear, atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [SMALL, SensingSize(8, 3, 1, 8, 8, 6, 2)])
def test_whatever_the_weights_the_picture_is_in_the_bins(size: SensingSize) -> None:
    net, known = vae(size), measured()
    with torch.no_grad():
        out = net(known)
    linear = net.picture(known.points.flatten(0, 1)).view_as(known.points)
    assert (out.pictures - linear).abs().max() > 3
    assert inside(net, out.pictures, known)
    assert out.log_variance.shape == out.pictures.shape
    assert (out.divergence >= 0).all()


def test_what_did_not_arrive_may_be_anything() -> None:
    net, known = vae(), measured()
    lost = torch.arange(COEFFICIENTS) >= 64
    points = known.points.masked_fill(lost[:, None, None], 0)
    low, high = (x.masked_fill(lost[:, None, None], end) for x, end in zip(known[1:3], (-4096, 4096), strict=True))
    holes = Measured(points, low, high, known.half.masked_fill(lost, NOTHING_KNOWN))
    with torch.no_grad():
        out = net(holes).pictures
    assert out.isfinite().all()
    assert inside(net, out, holes)
    y = net.measure(out.flatten(0, 1)).view_as(out)
    assert y[:, :, lost].abs().max() > 1


def test_every_group_knows_of_those_before_and_after() -> None:
    net, known = vae(), measured(groups=5)
    points = known.points.clone().requires_grad_()
    out = net(known._replace(points=points, low=known.low - 1e3, high=known.high + 1e3))
    out.pictures[:, 2].square().sum().backward()
    assert points.grad is not None
    assert all(float(points.grad[:, i].abs().max()) > 0 for i in range(5))


def test_sampled_latents_differ_and_their_mean_does_not() -> None:
    net, known = vae(), measured()
    with torch.no_grad():
        one, other = net(known, sample=True), net(known, sample=True)
        assert not torch.equal(one.pictures, other.pictures)
        assert torch.equal(net(known).pictures, net(known).pictures)
