"""The run of the snapshot decoder."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch

from sensic.networks.snapshot import SnapshotSize, SnapshotVAE
from sensic.training.checkpoint import Checkpoint
from sensic.training.facts import material_facts
from sensic.training.run import Run, Step, train_with
from sensic.training.schedule import phase_at
from sensic.training.sensing.losses import decibels
from sensic.training.snapshot.export import export_snapshot
from sensic.training.snapshot.facts import snapshot_facts
from sensic.training.snapshot.lanes import SnapshotLanes
from sensic.training.snapshot.losses import losses
from sensic.training.snapshot.recipe import SnapshotRecipe
from sensic.training.snapshot.reports import SnapshotReport, SnapshotResult
from sensic.training.snapshot.validation import validate
from sensic.training.snapshot.weights import load_snapshot, snapshot_of
from sensic.training.stored import fitting


def train_snapshot(recipe: SnapshotRecipe, **options: Any) -> SnapshotReport:
    """The profile ``snapshot`` of ``sensic.training.train``."""
    return train_with(SnapshotTrainer, recipe, motion=False, **options)


class SnapshotTrainer(Run[SnapshotRecipe, SnapshotResult, SnapshotVAE, SnapshotReport]):
    result = SnapshotResult

    @property
    def crop(self) -> int:
        return self.recipe.sequence.phases[0].crop

    def networks(self, found: Checkpoint | None, start: str | Path | None) -> SnapshotVAE:
        torch.manual_seed(self.recipe.seed)
        size = SnapshotSize(**asdict(self.recipe.network))
        if found:
            vae = fitting(snapshot_of(found.part("model.")), size)
        elif start is not None:
            vae = fitting(load_snapshot(start), size)
        else:
            vae = SnapshotVAE(size)
        vae.to(self.team.device)
        self.team.share(vae.state_dict().values())
        vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return vae.train()

    def begin(self) -> None:
        self.lanes = SnapshotLanes(
            self.material.prepared, self.material.clips, seed=self.recipe.seed, noise=self.recipe.sequence.noise
        )

    def compute(self, share: float) -> Step:
        sequence = self.recipe.sequence
        phase = sequence.phases[phase_at(sequence.phases, share)]
        number = self.clock.steps * self.team.size + self.team.rank
        batch = self.lanes.batch(number, phase.lanes, phase.crop, sequence.frames).to(self.team.device)
        found = losses(self.vae(batch.snapshot, batch.masks, phase.stages or None), batch.frames, self.recipe.loss)
        told = {"psnr": float(decibels(found.error).mean()), "variance": float(found.variance)}
        return Step(found.total, 0.0, float(found.error.mean()), phase.lanes * sequence.frames, told)

    def validate(self) -> SnapshotResult:
        vae, settings = cast(SnapshotVAE, self.average.module), self.recipe.validation
        frames, clock = self.recipe.sequence.frames, self.clock
        return validate(vae, self.material.held_out, settings.crop, frames, clock.steps, clock.seconds)

    def export(self, weights: Path, model: Path) -> None:
        facts = snapshot_facts(self.recipe, material_facts(self.material), self.clock, self.best)
        export_snapshot(load_snapshot(weights), model, name=self.out.resolve().name, facts=facts)

    def report(self, weights: Path, model: Path | None) -> SnapshotReport:
        return SnapshotReport(**self.outcome(weights, model))
