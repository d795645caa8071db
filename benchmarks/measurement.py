"""What one coder did at one setting; the row that all tables are made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """All bytes are of real files. ``payload_bytes`` leaves the container out (for x264 and x265: their packets).

    ``estimated_bytes`` is what the model expected to spend, before any entropy coding; None for classical coders.
    ``psnr`` is of Y, U and V, in dB. Seconds are wall clock for the whole call, files read and written.
    """

    coder: str
    setting: float
    pixels: int
    frames: int
    file_bytes: int
    payload_bytes: int
    estimated_bytes: float | None
    psnr: tuple[float, float, float]
    encode_seconds: float
    decode_seconds: float

    @property
    def bits_per_pixel(self) -> float:
        return self.file_bytes * 8 / self.pixels

    @property
    def encode_rate(self) -> float:
        """Frames per second."""
        return self.frames / self.encode_seconds

    @property
    def decode_rate(self) -> float:
        return self.frames / self.decode_seconds

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
