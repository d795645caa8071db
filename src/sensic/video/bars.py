"""Black bars around the pictures of a file, found by looking at some of them.

FFmpeg's cropdetect does this too, but it is not in the FFmpeg that PyAV brings.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sensic.errors import UsageError
from sensic.video.demux import ContainerReader, local_name
from sensic.video.filters import Crop, Filters
from sensic.video.info import shown_turn
from sensic.video.planes import planes_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LOOKS = 24
_BLACK = 32  # of 255: the brightest sample; black is 16, and a dark scene is seldom as even as a bar


def find_crop(source: object, filters: Filters) -> Crop | None:
    """The crop that ``filters`` ask for. For auto, that is what is not black in at least one of 24 pictures spread over
    the file; None where that is all of the picture, or nothing. Raises UsageError for what is no file, InputError."""
    if filters.crop != "auto":
        return filters.cropped
    if not isinstance(source, str | Path) or not Path(source).is_file():
        raise UsageError("crop auto looks at pictures all over a file, and this is none: give W:H:X:Y")
    import numpy as np

    reader = ContainerReader(local_name(str(source)))
    try:
        rows, columns = (np.logical_or.reduce(lit) for lit in zip(*_looks(reader), strict=True))
    finally:
        reader.close()
    if not (rows.any() and columns.any()) or (rows.all() and columns.all()):
        return None
    (top, height), (left, width) = _even_span(rows), _even_span(columns)
    return Crop(width, height, left, top)


def _looks(reader: ContainerReader) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Which rows and columns of some pictures, as shown, are not black."""
    import numpy as np

    info = reader.info
    length = int((info.duration or 0) / info.time_base)
    for number in range(_LOOKS):
        picture = reader.jump(reader.origin + length * number // _LOOKS)
        if picture is not None and (picture.width, picture.height) == (info.width, info.height):
            luma = np.rot90(planes_of(picture)[0], shown_turn(info) // 90)
            black = _BLACK << (info.depth - 8)
            yield luma.max(1) > black, luma.max(0) > black


def _even_span(lit: NDArray[np.bool_]) -> tuple[int, int]:
    """Start and length of what holds all that is lit; both even, but for the last row of an odd picture."""
    import numpy as np

    found = np.flatnonzero(lit)
    start, end = int(found[0]) // 2 * 2, int(found[-1]) // 2 * 2 + 2
    return start, min(end, lit.size) - start
