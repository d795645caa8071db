"""Pictures of a run."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from sensic.training.checkpoint import write_bytes
from sensic.training.reports import Point, ValidationResult


def rate_distortion(curves: Mapping[str, Sequence[Point]]) -> FigureCanvasAgg:
    """PSNR over bits per pixel, a line per curve."""
    figure = Figure(figsize=(6.4, 4.4))
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.11, 0.12, 0.86, 0.8))
    for name, points in curves.items():
        axes.plot([p.bpp for p in points], [p.psnr for p in points], "o-", label=name, markersize=4)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xlabel("bits per pixel")
    axes.set_ylabel("PSNR over Y, U, V (6:1:1), dB")
    axes.set_title("Held-out clips")
    axes.grid(alpha=0.3)
    axes.legend()
    return canvas


def draw_run(path: Path, validations: Sequence[ValidationResult], best_step: int) -> NDArray[np.uint8]:
    """A PNG with the curves of a run's start, its best validation and the last one; its pixels [H, W, 3]."""
    start, now = validations[0], validations[-1]
    best = next(v for v in validations if v.step == best_step)
    curves = {f"start (step {start.step:,})": start.points}
    if best not in (start, now):
        curves[f"best (step {best.step:,})"] = best.points
    if now is not start:
        curves[f"now (step {now.step:,}{', the best' if best is now else ''})"] = now.points
    canvas = rate_distortion(curves)
    file = io.BytesIO()
    canvas.print_png(file)  # type: ignore[no-untyped-call]
    write_bytes(path, file.getvalue())
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
