"""The decoder: blocks in, frames out. Entropy decoding runs ahead of synthesis on a thread of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from sensic.codec.frames import check_checksum, read_quality
from sensic.codec.latents import LatentPath, SymbolReader
from sensic.codec.pipeline import ahead
from sensic.codec.pixels import PixelPath, padded, to_planes
from sensic.container import Block, FrameRecord, StreamHeader
from sensic.entropy import SymbolDecoder
from sensic.errors import DamagedError
from sensic.model import Model
from sensic.motion import BLOCK, Field, MotionCoder
from sensic.runtime import Backend
from sensic.video import Frame
from sensic.video.frame import Plane, chroma_shape


@dataclass(frozen=True)
class Decoded:
    """The symbols of one frame, entropy-decoded. ``latent`` is None where the last picture is shown again."""

    record: FrameRecord
    quality: int
    motion: Field | None  # None for the first frame of a group
    latent: NDArray[np.float32] | None


class Decoder:
    """Decodes the blocks of one stream. Raises DamagedError for what can't be right."""

    def __init__(self, model: Model, backend: Backend, header: StreamHeader) -> None:
        info = header.info
        self._model, self._backend, self._header = model, backend, header
        self._blocks = (padded(info.height) // BLOCK, padded(info.width) // BLOCK)
        self._motion = MotionCoder(*self._blocks)
        self._latents: LatentPath | None = None
        self._position = 0
        self._pixels = PixelPath(model, backend, padded(info.height), padded(info.width))
        self._planes: tuple[Plane, ...] = ()  # of the last picture

    def frames(self, blocks: Iterable[Block]) -> Iterator[Frame]:
        """Frames in order. ``blocks`` begins with one that starts a group."""
        return ahead(self._pictures(ahead(self.symbols(blocks))))

    def symbols(self, blocks: Iterable[Block]) -> Iterator[Decoded]:
        """The entropy path alone: needs no pixels. The last frame of a block comes when its checksum has held."""
        for block in blocks:
            if block.starts_group:
                self._motion.reset()
                self._latents = LatentPath(self._model, self._backend, *self._blocks)
                self._position = 0
            if self._latents is None:
                raise DamagedError("the stream begins in the middle of a group of pictures")
            coder, repeated = SymbolDecoder(block.payload), False
            for number, record in enumerate(block.frames, 1):
                decoded = self._symbols(record, coder, self._latents, block.repeats, repeated)
                repeated = decoded.latent is None
                if number == len(block.frames):  # whoever wants no more than this frame must learn of it too
                    check_checksum(coder, self._latents.checksum)
                    coder.finish()
                yield decoded

    @property
    def frame_bytes(self) -> int:
        """What a frame takes in memory."""
        info = self._header.info
        samples = info.height * info.width + 2 * prod(chroma_shape(info.height, info.width))
        return samples * (1 if info.depth == 8 else 2)

    def twin(self) -> Decoder:
        """Another one for the same stream."""
        return Decoder(self._model, self._backend, self._header)

    def check(self, block: Block) -> None:
        """Decode the symbols of a block, of every block in turn, for their checksum alone. Raises DamagedError."""
        for _ in self.symbols((block,)):
            pass

    def _symbols(
        self, record: FrameRecord, coder: SymbolDecoder, latents: LatentPath, repeats: bool, repeated: bool
    ) -> Decoded:
        inter = self._position > 0
        expected = self._model.frame_quality(self._header.quality, self._position)
        quality = read_quality(coder, expected, repeats=repeats and inter, repeated=repeated)
        if quality is None:
            self._position += 1
            return Decoded(record, expected, None, None)
        motion = self._motion.decode(coder) if inter else None
        latent = latents.frame(SymbolReader(coder, self._model.tables), self._motion.previous, quality, inter)
        self._position += 1
        return Decoded(record, quality, motion, latent)

    def _pictures(self, decoded: Iterable[Decoded]) -> Iterator[Frame]:
        info = self._header.info
        for item in decoded:
            if item.latent is not None:
                self._pixels.predict(item.motion, item.quality)
                picture = self._pixels.synthesise(item.latent, item.quality)
                self._planes = to_planes(picture, info.height, info.width, info.depth)
            y, u, v = self._planes
            yield Frame(y, u, v, info.depth, item.record.pts, info.time_base, item.record.duration, info.colour)
