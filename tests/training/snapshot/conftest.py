"""Small networks and runs of the snapshot decoder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sensic.training import SnapshotRecipe
from tests.training.conftest import packs, prepared

__all__ = ["packs", "prepared"]  # fixtures

SMALL = {"fine": 8, "coarse": 8, "stages": 2, "bodies": 2}


def small_recipe(packs: Path, **tables: Any) -> SnapshotRecipe:
    """Six steps of a small network on one thread; ``tables`` replace or extend those of the recipe."""
    values: dict[str, Any] = {
        "threads": 1,
        "network": SMALL,
        "data": {"packs": [str(packs)]},
        "sequence": {"frames": 4, "phases": [{"at": 0.0, "lanes": 2, "crop": 32}]},
        "schedule": {"warmup": 0},
        "length": {"steps": 6},
        "validation": {"clips": 1, "crop": 32},
        "output": {"tensorboard": False, "export": False, "log_steps": 1},
    }
    for name, table in tables.items():
        values[name] = {**values[name], **table} if isinstance(table, dict) and name in values else table
    return SnapshotRecipe.of(values)


@pytest.fixture
def small(packs: Path) -> Callable[..., SnapshotRecipe]:
    return partial(small_recipe, packs)
