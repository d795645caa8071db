"""The 64 symbol tables of the latents: what they are made of, and how symbols are coded with them.

A table of scale ``s`` serves symbols ``-r..r`` as categories ``0..2r`` and anything beyond as category
``2r + 1``, the escape, whose distance from ``r`` follows as a plain number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sensic.entropy.coder import FrequencyTable, IntArray, SymbolDecoder, SymbolEncoder, runs
from sensic.errors import DamagedError

SCALES = 64
SCALE_MIN, SCALE_MAX = 0.11, 64.0
LOG_STEP = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)
SYMBOL_MAX = 1 << 20  # magnitudes beyond this are clamped by the encoder and refused by the decoder
COST_STEPS = 1 << 14  # costs are stored in 1/16,384 bit: a near-certain zero costs less than 1/256
COST_MAX = 1 << 20
MAGNITUDES = 16  # of which statistics are kept; larger ones count as the largest
COUNTED = 64  # magnitudes that calibration tells apart; larger ones count as the largest
EVIDENCE = 10_000  # symbols that the analytic distribution is worth beside those that were counted


def symbol_probabilities(scale: float, radius: int) -> NDArray[np.float64]:
    """P(-r..r) under 0.998 Gaussian(scale) + 0.002 Laplace(scale + 2), unit bins: [2r + 1]."""
    edges = np.arange(-radius, radius + 2) - 0.5
    gauss = np.array([0.5 * math.erfc(-e / (scale * math.sqrt(2))) for e in edges])
    b = scale + 2
    laplace = np.where(edges < 0, 0.5 * np.exp(np.minimum(edges, 0) / b), 1 - 0.5 * np.exp(-np.maximum(edges, 0) / b))
    return np.asarray(np.diff(0.998 * gauss + 0.002 * laplace))


def calibrated(p: NDArray[np.float64], seen: NDArray[np.int64]) -> NDArray[np.float64]:
    """P(-r..r) [2r + 1] corrected by how often magnitudes came: ``seen`` [64], both signs together.

    Magnitudes are as frequent as they were, with ``p`` as so many more observations; both signs are alike, and so is
    the shape of what lies beyond the counted ones.
    """
    radius = len(p) // 2
    size = np.minimum(np.abs(np.arange(-radius, radius + 1)), COUNTED - 1)
    expected = np.bincount(size, p, COUNTED)
    weight = (seen + EVIDENCE * expected) / (seen.sum() + EVIDENCE)
    factor = np.divide(weight, expected, out=np.ones(COUNTED), where=expected > 0)
    return np.asarray(p * factor[size])


def build_tables(seen: NDArray[np.int64] | None = None) -> dict[str, NDArray[np.int32]]:
    """Quantise the distributions once, for a model file; ``seen`` [64, 64] are counts of (table, magnitude) that a
    codec met, by which they are corrected (``sensic.training.calibration``).

    Returns ``radius`` [64]; ``frequencies``: the tables one behind the other, ``2 * radius + 2`` integers each;
    and ``cost`` [64, 16]: what a magnitude costs with each table, in 1/16,384 bit, from which statistics choose.
    """
    radii, frequencies, costs = [], [], []
    for index in range(SCALES):
        scale = SCALE_MIN * math.exp(index * LOG_STEP)
        radius = math.ceil(5 * scale) + 6
        p = symbol_probabilities(scale, radius)
        if seen is not None:
            p = calibrated(p, seen[index])
        counts = np.floor(np.append(p, max(1 - p.sum(), 1e-7)) * (1 << 36)).astype(np.int64)
        table = FrequencyTable.from_counts(counts)
        radii.append(radius)
        frequencies.append(table.frequencies)
        costs.append([round(COST_STEPS * _cost(table, radius, magnitude)) for magnitude in range(MAGNITUDES)])
    return {
        "radius": np.array(radii, np.int32),
        "frequencies": np.concatenate(frequencies).astype(np.int32),
        "cost": np.array(costs, np.int32),
    }


def _cost(table: FrequencyTable, radius: int, magnitude: int) -> float:
    """Bits of a symbol of that magnitude, an escape counted with its plain number."""
    if magnitude <= radius:
        return float(table.bits[radius + magnitude])
    return float(table.bits[-1]) + 6 + 2 * math.log2(magnitude - radius)


class ScaleTables:
    """The tables of one model, ready for coding. Raises ValueError when the arrays do not fit together."""

    def __init__(self, radius: IntArray, frequencies: IntArray, cost: IntArray) -> None:
        if radius.shape != (SCALES,) or radius.min() < 0:
            raise ValueError("64 radii are needed")
        if cost.shape != (SCALES, MAGNITUDES) or cost.min() < 0 or cost.max() >= COST_MAX:
            raise ValueError("64 x 16 costs below 2**20 are needed")
        sizes = 2 * radius.astype(np.int64) + 2
        if frequencies.shape != (int(sizes.sum()),) or sizes.max() > 1 << 16:
            raise ValueError("the frequencies do not fit the radii")
        parts = np.split(frequencies.astype(np.int64), np.cumsum(sizes)[:-1])
        self.radius = radius.astype(np.int64)
        self.cost = cost.astype(np.int64)
        self.tables = [FrequencyTable(part) for part in parts]

    def encode(self, symbols: IntArray, index: NDArray[np.uint8], coder: SymbolEncoder) -> None:
        """Write symbols [n] whose tables are ``index`` [n], grouped by table in ascending order."""
        for scale, places in self._runs(index):
            values, radius = symbols.take(places), int(self.radius[scale])
            some = np.flatnonzero(values != 0)  # mostly few
            outside = some[np.abs(values[some]) > radius]
            categories = values + np.int32(radius)
            categories[outside] = 2 * radius + 1
            coder.encode(categories, self.tables[scale])
            for value in values[outside]:
                coder.encode_unsigned((abs(int(value)) - radius - 1) * 2 + (value < 0))

    def decode(self, index: NDArray[np.uint8], coder: SymbolDecoder) -> IntArray:
        """Read the symbols [n] whose tables are ``index`` [n]."""
        symbols = np.zeros(index.size, np.int32)
        for scale, places in self._runs(index):
            radius = int(self.radius[scale])
            categories = coder.decode(places.size, self.tables[scale])
            some = np.flatnonzero(categories != radius)  # the others are zeros, mostly nearly all
            values = categories[some] - radius
            for position in np.flatnonzero(values > radius):
                distance, negative = divmod(coder.decode_unsigned(), 2)
                value = radius + 1 + distance
                if value > SYMBOL_MAX:
                    raise DamagedError("a decoded symbol is out of range")
                values[position] = -value if negative else value
            symbols[places[some]] = values
        return symbols

    @staticmethod
    def _runs(index: NDArray[np.uint8]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """The tables in use in rising order, and the places where each is."""
        surest, rest = np.flatnonzero(index == 0), np.flatnonzero(index != 0)  # mostly far fewer to sort
        if surest.size:
            yield 0, surest
        sorted_ = index[rest]
        order = rest[np.argsort(sorted_, kind="stable")]
        for scale, run in runs(sorted_):
            yield scale, order[run]
