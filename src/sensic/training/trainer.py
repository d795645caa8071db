"""The run: steps, validations, checkpoints, until its length is reached or somebody stops it."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as tensors_from
from safetensors.torch import save as tensors_to
from torch import Tensor

from sensic.errors import OutputError, TrainingError
from sensic.model import Model
from sensic.networks.codec import VideoVAE
from sensic.training.calibration import count_symbols
from sensic.training.checkpoint import Checkpoint, Checkpoints, write_bytes, write_tensors
from sensic.training.distributed import Team, joined
from sensic.training.export import export_model
from sensic.training.facts import model_facts
from sensic.training.lanes import Lanes
from sensic.training.logs import Logs
from sensic.training.material import BEST, Material, fitting, gather, networks, placed
from sensic.training.meter import Figures, Meter
from sensic.training.optimiser import Optimiser, add_residual_dropout, averaged
from sensic.training.recipe import Recipe
from sensic.training.reports import TrainCallback, TrainReport, ValidationResult
from sensic.training.schedule import Clock, LearningRate, Patience, phase_at
from sensic.training.sequence import State
from sensic.training.stages import TAPE, advance, lanes_of, tape_of
from sensic.training.stopping import Stop, stoppable
from sensic.training.tapes import TapeLanes
from sensic.training.validation import objective, saved_rate, validate
from sensic.training.weights import load_vae, vae_of

CHECKPOINTS = "checkpoints"
_EXPLODED = 1e6  # times the clip: a picture has run away, and the direction of such a gradient says nothing
_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def train(
    recipe: Recipe,
    *,
    out: str | Path,
    start: str | Path | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    device: str = "auto",
    progress: TrainCallback | None = None,
) -> TrainReport:
    """The profile ``neural`` of ``sensic.training.train``."""
    recipe, out = recipe.lasting(minutes=minutes, steps=steps), Path(out)
    with joined(recipe.device if device == "auto" else device) as team, using_threads(recipe.threads):
        material = gather(recipe.data, recipe.sequence.crop, recipe.validation.clips, team, progress)
        try:
            (out / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            with stoppable() as stop, Trainer(recipe, out, start, team, material, stop, progress) as trainer:
                return trainer.run()
        except OSError as error:
            raise OutputError(
                f"can't write the run {out}: {error.strerror or error}; its checkpoints are intact"
            ) from error


class Trainer:
    """One sitting of a run. ``run`` does everything; a context manager, which closes the logs."""

    def __init__(
        self,
        recipe: Recipe,
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
        weights = (
            fitting(recipe, vae_of(found.part("model."))) if found else networks(recipe, start, material, self.progress)
        )
        self.vae = placed(weights, recipe, team)
        self.started_from = found.facts["started_from"] if found else str(start or recipe.initialise)
        self.average = averaged(self.vae, recipe.optimiser.average).eval()
        add_residual_dropout(self.vae, recipe.optimiser.residual_dropout)
        self.optimiser = Optimiser(self.vae, recipe.optimiser)
        self.objective = objective(recipe)
        self.precision = _PRECISIONS[recipe.precision]
        self.rate, self.patience = LearningRate(recipe.schedule), Patience(recipe.validation.patience)
        self.clock, self.history = Clock(), list[ValidationResult]()
        self.best_step, self.broken = 0, 0
        self.validated_at: tuple[int, float] | None = None  # steps and seconds
        self.meter = Meter(self.clock, 0.0, recipe.sequence.crop)
        self.tape = tape_of(
            self.vae, recipe, material, self.objective, team, out / TAPE, lambda done: self._tell("recording", done)
        )
        self.lanes: Lanes | TapeLanes
        self.state: State | None
        self._enter(0)
        torch.manual_seed(recipe.seed + team.rank)
        if found:
            self._restore(found)
        self.saved_at = self.clock.seconds
        self.meter = Meter(self.clock, self.share, recipe.sequence.crop)
        self.logs: Logs | None = None
        if team.leads:
            write_bytes(out / "recipe.toml", recipe.to_toml().encode())
            self.logs = Logs(out, self.clock.steps, tensorboard=recipe.output.tensorboard)
            self.logs.write("sitting", self.clock.steps, processes=team.size, device=str(team.device))

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *error: object) -> None:
        if self.logs:
            self.logs.close()

    def run(self) -> TrainReport:
        while True:
            ended = self.share >= 1 or self.patience.ended
            if self._validation_due(ended):
                self._save()
                self._validate()
                self._save()
                ended = ended or self.patience.ended
            if ended:
                break
            self._step()
            stopping = bool(self.team.average([self.stop.wanted]).pop())
            if stopping or self.clock.seconds - self.saved_at >= self.recipe.output.checkpoint_seconds:
                self._save()
            if stopping:
                self.stop.leave()
        self._save()
        return self._finish()

    @property
    def share(self) -> float:
        """The share 0..1 of the run that is done."""
        return self.clock.share(self.recipe.length, self.material.pictures)

    # One step

    def _step(self) -> None:
        share, began = self.share, time.monotonic()
        phase = phase_at(self.recipe.sequence.phases, share)
        if phase != self.phase:
            self._enter(phase)
        window = self.lanes.next().to(self.team.device)
        self.optimiser.zero_grad()
        outcome, state = advance(self.vae, window, self.state, self.objective, self.precision)
        outcome.loss.backward()  # type: ignore[no-untyped-call]
        self.team.average_gradients(self.optimiser.parameters)
        norm = self.optimiser.clip()
        own = [float(x) for x in (outcome.loss.detach(), outcome.rate.mean(), outcome.distortion.mean())]
        loss, bpp, error = self.team.average(own)
        figures = Figures(loss, bpp, error, norm, self.rate.factor(self.clock.steps, share))
        if math.isfinite(figures.loss) and norm < _EXPLODED * self.recipe.optimiser.clip:
            self.optimiser.step(figures.factor)
            self.average.update_parameters(self.vae)
            self.state, self.broken = _in_one_layout(state), 0
        else:
            self._skip(state)
        self.clock.steps += 1
        self.clock.pictures += window.starts.numel() * self.team.size
        self.clock.seconds = self.team.first(self.meter.elapsed())
        self.meter.add(figures, window.starts.numel() * self.team.size, time.monotonic() - began)
        if self.logs and self.clock.steps % self.recipe.output.log_steps == 0:
            self.logs.write("training", self.clock.steps, share=self.share, **self.meter.taken())
        self._tell("training", self.share)

    def _skip(self, state: State) -> None:
        """A step whose loss or gradient is no number is as if it had not been, and must not live on in the state."""
        self.broken += 1
        if self.broken >= self.recipe.optimiser.nan_steps:
            raise TrainingError(
                f"the loss or its gradient was NaN, infinite or immense in {self.broken} steps in a row, up to step "
                f"{self.clock.steps}: lower the learning rates; the checkpoints in {self.checkpoints.folder} are intact"
            )
        self.state = _in_one_layout(State(*(torch.nan_to_num(x, 0.0, 0.0, 0.0) for x in state)))
        if self.logs:
            self.logs.write("skipped", self.clock.steps, in_a_row=self.broken)

    def _enter(self, index: int) -> None:
        """Begin a phase: with new lanes, whose groups all start."""
        self.phase, self.state = index, None
        self.lanes = lanes_of(self.recipe, index, self.material, self.vae.size, self.team, self.tape)

    # Validation

    def _validation_due(self, ended: bool) -> bool:
        settings = self.recipe.validation
        if not len(self.material.held_out.clips):
            return False
        if self.validated_at is None:
            return True
        steps, seconds = self.clock.steps - self.validated_at[0], self.clock.seconds - self.validated_at[1]
        return steps > 0 and (ended or 0 < settings.every_steps <= steps or 0 < 60 * settings.every_minutes <= seconds)

    def _validate(self) -> None:
        """Code the held-out clips with the averaged weights, in the first process; all learn of the loss."""
        result = self._result() if self.team.leads else None
        loss = self.team.first(math.nan if result is None else result.loss)
        self.clock.seconds = self.team.first(self.meter.elapsed())
        if self.team.first(float(self.stop.wanted)):
            return  # given up: the next step will see that somebody wants to stop
        self.validated_at = self.clock.steps, self.clock.seconds
        self.rate.validated(loss)
        if self.patience.better(loss):
            self.best_step = self.clock.steps
            if self.team.leads:
                write_tensors(self.out / BEST, self.average.module.state_dict(), {"step": str(self.best_step)})
        if result is not None:
            self._publish(result)

    def _result(self) -> ValidationResult | None:
        count, sequence = len(self.material.held_out.clips), self.recipe.sequence

        def tick(done: int) -> bool:
            self._tell("validating", done / count)
            return not self.stop.wanted

        self._tell("validating", 0.0)
        found = validate(
            cast(VideoVAE, self.average.module),
            self.material.held_out,
            self.recipe.validation.qualities,
            self.objective,
            intra=sequence.intra,
            inter=sequence.inter,
            precision=self.precision,
            device=self.team.device,
            tick=tick,
        )
        if found is None:
            return None
        loss, points = found
        result = ValidationResult(self.clock.steps, self.clock.seconds, loss, points)
        return replace(result, delta_rate=saved_rate(self.history[0], result) if self.history else None)

    def _publish(self, result: ValidationResult) -> None:
        from sensic.training.plots import draw_run

        self.history.append(result)
        pixels = draw_run(self.out / "rd.png", self.history, self.best_step)
        if self.logs:
            self.logs.write("validation", best=self.best_step == result.step, **result.to_dict())
            self.logs.picture("rate-distortion", result.step, pixels)

    # What stays

    def _save(self) -> None:
        """A checkpoint; what only the other processes know comes to the first one."""
        parts = self.team.gather(self._own())
        self.saved_at = self.clock.seconds
        if not self.team.leads:
            return
        tensors = {f"model.{k}": v for k, v in self.vae.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"optimiser.{k}": v for k, v in self.optimiser.tensors().items()}
        tensors |= {f"process.{rank}.{k}": v for rank, part in enumerate(parts) for k, v in tensors_from(part).items()}
        facts = {
            "clock": asdict(self.clock),
            "rate": self.rate.state(),
            "patience": self.patience.state(),
            "best_step": self.best_step,
            "broken": self.broken,
            "validated_at": self.validated_at,
            "history": [result.to_dict() for result in self.history],
            "started_from": self.started_from,
            "material": self.material.identity,
            "walk": self._walk(),
        }
        self.checkpoints.save(self.clock.steps, tensors, facts)

    def _restore(self, found: Checkpoint) -> None:
        """Everything but the weights, which are there already."""
        facts = found.facts
        self.average.load_state_dict(found.part("average."))
        self.optimiser.restore(found.part("optimiser."))
        self.clock, self.broken = Clock(**facts["clock"]), facts["broken"]
        self.rate.restore(facts["rate"])
        if facts["material"] != self.material.identity:
            return  # other clips: what was best on the old ones says nothing
        self.patience.restore(facts["patience"])
        self.best_step = facts["best_step"]
        self.history = [ValidationResult.of(result) for result in facts["history"]]
        self.validated_at = facts["validated_at"] and tuple(facts["validated_at"])
        self._enter(min(facts["walk"]["phase"], len(self.recipe.sequence.phases) - 1))
        if facts["walk"] == self._walk():  # else the recipe or the team has changed, and the lanes start anew
            self._restore_own(found.part(f"process.{self.team.rank}."))

    def _walk(self) -> dict[str, Any]:
        """What must be the same for lanes to go on where they were."""
        sequence = self.recipe.sequence
        phase = {"phase": self.phase, "frames": sequence.phases[self.phase].frames, "lanes": len(self.lanes)}
        return phase | {"crop": sequence.crop, "processes": self.team.size}

    def _own(self) -> bytes:
        """What this process alone knows: lanes, decoders' states, random numbers."""
        lanes = bytearray(json.dumps(self.lanes.state()).encode())
        tensors = {"lanes": torch.frombuffer(lanes, dtype=torch.uint8), "random": torch.get_rng_state()}
        if self.team.device.type == "cuda":
            tensors["random_cuda"] = torch.cuda.get_rng_state(self.team.device)
        if self.state is not None:
            tensors |= {k: v.cpu().contiguous() for k, v in self.state._asdict().items()}
        return tensors_to(tensors)

    def _restore_own(self, tensors: dict[str, Tensor]) -> None:
        self.lanes.restore(json.loads(tensors["lanes"].numpy().tobytes()))
        torch.set_rng_state(tensors["random"])
        if "random_cuda" in tensors and self.team.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random_cuda"], self.team.device)
        if "picture" in tensors:
            state = State(tensors["picture"], tensors["memory"])
            self.state = _in_one_layout(State(*(x.to(self.team.device) for x in state)))

    # What is told

    def _tell(self, task: str, share: float) -> None:
        if self.progress:
            self.progress(self.meter.progress(task, self.clock.steps, share))

    def _finish(self) -> TrainReport:
        """The best weights as a model."""
        best, model = self.out / BEST, self.out / "model"
        if self.team.leads:
            if not best.is_file() or not self.history:
                self.best_step = self.clock.steps
                write_tensors(best, self.average.module.state_dict(), {"step": str(self.best_step)})
            if self.recipe.output.export:
                self._tell("exporting", self.share)
                self._export(best, model)
        return TrainReport(
            run=self.out,
            steps=self.clock.steps,
            seconds=self.clock.seconds,
            crops_per_second=self.meter.crops_per_second,
            validations=tuple(self.history),
            best_step=self.best_step,
            weights=best,
            model=model if self.recipe.output.export else None,
            stopped_early=self.share < 1,
        )

    def _export(self, weights: Path, model: Path) -> None:
        sequence = self.recipe.sequence
        validated = next((v for v in reversed(self.history) if v.step == self.best_step), None)
        export_model(
            load_vae(weights),
            model,
            name=self.out.resolve().name,
            facts=model_facts(self.recipe, self.material, self.clock, self.started_from, validated),
            quality_offsets={"intra": sequence.intra, "inter": list(sequence.inter)},
            calibrate=self._count if self.recipe.output.calibrate else None,
        )

    def _count(self, model: Model) -> NDArray[np.int64]:
        """Symbols that the model makes of clips spread over those it was trained on."""
        clips = self.material.clips
        chosen = clips[np.linspace(0, len(clips) - 1, min(self.recipe.output.calibrate, len(clips))).astype(int)]
        prepared = self.material.prepared
        planes = [(prepared[p].y[c], prepared[p].uv[c]) for p, c in chosen]
        return count_symbols(model, planes, progress=lambda done: self._tell("calibrating", done))


def _in_one_layout(state: State) -> State:
    """The layout decides in which order numbers are added: a run that goes on needs that of one that never stopped."""
    return State(*(x.contiguous(memory_format=torch.channels_last) for x in state))


@contextlib.contextmanager
def using_threads(count: int) -> Iterator[None]:
    """PyTorch with ``count`` threads (0: as it is)."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
