"""How hard a frame will be to code, and how it hangs on the one before: from source pictures alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.motion import BLOCK, Candidates, Field

Luma = NDArray[np.uint8]
Floats = NDArray[np.float32]
SHRINK = 4
"""Pictures are looked at in a fourth of their size: what is finer than that hardly changes the order of frames."""


@dataclass(frozen=True)
class Link:
    """How the blocks of a frame hang on the frame before it: ``vectors`` int16 [2, h, w] that were proposed, quarter
    pixels; the mean squared ``error`` along them, and the variance (``spread``) of the block itself, float32 [h, w] on
    the 8-bit scale. ``change`` is the mean absolute error of all."""

    vectors: Field
    error: Floats
    spread: Floats
    change: float


@dataclass(frozen=True)
class Sight:
    """How hard a frame looks: its ``texture``, for where nothing predicts it, and its ``change`` from the frame before
    along its motion (0 without one), 8-bit steps."""

    texture: float
    change: float = 0.0


@dataclass(frozen=True)
class Outlook:
    """How hard a frame looks and those after it, as far as they are seen: ``sights`` has one at least. ``ends`` says
    that the last of them is known to be the last of all."""

    sights: tuple[Sight, ...]
    ends: bool = False


def texture(small: Luma) -> float:
    """The mean distance of samples from their surroundings, of a picture that was ``shrunk``: 8-bit steps."""
    return float(cv2.norm(small, cv2.blur(small, (3, 3)), cv2.NORM_L1)) / small.size


def link(now: Luma, before: Luma, candidates: Candidates) -> Link:
    """How a picture hangs on the one before, both ``shrunk``, along the vectors proposed."""
    field = candidates.fields[1]
    height, width = now.shape
    small = field.astype(np.float32) / np.float32(4 * SHRINK)  # pixels of the small pictures
    x, y = (cv2.resize(part, (width, height), interpolation=cv2.INTER_NEAREST) for part in small)
    x += np.arange(width, dtype=np.float32)
    y += np.arange(height, dtype=np.float32)[:, None]
    moved = np.asarray(cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    values = now.astype(np.float32)
    spread = block_means(values * values, SHRINK) - block_means(values, SHRINK) ** 2
    error = block_means((values - moved) ** 2, SHRINK)
    return Link(field, error, np.maximum(spread, 0), float(cv2.norm(now, moved, cv2.NORM_L1)) / now.size)


def block_means(values: Floats, shrink: int = 1) -> Floats:
    """Means [h, w] over blocks of 16 pixels of ``values`` [H, W] of a picture ``shrink`` times smaller."""
    side = BLOCK // shrink
    size = values.shape[1] // side, values.shape[0] // side
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def shrunk(luma: Luma) -> Luma:
    return np.asarray(cv2.resize(luma, None, fx=1 / SHRINK, fy=1 / SHRINK, interpolation=cv2.INTER_AREA), np.uint8)


assert BLOCK % SHRINK == 0
