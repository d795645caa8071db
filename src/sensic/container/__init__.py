"""Sensic streams as files: Matroska outside, checked blocks inside.

``docs/bitstream.md`` is the specification; each module's docstring gives the layout that it reads and writes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensic.lazy import when_used

if TYPE_CHECKING:
    from sensic.container.block import Block, FrameRecord
    from sensic.container.header import StreamHeader
    from sensic.container.limits import DEFAULT_LIMITS, Limits
    from sensic.container.reader import IndexEntry, StreamReader
    from sensic.container.salvage import Gap
    from sensic.container.writer import StreamWriter

__all__ = [
    "DEFAULT_LIMITS",
    "Block",
    "FrameRecord",
    "Gap",
    "IndexEntry",
    "Limits",
    "StreamHeader",
    "StreamReader",
    "StreamWriter",
]

# Loaded when first used: reading a stream needs no FFmpeg, writing one does.
__getattr__, __dir__ = when_used(
    __name__,
    {
        "sensic.container.block": ("Block", "FrameRecord"),
        "sensic.container.header": ("StreamHeader",),
        "sensic.container.limits": ("DEFAULT_LIMITS", "Limits"),
        "sensic.container.reader": ("IndexEntry", "StreamReader"),
        "sensic.container.salvage": ("Gap",),
        "sensic.container.writer": ("StreamWriter",),
    },
)
