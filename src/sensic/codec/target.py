"""What rate control can be asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from decimal import Decimal

from sensic.errors import UsageError

_BITS = re.compile(r"(\d+(?:\.\d+)?)\s*([kMG]?)(?:b|bit|bps|b/s|bit/s)?")
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kMG]i?|)B?")
_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def bits(text: str | int) -> int:
    """800k, 1.5M or 800000, with or without bit, bit/s and the like. Raises UsageError."""
    return _number(text, _BITS, "bits are a number with k, M or G or nothing behind it, such as 800k")


def size(text: str | int) -> int:
    """Bytes: 25M, 25MB (25,000,000), 25MiB (26,214,400) or 25000000. Raises UsageError."""
    return _number(text, _BYTES, "bytes are a number with k, M, G, kiB, MiB or GiB or nothing behind it, such as 25M")


def _number(text: str | int, form: re.Pattern[str], allowed: str) -> int:
    found = form.fullmatch(str(text).strip().replace("K", "k"))
    if not found:
        raise UsageError(f"{allowed}, not {text!r}")
    return int(Decimal(found[1]) * _FACTORS[found[2]])


@dataclass(frozen=True)
class RateTarget:
    """A rate to keep, for ``sensic.encode``.

    ``bitrate`` is that of the pictures on average, bits per second; ``max_size`` what the whole file may have, bytes,
    with sound and subtitles: one of them. ``passes`` 2 codes the video twice: the first, quick pass finds out where the
    bits are needed. ``maxrate`` (bits per second) and ``bufsize`` (bits) describe a receiver: its buffer, 9/10 full at
    first, fills at that rate, gives every frame away when it is shown, and must never run dry; without ``bitrate`` and
    ``max_size`` they limit a constant quality.

    Raises UsageError for values out of range and those that contradict each other.

    >>> RateTarget.parse(bitrate="800k", maxrate="1M", bufsize="2M")
    RateTarget(bitrate=800000, max_size=None, passes=1, maxrate=1000000, bufsize=2000000)
    """

    bitrate: int | None = None
    max_size: int | None = None
    passes: int = 1
    maxrate: int | None = None
    bufsize: int | None = None

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise UsageError(f"{entry.name} is a whole number above 0, not {value!r}")
        if self.passes not in (1, 2):
            raise UsageError(f"passes is 1 or 2, not {self.passes}")
        if self.bitrate and self.max_size:
            raise UsageError("bitrate and max_size contradict each other: give one")
        if (self.maxrate is None) != (self.bufsize is None):
            raise UsageError("maxrate and bufsize go together: give both")
        if not (self.bitrate or self.max_size or self.maxrate):
            raise UsageError("a rate target needs a bitrate, a max_size, or maxrate and bufsize")
        if self.passes == 2 and not self.has_average:
            raise UsageError("2 passes are for a bitrate or a max_size: give one")
        if self.bitrate and self.maxrate and self.maxrate < self.bitrate:
            raise UsageError(f"maxrate {self.maxrate} is below the bitrate {self.bitrate}: it is at least that")

    @classmethod
    def parse(
        cls,
        *,
        bitrate: str | int | None = None,
        max_size: str | int | None = None,
        passes: int = 1,
        maxrate: str | int | None = None,
        bufsize: str | int | None = None,
    ) -> RateTarget:
        """The same, with units: 800k for 800,000 bits, 25M or 25MiB for bytes. Raises UsageError."""
        rates = {"bitrate": bitrate, "maxrate": maxrate, "bufsize": bufsize}
        given = {name: bits(value) for name, value in rates.items() if value is not None}
        return cls(max_size=None if max_size is None else size(max_size), passes=passes, **given)

    @property
    def has_average(self) -> bool:
        """Whether it decides the quality, and doesn't only limit it."""
        return self.bitrate is not None or self.max_size is not None
