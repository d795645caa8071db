"""What every coder that is measured looks like, Sensic's own included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sensic.evaluation.clips import Clip
from sensic.evaluation.process import Usage


@dataclass(frozen=True)
class Encoded:
    """A stream that was really written.

    ``command`` names temporary files by their names only. ``file_bytes`` is the whole file, ``payload_bytes`` the sum
    of the video's packets, and ``bits`` those of each frame in the order of presentation, which sum to the payload's.
    """

    path: Path
    usage: Usage
    command: list[str]
    file_bytes: int
    payload_bytes: int
    bits: list[float]


@dataclass(frozen=True)
class Decoded:
    """Pictures that were really written: the planes y, u, v of each frame in turn, rows without padding, a byte for
    each sample of 8 bits and two, little-endian, for each of 10."""

    path: Path
    usage: Usage
    command: list[str]


class Coder(Protocol):
    """``spec`` is the name in tables, complete: ``x265:medium``. ``settings`` are the default ones, at least five,
    from the smallest file to the best picture. ``version`` is the encoder's own, asked of it.

    Conditions are the same for all: one intra frame at the start of each closed group of ``gop`` frames and none
    elsewhere, at most ``threads`` threads where the coder can be told, a Matroska file. The time of encoding includes
    reading the clip's lossless file, that of decoding writing the raw pictures, and both include the start of a
    process.
    """

    @property
    def spec(self) -> str: ...

    @property
    def settings(self) -> tuple[float, ...]: ...

    @property
    def version(self) -> str: ...

    def encode(self, clip: Clip, out: Path, setting: float, *, gop: int, threads: int) -> Encoded:
        """``clip`` to ``out``. Raises EvaluationError where the encoder fails, UsageError for an impossible setting,
        UnsupportedError for a clip that it does not code."""
        ...

    def decode(self, stream: Path, out: Path, *, clip: Clip, threads: int) -> Decoded:
        """What ``encode`` wrote for ``clip`` to raw pictures of that clip's size and depth, which a stream can't always
        tell: H.264 has even sizes only, VVenC codes 10 bits only. Raises EvaluationError."""
        ...
