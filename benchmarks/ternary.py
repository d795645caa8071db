"""Learns the transform of the operator ``learned_ternary`` from footage: ``python -m benchmarks.ternary PACKS``.

Of all 8 × 8 matrices of −1, 0 and +1 whose rows are orthogonal and symmetric or antisymmetric (pictures may be turned
round), the first row all +1, and that take few enough additions, it finds the one that is best next to Walsh–Hadamard
at equal rate, and writes it as ``sensic/sensing/operators/ternary.py`` holds it. All are tried in the quantiser of
streams, with one power-of-two step for all measurements, whatever their row's norm is. The rate is the entropy of each
band's symbols in blocks of like activity, the error that of the mean of all that have a symbol; both are sums over
pairs of rows, so that a table of pairs tells all matrices. Blocks are of 4 frames, transformed along time by
Walsh–Hadamard. The same footage gives the same matrix.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.progress import progress_bar
from sensic.sensing.operators.ternary import Additions
from sensic.sensing.operators.walsh_hadamard import hadamard
from sensic.video import VideoSource

FRAMES, SIDE, HALF = 4, 8, 4
STEPS = (16, 32)
"""Of the quantiser for coefficients of unit norm: those of the qualities 38 and 32."""
ROUNDING = 18 / 64
CLIP = 12
"""Frames of a clip of a pack; the first 4 of each are looked at."""
CLASSES, SYMBOLS = 8, 9
_CHUNK = 256

Blocks = NDArray[np.float32]  # [n, frames, 8, 8]
Table = NDArray[np.float64]


class Found(NamedTuple):
    gain: float
    """dB above Walsh–Hadamard at equal rate."""
    matrix: NDArray[np.int64]

    @property
    def additions(self) -> float:
        """A sample, with those along time."""
        return 2 * Additions(self.matrix).count / SIDE + Additions(hadamard(FRAMES)).count / FRAMES


def blocks_of_footage(sources: list[Path], count: int) -> Iterator[Blocks]:
    """``count`` blocks of luma, at random places, of every 12 frames."""
    random = np.random.default_rng(0)
    for source in sources:
        with VideoSource(source) as video:
            luma: list[NDArray[Any]] = []
            for number, frame in enumerate(video):
                place = number % CLIP
                if place < FRAMES:
                    luma.append(frame.y.astype(np.uint16) >> (frame.depth - 8))
                if place == FRAMES - 1:
                    group, luma = np.stack(luma), []
                    places = random.integers(0, np.array(group.shape[1:]) - SIDE + 1, (count, 2))
                    cut = np.stack([group[:, r : r + SIDE, c : c + SIDE] for r, c in places])
                    yield cut.astype(np.float32) - 128


def half_bases() -> list[NDArray[np.int64]]:
    """All sets of four orthogonal rows [4, 4] of −1, 0 and +1; a row and its negative count once."""
    vectors = [np.array(v) for v in itertools.product((-1, 0, 1), repeat=HALF) if next(filter(None, v), -1) > 0]
    found = [[v] for v in vectors]
    places = [[n] for n in range(len(vectors))]
    for _ in range(HALF - 1):
        grown = [
            ([*basis, vectors[n]], [*place, n])
            for basis, place in zip(found, places, strict=True)
            for n in range(place[-1] + 1, len(vectors))
            if not any(vectors[n] @ v for v in basis)
        ]
        found, places = [basis for basis, _ in grown], [place for _, place in grown]
    return [np.stack(basis) for basis in found]


def rates_and_distortions(blocks: Blocks, rows: NDArray[np.int64], step: int) -> tuple[Table, Table]:
    """Of each pair of a row along columns and one along rows [rows, rows]: bits and squared error, a sample."""
    along = rows.astype(np.float32)
    norms = np.sqrt((along**2).sum(1))
    raw = step * SIDE * math.sqrt(FRAMES)  # the step of measurements, for all alike
    unit = np.square(raw / np.outer(norms, norms) / math.sqrt(FRAMES))
    in_time = np.einsum("st,ntij->snij", hadamard(FRAMES).astype(np.float32), blocks, optimize=True)
    rate, distortion = np.zeros(unit.shape), np.zeros(unit.shape)
    for parts in in_time:
        energy = np.square(parts - parts.mean((1, 2), keepdims=True)).sum((1, 2)) / FRAMES
        classes = np.clip(np.log2(energy / step**2 + 1), 0, CLASSES - 1).astype(np.int64)
        for activity in range(CLASSES):
            counts, offsets = np.zeros((SYMBOLS, *unit.shape)), np.zeros((SYMBOLS, *unit.shape))
            alike = parts[classes == activity]
            for start in range(0, len(alike), _CHUNK):
                size = np.abs(along @ alike[start : start + _CHUNK] @ along.T) / np.float32(raw)
                symbol = np.floor(size + np.float32(ROUNDING))
                offset = size - symbol
                distortion += np.square(offset).sum(0, dtype=np.float64) * unit
                for number in range(SYMBOLS):
                    here = symbol == number if number < SYMBOLS - 1 else symbol >= number
                    counts[number] += here.sum(0)
                    offsets[number] += np.sum(offset, 0, np.float64, where=here)
                # A sign for each symbol that is not 0, a length code for large ones.
                rate += (symbol > 0).sum(0)
                rate += 2 * np.log2(np.maximum(symbol - (SYMBOLS - 2), 1)).sum(0, dtype=np.float64)
            share = counts / max(len(alike), 1)
            rate -= (counts * np.log2(np.maximum(share, 1e-9))).sum(0)
            # What a decoder shows is the mean of all that have the symbol; of 0, it is 0.
            distortion -= (np.square(offsets[1:]) / np.maximum(counts[1:], 1)).sum(0) * unit
    samples = blocks.size
    return rate / samples, distortion / samples


def search(blocks: Blocks) -> list[Found]:
    """All matrices, the best first."""
    bases = half_bases()
    halves = np.unique(np.concatenate(bases), axis=0)
    number = {tuple(half): n for n, half in enumerate(halves.tolist())}
    rows = np.concatenate([np.hstack([halves, halves[:, ::-1]]), np.hstack([halves, -halves[:, ::-1]])])
    chosen = [
        [number[tuple(v)] for v in even.tolist()] + [len(halves) + number[tuple(v)] for v in odd.tolist()]
        for even, odd in itertools.product(bases, bases)
        if (even == 1).all(1).any()
    ]
    sequency = {tuple(row) for row in hadamard(SIDE).tolist()}
    walsh = next(one for one in chosen if {tuple(row) for row in rows[one].tolist()} == sequency)
    tables = [rates_and_distortions(blocks, rows, step) for step in STEPS]
    points = [[(_sum(rate, one), _sum(distortion, one)) for one in chosen] for rate, distortion in tables]
    reference = [(_sum(rate, walsh), _sum(distortion, walsh)) for rate, distortion in tables]
    (fine, coarse) = reference
    slope = math.log(coarse[1] / fine[1]) / (fine[0] - coarse[0])
    gains = np.mean(
        [
            [math.log(d / distortion) + slope * (r - rate) for rate, distortion in one]
            for one, (r, d) in zip(points, reference, strict=True)
        ],
        0,
    )
    found = [Found(10 / math.log(10) * gain, ordered(rows[one])) for gain, one in zip(gains, chosen, strict=True)]
    return sorted(found, key=lambda one: -one.gain)


def _sum(table: Table, chosen: list[int]) -> float:
    return float(table[np.ix_(chosen, chosen)].sum())


def ordered(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """From slow to fast: by the energy of differences between neighbours."""
    speed = np.square(np.diff(rows, axis=1)).sum(1) / np.square(rows).sum(1)
    return np.stack([row for _, row in sorted(zip(speed.tolist(), rows.tolist(), strict=True))])


def written(matrix: NDArray[np.int64]) -> str:
    """As ``operators/ternary.py`` has it."""
    return "\n".join(" ".join("-0+"[entry + 1] for entry in row) for row in matrix.tolist())


def main(
    packs: Annotated[list[Path], typer.Argument(help="Videos; packs of training footage.", exists=True)],
    additions: Annotated[float, typer.Option(help="At most so many a sample.")] = 7.5,
    blocks: Annotated[int, typer.Option(help="From every 12 frames.", min=1)] = 4,
) -> None:
    with progress_bar() as bar:
        task = bar.add_task("reading", total=None)
        looked = np.concatenate([one for one in bar.track(blocks_of_footage(packs, blocks), task_id=task)])
    found = search(looked)
    reference = next(one for one in found if (one.matrix == hadamard(SIDE)).all())
    best = next(one for one in found if one.additions <= additions)
    typer.echo(f"{len(looked)} blocks, {len(found)} matrices; {best.additions:g} additions a sample,")
    typer.echo(f"{best.gain:+.3f} dB at equal rate next to the {reference.additions:g} of Walsh-Hadamard:")
    typer.echo(written(best.matrix))


if __name__ == "__main__":
    typer.run(main)
