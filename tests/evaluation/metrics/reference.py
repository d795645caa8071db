"""The metrics written down a second time, for reading: what the fast ones are held against."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, correlate1d, gaussian_filter1d

from sensic.evaluation.clips import PIXEL_FORMATS, Planes
from sensic.evaluation.process import ffmpeg
from sensic.evaluation.results import ClipInfo

F64 = NDArray[np.float64]


def degraded(pictures: Sequence[Planes], noise: float = 3.0) -> list[Planes]:
    """Blurred, and noisier from frame to frame, as a codec that loses its way would leave them."""
    random = np.random.default_rng(1)
    peak = 255 if pictures[0][0].dtype == np.uint8 else 1023

    def plane(samples: NDArray[np.uint8] | NDArray[np.uint16], number: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
        blurred = cv2.blur(samples, (3, 3)).reshape(samples.shape).astype(np.float64)
        level = noise * (1 + 0.3 * number) * peak / 255
        return (blurred + random.normal(0, level, samples.shape)).round().clip(0, peak).astype(samples.dtype)

    return [(plane(y, n), plane(u, n), plane(v, n)) for n, (y, u, v) in enumerate(pictures)]


def enlarged(pictures: Sequence[Planes], width: int, height: int) -> list[Planes]:
    """Mirrored at the right and below to a size, both even."""

    def plane(samples: NDArray[np.uint8] | NDArray[np.uint16], scale: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
        more = height // scale - samples.shape[0], width // scale - samples.shape[1]
        return np.pad(samples, ((0, more[0]), (0, more[1])), "reflect")

    return [(plane(y, 1), plane(u, 2), plane(v, 2)) for y, u, v in pictures]


def write_raw(path: Path, pictures: Sequence[Planes]) -> Path:
    with path.open("wb") as file:
        for picture in pictures:
            for samples in picture:
                np.ascontiguousarray(samples).tofile(file)
    return path


def filtered(source: Path, decoded: Path, info: ClipInfo, graph: str) -> list[str]:
    """Lines that a filter of FFmpeg writes to its standard output about two raw files, ``[0:v]`` the source."""
    layout = PIXEL_FORMATS[info.depth], "-s", f"{info.width}x{info.height}", "-r", info.rate
    inputs = [word for path in (source, decoded) for word in ("-f", "rawvideo", "-pix_fmt", *layout, "-i", str(path))]
    command = [ffmpeg(), "-nostdin", "-v", "error", *inputs, "-lavfi", graph, "-f", "null", "/dev/null"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def msssim(source: F64, decoded: F64) -> float:
    """libvmaf's, of luma on the scale of 255: five scales, halved by a 9/7 wavelet's low pass, contrast and structure
    averaged apart. Z. Wang et al., "Multiscale structural similarity for image quality assessment", 2003."""
    low_pass = np.array([0.026727, -0.016828, -0.078201, 0.266846, 0.602914, 0.266846, -0.078201, -0.016828, 0.026727])
    result, exponents = 1.0, (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
    for scale, exponent in enumerate(exponents):
        if scale:
            halved = (_along_both(image, lambda i, a: correlate1d(i, low_pass, a)) for image in (source, decoded))
            source, decoded = (image[::2, ::2] for image in halved)
        luminance, contrast, structure = _similarity(source, decoded)
        result *= (contrast * structure) ** exponent * (luminance**exponent if scale == 4 else 1)
    return result


def _along_both(image: F64, smooth) -> F64:  # type: ignore[no-untyped-def]
    return smooth(smooth(image, 0), 1)  # type: ignore[no-any-return]


def _similarity(a: F64, b: F64) -> tuple[float, float, float]:
    """Means of luminance, contrast and structure where the window of 11 lies inside."""

    def window(image: F64) -> F64:
        return _along_both(image, lambda i, axis: gaussian_filter1d(i, 1.5, axis, radius=5))[5:-5, 5:-5]

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ma, mb = window(a), window(b)
    va, vb = np.maximum(window(a * a) - ma * ma, 0), np.maximum(window(b * b) - mb * mb, 0)
    covariance, deviations = window(a * b) - ma * mb, np.sqrt(va * vb)
    luminance = (2 * ma * mb + c1) / (ma * ma + mb * mb + c1)
    contrast = (2 * deviations + c2) / (va + vb + c2)
    structure = (covariance + c2 / 2) / (deviations + c2 / 2)
    return float(luminance.mean()), float(contrast.mean()), float(structure.mean())


def xpsnr(sources: Sequence[Planes], decoded: Sequence[Planes], rate: float, depth: int) -> tuple[F64, F64]:
    """XPSNR of Y, U and V of every frame [frames, 3] and of the clip [3], of pictures of more than 640x480 and at most
    2048x1152 samples, by C. Helmrich et al., ICASSP 2020."""
    height, width = sources[0][0].shape
    ratio = width * height / (3840 * 2160)
    side, peak = 4 * int(32 * ratio**0.5 + 0.5), (1 << depth) - 1
    sensitivity = (16 * 2.0 ** (2 * depth - 9) / ratio**0.5) ** 0.5
    past = [np.zeros((height, width))] * 2
    errors = []
    for source, coded in zip(sources, decoded, strict=True):
        luma = source[0].astype(np.float64)
        change = luma - past[0] if rate < 32 else luma - 2 * past[0] + past[1]
        past = [luma, past[0]]
        weights = 1 / np.maximum(_spatial(luma, side) + 2 * _block_means(np.abs(change), side), 1 << (depth - 6))
        sums = []
        for plane, (a, b) in enumerate(zip(source, coded, strict=True)):
            squares = (a.astype(np.float64) - b) ** 2
            sums.append(np.sum(_block_sums(squares, side // (1 if plane == 0 else 2)) * weights) * sensitivity)
        errors.append(sums)
    distances = np.sqrt(np.round(errors))
    samples = np.array([plane.size for plane in sources[0]])

    def decibels(distance: F64) -> F64:
        return 10 * np.log10(samples * peak**2 / distance**2)  # type: ignore[no-any-return]

    return decibels(distances), decibels(distances.mean(0))


def _spatial(luma: F64, side: int) -> F64:
    """Mean absolute high pass of each block, without the picture's border."""
    smooth = np.array([1.0, 2.0, 1.0])
    around = convolve1d(convolve1d(luma, smooth, 0), smooth, 1)  # 4 2 1 around the middle
    high = np.abs(16 * luma - around)
    inside = np.zeros_like(luma)
    inside[1:-1, 1:-1] = 1
    return _block_sums(high * inside, side) / _block_sums(inside, side)  # type: ignore[no-any-return]


def _block_means(image: F64, side: int) -> F64:
    return _block_sums(image, side) / _block_sums(np.ones_like(image), side)  # type: ignore[no-any-return]


def _block_sums(image: F64, side: int) -> F64:
    rows = np.add.reduceat(image, range(0, image.shape[0], side), 0)
    return np.add.reduceat(rows, range(0, image.shape[1], side), 1)
