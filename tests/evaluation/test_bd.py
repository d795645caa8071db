"""BD-rate: closed forms, the `bjontegaard` package, and what is refused."""

from __future__ import annotations

import bjontegaard
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.evaluation.bd import NoOverlap, delta_rate, savings

ANCHOR = [(100.0, 30.0), (180.0, 32.5), (330.0, 35.1), (640.0, 37.4), (1300.0, 39.9)]
TEST = [(90.0, 30.6), (150.0, 32.4), (310.0, 35.6), (560.0, 37.9), (1000.0, 39.2)]


@given(st.floats(0.05, 20))
def test_a_curve_that_always_needs_k_times_the_rate(k: float) -> None:
    assert delta_rate(ANCHOR, [(k * r, p) for r, p in ANCHOR]).percent == pytest.approx((k - 1) * 100)


def test_agrees_with_the_bjontegaard_package() -> None:
    (a_rate, a_psnr), (t_rate, t_psnr) = zip(*ANCHOR, strict=True), zip(*TEST, strict=True)
    expected = bjontegaard.bd_rate(a_rate, a_psnr, t_rate, t_psnr, method="pchip")
    delta = delta_rate(ANCHOR, TEST)
    assert delta.percent == pytest.approx(expected, rel=1e-6)
    assert (delta.low, delta.high) == (30.6, 39.2)


def test_order_of_points_does_not_matter() -> None:
    assert delta_rate(ANCHOR[::-1], TEST[::-1]) == delta_rate(ANCHOR, TEST)


def test_curves_without_common_range_are_refused() -> None:
    with pytest.raises(NoOverlap, match=r"30\.0–39\.9 and 50\.0–59\.9"):
        delta_rate(ANCHOR, [(r, p + 20) for r, p in ANCHOR])


def test_four_points_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 5 points, not 4"):
        delta_rate(ANCHOR, TEST[:4])


def test_a_curve_that_falls_is_refused() -> None:
    with pytest.raises(ValueError, match="PSNR must rise"):
        delta_rate(ANCHOR, [*TEST[:4], (1000.0, 33.0)])


@given(st.floats(0.05, 2))
def test_savings_of_a_curve_that_always_needs_k_times_the_rate(k: float) -> None:
    assert savings(ANCHOR, [(k * r, p) for r, p in ANCHOR]) == pytest.approx([100 - 100 * k] * 5)


def test_savings_are_unknown_where_the_other_curve_does_not_reach() -> None:
    found = savings(ANCHOR, TEST)
    assert [value is None for value in found] == [True, False, False, False, True]
    assert found[1] is not None
    assert found[1] > 0
