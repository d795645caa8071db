"""Clips of a fixed number of pictures out of the shots of one video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import cast

import numpy as np

from sensic.training.data.crops import Luma, Offset, Planes, crop, luma8, offsets
from sensic.training.data.hashes import clip_hashes
from sensic.training.data.pack import Samples
from sensic.training.data.settings import BuildSettings
from sensic.training.data.shots import Picture, ScaledVideo, enough, retimed

Dropped = Callable[[Fraction, str, str], None]
"""Told the time, the kind and the reason of everything in a video that became no clip."""

_UNEVEN = Fraction(5, 2)  # one picture left out is common, and codecs meet it; more is a pause
_ROUNDING = Fraction(1, 500)  # seconds: times of many containers are whole milliseconds


@dataclass(frozen=True)
class Clip:
    """``y`` [T, H, W] and ``uv`` [T, 2, H/2, W/2], uint8 or uint16; ``start`` in seconds, ``fps`` of these pictures.

    ``offset`` is where it was cut out of the scaled picture; ``hashes`` are of the clip and of the uncut picture.
    """

    y: Samples
    uv: Samples
    start: Fraction
    fps: float
    shot: int
    offset: Offset
    hashes: list[int]


class ClipFinder:
    """Chooses the clips of one video. Nothing else is kept of it than the pictures of the clip at hand."""

    def __init__(self, video: ScaledVideo, settings: BuildSettings, dropped: Dropped) -> None:
        self._video, self._settings, self._dropped = video, settings, dropped
        self._offsets = offsets(video.size, settings.size)
        fps = settings.fps
        self._step = 1 if fps is None or settings.interpolate else max(1, round(video.rate / Fraction(fps)))
        self._found = 0

    def clips(self, until: Fraction | None = None) -> Iterator[Clip]:
        """The clips in order of time; pictures from ``until`` seconds on aren't looked at."""
        most = self._settings.clips_per_shot
        pictures: list[Picture] = []
        shot, taken, tried, wait = 0, 0, 0, Fraction(0)
        for picture in self._video:
            if until is not None and picture.time >= until:
                break
            if picture.cut:
                self._cut_off(pictures, tried)
                pictures, shot, taken, tried, wait = [], shot + 1, 0, 0, Fraction(0)
            if picture.time < wait or (most is not None and taken >= most):
                continue
            pictures.append(picture)
            if not self._complete(pictures):
                continue
            clip, tried = self._made(pictures, shot), tried + 1
            if clip is not None:
                taken, wait = taken + 1, picture.time + Fraction(self._settings.gap)
                yield clip
            pictures = []
        self._cut_off(pictures, tried)

    def _complete(self, pictures: Sequence[Picture]) -> bool:
        if self._settings.interpolate and self._settings.fps is not None:
            return enough([p.time for p in pictures], self._settings.frames, self._settings.fps)
        return len(pictures) == (self._settings.frames - 1) * self._step + 1

    def _cut_off(self, pictures: Sequence[Picture], tried: int) -> None:
        """What is left of a shot is worth a word only if there was no more."""
        if pictures and not tried:
            self._dropped(pictures[0].time, "short", f"the shot has {len(pictures)} pictures only")

    def _made(self, pictures: Sequence[Picture], shot: int) -> Clip | None:
        start = pictures[0].time
        offset = self._offsets[self._found % len(self._offsets)]
        kept = self._retimed(pictures, offset)
        if kept is None:
            return None
        planes, fps = kept
        luma = [luma8(p[0]) for p in planes]
        motion = typical_difference(luma)
        if motion < self._settings.static:
            self._dropped(start, "static", f"nothing moves: pictures differ by {motion:.2f} of 255")
            return None
        self._found += 1
        hashes = clip_hashes(luma)
        if self._video.size != self._settings.size:
            hashes += clip_hashes([luma8(p.planes[0]) for p in pictures])
        return Clip(*stacked(planes), start, fps, shot, offset, hashes)

    def _retimed(self, pictures: Sequence[Picture], offset: Offset) -> tuple[list[Planes], float] | None:
        """The pictures of a clip and their rate."""
        settings, start = self._settings, pictures[0].time
        planes = [crop(p.planes, offset, settings.size) for p in pictures[:: self._step]]
        times = [p.time for p in pictures[:: self._step]]
        if settings.interpolate and settings.fps is not None:
            made = retimed(planes, times, settings.fps, settings.depth)[: settings.frames]
            if len(made) == settings.frames:
                return made, settings.fps
            self._dropped(start, "uneven", "its times are too uneven to be interpolated")
            return None
        steps = [b - a for a, b in pairwise(times)]
        if max(steps) > min(steps) * _UNEVEN + _ROUNDING:
            shortest, longest = (round(1000 * float(f(steps))) for f in (min, max))
            self._dropped(start, "uneven", f"variable frame rate: pictures are {shortest} to {longest} ms apart")
            return None
        return planes, round(float(len(steps) / sum(steps)), 3)


def stacked(pictures: Sequence[Planes]) -> tuple[Samples, Samples]:
    """Luma [T, H, W] and chroma [T, 2, H/2, W/2] of planes y, u, v."""
    y = cast(Samples, np.stack([p[0] for p in pictures]))
    return y, cast(Samples, np.stack([np.stack(p[1:]) for p in pictures]))


def typical_difference(luma: Sequence[Luma]) -> float:
    """Median over neighbouring pictures of their mean absolute difference, in 8-bit steps.

    The median, since the pictures of a still camera jump where its encoder set a key picture.
    """
    return float(np.median([np.abs(b.astype(np.int16) - a).mean() for a, b in pairwise(luma)]))
