from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from torch import Tensor

from sensic.errors import RecipeError
from sensic.networks.codec import pack
from sensic.training.losses import SMALLEST, Distortion, distortion, ms_ssim, scales_of, ssim_index

Plane = NDArray[np.float64]
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def pictures(height: int, width: int, count: int = 2, noise: float = 0.05) -> tuple[Tensor, Tensor]:
    """Smooth planes packed, and the same with noise."""
    generator = torch.Generator().manual_seed(height + width)
    planes = []
    for channels, divide in ((1, 1), (2, 2)):
        coarse = torch.rand(count, channels, 5, 5, generator=generator) - 0.5
        size = (height // divide, width // divide)
        planes.append(torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(-0.5, 0.5))
    target = pack(*planes)
    return target + noise * torch.randn(target.shape, generator=generator), target


def reference_terms(x: Plane, y: Plane) -> tuple[float, float]:
    """SSIM, and its contrast term alone, of planes in 0..1 as Wang et al. 2004 write them; windows inside the plane."""
    taps = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))

    def mean(plane: Plane) -> Plane:
        for axis in (0, 1):
            plane = correlate1d(plane, taps / taps.sum(), axis)
        return plane[5:-5, 5:-5]

    mx, my = mean(x), mean(y)
    contrast = (2 * (mean(x * y) - mx * my) + 0.03**2) / (mean(x * x) - mx**2 + mean(y * y) - my**2 + 0.03**2)
    luminance = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
    return float((luminance * contrast).mean()), float(contrast.mean())


def reference_ms_ssim(x: Plane, y: Plane, scales: int) -> float:
    result = 1.0
    for scale in range(scales):
        terms = reference_terms(x, y)
        result *= terms[0 if scale == scales - 1 else 1] ** (WEIGHTS[scale] / sum(WEIGHTS[:scales]))
        height, width = x.shape[0] // 2, x.shape[1] // 2
        x, y = (p[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3)) for p in (x, y))
    return result


def test_squared_error_is_that_of_the_planes_on_the_8_bit_scale() -> None:
    generator = torch.Generator().manual_seed(1)
    sizes = ((1, 32, 48), (2, 16, 24))
    y, uv = (torch.rand(3, *s, generator=generator) - 0.5 for s in sizes)
    y2, uv2 = (torch.rand(3, *s, generator=generator) - 0.5 for s in sizes)
    errors = [
        ((a - b) * 255).square().mean((1, 2))
        for a, b in ((y[:, 0], y2[:, 0]), *zip(uv.unbind(1), uv2.unbind(1), strict=True))
    ]
    for planes in ((6, 1, 1), (1, 0, 0), (1, 2, 3)):
        expected = sum(w * e for w, e in zip(planes, errors, strict=True)) / sum(planes)
        assert torch.allclose(distortion("mse", planes=planes)(pack(y, uv), pack(y2, uv2)), expected)


@pytest.mark.parametrize(("height", "width", "scales"), [(32, 48, 1), (128, 96, 4), (176, 192, 5)])
def test_ssim_and_ms_ssim_agree_with_formulas_written_for_reading(height: int, width: int, scales: int) -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(2, 2, height, width, generator=generator)
    y = (x + 0.2 * torch.randn(x.shape, generator=generator)).clamp(0, 1)
    assert scales_of(min(height, width)) >= scales
    for function, reference in (
        (ssim_index, lambda a, b: reference_terms(a, b)[0]),
        (ms_ssim, lambda a, b: reference_ms_ssim(a, b, scales_of(min(height, width)))),
    ):
        found = function(x, y)
        assert found.shape == (2, 2)
        for picture in range(2):
            for plane in range(2):
                a, b = (t[picture, plane].double().numpy() for t in (x, y))
                assert found[picture, plane].item() == pytest.approx(reference(a, b), abs=2e-5)


@pytest.mark.parametrize(
    ("side", "scales"), [(11, 1), (20, 1), (21, 2), (64, 3), (80, 3), (128, 4), (160, 4), (161, 5), (9999, 5)]
)
def test_small_planes_have_fewer_scales(side: int, scales: int) -> None:
    assert scales_of(side) == scales
    assert side >> (scales - 1) >= 10  # the window fits, but for a tap on planes whose half is not whole


@pytest.mark.parametrize("kind", ["mse", "ssim", "ms-ssim", "mixed"])
def test_a_distortion_is_nothing_for_equal_pictures_and_grows_with_noise(kind: str) -> None:
    loss = distortion(kind)  # type: ignore[arg-type]
    _, target = pictures(64, 96)
    values = torch.stack([loss(pictures(64, 96, noise=noise)[0], target) for noise in (0.0, 0.01, 0.03, 0.1)])
    assert values.shape == (4, 2)
    assert values[0].abs().max() < 1e-3
    assert (values[1:] > values[:-1]).all()


def test_a_mixture_lies_between_its_parts() -> None:
    decoded, target = pictures(64, 64)
    squared, structural = (distortion(k)(decoded, target) for k in ("mse", "ms-ssim"))
    mixed = distortion("mixed", mix=0.25)(decoded, target)
    assert torch.allclose(mixed, 0.75 * squared + 0.25 * structural)
    assert torch.allclose(distortion("mixed", mix=0)(decoded, target), squared)


@pytest.mark.parametrize("kind", ["ssim", "ms-ssim"])
def test_planes_weigh_what_they_are_told(kind: str) -> None:
    decoded, target = pictures(64, 64)
    each = [distortion(kind, planes=p)(decoded, target) for p in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]  # type: ignore[arg-type]
    together = distortion(kind)(decoded, target)  # type: ignore[arg-type]
    assert torch.allclose(together, (6 * each[0] + each[1] + each[2]) / 8, rtol=1e-4)


@pytest.mark.parametrize("kind", ["ssim", "ms-ssim", "mixed"])
def test_gradients_are_finite_where_pictures_contradict_each_other(kind: str) -> None:
    """A negative contrast raised to a power would have none; a picture of an untrained network has such."""
    _, target = pictures(64, 64)
    decoded = (-target).clone().requires_grad_()
    loss = distortion(kind)(decoded, target)  # type: ignore[arg-type]
    loss.sum().backward()
    assert decoded.grad is not None
    assert torch.isfinite(loss).all()
    assert torch.isfinite(decoded.grad).all()


@settings(max_examples=20)
@given(st.integers(2, 5), st.integers(2, 5), st.sampled_from(["mse", "ssim", "ms-ssim", "mixed"]))
def test_any_crop_that_can_be_trained_on(rows: int, columns: int, kind: str) -> None:
    decoded, target = pictures(16 * rows, 16 * columns, 1)
    value = Distortion(kind)(decoded, target)  # type: ignore[arg-type]
    assert value.shape == (1,)
    assert 0 < value.item() < 255**2


def test_a_crop_too_small_for_a_window_is_refused() -> None:
    decoded, target = pictures(16, 16)
    with pytest.raises(RecipeError, match=f"at least {SMALLEST} pixels"):
        distortion("ssim")(decoded, target)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "vmaf"}, "one of mse, ssim, ms-ssim, mixed, not 'vmaf'"),
        ({"mix": 1.5}, "from 0"),
        ({"mix": float("nan")}, "from 0"),
        ({"planes": (1, 1)}, "three numbers"),
        ({"planes": (0, 0, 0)}, "not all of them 0"),
        ({"planes": (-1, 1, 1)}, "three numbers from 0"),
    ],
)
def test_impossible_settings_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        distortion(**settings)  # type: ignore[arg-type]
