"""How quality goes over time: flicker between frames, and the worst of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

WORST_PERCENT = 5


def flicker(before: NDArray[np.float64], after: NDArray[np.float64], depth: int) -> float:
    """Mean absolute change of the luma error from a frame to the next, in levels of 255.

    ``before`` and ``after`` are decoded − source [H, W] of the two frames, on the scale of ``depth`` bits. That is
    |(d₂ − d₁) − (s₂ − s₁)|: what changes in the decoded pictures and not in the source, and what should and does not.
    Errors that stand still cost nothing, wherever the picture moves. In the same vein, but of more flicker only and
    along motion: H. Yang, A. Stein, G. Berger, "Method for measuring flicker", US 8,755,613.
    """
    return float(np.mean(np.abs(after - before))) * 255 / ((1 << depth) - 1)


def summary(name: str, values: Sequence[float], higher_is_better: bool) -> dict[str, float]:
    """``NAME_worst``, and ``NAME_p5``, which 5% of the values do not reach (linear between neighbours)."""
    worst, percent = (min, WORST_PERCENT) if higher_is_better else (max, 100 - WORST_PERCENT)
    return {f"{name}_worst": worst(values), f"{name}_p{WORST_PERCENT}": float(np.percentile(values, percent))}
