"""What a run of the sensing profile's decoder tells. Needs no PyTorch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SensingPoint:
    """Mean PSNR in dB at steps of 2 to the power of ``exponent``, by linear decoding and by the network."""

    exponent: int
    linear: float
    learned: float


@dataclass(frozen=True)
class SensingResult:
    """Held-out clips after ``step`` steps. ``worst`` is the least gain in dB of any clip at any rate."""

    step: int
    seconds: float
    points: tuple[SensingPoint, ...]
    worst: float

    @property
    def loss(self) -> float:
        """What decides which weights are best."""
        return -self.gain

    @property
    def gain(self) -> float:
        """Mean gain over linear decoding, dB."""
        return sum(point.learned - point.linear for point in self.points) / len(self.points)

    @classmethod
    def of(cls, values: dict[str, Any]) -> SensingResult:
        return cls(**{**values, "points": tuple(SensingPoint(**point) for point in values["points"])})

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "gain": self.gain}


@dataclass(frozen=True)
class SensingReport:
    """What came out of a run; see ``sensic.training.TrainReport``."""

    run: Path
    steps: int
    seconds: float
    crops_per_second: float
    validations: tuple[SensingResult, ...]
    best_step: int
    weights: Path
    model: Path | None
    stopped_early: bool = False

    @property
    def best(self) -> SensingResult | None:
        return next((v for v in reversed(self.validations) if v.step == self.best_step), None)
