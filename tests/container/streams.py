"""Small streams, made on the spot."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from typing import Any

import numpy as np

from sensic.container import Block, FrameRecord, StreamHeader, StreamWriter
from sensic.video import VideoInfo

MODEL = bytes(range(32))


def make_header(low_latency: bool = False, **info: Any) -> StreamHeader:
    fields = {"width": 352, "height": 288, "rate": Fraction(25), **info}
    return StreamHeader(MODEL, quality=20, gop=8, info=VideoInfo(**fields), low_latency=low_latency)


def make_blocks(count: int, frames: int = 8, size: int = 100, start: int = 0, group: int = 1) -> list[Block]:
    """Blocks with ``frames`` each at a distance of 1, of which every ``group``-th starts a group."""
    random = np.random.default_rng(count)
    return [
        Block(
            tuple(FrameRecord(start + i * frames + j, 1) for j in range(frames)),
            starts_group=i % group == 0,
            payload=random.bytes(size),
        )
        for i in range(count)
    ]


def make_stream(blocks: list[Block], **header: Any) -> bytes:
    out = BytesIO()
    with StreamWriter(out, make_header(**header)) as writer:
        for block in blocks:
            writer.write(block)
    return out.getvalue()


def contents(blocks: Iterable[Block]) -> list[tuple[object, ...]]:
    """What must come back: all but what the writer sets."""
    return [(block.frames, block.starts_group, block.payload) for block in blocks]
