"""Training (extra ``train``): footage to packs, packs to a model, a model to one's own footage.

>>> from sensic.training import Recipe, train
>>> report = train(Recipe.read("recipes/default.toml"), out="runs/mine", minutes=60)  # doctest: +SKIP
>>> report.model  # doctest: +SKIP
PosixPath('runs/mine/model')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensic.lazy import when_used

if TYPE_CHECKING:
    from sensic.training.adaptation import AdaptProgress, AdaptReport, adapt
    from sensic.training.data.build import build_packs
    from sensic.training.data.manifest import BuildReport
    from sensic.training.data.preview import PackPlan, plan_packs
    from sensic.training.data.settings import BuildSettings
    from sensic.training.export import export_model
    from sensic.training.preview import AdaptPlan, TrainPlan, plan_adaptation, plan_training
    from sensic.training.profiles import read_recipe, train
    from sensic.training.recipe import Recipe
    from sensic.training.release import export_weights
    from sensic.training.reports import TrainProgress, TrainReport, ValidationResult
    from sensic.training.sensing.recipe import SensingRecipe
    from sensic.training.sensing.reports import SensingReport, SensingResult
    from sensic.training.snapshot.recipe import SnapshotRecipe
    from sensic.training.snapshot.reports import SnapshotReport, SnapshotResult

__all__ = [
    "AdaptPlan",
    "AdaptProgress",
    "AdaptReport",
    "BuildReport",
    "BuildSettings",
    "PackPlan",
    "Recipe",
    "SensingRecipe",
    "SensingReport",
    "SensingResult",
    "SnapshotRecipe",
    "SnapshotReport",
    "SnapshotResult",
    "TrainPlan",
    "TrainProgress",
    "TrainReport",
    "ValidationResult",
    "adapt",
    "build_packs",
    "export_model",
    "export_weights",
    "plan_adaptation",
    "plan_packs",
    "plan_training",
    "read_recipe",
    "train",
]

# Loaded when first used: PyTorch takes seconds, and need not be installed.
__getattr__, __dir__ = when_used(
    __name__,
    {
        "sensic.training.adaptation": ("AdaptProgress", "AdaptReport", "adapt"),
        "sensic.training.data.build": ("build_packs",),
        "sensic.training.data.manifest": ("BuildReport",),
        "sensic.training.data.preview": ("PackPlan", "plan_packs"),
        "sensic.training.data.settings": ("BuildSettings",),
        "sensic.training.export": ("export_model",),
        "sensic.training.preview": ("AdaptPlan", "TrainPlan", "plan_adaptation", "plan_training"),
        "sensic.training.profiles": ("read_recipe", "train"),
        "sensic.training.recipe": ("Recipe",),
        "sensic.training.release": ("export_weights",),
        "sensic.training.reports": ("TrainProgress", "TrainReport", "ValidationResult"),
        "sensic.training.sensing.recipe": ("SensingRecipe",),
        "sensic.training.sensing.reports": ("SensingReport", "SensingResult"),
        "sensic.training.snapshot.recipe": ("SnapshotRecipe",),
        "sensic.training.snapshot.reports": ("SnapshotReport", "SnapshotResult"),
    },
    extra="train",
)
