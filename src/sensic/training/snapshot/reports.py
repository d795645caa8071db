"""What a run of the snapshot decoder tells. Needs no PyTorch."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SnapshotResult:
    """Held-out clips through random masks after ``step`` steps: mean ``psnr`` of the frames in dB, that of the
    start (the mean of what each pixel saw), and the ``worst`` of any clip."""

    step: int
    seconds: float
    psnr: float
    start: float
    worst: float

    @property
    def loss(self) -> float:
        """What decides which weights are best."""
        return -self.psnr

    @classmethod
    def of(cls, values: dict[str, Any]) -> SnapshotResult:
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class SnapshotReport:
    """What came out of a run; see ``sensic.training.TrainReport``."""

    run: Path
    steps: int
    seconds: float
    crops_per_second: float
    validations: tuple[SnapshotResult, ...]
    best_step: int
    weights: Path
    model: Path | None
    stopped_early: bool = False

    @property
    def best(self) -> SnapshotResult | None:
        return next((v for v in reversed(self.validations) if v.step == self.best_step), None)
