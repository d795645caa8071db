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


def pair_bits(tried: Field, field: Field, previous: Field) -> NDArray[np.float32]:
    """About what each vector of ``tried`` would cost in ``field``: [h, w]. ``previous`` is the last field."""
    around = np.pad(field, ((0, 0), (1, 1), (1, 1)), mode="edge")
    sides = (around[:, :-2, 1:-1], around[:, 2:, 1:-1], around[:, 1:-1, :-2], around[:, 1:-1, 2:])
    bits = np.asarray(np.float32(TEMPORAL) * (tried != previous).any(0), np.float32)
    for side in sides:
        bits = bits + PAIR[np.minimum(np.abs(tried - side).sum(0), FAR)]
    return bits
