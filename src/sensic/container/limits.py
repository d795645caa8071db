"""Caps on what a file may ask for. Each is checked before memory of that size is taken."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields

from sensic.errors import LimitError, UsageError

_NUMBER = re.compile(r"(\d+)\s*((?:[kMG]i?)?)")
_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "ki": 2**10, "Mi": 2**20, "Gi": 2**30}


@dataclass(frozen=True, slots=True)
class Limits:
    """The most a stream may ask for; a hostile file that asks for more gets LimitError, not memory.

    ``pixels`` of luma and ``side`` (width or height) bound a picture; ``header_bytes`` the stream header, also after
    its description is inflated; ``block_bytes`` one block; ``frames`` the frames of one block and of one group;
    ``symbols`` those of one block (no frame has more than it has pixels); ``expansion`` the bytes of a block's pictures
    for each byte that they are decoded from. Raises UsageError for numbers below 1.

    >>> Limits.parse(["pixels=100M", "side=32768"]).pixels
    100000000
    """

    pixels: int = 1 << 26
    side: int = 16_384
    header_bytes: int = 1 << 20
    block_bytes: int = 1 << 26
    frames: int = 4_096
    symbols: int = 1 << 35
    expansion: int = 1 << 26

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"the limit {entry.name} is a whole number above 0, not {value!r}")

    @classmethod
    def parse(cls, texts: Iterable[str]) -> Limits:
        """The usual ones but for those given as NAME=NUMBER, with k, M, G, ki, Mi or Gi behind it.

        Raises UsageError.
        """
        given: dict[str, int] = {}
        names = [entry.name for entry in fields(cls)]
        for text in texts:
            name, _, value = text.partition("=")
            found = _NUMBER.fullmatch(value.strip())
            if name not in names or found is None:
                raise UsageError(
                    f"a limit is NAME=NUMBER, like pixels=100M; names are {', '.join(names)}; not {text!r}"
                )
            given[name] = int(found[1]) * _FACTORS[found[2]]
        return cls(**given)

    def check_picture(self, width: int, height: int) -> None:
        """Raise LimitError for a picture larger than allowed."""
        if max(width, height) > self.side or width * height > self.pixels:
            raise LimitError(
                f"a picture of {width}x{height}: allowed are sides up to {self.side:,} and {self.pixels:,} pixels"
            )

    def check_contents(self, frames: int, width: int, height: int, depth: int, payload: int) -> None:
        """Raise LimitError where a block of ``payload`` bytes promises more pictures than allowed."""
        self.check("symbols of a block", frames * width * height, self.symbols)
        picture = width * height * 3 // 2 * (1 if depth == 8 else 2)
        self.check("bytes of pictures for each byte of a block", frames * picture // max(1, payload), self.expansion)

    def check(self, what: str, value: int, most: int) -> None:
        """Raise LimitError where ``value`` is above ``most``."""
        if value > most:
            raise LimitError(f"{what}: {value:,}, but {most:,} is the most allowed")


DEFAULT_LIMITS = Limits()
