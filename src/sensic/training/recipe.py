"""Recipes: everything that decides what a training run does, in a TOML file.

::

    Recipe                     stage, seed, device, threads, precision, initialise
    ├── network                widths and depths (absent: those of the model one starts from, or the default)
    ├── data                   packs, and which clips are held out for validation
    ├── sequence               lanes, crop, growth of the sequences, quality offsets
    ├── loss                   distortion, λ
    ├── optimiser              learning rates, clipping, averaging, dropout
    ├── schedule               learning rate over the run
    ├── length                 steps, epochs or minutes
    ├── validation             how often, on what, when to stop early
    └── output                 checkpoints and logs
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from sensic.training.reading import BaseRecipe

MAX_FRAMES = 12
"""Pictures in the longest training sequence, as packs have that many in a clip."""
CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Count = Annotated[int, Field(ge=1, le=1 << 30)]
Whole = Annotated[int, Field(ge=0, le=1 << 40)]
Channels = Annotated[int, Field(ge=8, le=1024, multiple_of=8)]
Blocks = Annotated[int, Field(ge=0, le=32)]
Positive = Annotated[float, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Offset = Annotated[int, Field(ge=-63, le=63)]
Planes = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]


@dataclass(frozen=True, config=CONFIG)
class Network:
    """Widths (channels) and depths (blocks) of the networks, as in ``sensic.networks.codec.NetworkSize``."""

    features: Channels = 96
    latent: Channels = 128
    hyper: Channels = 48
    memory: Channels = 96
    context_blocks: Blocks = 1
    analysis_blocks: Blocks = 3
    synthesis_blocks: Blocks = 2
    output_blocks: Blocks = 2


@dataclass(frozen=True, config=CONFIG)
class Data:
    """``packs`` and ``held_out`` are files or folders of packs, relative to the recipe.

    Without ``held_out`` packs, the share ``hold_out`` of all clips, chosen by hash, is kept for validation. ``cache``
    is where planes and motion are kept (empty: ``cache`` beside the first pack).
    """

    packs: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    hold_out: Share = 0.01
    cache: str = ""


@dataclass(frozen=True, config=CONFIG)
class Phase:
    """From the share ``at`` of the run on, sequences have ``frames`` pictures and steps ``lanes`` sequences.

    0 lanes: as many as ``sequence.lanes``.
    """

    at: Share
    frames: Annotated[int, Field(ge=1, le=MAX_FRAMES)]
    lanes: Whole = 0


@dataclass(frozen=True, config=CONFIG)
class Sequence:
    """``lanes`` crops of ``crop`` × ``crop`` pixels side by side, each from a clip of its own.

    ``group`` is the shortest and longest group of pictures. A sequence continues the last one of its lane, up to the
    end of the group, and gradients stay inside a sequence. ``intra`` and ``inter`` say how much better than the
    group's quality, in 1/63, its first picture is coded, and the pattern of the others. Qualities are drawn evenly
    from 0..1 and raised to ``quality_power`` (below 1: rather good ones). ``tape`` is how many crops the stage
    ``prior`` records, once, to train on.
    """

    lanes: Count = 3
    crop: Annotated[int, Field(ge=32, le=4096, multiple_of=16)] = 128
    group: tuple[Count, Count] = (4, 32)
    phases: tuple[Phase, ...] = (Phase(0.0, 2), Phase(0.15, 4), Phase(0.5, 6), Phase(0.85, 12))
    quality_power: Annotated[float, Field(ge=0.1, le=10)] = 1.0
    tape: Count = 12_000
    intra: Offset = 9
    inter: tuple[Offset, ...] = (-4, 0, -4, 5)

    @model_validator(mode="after")
    def _check(self) -> Self:
        starts = [phase.at for phase in self.phases]
        if not starts or starts[0] != 0 or starts != sorted(set(starts)):
            raise ValueError("phases begin at 0 and each begins later than the one before")
        if self.group[0] > self.group[1]:
            raise ValueError("group is the shortest and the longest length, in that order")
        if not self.inter:
            raise ValueError("inter has at least one offset")
        return self


@dataclass(frozen=True, config=CONFIG)
class Loss:
    """Bits per pixel + λ · distortion, λ from the first to the second of ``lambdas`` as quality goes from 0 to 63.

    ``balance`` evens out what the qualities weigh; ``mix`` is the share of MS-SSIM in a mixed distortion; ``planes``
    are the weights of Y, U and V.
    """

    distortion: Literal["mse", "ssim", "ms-ssim", "mixed"] = "mse"
    mix: Annotated[float, Field(ge=0, le=1)] = 0.5
    planes: Planes = (6.0, 1.0, 1.0)
    lambdas: tuple[Positive, Positive] = (4e-4, 3e-2)
    balance: Annotated[float, Field(ge=0, le=1)] = 0.3

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.lambdas[0] > self.lambdas[1]:
            raise ValueError("lambdas rise with the quality")
        if not any(self.planes):
            raise ValueError("planes: at least one weight is above 0")
        return self


@dataclass(frozen=True, config=CONFIG)
class Optimiser:
    """Learning rates of Muon (matrices; 0: AdamW takes them too) and AdamW (all else).

    ``clip`` is the largest norm of the whole gradient, ``average`` the smallest weight of a step in the moving average
    of the weights, ``residual_dropout`` the share of a pixel block's residual that is dropped in training.
    """

    muon: Rate = 1.2e-3
    adamw: Rate = 3e-4
    momentum: Share = 0.95
    betas: tuple[Share, Share] = (0.9, 0.99)
    weight_decay: Rate = 0.0
    clip: Positive = 1.0
    average: Annotated[float, Field(gt=0, le=1)] = 0.002
    residual_dropout: Share = 0.0
    nan_steps: Count = 10

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.muon == 0 and self.adamw == 0:
            raise ValueError("with both learning rates at 0 nothing is learned")
        return self


@dataclass(frozen=True, config=CONFIG)
class Schedule:
    """The factor of both learning rates: up over ``warmup`` steps, then by ``kind``.

    ``cosine`` stays at 1 up to the share ``decay_from`` of the run and falls to ``floor`` at its end; ``plateau``
    multiplies by ``factor``, down to ``floor``, when ``patience`` validations in a row were no better.
    """

    kind: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup: Whole = 50
    decay_from: Share = 0.2
    floor: Rate = 0.02
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.5
    patience: Whole = 3


@dataclass(frozen=True, config=CONFIG)
class Length:
    """How long the run is: exactly one of the three is above 0. An epoch is as many pictures as the packs hold."""

    steps: Whole = 0
    epochs: Annotated[float, Field(ge=0)] = 0.0
    minutes: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(value > 0 for value in (self.steps, self.epochs, self.minutes)) != 1:
            raise ValueError("exactly one of steps, epochs and minutes is above 0")
        return self


@dataclass(frozen=True, config=CONFIG)
class Validating:
    """Held-out ``clips`` (at most), judged with the averaged weights every ``every_steps`` steps and ``every_minutes``
    minutes (0: not by this), and at the run's start and end. After ``patience`` validations without a new best the run
    ends (0: never)."""

    clips: Whole = 8
    every_steps: Whole = 0
    every_minutes: Annotated[float, Field(ge=0)] = 15.0
    patience: Whole = 0


@dataclass(frozen=True, config=CONFIG)
class Validation(Validating):
    """Each clip is coded whole at all ``qualities``, with rounding."""

    qualities: tuple[Annotated[int, Field(ge=0, le=63)], ...] = (4, 16, 28, 40, 52)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if list(self.qualities) != sorted(set(self.qualities)) or not self.qualities:
            raise ValueError("qualities: at least one, rising")
        return self


@dataclass(frozen=True, config=CONFIG)
class Output:
    """Checkpoints every ``checkpoint_seconds``, of which ``keep`` stay; logs every ``log_steps``.

    ``export`` makes a model of the best weights at the end, and codes ``calibrate`` clips with it to count how often
    symbols come (0: its tables stay what the scales promise).
    """

    checkpoint_seconds: Annotated[float, Field(gt=0, le=120)] = 100.0
    keep: Count = 2
    log_steps: Count = 20
    tensorboard: bool = True
    export: bool = True
    calibrate: Whole = 8


@dataclass(frozen=True, config=CONFIG)
class RunRecipe(BaseRecipe):
    """What all runs have, whatever they train. ``device`` is ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or
    ``cuda:N``. 0 ``threads`` leaves the number to PyTorch."""

    seed: Whole = 0
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = "auto"
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    data: Data = dataclasses.field(default_factory=Data)
    optimiser: Optimiser = dataclasses.field(default_factory=Optimiser)
    schedule: Schedule = dataclasses.field(default_factory=Schedule)
    length: Length = dataclasses.field(default_factory=lambda: Length(minutes=60.0))
    validation: Validating = dataclasses.field(default_factory=Validating)
    output: Output = dataclasses.field(default_factory=Output)

    @property
    def largest_crop(self) -> int:
        """The side of the largest crops, pixels."""
        raise NotImplementedError


@dataclass(frozen=True, config=CONFIG)
class Recipe(RunRecipe):
    """Everything that decides what a run does. Values out of range raise RecipeError from ``read`` and ``of``.

    ``profile`` tells recipes of the codec from those of ``sensic.training.sensing``. ``stage`` is what is trained:
    ``all``, or ``prior`` for the entropy model alone. ``precision`` is that of the pixel networks; the entropy model is
    always computed with exact integers.
    """

    profile: Literal["neural"] = "neural"
    stage: Literal["all", "prior"] = "all"
    initialise: Literal["klt", "random"] = "klt"
    precision: Literal["float32", "bfloat16"] = "float32"
    network: Network | None = None
    sequence: Sequence = dataclasses.field(default_factory=Sequence)
    loss: Loss = dataclasses.field(default_factory=Loss)
    validation: Validation = dataclasses.field(default_factory=Validation)

    @property
    def largest_crop(self) -> int:
        return self.sequence.crop
