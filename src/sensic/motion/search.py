"""Motion search: dense flow proposes, rate and distortion choose. Encoder only.

The choice is an energy over the field: the absolute differences of every block, plus λ times what neighbouring
vectors cost for differing. It is lowered block by block on a checkerboard (iterated conditional modes), first on
a grid of 64-pixel blocks, then 32, then 16, since a fine grid alone never lets go of a bad patch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log, sqrt
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.motion.coding import MotionCoder
from sensic.motion.field import BLOCK, LIMIT, Field, Plane
from sensic.motion.fitting import Fitting
from sensic.motion.pricing import FAR, PAIR, TEMPORAL

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Vectors = NDArray[np.int16]
Kind = TypeVar("Kind", bound=np.generic)

SIDE = 8
"""Samples per block side at which candidates are compared."""
SMALLEST = 32
"""Pixels; pictures narrower or lower have no dense flow."""
CHUNK = 16384
"""Blocks per call of cv2.remap, whose planes are limited to 32,767 rows."""
LAMBDA = 3.0
"""Differences per bit, as a multiple of the square root of squared differences per bit. Between 3 and 6 the total cost
(motion, residual and error) hardly changes; less error is the better choice, since it goes on into later pictures."""
TOGETHER, BY_TURNS = 4.0, 1.5
"""Squared error that a bit has to save when vectors are fitted, as a multiple of what it is worth: bits are guessed
there, and too few for vectors that go their own ways, most of all where all are fitted at once."""


@dataclass(frozen=True)
class Thoroughness:
    """How hard the search tries.

    ``dense`` flow or a coarser one; blocks of ``scales`` × 16 pixels, largest first, with so many ``sweeps`` over each;
    ``nudged``: the flow's vectors are also tried half and quarter pixels aside; ``rounds`` of fitting to the warp,
    ``by_turns`` or not, and ``merges`` of neighbours there, looking at every ``stride``-th pixel each way.
    """

    dense: bool = True
    scales: tuple[int, ...] = (4, 2, 1)
    sweeps: int = 2
    nudged: bool = False
    rounds: int = 2
    by_turns: bool = False
    merges: int = 0
    stride: int = 2


_QUICK = Thoroughness(dense=False, scales=(2, 1), sweeps=1, rounds=0)
_SLOW = Thoroughness(rounds=3, by_turns=True, merges=2)
_BEST = Thoroughness(sweeps=3, nudged=True, rounds=6, by_turns=True, merges=3, stride=1)
THOROUGHNESS = (
    _QUICK, _QUICK, _QUICK, Thoroughness(rounds=0), Thoroughness(), Thoroughness(),
    replace(_SLOW, rounds=2, merges=1), _SLOW, replace(_SLOW, stride=1), _BEST,
)  # fmt: skip
"""By effort."""


DEAREST = 8
"""Bits that a block which doesn't keep its vector costs at most, on average over a picture."""


@dataclass(frozen=True)
class Candidates:
    """What the flow proposes: one field int16 [2, ceil(h/s), ceil(w/s)] for every grid of s×s blocks."""

    fields: dict[int, Field]


def trade_off(quality: int) -> float:
    """The weight l of bpp + l·MSE at a quality 0..63 (MSE of 8-bit values)."""
    return exp(log(4e-4) + (log(3e-2) - log(4e-4)) * quality / 63)


def quarter(flow: Floats) -> Field:
    """Pixels to quarter pixels within ±LIMIT."""
    return np.clip(np.rint(flow * 4), -LIMIT, LIMIT).astype(np.int16)


def block_median(flow: Floats, size: int) -> Floats:
    """The component-wise median of ``flow`` [2, H, W] over blocks of size × size: [2, ceil(H/size), ceil(W/size)]."""
    height, width = flow.shape[1:]
    flow = np.pad(flow, ((0, 0), (0, -height % size), (0, -width % size)), mode="edge")
    h, w = flow.shape[1] // size, flow.shape[2] // size
    blocks = flow.reshape(2, h, size, w, size).transpose(0, 1, 3, 2, 4).reshape(2, h, w, size * size)
    middle = size * size // 2
    return np.partition(blocks, middle, -1)[..., middle]


class _Grid:
    """The blocks of ``scale * 16`` pixels, each looked at in 8×8 samples."""

    def __init__(self, height: int, width: int, scale: int) -> None:
        side = BLOCK * scale
        self.scale, self.shape = scale, (-(-height // side), -(-width // side))
        h, w = self.shape
        step = side // SIDE
        y = np.minimum(np.arange(h * SIDE) * step + step // 2, height - 1)
        x = np.minimum(np.arange(w * SIDE) * step + step // 2, width - 1)
        self._rows, self._columns = y, x
        grid = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1).astype(np.int16)
        self.positions = self._blocks(grid)  # [h * w, 64, 2]
        rows, columns = (index.ravel() for index in np.indices(self.shape))
        self.colours = [np.flatnonzero((rows + columns) % 2 == c) for c in (0, 1)]
        sides = ((0, -1), (0, 1), (-1, 0), (1, 0))
        near = [np.clip(rows + dy, 0, h - 1) * w + np.clip(columns + dx, 0, w - 1) for dy, dx in sides]
        self.around = np.stack(near)  # [4, h * w]; outside the picture: the block itself

    def _blocks(self, samples: NDArray[Kind]) -> NDArray[Kind]:
        """[h * 8, w * 8, ...] to [h * w, 64, ...]."""
        h, w = self.shape
        tail = samples.shape[2:]
        blocks = samples.reshape(h, SIDE, w, SIDE, *tail).swapaxes(1, 2)
        return np.ascontiguousarray(blocks.reshape(h * w, SIDE * SIDE, *tail))

    def samples(self, plane: Plane) -> Plane:
        return self._blocks(plane[self._rows][:, self._columns])


class _Fit:
    """How well the blocks of a grid find themselves in the reference."""

    def __init__(self, grid: _Grid, current: Plane, reference: Plane) -> None:
        self.grid, self._samples, self._reference = grid, grid.samples(current), reference

    def errors(self, blocks: Ints, vectors: Vectors) -> Floats:
        """The sums of absolute differences [n] over whole blocks when they move by ``vectors`` [n, 2]."""
        positions, samples = self.grid.positions[blocks], self._samples[blocks]
        parts = [slice(i, i + CHUNK) for i in range(0, len(samples), CHUNK)]
        out = [self._part(positions[p], samples[p], vectors[p]) for p in parts]
        return np.concatenate(out) if out else np.empty(0, np.float32)

    def refined(self, vectors: Vectors) -> Vectors:
        """``vectors`` [h * w, 2], each moved to the best place within half, then a quarter of a pixel."""
        blocks, best = np.arange(len(vectors)), vectors
        for step in (2, 1):
            moves = np.array([(x, y) for y in (-step, 0, step) for x in (-step, 0, step)], np.int16)
            tried = np.clip(best + moves[:, None], -LIMIT, LIMIT)
            errors = self.errors(np.tile(blocks, len(moves)), tried.reshape(-1, 2)).reshape(len(moves), -1)
            best = np.asarray(tried[errors.argmin(0), blocks])
        return best

    def _part(self, positions: NDArray[np.int16], samples: Plane, vectors: Vectors) -> Floats:
        whole = positions + np.repeat(vectors >> 2, samples.shape[1], 0).reshape(positions.shape)
        part = (vectors & 3).astype(np.uint16)
        index = part[:, 1] * np.uint16(8 * 32) + part[:, 0] * np.uint16(8)  # of both fractions, in 32nds
        fraction = np.repeat(index, samples.shape[1]).reshape(samples.shape)
        moved = cv2.remap(self._reference, whole, fraction, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        area = (BLOCK * self.grid.scale) ** 2 / samples.shape[1]
        sums = cv2.reduce(cv2.absdiff(moved, samples), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32F)
        return np.asarray(sums[:, 0] * np.float32(area), np.float32)


class MotionSearch:
    """Finds one vector per 16×16 block of pictures of ``width`` × ``height`` (multiples of 16).

    ``effort`` 0..9 or what else is to be tried.
    """

    def __init__(self, width: int, height: int, effort: int | Thoroughness = 5) -> None:
        if width % BLOCK or height % BLOCK or width < BLOCK or height < BLOCK:
            raise ValueError(f"width and height are multiples of {BLOCK}, not {width}x{height}")
        self._shape = (height // BLOCK, width // BLOCK)
        self._effort = THOROUGHNESS[effort] if isinstance(effort, int) else effort
        dense = self._effort.dense
        preset = cv2.DISOPTICAL_FLOW_PRESET_FAST if dense else cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST
        self._flow = cv2.DISOpticalFlow.create(preset)
        self._grids = [_Grid(height, width, scale) for scale in self._effort.scales]

    def flow(self, current: Plane, previous: Plane) -> Candidates:
        """What moved from ``previous`` to ``current``, source luma uint8 [H, W]. Independent of earlier calls."""
        if min(current.shape) < SMALLEST:
            return Candidates({g.scale: np.zeros((2, *g.shape), np.int16) for g in self._grids})
        planes = np.ascontiguousarray(current), np.ascontiguousarray(previous)
        dense = np.asarray(self._flow.calc(*planes, np.empty(0, np.float32)), np.float32)
        fine = block_median(np.ascontiguousarray(dense[2::4, 2::4].transpose(2, 0, 1)), 4)
        return Candidates({g.scale: quarter(block_median(fine, g.scale)) for g in self._grids})

    def choose(
        self,
        current: Plane,
        reference: Plane,
        candidates: Candidates,
        previous: Field,
        quality: int,
        coder: MotionCoder | None = None,
    ) -> Field:
        """The field that predicts ``current`` from ``reference`` (decoded) best for its bits.

        ``previous`` is the last field coded (zeros at the start of a group), ``quality`` 0..63.
        """
        weight = LAMBDA * sqrt(1 / trade_off(quality))
        scale = self._grids[0].scale
        field = candidates.fields[scale]
        for grid in self._grids:
            (h, w), zoom, scale = grid.shape, scale // grid.scale, grid.scale
            last = _coarse(previous, grid.scale)
            start = field.repeat(zoom, 1).repeat(zoom, 2)[:, :h, :w]
            proposals = [_vectors(f) for f in (start, candidates.fields[grid.scale], last, np.zeros_like(last))]
            fit = _Fit(grid, current, reference)
            if grid.scale == 1 and self._effort.nudged:
                proposals.append(fit.refined(proposals[1]))
            chosen = _Descent(fit, np.stack(proposals), _vectors(last), weight).run(self._effort.sweeps)
            field = np.ascontiguousarray(chosen.T).reshape(2, h, w)
        if coder is not None:
            field = _worthwhile(field, previous, fit, coder, weight)
        if not self._effort.rounds:
            return field
        return self._fitted(current, reference, field, previous, 1 / trade_off(quality), coder)

    def _fitted(
        self, current: Plane, reference: Plane, field: Field, previous: Field, weight: float, coder: MotionCoder | None
    ) -> Field:
        """``field`` fitted to the warp, where a bit is worth a squared error of ``weight``."""
        effort = self._effort
        price = (BY_TURNS if effort.by_turns else TOGETHER) * weight
        fitting = Fitting(current, reference, field, previous, price, effort.stride)
        error = fitting.error
        fitted = fitting.fit(effort.rounds, by_turns=effort.by_turns, merges=effort.merges)
        if fitted is field or coder is None:
            return fitted
        cost = fitting.error + weight * coder.measure(fitted)
        # Mostly less than the error alone, so that the other field's bits need no counting.
        return fitted if cost < error or cost < error + weight * coder.measure(field) else field


def _worthwhile(field: Field, previous: Field, fit: _Fit, coder: MotionCoder, weight: float) -> Field:
    """``field``, or ``previous`` where repeating that costs next to nothing and predicts nearly as well.

    Block by block it never would: the first of many blocks to change its mind gains little.
    """
    at = np.flatnonzero((field != previous).any(0))
    gains = np.zeros(field[0].size, np.float32)
    gains[at] = fit.errors(at, _vectors(previous)[at]) - fit.errors(at, _vectors(field)[at])
    gain, most = float(gains.sum()), DEAREST * at.size  # so that the bits are counted only where it is close
    return field if gain > weight * most or gain > weight * coder.measure(field) else previous


class _Descent:
    """Iterated conditional modes on one grid. Vectors are [..., n, 2] here, so that one int32 holds a vector.

    ``proposals`` [k, n, 2] are what every block may take besides its neighbours' vectors; the first is the start.
    """

    def __init__(self, fit: _Fit, proposals: Vectors, last: Vectors, weight: float) -> None:
        self._fit, self._weight, self._proposals, self._last = fit, weight, proposals, last
        count = proposals.shape[1]
        self._errors = self._compare(np.arange(count), proposals, len(proposals))
        self._chosen, self._error = proposals[0].copy(), self._errors[0].copy()
        self._stale = np.ones(count, np.bool_)

    def run(self, sweeps: int) -> Vectors:
        for _ in range(sweeps):
            for colour in self._fit.grid.colours:
                at = colour[self._stale[colour]]
                if at.size:
                    self._update(at, self._fit.grid.around[:, at])
        return np.asarray(self._chosen)

    def _update(self, at: Ints, around: Ints) -> None:
        """Give the blocks ``at`` the cheapest of the proposals, their neighbours' vectors and their own."""
        own, near = self._chosen[at], self._chosen[around]  # [n, 2], [4, n, 2]
        vectors = np.concatenate([near, own[None], self._proposals[:, at]])
        errors = np.concatenate([self._compare(at, vectors[:5], 4), self._error[None, at], self._errors[:, at]])
        cost = errors + self._weight * self._bits(vectors, near, self._last[at])
        best, every = cost.argmin(0), np.arange(at.size)
        taken = vectors[best, every]
        self._stale[at] = False
        self._stale[around[:, _keys(taken) != _keys(own)]] = True
        self._chosen[at], self._error[at] = taken, errors[best, every]

    def _compare(self, at: Ints, vectors: Vectors, count: int) -> Floats:
        """The errors [count, n] of the first ``count`` vectors [k, n, 2] at the blocks ``at``.

        Infinite for one that comes again later, since looking at it once is enough.
        """
        keys = _keys(vectors)
        errors = np.full((count, at.size), np.inf, np.float32)
        fresh = np.stack([(keys[i] != keys[i + 1 :]).all(0) for i in range(count)])
        which, block = np.nonzero(fresh)
        errors[fresh] = self._fit.errors(at[block], vectors[which, block])
        return errors

    def _bits(self, vectors: Vectors, near: Vectors, last: Vectors) -> Floats:
        """About what the vectors [k, n, 2] cost among their neighbours' [4, n, 2]: [k, n]."""
        apart = np.abs(vectors[:, None, :, 0] - near[..., 0]) + np.abs(vectors[:, None, :, 1] - near[..., 1])
        pairs = PAIR[np.minimum(apart, FAR)].sum(1)
        changed = _keys(vectors) != _keys(last)
        return np.asarray(self._fit.grid.scale * pairs + np.float32(TEMPORAL) * changed, np.float32)


def _keys(vectors: Vectors) -> NDArray[np.int32]:
    """[..., 2] contiguous int16 as one integer each."""
    return np.asarray(vectors.view(np.int32)[..., 0])


def _vectors(field: Field) -> Vectors:
    """[2, h, w] to [h * w, 2]."""
    return np.ascontiguousarray(field.reshape(2, -1).T)


def _coarse(field: Field, scale: int) -> Field:
    """The field on the grid of scale × scale blocks: the vector just past each block's middle."""
    h, w = field.shape[1:]
    rows = np.minimum(np.arange(0, h, scale) + scale // 2, h - 1)
    columns = np.minimum(np.arange(0, w, scale) + scale // 2, w - 1)
    return np.asarray(field[:, rows[:, None], columns])
