"""Sensic streams as files: Matroska outside, checked blocks inside.

``docs/bitstream.md`` is the specification; each module's docstring gives the layout that it reads and writes.
"""

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
