"""How often the symbols of each table really come, so that the tables of a model say so.

A scale promises a distribution; what comes is not quite that. Four symbols in five are coded with the narrowest table
and are zero but for one in a hundred thousand, where its mixture sets two in a thousand aside for surprises: at low
qualities every tenth bit of the latent (docs/decisions/0009-calibrated-tables.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from sensic.codec.encoder import Encoder
from sensic.codec.settings import EncoderSettings
from sensic.entropy import ScaleTables, SymbolEncoder
from sensic.entropy.coder import IntArray
from sensic.entropy.tables import COUNTED, SCALES
from sensic.model import Model
from sensic.runtime import OnnxBackend
from sensic.video import Frame

QUALITIES = (3, 18, 33, 48, 60)
GROUP = 23  # pictures of a group: a clip of 12 there and back

Plane = NDArray[np.uint8] | NDArray[np.uint16]
Planes = tuple[Plane, Plane]


class CountingTables(ScaleTables):
    """Tables that count what is coded with them: ``seen`` [64, 64], by table and magnitude."""

    def __init__(self, radius: IntArray, frequencies: IntArray, cost: IntArray) -> None:
        super().__init__(radius, frequencies, cost)
        self.seen = np.zeros((SCALES, COUNTED), np.int64)

    def encode(self, symbols: IntArray, index: NDArray[np.uint8], coder: SymbolEncoder) -> None:
        keys = index.astype(np.int64) * COUNTED + np.minimum(np.abs(symbols), COUNTED - 1)
        self.seen += np.bincount(keys, minlength=self.seen.size).reshape(self.seen.shape)
        super().encode(symbols, index, coder)


def count_symbols(
    model: Model,
    clips: Sequence[Planes],
    *,
    qualities: Sequence[int] = QUALITIES,
    threads: int = 1,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.int64]:
    """Code clips to and fro, each as one group at every quality, and count: [64, 64] by table and magnitude.

    A clip is y [T, H, W] and uv [T, 2, H/2, W/2], uint8, or 10 bits in uint16. What the encoder tries counts, as coded:
    with the table that adaptive statistics chose.
    """
    tables = CountingTables(*[model.integers[f"tables.{k}"] for k in ("radius", "frequencies", "cost")])
    watched = Model(model.directory, model.id, model.manifest)
    watched.__dict__["tables"] = tables  # in place of the property that reads them
    backend = OnnxBackend(watched, threads)
    jobs = [(clip, quality) for clip in clips for quality in qualities]
    for done, ((y, uv), quality) in enumerate(jobs):
        settings = EncoderSettings(quality=quality, gop=GROUP)
        for _ in Encoder(watched, backend, y.shape[2], y.shape[1], settings).blocks(frames_of(y, uv)):
            pass
        if progress:
            progress((done + 1) / len(jobs))
    return tables.seen


def frames_of(y: Plane, uv: Plane) -> Iterator[Frame]:
    there = list(range(len(y)))
    for pts, t in enumerate((there + there[-2::-1])[:GROUP]):
        luma, u, v = (np.ascontiguousarray(plane) for plane in (y[t], uv[t, 0], uv[t, 1]))
        yield Frame(luma, u, v, 8 if luma.dtype == np.uint8 else 10, pts, Fraction(1, 25))
