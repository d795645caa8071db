"""How far a run is, and what that decides: learning rate, length of sequences, when it ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from sensic.training.recipe import Length, Schedule


class Phase(Protocol):
    """A part of a run that begins at the share ``at`` of it."""

    @property
    def at(self) -> float: ...


@dataclass
class Clock:
    """What a run has done so far: ``steps``, ``pictures`` (of all processes) and ``seconds``."""

    steps: int = 0
    pictures: int = 0
    seconds: float = 0.0

    def share(self, length: Length, epoch: int) -> float:
        """The share 0..1 of the run that is done; an epoch has ``epoch`` pictures."""
        if length.steps:
            return min(1.0, self.steps / length.steps)
        if length.epochs:
            return min(1.0, self.pictures / (length.epochs * max(1, epoch)))
        return min(1.0, self.seconds / (60 * length.minutes))


def phase_at(phases: Sequence[Phase], share: float) -> int:
    """The index of the phase that the share ``share`` of the run falls in."""
    return max(index for index, phase in enumerate(phases) if phase.at <= share)


class LearningRate:
    """The factor of all learning rates, 0..1."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        # PyTorch's scheduler turns the rate of an optimiser; this one has nothing but a rate, which is the factor.
        self._factor = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=1.0)
        self._plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self._factor, factor=schedule.factor, patience=schedule.patience, min_lr=schedule.floor, threshold=1e-3
        )

    def factor(self, step: int, share: float) -> float:
        """For the step number ``step`` (from 0), at the share ``share`` of the run."""
        warm = min(1.0, (step + 1) / (self.schedule.warmup + 1))
        if self.schedule.kind == "cosine":
            return warm * self._cosine(share)
        return warm * float(self._factor.param_groups[0]["lr"])  # 1 for ever where nothing turns it

    def validated(self, loss: float) -> None:
        """Hand on the loss of a validation."""
        if self.schedule.kind == "plateau":
            self._plateau.step(loss)

    def state(self) -> dict[str, Any]:
        """As JSON holds it."""
        scheduler, best = self._plateau, float(self._plateau.best)
        return {
            "factor": self._factor.param_groups[0]["lr"],
            "best": best if math.isfinite(best) else None,
            "worse": scheduler.num_bad_epochs,
            "validations": scheduler.last_epoch,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self._factor.param_groups[0]["lr"] = state["factor"]
        self._plateau.best = math.inf if state["best"] is None else state["best"]
        self._plateau.num_bad_epochs, self._plateau.last_epoch = state["worse"], state["validations"]

    def _cosine(self, share: float) -> float:
        start, floor = self.schedule.decay_from, self.schedule.floor
        if share <= start:
            return 1.0
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * (share - start) / (1 - start)))


class Patience:
    """Counts validations that were no better than the best; a patience of 0 never ends."""

    def __init__(self, patience: int) -> None:
        self.patience, self.best, self.worse = patience, math.inf, 0

    def better(self, loss: float) -> bool:
        """Whether this validation is the best so far."""
        if loss < self.best:
            self.best, self.worse = loss, 0
            return True
        self.worse += 1
        return False

    @property
    def ended(self) -> bool:
        return 0 < self.patience <= self.worse

    def state(self) -> dict[str, Any]:
        return {"best": self.best if math.isfinite(self.best) else None, "worse": self.worse}

    def restore(self, state: dict[str, Any]) -> None:
        self.best, self.worse = math.inf if state["best"] is None else state["best"], state["worse"]
