"""Recipes of the sensing profile's decoder: everything that decides what a run does, in a TOML file.

::

    SensingRecipe              profile = "sensing", seed, device, threads
    ├── network                channels and depths, as in sensic.networks.sensing.SensingSize
    ├── data                   packs, and which clips are held out for validation
    ├── sequence               how long and large sequences are over the run, how they are quantised
    ├── loss                   weights of the posterior's divergence and of the variance
    ├── optimiser, schedule, length, output     as in other recipes
    └── validation             how often, on what
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from sensic.training.recipe import CONFIG, Channels, Count, Rate, RunRecipe, Share, Validating, Whole

Exponent = Annotated[float, Field(ge=0, le=16)]


@dataclass(frozen=True, config=CONFIG)
class Network:
    """Widths (channels), depths and the kernel of the gates, as in ``sensic.networks.sensing.SensingSize``."""

    hidden: Channels = 64
    layers: Annotated[int, Field(ge=1, le=8)] = 1
    kernel: Literal[1, 3, 5] = 3
    latent: Channels = 32
    features: Channels = 64
    steps: Annotated[int, Field(ge=3, le=6)] = 4
    blocks: Annotated[int, Field(ge=1, le=8)] = 1


@dataclass(frozen=True, config=CONFIG)
class Phase:
    """From the share ``at`` of the run on, a step has ``lanes`` sequences of ``groups`` groups of four pictures,
    ``crop`` × ``crop`` pixels."""

    at: Share
    groups: Annotated[int, Field(ge=1, le=64)] = 3
    lanes: Count = 8
    crop: Annotated[int, Field(ge=16, le=4096, multiple_of=8)] = 64


@dataclass(frozen=True, config=CONFIG)
class Sequence:
    """``exponents``: step sizes are 2 to the power of numbers drawn evenly from this range and cut to whole ones, in
    integer measurements; one time in eight any that the quantiser has."""

    phases: tuple[Phase, ...] = (Phase(0.0),)
    exponents: tuple[Exponent, Exponent] = (6.6, 12.0)
    chroma: bool = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        starts = [phase.at for phase in self.phases]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("phases begin at 0 and each begins later than the one before")
        if self.exponents[0] > self.exponents[1]:
            raise ValueError("exponents are the least and the greatest, in that order")
        return self


@dataclass(frozen=True, config=CONFIG)
class Loss:
    """The logarithm of each sequence's squared error (next to that of linear decoding), plus ``divergence`` times the
    posterior's divergence per pixel, plus ``variance`` times what the variance misses of the error (which teaches
    nothing but the variance). A sequence that is worse than by linear decoding weighs by ``worse`` more."""

    worse: Annotated[float, Field(ge=0)] = 1.0
    divergence: Rate = 0.01
    variance: Rate = 0.1


@dataclass(frozen=True, config=CONFIG)
class Validation(Validating):
    """The middle ``crop`` × ``crop`` pixels of each clip, at all ``exponents``."""

    clips: Whole = 6
    crop: Annotated[int, Field(ge=16, le=4096, multiple_of=8)] = 128
    exponents: tuple[Annotated[int, Field(ge=0, le=16)], ...] = (7, 8, 9, 10)
    every_minutes: Annotated[float, Field(ge=0)] = 20.0


@dataclass(frozen=True, config=CONFIG)
class SensingRecipe(RunRecipe):
    """Everything that decides what a run does. Values out of range raise RecipeError from ``read`` and ``of``."""

    profile: Literal["sensing"] = "sensing"
    network: Network = dataclasses.field(default_factory=Network)
    sequence: Sequence = dataclasses.field(default_factory=Sequence)
    loss: Loss = dataclasses.field(default_factory=Loss)
    validation: Validation = dataclasses.field(default_factory=Validation)

    @property
    def largest_crop(self) -> int:
        return max(phase.crop for phase in self.sequence.phases)
