"""What a run tells the model card (``sensic.training.card`` lists the names)."""

from __future__ import annotations

from typing import Any

from sensic.training.schedule import Clock
from sensic.training.snapshot.recipe import SnapshotRecipe
from sensic.training.snapshot.reports import SnapshotResult

_SUMMARY = "A decoder of snapshot compressive imaging for Sensic: frames out of snapshots through any binary masks."


def snapshot_facts(
    recipe: SnapshotRecipe, data: dict[str, Any], clock: Clock, best: SnapshotResult | None
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
            {
                "frames of a snapshot": recipe.sequence.frames,
                "PSNR, dB": round(best.psnr, 2),
                "of the worst clip, dB": round(best.worst, 2),
                "of the mean of what each pixel saw, dB": round(best.start, 2),
            }
        ]
    return facts
