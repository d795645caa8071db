"""How far decoded pictures and sound are from their source, each metric by its usual definition.

``measure`` compares raw 4:2:0 pictures with a clip, ``measure_audio`` two files with sound.

PSNR is of the error averaged over all frames (not the mean of the frames' PSNR) and at most 100 dB, which stands for
equal pictures, as JSON has no infinity; ``psnr_yuv`` is of the squared errors of Y, U and V weighted 6:1:1. XPSNR of a
clip is averaged as FFmpeg does, and limited alike. SSIM, MS-SSIM, VMAF and flicker are means over the frames (flicker
without the first, which has none before it). Of every metric ``NAME_worst`` is the worst frame's and ``NAME_p5`` what
5% of the frames do not reach.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path

from sensic.errors import UsageError
from sensic.evaluation.clips import Clip
from sensic.evaluation.metrics import ffmpeg
from sensic.evaluation.metrics.audio import AUDIO_METRICS, measure_audio, spectrograms
from sensic.evaluation.metrics.metric import Metric
from sensic.evaluation.metrics.samples import compare, plane_psnrs
from sensic.evaluation.metrics.temporal import summary

__all__ = ["METRICS", "NAMES", "Metric", "measure", "measure_audio", "spectrograms"]

NAMES = ("psnr", "ssim", "msssim", "vmaf", "xpsnr", "flicker")  # what can be asked for

_OF_FRAMES = {
    "psnr_y": Metric("dB", True, "PSNR Y"),
    "psnr_u": Metric("dB", True, "PSNR U"),
    "psnr_v": Metric("dB", True, "PSNR V"),
    "psnr_yuv": Metric("dB", True, "PSNR YUV 6:1:1"),
    "ssim": Metric("", True, "SSIM"),
    "msssim": Metric("", True, "MS-SSIM"),
    "vmaf": Metric("", True, "VMAF"),
    "xpsnr_y": Metric("dB", True, "XPSNR Y"),
    "xpsnr_u": Metric("dB", True, "XPSNR U"),
    "xpsnr_v": Metric("dB", True, "XPSNR V"),
    "flicker": Metric("levels of 255", False, "flicker"),
}


def _statistics(name: str, metric: Metric) -> dict[str, Metric]:
    unit, direction, label = metric.unit, metric.higher_is_better, metric.label
    return {
        name: metric,
        f"{name}_worst": Metric(unit, direction, f"{label}, worst frame"),
        f"{name}_p5": Metric(unit, direction, f"{label}, not reached by 5% of the frames"),
    }


# Every name that results may have.
METRICS: dict[str, Metric] = {
    key: value for name, metric in _OF_FRAMES.items() for key, value in _statistics(name, metric).items()
} | AUDIO_METRICS

Measured = tuple[dict[str, float], dict[str, list[float]]]
_DIGITS = 6


def measure(reference: Clip, decoded: Path, wanted: Collection[str] = NAMES, *, threads: int = 1) -> Measured:
    """Metrics of the whole clip, by the names of ``METRICS``, and those of each frame.

    ``decoded`` is a raw planar 4:2:0 file of the clip's size and depth, little-endian; ``wanted`` some of ``NAMES``.
    A metric for which the pictures are too small is left out, with a warning. Raises UsageError for an unknown name,
    EvaluationError where pictures are missing, too many or of another size, and where FFmpeg fails.
    """
    if unknown := sorted(set(wanted) - set(NAMES)):
        raise UsageError(f"the metrics are {', '.join(NAMES)}, not {', '.join(unknown)}")
    chosen = [name for name in NAMES if name in wanted and not _left_out(reference, name)]
    values: dict[str, float] = {}
    frames: dict[str, list[float]] = {}
    if {"psnr", "flicker"} & set(chosen):
        values, frames = _by_samples(reference, decoded, chosen)
    if by_ffmpeg := [name for name in chosen if name not in ("psnr", "flicker")]:
        found = ffmpeg.measure(reference, decoded, by_ffmpeg, threads)
        values |= {k: ffmpeg.xpsnr_of_clip(v) if k.startswith("xpsnr") else _mean(v) for k, v in found.items()}
        frames |= found
    for name, per_frame in frames.items():
        values |= summary(name, per_frame, METRICS[name].higher_is_better is True)
    return (
        {name: round(value, _DIGITS) for name, value in values.items()},
        {name: [round(value, _DIGITS) for value in per_frame] for name, per_frame in frames.items()},
    )


def _by_samples(reference: Clip, decoded: Path, chosen: Collection[str]) -> Measured:
    errors, depth = compare(reference, decoded), reference.info.depth
    values: dict[str, float] = {}
    frames: dict[str, list[float]] = {}
    if "psnr" in chosen:
        values |= plane_psnrs(errors.squared.mean(0), depth)
        of_frames = [plane_psnrs(squared, depth) for squared in errors.squared]
        frames |= {name: [psnrs[name] for psnrs in of_frames] for name in values}
    if "flicker" in chosen:
        values["flicker"] = _mean(errors.flicker[1:] or [0.0])
        frames["flicker"] = errors.flicker
    return values, frames


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _left_out(reference: Clip, name: str) -> bool:
    info = reference.info
    if not ffmpeg.too_small(info, name):
        return False
    warnings.warn(
        f"{info.name}: {METRICS[name].label} is left out: it needs pictures of {ffmpeg.LEAST_SIDES[name]} in both "
        f"directions, these are {info.width}x{info.height}",
        stacklevel=3,
    )
    return True
