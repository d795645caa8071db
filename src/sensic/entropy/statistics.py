"""Adaptive statistics: which table serves the symbols best, learned while coding.

After every run of symbols, two histograms of (table index that the prior chose, magnitude that came) grow: one
over all channels, one per channel. Priced with the stored cost of every magnitude under every table, the first
says which table would have been cheapest for each index, the second by how many steps each channel is off. Both
corrections apply to the next run. It repairs a prior that was trained on other footage, at no cost in training.

Only integers take part: counts, stored costs, and sums below 2**53 (in float64 because BLAS multiplies those
fastest; every sum is exact, whatever its order).
"""

from __future__ import annotations

from copy import copy
from math import gcd

import numpy as np
from numpy.typing import NDArray

from sensic.entropy.coder import IntArray
from sensic.entropy.tables import COST_STEPS, MAGNITUDES, SCALES, ScaleTables

UNIT_SHIFT = 4  # an observation adds 16 to its count
DECAY_SHIFT = 3  # every run keeps 7/8 of the counts, rounded up
REACH = 8  # steps by which a channel may be corrected
STEP_PENALTY = 2 * COST_STEPS << UNIT_SHIFT  # 2 bits for every step away from the prior's own index
CHANNEL_PENALTY = 4 * COST_STEPS << UNIT_SHIFT

Indices = NDArray[np.uint8]
Channels = NDArray[np.int64]
Cells = NDArray[np.int64]
Counts = NDArray[np.int64]


class TableStatistics:
    """The statistics of ``channels`` channels; one for each side of the codec, and anew for each group of pictures."""

    def __init__(self, channels: int, tables: ScaleTables) -> None:
        self._channels = channels
        steps = np.arange(SCALES)
        reach = np.arange(-REACH, REACH + 1)
        cost = tables.cost.astype(np.float64)
        self._cost = cost.T.copy()  # [16, 64]
        moved = np.clip(steps[:, None] + reach, 0, SCALES - 1)  # [64, 17]
        self._moved_cost = cost[moved].transpose(0, 2, 1).reshape(SCALES * MAGNITUDES, reach.size)
        self._step_penalty = (abs(steps[:, None] - steps) * STEP_PENALTY).astype(np.float64)
        self._channel_penalty = (abs(reach) * CHANNEL_PENALTY).astype(np.float64)
        self._common = np.zeros(SCALES * MAGNITUDES, np.int64)
        self._own = np.zeros((channels, SCALES * MAGNITUDES), np.int64)
        self._table = steps.astype(np.int16)  # the cheapest table of each index
        self._shift = np.zeros(channels, np.int16)  # the cheapest correction of each channel

    def copy(self) -> TableStatistics:
        """Statistics that have seen the same, to go on from here a second time."""
        twin = copy(self)
        twin._common, twin._own = self._common.copy(), self._own.copy()
        return twin

    def apply(self, cells: Cells) -> Indices:
        """Tables [n] to use for symbols in ``cells`` [n]."""
        moved = np.clip(self._table + self._shift[:, None], 0, SCALES - 1).astype(np.uint8)
        return np.asarray(moved.take(cells))

    def update(self, symbols: IntArray, cells: Cells) -> None:
        """Learn from a run: symbols [n] and their cells [n]."""
        some = np.flatnonzero(symbols != 0)  # mostly few
        there, magnitudes = cells[some], np.minimum(np.abs(symbols[some]), MAGNITUDES - 1)
        size = self._channels * SCALES
        zeros = np.bincount(cells, minlength=size) - np.bincount(there, minlength=size)
        channels, index = np.divmod(there, SCALES)
        zeros = zeros.reshape(self._channels, SCALES)
        _add(self._common, zeros.sum(0), index, magnitudes)
        # The channel's correction is learned on top of the common one, with the tables that now apply.
        corrected = np.zeros_like(zeros)
        for index_, table in enumerate(self._table.tolist()):
            corrected[:, table] += zeros[:, index_]
        tables = first_cells(channels) + self._table[index]
        _add(self._own.reshape(-1), corrected.ravel(), tables, magnitudes)
        common = self._common.reshape(SCALES, MAGNITUDES).astype(np.float64)
        self._table = (common @ self._cost + self._step_penalty).argmin(1).astype(np.int16)
        # Few channels at a time, so that BLAS stays on this thread: its helpers would starve the networks.
        few = self._own.reshape(-1, gcd(self._channels, 8), SCALES * MAGNITUDES).astype(np.float64)
        own = (few @ self._moved_cost).reshape(self._channels, -1) + self._channel_penalty
        self._shift = (own.argmin(1) - REACH).astype(np.int16)


def first_cells(channels: Channels) -> Cells:
    """The cell of symbols in ``channels`` [n] whose index is 0; that of the prior's index k comes k later."""
    return channels * SCALES


def _add(counts: Counts, zeros: Counts, cells: Cells, magnitudes: Counts) -> None:
    """Let what was counted [16 k] fade, and count anew: ``zeros`` [k] that often in cell 0..k-1, others as listed."""
    counts -= counts >> DECAY_SHIFT
    counts[::MAGNITUDES] += zeros << UNIT_SHIFT
    np.add.at(counts, cells * MAGNITUDES + magnitudes, 1 << UNIT_SHIFT)
