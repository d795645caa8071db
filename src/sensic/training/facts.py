"""What a run tells the model card (``sensic.training.card`` lists the names)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sensic.training.data.origins import origins
from sensic.training.material import Material
from sensic.training.recipe import Recipe, RunRecipe
from sensic.training.reports import ValidationResult
from sensic.training.schedule import Clock

_NAMES = {
    "mse": "squared error",
    "ssim": "(1 - SSIM)",
    "ms-ssim": "(1 - MS-SSIM)",
    "mixed": "squared error and MS-SSIM",
}


def model_facts(
    recipe: Recipe,
    material: Material,
    clock: Clock,
    started_from: str,
    best: ValidationResult | None,
) -> dict[str, Any]:
    """``best`` is the validation of the weights that are exported, if there was one."""
    data = material_facts(material)
    return facts_of(recipe, data, clock, started_from, best)


def facts_of(
    recipe: Recipe, data: dict[str, Any], clock: Clock, started_from: str, best: ValidationResult | None
) -> dict[str, Any]:
    """The same of a run that is known by its files only, ``data`` having been found out."""
    facts: dict[str, Any] = {
        "data": data,
        "training": {
            "started_from": _origin(started_from),
            "steps": clock.steps,
            "hours": round(clock.seconds / 3600, 2),
            "crops": {f"{recipe.sequence.crop}×{recipe.sequence.crop}": clock.pictures},
            "loss": _loss(recipe),
            "recipe": {key: value for key, value in recipe.to_dict().items() if key != "data"},
        },
    }
    if best is not None:
        facts["validation"] = [
            {"quality": p.quality, "bits per pixel": round(p.bpp, 5), "PSNR, dB": round(p.psnr, 3)} for p in best.points
        ]
        facts["training"]["best_step"] = best.step
    return facts


def decoder_facts(
    summary: str,
    recipe: RunRecipe,
    data: dict[str, Any],
    clock: Clock,
    best_step: int | None,
    validation: list[dict[str, float]],
) -> dict[str, Any]:
    """Those of a run of a decoder of measurements; ``best_step`` and ``validation`` are of the weights exported, where
    they were validated."""
    facts: dict[str, Any] = {
        "summary": summary,
        "data": data,
        "training": {
            "steps": clock.steps,
            "hours": round(clock.seconds / 3600, 2),
            "loss": "logarithm of the squared error of each sequence",
            "recipe": {key: value for key, value in recipe.to_dict().items() if key != "data"},
        },
    }
    if best_step is not None:
        facts["training"]["best_step"] = best_step
        facts["validation"] = validation
    return facts


def material_facts(material: Material) -> dict[str, Any]:
    sizes = [one.y.shape[1:] for one in material.prepared]
    frames, height, width = sizes[0]
    data: dict[str, Any] = {
        "clips": len(material.clips),
        "packs": {one.path.name: one.sha256 for one in material.prepared},
        "note": f"{len(material.held_out.clips)} more clips were held out for validation.",
    }
    data |= origins([one.path for one in material.prepared])
    return data | ({"frames": frames, "width": width, "height": height} if len(set(sizes)) == 1 else {})


def _origin(started_from: str) -> str:
    named = {"klt": "the Karhunen–Loève transform of 16×16 blocks", "random": "random weights"}
    return named.get(started_from, Path(started_from).name)


def _loss(recipe: Recipe) -> str:
    low, high = recipe.loss.lambdas
    planes = ":".join(f"{weight:g}" for weight in recipe.loss.planes)
    return f"bits per pixel + λ·{_NAMES[recipe.loss.distortion]} (Y, U, V {planes}), λ {low:g} to {high:g}"
