"""About what vectors cost, for choosing among them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensic.motion.field import Field

FAR = 127
_distance = np.arange(FAR + 1)
PAIR = np.where(_distance > 0, 0.5 * (2.0 + 1.3 * np.log2(1 + _distance)), 0).astype(np.float32)
"""Bits for two neighbours whose vectors differ by so many quarter pixels."""
TEMPORAL = 1.5
"""Bits for a block whose vector differs from its last one."""


def edged(field: Field) -> Field:
    """``field`` with its outermost vectors once more around it: [2, h + 2, w + 2]."""
    rows, columns = ([0, *range(size), size - 1] for size in field.shape[1:])
    return np.asarray(field[:, rows][:, :, columns])


def pair_bits(tried: Field, field: Field, previous: Field) -> NDArray[np.float32]:
    """About what each vector of ``tried`` would cost in ``field``: [h, w]. ``previous`` is the last field."""
    around = edged(field)
    sides = (around[:, :-2, 1:-1], around[:, 2:, 1:-1], around[:, 1:-1, :-2], around[:, 1:-1, 2:])
    bits = np.asarray(np.float32(TEMPORAL) * (tried != previous).any(0), np.float32)
    for side in sides:
        x, y = np.abs(tried - side)
        bits += PAIR[np.minimum(x + y, FAR)]
    return bits
