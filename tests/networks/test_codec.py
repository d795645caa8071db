from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from sensic.networks.codec import NetworkSize, VideoVAE, checkerboard, magnitudes, pack, to_channels, to_places, unpack
from sensic.networks.layers import Block, GainTable, IntegerConv, quantize_activation, round_ste
from tests.small_model import SIZE, small_vae


def test_packing_is_lossless() -> None:
    y, uv = torch.randn(2, 1, 32, 48), torch.randn(2, 2, 16, 24)
    packed = pack(y, uv)
    assert packed.shape == (2, 96, 4, 6)
    back = unpack(packed)
    assert torch.equal(back[0], y)
    assert torch.equal(back[1], uv)


@given(
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 4), st.integers(1, 5)),
    st.sampled_from((2, 4, 8)),
)
def test_squares_become_channels_as_in_pytorch(shape: tuple[int, int, int, int], size: int) -> None:
    batch, channels, rows, columns = shape
    x = torch.randn(batch, channels, rows * size, columns * size)
    deep = to_channels(x, size)
    assert torch.equal(deep, F.pixel_unshuffle(x, size))
    assert torch.equal(to_places(deep, size), x)


def test_the_two_passes_cover_every_latent_once() -> None:
    mask = checkerboard(3, 4, 6, torch.zeros(1))
    assert mask.shape == (1, 6, 3, 4)
    assert mask[0, 0, 0].tolist() == [0, 1, 0, 1]
    assert torch.equal(mask[0, 0], 1 - mask[0, 5])


def test_activations_round_half_to_even_and_saturate() -> None:
    """In steps, with and without a gradient; which ends where it clips."""
    x = torch.tensor([0.5, 1.5, 2.5, -0.5, 1e9, -1e9], requires_grad=True)
    steps = quantize_activation(x)
    assert steps.tolist() == [0, 2, 2, 0, 127, -127]
    steps.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1, 1, 1, 0, 0]
    with torch.no_grad():
        assert torch.equal(quantize_activation(x), steps)


def test_rounding_lets_gradients_through() -> None:
    x = torch.tensor([0.3, 1.7], requires_grad=True)
    round_ste(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1, 1]


def test_integer_weights_are_int8_times_a_power_of_two() -> None:
    conv = IntegerConv(8, 4)
    with torch.no_grad():
        conv.w.mul_(torch.tensor([1e-9, 1e-3, 1.0, 40.0])[:, None, None, None])
    weight, bias = conv.quantized()
    scale = conv.scale()
    whole = weight / scale
    assert torch.equal(whole, whole.round())
    assert whole.abs().max() <= 127
    assert torch.equal(torch.log2(scale), torch.log2(scale).round())
    assert torch.equal(bias * 256, (bias * 256).round())


def test_magnitudes_see_sign_and_size() -> None:
    y = torch.tensor([-3.0, 0.0, 100.0])[None, :, None, None]
    assert (magnitudes(y) / 16).flatten().tolist() == [-0.75, 0, 127 / 16, 1.5, 0, 127 / 16]


def test_gains_interpolate_between_their_nodes() -> None:
    gain = GainTable(3, 0.0, 1.0, nodes=3)
    assert torch.allclose(
        gain.log_gain(torch.tensor([0.0, 0.25, 0.5, 1.0, 9.0]))[:, 0], torch.tensor([0, 0.25, 0.5, 1, 1])
    )


def test_blocks_stay_finite_on_absurd_features() -> None:
    """Unbounded gates multiplied features up to NaN, which a recurrent picture never loses again."""
    torch.manual_seed(0)
    chain = torch.nn.Sequential(*[Block(8) for _ in range(6)])
    with torch.no_grad():
        assert torch.isfinite(chain(1e4 * torch.randn(1, 8, 4, 4))).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (4, 4), (5, 7)])
def test_a_step_has_the_shapes_of_the_docstring(height: int, width: int) -> None:
    vae, quality = small_vae(), torch.tensor([0.5])
    picture = torch.randn(1, 96, 2 * height, 2 * width)
    prediction = torch.zeros_like(picture)
    context = vae.context(prediction, quality)
    y, z = vae.analysis(picture, prediction, context, quality)
    assert y.shape == (1, SIZE.latent, height, width)
    assert z.shape == (1, SIZE.hyper, -(-height // 4), -(-width // 4))
    memory = vae.prior.initial_memory(1, height, width)
    embedding = vae.prior.quality_embedding(quality, 1)
    assert vae.prior.hyper(memory, embedding).mean.shape == z.shape
    motion = torch.zeros(1, 2, height, width)
    features, first = vae.prior.first(z.round(), memory, motion, embedding, vae.scale_offset(quality))
    assert first.mean.shape == first.scale.shape == y.shape
    assert vae.prior.second(features, y.round(), vae.scale_offset(quality)).mean.shape == y.shape
    assert vae.prior.remember(memory, y.round()).shape == memory.shape
    assert vae.synthesis(y, prediction, context, quality).shape == picture.shape


def test_every_parameter_learns() -> None:
    """No part of the networks is cut off from the loss."""
    vae, quality = VideoVAE(NetworkSize(features=8, latent=8, hyper=4, memory=8)), torch.tensor([0.3])
    picture = torch.randn(1, 96, 8, 8)
    memory = vae.prior.initial_memory(1, 4, 4)
    prediction, loss = torch.zeros_like(picture), torch.zeros(())
    for inter in (0, 1):
        context = vae.context(prediction, quality)
        y, z = vae.analysis(picture, prediction, context, quality)
        embedding = vae.prior.quality_embedding(quality, inter)
        hyper = vae.prior.hyper(memory, embedding)
        features, first = vae.prior.first(z, memory, torch.ones(1, 2, 4, 4) * 64, embedding, vae.scale_offset(quality))
        mask = checkerboard(4, 4, 8, y)
        second = vae.prior.second(features, round_ste(y) * mask, vae.scale_offset(quality))
        memory = vae.prior.remember(memory, round_ste(y))
        prediction = vae.synthesis(round_ste(y), prediction, context, quality)
        rates = (p.mean.square().sum() + p.scale.sum() for p in (hyper, first, second))
        loss = loss + sum(rates, prediction.square().sum())
    loss.backward()
    missing = [name for name, p in vae.named_parameters() if p.grad is None]
    assert missing == []
