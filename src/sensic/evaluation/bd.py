"""Bjøntegaard delta rate: how many more bytes for the same PSNR, averaged over the common range of PSNR.

G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001; interpolated with
piecewise cubic Hermite polynomials (PCHIP) as in ITU-T HSTP-VID-WPOM.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

MIN_POINTS = 5
MIN_OVERLAP = 1.0  # dB

Curve = Sequence[tuple[float, float]]  # (rate, PSNR in dB), in any order


@dataclass(frozen=True)
class DeltaRate:
    """``percent`` more rate (negative: less) than the anchor from ``low`` to ``high`` dB."""

    percent: float
    low: float
    high: float


class NoOverlap(ValueError):
    """Two curves that can't be compared."""


def delta_rate(anchor: Curve, test: Curve) -> DeltaRate:
    """BD-rate of ``test`` against ``anchor``.

    Raises NoOverlap when the curves share less than 1 dB, ValueError for fewer than five points on a curve or a
    curve whose PSNR does not rise with its rate.
    """
    a, t = _log_rate_of_psnr(anchor), _log_rate_of_psnr(test)
    low, high = max(a.x[0], t.x[0]), min(a.x[-1], t.x[-1])
    if high - low < MIN_OVERLAP:
        raise NoOverlap(
            f"the curves share {max(high - low, 0):.2f} dB of {a.x[0]:.1f}–{a.x[-1]:.1f} "
            f"and {t.x[0]:.1f}–{t.x[-1]:.1f}; {MIN_OVERLAP} dB are needed"
        )
    mean = (t.integrate(low, high) - a.integrate(low, high)) / (high - low)
    return DeltaRate((math.exp(float(mean)) - 1) * 100, float(low), float(high))


def savings(anchor: Curve, test: Curve) -> list[float | None]:
    """For each point of ``anchor``, in order of rate: percent less rate (negative: more) that ``test`` needs for the
    same PSNR; None where its curve does not reach. Raises ValueError like ``delta_rate``.
    """
    _log_rate_of_psnr(anchor)  # refuses what is no curve
    curve = _log_rate_of_psnr(test)
    return [
        100 - 100 * math.exp(float(curve(psnr))) / rate if curve.x[0] <= psnr <= curve.x[-1] else None
        for rate, psnr in sorted(anchor)
    ]


def _log_rate_of_psnr(curve: Curve) -> PchipInterpolator:
    if len(curve) < MIN_POINTS:
        raise ValueError(f"a curve needs {MIN_POINTS} points, not {len(curve)}")
    rates, psnrs = np.array(sorted(curve), dtype=np.float64).T
    if rates[0] <= 0 or not np.all(np.diff(rates) > 0) or not np.all(np.diff(psnrs) > 0):
        raise ValueError(f"PSNR must rise with a positive rate: {sorted(curve)}")
    return PchipInterpolator(psnrs, np.log(rates))
