"""The contexts of the motion coder, its size classes, and the counts that everything starts from."""

from __future__ import annotations

import numpy as np

from sensic.entropy.coder import PRECISION
from sensic.motion.adaptive import ODDS, REACH, STEP, Bools, Ints
from sensic.motion.initial import CHOICES, HISTORY_ODDS, MAGNITUDES, SHAPE_ODDS

FLAG_TRUST, CHOICE_TRUST, DIFFERENCE_TRUST = 14, 10, 40
"""How many observations the initial counts are worth."""

KINDS, SHAPES = 7, 7
REPEAT = 0
"""The context of the flag that a field repeats the last one."""
_FLAGS = 1 + KINDS * SHAPES * 18
_CHOICES, _OPTIONS = 16, 5
_DIFFERENCES = 3 + 9

# Size classes of a difference's magnitude: 0, 1, 2, 3, 4, then two for every doubling (5-6, 7-8, 9-12, 13-16, ...).
_BASES = np.array([1, 2, 3, 4, *(1 + (2 + half << e) for e in range(1, 9) for half in (0, 1))], np.int64)
_BITS = [0, 0, 0, 0, *(e for e in range(1, 9) for _ in (0, 1))]
CLASSES = len(_BASES)
SYMBOLS = 1 + 2 * CLASSES
"""Zero, then the positive classes, then the negative ones."""
WIDTHS = np.array([0, *_BITS, *_BITS], np.int64)
"""Raw bits within the class of every symbol."""
WIDEST = max(_BITS)


def classify(values: Ints) -> tuple[Ints, Ints]:
    """The symbols of differences of at most 1,024 in magnitude, and their places within the classes."""
    size = np.abs(values)
    place = np.searchsorted(_BASES, size, side="right")  # 0 for zero, else class + 1
    within = size - _BASES[place - 1] * (place > 0)
    return place + CLASSES * (values < 0), within


def assemble(symbols: Ints, within: Ints) -> Ints:
    """The inverse of ``classify``."""
    place = np.where(symbols > CLASSES, symbols - CLASSES, symbols)
    size = np.where(place > 0, _BASES[place - 1] + within, 0)
    return np.asarray(np.where(symbols > CLASSES, -size, size))


def median_flag(kind: int, near: Ints, apart: Ints, median: Ints, here: Ints, near_last: Ints) -> Ints:
    """Is the vector its neighbours' median? [n] contexts, of ``kind`` of pass × shape of the surroundings × history.

    Shape: how many of the neighbours ``near`` [2, 4, n] are the median, and whether the others are far from it
    (``apart`` [4, n], quarter pixels). History: whether the block's last vector ``here`` [2, n] is the median, how
    many neighbours kept their last vectors ``near_last``, and how many of those were the block's.
    """
    agreeing = (apart == 0).sum(0)
    shape = np.where(agreeing == 4, SHAPES - 1, 2 * (agreeing - 1) + (apart.max(0) > 3))
    same = (here[0] == median[0]) & (here[1] == median[1])
    steady = ((near[0] == near_last[0]) & (near[1] == near_last[1])).sum(0)
    joined = ((near_last[0] == here[0]) & (near_last[1] == here[1])).sum(0)
    return np.asarray(1 + (((kind * SHAPES + shape) * 2 + same) * 3 + _FEW[steady]) * 3 + _FEW[joined])


_FEW = np.array([0, 0, 1, 1, 2], np.int64)
"""Of four: few, some, all."""


def choice(kind: int, count: Ints, last_differs: Bools) -> Ints:
    """Which of ``count`` options? (2..5; the median, which it is not, included.)"""
    return np.asarray(((count - 2) * 2 + last_differs) * 2 + (kind > 2))


def _spread_class(spread: Ints) -> Ints:
    return np.asarray((spread > 0).astype(np.int64) + (spread > 4))


def difference_x(spread: Ints) -> Ints:
    """``spread``: the greatest distance of a neighbour from the median."""
    return _spread_class(spread)


def difference_y(spread: Ints, x: Ints) -> Ints:
    """``x``: the symbol of the other component; its size is 0, at most 2, or more."""
    return np.asarray(3 + _spread_class(spread) * 3 + _SIZES[x])


_SIZES = np.array([0, *[1, 1, *[2] * (CLASSES - 2)] * 2], np.int64)


def flag_counts() -> Ints:
    """[contexts, 2]: zeros and ones."""
    odds = [_FIRST_REPEAT]
    for kind in range(KINDS):
        for shape in range(SHAPES):
            odds += [SHAPE_ODDS[kind][shape] + history for history in HISTORY_ODDS[shape]]
    tables = np.stack([ODDS[min(max(index, -REACH), REACH) + REACH].frequencies for index in odds])
    return np.asarray(np.maximum(tables * (FLAG_TRUST * STEP) >> PRECISION, 1))


_FIRST_REPEAT = -8


def choice_counts() -> Ints:
    """[contexts, 5]: the options after the median in order; with ``count`` options the symbol count - 1 says none,
    and higher ones do not occur."""
    return np.array(CHOICES, np.int64) * (CHOICE_TRUST * STEP) // 64


def difference_counts() -> Ints:
    """[contexts, SYMBOLS]: every magnitude class may come up, the two signs alike; no zero where that is impossible."""
    sizes = np.array(MAGNITUDES, np.int64) * (DIFFERENCE_TRUST * STEP)
    half = np.maximum(sizes[:, 1:] // 1024, 1)
    return np.concatenate([sizes[:, :1] // 512, half, half], 1)
