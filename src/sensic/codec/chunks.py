"""Long videos: chunks of whole groups, each encoded by itself in a process of its own.

A chunk is a fixed run of frames, so its bytes don't depend on how many workers there are, on which machine it is
encoded, on which is ready first, or on how often the encode was broken off and resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

import sensic
from sensic.cluster import Report
from sensic.codec.encoder import Encoder
from sensic.codec.engine import load_backend
from sensic.codec.parts import Part
from sensic.codec.passes import RatePlan, Recorder
from sensic.codec.rate import Controller
from sensic.codec.settings import EncoderSettings
from sensic.errors import ClusterError, DamagedError
from sensic.model import Model
from sensic.runtime import Backend
from sensic.video import Filters, FrameIndex, Stretch

CHUNK_FRAMES = 256
CHUNKS = 32
"""A chunk has about the first number of frames; less in a short video, so that there are about the second number of
chunks for workers to share."""


@dataclass(frozen=True)
class Chunk:
    """What a worker is told. ``rate`` is a controller for this chunk, or a recorder for a first pass."""

    stretch: Stretch
    width: int
    height: int
    settings: EncoderSettings
    rate: Controller | Recorder | None
    model: str
    model_id: str
    version: str

    @property
    def key(self) -> str:
        """Its first and last frame; the name of its part."""
        start = self.stretch.start
        return f"{start}-{start + len(self.stretch) - 1}"

    @property
    def cost(self) -> tuple[int, int]:
        """What it costs next to other chunks: a picture that repeats the one before costs little."""
        changes = np.count_nonzero(np.diff(self.stretch.rows["mark"]))
        return int(changes), len(self.stretch)

    def check(self, part: Part) -> Part:
        """The part, if it has exactly the frames of the chunk. Raises DamagedError."""
        times = [frame.pts for block in part.blocks for frame in block.frames]
        if times != self.stretch.rows["pts"].tolist():
            raise DamagedError(f"the part of frames {self.key} has other frames: {len(times)} of {len(self.stretch)}")
        return part


def chunk_frames(frames: int, gop: int) -> int:
    """How many frames of a video of ``frames`` go into a chunk: whole groups."""
    wanted = min(CHUNK_FRAMES, -(-frames // CHUNKS))
    return -(-wanted // gop) * gop


def chunks_of(
    source: str,
    index: FrameIndex,
    filters: Filters | None,
    model: Model,
    settings: EncoderSettings,
    plan: RatePlan | None = None,
    *,
    first_pass: bool = False,
) -> Sequence[Chunk]:
    """All of a source, in order; with a plan each has its part of it."""
    step, info = chunk_frames(len(index), settings.gop), index.info
    directory = str(model.directory.resolve())
    chunks = []
    for start in range(0, len(index), step):
        stretch = index.stretch(source, filters, start, min(start + step, len(index)))
        rate: Controller | Recorder | None = None
        if plan is not None:
            rate = plan.recorder() if first_pass else plan.part(start, start + len(stretch))
        chunks.append(Chunk(stretch, info.width, info.height, settings, rate, directory, model.id, sensic.__version__))
    return chunks


def encode_chunk(chunk: Chunk, report: Report) -> bytes:
    """A packed ``Part``; reports frames and bits so far. Runs in a worker."""
    encoder = _encoder(chunk)
    totals = [0.0]  # bits after each frame

    def step() -> None:
        totals.append(sum(encoder.bits.values()))
        report((encoder.frames, totals[-1]))

    control = chunk.rate if isinstance(chunk.rate, Controller) else None
    blocks = tuple(encoder.blocks(chunk.stretch.frames(), on_frame=step))
    totals[-1] = sum(encoder.bits.values())  # with the last group's checksum
    frame_bits = tuple(np.diff(totals).tolist())
    return Part(blocks, encoder.bits, frame_bits, control.outcome if control else None).pack()


def look_at_chunk(chunk: Chunk, report: Report) -> bytes:
    """The first of two passes: a packed ``Seen``."""
    encoder, recorder = _encoder(chunk), chunk.rate
    assert isinstance(recorder, Recorder)
    for _ in encoder.blocks(chunk.stretch.frames(), on_frame=lambda: report((encoder.frames, 0.0))):
        pass
    return recorder.seen().pack()


def _encoder(chunk: Chunk) -> Encoder:
    if chunk.version != sensic.__version__:
        raise ClusterError(f"a worker has Sensic {sensic.__version__}, but {chunk.version} is wanted")
    cv2.setNumThreads(1)
    model, backend = _engine(chunk.model, chunk.model_id)
    return Encoder(model, backend, chunk.width, chunk.height, chunk.settings, rate=chunk.rate)


@lru_cache(1)
def _engine(directory: str, identity: str) -> tuple[Model, Backend]:
    model = Model.find(identity) or Model.load(directory)
    if model.id != identity:
        raise ClusterError(f"the model at {directory} is {model.id} for a worker, but {identity} is wanted")
    return model, load_backend(model, 1)
