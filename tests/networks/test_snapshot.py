from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sensic.networks.snapshot import SnapshotSize, SnapshotVAE, shifted

SMALL = SnapshotSize(fine=8, coarse=8, stages=3, bodies=2)


def vae(seed: int = 1, *, trained: bool = True) -> SnapshotVAE:
    """A random network; one that is ``trained`` changes the frames."""
    torch.manual_seed(seed)
    out = SnapshotVAE(SMALL).eval()
    if trained:
        for body in out.bodies:
            torch.nn.init.normal_(body.change.weight, std=0.5)  # type: ignore[union-attr, arg-type]
    return out


def scene(frames: int = 4, batch: int = 2, height: int = 12, width: int = 20) -> tuple[Tensor, Tensor, Tensor]:
    """Random frames, masks, and the snapshot."""
    generator = torch.Generator().manual_seed(frames)
    pictures = torch.rand(batch, frames, height, width, generator=generator)
    masks = (torch.rand(batch, frames, height, width, generator=generator) < 0.5).float()
    return pictures, masks, (pictures * masks).sum(1)


@given(st.integers(0, 2**31), st.integers(1, 9))
def test_frames_make_the_snapshot_whatever_the_weights(seed: int, frames: int) -> None:
    _, masks, snapshot = scene(frames)
    with torch.no_grad():
        found = vae(seed)(snapshot, masks).frames
    assert found.shape == masks.shape
    seen = masks.sum(1) > 0
    torch.testing.assert_close((masks * found).sum(1)[seen], snapshot[seen], atol=1e-4, rtol=1e-4)


def test_before_training_a_frame_is_the_mean_of_what_its_pixels_saw() -> None:
    _, masks, snapshot = scene()
    found = vae(trained=False)(snapshot, masks).frames
    mean = snapshot / masks.sum(1).clamp(min=1)
    torch.testing.assert_close(found, mean[:, None].expand_as(found), atol=1e-6, rtol=1e-6)


def test_stages_are_all_there_and_can_be_fewer() -> None:
    _, masks, snapshot = scene()
    net = vae()
    whole, short = net(snapshot, masks), net(snapshot, masks, 2)
    assert (len(whole.stages), len(short.stages)) == (3, 2)
    assert torch.equal(whole.stages[-1], whole.frames)
    torch.testing.assert_close(whole.stages[0], short.stages[0])


def test_the_stages_after_the_bodies_share_the_last_one() -> None:
    _, masks, snapshot = scene()
    net = vae()
    net(snapshot, masks).frames.square().mean().backward()
    assert len(net.bodies) == 2
    assert net.gains.shape == (3, 16)
    assert (net.gains.grad.abs().sum(1) > 0).all()  # type: ignore[union-attr]


def test_a_frame_hears_of_its_neighbours() -> None:
    x = torch.arange(3 * 2 * 8).float().view(6, 8, 1, 1)  # three frames of a batch of two
    found = shifted(x, 2)
    before, after, own = found[:, :2], found[:, 2:4], found[:, 4:]
    assert torch.equal(before[2:], x[:-2, :2])
    assert torch.equal(before[:2], x[:2, :2])
    assert torch.equal(after[:-2], x[2:, 2:4])
    assert torch.equal(after[-2:], x[-2:, 2:4])
    assert torch.equal(own, x[:, 4:])


def test_sequences_of_a_batch_do_not_mix() -> None:
    _, masks, snapshot = scene()
    net = vae()
    with torch.no_grad():
        both, one = net(snapshot, masks).frames, net(snapshot[1:], masks[1:]).frames
    torch.testing.assert_close(both[1:], one, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("light", [0.0, 1e-3])
def test_a_pixel_without_light_is_no_trouble(light: float) -> None:
    _, masks, snapshot = scene()
    masks[:, :, 3, 4], snapshot[:, 3, 4] = light, 0.003  # nothing but noise
    with torch.no_grad():
        found = vae()(snapshot, masks).frames
    assert bool(found.isfinite().all())
    assert found.abs().max() < 100


def test_the_variance_teaches_nothing_but_itself() -> None:
    _, masks, snapshot = scene()
    net = vae()
    net(snapshot, masks).log_variance.sum().backward()
    assert net.doubt[2].bias.grad is not None
    assert all(parameter.grad is None for parameter in net.bodies.parameters())
