"""What a training run tells: progress while it goes on, validations, a report at the end. Needs no PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sensic.codec.reports import Progress


@dataclass(frozen=True)
class Point:
    """A quality 0..63 on the rate–distortion curve: bits per pixel, and PSNR in dB over Y, U and V (6:1:1)."""

    quality: int
    bpp: float
    psnr: float


@dataclass(frozen=True)
class ValidationResult:
    """Held-out clips after ``step`` steps; ``loss`` is what decides which weights are best.

    ``delta_rate`` is the BD-rate in percent against the start of the run, None where the curves don't overlap.
    """

    step: int
    seconds: float
    loss: float
    points: tuple[Point, ...]
    delta_rate: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> ValidationResult:
        return cls(**{**values, "points": tuple(Point(**point) for point in values["points"])})


@dataclass(frozen=True)
class TrainProgress:
    """How far a run is. ``share`` is 0..1 of the whole run, ``remaining`` seconds (None: not known yet).

    ``loss``, ``bpp`` and ``distortion`` are means over the last steps; ``crops_per_second`` counts crops of
    256 × 256 pixels. ``task`` is ``training`` or ``validating``.
    """

    task: str
    step: int
    share: float
    seconds: float
    remaining: float | None
    loss: float
    bpp: float
    distortion: float
    crops_per_second: float


TrainCallback = Callable[[TrainProgress | Progress], None]
"""Called with Progress while the footage is prepared, with TrainProgress then."""


@dataclass(frozen=True)
class TrainReport:
    """What came out of a run.

    ``seconds`` is the whole run's, over all sittings; ``crops_per_second`` counts crops of 256 × 256 pixels of whole
    steps in this sitting; ``best_step`` is the step whose averaged weights are in ``model`` (None where the recipe says
    that nothing is exported) and in ``weights``.
    """

    run: Path
    steps: int
    seconds: float
    crops_per_second: float
    validations: tuple[ValidationResult, ...]
    best_step: int
    weights: Path
    model: Path | None
    stopped_early: bool = False

    @property
    def best(self) -> ValidationResult | None:
        return next((v for v in reversed(self.validations) if v.step == self.best_step), None)
