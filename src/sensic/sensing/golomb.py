"""Golomb–Rice codes for processors that don't multiply: shifts, comparisons and additions only."""

from __future__ import annotations

import numpy as np

from sensic.errors import DamagedError
from sensic.sensing.layout import Layer
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

LONGEST = 20
"""So many bits 1 announce a number of so many plain bits."""
SEEN = 255
"""Neighbours count up to this magnitude: a camera keeps a byte for each."""


def encode(layer: Layer, planes: Planes, geometry: Geometry, first_mean: int) -> bytes:
    """The body of a packet: one layer of Y, U and V, symbols [bands, h, w]."""
    codes = _Codes()
    for symbols, places in zip(planes, geometry.places(), strict=True):
        keys = places * ((len(layer) + 1) * 32)
        subs = list(layer)
        if subs[0].mean:
            residual, activity = mean_residuals(symbols[0], first_mean)
            codes.add(keys, 2 * np.abs(residual) - (residual < 0), _digits(activity - 1))
            subs = subs[1:]
        magnitudes = [np.abs(symbols[list(sub.bands)].astype(np.int64)) for sub in subs]
        some = np.stack([magnitude.any(0) for magnitude in magnitudes])
        end = np.where(some.any(0), len(subs) - np.argmax(some[::-1], 0), 0)
        codes.add(keys + 1, end, parameter(left(end) + upper(end)))
        for number, (sub, magnitude) in enumerate(zip(subs, magnitudes, strict=True), 1):
            start = keys + 32 * number
            asked = end > number
            codes.bits(start[asked], some[number - 1][asked].astype(np.int64), 1)
            seen = np.minimum(magnitude, SEEN)
            k = parameter(left(seen) + upper(seen))
            for j, band in enumerate(sub.bands):
                here = some[number - 1]
                codes.add((start + 1 + j)[here], magnitude[j][here], k[j][here], (symbols[band] < 0)[here])
    return codes.packed()


def _digits(values: Ints) -> Ints:
    """How many binary digits a number has; none if negative."""
    return np.where(values > 0, np.frexp(np.maximum(values, 0).astype(np.float64))[1], 0).astype(np.int64)


def parameter(seen: Ints) -> Ints:
    """The least k with 2^(k + 1) >= seen."""
    return np.maximum(_digits(seen - 1) - 1, 0)


class _Codes:
    """Code words in any order: ``keys`` say where in the stream they belong."""

    def __init__(self) -> None:
        self._keys: list[Ints] = []
        self._words: list[Ints] = []
        self._lengths: list[Ints] = []

    def bits(self, keys: Ints, words: Ints, lengths: Ints | int) -> None:
        self._keys.append(keys.ravel())
        self._words.append(words.ravel())
        self._lengths.append(np.broadcast_to(np.asarray(lengths, np.int64), keys.shape).ravel())

    def add(
        self, keys: Ints, values: Ints, k: Ints, negative: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] | None = None
    ) -> None:
        """Golomb–Rice codes; with ``negative``, a bit of sign behind each that is not 0."""
        ones = values >> k
        long = ones >= LONGEST
        words = np.where(
            long, (1 << 2 * LONGEST) - (1 << LONGEST) | values, ((1 << ones) - 1 << 1) << k | values & (1 << k) - 1
        )
        lengths = np.where(long, 2 * LONGEST, ones + 1 + k)
        if negative is not None:
            some = values > 0
            words, lengths = np.where(some, words << 1 | negative, words), lengths + some
        self.bits(keys, words, lengths)

    def packed(self) -> bytes:
        order = np.argsort(np.concatenate(self._keys), kind="stable")
        words, lengths = np.concatenate(self._words)[order], np.concatenate(self._lengths)[order]
        ends = np.cumsum(lengths)
        owner = np.repeat(np.arange(len(words)), lengths)
        bits = words[owner] >> (ends[owner] - 1 - np.arange(ends[-1])) & 1
        return np.packbits(bits.astype(np.uint8)).tobytes().rstrip(b"\0")


def decode(layer: Layer, body: bytes, bands: int, geometry: Geometry, first_mean: int) -> list[Symbols]:
    """The inverse of ``encode``: symbols int32 [bands, h, w] of Y, U and V, 0 outside the layer. Raises DamagedError
    for what no encoder writes."""
    reader = _Reader(body)
    planes = [_Plane(layer, bands, shape, first_mean) for shape in geometry.shapes]
    for plane, row in geometry.rows():
        for column in range(geometry.shapes[plane][1]):
            planes[plane].block(reader, row, column)
    return [plane.sparse.dense() for plane in planes]


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._bits = np.unpackbits(np.frombuffer(body, np.uint8)).tobytes() if body else b""
        self._place = 0

    def bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.bit()
        return value

    def bit(self) -> int:
        self._place += 1
        return self._bits[self._place - 1] if self._place <= len(self._bits) else 0

    def golomb(self, k: int) -> int:
        ones = 0
        while self.bit():
            ones += 1
            if ones == LONGEST:
                return self.bits(LONGEST)
        return ones << k | self.bits(k)


def _parameter(seen: int) -> int:
    return max((seen - 1).bit_length() - 1, 0) if seen > 0 else 0


class _Plane:
    def __init__(self, layer: Layer, bands: int, shape: tuple[int, int], first_mean: int) -> None:
        self._mean, self._subs = layer[0].mean, layer[1:] if layer[0].mean else layer
        self._width = shape[1]
        self._means = Means(shape, first_mean)
        self._ends = padded_bytes(shape)
        self._seen = {band: padded_bytes(shape) for sub in self._subs for band in sub.bands}
        self.sparse = Sparse(bands, shape)

    def block(self, reader: _Reader, row: int, column: int) -> None:
        place, padded = row * self._width + column, (row + 1) * (self._width + 1) + column + 1
        above = padded - self._width - 1
        if self._mean:
            predicted, activity = self._means.predict(row, column)
            coded = reader.golomb((activity - 1).bit_length() if activity > 1 else 0)
            value = self._means.values[place] = predicted + (-(coded + 1 >> 1) if coded & 1 else coded >> 1)
            if abs(value) >> LONGEST:
                raise DamagedError("a packet holds a symbol that no encoder writes")
            self.sparse.put(0, place, value)
        end = reader.golomb(_parameter(self._ends[padded - 1] + self._ends[above]))
        if end > len(self._subs):
            raise DamagedError("a packet holds a sub-band that no encoder writes")
        self._ends[padded] = end
        for number in range(1, end + 1):
            if number < end and not reader.bit():
                continue
            for band in self._subs[number - 1].bands:
                seen = self._seen[band]
                value = reader.golomb(_parameter(seen[padded - 1] + seen[above]))
                if value:
                    seen[padded] = min(value, SEEN)
                    self.sparse.put(band, place, -value if reader.bit() else value)
