"""What a decoder knows for certain: the bin of every measurement. And how to bring pictures into the bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.sensing.operators import Transform, WalshHadamard

BLOCK = WalshHadamard.block
_ROUNDS = 32
_DEEPER = 0.2  # of the way to the middle of a bin is where a repair goes: rounding takes some back


@dataclass(frozen=True)
class Bins:
    """Of the measurements of a group: ``low`` and ``high`` int32 [bands, h, w], both inside; ``step`` int [bands], of
    the quantiser; ``arrived`` bool [bands]. What did not arrive may be anything."""

    low: NDArray[np.int32]
    high: NDArray[np.int32]
    step: NDArray[np.int64]
    arrived: NDArray[np.bool_]

    @property
    def zero(self) -> NDArray[np.int64]:
        """Half the width [bands] of zero's bin, a step less what is added before cutting; the bins' ends tell."""
        high = self.high[:, 0, 0].astype(np.int64)
        return np.asarray(self.step - np.where(high >= 0, -high - 1, high) % self.step, np.int64)

    @property
    def middle(self) -> NDArray[np.float64]:
        return (self.low.astype(np.float64) + self.high) / 2

    def clip(self, y: NDArray[Any]) -> NDArray[Any]:
        """The nearest measurements inside."""
        inside: NDArray[Any] = np.where(self.arrived[:, None, None], np.clip(y, self.low, self.high), y)
        return inside

    def outside(self, y: NDArray[Any]) -> NDArray[np.bool_]:
        """Which measurements are in no bin of theirs."""
        beyond: NDArray[np.bool_] = self.arrived[:, None, None] & ((y < self.low) | (y > self.high))
        return beyond


def project(samples: NDArray[Any], bins: Bins, operator: Transform) -> NDArray[np.float64]:
    """Samples [frames, H, W] whose measurements are whole numbers inside the bins, and as near to ``samples`` as such
    can be.

    With wht they are multiples of 1/gain, a power of two, and so is all on the way: no number is rounded but the
    measurements. With learned_ternary, whose rows have other norms, the measurements are off by the rounding of floats.
    """
    whole = np.floor(samples)
    fine = np.rint((samples - whole) * operator.gain)  # in 1/gain: so that no sum overflows int32
    measured = operator.forward(whole) + np.rint(operator.forward(fine) / operator.gain)
    return operator.inverse(bins.clip(measured))


def rounded(
    samples: NDArray[Any], bins: Bins, operator: WalshHadamard, peak: int = 255
) -> tuple[NDArray[np.int64], float]:
    """Whole samples 0..``peak`` near ``samples``, and the share of the measurements (of those that arrived) that they
    leave outside their bins.

    Rounding moves a measurement by up to half the number of samples in a block, about 0.3 √(that number) as a rule; so
    the share is 0 as a rule for steps that are several times as large, but with fine ones it need not be. A block is
    moved into the bins and rounded again a few times; the best of its roundings stays.
    """
    x = np.array(samples, np.float64)
    best = np.clip(np.rint(x), 0, peak).astype(np.int64)
    count = _per_block(bins.outside(operator.forward(best)))
    for _ in range(_ROUNDS):
        if not count.any():
            break
        tried = np.clip(np.rint(x), 0, peak).astype(np.int64)
        measured = operator.forward(tried)
        missed = _per_block(bins.outside(measured))
        better = missed < count
        best = np.where(_blocks(better), tried, best)
        count = np.where(better, missed, count)
        wanted = bins.clip(measured)
        deeper = np.where(bins.outside(measured), _DEEPER * (bins.middle - wanted), 0)
        x = x + _blocks(count > 0) * operator.adjoint(wanted + deeper - measured) / operator.gain
    arrived = int(bins.arrived.sum()) * bins.low[0].size
    return best, float(count.sum()) / max(arrived, 1)


def _per_block(outside: NDArray[np.bool_]) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = outside.sum(0)
    return counts


def _blocks(of_blocks: NDArray[Any]) -> NDArray[Any]:
    """[h, w] as samples [H, W]."""
    return of_blocks.repeat(BLOCK, 0).repeat(BLOCK, 1)
