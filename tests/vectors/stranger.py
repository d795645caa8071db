"""A second decoder of the symbols, written from ``docs/bitstream.md`` and not from the sources: it tests that page.

Plain and slow on purpose. Of ``sensic`` it uses the constants that motion starts from, which are part of the format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import pairwise
from math import ceil, isqrt
from pathlib import Path
from typing import NamedTuple

import google_crc32c
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from sensic.motion.initial import CHOICES, HISTORY_ODDS, MAGNITUDES, SHAPE_ODDS

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Pair = tuple[int, int]

ONE = 1 << 24  # the sum of every table of frequencies
EVEN = (ONE // 2, ONE // 2)


class Frame(NamedTuple):
    pts: int
    duration: int | None
    quality: int
    motion: Integers | None
    """(x, y) × rows × columns, quarter pixels; none for the first frame of a group."""
    latent: Array | None
    """None where the last picture is shown again."""


# --- File, header, blocks ---------------------------------------------------------------------------------------------


class Bytes(BytesIO):
    def varint(self) -> int:
        byte = self.read(1)[0]
        return byte if byte < 128 else byte - 128 + (self.varint() << 7)

    def signed(self) -> int:
        code = self.varint()
        return -(code + 1) // 2 if code & 1 else code // 2

    def ebml(self, marker: bool = False) -> int:
        """The size of an element, or its identifier, which keeps its marker bit."""
        first = self.read(1)[0]
        length = 9 - first.bit_length()
        value = int.from_bytes(bytes([first]) + self.read(length - 1), "big")
        return value if marker else value - (1 << 7 * length)


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    reader = Bytes(data)
    while reader.tell() < len(data):
        yield reader.ebml(marker=True), reader.read(reader.ebml())


def track(path: Path) -> tuple[bytes, list[bytes]]:
    """CodecPrivate and SimpleBlocks of the track of V_SENSIC."""
    number, private, blocks = -1, b"", []
    for identifier, data in elements(dict(elements(path.read_bytes()))[0x18538067]):
        if identifier == 0x1654AE6B:  # Tracks
            for entry in (dict(elements(entry)) for _, entry in elements(data)):
                if entry[0x86] == b"V_SENSIC":
                    number, private = int.from_bytes(entry[0xD7], "big"), entry[0x63A2]
        elif identifier == 0x1F43B675:  # Cluster
            for content in (Bytes(content) for kind, content in elements(data) if kind == 0xA3):
                if content.ebml() == number:
                    blocks.append(content.read()[3:])
    return private, blocks


def checked(data: bytes) -> Bytes:
    """Without the checksum at the end."""
    assert google_crc32c.value(data[:-4]) == int.from_bytes(data[-4:], "little"), "checksum"
    return Bytes(data[:-4])


class Block(NamedTuple):
    starts_group: bool
    pts: list[int]
    durations: list[int | None]
    payload: bytes
    repeats: bool


def parse_block(data: bytes, sequence: int) -> Block:
    reader = checked(data)
    version, flags = divmod(reader.read(1)[0], 32)
    assert version in (1, 2)
    assert reader.varint() == sequence
    count = reader.varint()
    pts = [reader.signed()] if count else []
    step = reader.varint() + 1 if count > 1 else 0
    for k in range(1, count):
        if k > 1 and flags & 4:
            step += reader.signed()
        pts.append(pts[-1] + step)
    durations: list[int | None] = [None] * count
    if flags >> 3 == 1:
        steps = [after - before for before, after in pairwise(pts)]
        durations = [*steps, steps[-1]]
    elif flags >> 3 == 2:
        durations = [reader.varint()] * count
    elif flags >> 3 == 3:
        durations = [code - 1 if (code := reader.varint()) else None for _ in range(count)]
    return Block(bool(flags & 1), pts, durations, reader.read(reader.varint()), version == 2)


# --- Range coder ------------------------------------------------------------------------------------------------------


def from_counts(counts: Sequence[int]) -> list[int]:
    total = sum(counts)
    table = [1 + count * (ONE - len(counts)) // total for count in counts]
    table[counts.index(max(counts))] += ONE - sum(table)
    return table


class Coder:
    def __init__(self, payload: bytes) -> None:
        self.words = BytesIO(payload)
        self.range = (1 << 64) - 1
        self.offset = self.word() << 32 | self.word()  # point − lower

    def word(self) -> int:
        return int.from_bytes(self.words.read(4), "little")  # 0 of nothing

    def symbol(self, table: Sequence[int]) -> int:
        scale = self.range >> 24
        assert self.offset < scale << 24, "damage"
        symbol = 0
        while self.offset >= scale * table[symbol]:
            self.offset -= scale * table[symbol]
            symbol += 1
        self.range = scale * table[symbol]
        if self.range < 1 << 32:
            self.range <<= 32
            self.offset = self.offset << 32 | self.word()
        return symbol

    def uniform(self, count: int) -> int:
        return self.symbol([ONE // count] * count)

    def number(self) -> int:
        return sum(self.symbol(EVEN) << bit for bit in range(self.uniform(32)))


# --- Motion -----------------------------------------------------------------------------------------------------------


CLASSES = [(k, 0) for k in range(5)] + [(1 + (2 + h) * 2**e, e) for e in range(1, 9) for h in (0, 1)]
"""First magnitude and number of raw bits."""


def clamp(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)


def distance(a: Pair, b: Pair) -> int:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])


def flag_table(i: int) -> tuple[int, int]:
    likely = isqrt(isqrt(1 << 160 + abs(i)))
    frequency = (likely << 24) // (likely + (1 << 40))
    return (ONE - frequency, frequency) if i >= 0 else (frequency, ONE - frequency)


def halve(counts: list[int]) -> None:
    while sum(counts) > 511 * 16:
        counts[:] = [(count + 1) // 2 for count in counts]


class Site(NamedTuple):
    """A block of a pass."""

    place: Pair
    median: Pair
    far: int
    options: list[Pair]
    moved: bool
    context: int


class Motion:
    """Statistics and the previous field of a group of pictures."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.last = {(row, column): (0, 0) for row in range(rows) for column in range(columns)}
        odds = [-8]
        for shapes in SHAPE_ODDS:
            odds += [shapes[shape] + more for shape in range(7) for more in HISTORY_ODDS[shape]]
        tables = [flag_table(clamp(i, -56, 56)) for i in odds]
        self.flags = [[max(1, frequency * 14 * 16 // ONE) for frequency in table] for table in tables]
        self.choices = [[count * 160 // 64 for count in counts] for counts in CHOICES]
        self.differences = []
        for zero, *more in MAGNITUDES:
            sign = [max(1, count * 640 // 1024) for count in more]
            self.differences.append([zero * 640 // 512, *sign, *sign])

    def decode(self, coder: Coder) -> Integers:
        if not self._flags(coder, [0])[0]:
            self.seen: list[tuple[list[int], int]] = []
            self.field = dict(self.last)
            self._pass(coder, 0, lambda y, x: y % 16 == x % 16 == 0, [(0, 0)] * 4)
            for s, kind in ((16, 1), (8, 1), (4, 3), (2, 5)):
                t = s // 2
                self._pass(coder, kind, lambda y, x: y % s == x % s == t, [(-t, -t), (t, t), (-t, t), (t, -t)])  # noqa: B023
                edges = {(0, t), (t, 0)}
                self._pass(coder, kind + 1, lambda y, x: (y % s, x % s) in edges, [(0, -t), (0, t), (-t, 0), (t, 0)])  # noqa: B023
            self.last = self.field
            for counts, symbol in self.seen:
                counts[symbol] += 16
            for counts in [*self.choices, *self.differences]:
                halve(counts)
        result = np.array(list(self.last.values())).T.reshape(2, self.rows, self.columns)
        assert np.abs(result).max() <= 480, "damage"
        return result

    def _flags(self, coder: Coder, contexts: list[int]) -> list[int]:
        logs = [[(n**4).bit_length() - 1 for n in self.flags[context]] for context in contexts]
        index = [clamp(one - zero, -56, 56) for zero, one in logs]
        flags = [0] * len(contexts)
        for at in sorted(range(len(contexts)), key=index.__getitem__):
            flags[at] = coder.symbol(flag_table(index[at]))
        for context, flag in zip(contexts, flags, strict=True):
            self.flags[context][flag] += 16
        for context in set(contexts):
            halve(self.flags[context])
        return flags

    def _symbols(self, coder: Coder, statistics: list[list[int]], contexts: list[int]) -> list[int]:
        symbols = [0] * len(contexts)
        for at in sorted(range(len(contexts)), key=contexts.__getitem__):
            counts = statistics[contexts[at]]
            symbols[at] = coder.symbol(from_counts(counts))
            self.seen.append((counts, symbols[at]))
        return symbols

    def _pass(self, coder: Coder, kind: int, where: Callable[[int, int], bool], offsets: list[Pair]) -> None:
        sites = [self._site(place, kind, offsets) for place in self.last if where(*place)]
        others = []
        for site, flag in zip(sites, self._flags(coder, [site.context for site in sites]), strict=True):
            self.field[site.place] = site.median
            if not flag:
                others.append(site)
        chosen = [site for site in others if len(site.options) > 1]
        contexts = [((len(site.options) - 2) * 2 + site.moved) * 2 + (kind > 2) for site in chosen]
        choices = iter(self._symbols(coder, self.choices, contexts))
        different = []
        for site in others:
            option = next(choices) + 1 if len(site.options) > 1 else 1
            if option < len(site.options):
                self.field[site.place] = site.options[option]
            else:
                different.append(site)
        self._differences(coder, different)

    def _site(self, place: Pair, kind: int, offsets: list[Pair]) -> Site:
        places = []
        for offset in offsets:
            axes = zip(place, offset, (self.rows, self.columns), strict=True)
            row, column = (next(p for p in (at + step, at - step, at) if 0 <= p < size) for at, step, size in axes)
            places.append((row, column))
        before, olds, four = self.last[place], [self.last[p] for p in places], [self.field[p] for p in places]
        median = min(four, key=lambda v: sum(distance(v, w) for w in four))
        far = max(distance(median, v) for v in four)
        equal = four.count(median)
        shape = 6 if equal == 4 else 2 * (equal - 1) + (far > 3)
        steady = (0, 0, 1, 1, 2)[sum(v == old for v, old in zip(four, olds, strict=True))]
        joined = (0, 0, 1, 1, 2)[olds.count(before)]
        context = 1 + (((kind * 7 + shape) * 2 + (before == median)) * 3 + steady) * 3 + joined
        return Site(place, median, far, list(dict.fromkeys([median, before, *four])), before != median, context)

    def _differences(self, coder: Coder, sites: list[Site]) -> None:
        spread = [0 if site.far == 0 else 1 if site.far <= 4 else 2 for site in sites]
        xs = self._symbols(coder, self.differences, spread)
        sizes = [0 if s == 0 else 1 if s in (1, 2, 21, 22) else 2 for s in xs]
        ys = self._symbols(coder, self.differences, [3 + 3 * r + k for r, k in zip(spread, sizes, strict=True)])
        symbols = [*xs, *ys]
        starts, widths = zip(*(CLASSES[s if s <= 20 else s - 20] for s in symbols), strict=True) if sites else ((), ())
        values = list(starts)
        for bit in range(8):
            for at, width in enumerate(widths):
                values[at] += coder.symbol(EVEN) << bit if bit < width else 0
        signed = [value if s <= 20 else -value for s, value in zip(symbols, values, strict=True)]
        for site, x, y in zip(sites, signed, signed[len(sites) :], strict=False):
            self.field[site.place] = site.median[0] + x, site.median[1] + y


# --- Integer networks -------------------------------------------------------------------------------------------------


def q(x: Array) -> Array:
    return np.clip(np.rint(x * 16), -127, 127) / 16


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def shuffle(x: Array) -> Array:
    channels, h, w = x.shape
    return x.reshape(channels // 4, 2, 2, h, w).transpose(0, 3, 1, 4, 2).reshape(channels // 4, 2 * h, 2 * w)


def magnitudes(y: Array) -> Array:
    return np.concatenate([q(y / 4), q(np.abs(y) / 2)])


class Networks:
    def __init__(self, numbers: dict[str, Integers]) -> None:
        self.numbers = numbers

    def conv(self, name: str, x: Array) -> Array:
        weight, exponent, bias = (self.numbers[f"{name}.{part}"] for part in ("weight", "exponent", "bias"))
        kernel = weight * np.exp2(exponent)[:, None, None, None]
        size, (_, h, w) = weight.shape[2], x.shape
        padded = np.pad(x, ((0, 0), (size // 2, size // 2), (size // 2, size // 2)))
        result = np.zeros((len(weight), h, w)) + bias[:, None, None] / 256
        for i, j in np.ndindex(size, size):
            part = padded[:, i : i + h, j : j + w]
            result += kernel[:, :, i, j, None] * part if size == 3 else np.tensordot(kernel[:, :, i, j], part, 1)
        return result

    def block(self, name: str, x: Array) -> Array:
        a = q(relu(self.conv(f"{name}.a", x)))
        x = q(x + self.conv(f"{name}.b", q(self.conv(f"{name}.d", a))))
        return q(x + self.conv(f"{name}.f2", q(relu(self.conv(f"{name}.f1", x)))))

    def parameters(self, name: str, x: Array, offset: int | Integers) -> tuple[Array, Integers]:
        m, k = np.split(self.conv(name, x), 2)
        offset = np.reshape(offset, (-1, 1, 1))
        return np.rint(m * 8) / 8, np.clip(np.rint(8 * k).astype(int) + offset, 0, 63)

    def embedding(self, inter: int, quality: int) -> Array:
        return np.reshape(self.numbers["embedding"][inter, quality] / 16, (-1, 1, 1))

    def hyper(self, memory: Array, quality: int, inter: int) -> tuple[Array, Integers]:
        channels, h, w = memory.shape
        padded = np.pad(memory, ((0, 0), (0, -h % 4), (0, -w % 4)))
        p = q(padded.reshape(channels, ceil(h / 4), 4, ceil(w / 4), 4).mean((2, 4)))
        x = q(relu(q(self.conv("z_in", p)) + self.embedding(inter, quality)))
        return self.parameters("z_out", q(relu(self.conv("z_b", x))), 22)

    def first(self, z: Array, memory: Array, motion: Array, quality: int, inter: int) -> tuple[Array, Array, Integers]:
        _, h, w = memory.shape
        x = q(shuffle(self.conv("hd1", np.clip(z, -127, 127) / 4)))
        x = q(shuffle(self.conv("hd2", relu(x))))[:, :h, :w]
        x = q(self.block("hb", x) + self.embedding(inter, quality))
        x = q(self.conv("p_mix", np.concatenate([x, memory, q(self.conv("v_emb", q(motion / 32)))])))
        features = self.block("p_b.1", self.block("p_b.0", x))
        return features, *self.parameters("p_out", features, self.numbers["offset"][quality])

    def second(self, features: Array, y: Array, quality: int) -> tuple[Array, Integers]:
        x = q(self.conv("p2_mix", np.concatenate([features, q(self.conv("p2_in", magnitudes(y)))])))
        return self.parameters("p2_out", self.block("p2_b", x), self.numbers["offset"][quality])

    def memory(self, memory: Array, y: Array) -> Array:
        return self.block("s_b", q(self.conv("s_mix", np.concatenate([memory, q(self.conv("s_in", magnitudes(y)))]))))


# --- Latents ----------------------------------------------------------------------------------------------------------


class Adaptive:
    def __init__(self, channels: int, cost: Integers) -> None:
        self.cost = cost
        self.common = np.zeros((64, 16), int)
        self.own = np.zeros((channels, 64, 16), int)
        self.table = np.arange(64)
        self.shift = np.zeros(channels, int)

    def update(self, index: Integers, channel: Integers, symbols: Integers) -> None:
        magnitude = np.minimum(np.abs(symbols), 15)
        self.common -= self.common // 8
        self.own -= self.own // 8
        np.add.at(self.common, (index, magnitude), 16)
        np.add.at(self.own, (channel, self.table[index], magnitude), 16)
        i = np.arange(64)
        self.table = np.argmin(self.common @ self.cost.T + np.abs(i[None] - i[:, None]) * 2**19, axis=1)
        shifts = range(-8, 9)
        prices = [(self.own * self.cost[np.clip(i + s, 0, 63)]).sum((1, 2)) + abs(s) * 2**20 for s in shifts]
        self.shift = np.argmin(prices, axis=0) - 8


class Decoder:
    def __init__(self, stream: Path, model: Path) -> None:
        private, blocks = track(stream)
        self.blocks = [parse_block(block, sequence) for sequence, block in enumerate(blocks)]
        reader = checked(private)
        assert reader.read(2) == b"SN"
        version, flags, profile = reader.read(3)
        assert (version, profile) == (1, 0)
        self.base, _, name = flags & 63, reader.varint(), reader.read(32)
        width, height = reader.varint(), reader.varint()
        self.h, self.w = ceil(height / 16), ceil(width / 16)
        manifest = (model / "manifest.json").read_bytes()
        assert hashlib.sha256(manifest).digest() == name
        self.manifest = json.loads(manifest)
        numbers = {name: array.astype(int) for name, array in load_file(model / "tables.safetensors").items()}
        self.networks = Networks(numbers)
        self.radius: list[int] = numbers["tables.radius"].tolist()
        ends = np.cumsum(2 * numbers["tables.radius"] + 2)
        self.tables = [part.tolist() for part in np.split(numbers["tables.frequencies"], ends[:-1])]

    def _start_group(self) -> None:
        numbers, sizes = self.networks.numbers, self.manifest["networks"]
        self.position = self.checksum = 0
        self.motion = Motion(self.h, self.w)
        self.memory = np.tile(numbers["initial"][:, None, None] / 16, (1, self.h, self.w))
        self.hyper = Adaptive(sizes["hyper"], numbers["tables.cost"])
        self.latent = Adaptive(sizes["latent"], numbers["tables.cost"])

    def frames(self) -> Iterator[Frame]:
        for block in self.blocks:
            if block.starts_group:
                self._start_group()
            coder = Coder(block.payload)
            repeated = False
            for pts, duration in zip(block.pts, block.durations, strict=True):
                quality = self._quality(coder, block.repeats, repeated)
                repeated = quality is None
                if quality is None:
                    yield Frame(pts, duration, self._expected(), None, None)
                else:
                    motion = self.motion.decode(coder) if self.position else None
                    yield Frame(pts, duration, quality, motion, self._latent(coder, quality, motion))
                self.position += 1
            if block.pts:
                assert [coder.uniform(256), coder.uniform(256)] == [self.checksum & 255, self.checksum >> 8 & 255]
                assert not coder.words.read()

    def _quality(self, coder: Coder, repeats: bool, repeated: bool) -> int | None:
        """None where the last picture is repeated, as it was before."""
        if repeated and coder.symbol((ONE >> 4, ONE - (ONE >> 4))):
            return None
        expected = self._expected()
        if not coder.symbol((ONE - 4096, 4096)):
            return expected
        quality = coder.uniform(64)
        return None if repeats and self.position and quality == expected else quality

    def _expected(self) -> int:
        offsets = self.manifest["quality_offsets"]
        inter = offsets["inter"]
        offset = inter[(self.position - 1) % len(inter)] if self.position else offsets["intra"]
        return clamp(self.base + offset, 0, 63)

    def _latent(self, coder: Coder, quality: int, motion: Integers | None) -> Array:
        networks, inter = self.networks, int(motion is not None)
        z, index = networks.hyper(self.memory, quality, inter)
        z += self._run(coder, self.hyper, index, np.ones(index.shape, bool))
        vectors = np.zeros((2, self.h, self.w)) if motion is None else motion.astype(float)
        features, mean, index = networks.first(z, self.memory, vectors, quality, inter)
        channel, row, column = np.indices(index.shape)
        early = (row + column) % 2 == (channel < index.shape[0] // 2)
        latent = np.where(early, mean + self._run(coder, self.latent, index, early), 0)
        mean, index = networks.second(features, latent, quality)
        latent = np.where(early, latent, mean + self._run(coder, self.latent, index, ~early))
        self.memory = networks.memory(self.memory, latent)
        return latent

    def _run(self, coder: Coder, adaptive: Adaptive, index: Integers, chosen: Flags) -> Integers:
        """The symbols of the chosen places, 0 elsewhere."""
        channel = np.nonzero(chosen)[0]
        tables = np.clip(adaptive.table[index[chosen]] + adaptive.shift[channel], 0, 63)
        symbols = np.zeros(len(tables), int)
        for table in range(64):
            places = np.nonzero(tables == table)[0]
            radius = self.radius[table]
            for place in places:
                symbols[place] = coder.symbol(self.tables[table]) - radius
            for place in places[symbols[places] == radius + 1]:
                number = coder.number()
                magnitude = radius + 1 + number // 2
                assert magnitude <= 1 << 20, "damage"
                symbols[place] = -magnitude if number % 2 else magnitude
        self.checksum = google_crc32c.extend(self.checksum, symbols.astype("<i4").tobytes())
        adaptive.update(index[chosen], channel, symbols)
        result = np.zeros(index.shape, int)
        result[chosen] = symbols
        return result
