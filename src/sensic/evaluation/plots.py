"""Rate–distortion curves as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import BinaryIO

from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from sensic.evaluation.bd import Curve

COLOURS = ("#c2255c", "#868e96", "#1971c2", "#2f9e44", "#e8590c")
MARKERS = ("o", "s", "^", "D", "v")


def rate_distortion(
    panels: Mapping[str, Mapping[str, Curve]], file: Path | BinaryIO, format: str | None = None
) -> None:
    """One panel per clip: luma PSNR in dB over bits per pixel, a curve per coder.

    ``format`` is ``png`` or ``svg``, by default what the path ends in.
    """
    columns = min(len(panels), 4)
    rows = ceil(len(panels) / columns)
    figure = Figure(figsize=(4 * columns, 3.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    coders = list(dict.fromkeys(coder for curves in panels.values() for coder in curves))
    styles = dict(zip(coders, zip(COLOURS, MARKERS, strict=True), strict=False))
    for (clip, curves), panel in zip(panels.items(), axes, strict=False):
        for coder, curve in curves.items():
            colour, marker = styles.get(coder, (None, None))
            panel.plot(*zip(*sorted(curve), strict=True), label=coder, color=colour, marker=marker, markersize=4)
        panel.set(title=clip, xscale="log", xlabel="bits per pixel", ylabel="Y-PSNR, dB")
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.grid(alpha=0.3, which="both")
    for panel in axes:  # what zip left over
        panel.set_visible(False)
    figure.axes[0].legend()
    figure.savefig(file, dpi=110, format=format)
