"""The run of the sensing profile's decoder."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch

from sensic.networks.sensing import SensingSize, SensingVAE
from sensic.training.checkpoint import Checkpoint
from sensic.training.facts import material_facts
from sensic.training.run import Run, Step, train_with
from sensic.training.schedule import phase_at
from sensic.training.sensing.export import export_sensing
from sensic.training.sensing.facts import sensing_facts
from sensic.training.sensing.lanes import SensingLanes
from sensic.training.sensing.losses import losses
from sensic.training.sensing.measuring import quantised
from sensic.training.sensing.recipe import SensingRecipe
from sensic.training.sensing.reports import SensingReport, SensingResult
from sensic.training.sensing.validation import measure, validate
from sensic.training.sensing.weights import deviations, load_sensing, sensing_of
from sensic.training.stored import fitting


def train_sensing(recipe: SensingRecipe, **options: Any) -> SensingReport:
    """The profile ``sensing`` of ``sensic.training.train``."""
    return train_with(SensingTrainer, recipe, motion=False, **options)


class SensingTrainer(Run[SensingRecipe, SensingResult, SensingVAE, SensingReport]):
    result = SensingResult

    @property
    def crop(self) -> int:
        return self.recipe.sequence.phases[0].crop

    def networks(self, found: Checkpoint | None, start: str | Path | None) -> SensingVAE:
        torch.manual_seed(self.recipe.seed)
        size = SensingSize(**asdict(self.recipe.network))
        if found:
            vae = fitting(sensing_of(found.part("model.")), size)
        elif start is not None:
            vae = fitting(load_sensing(start), size)
        else:
            vae = SensingVAE(size)
            vae.deviation.copy_(deviations(vae, self.material.prepared, self.material.clips))
        for stack in (vae.lstm, vae.gru):
            stack.dropout = self.recipe.optimiser.residual_dropout
        vae.to(self.team.device)
        self.team.share(vae.state_dict().values())
        vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return vae.train()

    def begin(self) -> None:
        self.gain = 0.0  # over linear decoding, of the last steps, dB
        self.lanes = SensingLanes(
            self.material.prepared,
            self.material.clips,
            seed=self.recipe.seed,
            exponents=self.recipe.sequence.exponents,
            chroma=self.recipe.sequence.chroma,
        )

    def compute(self, share: float) -> Step:
        phase = self.recipe.sequence.phases[phase_at(self.recipe.sequence.phases, share)]
        number = self.clock.steps * self.team.size + self.team.rank
        samples, coding = self.lanes.batch(number, phase.lanes, phase.crop, phase.groups)
        samples, coding = samples.to(self.team.device), coding.to(self.team.device)
        torch.manual_seed(number)  # of the latents: a run that goes on is one that never stopped
        measured = quantised(measure(self.vae, samples), coding)
        linear = self.vae.picture(measured.points.flatten(0, 1)).view_as(samples)
        found = losses(self.vae(measured, sample=True), linear, samples, self.recipe.loss)
        self.gain = 0.98 * self.gain + 0.02 * float(found.gain)
        return Step(
            found.total,
            float(found.divergence) / math.log(2),
            float(found.error.mean()),
            phase.lanes * phase.groups * 4,
            {"gain": self.gain, "variance": float(found.variance)},
        )

    def validate(self) -> SensingResult:
        settings, vae = self.recipe.validation, cast(SensingVAE, self.average.module)
        held = self.material.held_out
        return validate(vae, held, settings.exponents, settings.crop, self.clock.steps, self.clock.seconds)

    def export(self, weights: Path, model: Path) -> None:
        facts = sensing_facts(self.recipe, material_facts(self.material), self.clock, self.best)
        export_sensing(load_sensing(weights), model, name=self.out.resolve().name, facts=facts)

    def report(self, weights: Path, model: Path | None) -> SensingReport:
        return SensingReport(**self.outcome(weights, model))
