"""The quantiser: a power-of-two step for all bands, zero's bin wider than the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.errors import UsageError
from sensic.sensing.bins import Bins
from sensic.sensing.operators import Operator, Transform

Ints = NDArray[np.int64]

QUALITIES = 64
ROUNDING = (29, 25, 21, 17, 12, 7)
"""In 1/64 of a step, from the best to the worst quality of an octave: the rate falls between steps by widening zero's
bin. Coarser steps for some bands cost 0.3 to 0.9 dB more at equal rate (docs/decisions/0011-sensing.md)."""


class Quantiser:
    """Of measurements of ``operator`` of samples of ``depth`` bits at ``quality`` 0 (coarsest) to 63 (whole
    measurements). Raises UsageError for other qualities."""

    def __init__(self, operator: Operator, depth: int, quality: int) -> None:
        if not 0 <= quality < QUALITIES:
            raise UsageError(f"quality is 0 to {QUALITIES - 1}, not {quality}")
        ordered = isinstance(operator, Transform)
        unit = 3 if ordered and operator.frames <= 2 else 4
        octave, place = divmod(QUALITIES - 2 - quality, len(ROUNDING))
        lossless = quality == QUALITIES - 1
        self.shift = 0 if lossless else unit + depth - 8 + octave
        rounding = 0 if lossless else ROUNDING[place] << self.shift >> 6
        self._rounding = np.full((operator.bands, 1, 1), rounding, np.int64)
        if ordered:
            self._rounding[0] = 1 << self.shift >> 1
        self.first_mean = (operator.gain << depth - 1 >> self.shift) if isinstance(operator, Transform) else 0

    @property
    def step(self) -> int:
        return 1 << self.shift

    def symbols(self, y: NDArray[Any]) -> NDArray[np.int32]:
        """Measurements [bands, h, w] as symbols."""
        magnitude = (np.abs(y.astype(np.int64)) + self._rounding) >> self.shift
        return np.asarray(np.sign(y) * magnitude, np.int32)

    def bins(self, symbols: NDArray[np.int32], arrived: NDArray[np.bool_]) -> Bins:
        """What measurements [bands, h, w] the symbols stand for; of bands that did not arrive, all are possible."""
        magnitude = np.abs(symbols.astype(np.int64))
        inner = np.where(magnitude > 0, (magnitude << self.shift) - self._rounding, -self.step + 1 + self._rounding)
        outer = (magnitude + 1 << self.shift) - 1 - self._rounding
        low, high = np.where(symbols < 0, -outer, inner), np.where(symbols < 0, -inner, outer)
        step = np.full(len(symbols), self.step, np.int64)
        return Bins(low.astype(np.int32), high.astype(np.int32), step, arrived)
