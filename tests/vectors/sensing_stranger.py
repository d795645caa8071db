"""A second decoder of measurements, written from the chapter on sensing of ``docs/bitstream.md``: it tests that one.

Plain and slow on purpose. Of ``sensic`` it uses the probabilities that contexts start from: part of the format.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from math import ceil
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sensic.sensing.initial import PROBABILITIES
from tests.vectors.stranger import Bytes, checked, parse_block, track

WHT, SCRAMBLED, TERNARY = 0, 1, 3


class SubBand(NamedTuple):
    bands: list[int]
    kind: int
    later: int


class Packet(NamedTuple):
    layer: int
    quality: int
    planes: list[NDArray[np.int32]]
    """Symbols of Y, U, V: bands × rows × columns of blocks."""


def layers(kind: int, frames: int, bands: int) -> list[list[SubBand]]:
    """Without the mean, which begins layer 0 of wht and learned_ternary."""
    if kind == SCRAMBLED:
        edges = [bands * part // 4 for part in range(5)]
        return [
            [SubBand([*range(first, min(first + 16, end))], 11, 1) for first in range(start, end, 16)]
            for start, end in pairwise(edges)
        ]
    found: dict[int, dict[tuple[int, int, int], list[int]]] = defaultdict(lambda: defaultdict(list))
    for band in range(1, 64 * frames):
        t, v, u = band // 64, band // 8 % 8, band % 8
        levels = u.bit_length(), v.bit_length()
        level = max(levels)
        way = 0 if level < 2 else 2 if levels == (level, level) else int(levels[1] == level)
        found[max(level - 1, 0) + (t > 0)][t, level, way].append(band)
    kinds = {0: (0, 0, 0), 1: (1, 1, 1), 2: (2, 2, 3), 3: (4, 4, 5)}
    return [
        [
            SubBand(found[layer][key], 6 * min(key[0], 1) + kinds[key[1]][key[2]], min(key[0], 1))
            for key in sorted(found[layer])
        ]
        for layer in sorted(found)
    ]


class Coder(Protocol):
    def mean(self, plane: Plane, activity: int) -> int: ...
    def block(self, plane: Plane, subs: list[SubBand], row: int, column: int) -> None: ...


class Plane:
    """Symbols that are known so far; 0 outside the picture."""

    def __init__(self, bands: int, rows: int, columns: int, chroma: bool) -> None:
        self.symbols = np.zeros((bands, rows, columns), np.int32)
        self.flags: dict[tuple[int, int, int], int] = {}
        """1 where a sub-band is not empty, by its number, row and column; the last one's number by -1, row, column."""
        self.chroma = chroma

    def around(self, band: int, row: int, column: int, most: int) -> int:
        left = abs(int(self.symbols[band, row, column - 1])) if column else 0
        upper = abs(int(self.symbols[band, row - 1, column])) if row else 0
        return min(left, most) + min(upper, most)

    def flagged(self, number: int, row: int, column: int) -> int:
        return self.flags.get((number, row, column - 1), 0) + self.flags.get((number, row - 1, column), 0)

    def mean(self, coder: Coder, row: int, column: int, first: int) -> None:
        means = self.symbols[0]
        left = int(means[row, column - 1]) if column else None
        upper = int(means[row - 1, column]) if row else None
        corner = int(means[row - 1, column - 1]) if row and column else None
        if left is None:
            left = first if upper is None else upper
        if upper is None:
            upper = left
        if corner is None:
            corner = left if row == 0 else upper
        predicted = left + upper - corner
        if corner >= max(left, upper):
            predicted = min(left, upper)
        elif corner <= min(left, upper):
            predicted = max(left, upper)
        means[row, column] = predicted + coder.mean(self, abs(left - corner) + abs(upper - corner))


class RangeCoder:
    def __init__(self, body: bytes) -> None:
        self.bytes = iter(body)
        self.range, self.code = (1 << 32) - 1, 0
        for _ in range(4):
            self.code = self.code << 8 | next(self.bytes, 0)
        self.contexts = [p << 8 for p in PROBABILITIES] * 2

    def _refill(self) -> None:
        while self.range < 1 << 24:
            self.range <<= 8
            self.code = (self.code << 8 | next(self.bytes, 0)) & 0xFFFFFFFF

    def bit(self, plane: Plane, context: int) -> int:
        place = context + 520 * plane.chroma
        p = self.contexts[place]
        bound = (self.range >> 12) * (p >> 4)
        found = self.code < bound
        if found:
            self.range = bound
            p += (65536 - p) >> 5
        else:
            self.code -= bound
            self.range -= bound
            p -= p >> 5
        self.contexts[place] = p
        self._refill()
        return int(found)

    def raw(self) -> int:
        self.range >>= 1
        found = self.code >= self.range
        self.code -= self.range * found
        self._refill()
        return int(found)

    def length(self, plane: Plane, context: int) -> int:
        digits = next(j for j in count() if not self.bit(plane, context + min(j, 15)))
        value = min(digits, 1)
        for _ in range(digits - 1):
            value = value << 1 | self.raw()
        return value

    def mean(self, plane: Plane, activity: int) -> int:
        residual = self.length(plane, 424 + 16 * min(activity.bit_length(), 5))
        return -residual if residual and self.raw() else residual

    def block(self, plane: Plane, subs: list[SubBand], row: int, column: int) -> None:
        so_far = 0
        for number, sub in enumerate(subs):
            if len(sub.bands) > 1:
                context = 12 * sub.kind + 3 * min(so_far, 3) + plane.flagged(number, row, column)
                if not self.bit(plane, context):
                    continue
                plane.flags[number, row, column] = 1
                so_far += 1
            before = 0
            for band in sub.bands:
                n = plane.around(band, row, column, 2)
                if not self.bit(plane, 144 + 4 * (5 * sub.kind + n) + min(before, 3)):
                    continue
                before += 1
                magnitude = self._magnitude(plane, 384 + 4 * (3 * sub.later + n // 2))
                plane.symbols[band, row, column] = -magnitude if self.raw() else magnitude

    def _magnitude(self, plane: Plane, context: int) -> int:
        for m in range(1, 8):
            if not self.bit(plane, context + min(m, 4) - 1):
                return m
        return 8 + self.length(plane, 408)


class GolombRice:
    def __init__(self, body: bytes) -> None:
        self.bits = iter("".join(f"{byte:08b}" for byte in body))

    def number(self, digits: int) -> int:
        return int("0" + "".join(next(self.bits, "0") for _ in range(digits)), 2)

    def golomb(self, k: int) -> int:
        ones = 0
        while next(self.bits, "0") == "1":
            ones += 1
            if ones == 20:
                return self.number(20)
        return (ones << k) + self.number(k)

    @staticmethod
    def least(holds: Callable[[int], bool]) -> int:
        return next(k for k in count() if holds(k))

    def adapted(self, seen: int) -> int:
        return self.golomb(self.least(lambda k: 2 ** (k + 1) >= seen))

    def mean(self, plane: Plane, activity: int) -> int:
        coded = self.golomb(self.least(lambda k: 2**k >= activity))
        return -((coded + 1) // 2) if coded % 2 else coded // 2

    def block(self, plane: Plane, subs: list[SubBand], row: int, column: int) -> None:
        end = plane.flags[-1, row, column] = self.adapted(plane.flagged(-1, row, column))
        for number, sub in enumerate(subs[:end], 1):
            if number < end and not self.number(1):
                continue
            for band in sub.bands:
                magnitude = self.adapted(plane.around(band, row, column, 255))
                if magnitude:
                    plane.symbols[band, row, column] = -magnitude if self.number(1) else magnitude


class Decoder:
    def __init__(self, stream: Path) -> None:
        private, blocks = track(stream)
        self.blocks = [parse_block(block, sequence) for sequence, block in enumerate(blocks)]
        reader = checked(private)
        assert reader.read(2) == b"SN"
        version, flags, profile = reader.read(3)
        assert (version, profile) == (1, 2)
        self.depth = 10 if flags & 128 else 8
        assert reader.varint() == reader.getvalue()[reader.tell() + 1]  # the group, which the operator tells again
        operator = reader.read(32)
        self.kind, self.frames, self.coder = operator[:3]
        width, height = reader.varint(), reader.varint()
        side = 16 if self.kind == SCRAMBLED else 8
        kept = int.from_bytes(operator[4:6], "little")
        self.bands = self.frames * (kept if self.kind == SCRAMBLED else 64)
        half = (ceil(height / 2), ceil(width / 2))
        self.shapes = [(ceil(h / side), ceil(w / side)) for h, w in ((height, width), half, half)]
        self.layers = layers(self.kind, self.frames, self.bands)

    def packets(self) -> Iterator[Packet]:
        for block in self.blocks:
            reader = Bytes(block.payload)
            while reader.tell() < len(block.payload):
                yield self._packet(reader)

    def _packet(self, reader: Bytes) -> Packet:
        start = reader.tell()
        layer, quality = reader.read(2)
        body = reader.read(reader.varint())
        checked(reader.getvalue()[start : reader.tell() + 4])
        reader.seek(4, 1)
        coder: Coder = GolombRice(body) if self.coder else RangeCoder(body)
        planes = [Plane(self.bands, *shape, chroma=number > 0) for number, shape in enumerate(self.shapes)]
        for number, row in self._rows():
            for column in range(self.shapes[number][1]):
                if layer & 7 == 0 and self.kind != SCRAMBLED:
                    planes[number].mean(coder, row, column, self._first(quality))
                coder.block(planes[number], self.layers[layer & 7], row, column)
        return Packet(layer & 7, quality, [plane.symbols for plane in planes])

    def _rows(self) -> Iterator[tuple[int, int]]:
        for i in range(max(ceil(self.shapes[0][0] / 2), self.shapes[1][0])):
            for plane, row in ((0, 2 * i), (0, 2 * i + 1), (1, i), (2, i)):
                if row < self.shapes[plane][0]:
                    yield plane, row

    def _first(self, quality: int) -> int:
        g = 4 if self.frames == 4 else 3
        step = 0 if quality == 63 else g + self.depth - 8 + (62 - quality) // 6
        return (64 * self.frames << self.depth - 1) >> step
