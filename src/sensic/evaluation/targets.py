"""The quality that reaches a target: excerpts are coded, measured, and the search interpolates between what was seen.

As ab-av1 does it (https://github.com/alexheretic/ab-av1), with a whole number instead of a CRF: a metric rises almost
in a line with the quality, so that three to five tries are enough.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sensic.codec.access import open_video
from sensic.codec.reports import Progress
from sensic.codec.transcode import encode
from sensic.errors import TargetError, UsageError
from sensic.evaluation.clips import Clip, excerpts
from sensic.evaluation.metrics import measure
from sensic.model import Model
from sensic.model.model import QUALITIES
from sensic.video import Filters, VideoSource

METRICS = {"vmaf": "vmaf", "psnr": "psnr_y", "xpsnr": "xpsnr_y"}
"""What can be asked for, and what is measured for it: a mean over the frames, or PSNR of all of them."""

EXCERPTS = 8
GROUPS = 2  # of an excerpt
SLOPES = {"vmaf": 0.9, "psnr": 0.15, "xpsnr": 0.15}  # of a step of quality, until two tries tell
FIRST = 32


@dataclass(frozen=True)
class Target:
    """At least ``value`` of ``metric``: vmaf (up to 100), psnr or xpsnr (of luma, dB). Raises UsageError."""

    metric: str
    value: float

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise UsageError(f"a target is one of {', '.join(METRICS)}, not {self.metric!r}")
        if not 0 < self.value <= 100:
            raise UsageError(f"a target of {self.metric} is above 0 and at most 100, not {self.value:g}")

    def __str__(self) -> str:
        return f"{self.metric} {self.value:g}"


@dataclass(frozen=True)
class Try:
    """What the excerpts gave at ``quality``: the metric's ``score``; ``bytes`` and ``seconds`` are what the pictures
    and the coding of the whole video are then expected to take."""

    quality: int
    score: float
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Found:
    """``best`` is the lowest quality that reached the target. ``tries`` are in the order they were made; the excerpts
    held ``frames`` of the video's ``total``."""

    target: Target
    best: Try
    tries: tuple[Try, ...]
    frames: int
    total: int


@dataclass(frozen=True)
class SearchProgress:
    """``frames`` of the excerpts' ``total`` are coded at ``quality`` in try ``number``, from 1; 0 reads the source."""

    number: int
    quality: int
    frames: int
    total: int | None
    seconds: float


OnProgress = Callable[[SearchProgress], None]


@dataclass
class _Search:
    """Quality by quality towards the lowest one whose score is enough."""

    target: Target
    tries: dict[int, Try] = field(default_factory=dict)

    def next(self) -> int | None:
        """The next quality to try; None when there is nothing left to learn."""
        if not self.tries:
            return FIRST
        below = max((q for q, t in self.tries.items() if t.score < self.target.value), default=-1)
        above = min((q for q, t in self.tries.items() if t.score >= self.target.value and q > below), default=QUALITIES)
        if above - below == 1:
            return None
        return min(max(math.ceil(self._guess()), below + 1), above - 1)

    def _guess(self) -> float:
        """Where the line through the two nearest tries, or the usual slope through one, meets the target."""
        near = sorted(self.tries.values(), key=lambda t: abs(t.score - self.target.value))[:2]
        slope = SLOPES[self.target.metric]
        if len(near) == 2:
            slope = (near[1].score - near[0].score) / (near[1].quality - near[0].quality)
        return near[0].quality + (self.target.value - near[0].score) / max(slope, 1e-3)

    @property
    def best(self) -> Try | None:
        return min(
            (t for t in self.tries.values() if t.score >= self.target.value), key=lambda t: t.quality, default=None
        )


def find_quality(
    source: str | Path,
    target: Target,
    *,
    gop: int = 32,
    preset: str | int = "medium",
    model: str | Path | Model | None = None,
    threads: int | None = None,
    filters: Filters | None = None,
    on_try: Callable[[Try], None] = lambda found: None,
    progress: OnProgress = lambda progress: None,
) -> Found:
    """The lowest quality of ``sensic.encode`` with which ``source`` reaches a target, by coding excerpts of it.

    Up to 8 excerpts of two groups each, spread evenly; short videos whole. Raises TargetError, whose ``best`` is the
    best Try, where the highest quality isn't enough; UsageError for a pipe, which can't be read again; and like
    ``encode``.
    """
    if str(source) == "-":
        raise UsageError("a target is searched for by reading the source more than once, which standard input can't")
    begin, chosen, search = time.monotonic(), Model.load(model), _Search(target)
    with tempfile.TemporaryDirectory(prefix="sensic-target-") as scratch:
        with VideoSource(source, filters) as video:

            def read(frames: int, of: int | None) -> None:
                progress(SearchProgress(0, FIRST, frames, of, time.monotonic() - begin))

            clip, total = excerpts(video, Path(scratch), EXCERPTS, GROUPS * gop, read)
        while (quality := search.next()) is not None:

            def coded(now: Progress, quality: int = quality) -> None:
                number, seconds = len(search.tries) + 1, time.monotonic() - begin
                progress(SearchProgress(number, quality, now.frames, now.total, seconds))

            stream = Path(scratch) / "coded.mkv"
            report = encode(
                clip.path,
                stream,
                quality=quality,
                gop=gop,
                preset=preset,
                model=chosen,
                threads=threads,
                progress=coded,
            )
            share = total / clip.info.frames
            score = _score(clip, stream, target.metric, chosen, threads)
            found = Try(quality, score, round(report.payload_bytes * share), report.seconds * share)
            search.tries[quality] = found
            on_try(found)
    tries = tuple(search.tries.values())
    if search.best is None:
        best = max(tries, key=lambda t: t.score)
        raise TargetError(f"{target} can't be reached: the best is {best.score:.2f}, at quality {best.quality}", best)
    return Found(target, search.best, tries, clip.info.frames, total)


def _score(clip: Clip, stream: Path, metric: str, model: Model, threads: int | None) -> float:
    """Of a stream's pictures against those of ``clip``. Raises UsageError where they are too small for the metric."""
    raw = stream.with_suffix(".yuv")
    with open_video(stream, model=model, threads=threads) as video, raw.open("wb") as file:
        for frame in video:
            file.writelines(np.ascontiguousarray(plane).data for plane in frame.planes)
    values, _ = measure(clip, raw, (metric,), threads=threads or 1)
    raw.unlink()
    if METRICS[metric] not in values:
        raise UsageError(f"pictures of {clip.info.width}x{clip.info.height} are too small for {metric}")
    return values[METRICS[metric]]
