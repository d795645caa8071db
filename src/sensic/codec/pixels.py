"""The pixel path: planes to tensors and back, prediction, analysis, synthesis. Nothing here decides a probability."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.model import Model
from sensic.motion import BLOCK, Field, warp
from sensic.runtime import Backend
from sensic.video import Frame
from sensic.video.frame import Plane

Floats = NDArray[np.float32]
Planes = tuple[Floats, Floats]  # y [1, 1, H, W] and uv [1, 2, H/2, W/2], -0.5..0.5


def padded(size: int) -> int:
    """Rows or columns that the networks work on."""
    return -(-size // BLOCK) * BLOCK


def extend(plane: Plane, height: int, width: int) -> Plane:
    """Repeat the last row and column up to the given size."""
    down, right = height - plane.shape[0], width - plane.shape[1]
    if not down and not right:
        return plane
    return cast(Plane, cv2.copyMakeBorder(plane, 0, down, 0, right, cv2.BORDER_REPLICATE))


def to_tensors(frame: Frame) -> Planes:
    """A frame of either depth as padded float planes."""
    height, width = padded(frame.height), padded(frame.width)
    scale = np.float32(1 / ((1 << frame.depth) - 1))
    y = extend(frame.y, height, width).astype(np.float32) * scale - np.float32(0.5)
    uv = np.empty((1, 2, height // 2, width // 2), np.float32)
    for channel, plane in enumerate((frame.u, frame.v)):
        np.multiply(extend(plane, height // 2, width // 2), scale, out=uv[0, channel])
    uv -= np.float32(0.5)
    return y[None, None], uv


def to_planes(planes: Planes, height: int, width: int, depth: int) -> tuple[Plane, ...]:
    """Rounded and cropped planes y, u, v of the given luma size."""
    peak = np.float32((1 << depth) - 1)
    kind = np.uint8 if depth == 8 else np.uint16

    def whole(plane: Floats) -> Plane:
        scaled = (plane + np.float32(0.5)) * peak + np.float32(0.5)
        return cast(Plane, np.clip(scaled, 0, peak).astype(kind))

    half = (-(-height // 2), -(-width // 2))
    y, uv = planes
    return whole(y[0, 0, :height, :width]), *(whole(uv[0, c, : half[0], : half[1]]) for c in (0, 1))


def luma8(frame: Frame) -> NDArray[np.uint8]:
    """Padded luma with 8 bits, for the motion search."""
    y = frame.y if frame.depth == 8 else (frame.y >> (frame.depth - 8)).astype(np.uint8)
    return np.ascontiguousarray(extend(y, padded(frame.height), padded(frame.width)), np.uint8)


class PixelPath:
    """Pictures of a group: keeps the last one and predicts the next from it."""

    def __init__(self, model: Model, backend: Backend, height: int, width: int) -> None:
        """``height`` and ``width`` in pixels, multiples of 16."""
        self._backend = backend
        self._shape = (height, width)
        self._reference: Planes | None = None
        self._reference_luma: NDArray[np.uint8] | None = None  # made when asked for
        self._given: dict[str, Floats] = {}  # prediction and context of the picture at hand

    @property
    def reference(self) -> NDArray[np.uint8]:
        """Luma of the last picture, 8 bits [H, W]."""
        assert self._reference is not None
        if self._reference_luma is None:
            self._reference_luma = np.asarray(to_planes(self._reference, *self._shape, 8)[0], np.uint8)
        return self._reference_luma

    def predict(self, motion: Field | None, quality: int) -> None:
        """Prepare the prediction of a picture: along ``motion``, or mid-grey for the first of a group."""
        if motion is None:
            height, width = self._shape
            y, uv = np.zeros((1, 1, height, width), np.float32), np.zeros((1, 2, height // 2, width // 2), np.float32)
        else:
            assert self._reference is not None
            moved, chroma = warp(self._reference[0][0, 0], self._reference[1][0], motion)
            y, uv = moved[None, None], chroma[None]
        prediction, context = self._backend.run("context", {"y": y, "uv": uv, "quality": _index(quality)})
        self._given = {"prediction": prediction, "context": context}

    def analyse(self, planes: Planes, quality: int) -> tuple[Floats, Floats]:
        """Latent and hyper-latent of a picture, not yet rounded (encoder only)."""
        latent, hyper = self._backend.run(
            "analysis",
            {"y": planes[0], "uv": planes[1], **self._given, "quality": _index(quality)},
        )
        return latent, hyper

    def picture(self, latent: Floats, quality: int) -> Planes:
        """The picture of a decoded latent."""
        y, uv = self._backend.run("synthesis", {"latent": latent, **self._given, "quality": _index(quality)})
        return y, uv

    def synthesise(self, latent: Floats, quality: int) -> Planes:
        """The picture of a decoded latent; it becomes the reference of the next."""
        self._reference, self._reference_luma = self.picture(latent, quality), None
        return self._reference


def _index(quality: int) -> NDArray[np.int64]:
    return np.array([quality], np.int64)
