"""Range coder over integer frequency tables (constriction does the arithmetic).

A table holds integers >= 1 that sum to 2**24. constriction takes floating-point probabilities and adds one
to every scaled value; handing it ``frequency - 1``, whose sum is exactly ``2**24 - n``, makes its scale
exactly 1.0, so the coder works with our integers and no others (tests check it against a coder of plain
Python integers). The byte format is specified in docs/bitstream.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from sensic.errors import DamagedError

PRECISION = 24
TOTAL = 1 << PRECISION
_SMALL = 1 << 16  # bytes for whatever else constriction needs

IntArray = NDArray[np.int32]


class FrequencyTable:
    """Integer frequencies of the symbols ``0..n-1``: each at least 1, their sum 2**24, ``2 <= n <= 65,536``.

    Raises ValueError for anything else.
    """

    def __init__(self, frequencies: NDArray[np.int64] | Sequence[int]) -> None:
        self.frequencies = np.asarray(frequencies, dtype=np.int64)
        if self.frequencies.ndim != 1 or not 2 <= self.frequencies.size <= 1 << 16:
            raise ValueError("a frequency table has 2 to 65,536 entries in one dimension")
        if int(self.frequencies.min()) < 1 or int(self.frequencies.sum()) != TOTAL:
            raise ValueError("frequencies are at least 1 and sum to 2**24")

    @classmethod
    def from_counts(cls, counts: NDArray[np.int64] | Sequence[int]) -> FrequencyTable:
        """The table proportional to non-negative counts (some positive, sum below 2**38), in integers.

        Every symbol gets 1, the rest of 2**24 is shared by ``floor``; what is left goes to the first largest count.
        """
        c = np.asarray(counts, dtype=np.int64)
        frequencies = 1 + c * (TOTAL - c.size) // int(c.sum())
        frequencies[int(c.argmax())] += TOTAL - int(frequencies.sum())
        return cls(frequencies)

    @classmethod
    def uniform(cls, size: int) -> FrequencyTable:
        return cls.from_counts(np.ones(size, np.int64))

    @cached_property
    def model(self) -> constriction.stream.model.Categorical:
        """constriction's own form of the table."""
        _reserve(4 * self.frequencies.size)
        return constriction.stream.model.Categorical((self.frequencies - 1).astype(np.float64), perfect=False)

    @cached_property
    def bits(self) -> NDArray[np.float64]:
        """Ideal code length of each symbol, bits (for estimates and encoder decisions only)."""
        return PRECISION - np.log2(self.frequencies)


_BIT = FrequencyTable([TOTAL // 2, TOTAL // 2])
_LENGTH = FrequencyTable.uniform(32)


class SymbolEncoder:
    """Writes runs of symbols, each run with one table. ``bits`` sums the ideal code length of all of them."""

    def __init__(self) -> None:
        self._coder = constriction.stream.queue.RangeEncoder()
        self.bits = 0.0

    def encode(self, symbols: IntArray, table: FrequencyTable) -> None:
        """Symbols in ``0..n-1`` as int32 [k]; k may be 0."""
        if symbols.size:
            _reserve(self._coder.num_words() + symbols.size)
            self._coder.encode(np.ascontiguousarray(symbols, dtype=np.int32), table.model)
            self.bits += float(table.bits[symbols].sum())

    def encode_unsigned(self, value: int) -> None:
        """One value below 2**31 as a 5-bit length and as many bits, for what is too rare to model."""
        width = int(value).bit_length()
        self.encode(np.array([width], np.int32), _LENGTH)
        self.encode(np.array([value >> i & 1 for i in range(width)], np.int32), _BIT)

    def copy(self) -> SymbolEncoder:
        """An encoder that has written the same, to go on from here a second time."""
        _reserve(self._coder.num_words())
        twin = SymbolEncoder()
        twin._coder, twin.bits = self._coder.clone(), self.bits
        return twin

    def finish(self) -> bytes:
        """The coded bytes: little-endian 32-bit words."""
        _reserve(self._coder.num_words())
        words: NDArray[np.uint32] = self._coder.get_compressed()
        return words.astype("<u4").tobytes()


class SymbolDecoder:
    """Reads what ``SymbolEncoder`` wrote, run by run, with the same tables in the same order.

    Damage is not noticed here (hence the checksums around every block), except where constriction says so:
    then ``DamagedError``.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) % 4:
            raise DamagedError("entropy-coded data is not a whole number of 32-bit words")
        _reserve(len(data) // 4)
        self._coder = constriction.stream.queue.RangeDecoder(np.frombuffer(data, dtype="<u4").astype(np.uint32))

    def decode(self, count: int, table: FrequencyTable) -> IntArray:
        if count == 0:
            return np.empty(0, np.int32)
        _reserve(count)
        try:
            symbols: IntArray = self._coder.decode(table.model, count)
        except (AssertionError, ValueError) as error:
            raise DamagedError("entropy-coded data is inconsistent") from error
        return symbols

    def decode_unsigned(self) -> int:
        width = int(self.decode(1, _LENGTH)[0])
        value = 0
        for i, bit in enumerate(self.decode(width, _BIT)):
            value |= int(bit) << i
        return value

    def finish(self) -> None:
        """Raise ``DamagedError`` when the data can't end here."""
        if not self._coder.maybe_exhausted():
            raise DamagedError("entropy-coded data goes on after the last symbol")


def runs(keys: NDArray[Any]) -> Iterator[tuple[int, slice]]:
    """Every value in ``keys`` [n], the least first, and where it stands once they are sorted."""
    end = 0
    for key, count in enumerate(np.bincount(keys).tolist()):
        if count:
            begin, end = end, end + count
            yield key, slice(begin, end)


def _reserve(words: int) -> None:
    """Raises MemoryError where there is no room for so many 32-bit words, twice as they grow. They are given back at
    once and never touched: constriction, where it gets no memory, ends the process."""
    np.empty(8 * words + _SMALL, np.uint8)
