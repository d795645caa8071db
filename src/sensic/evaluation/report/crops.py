"""Pictures to look at: frames kept while measuring, and what is cut out of them for the page.

Two frames of each clip are kept of every coder: the one in the middle and the one that moves most. Which region is
shown, and at which setting, is only decided when the page is made, as it depends on all coders.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sensic.errors import EvaluationError, OutputError
from sensic.evaluation.results import ClipInfo

if TYPE_CHECKING:
    from sensic.evaluation.clips import Clip, Plane, Planes

CROP = (288, 192)  # width and height that are enlarged
STEP = 16  # of the grid that crops are chosen from
SD_HEIGHT = 576  # taller pictures have the colours of BT.709, as players assume
# Kr and Kb of the matrices (ITU-R BT.601 and BT.709)
BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)

RGB = NDArray[np.uint8]  # [H, W, 3]


def keep_crops(clip: Clip, decoded: Path, directory: Path, key: str) -> None:
    """Keep the chosen frames of ``decoded`` (raw planar 4:2:0 of the clip's size and depth) as PNGs named by ``key``.

    The same frames of the source are kept beside them when they are not there yet. Raises EvaluationError where
    ``decoded`` is shorter than the clip, OutputError where the folder can't be written.
    """
    for index in _indices(clip, directory):
        _save(to_rgb(read_planes(decoded, clip.info, index)), picture_path(directory, key, index))


def picture_path(directory: Path, key: str, index: int) -> Path:
    return directory / f"{key}.{index:06}.png"


def source_key(info: ClipInfo) -> str:
    """The name of the source's own frames; by its samples, so that another clip of the same name has others."""
    return f"source-{info.sha256[:16]}"


def kept_indices(directory: Path, info: ClipInfo) -> list[int]:
    """Frames of the clip that are in ``directory``, in order."""
    return sorted(int(path.suffixes[-2][1:]) for path in directory.glob(f"{source_key(info)}.*.png"))


def _indices(clip: Clip, directory: Path) -> list[int]:
    """The frame in the middle and the one that differs most from the one before it; keeps them of the source."""
    if known := kept_indices(directory, clip.info):
        return known
    middle = clip.info.frames // 2
    chosen: dict[int, Planes] = {}
    moving: tuple[int, Planes] | None = None
    most, before = -1.0, None
    for index, planes in enumerate(clip.frames()):
        luma = planes[0].astype(np.int32)
        motion = -1.0 if before is None else float(np.abs(luma - before).mean())
        before = luma
        if motion > most:
            most, moving = motion, (index, planes)
        if index == middle:
            chosen[index] = planes
    chosen |= dict([moving] if moving else [])
    for index, planes in chosen.items():
        _save(to_rgb(planes), picture_path(directory, source_key(clip.info), index))
    return sorted(chosen)


def read_planes(raw: Path, info: ClipInfo, index: int) -> Planes:
    """One frame of a raw planar 4:2:0 file, little endian. Raises EvaluationError where the file ends before it."""
    dtype: Any = np.dtype("u1" if info.depth == 8 else "<u2")
    half = ((info.height + 1) // 2, (info.width + 1) // 2)
    shapes = [(info.height, info.width), half, half]
    samples = sum(h * w for h, w in shapes)
    with raw.open("rb") as file:
        file.seek(index * samples * dtype.itemsize)
        data = np.frombuffer(file.read(samples * dtype.itemsize), dtype)
    if data.size < samples:
        raise EvaluationError(f"{raw.name} ends before frame {index} of {info.name} ({info.width}×{info.height})")
    planes: list[Plane] = []
    for height, width in shapes:
        planes.append(data[: height * width].reshape(height, width))
        data = data[height * width :]
    return planes[0], planes[1], planes[2]


def to_rgb(planes: Planes) -> RGB:
    """4:2:0 of 8 or 10 bits as RGB [H, W, 3]: limited range, chroma repeated, BT.601 up to 576 lines and BT.709 above.

    The same for every coder, so what differs between two pictures was coded differently.
    """
    height, width = planes[0].shape
    depth = 8 if planes[0].dtype == np.uint8 else 10
    y, u, v = (plane.astype(np.float32) / (1 << (depth - 8)) for plane in planes)
    u, v = (c.repeat(2, 0).repeat(2, 1)[:height, :width] - 128 for c in (u, v))
    kr, kb = BT601 if height <= SD_HEIGHT else BT709
    luma, blue, red = (y - 16) * (255 / 219), u * (255 / 224) * 2 * (1 - kb), v * (255 / 224) * 2 * (1 - kr)
    green = -(kb * blue + kr * red) / (1 - kr - kb)
    rgb = np.stack([luma + red, luma + green, luma + blue], -1)
    return np.clip(np.round(rgb), 0, 255).astype(np.uint8)


def load_rgb(path: Path) -> RGB:
    """Raises EvaluationError where it is no picture."""
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise EvaluationError(f"can't read {path}: {error}") from error


def most_different(pictures: Sequence[RGB]) -> tuple[int, int, int, int]:
    """Where pictures of one size differ most from one another: (left, top, width, height), the size at most CROP.

    Difference is the squared distance from their mean, summed over a window on a grid of 16 samples.
    """
    stack = np.stack([p.astype(np.float32) for p in pictures])
    spread = ((stack - stack.mean(0)) ** 2).sum((0, -1), dtype=np.float64)
    height, width = spread.shape
    w, h = min(CROP[0], width), min(CROP[1], height)
    total = np.pad(spread.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    tops, lefts = (sorted({*range(0, size - side + 1, STEP), size - side}) for size, side in ((height, h), (width, w)))
    t, x = np.array(tops)[:, None], np.array(lefts)[None, :]
    sums = total[t + h, x + w] - total[t, x + w] - total[t + h, x] + total[t, x]
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(lefts[column]), int(tops[row]), w, h


def _save(rgb: RGB, path: Path) -> None:
    """Whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rgb).save(partial, format="png", compress_level=6)
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror or error}") from error
