"""What a run tells the model card (``sensic.training.card`` lists the names)."""

from __future__ import annotations

from typing import Any

from sensic.training.facts import decoder_facts
from sensic.training.schedule import Clock
from sensic.training.sensing.recipe import SensingRecipe
from sensic.training.sensing.reports import SensingResult

_SUMMARY = "A decoder for Sensic's sensing profile: one set of weights for all rates."


def sensing_facts(
    recipe: SensingRecipe, data: dict[str, Any], clock: Clock, best: SensingResult | None
) -> dict[str, Any]:
    """``best`` is the validation of the weights that are exported, if there was one."""
    rows = [
        {"step size": 1 << point.exponent, "linear, dB": round(point.linear, 2), "learned, dB": round(point.learned, 2)}
        for point in (best.points if best else ())
    ]
    return decoder_facts(_SUMMARY, recipe, data, clock, best.step if best else None, rows)
