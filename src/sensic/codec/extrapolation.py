"""What a lost picture may have looked like: the last one, moved on as it moved before."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.video import Frame
from sensic.video.frame import Plane

DECAY = 0.85
"""Each picture moves by so much of what the one before moved: soon there is little to say of what is lost."""
_SMALLEST = 32  # rows and columns; OpenCV wants some
_EXPLAINED = 0.7  # of the squared difference of two pictures, by motion; what a scene cut leaves is not motion


class Extrapolation:
    """Pictures that follow two good ones, ``before`` and ``last``."""

    def __init__(self, before: Frame | None, last: Frame) -> None:
        """Without ``before`` the last picture stands still, as where no motion makes one of the other."""
        self._last = last
        self._flow = None if before is None else _flow(_luma8(before), _luma8(last))

    def picture(self, number: int) -> Frame:
        """The one so many pictures after the last, from 1 on."""
        if self._flow is None:
            return self._last
        flow = self._flow * np.float32((1 - DECAY**number) / (1 - DECAY))
        height, width = self._last.u.shape
        half = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA) * np.float32(0.5)
        frame = self._last
        return replace(frame, y=_moved(frame.y, flow), u=_moved(frame.u, half), v=_moved(frame.v, half))


def _luma8(frame: Frame) -> NDArray[np.uint8]:
    return np.ascontiguousarray(frame.y >> (frame.depth - 8), np.uint8)


def _flow(before: NDArray[np.uint8], last: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """Where in ``before`` each sample of ``last`` was, relative to its place [H, W, 2]; None where that says little."""
    if min(last.shape) < _SMALLEST:
        return None
    estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = np.asarray(estimator.calc(last, before, np.zeros((*last.shape, 2), np.float32)), np.float32)
    still, moved = (np.square(a.astype(np.float32) - last).mean() for a in (before, _moved(before, flow)))
    return flow if moved < _EXPLAINED * still else None


def _moved(plane: Plane, flow: NDArray[np.float32]) -> Plane:
    """Each sample from ``flow`` away; the edge goes on."""
    rows, columns = np.indices(plane.shape, np.float32)
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    return cast(Plane, cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))
