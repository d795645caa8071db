"""Test clips: read once, written losslessly, so that every coder starts from the same file and the same pictures."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from sensic.errors import EvaluationError, InputError, UnsupportedError, UsageError
from sensic.evaluation.process import ffmpeg, run
from sensic.evaluation.results import ClipInfo
from sensic.video import Frame, VideoInfo, VideoSource

Plane = NDArray[np.uint8] | NDArray[np.uint16]
Planes = tuple[Plane, Plane, Plane]  # y [H, W]; u, v [ceil(H/2), ceil(W/2)]

PIXEL_FORMATS = {8: "yuv420p", 10: "yuv420p10le"}
AS_CODED = (*PIXEL_FORMATS.values(), "yuvj420p", "nv12", "nv21", "p010le", "p010be", "yuv420p10be")  # the same samples
RATES = (1, 240)  # frames per second that every encoder takes
USUAL_RATE = Fraction(25)


@dataclass(frozen=True)
class Clip:
    """A clip as every coder gets it: ``path`` is a lossless file (FFV1 in Matroska, even frame rate, 4:2:0 of 8 or 10
    bits; with the first audio stream of ``source`` where it was asked for and there is one)."""

    info: ClipInfo
    path: Path
    source: Path

    def frames(self) -> Iterator[Planes]:
        """Every frame, read from the file as they are asked for."""
        return decode_planes(self.path)


def planes_of(frame: av.VideoFrame) -> Planes:
    """Copies of the planes of a 4:2:0 picture, without the padding at the end of their rows.

    Raises UnsupportedError for another sampling or depth.
    """
    depth = frame.format.components[0].bits
    if frame.format.name.replace("yuvj", "yuv") != PIXEL_FORMATS.get(depth):
        raise UnsupportedError(f"4:2:0 of 8 or 10 bits is compared as it is coded; this is {frame.format.name}")
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
    """Every frame of an ordinary video file; ``threads`` 0 is as many as there are cores. Raises UnsupportedError."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        for frame in source.decode(stream):
            yield planes_of(frame)


def load(source: Path, directory: Path, frames: int | None = None, audio: bool = False) -> Clip:
    """At most ``frames`` frames of ``source`` (all for None), written to a lossless file in ``directory``.

    What is measured is pictures, so every coder sees the same ones at the same times: uneven frames are shown evenly,
    a rate that is unknown or not within 1 to 240 frames per second becomes 25. With ``audio`` the sound goes along
    untouched, as FLAC where Matroska doesn't hold its codec.

    Raises InputError where there is no frame to be read, UnsupportedError where it is not 4:2:0 of 8 or 10 bits.
    """
    if frames is not None and frames < 1:
        raise UsageError(f"frames is at least 1, not {frames}")
    path = directory / f"{source.stem}.lossless.mkv"
    partial = path.with_name(f".{path.name}.partial.mkv")
    try:
        with VideoSource(source) as video:
            require_as_coded(source, video.info)
            info, rate = video.info, _even_rate(video.info)
            count, digest = _write(partial, islice(video, frames), info, rate)
        if not count:
            raise InputError(f"{source}: no frame could be decoded")
        heard = audio and _add_audio(source, partial, count / rate)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return Clip(_clip_info(source.stem, digest, count, info, rate, heard), path, source)


def excerpts(
    video: VideoSource,
    directory: Path,
    count: int,
    length: int,
    on_frame: Callable[[int, int | None], None] = lambda done, total: None,
) -> tuple[Clip, int]:
    """At most ``count`` excerpts of ``length`` frames, spread evenly over a video and joined in a lossless file, and
    how many frames the whole has. ``on_frame`` is told how many were read, and of how many, if that is known.

    Raises InputError where there is no frame to be read.
    """
    info, total = video.info, 0
    expected = info.frame_count
    if expected is None and info.duration is not None and info.rate is not None:
        expected = round(info.duration * info.rate)
    # The excerpts' first frames, in the middle of equal shares; without gaps where there are not many frames more.
    spread = expected is not None and expected > count * length
    share = expected / count if spread and expected else length
    starts = [round(share * number + (share - length) / 2) for number in range(count)]

    def chosen() -> Iterator[Frame]:
        nonlocal total
        for frame in video:
            if any(start <= total < start + length for start in starts):
                yield frame
            total += 1
            on_frame(total, expected)

    path, rate = directory / "excerpts.lossless.mkv", _even_rate(info)
    frames, digest = _write(path, chosen(), info, rate)
    if not frames:
        raise InputError("no frame could be decoded")
    return Clip(_clip_info("excerpts", digest, frames, info, rate), path, path), total


def _clip_info(name: str, digest: str, frames: int, info: VideoInfo, rate: Fraction, audio: bool = False) -> ClipInfo:
    ratio = f"{rate.numerator}/{rate.denominator}"
    return ClipInfo(name, digest, frames, info.width, info.height, info.depth, ratio, audio)


def require_as_coded(source: Path, info: VideoInfo) -> None:
    """Raises UnsupportedError for what is not 4:2:0 of 8 or 10 bits."""
    if info.source_format not in AS_CODED:
        raise UnsupportedError(
            f"{source} is {info.source_format}; 4:2:0 of 8 or 10 bits is compared as it is coded, so convert it first: "
            f"ffmpeg -i IN -pix_fmt {PIXEL_FORMATS[info.depth]} -c:v ffv1 OUT.mkv"
        )


def _even_rate(info: VideoInfo) -> Fraction:
    return info.rate if info.rate is not None and RATES[0] <= info.rate <= RATES[1] else USUAL_RATE


def _write(path: Path, frames: Iterable[Frame], info: VideoInfo, rate: Fraction) -> tuple[int, str]:
    """The number of frames written and the SHA-256 of their samples (y, u, v of each, little-endian)."""
    digest, count = hashlib.sha256(), 0
    with av.open(str(path), "w") as writer:
        output = writer.add_stream("ffv1", rate=rate)
        output.width, output.height = info.width, info.height
        output.pix_fmt = PIXEL_FORMATS[info.depth]
        for frame in frames:
            for plane in frame.planes:
                digest.update(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).data)
            picture = picture_of(frame.planes)
            picture.pts, picture.time_base = count, 1 / rate
            writer.mux(output.encode(picture))
            count += 1
        writer.mux(output.encode(None))
    return count, digest.hexdigest()


def _add_audio(source: Path, path: Path, seconds: Fraction) -> bool:
    """The first audio stream of ``source`` into the file of pictures; False where it has none."""
    with av.open(str(source)) as reader:
        if not reader.streams.audio:
            return False
    both = path.with_name(f"{path.stem}.audio.mkv")
    inputs = ["-i", str(path), "-t", f"{float(seconds):.6f}", "-i", str(source), "-map", "0:v:0", "-map", "1:a:0"]
    command = [ffmpeg(), "-nostdin", "-v", "error", "-y", *inputs, "-map_metadata", "-1", "-c:v", "copy"]
    try:
        try:
            run([*command, "-c:a", "copy", str(both)])
        except EvaluationError:
            run([*command, "-c:a", "flac", str(both)])
        os.replace(both, path)
    finally:
        both.unlink(missing_ok=True)
    return True
