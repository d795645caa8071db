"""Bjøntegaard deltas: how many more bytes for the same quality, or how much better at the same bytes, on average.

G. Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001; interpolated with
piecewise cubic Hermite polynomials (PCHIP) as in ITU-T HSTP-VID-WPOM, or with Akima's as in C. Herglotz et al.,
"Beyond Bjøntegaard: Limits of Video Compression Performance Comparisons", ICIP 2022.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

MIN_POINTS = 5
MIN_OVERLAP = 1.0  # dB
MIN_SHARE = 0.5  # of the range of the shorter curve

Curve = Sequence[tuple[float, float]]  # (rate, quality), in any order
Method = Literal["pchip", "akima"]
Interpolator = PchipInterpolator | Akima1DInterpolator
INTERPOLATORS: dict[str, type[Interpolator]] = {"pchip": PchipInterpolator, "akima": Akima1DInterpolator}


@dataclass(frozen=True)
class DeltaRate:
    """``percent`` more rate (negative: less) than the anchor over the qualities from ``low`` to ``high``, which are
    ``share`` of the range of the shorter curve."""

    percent: float
    low: float
    high: float
    share: float = 1.0


@dataclass(frozen=True)
class DeltaQuality:
    """``difference`` in the unit of the quality (negative: worse) from the anchor over the rates from ``low`` to
    ``high``, which are ``share`` of the range of the shorter curve, in logarithms."""

    difference: float
    low: float
    high: float
    share: float


class NoOverlap(ValueError):
    """Two curves that can't be compared."""


def delta_rate(
    anchor: Curve,
    test: Curve,
    *,
    method: Method = "pchip",
    unit: str = "dB",
    min_overlap: float | None = None,
    min_share: float = MIN_SHARE,
) -> DeltaRate:
    """BD-rate of ``test`` against ``anchor``, over any quality that rises with the rate.

    ``unit`` is the quality's. The curves must share ``min_overlap`` of it (None: 1 dB, or nothing in another unit) and
    ``min_share`` of the shorter one's range. Raises NoOverlap where they do not, ValueError for fewer than five points
    on a curve, a quality that does not rise from point to point, or an unknown method.
    """
    a, t = (_interpolated(*_points(curve)[::-1], method) for curve in (anchor, test))
    if min_overlap is None:
        min_overlap = MIN_OVERLAP if unit == "dB" else 0.0
    low, high, share = _common(a, t, min_overlap, min_share, unit)
    return DeltaRate((math.exp(_mean_difference(a, t, low, high)) - 1) * 100, low, high, share)


def delta_quality(
    anchor: Curve, test: Curve, *, method: Method = "pchip", min_share: float = MIN_SHARE
) -> DeltaQuality:
    """BD-PSNR, or the same of any quality that rises with the rate, of ``test`` against ``anchor``.

    Raises like ``delta_rate``, here for rates that the curves share.
    """
    a, t = (_interpolated(*_points(curve), method) for curve in (anchor, test))
    low, high, share = _common(a, t, 0.0, min_share, "of ln(rate)")
    return DeltaQuality(_mean_difference(a, t, low, high), math.exp(low), math.exp(high), share)


def savings(anchor: Curve, test: Curve) -> list[float | None]:
    """For each point of ``anchor``, in order of rate: percent less rate (negative: more) that ``test`` needs for the
    same quality; None where its curve does not reach. Raises ValueError like ``delta_rate``.
    """
    _points(anchor)  # refuses what is no curve
    curve = _interpolated(*_points(test)[::-1], "pchip")
    return [
        100 - 100 * math.exp(float(curve(quality))) / rate if curve.x[0] <= quality <= curve.x[-1] else None
        for rate, quality in sorted(anchor)
    ]


def _points(curve: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithms of the rates, and the qualities, both rising."""
    if len(curve) < MIN_POINTS:
        raise ValueError(f"a curve needs {MIN_POINTS} points, not {len(curve)}")
    rates, qualities = np.array(sorted(curve), dtype=np.float64).T
    if not np.isfinite([rates, qualities]).all() or rates[0] <= 0:
        raise ValueError(f"a curve needs positive rates and finite qualities: {_shown(curve)}")
    for k in range(1, len(rates)):
        if rates[k] <= rates[k - 1] or qualities[k] <= qualities[k - 1]:
            raise ValueError(
                f"the quality must rise with the rate, and goes from {qualities[k - 1]:g} to {qualities[k]:g} "
                f"as the rate goes from {rates[k - 1]:g} to {rates[k]:g}"
            )
    return np.log(rates), qualities


def _shown(curve: Curve) -> str:
    return ", ".join(f"{rate:g} → {quality:g}" for rate, quality in sorted(curve))


def _interpolated(x: NDArray[np.float64], y: NDArray[np.float64], method: str) -> Interpolator:
    if method not in INTERPOLATORS:
        raise ValueError(f"the method is one of {', '.join(INTERPOLATORS)}, not {method!r}")
    return INTERPOLATORS[method](x, y)


def _common(
    a: Interpolator, t: Interpolator, min_overlap: float, min_share: float, unit: str
) -> tuple[float, float, float]:
    """Ends of the range that two curves share, and its share of the shorter one's."""
    low, high = float(max(a.x[0], t.x[0])), float(min(a.x[-1], t.x[-1]))
    share = max(high - low, 0.0) / float(min(a.x[-1] - a.x[0], t.x[-1] - t.x[0]))
    if high <= low or high - low < min_overlap or share < min_share:
        wanted = f"{min_overlap:g} {unit} and {min_share:.0%}" if min_overlap else f"{min_share:.0%}"
        raise NoOverlap(
            f"the curves share {max(high - low, 0):.4g} {unit}, {share:.0%} of the shorter, of "
            f"{a.x[0]:.4g}–{a.x[-1]:.4g} and {t.x[0]:.4g}–{t.x[-1]:.4g}; {wanted} are needed"
        )
    return low, high, share


def _mean_difference(a: Interpolator, t: Interpolator, low: float, high: float) -> float:
    return float((t.integrate(low, high) - a.integrate(low, high)) / (high - low))
