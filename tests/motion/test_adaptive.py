from __future__ import annotations

import numpy as np

from sensic.entropy.coder import TOTAL
from sensic.motion import contexts
from sensic.motion.adaptive import CEILING, ODDS, REACH, STEP, Draft, FlagStatistics, logarithm
from sensic.motion.field import LIMIT


def test_the_logarithm_is_exact() -> None:
    counts = np.arange(1, CEILING + 1)
    assert logarithm(counts).tolist() == [(int(n) ** 4).bit_length() - 1 for n in counts]


def test_odds_are_spaced_by_quarters_of_a_doubling() -> None:
    for index, table in enumerate(ODDS):
        zero, one = table.frequencies.tolist()
        assert zero + one == TOTAL
        assert abs(one / zero / 2 ** ((index - REACH) / 4) - 1) < 1e-3


def test_every_difference_has_one_symbol() -> None:
    values = np.arange(-2 * LIMIT, 2 * LIMIT + 1)
    symbols, within = contexts.classify(values)
    assert (symbols >= 0).all()
    assert (symbols < contexts.SYMBOLS).all()
    assert ((within >= 0) & (within < 1 << contexts.WIDTHS[symbols])).all()
    assert np.array_equal(contexts.assemble(symbols, within), values)


def test_initial_counts_fit_their_contexts() -> None:
    flags, choices, differences = contexts.flag_counts(), contexts.choice_counts(), contexts.difference_counts()
    assert flags.min() >= 1
    assert flags.sum(1).max() <= CEILING
    assert (choices.sum(1) > 0).all()
    assert differences.shape == (12, contexts.SYMBOLS)
    assert differences[:, 1:].min() >= 1


def test_flags_cost_what_their_frequency_says() -> None:
    truth = np.random.default_rng(0).random(40_000) < 0.03
    statistics, draft = FlagStatistics(np.full((2, 2), STEP)), Draft()
    for part in truth.reshape(400, 100):
        statistics.code(draft, np.zeros(100, np.int64), part)
    p = truth.mean()
    entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p)) * truth.size
    assert draft.bits < 1.03 * entropy
