"""Sensic measured through its public API: real files, every frame decoded and compared."""

from __future__ import annotations

import time
from pathlib import Path

import sensic
from benchmarks import metrics
from benchmarks.clips import Clip, Planes
from benchmarks.measurement import Measurement

QUALITIES = (0, 16, 32, 47, 63)  # the whole scale


def decode_planes(path: Path, threads: int = 2, model: str | None = None) -> list[Planes]:
    """Every frame of a Sensic stream."""
    with sensic.open_video(path, threads=threads, model=model) as video:
        return [frame.planes for frame in video]


def measure(
    clip: Clip,
    path: Path,
    quality: int,
    *,
    preset: str = "medium",
    gop: int = 32,
    threads: int = 2,
    model: str | None = None,
) -> Measurement:
    """Encode ``clip`` to ``path``, decode it and compare every frame."""
    start = time.perf_counter()
    report = sensic.encode(clip.path, path, quality=quality, gop=gop, preset=preset, threads=threads, model=model)
    encoded = time.perf_counter()
    decoded = decode_planes(path, threads, model)
    end = time.perf_counter()
    return Measurement(
        coder="sensic",
        setting=quality,
        pixels=clip.pixels,
        frames=len(clip.frames),
        file_bytes=path.stat().st_size,
        payload_bytes=report.payload_bytes,
        estimated_bytes=report.estimated_bits / 8,
        psnr=metrics.plane_psnrs(decoded, clip.frames, clip.depth),
        encode_seconds=encoded - start,
        decode_seconds=end - encoded,
    )
