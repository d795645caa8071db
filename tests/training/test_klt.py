from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensic.codec.reports import Progress
from sensic.errors import PackError, RecipeError
from sensic.networks.codec import NetworkSize, VideoVAE, pack
from sensic.training import klt
from sensic.training.klt import BLOCK_SAMPLES, initialise, klt_basis, to_blocks


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they bring to pictures this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass
class Planes:
    y: NDArray[np.uint16]
    uv: NDArray[np.uint16]
    depth: int = 10


def footage(clips: int = 6, seed: int = 0) -> Planes:
    """Smooth random pictures of 96 × 64, which a transform represents well; two frames a clip, 10 bits."""
    rng = np.random.default_rng(seed)

    def plane(height: int, width: int, channels: int) -> NDArray[np.uint16]:
        noise = rng.standard_normal((height, width, clips * 2 * channels)).astype(np.float32)
        smooth = [cv2.GaussianBlur(noise[..., i], (0, 0), 6) * 12 for i in range(noise.shape[-1])]
        values = np.clip((np.stack(smooth) * 0.15 + 0.5) * 1023, 0, 1023).astype(np.uint16)
        return values.reshape(clips, 2, channels, height, width)

    return Planes(plane(64, 96, 1)[:, :, 0], plane(32, 48, 2))


@pytest.fixture(scope="module")
def transform() -> tuple[Tensor, Tensor]:
    """Basis and spread of ``footage()``."""
    return klt_basis([footage()])


def packed(planes: Planes) -> Tensor:
    """All frames of it."""
    y = torch.from_numpy(planes.y.astype(np.float32) / 1023 - 0.5).reshape(-1, 1, 64, 96)
    uv = torch.from_numpy(planes.uv.astype(np.float32) / 1023 - 0.5).reshape(-1, 2, 32, 48)
    return pack(y, uv)


def truncated(pictures: Tensor, basis: Tensor, count: int) -> Tensor:
    """Mean squared error of the transform that keeps ``count`` coefficients."""
    blocks = to_blocks(pictures).permute(0, 2, 3, 1)
    kept = blocks @ basis[:count].T @ basis[:count]
    return (kept - blocks).square().mean()


def coded(vae: VideoVAE, pictures: Tensor) -> Tensor:
    """Mean squared error of analysis and synthesis with nothing rounded, averaged over three qualities."""
    errors = []
    for quality in (0.0, 0.5, 1.0):
        q = torch.full((len(pictures),), quality)
        prediction = torch.zeros_like(pictures)
        with torch.no_grad():
            context = vae.context(prediction, q)
            latent, _ = vae.analysis(pictures, prediction, context, q)
            errors.append((vae.synthesis(latent, prediction, context, q) - pictures).square().mean())
    return torch.stack(errors).mean()


def test_blocks_are_those_of_the_picture() -> None:
    y, uv = torch.rand(1, 1, 32, 48), torch.rand(1, 2, 16, 24)
    blocks = to_blocks(pack(y, uv))
    assert blocks.shape == (1, BLOCK_SAMPLES, 2, 3)
    inside = torch.cat([y[0, 0, 16:32, 32:48].flatten(), uv[0, :, 8:16, 16:24].flatten()])
    assert torch.equal(blocks[0, :, 1, 2].sort().values, inside.sort().values)


def test_the_basis_is_orthonormal_and_its_spread_is_that_of_the_blocks(transform: tuple[Tensor, Tensor]) -> None:
    planes, (basis, std) = footage(), transform
    assert torch.allclose(basis @ basis.T, torch.eye(BLOCK_SAMPLES), atol=1e-5)
    assert (std[:-1] >= std[1:]).all()
    coefficients = to_blocks(packed(planes)).permute(0, 2, 3, 1) @ basis.T
    assert torch.allclose(coefficients.square().mean((0, 1, 2)).sqrt()[:24], std[:24], rtol=1e-3)


def test_the_basis_is_the_same_every_time_and_better_than_any_other_on_its_own_footage() -> None:
    planes = [footage(4, 1), footage(2, 2)]
    calls: list[Progress] = []
    basis, _ = klt_basis(planes, progress=calls.append)
    assert torch.equal(basis, klt_basis(planes)[0])
    assert [call.frames for call in calls] == list(range(1, 13))
    pictures = torch.cat([packed(p) for p in planes])
    random, _ = torch.linalg.qr(torch.randn(BLOCK_SAMPLES, BLOCK_SAMPLES, generator=torch.Generator().manual_seed(0)))
    assert truncated(pictures, basis, 16) < truncated(pictures, random, 16) / 10


def test_a_sample_of_frames_is_enough() -> None:
    planes = footage(6)
    pictures = packed(planes)
    sampled, best = (truncated(pictures, klt_basis([planes], frames=n)[0], 16) for n in (9, 99))
    assert best < sampled < 1.5 * best


@pytest.mark.parametrize("size", [NetworkSize(latent=32), NetworkSize(features=112, latent=32), NetworkSize(32, 32)])
def test_a_network_starts_close_to_the_transform(size: NetworkSize, transform: tuple[Tensor, Tensor]) -> None:
    (basis, std), pictures = transform, packed(footage())
    torch.manual_seed(0)
    vae = VideoVAE(size)
    random = coded(vae, pictures)
    initialise(vae, basis, std)
    started, best = coded(vae, pictures), truncated(pictures, basis, size.latent)
    assert started < random / 200
    assert started < best + 2e-4  # 37 dB


def test_without_random_weights_it_is_the_transform(
    transform: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    (basis, std), pictures = transform, packed(footage())
    monkeypatch.setattr(klt, "RESIDUAL", 0.0)
    monkeypatch.setattr(klt, "MIXING", 0.0)
    vae = VideoVAE(NetworkSize(latent=4))
    initialise(vae, basis, std)
    assert coded(vae, pictures).item() == pytest.approx(truncated(pictures, basis, 4).item(), rel=1e-3)


def test_the_prior_starts_with_the_spread_of_the_latent(transform: tuple[Tensor, Tensor]) -> None:
    planes, (basis, std) = footage(), transform
    torch.manual_seed(0)
    vae = VideoVAE(NetworkSize(latent=16))
    initialise(vae, basis, std)
    quality, pictures = torch.tensor([0.5]), packed(planes)
    memory = vae.prior.initial_memory(1, 4, 6)
    with torch.no_grad():
        context = vae.context(torch.zeros_like(pictures[:1]), quality)
        y, _ = vae.analysis(pictures, torch.zeros_like(pictures), context.expand(len(pictures), -1, -1, -1), quality)
        _, parameters = vae.prior.first(
            torch.zeros(1, 48, 1, 2), memory, torch.zeros(1, 2, 4, 6), vae.prior.quality_embedding(quality, 0),
            vae.scale_offset(quality),
        )  # fmt: skip
    expected = torch.log(y.square().mean((0, 2, 3)).sqrt()[:8])
    found = torch.log(0.11 * (64 / 0.11) ** (parameters.scale.mean((0, 2, 3))[:8] / 63))
    assert (found - expected).abs().max() < 0.7  # a factor of two: random weights are still in the way


def test_every_parameter_still_learns_after_the_start(transform: tuple[Tensor, Tensor]) -> None:
    """Nothing is set to where its gradient would be zero for ever."""
    planes = footage(2)
    torch.manual_seed(0)
    vae = VideoVAE(NetworkSize(latent=16))
    initialise(vae, *transform)
    quality, pictures = torch.tensor([0.5]), packed(planes)
    context = vae.context(pictures, quality)
    latent, _ = vae.analysis(pictures, pictures / 2, context, quality)
    (vae.synthesis(latent, pictures / 2, context, quality) - pictures).square().mean().backward()
    for module in (vae.context, vae.synthesis):
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in module.parameters())


def test_no_clips_and_too_wide_a_latent_are_refused(transform: tuple[Tensor, Tensor]) -> None:
    empty = Planes(np.zeros((0, 12, 16, 16), np.uint16), np.zeros((0, 12, 2, 8, 8), np.uint16))
    with pytest.raises(PackError, match="no clips"):
        klt_basis([empty])
    with pytest.raises(RecipeError, match="400 channels"):
        initialise(VideoVAE(NetworkSize(latent=400)), *transform)
