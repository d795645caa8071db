"""Small networks and runs of the sensing profile's decoder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sensic.training import SensingRecipe
from tests.training.conftest import packs, prepared

__all__ = ["packs", "prepared"]  # fixtures

SMALL = {"hidden": 8, "latent": 8, "features": 8, "steps": 3}


def small_recipe(packs: Path, **tables: Any) -> SensingRecipe:
    """Six steps of a small network on one thread; ``tables`` replace or extend those of the recipe."""
    values: dict[str, Any] = {
        "threads": 1,
        "network": SMALL,
        "data": {"packs": [str(packs)]},
        "sequence": {"phases": [{"at": 0.0, "groups": 2, "lanes": 2, "crop": 32}]},
        "schedule": {"warmup": 0},
        "length": {"steps": 6},
        "validation": {"clips": 1, "crop": 32, "exponents": [7, 9]},
        "output": {"tensorboard": False, "export": False, "log_steps": 1},
    }
    for name, table in tables.items():
        values[name] = {**values[name], **table} if isinstance(table, dict) and name in values else table
    return SensingRecipe.of(values)


@pytest.fixture
def small(packs: Path) -> Callable[..., SensingRecipe]:
    return partial(small_recipe, packs)
