"""The contexts of the motion coder, its size classes, and the counts that everything starts from."""

from __future__ import annotations

import numpy as np

from sensic.motion.adaptive import STEP, Bools, Ints

LEVELS = 4
REPEAT = 0
"""The context of the flag that a field repeats the last one."""
_FLAGS = 1 + LEVELS * 4 * 2 * 3 * 3
_CHOICES, _OPTIONS = LEVELS * 4 * 2, 5
_DIFFERENCES = 3 + 9

# Size classes of a difference's magnitude: 0, 1, 2, 3, 4, then two for every doubling (5-6, 7-8, 9-12, 13-16, ...).
_SMALL = 4
_BASES = np.array([1, 2, 3, 4, *(1 + (2 + half << e) for e in range(1, 9) for half in (0, 1))], np.int64)
_WIDTHS = np.array([0, 0, 0, 0, *(e for e in range(1, 9) for _ in (0, 1))], np.int64)
CLASSES = len(_BASES)
SYMBOLS = 1 + 2 * CLASSES
"""Zero, then the positive classes, then the negative ones."""
EXTRA = np.concatenate([[0], _WIDTHS, _WIDTHS])
"""Raw bits after every symbol."""
WIDEST = int(_WIDTHS.max())


def classify(values: Ints) -> tuple[Ints, Ints]:
    """The symbols and extra bits of differences of at most 1,024 in magnitude."""
    size = np.abs(values)
    place = np.searchsorted(_BASES, size, side="right")  # 0 for zero, else class + 1
    extra = size - _BASES[place - 1] * (place > 0)
    return place + CLASSES * (values < 0), extra


def assemble(symbols: Ints, extra: Ints) -> Ints:
    """The inverse of ``classify``."""
    place = np.where(symbols > CLASSES, symbols - CLASSES, symbols)
    size = np.where(place > 0, _BASES[place - 1] + extra, 0)
    return np.where(symbols > CLASSES, -size, size)


def median_flag(level: int, near: Ints, median: Ints, here: Ints, near_last: Ints) -> Ints:
    """Is the vector its neighbours' median? Asked knowing how many of ``near`` [2, 4, n] are that, whether the block's
    last vector is that, how many neighbours kept theirs, and how many had the block's last vector."""
    agreeing = (near == median[:, None]).all(0).sum(0) - 1
    same = (here == median).all(0)
    steady = _STEADY[(near == near_last).all(0).sum(0)]
    joined = _STEADY[(near_last == here[:, None]).all(0).sum(0)]
    return 1 + (((level * 4 + agreeing) * 2 + same) * 3 + steady) * 3 + joined


_STEADY = np.array([0, 0, 1, 1, 2], np.int64)


def choice(level: int, count: Ints, last_differs: Bools) -> Ints:
    """Which of ``count`` options? (2..5; the median, which it is not, included.)"""
    return (level * 4 + count - 2) * 2 + last_differs


def _spread_class(spread: Ints) -> Ints:
    return (spread > 0).astype(np.int64) + (spread > 4)


def difference_x(spread: Ints) -> Ints:
    """``spread``: the greatest distance of a neighbour from the median."""
    return _spread_class(spread)


def difference_y(spread: Ints, x: Ints) -> Ints:
    return 3 + _spread_class(spread) * 3 + (x != 0) + (np.abs(x) > 2)


def flag_counts() -> Ints:
    return np.full((_FLAGS, 2), STEP // 2, np.int64)


def choice_counts() -> Ints:
    """[contexts, 5]: the options after the median in order; with ``count`` options the symbol count - 1 says none."""
    return np.full((_CHOICES, _OPTIONS), STEP // 2, np.int64)


def difference_counts() -> Ints:
    return np.full((_DIFFERENCES, SYMBOLS), STEP // 2, np.int64)
