"""The encoder: frames in, blocks out. Knows no file and no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensic.codec.frames import write_checksum, write_quality
from sensic.codec.latents import LatentPath, SymbolWriter
from sensic.codec.pipeline import ahead
from sensic.codec.pixels import PixelPath, Planes, luma8, padded, to_tensors
from sensic.codec.settings import EncoderSettings
from sensic.container import Block, FrameRecord
from sensic.entropy import SymbolEncoder
from sensic.model import Model
from sensic.motion import BLOCK, Candidates, MotionCoder, MotionSearch
from sensic.runtime import Backend
from sensic.video import Frame


@dataclass(frozen=True)
class Prepared:
    """A frame and what can be computed from source pictures alone, ahead of the networks."""

    frame: Frame
    position: int  # in its group
    planes: Planes
    luma: NDArray[np.uint8]
    candidates: Candidates | None


class Encoder:
    """Encodes pictures of one size and depth. ``bits`` sums the ideal code length by part: motion, z, y, other."""

    def __init__(
        self,
        model: Model,
        backend: Backend,
        width: int,
        height: int,
        settings: EncoderSettings,
        *,
        adaptive: bool = True,
    ) -> None:
        self._model, self._backend, self._settings, self._adaptive = model, backend, settings, adaptive
        self._size = (width, height)
        self._height, self._width = padded(height), padded(width)
        self._search = MotionSearch(self._width, self._height, settings.effort)
        self._motion = MotionCoder(self._height // BLOCK, self._width // BLOCK)
        self._pixels = PixelPath(model, backend, self._height, self._width)
        self.bits: dict[str, float] = {"motion": 0.0, "z": 0.0, "y": 0.0, "other": 0.0}
        self.frames = 0
        self._pool = ThreadPoolExecutor(1, "sensic-entropy")

    def blocks(self, frames: Iterable[Frame], on_frame: Callable[[], None] = lambda: None) -> Iterator[Block]:
        """One block per group of pictures, or per frame in low-latency mode, as soon as it is complete.

        ``on_frame`` is called after every frame.
        """
        coder = SymbolEncoder()
        records: list[FrameRecord] = []
        starts = True
        for prepared in ahead(self._prepare(frames)):
            if prepared.position == 0 and records:
                yield self._finish(coder, records, starts)
                coder, records, starts = SymbolEncoder(), [], True
            self._frame(prepared, coder)
            records.append(FrameRecord(prepared.frame.pts, prepared.frame.duration))
            on_frame()
            if self._settings.low_latency:
                yield self._finish(coder, records, prepared.position == 0)
                coder, records, starts = SymbolEncoder(), [], False
        if records:
            yield self._finish(coder, records, starts)

    def _prepare(self, frames: Iterable[Frame]) -> Iterator[Prepared]:
        previous = None
        for number, frame in enumerate(frames):
            position = number % self._settings.gop
            luma = luma8(frame)
            candidates = None if position == 0 or previous is None else self._search.flow(luma, previous)
            yield Prepared(frame, position, to_tensors(frame), luma, candidates)
            previous = luma

    def _frame(self, prepared: Prepared, coder: SymbolEncoder) -> None:
        inter = prepared.position > 0
        if not inter:
            self._motion.reset()
            self._latents = LatentPath(
                self._model, self._backend, self._height // BLOCK, self._width // BLOCK, self._adaptive
            )
        quality = self._model.frame_quality(self._settings.quality, prepared.position)
        before = coder.bits
        write_quality(coder, quality, quality)
        self.bits["other"] += coder.bits - before
        self._motion_field(prepared, quality, coder)
        self._pixels.predict(self._motion.previous if inter else None, quality)
        y, z = self._pixels.analyse(prepared.planes, quality)
        port = SymbolWriter(coder, self._model.tables, self._pool)
        latent = self._latents.frame(port, self._motion.previous, quality, inter, y, z)
        self._pixels.synthesise(latent, quality)
        port.flush()
        for part, bits in port.bits.items():
            self.bits[part] += bits
        self.frames += 1

    def _motion_field(self, prepared: Prepared, quality: int, coder: SymbolEncoder) -> None:
        """Choose and write the motion of an inter frame; the coder of motion remembers it."""
        if prepared.candidates is None:
            return
        before = coder.bits
        field = self._search.choose(
            prepared.luma, self._pixels.reference, prepared.candidates, self._motion.previous, quality, self._motion
        )
        self._motion.encode(field, coder)
        self.bits["motion"] += coder.bits - before

    def _finish(self, coder: SymbolEncoder, records: list[FrameRecord], starts: bool) -> Block:
        before = coder.bits
        write_checksum(coder, self._latents.checksum)
        self.bits["other"] += coder.bits - before
        return Block(tuple(records), starts, coder.finish())
