from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sensic.entropy import ScaleTables, SymbolDecoder, SymbolEncoder
from sensic.entropy.tables import (
    COST_STEPS,
    COUNTED,
    LOG_STEP,
    SCALE_MIN,
    SCALES,
    SYMBOL_MAX,
    build_tables,
    calibrated,
    symbol_probabilities,
)
from sensic.errors import DamagedError

ARRAYS = build_tables()
TABLES = ScaleTables(**ARRAYS)


def test_probabilities_are_a_distribution() -> None:
    for scale in (0.11, 1.0, 64.0):
        p = symbol_probabilities(scale, 2000)
        assert p.sum() == pytest.approx(1)
        assert np.allclose(p, p[::-1])


def test_costs_follow_the_tables() -> None:
    for scale in (0, 20, 63):
        radius = int(TABLES.radius[scale])
        bits = TABLES.tables[scale].bits[radius : radius + 3]
        assert np.allclose(TABLES.cost[scale, :3] / (1 << 14), bits, atol=1e-4)


@given(st.data(), st.integers(0, 400))
def test_symbols_survive_any_table(data: st.DataObject, count: int) -> None:
    symbols = data.draw(hnp.arrays(np.int32, count, elements=st.integers(-300, 300)))
    wild = data.draw(st.lists(st.integers(0, max(0, count - 1)), max_size=3)) if count else []
    symbols[wild] = data.draw(st.sampled_from([SYMBOL_MAX, -SYMBOL_MAX, 5000, -77777]))
    index = data.draw(hnp.arrays(np.uint8, count, elements=st.integers(0, 63)))
    coder = SymbolEncoder()
    TABLES.encode(symbols, index, coder)
    decoder = SymbolDecoder(coder.finish())
    assert np.array_equal(TABLES.decode(index, decoder), symbols)
    decoder.finish()


def test_the_right_table_is_the_cheapest() -> None:
    generator = np.random.default_rng(1)
    symbols = np.rint(generator.normal(0, 2.0, 20_000)).astype(np.int32)
    bits = []
    for index in range(64):
        coder = SymbolEncoder()
        TABLES.encode(symbols, np.full(symbols.size, index, np.uint8), coder)
        bits.append(coder.bits)
    assert abs(int(np.argmin(bits)) - 29) <= 1  # 0.11 * exp(29 * 0.101) = 2.06


def test_a_symbol_out_of_range_is_damage() -> None:
    coder = SymbolEncoder()
    radius = int(TABLES.radius[0])
    coder.encode(np.array([2 * radius + 1], np.int32), TABLES.tables[0])
    coder.encode_unsigned((1 << 30) + 1)
    with pytest.raises(DamagedError):
        TABLES.decode(np.zeros(1, np.uint8), SymbolDecoder(coder.finish()))


@pytest.mark.parametrize("name", ["radius", "frequencies", "cost"])
def test_arrays_that_do_not_fit_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"needed|fit"):
        ScaleTables(**{**ARRAYS, name: ARRAYS[name][:-1]})


counts = hnp.arrays(np.int64, COUNTED, elements=st.integers(0, 10**9))


@given(st.integers(0, SCALES - 1), counts)
def test_calibrated_tables_are_distributions_alike_on_both_sides(index: int, seen: np.ndarray) -> None:
    radius = int(ARRAYS["radius"][index])
    p = symbol_probabilities(SCALE_MIN * math.exp(index * LOG_STEP), radius)
    q = calibrated(p, seen)
    assert q.min() >= 0
    assert q.sum() <= 1 + 1e-9
    assert np.allclose(q, q[::-1])
    assert np.allclose(calibrated(p, np.zeros(COUNTED, np.int64)), p)


def test_calibrated_tables_follow_what_was_seen() -> None:
    seen = np.zeros((SCALES, COUNTED), np.int64)
    seen[0, :2] = 99_999_000, 1_000
    seen[20] = 1_000_000  # flat: nothing like a Gaussian
    plain, fitted = build_tables(), build_tables(seen)
    cost = fitted["cost"] / COST_STEPS
    assert cost[0, 0] < 1e-3 < plain["cost"][0, 0] / COST_STEPS
    assert cost[0, 1] == pytest.approx(math.log2(2 * 1e5), abs=0.2)
    assert np.ptp(cost[20, 1:7]) < 0.1
    for untouched in (1, 19, 63):
        assert np.array_equal(plain["cost"][untouched], fitted["cost"][untouched])
    ScaleTables(**fitted)
