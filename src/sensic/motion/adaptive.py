"""Adaptive integer statistics: flags and symbols in contexts.

A flag's context counts its zeros and ones; the flag is coded with one of ``2 * REACH + 1`` fixed tables whose odds are
spaced by a factor of 2^(1/4), and the counts choose which. Flags that share a table are coded together. A symbol's
context counts every symbol and makes a table of its counts once per field. All of it is integer arithmetic, so encoder
and decoder cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import isqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sensic.entropy.coder import TOTAL, FrequencyTable, SymbolDecoder, SymbolEncoder

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

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
    """Codes runs of symbols with given tables: writes ``truth`` and returns it, or ignores it and returns what it read.

    Code against this is encoder and decoder at once.
    """

    def code(self, truth: Ints, table: FrequencyTable) -> Ints: ...


class Writer:
    def __init__(self, coder: SymbolEncoder) -> None:
        self._coder = coder

    def code(self, truth: Ints, table: FrequencyTable) -> Ints:
        self._coder.encode(truth.astype(np.int32), table)
        return truth


class Reader:
    def __init__(self, coder: SymbolDecoder) -> None:
        self._coder = coder

    def code(self, truth: Ints, table: FrequencyTable) -> Ints:
        return self._coder.decode(truth.size, table).astype(np.int64)


class Meter:
    """Writes nothing and sums the ideal code length in ``bits``."""

    def __init__(self) -> None:
        self.bits = 0.0

    def code(self, truth: Ints, table: FrequencyTable) -> Ints:
        self.bits += float(table.bits[truth].sum())
        return truth


def runs(keys: Ints) -> Iterator[tuple[int, Ints]]:
    """Every value of ``keys`` with the places where it stands, in rising order of both."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    edges = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), keys.size]
    for begin, end in pairwise(edges):
        if end > begin:
            yield int(ordered[begin]), order[begin:end]


def _count(counts: Ints, contexts: Ints, values: Ints) -> Ints:
    """Add observations to ``counts`` [n, size] in place; halve rows past the ceiling (rounding up). Returns the
    rows that changed."""
    size = counts.shape[1]
    seen = np.bincount(size * contexts + values, minlength=counts.size).reshape(counts.shape)
    rows = np.flatnonzero(seen.sum(1))
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
    def _choose(counts: Ints) -> Ints:
        """The tables that counts call for."""
        logs = logarithm(counts)
        return np.asarray(np.clip(logs[:, 1] - logs[:, 0], -REACH, REACH) + REACH, np.int64)

    def copy(self) -> FlagStatistics:
        return FlagStatistics(self._counts)

    def code(self, port: Port, contexts: Ints, truth: Bools) -> Bools:
        """Code one flag per context with the counts so far, then count them."""
        values = np.empty(contexts.size, np.int64)
        wanted = truth.astype(np.int64)
        for table, at in runs(self._tables[contexts]):
            values[at] = port.code(wanted[at], ODDS[table])
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
        values = np.empty(contexts.size, np.int64)
        for context, at in runs(contexts):
            values[at] = port.code(truth[at], self._table(context))
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
