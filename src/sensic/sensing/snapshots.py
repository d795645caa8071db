"""The learned decoder of snapshots: the network of a model, tile after tile, through ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sensic.errors import BackendError, ModelError, UsageError
from sensic.model import SNAPSHOT_GRAPHS, Model
from sensic.runtime.onnxruntime import OnnxBackend
from sensic.sensing.operators import Cacti
from sensic.sensing.total_variation import Turn

Array = NDArray[np.float32]

(GRAPH,) = SNAPSHOT_GRAPHS
INPUTS = "snapshot", "masks"
OUTPUTS = "frames", "log_variance"
SHIPPED = "snapshot"
"""The model that comes with Sensic."""
MOST_FRAMES = 16
"""Of a snapshot that it was made for; more are possible."""
TILE, MARGIN = 256, 32
"""Pixels that are computed at a time, and beyond them on every side."""
_MULTIPLE = 4  # of pixels, that the network takes
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Unrolled:
    """``frames`` [T, H, W], 0..1, and ``variance`` of the same shape: that of the error to be expected of each sample,
    in 8-bit levels squared."""

    frames: Array
    variance: Array


class SnapshotDecoder:
    """Recovers frames of snapshots with ``model``, by default the one that ships. ``threads`` as for
    ``sensic.runtime.OnnxBackend``.

    Raises ModelError where there is no such model, BackendError where it is not computed as it should.
    """

    def __init__(self, model: Model | str | Path | None = None, threads: int = 0) -> None:
        self.model = model = Model.load(model or SHIPPED)
        if not model.is_snapshot:
            raise ModelError(f"{model.name} is no model for snapshots: it lacks {', '.join(SNAPSHOT_GRAPHS)}")
        self._backend = OnnxBackend(model, threads, SNAPSHOT_GRAPHS)
        self._check()

    def recover(
        self, snapshot: NDArray[np.floating], operator: Cacti, turn: Turn | None = None, tile: int = TILE
    ) -> Unrolled:
        """Frames of a ``snapshot`` [H, W] = Σ masks × frames, ``tile`` × ``tile`` pixels at a time.

        They make the snapshot as it is, up to rounding and to samples outside 0..1, which are cut. ``turn`` is told how
        many tiles are done. Raises UsageError for shapes that don't fit.
        """
        masks = operator.masks.astype(np.float32)
        if snapshot.shape != masks.shape[1:]:
            raise UsageError(f"a snapshot is {list(masks.shape[1:])} like its masks, not {list(snapshot.shape)}")
        peak = masks.max()  # calibrated masks are weights of any scale
        masks, measured = masks / peak, (snapshot / peak).astype(np.float32)
        frames, variance = np.empty_like(masks), np.empty_like(masks)
        for done, (rows, columns) in enumerate(tiles(snapshot.shape, tile), 1):
            around = _around(rows, snapshot.shape[0]), _around(columns, snapshot.shape[1])
            found = self._run(measured[around], masks[:, *around])
            inner = (
                slice(None),
                *(slice(a.start - b.start, a.stop - b.start) for a, b in zip((rows, columns), around, strict=True)),
            )
            frames[:, rows, columns], variance[:, rows, columns] = found[0][inner], np.exp(found[1][inner])
            if turn is not None:
                turn(done)
        return Unrolled(np.clip(frames, 0, 1), variance)

    def _run(self, snapshot: Array, masks: Array) -> tuple[Array, Array]:
        height, width = snapshot.shape
        edges = [(0, -side % _MULTIPLE) for side in (height, width)]
        snapshot = np.pad(snapshot, edges, mode="symmetric")
        masks = np.pad(masks, [(0, 0), *edges], mode="symmetric")
        frames, log_variance = self._backend.run(GRAPH, {"snapshot": snapshot[None], "masks": masks[None]})
        return frames[0, :, :height, :width], log_variance[0, :, :height, :width]

    def _check(self) -> None:
        golden = self.model.golden
        try:
            results = self._backend.run(GRAPH, {key: golden[f"in.{key}"] for key in INPUTS})
            for key, result in zip(OUTPUTS, results, strict=True):
                if not np.allclose(result, golden[f"out.{key}"], rtol=_TOLERANCE, atol=_TOLERANCE):
                    raise BackendError(f"ONNX Runtime does not compute the network of {self.model.name} here")
        except KeyError as error:
            raise ModelError(f"model {self.model.name} has no golden vector for {error}") from error


def tiles(shape: tuple[int, ...], tile: int = TILE) -> list[tuple[slice, slice]]:
    """Rows and columns of the tiles that a picture [H, W] is computed in."""
    rows, columns = (list(_parts(side, tile)) for side in shape)
    return [(r, c) for r in rows for c in columns]


def _parts(side: int, tile: int) -> Iterator[slice]:
    for start in range(0, side, tile):
        yield slice(start, min(start + tile, side))


def _around(part: slice, side: int) -> slice:
    """With the margin, as far as the picture goes."""
    return slice(max(part.start - MARGIN, 0), min(part.stop + MARGIN, side))
