from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sensic.entropy import ScaleTables, SymbolEncoder, TableStatistics, first_cells
from sensic.entropy.statistics import CHANNEL_PENALTY, DECAY_SHIFT, REACH, STEP_PENALTY, UNIT_SHIFT
from sensic.entropy.tables import MAGNITUDES, SCALES, build_tables

TABLES = ScaleTables(**build_tables())


def coded_bits(scales: np.ndarray, index: np.ndarray, adaptive: bool) -> float:
    """Bits of frames of Gaussian symbols whose true scales are ``scales`` while the prior says ``index``, both [C]."""
    generator = np.random.default_rng(0)
    channels = np.repeat(np.arange(scales.size), 200)
    statistics, coder = TableStatistics(scales.size, TABLES), SymbolEncoder()
    for _ in range(12):
        symbols = np.rint(generator.normal(0, 1, channels.size) * scales[channels]).astype(np.int32)
        prior = index[channels].astype(np.uint8)
        cells = first_cells(channels) + prior
        TABLES.encode(symbols, statistics.apply(cells) if adaptive else prior, coder)
        statistics.update(symbols, cells)
    return coder.bits


def test_a_prior_that_is_off_in_some_channels_is_repaired() -> None:
    scales = np.full(16, 1.0)
    index = np.full(16, 22)  # about right
    index[:4] = 8
    index[12:] = 36
    assert coded_bits(scales, index, adaptive=True) < 0.9 * coded_bits(scales, index, adaptive=False)


def test_a_right_prior_is_left_alone() -> None:
    scales, index = np.full(16, 1.0), np.full(16, 22)
    assert coded_bits(scales, index, adaptive=True) < 1.002 * coded_bits(scales, index, adaptive=False)


def test_near_certain_zeros_stay_near_free() -> None:
    """Costs need more than 8 bits after the point: with 1/256 bit, index 0 and 4 looked equally cheap for zeros."""
    scales, index = np.full(16, 0.001), np.zeros(16, np.int64)
    assert coded_bits(scales, index, adaptive=True) < 0.01 * 16 * 200 * 12


@settings(max_examples=10)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_all_sums_are_exact_integers(seed: int, frames: int) -> None:
    """The choice computed with Python's unlimited integers is the same."""
    generator = np.random.default_rng(seed)
    channels = np.repeat(np.arange(3), 50)
    statistics = TableStatistics(3, TABLES)
    cost = TABLES.cost.tolist()
    common = [[0] * MAGNITUDES for _ in range(SCALES)]
    own = [[[0] * MAGNITUDES for _ in range(SCALES)] for _ in range(3)]
    table, shift = list(range(SCALES)), [0] * 3
    for _ in range(frames):
        symbols = generator.integers(-20, 21, channels.size).astype(np.int32)
        index = generator.integers(0, SCALES, channels.size).astype(np.uint8)
        expected = [min(max(table[i] + shift[c], 0), SCALES - 1) for i, c in zip(index, channels, strict=True)]
        cells = first_cells(channels) + index
        assert statistics.apply(cells).tolist() == expected
        statistics.update(symbols, cells)
        for counts in (common, *own):
            for row in counts:
                row[:] = [n - (n >> DECAY_SHIFT) for n in row]
        for symbol, i, c in zip(symbols.tolist(), index.tolist(), channels.tolist(), strict=True):
            magnitude = min(abs(symbol), MAGNITUDES - 1)
            common[i][magnitude] += 1 << UNIT_SHIFT
            own[c][table[i]][magnitude] += 1 << UNIT_SHIFT
        new_table = []
        for i in range(SCALES):
            prices = [
                sum(n * p for n, p in zip(common[i], cost[t], strict=True)) + abs(t - i) * STEP_PENALTY
                for t in range(SCALES)
            ]
            new_table.append(prices.index(min(prices)))
        shift = []
        for c in range(3):
            prices = []
            for s in range(-REACH, REACH + 1):
                moved = [cost[min(max(i + s, 0), SCALES - 1)] for i in range(SCALES)]
                prices.append(
                    sum(n * p for row, ps in zip(own[c], moved, strict=True) for n, p in zip(row, ps, strict=True))
                    + abs(s) * CHANNEL_PENALTY
                )
            shift.append(prices.index(min(prices)) - REACH)
        table = new_table
