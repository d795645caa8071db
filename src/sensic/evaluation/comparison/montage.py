"""One picture made of two, and lines of text above it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.video import Frame

MODES = ("side", "stack", "wipe", "difference")
_WIPE_SECONDS = 4  # there and back
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BLACK, _WHITE = 16, 235

Planes = list[NDArray[Any]]


def montage(mode: str, first: Frame, second: Frame, amplify: float, time: Fraction | None) -> Planes:
    """Both pictures in one of even size. ``time``, seconds, moves the wipe; None leaves it in the middle."""
    a, b = _even(first), _even(second)
    if mode == "side":
        return [np.hstack(pair) for pair in zip(a, b, strict=True)]
    if mode == "stack":
        return [np.vstack(pair) for pair in zip(a, b, strict=True)]
    if mode == "difference":
        return [_difference(x, y, amplify, first.depth) for x, y in zip(a, b, strict=True)]
    phase = 0.0 if time is None else math.sin(2 * math.pi * float(time) / _WIPE_SECONDS)
    return _wiped(a, b, 0.5 + 0.45 * phase, first.depth)


def with_text(planes: Planes, depth: int, lines: Sequence[Sequence[str]]) -> Planes:
    """The picture under lines of white text on black; the texts of a line share its width evenly."""
    height, width = planes[0].shape
    row = max(20, height // 24 * 2)
    ink = np.vstack([np.hstack([_text(text, row, part) for text, part in _parts(line, width)]) for line in lines])
    shift = depth - 8
    luma = (_BLACK << shift) + ink.astype(np.float32) / 255 * ((_WHITE - _BLACK) << shift)
    grey = np.full((ink.shape[0] // 2, width // 2), 1 << (depth - 1))
    strip = (luma.round(), grey, grey)
    return [np.vstack([above.astype(below.dtype), below]) for above, below in zip(strip, planes, strict=True)]


def _even(frame: Frame) -> Planes:
    """The planes, a last odd row or column doubled."""
    rows, columns = frame.height % 2, frame.width % 2
    return [np.pad(frame.y, ((0, rows), (0, columns)), "edge"), frame.u, frame.v]


def _difference(a: NDArray[Any], b: NDArray[Any], amplify: float, depth: int) -> NDArray[Any]:
    """What is brighter in the second is above grey."""
    grey, most = 1 << (depth - 1), (1 << depth) - 1
    error: NDArray[np.float32] = np.subtract(b, a, dtype=np.float32)
    return np.clip(np.round(grey + amplify * error), 0, most).astype(a.dtype)


def _wiped(a: Planes, b: Planes, position: float, depth: int) -> Planes:
    """The first picture to the left of a white line, the second to the right."""
    at = round(position * a[0].shape[1] / 2)  # in chroma samples
    made = []
    for one, other, x in zip(a, b, (2 * at, at, at), strict=True):
        made.append(np.hstack([one[:, :x], other[:, x:]]))
    made[0][:, max(0, 2 * at - 1) : 2 * at + 1] = _WHITE << (depth - 8)
    return made


def _parts(line: Sequence[str], width: int) -> list[tuple[str, int]]:
    ends = [width * number // len(line) for number in range(len(line) + 1)]
    return [(text, end - start) for text, start, end in zip(line, ends, ends[1:], strict=False)]


def _text(text: str, height: int, width: int) -> NDArray[np.uint8]:
    """White on black, as large as fits."""
    image = np.zeros((height, width), np.uint8)
    scale = height / 30
    (needed, _), _ = cv2.getTextSize(text, _FONT, scale, 1)
    scale *= min(1, max(0, width - height) / max(1, needed))
    cv2.putText(image, text, (height // 3, round(0.72 * height)), _FONT, scale, 255, 1, cv2.LINE_AA)
    return image
