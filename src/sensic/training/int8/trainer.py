"""The run of the integer pixel networks: whole weights, biases and steps learn with the codec's own loss, so that what
rounding does to a picture costs least in those after it. The entropy model and what stays in float32 do not change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from sensic.errors import RecipeError
from sensic.model import Model
from sensic.model.int8 import Steps
from sensic.model.release import write_int8
from sensic.networks.codec import VideoVAE
from sensic.runtime import OnnxBackend, check_golden
from sensic.training.card import card
from sensic.training.checkpoint import Checkpoint
from sensic.training.export import new_model
from sensic.training.int8.networks import learned_steps, learning_parts, round_networks
from sensic.training.material import fitting
from sensic.training.recipe import Recipe
from sensic.training.reports import TrainReport
from sensic.training.run import train_with
from sensic.training.trainer import Trainer
from sensic.training.weights import vae_of


def train_int8(recipe: Recipe, **options: Any) -> TrainReport:
    """The stage ``int8`` of ``sensic.training.train``."""
    return train_with(RoundedTrainer, recipe, motion=True, **options)


def int8_start(start: str | Path | None) -> Model:
    """The model that such a run begins with. Raises RecipeError for others, ModelError."""
    model = None if start is None else Model.load(start)
    if model is None or not model.is_int8:
        raise RecipeError('stage = "int8" begins with a model of 8-bit integers: name one (--from fast)')
    return model


class RoundedTrainer(Trainer):
    def networks(self, found: Checkpoint | None, start: str | Path | None) -> VideoVAE:
        self.started_from = found.facts["started_from"] if found else str(start)
        self.first = int8_start(self.started_from if found else start)
        vae = fitting(self.recipe, _weights(self.first))
        round_networks(vae, self.first.steps())
        if found:
            vae.load_state_dict(found.part("model."))
        vae.to(self.team.device)
        self.team.share(vae.state_dict().values())
        vae.to(memory_format=torch.channels_last).requires_grad_(False)  # type: ignore[call-overload]
        for part in learning_parts(vae):
            part.requires_grad_(True)
        return vae.train()

    def export(self, weights: Path, model: Path) -> None:
        facts = dict(self.first.manifest["facts"])
        sequence, training = self.recipe.sequence, dict(facts.get("training", {}))
        told = training.get("note", [])
        note = (
            f"Whole weights, biases and steps of the integer networks then learned with the same loss in "
            f"{self.clock.steps:,} steps, {self.clock.pictures:,} crops of {sequence.crop}×{sequence.crop} "
            '(`sensic train` with a recipe of `stage = "int8"`).'
        )
        training["note"] = [*([told] if isinstance(told, str) else told), note]
        vae = round_networks(_weights(self.first), self.first.steps())
        vae.load_state_dict(load_file(weights))
        write_learned(self.first, learned_steps(vae, self.first.steps()), model, {**facts, "training": training})


def write_learned(first: Model, steps: Steps, directory: Path, facts: dict[str, Any]) -> Model:
    """The model ``first`` with other ``steps``, checked. Raises OutputError."""
    with new_model(directory) as part:
        write_int8(part, first.base or first, name=first.name, steps=steps.arrays(), facts=facts)
        model = Model.load(part)
        check_golden(OnnxBackend(model, 1), model)
        (part / "README.md").write_text(card(model), encoding="utf-8")
    return Model.load(directory)


def _weights(model: Model) -> VideoVAE:
    return vae_of({name: torch.from_numpy(value) for name, value in model.weights().items()})
