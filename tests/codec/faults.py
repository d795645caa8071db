"""Workers that die, for the tests of chunks."""

from __future__ import annotations

import os
import signal

from sensic.cluster import Report
from sensic.codec.chunks import Chunk, encode_chunk


def dies_at_8(chunk: Chunk, report: Report) -> bytes:
    """Like ``encode_chunk``, but for one chunk."""
    if chunk.stretch.start == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return encode_chunk(chunk, report)
