"""The run of the codec: whole sequences, or the entropy model alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensic.model import Model
from sensic.networks.codec import VideoVAE
from sensic.training.calibration import count_symbols
from sensic.training.checkpoint import Checkpoint
from sensic.training.export import export_model
from sensic.training.facts import model_facts
from sensic.training.lanes import Lanes
from sensic.training.material import fitting, networks, placed
from sensic.training.optimiser import add_residual_dropout
from sensic.training.recipe import Recipe
from sensic.training.reports import TrainReport, ValidationResult
from sensic.training.run import Run, Step, train_with
from sensic.training.schedule import phase_at
from sensic.training.sequence import State
from sensic.training.stages import TAPE, advance, lanes_of, tape_of
from sensic.training.tapes import TapeLanes
from sensic.training.validation import objective, saved_rate, validate
from sensic.training.weights import load_vae, vae_of

_PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def train(recipe: Recipe, **options: Any) -> TrainReport:
    """The profile ``neural`` of ``sensic.training.train``."""
    return train_with(Trainer, recipe, motion=True, **options)


class Trainer(Run[Recipe, ValidationResult, VideoVAE, TrainReport]):
    result = ValidationResult

    @property
    def crop(self) -> int:
        return self.recipe.sequence.crop

    def networks(self, found: Checkpoint | None, start: str | Path | None) -> VideoVAE:
        self.started_from = found.facts["started_from"] if found else str(start or self.recipe.initialise)
        weights = (
            fitting(self.recipe, vae_of(found.part("model.")))
            if found
            else networks(self.recipe, start, self.material, self.progress)
        )
        return placed(weights, self.recipe, self.team)

    def begin(self) -> None:
        recipe, team = self.recipe, self.team
        add_residual_dropout(self.vae, recipe.optimiser.residual_dropout)
        self.objective = objective(recipe)
        self.precision = _PRECISIONS[recipe.precision]
        self.tape = tape_of(
            self.vae,
            recipe,
            self.material,
            self.objective,
            team,
            self.out / TAPE,
            lambda done: self.tell("recording", done),
        )
        self.lanes: Lanes | TapeLanes
        self.state: State | None
        self._enter(0)
        torch.manual_seed(recipe.seed + team.rank)

    # One step

    def compute(self, share: float) -> Step:
        phase = phase_at(self.recipe.sequence.phases, share)
        if phase != self.phase:
            self._enter(phase)
        window = self.lanes.next().to(self.team.device)
        outcome, self.state = advance(self.vae, window, self.state, self.objective, self.precision)
        rate, distortion = float(outcome.rate.mean()), float(outcome.distortion.mean())
        return Step(outcome.loss, rate, distortion, window.starts.numel())

    def stepped(self, taken: bool) -> None:
        """A picture that has run away must not live on in the state."""
        assert self.state is not None
        if not taken:
            self.state = State(*(torch.nan_to_num(x, 0.0, 0.0, 0.0) for x in self.state))
        self.state = _in_one_layout(self.state)

    def _enter(self, index: int) -> None:
        """Begin a phase: with new lanes, whose groups all start."""
        self.phase, self.state = index, None
        self.lanes = lanes_of(self.recipe, index, self.material, self.vae.size, self.team, self.tape)

    # Validation

    def validate(self) -> ValidationResult | None:
        """Code the held-out clips."""
        count, sequence = len(self.material.held_out.clips), self.recipe.sequence

        def tick(done: int) -> bool:
            self.tell("validating", done / count)
            return not self.stop.wanted

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

    def publish(self, result: ValidationResult, *, best: bool) -> None:
        from sensic.training.plots import draw_run

        pixels = draw_run(self.out / "rd.png", self.history, self.best_step)
        if self.logs:
            self.logs.picture("rate-distortion", result.step, pixels)

    # What stays

    def facts(self) -> dict[str, Any]:
        return {"started_from": self.started_from, "walk": self._walk()}

    def _walk(self) -> dict[str, Any]:
        """What must be the same for lanes to go on where they were."""
        sequence = self.recipe.sequence
        phase = {"phase": self.phase, "frames": sequence.phases[self.phase].frames, "lanes": len(self.lanes)}
        # Checkpoints of earlier versions hold memories in units of one.
        return phase | {"crop": sequence.crop, "processes": self.team.size, "memory": "steps"}

    def own(self) -> dict[str, Tensor]:
        """Lanes, decoders' states, random numbers."""
        lanes = bytearray(json.dumps(self.lanes.state()).encode())
        tensors = {"lanes": torch.frombuffer(lanes, dtype=torch.uint8), "random": torch.get_rng_state()}
        if self.team.device.type == "cuda":
            tensors["random_cuda"] = torch.cuda.get_rng_state(self.team.device)
        if self.state is not None:
            tensors |= {k: v.cpu().contiguous() for k, v in self.state._asdict().items()}
        return tensors

    def restore(self, facts: dict[str, Any], own: dict[str, Tensor]) -> None:
        self._enter(min(facts["walk"]["phase"], len(self.recipe.sequence.phases) - 1))
        if facts["walk"] == self._walk():  # else the recipe or the team has changed, and the lanes start anew
            self._restore_own(own)

    def _restore_own(self, tensors: dict[str, Tensor]) -> None:
        self.lanes.restore(json.loads(tensors["lanes"].numpy().tobytes()))
        torch.set_rng_state(tensors["random"])
        if "random_cuda" in tensors and self.team.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random_cuda"], self.team.device)
        if "picture" in tensors:
            state = State(tensors["picture"], tensors["memory"])
            self.state = _in_one_layout(State(*(x.to(self.team.device) for x in state)))

    # What comes out

    def report(self, weights: Path, model: Path | None) -> TrainReport:
        return TrainReport(**self.outcome(weights, model))

    def export(self, weights: Path, model: Path) -> None:
        sequence = self.recipe.sequence
        export_model(
            load_vae(weights),
            model,
            name=self.out.resolve().name,
            facts=model_facts(self.recipe, self.material, self.clock, self.started_from, self.best),
            quality_offsets={"intra": sequence.intra, "inter": list(sequence.inter)},
            calibrate=self._count if self.recipe.output.calibrate else None,
        )

    def _count(self, model: Model) -> NDArray[np.int64]:
        """Symbols that the model makes of clips spread over those it was trained on."""
        clips = self.material.clips
        chosen = clips[np.linspace(0, len(clips) - 1, min(self.recipe.output.calibrate, len(clips))).astype(int)]
        prepared = self.material.prepared
        planes = [(prepared[p].y[c], prepared[p].uv[c]) for p, c in chosen]
        return count_symbols(model, planes, progress=lambda done: self.tell("calibrating", done))


def _in_one_layout(state: State) -> State:
    """The layout decides in which order numbers are added: a run that goes on needs that of one that never stopped."""
    return State(*(x.contiguous(memory_format=torch.channels_last) for x in state))
