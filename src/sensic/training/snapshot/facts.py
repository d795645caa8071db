"""What a run tells the model card (``sensic.training.card`` lists the names)."""

from __future__ import annotations

from typing import Any

from sensic.training.facts import decoder_facts
from sensic.training.schedule import Clock
from sensic.training.snapshot.recipe import SnapshotRecipe
from sensic.training.snapshot.reports import SnapshotResult

_SUMMARY = "A decoder of snapshot compressive imaging for Sensic: frames out of snapshots through any binary masks."


def snapshot_facts(
    recipe: SnapshotRecipe, data: dict[str, Any], clock: Clock, best: SnapshotResult | None
) -> dict[str, Any]:
    """``best`` is the validation of the weights that are exported, if there was one."""
    if best is None:
        return decoder_facts(_SUMMARY, recipe, data, clock, None, [])
    row = {
        "frames of a snapshot": recipe.sequence.frames,
        "PSNR, dB": round(best.psnr, 2),
        "of the worst clip, dB": round(best.worst, 2),
        "of the mean of what each pixel saw, dB": round(best.start, 2),
    }
    return decoder_facts(_SUMMARY, recipe, data, clock, best.step, [row])
