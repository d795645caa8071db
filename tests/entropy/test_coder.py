"""The coder against plain Python integers: constriction may change, the bytes of a stream may not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.entropy import FrequencyTable, SymbolDecoder, SymbolEncoder
from sensic.entropy.coder import TOTAL
from sensic.errors import DamagedError

MASK = (1 << 64) - 1


class PlainDecoder:
    """The range decoder of docs/bitstream.md, for reading."""

    def __init__(self, data: bytes) -> None:
        self.words = [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
        self.lower, self.range, self.point = 0, MASK, 0
        for _ in range(2):
            self.point = self.point << 32 | self._word()

    def _word(self) -> int:
        return self.words.pop(0) if self.words else 0

    def decode(self, frequencies: list[int]) -> int:
        scale = self.range >> 24
        quantile = (self.point - self.lower & MASK) // scale
        symbol, start = 0, 0
        while start + frequencies[symbol] <= quantile:
            start += frequencies[symbol]
            symbol += 1
        self.lower = self.lower + scale * start & MASK
        self.range = scale * frequencies[symbol]
        if self.range < 1 << 32:
            self.lower, self.range = self.lower << 32 & MASK, self.range << 32
            self.point = (self.point << 32 & MASK) | self._word()
        return symbol


@st.composite
def runs(draw: st.DrawFn) -> list[tuple[FrequencyTable, list[int]]]:
    counts = draw(
        st.lists(st.lists(st.integers(0, 1 << 30), min_size=2, max_size=40).filter(sum), min_size=1, max_size=4)
    )
    tables = [FrequencyTable.from_counts(c) for c in counts]
    return [
        (table, draw(st.lists(st.integers(0, table.frequencies.size - 1), max_size=60)))
        for table in draw(st.lists(st.sampled_from(tables), min_size=1, max_size=8))
    ]


@given(runs())
def test_plain_integers_read_what_was_written(parts: list[tuple[FrequencyTable, list[int]]]) -> None:
    coder = SymbolEncoder()
    for table, symbols in parts:
        coder.encode(np.array(symbols, np.int32), table)
    data = coder.finish()
    plain, ours = PlainDecoder(data), SymbolDecoder(data)
    for table, symbols in parts:
        assert [plain.decode(table.frequencies.tolist()) for _ in symbols] == symbols
        assert ours.decode(len(symbols), table).tolist() == symbols
    ours.finish()
    assert 8 * len(data) <= coder.bits + 64


@given(st.lists(st.integers(0, 2**31 - 1), max_size=20))
def test_plain_numbers_survive(values: list[int]) -> None:
    coder = SymbolEncoder()
    for value in values:
        coder.encode_unsigned(value)
    decoder = SymbolDecoder(coder.finish())
    assert [decoder.decode_unsigned() for _ in values] == values


@given(st.lists(st.integers(0, 1 << 36), min_size=2, max_size=300).filter(lambda c: 0 < sum(c) < 1 << 38))
def test_tables_from_counts_are_whole(counts: list[int]) -> None:
    table = FrequencyTable.from_counts(counts)
    assert table.frequencies.sum() == TOTAL
    assert table.frequencies.min() >= 1


@pytest.mark.parametrize("frequencies", [[TOTAL], [TOTAL, 0], [TOTAL - 2, 1], [[TOTAL - 1, 1]]])
def test_impossible_tables_are_refused(frequencies: list[int]) -> None:
    with pytest.raises(ValueError, match="frequenc"):
        FrequencyTable(frequencies)


def test_odd_lengths_are_damage() -> None:
    with pytest.raises(DamagedError):
        SymbolDecoder(b"abc")


def test_left_over_data_is_damage() -> None:
    coder = SymbolEncoder()
    coder.encode(np.zeros(1000, np.int32), FrequencyTable.uniform(256))
    decoder = SymbolDecoder(coder.finish())
    decoder.decode(10, FrequencyTable.uniform(256))
    with pytest.raises(DamagedError):
        decoder.finish()
