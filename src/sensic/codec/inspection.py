"""Looking into streams: what they say of themselves, and whether they hold what they promise."""

from __future__ import annotations

import hashlib
import math
import os
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sensic.codec.reports import Progress, ProgressCallback, StreamInfo, VerifyReport
from sensic.container import DEFAULT_LIMITS, Limits, StreamReader
from sensic.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from av.stream import Stream

    from sensic.model import Model
    from sensic.video import Filters, Frame


def probe(source: str | Path | bytes | BinaryIO, *, limits: Limits = DEFAULT_LIMITS) -> StreamInfo:
    """Header and structure of a stream, every checksum checked, nothing decoded. Needs no model.

    ``limits`` is what the stream may ask for. Raises StreamError and what is below it, UsageError for a pipe.

    >>> info = probe("holiday.mkv")
    >>> info.frames, info.groups, info.header.quality, float(info.duration)
    (6, 1, 32, 0.24)
    """
    with StreamReader(source, limits=limits) as reader:
        index, info = reader.index(), reader.header.info
        step = index[-1].last_pts - index[-1].first_pts if index else 0
        last = step // max(1, index[-1].frames - 1) if index and index[-1].frames > 1 else 0
        span = index[-1].last_pts + last - index[0].first_pts if index else 0
        return StreamInfo(
            reader.header,
            os.path.getsize(source) if isinstance(source, str | Path) else None,
            sum(entry.payload_bytes for entry in index),
            sum(entry.frames for entry in index),
            sum(entry.starts_group for entry in index),
            max(Fraction(0), span * info.time_base),
            _beside(reader),
        )


def _beside(reader: StreamReader) -> tuple[str, ...]:
    """The side streams in words. FFmpeg takes a moment to load, and isn't needed where there are none."""
    if not reader.has_side():
        return ()
    with reader.side() as side:
        return tuple(map(described, side.templates))


def described(stream: Stream) -> str:
    """A stream that isn't pictures, in words: audio: aac."""
    return f"{stream.type}: {stream.codec_context.name}" if stream.codec_context else stream.type


def verify(
    source: str | Path | bytes | BinaryIO,
    *,
    reference: str | Path | BinaryIO | None = None,
    filters: Filters | None = None,
    model: str | Path | Model | None = None,
    threads: int | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: ProgressCallback | None = None,
) -> VerifyReport:
    """Check every checksum and decode every frame; compare with ``reference``, the video that was encoded, if given;
    ``filters`` are those that it was encoded with. ``limits`` is what the stream may ask for.

    Raises StreamError and what is below it where something is wrong, UsageError where the reference has another
    size or number of frames.

    >>> report = verify("holiday.mkv", reference="holiday.mp4")
    >>> report.frames, all(psnr > 25 for psnr in report.psnr)
    (6, True)
    """
    import numpy as np

    from sensic.codec.profiles import decoder_for  # networks, OpenCV and FFmpeg, which probe does without
    from sensic.video import VideoSource

    start = time.monotonic()
    digest, errors, frames, groups = hashlib.sha256(), np.zeros(3), 0, 0
    with StreamReader(source, limits=limits) as reader:
        decoder = decoder_for(reader.header, model, threads)
        total = sum(entry.frames for entry in reader.index()) if reader.seekable else None
        groups = sum(entry.starts_group for entry in reader.index()) if reader.seekable else 0
        original = VideoSource(reference, filters) if reference is not None else None
        try:
            for frame in decoder.frames(reader.blocks()):
                for plane in frame.planes:
                    digest.update(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).data)
                if original is not None:
                    errors += _squared_errors(frame, next(iter(original), None))
                frames += 1
                if progress is not None:
                    progress(Progress(frames, total, 0, time.monotonic() - start))
            if original is not None and next(iter(original), None) is not None:
                raise UsageError(f"{reference} has more frames than the stream's {frames}")
        finally:
            if original is not None:
                original.close()
        depth = reader.header.info.depth
    psnr = None
    if reference is not None and frames:
        y, u, v = (_psnr(error / frames, depth) for error in errors)
        psnr = (y, u, v)
    return VerifyReport(frames, groups, time.monotonic() - start, digest.hexdigest(), psnr)


def _squared_errors(frame: Frame, original: Frame | None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Mean squared errors of the three planes."""
    import numpy as np

    if original is None:
        raise UsageError("the reference has fewer frames than the stream")
    if (frame.width, frame.height, frame.depth) != (original.width, original.height, original.depth):
        raise UsageError(
            f"the reference is {original.width}x{original.height} with {original.depth} bits, "
            f"the stream {frame.width}x{frame.height} with {frame.depth}"
        )
    pairs = zip(frame.planes, original.planes, strict=True)
    return np.array([np.square(np.subtract(a, b, dtype=np.float32)).mean(dtype=np.float64) for a, b in pairs])


def _psnr(error: float, depth: int) -> float:
    """Peak signal to noise ratio in dB of a mean squared error."""
    return math.inf if error == 0 else 10 * math.log10(((1 << depth) - 1) ** 2 / error)
