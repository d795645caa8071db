"""Rate–distortion curves as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import BinaryIO

from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from sensic.evaluation.bd import Curve

# In the order of coders, here and on the page of the report; told apart without colours by their markers.
COLOURS = (
    "#c2255c", "#5c6b7a", "#1971c2", "#2b8a3e", "#d9480f", "#7048e8", "#0c8599", "#a67c00", "#795548", "#364fc7",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")


def rate_distortion(
    panels: Mapping[str, Mapping[str, Curve]],
    file: Path | BinaryIO,
    format: str | None = None,
    quality: str = "Y-PSNR, dB",
) -> None:
    """One panel per clip: ``quality`` over bits per pixel, a curve per coder.

    ``format`` is ``png`` or ``svg``, by default what the path ends in.
    """
    columns = min(len(panels), 4)
    rows = ceil(len(panels) / columns)
    figure = Figure(figsize=(4 * columns, 3.2 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    coders = list(dict.fromkeys(coder for curves in panels.values() for coder in curves))
    lines = {}
    for (clip, curves), panel in zip(panels.items(), axes, strict=False):
        for coder, curve in curves.items():
            style = coders.index(coder) % len(COLOURS)
            (lines[coder],) = panel.plot(
                *zip(*sorted(curve), strict=True), color=COLOURS[style], marker=MARKERS[style], markersize=4
            )
        panel.set(title=clip, xscale="log", xlabel="bits per pixel", ylabel=quality)
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.grid(alpha=0.3, which="both")
    for panel in axes:  # what zip left over
        panel.set_visible(False)
    figure.legend(
        [lines[coder] for coder in coders], coders, loc="outside lower center", ncols=min(len(coders), 2 * columns)
    )
    figure.savefig(file, dpi=110, format=format)
