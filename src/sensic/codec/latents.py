"""The entropy path of one group of pictures: latents to symbols and back, the same code on both sides.

Everything here that decides a probability is an integer; see docs/bitstream.md, "Latents".
"""

from __future__ import annotations

from concurrent.futures import Executor, Future
from copy import copy
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from sensic.codec.quantisation import HYPER_WORTH, cheapest
from sensic.entropy import ScaleTables, SymbolDecoder, SymbolEncoder, TableStatistics, first_cells
from sensic.model import Model
from sensic.motion import Field
from sensic.runtime import Backend

Floats = NDArray[np.float32]
Symbols = NDArray[np.int32]
Positions = NDArray[np.int64]


class SymbolPort(Protocol):
    """One side's end of the symbol stream."""

    def exchange(self, part: str, wanted: Floats | None, index: NDArray[np.uint8], run: Pass) -> Symbols:
        """Symbols [n] of a run with table indices [n]; ``wanted`` [n] is what the encoder would send, not rounded."""
        ...


class SymbolChooser:
    """Makes values symbols, and writes nothing. ``worth`` [h, w] is the price of error in the blocks of ``y``
    (``sensic.codec.quantisation``)."""

    def __init__(self, tables: ScaleTables, worth: Floats) -> None:
        self._tables, self._worth = tables, worth.ravel()

    def exchange(self, part: str, wanted: Floats | None, index: NDArray[np.uint8], run: Pass) -> Symbols:
        assert wanted is not None
        worth = self._worth[run.blocks] if part == "y" else HYPER_WORTH
        return cheapest(wanted, index, self._tables, worth)


class SymbolWriter(SymbolChooser):
    """The encoder's end: what is chosen is written by ``pool``, a single thread.

    Nobody waits for the bytes, so they are written while the networks go on; ``flush`` waits for them.
    """

    def __init__(self, coder: SymbolEncoder, tables: ScaleTables, pool: Executor, worth: Floats) -> None:
        super().__init__(tables, worth)
        self._coder, self._pool = coder, pool
        self._pending: list[Future[None]] = []
        self.bits: dict[str, float] = {}

    def exchange(self, part: str, wanted: Floats | None, index: NDArray[np.uint8], run: Pass) -> Symbols:
        symbols = super().exchange(part, wanted, index, run)
        self._pending.append(self._pool.submit(self._write, part, symbols, index))
        return symbols

    def _write(self, part: str, symbols: Symbols, index: NDArray[np.uint8]) -> None:
        before = self._coder.bits
        self._tables.encode(symbols, index, self._coder)
        self.bits[part] = self.bits.get(part, 0.0) + self._coder.bits - before

    def flush(self) -> None:
        """Wait until everything is written."""
        for future in self._pending:
            future.result()
        self._pending.clear()


class SymbolReader:
    """The decoder's end."""

    def __init__(self, coder: SymbolDecoder, tables: ScaleTables) -> None:
        self._coder, self._tables = coder, tables

    def exchange(self, part: str, wanted: Floats | None, index: NDArray[np.uint8], run: Pass) -> Symbols:
        return self._tables.decode(index, self._coder)


class Pass(NamedTuple):
    """Flat positions [n] in a latent [C, h, w]; of each the place in [h, w] and the first cell of its channel
    (``sensic.entropy``); and the positions as a mask [C, h, w] of zeros and ones."""

    where: Positions
    blocks: Positions
    cells: Positions
    mask: Floats


def _pass(mask: NDArray[np.bool_]) -> Pass:
    where = np.flatnonzero(mask)
    channels, blocks = np.divmod(where, mask[0].size)
    return Pass(where, blocks, first_cells(channels), mask.astype(np.float32))


@lru_cache(maxsize=8)
def passes(channels: int, height: int, width: int) -> tuple[Pass, Pass]:
    """The two passes over the latent.

    The first takes odd squares (row + column odd) of the first half of the channels, even squares of the rest.
    """
    odd = np.indices((height, width)).sum(0) % 2 == 1
    first = np.where(np.arange(channels)[:, None, None] < channels // 2, odd, ~odd)
    return _pass(first), _pass(~first)


@lru_cache(maxsize=8)
def whole(channels: int, height: int, width: int) -> Pass:
    """One pass over everything, for the hyper-latent."""
    return _pass(np.ones((channels, height, width), bool))


class LatentPath:
    """Memory and adaptive statistics of a group of pictures of ``height`` x ``width`` blocks of 16 pixels.

    ``adaptive=False`` leaves the statistics out (for measuring what they gain; not a stream anyone can read).
    """

    def __init__(self, model: Model, backend: Backend, height: int, width: int, adaptive: bool = True) -> None:
        self._backend, self._tables = backend, model.tables
        self._shape, self._channels = (height, width), model.sizes["latent"]
        self._memory = np.ascontiguousarray(
            np.broadcast_to(model.initial_memory[None, :, None, None], (1, model.initial_memory.size, height, width))
        )
        self._statistics = {
            "z": TableStatistics(model.sizes["hyper"], model.tables),
            "y": TableStatistics(self._channels, model.tables),
        }
        self._adaptive = adaptive
        self.checksum = 0

    def copy(self) -> LatentPath:
        """A path that has coded the same, to go on from here a second time."""
        twin = copy(self)
        twin._statistics = {part: statistics.copy() for part, statistics in self._statistics.items()}
        return twin

    def frame(
        self,
        port: SymbolPort,
        motion: Field,
        quality: int,
        inter: bool,
        y: Floats | None = None,
        z: Floats | None = None,
    ) -> Floats:
        """Code one frame; the encoder gives its latent ``y`` and hyper-latent ``z``, the decoder neither.

        Returns the decoded latent [1, M, h, w], multiples of 1/8.
        """
        q, kind = np.array([quality], np.int64), np.array([int(inter)], np.int64)
        mean, index = self._run("hyper", memory=self._memory, quality=q, inter=kind)
        hyper = np.zeros_like(mean)
        self._pass(port, "z", whole(*mean.shape[1:]), mean, index, z, hyper)
        vectors = motion[None].astype(np.float32)
        features, mean, index = self._run("first", z=hyper, memory=self._memory, motion=vectors, quality=q, inter=kind)
        latent = np.zeros((1, self._channels, *self._shape), np.float32)
        first, second = passes(self._channels, *self._shape)
        self._pass(port, "y", first, mean, index, y, latent)
        mean, index = self._run("second", features=features, y_first=latent, quality=q)
        self._pass(port, "y", second, mean, index, y, latent)
        (self._memory,) = self._run("memory", memory=self._memory, y=latent)
        return latent

    def _run(self, graph: str, **inputs: NDArray[Any]) -> tuple[Floats, ...]:
        return self._backend.run(graph, inputs)

    def _pass(
        self, port: SymbolPort, part: str, run: Pass, mean: Floats, index: Floats, value: Floats | None, out: Floats
    ) -> None:
        """Code the positions of a pass and add their decoded values to ``out``, zero there. Spoils ``mean``."""
        indices = index.astype(np.uint8).take(run.where)
        cells, statistics = run.cells + indices, self._statistics[part]
        shifted = statistics.apply(cells) if self._adaptive else indices
        wanted = None if value is None else (value - mean).take(run.where)
        symbols = port.exchange(part, wanted, shifted, run)
        statistics.update(symbols, cells)
        self.checksum = google_crc32c.extend(self.checksum, symbols.astype("<i4").tobytes())
        mean *= run.mask
        out += mean
        some = np.flatnonzero(symbols != 0)
        out.reshape(-1)[run.where[some]] += symbols[some]
