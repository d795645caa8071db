"""How fast a run goes, what its last steps gave, and how long it will take."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sensic.training.reports import TrainProgress
from sensic.training.schedule import Clock

_CROP = 256 * 256
_RECENT = 20  # steps whose mean is shown


class Figures(NamedTuple):
    """What one step gave: loss, bits per pixel, distortion, norm of the gradient before clipping; and the factor of
    the learning rates."""

    loss: float
    bpp: float
    distortion: float
    norm: float
    factor: float


class Meter:
    """Measures one sitting of a run, which was at ``clock`` and had ``share`` (0..1) done when it began.

    ``crop`` is the side of the crops in pixels.
    """

    def __init__(self, clock: Clock, share: float, crop: int) -> None:
        self._before, self._share, self._weight = replace(clock), share, crop * crop / _CROP
        self._began = time.monotonic()
        self._crops = self._busy = 0.0
        self._since: list[Figures] = []
        self._recent: list[Figures] = []

    def elapsed(self) -> float:
        """Seconds of the whole run, earlier sittings included."""
        return self._before.seconds + time.monotonic() - self._began

    def add(self, figures: Figures, pictures: int, seconds: float) -> None:
        """A step on so many pictures, which took ``seconds``."""
        self._crops += pictures * self._weight
        self._busy += seconds
        self._since.append(figures)
        self._recent = [*self._recent, figures][-_RECENT:]

    def taken(self) -> dict[str, float]:
        """Means over the steps since the last call."""
        since, self._since = self._since, []
        means = dict(zip(Figures._fields, _mean(since), strict=True))
        return means | {"seconds": self.elapsed(), "crops_per_second": self.crops_per_second}

    @property
    def crops_per_second(self) -> float:
        """Crops of 256 × 256 pixels, of whole steps, in this sitting."""
        return self._crops / self._busy if self._busy else 0.0

    def progress(self, task: str, step: int, share: float) -> TrainProgress:
        """``share`` is that of the task where it isn't ``training``."""
        seconds, remaining = self.elapsed(), None
        if task == "training" and share > self._share:
            remaining = (time.monotonic() - self._began) * (1 - share) / (share - self._share)
        loss, bpp, distortion, *_ = _mean(self._recent)
        return TrainProgress(task, step, share, seconds, remaining, loss, bpp, distortion, self.crops_per_second)


def _mean(figures: list[Figures]) -> list[float]:
    return [float(x) for x in np.mean(figures, 0)] if figures else [float("nan")] * len(Figures._fields)
