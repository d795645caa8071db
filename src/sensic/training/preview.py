"""What a run, or an adaptation, would do, with everything checked that can be checked before; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sensic.evaluation.compare import QUALITIES
from sensic.model import Model
from sensic.training.adaptation import RECIPE, Adaptation
from sensic.training.checkpoint import Checkpoints
from sensic.training.data.pack import Pack, open_packs
from sensic.training.data.settings import BuildSettings
from sensic.training.distributed import choose_device
from sensic.training.footage import Footage
from sensic.training.material import check_crops, check_named
from sensic.training.profiles import AnyRecipe, check_start
from sensic.training.recipe import Recipe
from sensic.training.run import CHECKPOINTS
from sensic.training.validation import split
from sensic.video import check_folder


@dataclass(frozen=True)
class TrainPlan:
    """``packs`` is what there is to learn from, ``clips`` how many of it are learned from and ``held_out`` how many are
    validated with. ``goes_on_at`` is the step of the checkpoint that the run in ``out`` goes on from, or None for a new
    run, which begins with ``start`` (None: as the recipe says)."""

    profile: str
    packs: tuple[Pack, ...]
    clips: int
    held_out: int
    length: dict[str, float]
    device: str
    start: str | None
    out: str
    goes_on_at: int | None

    def to_json(self) -> dict[str, Any]:
        packs = [{**asdict(pack), "path": str(pack.path)} for pack in self.packs]
        return {**asdict(self), "packs": packs}


def plan_training(
    recipe: AnyRecipe,
    *,
    out: str | Path,
    start: str | Path | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    device: str = "auto",
) -> TrainPlan:
    """Open all that ``train`` would use with the same arguments; no pack is decoded.

    Raises RecipeError, PackError, ModelError, OutputError.
    """
    recipe, data = recipe.lasting(minutes=minutes, steps=steps), recipe.data
    check_named(data)
    packs = open_packs(data.packs)
    check_crops(recipe, ((pack.path, pack.width, pack.height) for pack in packs))
    learned, held = split(packs, 0.0 if data.held_out else data.hold_out)
    held_out = sum(pack.clips for pack in open_packs(data.held_out)) if data.held_out else len(held)
    check_folder(Path(out))
    found = Checkpoints(Path(out) / CHECKPOINTS, recipe.output.keep).newest()
    if found is None and start is not None:
        check_start(recipe, start)
    return TrainPlan(
        recipe.profile,
        tuple(packs),
        len(learned),
        min(held_out, recipe.validation.clips),
        {name: value for name, value in asdict(recipe.length).items() if value},
        str(choose_device(recipe.device if device == "auto" else device)),
        None if start is None else str(start),
        str(out),
        found.facts["clock"]["steps"] if found else None,
    )


@dataclass(frozen=True)
class AdaptPlan:
    """``footage`` can be read as video, of which ``learned`` pictures are learned from and ``held_out`` are not;
    ``packs`` tells how clips are cut of them, ``notes`` what can't be used. ``goes_on`` where ``out`` was begun."""

    model: str
    model_id: str
    footage: tuple[Footage, ...]
    learned: int
    held_out: int
    packs: BuildSettings
    minutes: float
    qualities: tuple[int, ...]
    device: str
    out: str
    goes_on: bool
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        footage = [{**asdict(one), "path": str(one.path), "rate": float(one.rate)} for one in self.footage]
        return {**asdict(self), "footage": footage}


def plan_adaptation(
    model: str | Path | Model | None,
    footage: Sequence[str | Path],
    out: str | Path,
    *,
    minutes: float = 10.0,
    hold_out: float = 0.2,
    qualities: Sequence[int] = QUALITIES,
    device: str = "auto",
) -> AdaptPlan:
    """Open all that ``adapt`` would use with the same arguments; only packets are counted.

    Raises UsageError, InputError, PackError, ModelError, RecipeError, OutputError.
    """
    job = Adaptation(Model.load(model), Path(out), minutes, hold_out, qualities)
    found, notes = job.look(footage)
    split_, packs = job.divide(found)
    goes_on = job.was_begun(found)
    check_folder(Path(out))
    learned = sum(split_.learned.values())
    return AdaptPlan(
        job.original.name,
        job.original.id,
        tuple(found),
        learned,
        sum(one.frames for one in found) - learned,
        packs,
        minutes,
        tuple(job.qualities),
        str(choose_device(Recipe.read(RECIPE).device if device == "auto" else device)),
        str(out),
        goes_on,
        tuple(notes),
    )
