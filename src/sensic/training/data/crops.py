"""From the size of the footage to that of a pack: scaled until it just covers, then cut."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from sensic.video.frame import Plane

Planes = tuple[Plane, Plane, Plane]
Size = tuple[int, int]
Offset = tuple[int, int]
Luma = NDArray[np.uint8]


def cover(width: int, height: int, size: Size) -> Size | None:
    """The smallest even size of this shape that covers ``size``; None where the picture would have to be enlarged."""
    scale = max(Fraction(size[0], width), Fraction(size[1], height))
    if scale > 1:
        return None
    return max(size[0], 2 * round(width * scale / 2)), max(size[1], 2 * round(height * scale / 2))


def offsets(covering: Size, size: Size) -> list[Offset]:
    """Even x and y of as many crops as fit beside or above one another: the middle first, then outwards."""
    axis = 0 if covering[0] - size[0] > covering[1] - size[1] else 1
    room, count = covering[axis] - size[axis], covering[axis] // size[axis]
    if count % 2 == 0:
        count -= 1  # so that there is one in the middle
    places = [room * i // max(1, count - 1) // 2 * 2 for i in range(count)] if count > 1 else [room // 4 * 2]
    places.sort(key=lambda place: abs(2 * place - room))
    other = (covering[1 - axis] - size[1 - axis]) // 4 * 2
    return [(place, other) if axis == 0 else (other, place) for place in places]


def crop(planes: Planes, offset: Offset, size: Size) -> Planes:
    """The part of 4:2:0 planes at an even offset: copies, so that the large picture can go."""
    (x, y), (w, h) = offset, size
    luma, u, v = planes
    half = (slice(y // 2, (y + h) // 2), slice(x // 2, (x + w) // 2))
    return luma[y : y + h, x : x + w].copy(), u[half].copy(), v[half].copy()


def luma8(plane: Plane) -> Luma:
    """A plane of 8 or 10 bits with 8."""
    return np.ascontiguousarray(plane if plane.dtype == np.uint8 else plane >> 2, np.uint8)
