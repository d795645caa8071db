"""The comparison of two videos: a video, a still picture, or the figures alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from sensic.codec.reports import Progress
from sensic.codec.transcode import refuse_same_file
from sensic.errors import UsageError
from sensic.evaluation.comparison.montage import MODES, Planes, montage, with_text
from sensic.evaluation.comparison.pairs import Pairs
from sensic.evaluation.comparison.similarity import Similarity
from sensic.model import Model
from sensic.video import AtomicFile, Frame, VideoInfo, VideoSink
from sensic.video.planes import picture_of

STILLS = (".png", ".jpg", ".jpeg")
_CODEC, _OPTIONS = "libx264", {"crf": "12", "preset": "veryfast"}
_BT709, _BT601, _UNSPECIFIED = 1, 5, 2
_MOST_AMPLIFIED = 256


@dataclass(frozen=True)
class CompareReport:
    """``psnr`` (dB, at most 100, of the error averaged over all pictures) and ``ssim`` (mean; None below 11 pixels) are
    of luma, ``frame_psnr`` and ``frame_ssim`` of each picture; ``width`` and ``height`` of the pictures compared."""

    frames: int
    width: int
    height: int
    psnr: float
    ssim: float | None
    frame_psnr: tuple[float, ...]
    frame_ssim: tuple[float | None, ...]
    file_bytes: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> int:
        """Number of the picture with the lowest PSNR."""
        return self.frame_psnr.index(min(self.frame_psnr))


def compare_videos(
    first: str | Path,
    second: str | Path,
    destination: str | Path | None = None,
    *,
    mode: str = "side",
    amplify: float = 8,
    frame: int | None = None,
    model: str | Path | Model | None = None,
    threads: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> CompareReport:
    """Compare two videos, each any that FFmpeg reads or a Sensic stream, picture by picture.

    ``destination`` is a video (H.264 at crf 12 where its container takes that, else lossless), or with ``frame``, the
    number of a picture, a .png or .jpg; without it there are the figures only. ``mode`` is side (A beside B), stack (A
    above B), wipe (A to the left of a moving line) or difference (B − A on grey, times ``amplify``).

    The second is scaled to the size of the first; where their rates differ, pictures nearest in time are compared; both
    is noted. Raises UsageError, InputError, StreamError and what is below it, OutputError.
    """
    _check(first, second, destination, mode, amplify, frame)
    start = time.monotonic()
    with Pairs(first, second, model, threads) as pairs:
        names = Path(first).name, Path(second).name
        figures = Similarity(pairs.info.depth)
        pictures = _Pictures(mode, amplify, names, figures)
        if frame is not None:
            one, other = _pair(pairs, frame)
            figures.add(one.y, other.y)
            _write_still(Path(destination or ""), pictures.made(frame, one, other, still=True), one, pairs.info)
        else:
            _write_video(destination, pairs, pictures, _counting(progress, pairs.info, start))
        return CompareReport(
            len(figures.psnrs),
            pairs.info.width,
            pairs.info.height,
            figures.psnr,
            figures.ssim,
            tuple(figures.psnrs),
            tuple(figures.ssims),
            os.path.getsize(destination) if destination else 0,
            time.monotonic() - start,
            tuple(pairs.notes),
        )


def _check(first: object, second: object, out: str | Path | None, mode: str, amplify: float, frame: int | None) -> None:
    if mode not in MODES:
        raise UsageError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
    if not 0 < amplify <= _MOST_AMPLIFIED:
        raise UsageError(f"amplify is above 0, at most {_MOST_AMPLIFIED}, not {amplify:g}")
    still = out is not None and Path(out).suffix.lower() in STILLS
    if frame is not None and not still:
        raise UsageError(f"one picture goes into a file named {', '.join(STILLS)}")
    if frame is None and still:
        raise UsageError(f"{out} is a still picture: say of which frame")
    if frame is not None and frame < 0:
        raise UsageError(f"pictures are counted from 0, not {frame}")
    refuse_same_file(first, out)
    refuse_same_file(second, out)


@dataclass(frozen=True)
class _Pictures:
    """What is shown of a pair."""

    mode: str
    amplify: float
    names: tuple[str, str]
    figures: Similarity

    def made(self, number: int, one: Frame, other: Frame, *, still: bool = False) -> Planes:
        planes = montage(self.mode, one, other, self.amplify, None if still else one.time)
        a, b = self.names
        heads = {
            "side": [a, b],
            "stack": [f"{a} above {b}"],
            "wipe": [f"{a} | {b}"],
            "difference": [f"{b} - {a}, times {self.amplify:g}"],
        }
        return with_text(planes, one.depth, [heads[self.mode], [self._measured(number, one.time, still)]])

    def _measured(self, number: int, time: Fraction, still: bool) -> str:
        figures = self.figures
        ssim, mean = figures.ssims[-1], figures.ssim
        so_far = ("", "") if still else (f" (mean {figures.psnr:.2f})", f" (mean {mean:.4f})" if mean else "")
        similarity = "" if ssim is None else f"  SSIM {ssim:.4f}{so_far[1]}"
        return f"{number}  {float(time):.3f} s  PSNR {figures.psnrs[-1]:.2f} dB{so_far[0]}{similarity}"


def _pair(pairs: Pairs, wanted: int) -> tuple[Frame, Frame]:
    number = -1
    for number, pair in enumerate(pairs):
        if number == wanted:
            return pair
    raise UsageError(f"there is no picture {wanted}: {number + 1} can be compared, counted from 0")


def _counting(progress: Callable[[Progress], None] | None, info: VideoInfo, start: float) -> Callable[[int], None]:
    def count(frames: int) -> None:
        if progress is not None:
            total = None if info.frame_count is None else max(info.frame_count, frames)
            progress(Progress(frames, total, 0, time.monotonic() - start))

    return count


def _write_video(
    destination: str | Path | None, pairs: Pairs, pictures: _Pictures, count: Callable[[int], None]
) -> None:
    """Measure all pairs, and write them if there is a destination."""
    measured = _measured(pairs, pictures.figures, count)
    number, one, other = next(measured)
    if destination is None:
        for _ in measured:
            pass
        return
    planes = pictures.made(number, one, other)
    info = replace(pairs.info, width=planes[0].shape[1], height=planes[0].shape[0])
    codec = _CODEC if _takes_x264(destination) else None
    with VideoSink(destination, info, codec=codec, options=_OPTIONS if codec else None) as sink:
        sink.write(_as_frame(planes, one))
        for number, one, other in measured:
            sink.write(_as_frame(pictures.made(number, one, other), one))


def _measured(pairs: Pairs, figures: Similarity, count: Callable[[int], None]) -> Iterator[tuple[int, Frame, Frame]]:
    number = -1
    for number, (one, other) in enumerate(pairs):
        figures.add(one.y, other.y)
        count(number + 1)
        yield number, one, other
    if number < 0:
        raise UsageError("there is nothing to compare: one of the videos has no picture")


def _as_frame(planes: Planes, like: Frame) -> Frame:
    y, u, v = planes
    return replace(like, y=y, u=u, v=v)


def _takes_x264(destination: str | Path) -> bool:
    suffix = Path(destination).suffix.lower()
    try:
        with av.open(f"x{suffix}", "w") as probe:  # nothing is created before the first packet
            return _CODEC in av.codecs_available and _CODEC in probe.supported_codecs
    except (ValueError, av.FFmpegError):
        return False  # VideoSink says what is known


def _write_still(path: Path, planes: Planes, like: Frame, info: VideoInfo) -> None:
    picture: Any = picture_of(_as_frame(planes, like))
    matrix = like.colour.matrix if like.colour.matrix != _UNSPECIFIED else (_BT709 if info.height > 576 else _BT601)
    bgr = picture.reformat(
        format="bgr24",
        src_colorspace=matrix,
        src_color_range=2 if like.colour.full_range else 1,
        dst_color_range=2,
        interpolation="BICUBIC",
    ).to_ndarray()
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix.lower() != ".png" else []
    _, data = cv2.imencode(path.suffix.lower(), np.ascontiguousarray(bgr), quality)
    with AtomicFile(path) as file:
        file.file.write(data.tobytes())
