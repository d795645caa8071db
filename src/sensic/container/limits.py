"""Caps on what a file may ask for. Each is checked before memory of that size is taken."""

from __future__ import annotations

from dataclasses import dataclass

from sensic.errors import LimitError


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a stream may ask for; a hostile file that asks for more gets LimitError, not memory.

    ``pixels`` of luma and ``side`` (width or height) bound a picture; ``header_bytes`` the stream header, also after
    its description is inflated; ``block_bytes`` one block; ``frames`` the frames of one block and of one group.
    """

    pixels: int = 1 << 26
    side: int = 16_384
    header_bytes: int = 1 << 20
    block_bytes: int = 1 << 26
    frames: int = 4_096

    def check_picture(self, width: int, height: int) -> None:
        """Raise LimitError for a picture larger than allowed."""
        if max(width, height) > self.side or width * height > self.pixels:
            raise LimitError(
                f"a picture of {width}x{height}: allowed are sides up to {self.side:,} and {self.pixels:,} pixels"
            )

    def check(self, what: str, value: int, most: int) -> None:
        """Raise LimitError where ``value`` is above ``most``."""
        if value > most:
            raise LimitError(f"{what}: {value:,}, but {most:,} is the most allowed")


DEFAULT_LIMITS = Limits()
