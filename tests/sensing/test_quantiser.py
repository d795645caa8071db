"""Bins tile the line, and a measurement is in the bin that its symbol stands for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.errors import UsageError
from sensic.sensing.operators import LearnedTernary, Operator, Scrambled, WalshHadamard
from sensic.sensing.quantiser import QUALITIES, Quantiser

OPERATORS: list[Operator] = [WalshHadamard(1), WalshHadamard(2), WalshHadamard(4), LearnedTernary(4), Scrambled(1)]


@given(
    st.sampled_from(OPERATORS),
    st.sampled_from([8, 10]),
    st.integers(0, QUALITIES - 1),
    st.lists(st.integers(-(2**18), 2**18), min_size=1, max_size=20),
)
def test_a_measurement_is_in_its_bin(operator: Operator, depth: int, quality: int, values: list[int]) -> None:
    quantiser = Quantiser(operator, depth, quality)
    y = np.broadcast_to(np.array(values), (operator.bands, 1, len(values)))
    symbols = quantiser.symbols(y)
    bins = quantiser.bins(symbols, np.ones(operator.bands, np.bool_))
    assert not bins.outside(y).any()
    assert (quantiser.symbols(bins.low) == symbols).all()
    assert (quantiser.symbols(bins.high) == symbols).all()
    # The numbers beyond both ends belong to other bins.
    assert (quantiser.symbols(bins.low - 1) == symbols - 1).all()
    assert (quantiser.symbols(bins.high + 1) == symbols + 1).all()


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda one: f"{one.kind}-{one.frames}")
def test_qualities_go_from_coarse_to_whole_measurements(operator: Operator) -> None:
    y = np.broadcast_to(np.arange(-3000, 3000, 3), (operator.bands, 1, 2000))
    sums = [int(np.abs(Quantiser(operator, 8, quality).symbols(y)).sum()) for quality in range(QUALITIES)]
    assert sums == sorted(sums)
    assert len(set(sums)) > 50
    assert (Quantiser(operator, 8, QUALITIES - 1).symbols(y) == y).all()
    assert {Quantiser(operator, 8, q).step & (Quantiser(operator, 8, q).step - 1) for q in range(QUALITIES)} == {0}


def test_ten_bits_have_four_times_the_step() -> None:
    assert Quantiser(WalshHadamard(4), 10, 32).step == 4 * Quantiser(WalshHadamard(4), 8, 32).step


def test_other_qualities() -> None:
    with pytest.raises(UsageError, match="0 to 63"):
        Quantiser(WalshHadamard(4), 8, 64)
