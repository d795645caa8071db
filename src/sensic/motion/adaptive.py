"""Adaptive integer statistics: flags and symbols in contexts.

A flag's context counts its zeros and ones; the flag is coded with one of ``2 * REACH + 1`` fixed tables whose odds are
spaced by a factor of 2^(1/4), and the counts choose which. Flags that share a table are coded together. A symbol's
context counts every symbol and makes a table of its counts once per field. All of it is integer arithmetic, so encoder
and decoder cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from math import isqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sensic.entropy.coder import TOTAL, FrequencyTable, SymbolDecoder, SymbolEncoder, runs

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Keys = NDArray[np.uint8]  # few bits are sorted faster

REACH = 56
STEP = 16
"""What one observation adds to a count."""
CEILING = 511 * STEP
"""Counts whose sum passes this are halved, so that old statistics fade."""


def _fourth_root(value: int) -> int:
    return isqrt(isqrt(value))


def _odds_table(index: int) -> FrequencyTable:
    """Frequencies of 0 and 1 with odds 2^(index/4) for the one, in exact integers."""
    root = _fourth_root(1 << (4 * 40 + abs(index)))  # 2^(40 + |index|/4)
    likely = TOTAL * root // (root + (1 << 40))
    return FrequencyTable([TOTAL - likely, likely] if index >= 0 else [likely, TOTAL - likely])


ODDS = tuple(_odds_table(i) for i in range(-REACH, REACH + 1))
_THRESHOLDS = np.array([_fourth_root((1 << k) - 1) + 1 for k in range(4 * 24)], np.int64)
"""The smallest integer at or above 2^(k/4), for every k."""


def logarithm(counts: Ints) -> Ints:
    """``floor(4 * log2(counts))`` for counts >= 1, in exact integers."""
    return np.searchsorted(_THRESHOLDS, counts, side="right") - 1


class Port(Protocol):
    """Codes runs of symbols with given tables: notes ``truth`` and returns it, or ignores it and returns what it read.

    Code against this is encoder and decoder at once.
    """

    def code(self, truth: Ints, table: FrequencyTable) -> Ints: ...


class Reader:
    def __init__(self, coder: SymbolDecoder) -> None:
        self._coder = coder

    def code(self, truth: Ints, table: FrequencyTable) -> Ints:
        return self._coder.decode(truth.size, table).astype(np.int64)


class Draft:
    """Keeps runs of symbols until they are written, if ever."""

    def __init__(self) -> None:
        self._runs: list[tuple[Ints, FrequencyTable]] = []

    def code(self, truth: Ints, table: FrequencyTable) -> Ints:
        self._runs.append((truth, table))
        return truth

    def write(self, coder: SymbolEncoder) -> None:
        for symbols, table in self._runs:
            coder.encode(symbols.astype(np.int32), table)

    @property
    def bits(self) -> float:
        """The ideal code length."""
        bits = 0.0  # not sum(), which rounds differently from Python 3.12 on
        for symbols, table in self._runs:
            bits += float(table.bits[symbols].sum())
        return bits


def _code(port: Port, keys: Ints | Keys, truth: Ints, table: Callable[[int], FrequencyTable]) -> Ints:
    """Code ``truth`` with the tables of its ``keys``: those with the same key together, the least keys first."""
    order = np.argsort(keys, kind="stable")
    wanted, found = truth[order], np.empty_like(truth)
    for key, run in runs(keys):
        found[run] = port.code(wanted[run], table(key))
    values = np.empty_like(truth)
    values[order] = found
    return values


def _count(counts: Ints, contexts: Ints, values: Ints) -> Ints:
    """Add observations to ``counts`` [n, size] in place; halve rows past the ceiling (rounding up). Returns the
    rows that changed."""
    size = counts.shape[1]
    seen = np.bincount(size * contexts + values, minlength=counts.size).reshape(counts.shape)
    rows = np.flatnonzero(np.bincount(contexts))
    changed = counts[rows] + STEP * seen[rows]
    while (full := changed.sum(1) > CEILING).any():
        changed[full] = (changed[full] + 1) >> 1
    counts[rows] = changed
    return rows


class FlagStatistics:
    """Counts of zeros and ones, int64 [n, 2] >= 1, one row per context."""

    def __init__(self, counts: Ints) -> None:
        self._counts = counts.copy()
        self._tables = self._choose(counts)

    @staticmethod
    def _choose(counts: Ints) -> Keys:
        """The tables that counts call for."""
        logs = logarithm(counts)
        return np.asarray(np.clip(logs[:, 1] - logs[:, 0], -REACH, REACH) + REACH, np.uint8)

    def copy(self) -> FlagStatistics:
        twin = copy(self)
        twin._counts, twin._tables = self._counts.copy(), self._tables.copy()
        return twin

    def code(self, port: Port, contexts: Ints, truth: Bools) -> Bools:
        """Code one flag per context with the counts so far, then count them."""
        values = _code(port, self._tables[contexts], truth.astype(np.int64), ODDS.__getitem__)
        rows = _count(self._counts, contexts, values)
        self._tables[rows] = self._choose(self._counts[rows])
        return np.asarray(values != 0)


class SymbolStatistics:
    """Counts of symbols, int64 [n, size], one row per context; ``refresh`` turns what was counted into tables."""

    def __init__(self, counts: Ints) -> None:
        self._counts = counts.copy()
        self._tables: dict[int, FrequencyTable] = {}
        self._seen: list[tuple[Ints, Ints]] = []

    def copy(self) -> SymbolStatistics:
        """With the tables of this one, and nothing counted for the next."""
        out = SymbolStatistics(self._counts)
        out._tables = self._tables
        return out

    def code(self, port: Port, contexts: Ints, truth: Ints) -> Ints:
        """Code one symbol per context with the tables of this field, and note them for the next."""
        values = _code(port, contexts, truth, self._table)
        self._seen.append((contexts, values))
        return values

    def _table(self, context: int) -> FrequencyTable:
        if context not in self._tables:
            self._tables[context] = FrequencyTable.from_counts(self._counts[context])
        return self._tables[context]

    def refresh(self) -> None:
        if self._seen:
            contexts, values = (np.concatenate(part) for part in zip(*self._seen, strict=True))
            changed = set(_count(self._counts, contexts, values).tolist())
            self._tables = {context: table for context, table in self._tables.items() if context not in changed}
            self._seen = []
