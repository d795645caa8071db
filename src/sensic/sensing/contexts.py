"""Symbols as binary decisions in adaptive contexts: the layout and the rules are in ``docs/bitstream.md``.

Encoding finds all decisions of a packet with NumPy, as every neighbour is known, and sorts them into the order of the
stream; decoding takes them one by one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sensic.errors import DamagedError
from sensic.sensing import range_coder
from sensic.sensing.initial import PROBABILITIES
from sensic.sensing.layout import Layer, SubBand
from sensic.sensing.prediction import (
    Geometry,
    Ints,
    Means,
    Planes,
    Sparse,
    Symbols,
    left,
    mean_residuals,
    padded_bytes,
    upper,
)
from sensic.sensing.range_coder import RAW

FLAG, SIGNIFICANT, MORE, ESCAPE, MEAN = 0, 144, 384, 408, 424
CONTEXTS = 520
UNARY = 8
"""Magnitudes from this on are escapes."""
DIGITS = 15

_STEPS = 64  # decisions of a symbol at most, for sorting


def initial() -> list[int]:
    """Probabilities of luma's contexts, then those of chroma."""
    return [p << 8 for p in PROBABILITIES] * 2


class _Decisions:
    """Decisions of one packet, gathered in any order: ``keys`` say where in the stream they belong."""

    def __init__(self) -> None:
        self._keys: list[Ints] = []
        self._contexts: list[Ints] = []
        self._bits: list[Ints] = []

    def add(self, keys: Ints, contexts: Ints | int, bits: NDArray[np.bool_] | Ints) -> None:
        self._keys.append(keys)
        self._contexts.append(np.broadcast_to(np.asarray(contexts, np.int64), keys.shape))
        self._bits.append(bits.astype(np.int64))

    def length(self, keys: Ints, contexts: Ints | int, values: Ints) -> None:
        """A length code of each value."""
        digits = np.frexp(values.astype(np.float64))[1].astype(np.int64)
        first = np.broadcast_to(np.asarray(contexts, np.int64), keys.shape)
        most = int(digits.max(initial=0))
        for j in range(most + 1):
            here = digits >= j
            self.add(keys[here] + j, first[here] + min(j, DIGITS), digits[here] > j)
        for j in range(1, most):  # the digit of weight 2^(digits - 1 - j)
            here = digits > j
            self.add(keys[here] + most + j, RAW, values[here] >> (digits[here] - 1 - j) & 1)

    def sorted(self) -> tuple[list[int], list[int]]:
        """Contexts and bits in the order of the stream."""
        order = np.argsort(np.concatenate(self._keys), kind="stable")
        return np.concatenate(self._contexts)[order].tolist(), np.concatenate(self._bits)[order].tolist()


def encode(layer: Layer, planes: Planes, geometry: Geometry, first_mean: int) -> bytes:
    """The body of a packet: one layer of Y, U and V, symbols [bands, h, w]."""
    return range_coder.encode(*decide(layer, planes, geometry, first_mean), initial())


def decide(layer: Layer, planes: Planes, geometry: Geometry, first_mean: int) -> tuple[list[int], list[int]]:
    """The decisions of a packet in the order of the stream: their contexts (RAW: none), and their bits."""
    decisions = _Decisions()
    for plane, (symbols, places) in enumerate(zip(planes, geometry.places(), strict=True)):
        offset = CONTEXTS if plane else 0
        flagged = np.zeros(places.shape, np.int64)
        for number, sub in enumerate(layer):
            keys = (places * len(layer) + number) * (max(len(s.bands) for s in layer) * _STEPS)
            if sub.mean:
                _means(decisions, keys, symbols[sub.bands[0]], first_mean, offset)
            else:
                flagged += _sub_band(decisions, keys, sub, symbols[list(sub.bands)], flagged, offset)
    return decisions.sorted()


def _means(decisions: _Decisions, keys: Ints, means: Symbols, first: int, offset: int) -> None:
    residual, activity = mean_residuals(means, first)
    digits = np.minimum(np.frexp(activity.astype(np.float64))[1], 5)
    decisions.length(keys.ravel(), (offset + MEAN + 16 * digits).ravel(), np.abs(residual).ravel())
    some = residual != 0
    decisions.add(keys[some] + _STEPS - 1, RAW, residual[some] < 0)


def _sub_band(
    decisions: _Decisions, keys: Ints, sub: SubBand, symbols: Symbols, flagged: Ints, offset: int
) -> NDArray[np.bool_]:
    """Add the decisions of a sub-band [n, h, w]; returns where it was flagged as not empty."""
    magnitudes = np.abs(symbols.astype(np.int64))
    some = np.asarray((magnitudes > 0).any(0))
    if sub.flagged:
        around = left(some.astype(np.int64)) + upper(some.astype(np.int64))
        context = offset + FLAG + 12 * sub.kind + 3 * np.minimum(flagged, 3) + around
        decisions.add(keys.ravel(), context.ravel(), some.ravel())
        coded = some
    else:
        coded = np.ones_like(some)
    at = np.flatnonzero(coded)
    small: Ints = np.minimum(magnitudes, 2)
    around = (left(small) + upper(small)).reshape(len(symbols), -1)[:, at]
    own = magnitudes.reshape(len(symbols), -1)[:, at]
    keys = keys.ravel()[at] + _STEPS * np.arange(len(symbols))[:, None]
    before: Ints = np.cumsum(own > 0, 0) - (own > 0)
    context = offset + SIGNIFICANT + 4 * (5 * sub.kind + around) + np.minimum(before, 3)
    decisions.add((keys + 1).ravel(), context.ravel(), (own > 0).ravel())
    more = offset + MORE + 4 * (3 * sub.later + around // 2)
    signs = symbols.reshape(len(symbols), -1)[:, at] < 0
    for m in range(1, UNARY):
        here = own >= m
        decisions.add(keys[here] + 1 + m, more[here] + min(m, 4) - 1, own[here] > m)
    here = own >= UNARY
    decisions.length(keys[here] + 1 + UNARY, offset + ESCAPE, own[here] - UNARY)
    here = own > 0
    decisions.add(keys[here] + _STEPS - 1, RAW, signs[here])
    flagged_here: NDArray[np.bool_] = np.logical_and(some, sub.flagged)
    return flagged_here


def decode(layer: Layer, body: bytes, bands: int, geometry: Geometry, first_mean: int) -> list[Symbols]:
    """The inverse of ``encode``: symbols int32 [bands, h, w] of Y, U and V, 0 outside the layer. Raises DamagedError
    for what no encoder writes."""
    bit, raw = range_coder.decoder(body, initial())
    planes = [_Plane(layer, bands, geometry, plane, first_mean) for plane in range(3)]
    for plane, row in geometry.rows():
        one = planes[plane]
        for column in range(geometry.shapes[plane][1]):
            one.block(bit, raw, row, column)
    return [one.sparse.dense() for one in planes]


class _Plane:
    """A plane that is being decoded: what its next blocks will want to know of the last ones."""

    def __init__(self, layer: Layer, bands: int, geometry: Geometry, plane: int, first_mean: int) -> None:
        shape = geometry.shapes[plane]
        self._layer, self._width, self._offset = layer, shape[1], CONTEXTS if plane else 0
        self._means = Means(shape, first_mean)
        self._flags = [padded_bytes(shape) for _ in layer]
        self._small = {band: padded_bytes(shape) for sub in layer for band in sub.bands}
        self.sparse = Sparse(bands, shape)

    def block(self, bit: range_coder.Bit, raw: range_coder.Bit, row: int, column: int) -> None:
        width, flagged = self._width, 0
        padded = (row + 1) * (width + 1) + column + 1
        for number, sub in enumerate(self._layer):
            if sub.mean:
                self._mean(bit, raw, row, column)
                continue
            if sub.flagged:
                flags = self._flags[number]
                around = flags[padded - 1] + flags[padded - width - 1]
                if not bit(self._offset + FLAG + 12 * sub.kind + 3 * min(flagged, 3) + around):
                    continue
                flags[padded] = 1
                flagged += 1
            self._sub_band(bit, raw, sub, row * width + column, padded)

    def _mean(self, bit: range_coder.Bit, raw: range_coder.Bit, row: int, column: int) -> None:
        predicted, activity = self._means.predict(row, column)
        context = self._offset + MEAN + 16 * min(activity.bit_length(), 5)
        residual = range_coder.read_length(bit, raw, context, DIGITS)
        if residual and raw(1):
            residual = -residual
        place = row * self._width + column
        value = self._means.values[place] = predicted + residual
        if abs(value) >> range_coder.MOST_DIGITS:
            raise DamagedError("a packet holds a symbol that no encoder writes")
        self.sparse.put(0, place, value)

    def _sub_band(self, bit: range_coder.Bit, raw: range_coder.Bit, sub: SubBand, place: int, padded: int) -> None:
        context = self._offset + SIGNIFICANT + 20 * sub.kind
        above, before = padded - self._width - 1, 0
        for band in sub.bands:
            small = self._small[band]
            around = small[padded - 1] + small[above]
            if not bit(context + 4 * around + (before if before < 3 else 3)):
                continue
            before += 1
            value = self._magnitude(bit, raw, self._offset + MORE + 4 * (3 * sub.later + around // 2))
            small[padded] = min(value, 2)
            self.sparse.put(band, place, -value if raw(1) else value)

    def _magnitude(self, bit: range_coder.Bit, raw: range_coder.Bit, more: int) -> int:
        for m in range(1, UNARY):
            if not bit(more + min(m, 4) - 1):
                return m
        return UNARY + range_coder.read_length(bit, raw, self._offset + ESCAPE, DIGITS)
