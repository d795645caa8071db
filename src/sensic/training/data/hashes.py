"""Perceptual hashes: which clips show the same.

A clip is known by the 64-bit DCT hash (imagehash's phash) of its first, middle and last picture. Two clips are as far
apart as their nearest hashes. ``benchmarks/hashes.py`` measures where to draw the line: recompression, scaling, noise
and brightness move a hash by about 5 bits at most, cutting 2.5% off each side by 13 (99 of 100), and from 16 bits on
unrelated clips meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from sensic.errors import PackError
from sensic.training.data.crops import Luma, crop, luma8, offsets
from sensic.training.data.settings import BuildSettings
from sensic.training.data.shots import ScaledVideo, UnusableError
from sensic.video import VideoSource

EVERY = 5
"""Of a test clip every fifth picture is hashed."""


def picture_hash(luma: Luma) -> int:
    """The perceptual hash of a picture [H, W]: 64 bits."""
    bits = imagehash.phash(Image.fromarray(np.ascontiguousarray(luma))).hash
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def clip_hashes(pictures: Sequence[Luma]) -> list[int]:
    """Of the first, the middle and the last picture."""
    return [picture_hash(pictures[i]) for i in sorted({0, len(pictures) // 2, len(pictures) - 1})]


class HashIndex:
    """Hashes with the names of what they show."""

    def __init__(self) -> None:
        self._hashes = np.empty(1024, np.uint64)
        self._names: list[str] = []

    def add(self, name: str, hashes: Iterable[int]) -> None:
        for value in hashes:
            if len(self._names) == len(self._hashes):
                self._hashes = np.concatenate([self._hashes, np.empty_like(self._hashes)])
            self._hashes[len(self._names)] = value
            self._names.append(name)

    def nearest(self, hashes: Iterable[int]) -> tuple[int, str]:
        """The least distance in bits (65 where nothing is known) and the name at it; the first of equals."""
        best = (65, "")
        known = self._hashes[: len(self._names)]
        for value in hashes if self._names else ():
            distances = np.bitwise_count(known ^ np.uint64(value))
            at = int(distances.argmin())
            if distances[at] < best[0]:
                best = int(distances[at]), self._names[at]
        return best


def excluded_index(
    paths: Sequence[Path], settings: BuildSettings, decoded: Callable[[], None] = lambda: None
) -> HashIndex:
    """The hashes of test clips: whole and in every crop, upright and mirrored.

    ``decoded`` is called after every picture. Raises PackError for a clip that can't be read: training on it by
    accident would spoil every later figure.
    """
    index = HashIndex()
    for path in paths:
        index.add(path.name, _hashes_of(path, settings, decoded))
    return index


def _hashes_of(path: Path, settings: BuildSettings, decoded: Callable[[], None]) -> list[int]:
    out: list[int] = []
    try:
        with VideoSource(path) as whole:
            for count, frame in enumerate(whole):
                decoded()
                if count % EVERY == 0:
                    out += _both_ways(luma8(frame.y))
        with ScaledVideo(path, settings, decoded) as video:
            for count, picture in enumerate(video):
                if count % EVERY == 0 and video.size != settings.size:
                    for offset in offsets(video.size, settings.size):
                        out += _both_ways(luma8(crop(picture.planes, offset, settings.size)[0]))
    except UnusableError as error:
        if error.kind == "tiny":
            return out
        raise PackError(f"the test clip {path} can't be read: {error}") from error
    except Exception as error:
        raise PackError(f"the test clip {path} can't be read: {error}") from error
    return out


def _both_ways(luma: Luma) -> list[int]:
    return [picture_hash(luma), picture_hash(luma[:, ::-1])]
