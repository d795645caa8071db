"""What can be trained, told apart by the recipe's ``profile``: the codec, and the decoders of sensing and snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sensic.errors import RecipeError
from sensic.networks.sensing import SensingSize
from sensic.networks.snapshot import SnapshotSize
from sensic.training import material, stored, trainer
from sensic.training.reading import read_tables
from sensic.training.recipe import Recipe
from sensic.training.reports import TrainCallback, TrainReport
from sensic.training.sensing.recipe import SensingRecipe
from sensic.training.sensing.reports import SensingReport
from sensic.training.sensing.trainer import train_sensing
from sensic.training.sensing.weights import load_sensing
from sensic.training.snapshot.recipe import SnapshotRecipe
from sensic.training.snapshot.reports import SnapshotReport
from sensic.training.snapshot.trainer import train_snapshot
from sensic.training.snapshot.weights import load_snapshot

AnyRecipe = Recipe | SensingRecipe | SnapshotRecipe
PROFILES: Mapping[str, type[AnyRecipe]] = {"neural": Recipe, "sensing": SensingRecipe, "snapshot": SnapshotRecipe}


def read_recipe(path: str | Path) -> AnyRecipe:
    """The recipe in a TOML file, of the ``profile`` that it names (``neural`` if none). Raises RecipeError."""
    profile = read_tables(Path(path)).get("profile", "neural")
    if profile not in PROFILES:
        raise RecipeError(f"{path}: profile = {profile!r}: it is one of {', '.join(PROFILES)}")
    return PROFILES[profile].read(path)


def check_start(recipe: AnyRecipe, start: str | Path) -> None:
    """Raises ModelError where a run can't begin with ``start``, RecipeError where its sizes are not the recipe's."""
    if isinstance(recipe, SensingRecipe):
        stored.fitting(load_sensing(start), SensingSize(**asdict(recipe.network)))
    elif isinstance(recipe, SnapshotRecipe):
        stored.fitting(load_snapshot(start), SnapshotSize(**asdict(recipe.network)))
    else:
        material.fitting(recipe, material.started(start))


def train(
    recipe: AnyRecipe,
    *,
    out: str | Path,
    start: str | Path | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    device: str = "auto",
    progress: TrainCallback | None = None,
) -> TrainReport | SensingReport | SnapshotReport:
    """Train as ``recipe`` says, in the folder ``out``; where a run has been there before, go on with it.

    ``start`` is a model's name or directory, a run's folder or a file of weights to begin with; ``minutes`` or
    ``steps`` replace the recipe's length, ``device`` its device unless it is ``auto``. Under ``torchrun`` all processes
    make one run. A first Ctrl-C (or SIGTERM) ends it after the current step, with a checkpoint, and raises
    KeyboardInterrupt (SystemExit).

    Raises RecipeError, PackError, ModelError, OutputError, and TrainingError where the loss stays NaN.
    """
    options: dict[str, Any] = {"out": out, "start": start, "minutes": minutes, "steps": steps}
    options |= {"device": device, "progress": progress}
    if isinstance(recipe, SensingRecipe):
        return train_sensing(recipe, **options)
    if isinstance(recipe, SnapshotRecipe):
        return train_snapshot(recipe, **options)
    return trainer.train(recipe, **options)
