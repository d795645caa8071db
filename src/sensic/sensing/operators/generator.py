"""SplitMix64 (Steele, Lea and Flood, 2014): the generator that seeds stand for, the same in any language."""

from __future__ import annotations

from sensic.errors import UsageError

_MASK = (1 << 64) - 1


class SplitMix64:
    """``seed`` is 0 to 2⁶⁴ − 1; UsageError for others."""

    def __init__(self, seed: int) -> None:
        if not 0 <= seed <= _MASK:
            raise UsageError(f"a seed is 0 to 2^64 - 1, not {seed}")
        self._state = seed

    def next(self) -> int:
        """The next 64 bits."""
        self._state = z = self._state + 0x9E3779B97F4A7C15 & _MASK
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
        return z ^ z >> 31

    def below(self, limit: int) -> int:
        """0 to ``limit`` − 1 for ``limit`` up to 2³²: the upper half of the next 64 bits, scaled."""
        return (self.next() >> 32) * limit >> 32

    def permutation(self, length: int) -> list[int]:
        """0 … ``length`` − 1 in an order by Fisher and Yates, from the last place down."""
        order = list(range(length))
        for place in range(length - 1, 0, -1):
            other = self.below(place + 1)
            order[place], order[other] = order[other], order[place]
        return order

    def bits(self, count: int) -> list[int]:
        """The top bits of the next ``count`` numbers."""
        return [self.next() >> 63 for _ in range(count)]
