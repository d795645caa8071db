"""The run of the sensing profile's decoder: steps, validations, checkpoints, until its length is reached."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch

from sensic.errors import OutputError, TrainingError
from sensic.networks.sensing import SensingSize, SensingVAE
from sensic.training.checkpoint import Checkpoint, Checkpoints, write_bytes, write_tensors
from sensic.training.distributed import Team, joined
from sensic.training.facts import material_facts
from sensic.training.logs import Logs
from sensic.training.material import BEST, Material, gather
from sensic.training.meter import Figures, Meter
from sensic.training.optimiser import Optimiser, averaged
from sensic.training.reports import TrainCallback
from sensic.training.schedule import Clock, LearningRate
from sensic.training.sensing.export import export_sensing
from sensic.training.sensing.facts import sensing_facts
from sensic.training.sensing.lanes import SensingLanes
from sensic.training.sensing.losses import losses
from sensic.training.sensing.measuring import quantised
from sensic.training.sensing.recipe import Phase, SensingRecipe
from sensic.training.sensing.reports import SensingReport, SensingResult
from sensic.training.sensing.validation import measure, validate
from sensic.training.sensing.weights import deviations, fitting, load_sensing, sensing_of
from sensic.training.stopping import Stop, stoppable
from sensic.training.trainer import CHECKPOINTS, using_threads


def train_sensing(
    recipe: SensingRecipe,
    *,
    out: str | Path,
    start: str | Path | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    device: str = "auto",
    progress: TrainCallback | None = None,
) -> SensingReport:
    """Train as ``recipe`` says, in the folder ``out``; where a run has been there before, go on with it.

    Arguments and errors are those of ``sensic.training.train``.
    """
    recipe, out = recipe.lasting(minutes=minutes, steps=steps), Path(out)
    crop = max(phase.crop for phase in recipe.sequence.phases)
    with joined(recipe.device if device == "auto" else device) as team, using_threads(recipe.threads):
        material = gather(recipe.data, crop, recipe.validation.clips, team, progress)
        try:
            (out / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            with stoppable() as stop:
                trainer = SensingTrainer(recipe, out, start, team, material, stop, progress)
                try:
                    return trainer.run()
                finally:
                    trainer.close()
        except OSError as error:
            raise OutputError(f"can't write the run {out}: {error.strerror or error}") from error


class SensingTrainer:
    """One sitting of a run."""

    def __init__(
        self,
        recipe: SensingRecipe,
        out: Path,
        start: str | Path | None,
        team: Team,
        material: Material,
        stop: Stop,
        progress: TrainCallback | None,
    ) -> None:
        self.recipe, self.out, self.team, self.material, self.stop = recipe, out, team, material, stop
        self.progress = progress if team.leads else None
        self.checkpoints = Checkpoints(out / CHECKPOINTS, recipe.output.keep)
        self.checkpoints.sweep()
        found = self.checkpoints.newest()
        self.vae = self._networks(found, start)
        self.average = averaged(self.vae, recipe.optimiser.average)
        self.optimiser = Optimiser(self.vae, recipe.optimiser)
        self.rate, self.clock = LearningRate(recipe.schedule), Clock()
        self.history: list[SensingResult] = []
        self.best_step = self.broken = 0
        self.gain = 0.0  # over linear decoding, of the last steps, dB
        if found:
            self._restore(found)
        self.saved_at, self.validated_at = self.clock.seconds, (0, 0.0)
        if self.history:
            self.validated_at = self.history[-1].step, self.history[-1].seconds
        self.lanes = SensingLanes(
            material.prepared,
            material.clips,
            seed=recipe.seed,
            exponents=recipe.sequence.exponents,
            chroma=recipe.sequence.chroma,
        )
        self.meter = Meter(self.clock, self.share, recipe.sequence.phases[0].crop)
        self.logs: Logs | None = None
        if team.leads:
            write_bytes(out / "recipe.toml", recipe.to_toml().encode())
            self.logs = Logs(out, self.clock.steps, tensorboard=recipe.output.tensorboard)

    def _networks(self, found: Checkpoint | None, start: str | Path | None) -> SensingVAE:
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

    def close(self) -> None:
        if self.logs:
            self.logs.close()

    @property
    def share(self) -> float:
        """The share 0..1 of the run that is done."""
        return self.clock.share(self.recipe.length, self.material.pictures)

    @property
    def phase(self) -> Phase:
        return [phase for phase in self.recipe.sequence.phases if phase.at <= self.share][-1]

    def run(self) -> SensingReport:
        if not self.history:
            self._validate()
        while self.share < 1:
            self._step()
            stopping = bool(self.team.average([self.stop.wanted]).pop())
            if stopping or self.clock.seconds - self.saved_at >= self.recipe.output.checkpoint_seconds:
                self._save()
            if stopping:
                self.stop.leave()
            if self._validation_due():
                self._validate()
        if self.history[-1].step < self.clock.steps:
            self._validate()
        self._save()
        return self._finish()

    def _step(self) -> None:
        share, phase, began = self.share, self.phase, time.monotonic()
        number = self.clock.steps * self.team.size + self.team.rank
        samples, coding = self.lanes.batch(number, phase.lanes, phase.crop, phase.groups)
        samples, coding = samples.to(self.team.device), coding.to(self.team.device)
        torch.manual_seed(number)  # of the latents: a run that goes on is one that never stopped
        self.optimiser.zero_grad()
        measured = quantised(measure(self.vae, samples), coding)
        linear = self.vae.picture(measured.points.flatten(0, 1)).view_as(samples)
        found = losses(self.vae(measured, sample=True), linear, samples, self.recipe.loss)
        found.total.backward()  # type: ignore[no-untyped-call]
        self.team.average_gradients(self.optimiser.parameters)
        norm = self.optimiser.clip()
        loss, error = self.team.average([float(found.total.detach()), float(found.error.mean())])
        factor = self.rate.factor(self.clock.steps, share)
        self.gain = 0.98 * self.gain + 0.02 * float(found.gain)
        self.broken = 0 if math.isfinite(loss) and math.isfinite(norm) else self.broken + 1
        if not self.broken:
            self.optimiser.step(factor)
            self.average.update_parameters(self.vae)
        elif self.broken >= self.recipe.optimiser.nan_steps:
            raise TrainingError(
                f"the loss or its gradient was NaN or infinite in {self.broken} steps in a row, up to step "
                f"{self.clock.steps}: lower the learning rates; the checkpoints in {self.checkpoints.folder} are intact"
            )
        pictures = phase.lanes * phase.groups * 4 * self.team.size
        self.clock.steps += 1
        self.clock.pictures += pictures
        self.clock.seconds = self.team.first(self.meter.elapsed())
        self.meter.add(
            Figures(loss, float(found.divergence) / math.log(2), error, norm, factor),
            pictures,
            time.monotonic() - began,
        )
        if self.logs and self.clock.steps % self.recipe.output.log_steps == 0:
            told = {"share": self.share, "gain": self.gain, "variance": float(found.variance), **self.meter.taken()}
            self.logs.write("training", self.clock.steps, **told)
        self._tell("training", self.share)

    def _validation_due(self) -> bool:
        settings = self.recipe.validation
        steps, seconds = self.clock.steps - self.validated_at[0], self.clock.seconds - self.validated_at[1]
        return 0 < settings.every_steps <= steps or 0 < 60 * settings.every_minutes <= seconds

    def _validate(self) -> None:
        """The averaged weights, in the first process; the best are kept."""
        self._tell("validating", 0.0)
        settings = self.recipe.validation
        if self.team.leads:
            vae = cast(SensingVAE, self.average.module)
            held = self.material.held_out
            result = validate(vae, held, settings.exponents, settings.crop, self.clock.steps, self.clock.seconds)
            if not self.history or result.gain > max(old.gain for old in self.history):
                self.best_step = self.clock.steps
                write_tensors(self.out / BEST, vae.state_dict(), {"step": str(self.best_step)})
            if self.logs:
                self.logs.write("validation", **result.to_dict())
            self.history.append(result)
        self.clock.seconds = self.team.first(self.meter.elapsed())
        self.validated_at = self.clock.steps, self.clock.seconds

    def _save(self) -> None:
        self.saved_at = self.clock.seconds
        if not self.team.leads:
            return
        tensors = {f"model.{k}": v for k, v in self.vae.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"optimiser.{k}": v for k, v in self.optimiser.tensors().items()}
        facts = {
            "clock": asdict(self.clock),
            "best_step": self.best_step,
            "history": [asdict(result) for result in self.history],
            "rate": self.rate.state(),
        }
        self.checkpoints.save(self.clock.steps, tensors, facts)

    def _restore(self, found: Checkpoint) -> None:
        self.average.load_state_dict(found.part("average."))
        self.optimiser.restore(found.part("optimiser."))
        self.rate.restore(found.facts["rate"])
        self.clock, self.best_step = Clock(**found.facts["clock"]), found.facts["best_step"]
        self.history = [SensingResult.of(values) for values in found.facts["history"]]

    def _finish(self) -> SensingReport:
        """The best weights as a model."""
        weights, model = self.out / BEST, self.out / "model" if self.recipe.output.export else None
        report = SensingReport(
            self.out,
            self.clock.steps,
            self.clock.seconds,
            self.meter.crops_per_second,
            tuple(self.history),
            self.best_step,
            weights,
            model,
        )
        if model and self.team.leads:
            self._tell("exporting", self.share)
            facts = sensing_facts(self.recipe, material_facts(self.material), self.clock, report.best)
            export_sensing(load_sensing(weights), model, name=self.out.resolve().name, facts=facts)
        return report

    def _tell(self, task: str, share: float) -> None:
        if self.progress:
            self.progress(self.meter.progress(task, self.clock.steps, share))
