"""Test clips: read once, written losslessly, so that every coder starts from the same file and the same pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8] | NDArray[np.uint16]
Planes = tuple[Plane, Plane, Plane]  # y [H, W]; u, v [ceil(H/2), ceil(W/2)]

PIXEL_FORMATS = {8: "yuv420p", 10: "yuv420p10le"}


@dataclass(frozen=True)
class Clip:
    """The frames of a video in memory, and the file that a coder reads them from."""

    name: str
    path: Path
    width: int
    height: int
    depth: int
    rate: Fraction
    frames: list[Planes]

    @property
    def pixels(self) -> int:
        """Luma samples of all frames."""
        return self.width * self.height * len(self.frames)


def planes_of(frame: av.VideoFrame) -> Planes:
    """Copies of the planes of a 4:2:0 picture, without the padding at the end of their rows."""
    depth = frame.format.components[0].bits
    if frame.format.name != PIXEL_FORMATS[10 if depth == 10 else 8]:
        raise ValueError(f"4:2:0 of 8 or 10 bits is compared as it is coded; this is {frame.format.name}")
    dtype: Any = np.uint8 if depth == 8 else np.dtype("<u2")

    def plane(index: int) -> Plane:
        p = frame.planes[index]
        rows: Plane = np.frombuffer(memoryview(p), dtype).reshape(p.height, p.line_size // np.dtype(dtype).itemsize)
        return rows[:, : p.width].copy()

    return plane(0), plane(1), plane(2)


def picture_of(planes: Planes) -> av.VideoFrame:
    """The inverse of ``planes_of``."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, PIXEL_FORMATS[8 if planes[0].dtype == np.uint8 else 10])
    for plane, samples in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        data = np.ascontiguousarray(samples).view(np.uint8)
        rows[:, : data.shape[1]] = data
        plane.update(rows.tobytes())
    return frame


def decode_planes(path: Path, threads: int = 0) -> Iterator[Planes]:
    """Every frame of an ordinary video file."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        for frame in source.decode(stream):
            yield planes_of(frame)


def read(source: Path, frames: int | None = None) -> Clip:
    """At most ``frames`` frames of ``source`` (all of them for None).

    Raises ValueError when there is no frame, or it is not 4:2:0 of 8 or 10 bits.
    """
    with av.open(str(source)) as reader:
        rate = reader.streams.video[0].average_rate or Fraction(25)
    kept = list(islice(decode_planes(source), frames))
    if not kept:
        raise ValueError(f"{source}: no frame")
    (height, width), depth = kept[0][0].shape, 8 if kept[0][0].dtype == np.uint8 else 10
    return Clip(source.stem, source, width, height, depth, rate, kept)


def load(source: Path, directory: Path, frames: int) -> Clip:
    """At most ``frames`` frames of ``source``, written to a lossless file in ``directory`` at an even rate.

    What is measured is pictures, so every coder sees the same ones at the same times. Raises like ``read``.
    """
    clip = read(source, frames)
    path = directory / f"{clip.name}.mkv"
    with av.open(str(path), "w") as writer:
        output = writer.add_stream("ffv1", rate=clip.rate)
        output.width, output.height, output.pix_fmt = clip.width, clip.height, PIXEL_FORMATS[clip.depth]
        for number, planes in enumerate(clip.frames):
            picture = picture_of(planes)
            picture.pts, picture.time_base = number, 1 / clip.rate
            writer.mux(output.encode(picture))
        writer.mux(output.encode(None))
    return replace(clip, path=path)


def scaled_loop(source: Path, destination: Path, width: int, height: int, count: int) -> None:
    """``count`` frames of ``source`` scaled and repeated from the start, as an ordinary small H.264 file."""
    with av.open(str(destination), "w") as writer:
        output = writer.add_stream("libx264", rate=25, options={"crf": "18", "preset": "veryfast"})
        output.width, output.height, output.pix_fmt = width, height, PIXEL_FORMATS[8]
        done = 0
        while done < count:
            with av.open(str(source)) as reader:
                for frame in islice(reader.decode(video=0), count - done):
                    picture = frame.reformat(width, height, PIXEL_FORMATS[8])
                    picture.pts, picture.time_base = done, Fraction(1, 25)
                    picture.pict_type = av.video.frame.PictureType.NONE
                    writer.mux(output.encode(picture))
                    done += 1
        writer.mux(output.encode(None))
