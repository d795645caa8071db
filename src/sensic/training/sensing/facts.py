"""What a run tells the model card (``sensic.training.card`` lists the names)."""

from __future__ import annotations

from typing import Any

from sensic.training.schedule import Clock
from sensic.training.sensing.recipe import SensingRecipe
from sensic.training.sensing.reports import SensingResult

_SUMMARY = "A decoder for Sensic's sensing profile: one set of weights for all rates."


def sensing_facts(
    recipe: SensingRecipe, data: dict[str, Any], clock: Clock, best: SensingResult | None
) -> dict[str, Any]:
    """``best`` is the validation of the weights that are exported, if there was one."""
    facts: dict[str, Any] = {
        "summary": _SUMMARY,
        "data": data,
        "training": {
            "steps": clock.steps,
            "hours": round(clock.seconds / 3600, 2),
            "loss": "logarithm of the squared error of each sequence",
            "recipe": {key: value for key, value in recipe.to_dict().items() if key != "data"},
        },
    }
    if best is not None:
        facts["training"]["best_step"] = best.step
        facts["validation"] = [
            {"step size": 1 << p.exponent, "linear, dB": round(p.linear, 2), "learned, dB": round(p.learned, 2)}
            for p in best.points
        ]
    return facts
