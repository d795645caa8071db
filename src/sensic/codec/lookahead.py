"""What is known of frames before they are coded: from source pictures alone, some frames ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sensic.codec.complexity import Link, Outlook, Sight, link, shrunk, texture
from sensic.codec.pixels import Planes, luma8, to_tensors
from sensic.motion import Candidates, MotionSearch
from sensic.video import Frame

FRAMES = 32
"""That are looked ahead at most: what comes later hardly depends on the frame at hand."""
BYTES = 1 << 28
"""That pictures may take while they wait."""
UNPREDICTED, HARDLY = 0.6, 100.0
"""A frame is cut off from the one before where in so large a share of its blocks a prediction is worse than their own
mean, by more than this squared error (which dark and flat blocks never reach)."""
FLASH = 3
"""Frames that a flash lasts at most: where one of so many frames after it looks like the frame before, nothing was
cut."""
ALIKE = 0.5
"""How near that frame must be to the one before, as a share of the distance of the frame that was suspected."""

Luma = NDArray[np.uint8]


@dataclass(frozen=True)
class Looked:
    """A frame, its luma, how it hangs on the frame before (None for the first), and how hard it looks."""

    frame: Frame
    luma: Luma
    small: Luma
    candidates: Candidates | None
    link: Link | None
    sight: Sight


@dataclass(frozen=True)
class Prepared:
    """A frame with all that is known of it. ``links`` are those of the frames that follow, as far as one looks ahead;
    ``cut`` says that a new scene begins here."""

    frame: Frame
    planes: Planes
    luma: Luma
    candidates: Candidates | None
    outlook: Outlook
    cut: bool
    links: tuple[Link, ...]


class Lookahead:
    """Prepares frames for the encoder, ``ahead`` of them before they are needed, fewer where pictures are large."""

    def __init__(self, search: MotionSearch, ahead: int) -> None:
        self._search, self.ahead = search, ahead

    def frames(self, frames: Iterable[Frame], *, moving: bool = True) -> Iterator[Prepared]:
        """All of ``frames``, in order; where no frame is predicted from another, nothing is ``moving``."""
        waiting: deque[Looked] = deque()
        previous: Looked | None = None  # the one before the first that waits
        for looked in self._looked(frames, moving):
            waiting.append(looked)
            if len(waiting) > self._most(looked.frame):
                yield _prepared(previous, waiting, ends=False)
                previous = waiting.popleft()
        while waiting:
            yield _prepared(previous, waiting, ends=True)
            previous = waiting.popleft()

    def _most(self, frame: Frame) -> int:
        return min(self.ahead, BYTES // sum(plane.nbytes for plane in frame.planes))

    def _looked(self, frames: Iterable[Frame], moving: bool) -> Iterator[Looked]:
        previous: Looked | None = None
        for frame in frames:
            luma = luma8(frame)
            small, candidates, hanging = shrunk(luma), None, None
            if previous is not None and moving:
                candidates = self._search.flow(luma, previous.luma)
                hanging = link(small, previous.small, candidates)
            sight = Sight(texture(small), hanging.change if hanging else 0.0)
            previous = Looked(frame, luma, small, candidates, hanging, sight)
            yield previous


def _prepared(previous: Looked | None, waiting: Sequence[Looked], *, ends: bool) -> Prepared:
    """The first of those that wait."""
    first = waiting[0]
    return Prepared(
        first.frame,
        to_tensors(first.frame),
        first.luma,
        first.candidates,
        Outlook(tuple(looked.sight for looked in waiting), ends),
        previous is not None and _is_cut(previous, waiting),
        tuple(looked.link for looked in list(waiting)[1:] if looked.link),
    )


def _is_cut(previous: Looked, waiting: Sequence[Looked]) -> bool:
    """Whether the first of those that wait begins a scene. Never where nobody looks ahead: it might be a flash."""
    hanging = waiting[0].link
    if hanging is None or len(waiting) == 1:
        return False
    if (hanging.error > hanging.spread + HARDLY).mean() < UNPREDICTED:
        return False
    near = [_apart(previous, later) for later in list(waiting)[1 : 1 + FLASH]]
    return min(near) > ALIKE * _apart(previous, waiting[0])


def _apart(a: Looked, b: Looked) -> float:
    return float(cv2.norm(a.small, b.small, cv2.NORM_L1)) / a.small.size
