"""BD-rate and BD-PSNR: closed forms, the `bjontegaard` package, and what is refused."""

from __future__ import annotations

import math

import bjontegaard
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.evaluation.bd import Method, NoOverlap, delta_quality, delta_rate, savings

ANCHOR = [(100.0, 30.0), (180.0, 32.5), (330.0, 35.1), (640.0, 37.4), (1300.0, 39.9)]
TEST = [(90.0, 30.6), (150.0, 32.4), (310.0, 35.6), (560.0, 37.9), (1000.0, 39.2)]
METHODS: tuple[Method, ...] = ("pchip", "akima")


@given(st.floats(0.05, 20), st.sampled_from(METHODS))
def test_a_curve_that_always_needs_k_times_the_rate(k: float, method: Method) -> None:
    delta = delta_rate(ANCHOR, [(k * r, p) for r, p in ANCHOR], method=method)
    assert delta.percent == pytest.approx((k - 1) * 100)
    assert (delta.low, delta.high, delta.share) == (30.0, 39.9, 1.0)


@given(st.floats(-9, 9), st.sampled_from(METHODS))
def test_a_curve_that_is_always_so_much_better(difference: float, method: Method) -> None:
    delta = delta_quality(ANCHOR, [(r, p + difference) for r, p in ANCHOR], method=method)
    assert delta.difference == pytest.approx(difference)
    assert (delta.low, delta.high, delta.share) == (pytest.approx(100), pytest.approx(1300), 1.0)


@pytest.mark.parametrize("method", METHODS)
def test_agrees_with_the_bjontegaard_package(method: Method) -> None:
    (a_rate, a_psnr), (t_rate, t_psnr) = zip(*ANCHOR, strict=True), zip(*TEST, strict=True)
    rate = delta_rate(ANCHOR, TEST, method=method)
    assert rate.percent == pytest.approx(bjontegaard.bd_rate(a_rate, a_psnr, t_rate, t_psnr, method=method), rel=1e-9)
    assert (rate.low, rate.high) == (30.6, 39.2)
    quality = delta_quality(ANCHOR, TEST, method=method)
    expected = bjontegaard.bd_psnr(a_rate, a_psnr, t_rate, t_psnr, method=method)
    assert quality.difference == pytest.approx(expected, rel=1e-9)
    assert (quality.low, quality.high) == (pytest.approx(100), pytest.approx(1000))


def test_the_methods_differ() -> None:
    assert delta_rate(ANCHOR, TEST, method="akima").percent != delta_rate(ANCHOR, TEST).percent


def test_order_of_points_does_not_matter() -> None:
    assert delta_rate(ANCHOR[::-1], TEST[::-1]) == delta_rate(ANCHOR, TEST)


def test_the_share_is_of_the_shorter_curve() -> None:
    dense = [(rate, 30 + 2 * math.log2(rate / 100)) for rate in (100, 150, 200, 300, 400, 600, 800)]
    inside = [(1.1 * rate, quality) for rate, quality in dense[1:6]]
    assert delta_rate(dense, inside).share == 1
    beyond = [(rate, quality + 2) for rate, quality in dense]  # 32–38 and 30–36
    assert delta_rate(dense, beyond).share == pytest.approx(4 / 6)


def test_curves_without_common_range_are_refused() -> None:
    with pytest.raises(NoOverlap, match=r"share 0 dB, 0% of the shorter, of 30–39\.9 and 50–59\.9; 1 dB and 50% are"):
        delta_rate(ANCHOR, [(r, p + 20) for r, p in ANCHOR])
    with pytest.raises(NoOverlap, match="50% are needed"):
        delta_quality(ANCHOR, [(20 * r, p) for r, p in ANCHOR])


def test_too_small_a_share_is_refused_however_many_decibels() -> None:
    shifted = [(r, p + 6) for r, p in ANCHOR]  # 3.9 of 9.9 dB
    with pytest.raises(NoOverlap, match="39% of the shorter"):
        delta_rate(ANCHOR, shifted)
    assert delta_rate(ANCHOR, shifted, min_share=0.3).share == pytest.approx(3.9 / 9.9)


def test_a_decibel_is_needed_but_not_of_other_units() -> None:
    narrow = [[(rate, quality / 20) for rate, quality in curve] for curve in (ANCHOR, TEST)]
    with pytest.raises(NoOverlap, match=r"share 0\.43 dB"):
        delta_rate(*narrow)
    assert delta_rate(*narrow, unit="").percent == pytest.approx(delta_rate(ANCHOR, TEST).percent)
    with pytest.raises(NoOverlap, match=r"0\.43 VMAF, .*; 5 VMAF and 50% are needed"):
        delta_rate(*narrow, unit="VMAF", min_overlap=5)


@pytest.mark.parametrize("compare", [delta_rate, delta_quality, savings])
def test_four_points_are_refused(compare) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="needs 5 points, not 4"):
        compare(ANCHOR, TEST[:4])


@pytest.mark.parametrize("compare", [delta_rate, delta_quality, savings])
def test_a_curve_that_does_not_rise_is_refused_with_the_place(compare) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"must rise with the rate, and goes from 37\.9 to 33 as .* from 560 to 1000"):
        compare(ANCHOR, [*TEST[:4], (1000.0, 33.0)])
    with pytest.raises(ValueError, match="from 560 to 560"):
        compare([*TEST[:4], (560.0, 39.0)], ANCHOR)


def test_impossible_points_and_methods_are_refused() -> None:
    with pytest.raises(ValueError, match="positive rates and finite qualities: 0 → 30"):
        delta_rate([(0.0, 30.0), *ANCHOR[1:]], TEST)
    with pytest.raises(ValueError, match="finite"):
        delta_rate([*ANCHOR[:4], (1300.0, math.inf)], TEST)
    with pytest.raises(ValueError, match="one of pchip, akima, not 'cubic'"):
        delta_rate(ANCHOR, TEST, method="cubic")  # type: ignore[arg-type]


@given(st.floats(0.05, 2))
def test_savings_of_a_curve_that_always_needs_k_times_the_rate(k: float) -> None:
    assert savings(ANCHOR, [(k * r, p) for r, p in ANCHOR]) == pytest.approx([100 - 100 * k] * 5)


def test_savings_are_unknown_where_the_other_curve_does_not_reach() -> None:
    found = savings(ANCHOR, TEST)
    assert [value is None for value in found] == [True, False, False, False, True]
    assert found[1] is not None
    assert found[1] > 0
