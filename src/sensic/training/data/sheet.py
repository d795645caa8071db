"""A picture of the packs: a person would rather see them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.training.data.crops import luma8
from sensic.training.data.pack import Pack
from sensic.video import AtomicFile

_THUMBNAIL, _COLUMNS, _MOST, _GAP = 112, 12, 240, 2

Pixels = NDArray[np.uint8]


def contact_sheet(packs: Sequence[Pack], path: Path) -> None:
    """Write a PNG with the middle picture of every clip, or of 240 spread evenly. Decodes the packs to their end,
    so it also proves that they are whole: raises PackError where one isn't."""
    total = sum(pack.clips for pack in packs)
    wanted = {i * total // min(total, _MOST) for i in range(min(total, _MOST))}
    thumbnails: list[Pixels] = []
    clips = (clip for pack in packs for clip in pack.read())
    for number, (y, uv) in enumerate(clips):
        if number in wanted:
            thumbnails.append(_thumbnail(luma8(y[len(y) // 2]), luma8(uv[len(uv) // 2])))
    with AtomicFile(path) as file:
        _, data = cv2.imencode(".png", _grid(thumbnails)[..., ::-1])
        file.file.write(data.tobytes())


def _thumbnail(y: Pixels, uv: Pixels) -> Pixels:
    """RGB pixels of 8-bit planes, taken as BT.601 of limited range: a thumbnail needn't be exact."""
    i420 = np.concatenate([y.ravel(), uv.ravel()]).reshape(-1, y.shape[1])
    colours = cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420)
    size = (_THUMBNAIL, max(1, _THUMBNAIL * y.shape[0] // y.shape[1]))
    return np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_AREA), np.uint8)


def _grid(thumbnails: Sequence[Pixels]) -> Pixels:
    height, width = thumbnails[0].shape[:2]
    columns = min(_COLUMNS, len(thumbnails))
    rows = -(-len(thumbnails) // columns)
    out = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), 255, np.uint8)
    for number, thumbnail in enumerate(thumbnails):
        y, x = number // columns * (height + _GAP), number % columns * (width + _GAP)
        out[y : y + height, x : x + width] = thumbnail
    return out
