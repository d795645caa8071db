from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sensic.codec.quantisation import cheapest, nearest
from sensic.entropy import ScaleTables
from sensic.entropy.tables import COST_STEPS, SYMBOL_MAX, build_tables

TABLES = ScaleTables(**build_tables())
values = arrays(np.float32, st.integers(0, 60), elements=st.floats(-40, 40, width=32))


def total(residual: np.ndarray, symbols: np.ndarray, index: np.ndarray, worth: float) -> float:
    """Bits plus the worth of the error, written out symbol by symbol."""
    bits = [
        TABLES.cost[i, abs(s)] / COST_STEPS if abs(s) < TABLES.cost.shape[1] else 0.0
        for s, i in zip(symbols, index, strict=True)
    ]
    return float(np.sum(bits) + worth * np.sum((residual.astype(float) - symbols) ** 2))


@given(values, st.integers(0, 2**32 - 1), st.floats(1, 100))
def test_never_dearer_than_rounding(residual: np.ndarray, seed: int, worth: float) -> None:
    index = np.random.default_rng(seed).integers(0, 64, residual.size).astype(np.uint8)
    chosen, rounded = cheapest(residual, index, TABLES, worth), nearest(residual)
    assert total(residual, chosen, index, worth) <= total(residual, rounded, index, worth) + 1e-3
    assert np.all(np.abs(chosen) <= np.abs(rounded))
    assert np.all(np.abs(rounded) - np.abs(chosen) <= 1)


def test_a_dear_one_just_above_a_half_becomes_zero_and_a_cheap_one_stays() -> None:
    residual = np.array([0.55, 0.55, -0.55, 0.99], np.float32)
    index = np.array([0, 30, 0, 10], np.uint8)
    assert cheapest(residual, index, TABLES, 24.0).tolist() == [0, 1, 0, 1]


def test_an_error_beyond_price_leaves_rounding() -> None:
    residual = np.linspace(-20, 20, 999).astype(np.float32)
    index = np.zeros(999, np.uint8)
    assert np.array_equal(cheapest(residual, index, TABLES, 1e9), nearest(residual))


@pytest.mark.parametrize(("value", "symbol"), [(np.nan, 0), (np.inf, SYMBOL_MAX), (-np.inf, -SYMBOL_MAX)])
def test_what_is_no_number_is_still_coded(value: float, symbol: int) -> None:
    assert nearest(np.array([value], np.float32)).tolist() == [symbol]
    assert cheapest(np.array([value], np.float32), np.array([5], np.uint8), TABLES, 24.0).tolist() == [symbol]
