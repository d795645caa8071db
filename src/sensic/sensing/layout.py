"""Which bands go together: layers, each a packet, and in them sub-bands, whose symbols are alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from sensic.sensing.operators import Operator, Transform, WalshHadamard

_SIDE = WalshHadamard.block
_PARTS, _TOGETHER, _ANY_CLASS = 4, 16, 11


@dataclass(frozen=True)
class SubBand:
    """``bands`` in the order of coding. ``kind`` is the class of its contexts, ``later`` 1 where it is a difference
    between frames. ``mean`` marks the one band that is predicted from its neighbours."""

    bands: tuple[int, ...]
    kind: int
    later: int
    mean: bool = False

    @property
    def flagged(self) -> bool:
        """Whether it is said at first if all its symbols are 0."""
        return len(self.bands) > 1


Layer = tuple[SubBand, ...]


def layers(operator: Operator) -> tuple[Layer, ...]:
    """From coarse to fine; every band is in one of them."""
    return _sequencies(operator.frames) if isinstance(operator, Transform) else _even(operator.bands)


def level(sequency: int) -> int:
    """0, 1, 2, 3 for sequencies 0, 1, 2–3, 4–7: blocks of 2^level × 2^level averages need no higher one."""
    return sequency.bit_length()


@cache
def _sequencies(frames: int) -> tuple[Layer, ...]:
    found: dict[tuple[int, int, int, int], list[int]] = {}
    for t in range(frames):
        for v in range(_SIDE):
            for u in range(_SIDE):
                highest = max(level(u), level(v))
                both = level(u) == level(v)
                orientation = 0 if highest < 2 else 2 if both else int(level(v) == highest)
                layer = max(highest - 1, 0) + (t > 0)
                found.setdefault((layer, t, highest, orientation), []).append((t * _SIDE + v) * _SIDE + u)
    out: dict[int, list[SubBand]] = {}
    for (layer, t, highest, orientation), bands in sorted(found.items()):
        kind = highest if highest < 2 else 2 * highest - 2 + (orientation == 2)
        later = min(t, 1)
        out.setdefault(layer, []).append(SubBand(tuple(bands), 6 * later + kind, later, mean=bands == [0]))
    return tuple(tuple(out[layer]) for layer in sorted(out))


@cache
def _even(bands: int) -> tuple[Layer, ...]:
    edges = [bands * part // _PARTS for part in range(_PARTS + 1)]
    return tuple(
        tuple(
            SubBand(tuple(range(first, min(first + _TOGETHER, end))), _ANY_CLASS, 1)
            for first in range(start, end, _TOGETHER)
        )
        for start, end in pairwise(edges)
    )
