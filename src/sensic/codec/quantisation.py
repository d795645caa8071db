"""Which symbol stands for a value: the cheapest for its error, not always the nearest.

Only the encoder chooses; every choice decodes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensic.entropy import ScaleTables
from sensic.entropy.tables import COST_STEPS, SYMBOL_MAX

Floats = NDArray[np.float32]
Symbols = NDArray[np.int32]

INTRA_WORTH, INTER_WORTH = 40.0, 16.0
"""Bits that a squared error of one quantisation step is worth. A uniform quantiser at its own optimum would pay
6/ln 2 = 8.7; a frame that others are predicted from is worth more, the first of a group most of all
(docs/decisions/0009)."""
HYPER_WORTH = 12.0
"""The same for a hyper-latent, which is no picture: it only says how probable latents are."""


def nearest(residual: Floats) -> Symbols:
    """Symbols [n] of values less their means [n], by rounding; no number at all counts as zero."""
    symbols = np.zeros(residual.size, np.int32)
    some = np.flatnonzero(np.abs(residual) > 0.5)  # mostly few
    symbols[some] = np.clip(np.rint(residual[some]), -SYMBOL_MAX, SYMBOL_MAX)
    return symbols


def cheapest(residual: Floats, index: NDArray[np.uint8], tables: ScaleTables, worth: float | Floats) -> Symbols:
    """Like ``nearest``, but one step towards zero where the bits saved are ``worth`` the error added.

    ``index`` [n] names the table that each symbol is coded with; ``worth`` is one for all or one for each.
    """
    symbols = nearest(residual)
    where = np.flatnonzero(symbols != 0)
    where = where[np.abs(symbols[where]) < tables.cost.shape[1]]
    size, table = np.abs(symbols[where]), index[where]
    saved = (tables.cost[table, size] - tables.cost[table, size - 1]) / COST_STEPS
    beyond = np.abs(residual[where]) - size  # the error of rounding; one step lower it is 1 + beyond
    price = worth if isinstance(worth, float) else worth[where]
    smaller = where[saved > price * (1 + 2 * beyond)]
    symbols[smaller] -= np.sign(symbols[smaller])
    return symbols
