"""Recipes of the snapshot decoder: everything that decides what a run does, in a TOML file.

::

    SnapshotRecipe             profile = "snapshot", seed, device, threads
    ├── network                channels and depths, as in sensic.networks.snapshot.SnapshotSize
    ├── data                   packs, and which clips are held out for validation
    ├── sequence               how large crops are over the run, how many stages, noise of the snapshots
    ├── loss                   weights of earlier stages and of the variance
    ├── optimiser, schedule, length, output     as in other recipes
    └── validation             how often, on what
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from sensic.networks.snapshot import MOST_STAGES
from sensic.training.recipe import CONFIG, MAX_FRAMES, Channels, Count, Rate, RunRecipe, Share, Validating, Whole

Stages = Annotated[int, Field(ge=1, le=MOST_STAGES)]
Crop = Annotated[int, Field(ge=16, le=4096, multiple_of=8)]


@dataclass(frozen=True, config=CONFIG)
class Network:
    """Channels and depths, as in ``sensic.networks.snapshot.SnapshotSize``."""

    fine: Channels = 24
    coarse: Channels = 64
    stages: Stages = 5
    bodies: Stages = 3
    blocks: Annotated[int, Field(ge=1, le=8)] = 1

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.bodies > self.stages:
            raise ValueError("there are at most as many bodies as stages")
        return self


@dataclass(frozen=True, config=CONFIG)
class Phase:
    """From the share ``at`` of the run on, a step has ``lanes`` sequences of ``crop`` × ``crop`` pixels, and the
    network so many ``stages`` (0: all that it has)."""

    at: Share
    lanes: Count = 2
    crop: Crop = 64
    stages: Annotated[int, Field(ge=0, le=MOST_STAGES)] = 0


@dataclass(frozen=True, config=CONFIG)
class Sequence:
    """``frames`` of a snapshot; ``noise``: the greatest standard deviation of a snapshot's noise, 8-bit levels."""

    frames: Annotated[int, Field(ge=2, le=MAX_FRAMES)] = 8
    noise: Annotated[float, Field(ge=0, le=64)] = 1.0
    phases: tuple[Phase, ...] = (Phase(0.0),)

    @model_validator(mode="after")
    def _check(self) -> Self:
        starts = [phase.at for phase in self.phases]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("phases begin at 0 and each begins later than the one before")
        return self


@dataclass(frozen=True, config=CONFIG)
class Loss:
    """The logarithm of each sequence's squared error, plus the same of every earlier stage, each weighing ``earlier``
    times the one after it, plus ``variance`` times what the variance misses (which teaches nothing but the
    variance)."""

    earlier: Rate = 0.5
    variance: Rate = 0.1


@dataclass(frozen=True, config=CONFIG)
class Validation(Validating):
    """The middle ``crop`` × ``crop`` pixels of the first frames of each clip, through random masks."""

    clips: Whole = 16
    crop: Crop = 128
    every_minutes: Annotated[float, Field(ge=0)] = 10.0


@dataclass(frozen=True, config=CONFIG)
class SnapshotRecipe(RunRecipe):
    """Everything that decides what a run does. Values out of range raise RecipeError from ``read`` and ``of``."""

    profile: Literal["snapshot"] = "snapshot"
    network: Network = dataclasses.field(default_factory=Network)
    sequence: Sequence = dataclasses.field(default_factory=Sequence)
    loss: Loss = dataclasses.field(default_factory=Loss)
    validation: Validation = dataclasses.field(default_factory=Validation)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if any(phase.stages > self.network.stages for phase in self.sequence.phases):
            raise ValueError(f"phases have at most the {self.network.stages} stages of the network")
        return self

    @property
    def largest_crop(self) -> int:
        return max(phase.crop for phase in self.sequence.phases)
