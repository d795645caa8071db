"""Motion fields as bits: coarse to fine, every vector predicted from decoded ones on all sides.

The blocks of a field are visited in passes, first every 16th block of every 16th row, then those halfway, and so on
down to all. Within a pass nothing depends on anything else of the pass, so a pass is a handful of array operations,
while every block still sees four decoded neighbours around it. A vector is the median of those (a flag), or one of its
other candidates (the same block's last vector, the other neighbours; a symbol), or the median plus a difference.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from sensic.entropy.coder import SymbolDecoder, SymbolEncoder
from sensic.errors import DamagedError
from sensic.motion import contexts
from sensic.motion.adaptive import (
    ODDS,
    REACH,
    Bools,
    Draft,
    FlagStatistics,
    Ints,
    Port,
    Reader,
    SymbolStatistics,
)
from sensic.motion.field import LIMIT, Field

COARSEST = 16
"""Blocks between those of the first pass."""


@dataclass(frozen=True)
class Pass:
    """The blocks of one pass: flat indices [n], those of their four neighbours [4, n], and its kind: 0 the
    first, then two for each of coarse, middle and fine (neighbours diagonal, neighbours straight)."""

    blocks: Ints
    neighbours: Ints
    kind: int


def _mirror(index: Ints, step: int, size: int) -> Ints:
    """index + step, or index - step where that is outside, or index itself."""
    forward, backward = index + step, index - step
    outside = np.where((backward >= 0) & (backward < size), backward, index)
    return np.where((forward >= 0) & (forward < size), forward, outside)


@lru_cache(maxsize=16)
def passes(height: int, width: int) -> tuple[Pass, ...]:
    """The coding order of a field of height × width blocks.

    A neighbour outside the field is replaced by the one opposite; where that is outside too, by the block itself,
    which holds its last vector until it is coded.
    """
    rows, columns = (index.ravel().astype(np.int64) for index in np.indices((height, width)))
    out: list[Pass] = []

    def add(where: Bools, offsets: list[tuple[int, int]], kind: int) -> None:
        y, x = rows[where], columns[where]
        if y.size:
            near = [_mirror(y, dy, height) * width + _mirror(x, dx, width) for dy, dx in offsets]
            out.append(Pass(y * width + x, np.stack(near), kind))

    step = COARSEST
    add((rows % step == 0) & (columns % step == 0), [(0, 0)] * 4, 0)
    while step > 1:
        half = step // 2
        kind = {2: 5, 4: 3}.get(step, 1)
        odd_row, odd_column = rows % step == half, columns % step == half
        on_row, on_column = rows % step == 0, columns % step == 0
        add(odd_row & odd_column, [(-half, -half), (half, half), (-half, half), (half, -half)], kind)
        add((odd_row & on_column) | (on_row & odd_column), [(0, -half), (0, half), (-half, 0), (half, 0)], kind + 1)
        step = half
    return tuple(out)


class MotionCoder:
    """Codes the fields of one group of pictures. Encoder and decoder hold one each, in the same state.

    ``previous`` is the last field coded, zero at the start. Call ``reset`` at the start of every group.
    """

    def __init__(self, height: int, width: int) -> None:
        """Sizes in blocks."""
        self._shape = (height, width)
        self.reset()

    def reset(self) -> None:
        self.previous: Field = np.zeros((2, *self._shape), np.int16)
        self._flags = FlagStatistics(contexts.flag_counts())
        self._choices = SymbolStatistics(contexts.choice_counts())
        self._differences = SymbolStatistics(contexts.difference_counts())
        self._drafts: dict[bytes, tuple[MotionCoder, Draft]] = {}

    def encode(self, field: Field, coder: SymbolEncoder) -> None:
        """Append one field, int16 [2, h, w], within ±LIMIT (else ValueError)."""
        if field.shape != self.previous.shape or int(np.abs(field.astype(np.int32)).max()) > LIMIT:
            raise ValueError(f"a motion field has the shape {self.previous.shape} and values within ±{LIMIT}")
        after, draft = self._drafted(field)
        draft.write(coder)
        vars(self).update(vars(after))

    def decode(self, coder: SymbolDecoder) -> Field:
        """The next field. Raises DamagedError for vectors out of range."""
        return self._transcribe(self.previous, Reader(coder))

    def copy(self) -> MotionCoder:
        """A coder that has coded the same, to go on from here a second time."""
        twin = copy(self)
        twin._flags, twin._choices = self._flags.copy(), self._choices.copy()
        twin._differences, twin._drafts = self._differences.copy(), {}
        return twin

    def measure(self, field: Field) -> float:
        """The ideal length in bits that ``encode`` would give ``field`` now; nothing is changed."""
        return self._drafted(field)[1].bits

    def _drafted(self, field: Field) -> tuple[MotionCoder, Draft]:
        """``field`` as it would be written now, and a coder that has done so. Kept, as what is measured often is
        written then."""
        key = field.tobytes()
        if key not in self._drafts:
            after, draft = self.copy(), Draft()
            after._transcribe(field, draft)
            self._drafts[key] = after, draft
        return self._drafts[key]

    def _transcribe(self, field: Field, port: Port) -> Field:
        """Write ``field`` or, where the port is a reader, ignore it and return what is read."""
        truth = field.reshape(2, -1).astype(np.int64)
        last = self.previous.reshape(2, -1).astype(np.int64)
        out = last.copy()
        repeated = np.array([bool((truth == last).all())])
        if not self._flags.code(port, np.array([contexts.REPEAT]), repeated)[0]:
            for part in passes(*self._shape):
                out[:, part.blocks] = self._vectors(truth[:, part.blocks], out, last, part, port)
            if int(np.abs(out).max()) > LIMIT:
                raise DamagedError("a motion vector is out of range")
            self._choices.refresh()
            self._differences.refresh()
        self.previous, self._drafts = out.astype(np.int16).reshape(self.previous.shape), {}
        return self.previous

    def _vectors(self, truth: Ints, known: Ints, last: Ints, part: Pass, port: Port) -> Ints:
        """The vectors [2, n] of one pass."""
        near, here = known[:, part.neighbours], last[:, part.blocks]  # [2, 4, n], [2, n]
        median, apart = _median(near)
        context = contexts.median_flag(part.kind, near, apart, median, here, last[:, part.neighbours])
        hit = self._flags.code(port, context, _equal(truth, median))
        at = np.flatnonzero(~hit)
        if at.size:
            options = np.concatenate([median[:, None, at], here[:, None, at], near[:, :, at]], 1)
            median[:, at] = self._others(truth[:, at], options, apart[:, at].max(0), part.kind, port)
        return median

    def _others(self, truth: Ints, options: Ints, spread: Ints, kind: int, port: Port) -> Ints:
        """Vectors [2, n] that are not the median: one of ``options`` [2, 6, n], of which the median is the first."""
        count, rank = _distinct(options)
        is_option = _equal(truth[:, None], options)  # [6, n]
        every = np.arange(count.size)
        wanted = np.where(is_option.any(0), rank[is_option.argmax(0), every], count) - 1
        choice = np.zeros_like(count)
        at = np.flatnonzero(count > 1)
        choice[at] = self._choices.code(port, contexts.choice(kind, count[at], rank[1, at] == 1), wanted[at])
        out = options[:, (rank == choice + 1).argmax(0), every]
        at = np.flatnonzero(choice >= count - 1)
        if at.size:
            median = options[:, 0, at]
            out[:, at] = median + self._difference(truth[:, at] - median, spread[at], port)
        return out

    def _difference(self, truth: Ints, spread: Ints, port: Port) -> Ints:
        """Differences [2, n] of vectors from the median: sign and size class of x, of y, then the bits within both."""
        wanted, within = contexts.classify(truth)
        x = self._differences.code(port, contexts.difference_x(spread), wanted[0])
        y = self._differences.code(port, contexts.difference_y(spread, x), wanted[1])
        symbols = np.stack([x, y])
        return contexts.assemble(symbols, _raw(port, within, contexts.WIDTHS[symbols]))


def _raw(port: Port, truth: Ints, widths: Ints) -> Ints:
    """Integers below ``2 ** widths``, of any shape, bit by bit: all lowest bits first, of those that have one."""
    places = np.arange(contexts.WIDEST).reshape(-1, *[1] * truth.ndim)
    bits = truth >> places & 1
    there = places < widths
    bits[there] = port.code(bits[there], EVEN)
    return np.asarray((bits * there << places).sum(0))


EVEN = ODDS[REACH]
"""Zero and one alike."""


def _median(near: Ints) -> tuple[Ints, Ints]:
    """Of the four vectors [2, 4, n] the one nearest to the others (the first of several), [2, n], and how far they all
    are from it, [4, n]; distances are sums over both components."""
    apart = np.zeros((4, 4, near.shape[2]), np.int64)
    for i, j in combinations(range(4), 2):
        apart[i, j] = apart[j, i] = np.abs(near[:, i] - near[:, j]).sum(0)
    order, every = apart.sum(0).argmin(0), np.arange(near.shape[2])
    return near[:, order, every], apart[order, :, every].T


def _equal(a: Ints, b: Ints) -> Bools:
    """Where vectors [2, ...] are the same."""
    return np.asarray((a[0] == b[0]) & (a[1] == b[1]))


def _distinct(options: Ints) -> tuple[Ints, Ints]:
    """How many of ``options`` [2, k, n] differ [n], and the rank of each among them by first appearance [k, n]."""
    first = _equal(options[:, :, None], options[:, None]).argmax(1)  # the earliest equal option, [k, n]
    fresh = first == np.arange(len(first))[:, None]
    rank = np.cumsum(fresh, 0) - 1
    return rank[-1] + 1, rank[first, np.arange(first.shape[1])]
