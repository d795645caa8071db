"""What an encoder can be told, validated once."""

from __future__ import annotations

from dataclasses import dataclass

from sensic.errors import UsageError
from sensic.model.model import QUALITIES

PRESETS = {"realtime": 0, "fast": 2, "medium": 5, "slow": 7, "best": 9}
GOP_MAX = 600


def effort_of(preset: str | int) -> int:
    """0..9 of a preset's name or number. Raises UsageError for others."""
    if isinstance(preset, str) and preset in PRESETS:
        return PRESETS[preset]
    text = str(preset)
    if text.isdecimal() and 0 <= int(text) <= 9:
        return int(text)
    raise UsageError(f"preset is 0 to 9 or one of {', '.join(PRESETS)}, not {preset!r}")


@dataclass(frozen=True)
class EncoderSettings:
    """``quality`` 0 (smallest) to 63 (best); ``gop`` frames from one group's start to the next, 1 to 600;
    ``effort`` 0 to 9, how hard the encoder searches (every effort decodes alike); ``low_latency`` writes every frame
    in a block of its own.

    Raises UsageError for values out of range.
    """

    quality: int = 32
    gop: int = 32
    effort: int = 5
    low_latency: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.quality, bool) or not isinstance(self.quality, int) or not 0 <= self.quality < QUALITIES:
            raise UsageError(f"quality is a whole number from 0 to {QUALITIES - 1}, not {self.quality!r}")
        if isinstance(self.gop, bool) or not isinstance(self.gop, int) or not 1 <= self.gop <= GOP_MAX:
            raise UsageError(f"gop is a whole number of frames from 1 to {GOP_MAX}, not {self.gop!r}")
