"""What a camera spends on a frame, counted while real pictures are encoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from sensic.errors import InputError, UsageError
from sensic.sensing import contexts
from sensic.sensing.encoder import SensingEncoder
from sensic.sensing.operators import Scrambled, Transform
from sensic.sensing.operators.walsh_hadamard import butterflies
from sensic.sensing.prediction import Geometry
from sensic.sensing.range_coder import RAW
from sensic.sensing.settings import SensingSettings
from sensic.video import Frame, VideoSource

_STRIPE = 2  # rows of luma blocks that come together


@dataclass(frozen=True)
class Budget:
    """Means per frame, of ``frames`` frames of ``width`` × ``height``, all three planes.

    ``samples`` are measured; ``measuring`` are the additions of the transform; the quantiser adds, shifts and compares
    once for each measurement (``quantising``). The coder makes ``decisions`` in contexts, each of which costs a
    multiplication of 20 by 12 bits and four additions, and ``raw_bits``; Golomb–Rice has codes instead, and no
    ``multiplications``.

    Memory in bytes: ``line_memory`` for what blocks know of their neighbours, ``context_memory`` of the range coder,
    ``block_memory`` for the measurements of a block, ``packet_memory`` for the largest group's packets,
    ``stripe_memory`` for lines of pixels that are measured together, ``picture_memory`` for whole frames that wait for
    the others of their group (0 where ``frames`` of the settings is 1).
    """

    width: int
    height: int
    frames: int
    samples: float
    measuring: float
    quantising: float
    decisions: float
    raw_bits: float
    multiplications: float
    bytes: float
    line_memory: int
    context_memory: int
    block_memory: int
    packet_memory: int
    stripe_memory: int
    picture_memory: int

    @property
    def additions_per_sample(self) -> float:
        """Of the transform."""
        return self.measuring / self.samples

    @property
    def memory(self) -> int:
        """All bytes but the pictures."""
        return self.line_memory + self.context_memory + self.block_memory + self.packet_memory + self.stripe_memory


def measure_budget(
    source: str | Path | BinaryIO,
    settings: SensingSettings | None = None,
    *,
    quality: int = 32,
    frames: int = 8,
    on_frame: Callable[[], None] = lambda: None,
) -> Budget:
    """Encode the first ``frames`` frames of a video and count. Raises UsageError, InputError."""
    settings = settings or SensingSettings()
    if frames < 1:
        raise UsageError(f"frames to count in are 1 or more, not {frames}")
    with VideoSource(source) as video:
        info = video.info
        encoder = SensingEncoder(settings, info.depth, quality)
        count = _Count(encoder, settings)
        kept = islice(iter(video), frames)
        while group := tuple(islice(kept, settings.frames)):
            count.add(group)
            for _ in group:
                on_frame()
    if count.geometry is None:
        raise InputError(f"{source}: no frame could be decoded")
    return count.budget(info.width, info.height, info.depth)


class _Count:
    def __init__(self, encoder: SensingEncoder, settings: SensingSettings) -> None:
        self._encoder, self._settings = encoder, settings
        self._frames = self._samples = self._decisions = self._raw = self._bytes = self._largest = 0
        self.geometry: Geometry | None = None

    def add(self, group: tuple[Frame, ...]) -> None:
        symbols, self.geometry = self._encoder.symbols(group)
        self._frames += len(group)
        operator = self._settings.built
        self._samples += sum(operator.frames * operator.block**2 * one[0].size for one in symbols)
        size = sum(len(packet.pack()) for packet in self._encoder.packets(group))
        self._bytes, self._largest = self._bytes + size, max(self._largest, size)
        if not self._settings.mcu:
            for layer in self._encoder.layers:
                places = np.array(contexts.decide(layer, symbols, self.geometry, self._encoder.quantiser.first_mean)[0])
                self._raw += int((places == RAW).sum())
                self._decisions += int((places != RAW).sum())

    def budget(self, width: int, height: int, depth: int) -> Budget:
        assert self.geometry is not None
        operator, frames = self._settings.built, self._frames
        sample = 1 if depth == 8 else 2
        columns = sum(shape[1] for shape in self.geometry.shapes)
        layers = len(self._encoder.layers)
        picture = width * height + 2 * (-(-width // 2) * -(-height // 2))
        stripe = _STRIPE * operator.block * (width + -(-width // 2))
        measured = self._samples * operator.bands / (operator.frames * operator.block**2)
        return Budget(
            width=width,
            height=height,
            frames=frames,
            samples=self._samples / frames,
            measuring=additions(operator) * self._samples / frames,
            quantising=measured / frames,
            decisions=self._decisions / frames,
            raw_bits=self._raw / frames,
            multiplications=self._decisions / frames,
            bytes=self._bytes / frames,
            # A byte for each band's magnitude, two for the flags of each layer, four for the mean.
            line_memory=columns * (operator.bands + 2 * layers + 4),
            context_memory=0 if self._settings.mcu else 2 * layers * 2 * contexts.CONTEXTS,
            block_memory=4 * operator.bands,
            packet_memory=self._largest,
            stripe_memory=sample * stripe,
            picture_memory=sample * picture * (operator.frames - 1),
        )


class _Counted:
    """A number that counts how often it is added to or subtracted from."""

    operations = 0

    def _operation(self, other: Any) -> _Counted:
        _Counted.operations += 1
        return self

    __add__ = __sub__ = __rsub__ = _operation


def additions(operator: Transform | Scrambled) -> float:
    """Of the transform, per sample, counted: it is done with numbers that count."""
    ordered = isinstance(operator, Transform)
    block = np.full((operator.frames, operator.block, operator.block) if ordered else operator.gain, _Counted(), object)
    _Counted.operations = 0
    if isinstance(operator, Transform):
        operator.transform(block)
    else:
        butterflies(block, 0)
    return _Counted.operations / block.size
