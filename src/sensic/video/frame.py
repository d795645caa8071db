"""One picture: three planes, when it is shown, and what its numbers mean as colour."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from sensic.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Plane: TypeAlias = "NDArray[np.uint8] | NDArray[np.uint16]"

DEPTHS = (8, 10)


@dataclass(frozen=True, slots=True)
class Colour:
    """Code points of ITU-T H.273; 2 is unspecified. ``full_range`` is None where the source doesn't say."""

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool | None = None

    def __post_init__(self) -> None:
        for name in ("primaries", "transfer", "matrix"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 255:
                raise UsageError(f"colour {name} is a code point 0 to 255 of H.273, not {value!r}")
        if self.full_range not in (None, True, False):
            raise UsageError(f"full_range is True, False or None, not {self.full_range!r}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frame:
    """A 4:2:0 picture.

    ``y`` is [H, W], ``u`` and ``v`` are [ceil(H/2), ceil(W/2)]; uint8 for ``depth`` 8, uint16 with values
    0 to 1023 for ``depth`` 10. A source hands out read-only planes whose rows may lie apart in memory (they are the
    decoder's own buffers): copy before writing to them. ``pts`` and ``duration`` count ``time_base`` seconds.

    Raises UsageError where planes, depth or time disagree.
    """

    y: Plane
    u: Plane
    v: Plane
    depth: int
    pts: int
    time_base: Fraction
    duration: int | None = None
    colour: Colour = field(default_factory=Colour)

    def __post_init__(self) -> None:
        if self.depth not in DEPTHS:
            raise UsageError(f"depth is 8 or 10, not {self.depth!r}")
        if self.time_base <= 0:
            raise UsageError(f"time_base is positive, not {self.time_base}")
        if self.duration is not None and self.duration < 0:
            raise UsageError(f"duration is not negative, but {self.duration}")
        if self.y.ndim != 2 or 0 in self.y.shape:
            raise UsageError(f"luma is a plane [H, W], not {list(self.y.shape)}")
        chroma = chroma_shape(self.y.shape[0], self.y.shape[1])
        for name, plane, shape in (("y", self.y, self.y.shape), ("u", self.u, chroma), ("v", self.v, chroma)):
            self._check_plane(name, plane, shape)

    def _check_plane(self, name: str, plane: Plane, shape: tuple[int, ...]) -> None:
        dtype = "uint8" if self.depth == 8 else "uint16"
        if plane.shape != shape:
            raise UsageError(f"plane {name} is {list(plane.shape)}, but {list(shape)} goes with this luma")
        if plane.dtype != dtype:
            raise UsageError(f"plane {name} is {plane.dtype}, but depth {self.depth} needs {dtype}")
        if self.depth == 10 and int(plane.max()) > 1023:
            raise UsageError(f"plane {name} has a value above 1023")

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        return self.y, self.u, self.v

    @property
    def time(self) -> Fraction:
        """When the picture is shown, seconds."""
        return self.pts * self.time_base

    def __repr__(self) -> str:
        return (
            f"Frame(y={list(self.y.shape)}, u={list(self.u.shape)}, v={list(self.v.shape)}, depth={self.depth}, "
            f"pts={self.pts}, time_base={self.time_base}, duration={self.duration}, colour={self.colour})"
        )


def chroma_shape(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of each 4:2:0 chroma plane of a picture."""
    return (height + 1) // 2, (width + 1) // 2
