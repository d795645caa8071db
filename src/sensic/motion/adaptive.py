"""Adaptive integer statistics: flags and symbols in contexts.

A flag's context counts its zeros and ones; the flag is coded with one of ``2 * REACH + 1`` fixed tables whose odds are
spaced by a factor of 2^(1/8), and the counts choose which. Flags that share a table are coded together. A symbol's
context counts every symbol and makes a table of its counts once per field. All of it is integer arithmetic, so encoder
and decoder cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sensic.entropy.coder import TOTAL, FrequencyTable, SymbolDecoder, SymbolEncoder

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

REACH = 112
STEP = 16
"""What one observation adds to a count."""
CEILING = 511 * STEP
"""Counts whose sum passes this are halved, so that old statistics fade."""


def _eighth_root(value: int) -> int:
    return isqrt(isqrt(isqrt(value)))


def _odds_table(index: int) -> FrequencyTable:
    """Frequencies of 0 and 1 with odds 2^(index/8) for the one, in exact integers."""
    root = _eighth_root(1 << (8 * 40 + abs(index)))  # 2^(40 + |index|/8)
    likely = TOTAL * root // (root + (1 << 40))
    return FrequencyTable([TOTAL - likely, likely] if index >= 0 else [likely, TOTAL - likely])


ODDS = tuple(_odds_table(i) for i in range(-REACH, REACH + 1))
_THRESHOLDS = np.array([_eighth_root((1 << k) - 1) + 1 if k else 1 for k in range(8 * 24)], np.int64)
"""The smallest integer at or above 2^(k/8), for every k."""


def logarithm(counts: Ints) -> Ints:
    """``floor(8 * log2(counts))`` for counts >= 1, in exact integers."""
    return np.searchsorted(_THRESHOLDS, counts, side="right") - 1


class Port(Protocol):
    """Codes runs of symbols with given tables: writes ``truth`` and returns it, or ignores it and returns what it reads.

    Whoever describes a format against this writes the encoder and the decoder at once.
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
    for begin, end in zip(edges, edges[1:], strict=False):
        if end > begin:
            yield int(ordered[begin]), order[begin:end]


def _fade(counts: Ints) -> None:
    """Halve the rows of ``counts`` that have grown past the ceiling, in place; nothing falls below 1."""
    while (full := counts.sum(1) > CEILING).any():
        counts[full] = (counts[full] + 1) >> 1


class FlagStatistics:
    """Counts of zeros and ones, int64 [n, 2] >= 1, one row per context."""

    def __init__(self, counts: Ints) -> None:
        self.counts = counts.copy()

    def code(self, port: Port, contexts: Ints, truth: Bools) -> Bools:
        """Code one flag per context with the counts so far, then count them."""
        logs = logarithm(self.counts)
        tables = np.clip(logs[:, 1] - logs[:, 0], -REACH, REACH) + REACH
        values = np.empty(contexts.size, np.int64)
        wanted = truth.astype(np.int64)
        for table, at in runs(tables[contexts]):
            values[at] = port.code(wanted[at], ODDS[table])
        seen = np.bincount(2 * contexts + values, minlength=self.counts.size)
        self.counts += STEP * seen.reshape(self.counts.shape)
        _fade(self.counts)
        return values != 0


class SymbolStatistics:
    """Counts of symbols, int64 [n, size], one row per context; ``refresh`` turns what was counted into tables."""

    def __init__(self, counts: Ints) -> None:
        self.counts = counts.copy()
        self._tables: list[FrequencyTable | None] = [None] * len(counts)
        self._seen = np.zeros_like(self.counts)

    def code(self, port: Port, contexts: Ints, truth: Ints) -> Ints:
        """Code one symbol per context with the tables of this field, and count them for the next."""
        values = np.empty(contexts.size, np.int64)
        for context, at in runs(contexts):
            values[at] = port.code(truth[at], self._table(context))
        size = self.counts.shape[1]
        self._seen += np.bincount(size * contexts + values, minlength=self.counts.size).reshape(self.counts.shape)
        return values

    def _table(self, context: int) -> FrequencyTable:
        table = self._tables[context]
        if table is None:
            table = self._tables[context] = FrequencyTable.from_counts(self.counts[context])
        return table

    def refresh(self) -> None:
        self.counts += STEP * self._seen
        _fade(self.counts)
        for context in np.flatnonzero(self._seen.any(1)):
            self._tables[context] = None
        self._seen[:] = 0
