"""From a training run, or a file of weights, to a model directory with its card."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sensic.errors import ModelError, PackError, UsageError
from sensic.model import SENSING_GRAPHS, SNAPSHOT_GRAPHS, Model
from sensic.model.files import MANIFEST, read_manifest
from sensic.training.calibration import Planes, count_symbols
from sensic.training.checkpoint import Checkpoints
from sensic.training.data.origins import origins
from sensic.training.data.pack import Pack, open_packs
from sensic.training.export import QUALITY_OFFSETS, export_model
from sensic.training.facts import facts_of
from sensic.training.int8 import make_int8
from sensic.training.recipe import Recipe, RunRecipe
from sensic.training.reports import ValidationResult
from sensic.training.run import Result
from sensic.training.schedule import Clock
from sensic.training.sensing.export import export_sensing
from sensic.training.sensing.facts import sensing_facts
from sensic.training.sensing.recipe import SensingRecipe
from sensic.training.sensing.reports import SensingResult
from sensic.training.sensing.weights import load_sensing
from sensic.training.snapshot.export import export_snapshot
from sensic.training.snapshot.facts import snapshot_facts
from sensic.training.snapshot.recipe import SnapshotRecipe
from sensic.training.snapshot.reports import SnapshotResult
from sensic.training.snapshot.weights import load_snapshot
from sensic.training.stored import graphs_of
from sensic.training.weights import load_vae

WEIGHTS = ("best.safetensors", "weights.safetensors")  # of a run, of a model
INT8_CLIPS = 8
R = TypeVar("R", bound=RunRecipe)
V = TypeVar("V", bound=Result)
_UNNAMED = {"run", "runs", "model", "models", "out", ""}


def export_weights(
    source: str | Path,
    directory: str | Path,
    *,
    name: str | None = None,
    force: bool = False,
    facts: Mapping[str, Any] | str | Path | None = None,
    packs: Sequence[str | Path] = (),
    calibrate: int | None = None,
    int8: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Model:
    """Export a run's folder (its best weights), a model (its directory, or the name of one that ships) or a safetensors
    file of weights as a model.

    What a recipe, the checkpoints and the packs tell, or the manifest of a model, goes into the card; ``facts`` (names
    as in ``sensic.training.card``, or a TOML or JSON file of them) adds to it and corrects it; ``packs`` are what the
    weights were trained on, where no recipe says so. ``calibrate`` of their clips are coded, so that the symbol tables
    follow what comes (``sensic.training.calibration``): by default as many as the recipe says, none where there is no
    recipe or its packs are gone. ``int8`` makes of another model, by name or directory, one whose pixel networks
    compute in 8-bit integers; ``calibrate`` clips of the packs (8 if not told) say how to round. ``name`` is the
    model's, by default that of the directory. A model that is in the way is replaced with ``force`` only.

    Raises ModelError where the weights can't be a model, UsageError, RecipeError, PackError, OutputError, BackendError.
    """
    directory = Path(directory)
    if (directory / "manifest.json").exists() and not force:
        raise UsageError(f"{directory} holds a model already; --force replaces it")
    if int8:
        footage = _some(open_packs(packs), calibrate or INT8_CLIPS) if packs else []
        return make_int8(Model.load(source), footage, directory, name=name or _name(directory), progress=progress)
    weights = find_weights(Path(source))
    more = read_facts(Path(facts)) if isinstance(facts, str | Path) else facts or {}
    graphs, name = graphs_of(weights), name or _name(directory)
    if graphs == SENSING_GRAPHS:
        told = merged(sensing_run_facts(weights.parent), {"data": data_facts(packs)} if packs else {})
        return export_sensing(load_sensing(weights), directory, name=name, facts=merged(told, more))
    if graphs == SNAPSHOT_GRAPHS:
        told = merged(snapshot_run_facts(weights.parent), {"data": data_facts(packs)} if packs else {})
        return export_snapshot(load_snapshot(weights), directory, name=name, facts=merged(told, more))
    vae = load_vae(weights)
    told, offsets = _told(weights.parent)
    if packs:
        told = merged(told, {"data": data_facts(packs)})
    count, clips = _to_count(weights.parent, packs, calibrate)
    export_model(
        vae,
        directory,
        name=name,
        facts=merged(told, more),
        quality_offsets=offsets,
        calibrate=(lambda model: _count(model, clips, count, progress)) if count else None,
        tables=_tables(weights.parent),
    )
    return Model.load(directory)


def _to_count(run: Path, packs: Sequence[str | Path], calibrate: int | None) -> tuple[int, list[Pack]]:
    """How many clips to code, and the packs that they are in."""
    recipe = Recipe.read(run / "recipe.toml") if (run / "recipe.toml").is_file() else None
    count = calibrate if calibrate is not None else recipe.output.calibrate if recipe else 0
    paths = list(packs) or list(recipe.data.packs if recipe else ())
    if calibrate and not paths:
        raise UsageError("calibrating needs clips to code: name packs")
    try:
        return count, open_packs(paths) if count else []
    except PackError:
        if calibrate or packs:
            raise
        return 0, []  # the run outlived its packs


def _count(
    model: Model, packs: Sequence[Pack], count: int, progress: Callable[[float], None] | None
) -> NDArray[np.int64]:
    """Symbols of ``count`` clips."""
    return count_symbols(model, _some(packs, count), progress=progress)


def _some(packs: Sequence[Pack], count: int) -> list[Planes]:
    """``count`` clips spread over the packs."""
    every = max(1, sum(pack.clips for pack in packs) // count)
    clips = (clip for pack in packs for clip in pack.read())
    return list(islice(clips, 0, every * count, every))


def _tables(folder: Path) -> dict[str, NDArray[np.int32]]:
    """The symbol tables that lie beside the weights of a model."""
    integers = Model.load(folder).integers if (folder / MANIFEST).is_file() else {}
    return {name.removeprefix("tables."): value for name, value in integers.items() if name.startswith("tables.")}


def find_weights(source: Path) -> Path:
    """The file of weights in a folder or in the model that ships under that name, or that file. Raises ModelError."""
    if source.is_file():
        return source
    if not source.exists():
        if str(source) not in Model.shipped():
            raise ModelError(f"there is no {source}")
        source = Model.load(source).directory
    for name in WEIGHTS:
        if (source / name).is_file():
            return source / name
    if (source / MANIFEST).is_file():
        return source / MANIFEST  # of a model whose graphs hold them
    raise ModelError(
        f"{source} is neither a run nor a model: it holds no {' and no '.join(WEIGHTS)}"
        + (" (the run has not validated yet)" if (source / "recipe.toml").exists() else "")
    )


def read_facts(path: Path) -> dict[str, Any]:
    """Facts that someone wrote down, in TOML or JSON. Raises UsageError."""
    try:
        text = path.read_text(encoding="utf-8")
        facts = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not TOML, nor JSON in a file named so: {error}") from error
    if not isinstance(facts, dict):
        raise UsageError(f"{path}: facts are a table of names and values")
    return facts


def merged(facts: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """``facts`` with what ``more`` adds or corrects, table by table."""
    both = dict(facts)
    for key, value in more.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return both


def _told(folder: Path) -> tuple[dict[str, Any], Mapping[str, int | list[int]]]:
    """Facts and quality offsets that lie beside the weights."""
    if (folder / "recipe.toml").is_file():
        recipe = Recipe.read(folder / "recipe.toml")
        return run_facts(folder, recipe), {"intra": recipe.sequence.intra, "inter": list(recipe.sequence.inter)}
    if (folder / "manifest.json").is_file():
        _, manifest = read_manifest(folder)
        return dict(manifest.get("facts", {})), manifest["quality_offsets"]
    return {}, QUALITY_OFFSETS


def run_facts(run: Path, recipe: Recipe) -> dict[str, Any]:
    """What a run's folder tells: of its packs, as far as they are still there, and of its newest checkpoint."""
    checkpoint = Checkpoints(run / "checkpoints", recipe.output.keep).newest()
    if checkpoint is None:
        return facts_of(recipe, _data(recipe), Clock(), recipe.initialise, None)
    told = checkpoint.facts
    history = [ValidationResult.of(values) for values in told["history"]]
    best = next((v for v in reversed(history) if v.step == told["best_step"]), None)
    return facts_of(recipe, _data(recipe), Clock(**told["clock"]), told["started_from"], best)


def sensing_run_facts(folder: Path) -> dict[str, Any]:
    """What lies beside the weights of a decoder of the sensing profile."""
    return _decoder_facts(folder, SensingRecipe, SensingResult, sensing_facts)


def snapshot_run_facts(folder: Path) -> dict[str, Any]:
    """What lies beside the weights of a decoder of snapshots."""
    return _decoder_facts(folder, SnapshotRecipe, SnapshotResult, snapshot_facts)


def _decoder_facts(
    folder: Path, kind: type[R], result: type[V], facts: Callable[[R, dict[str, Any], Clock, V | None], dict[str, Any]]
) -> dict[str, Any]:
    if (folder / MANIFEST).is_file():
        return dict(read_manifest(folder)[1].get("facts", {}))
    if not (folder / "recipe.toml").is_file():
        return {}
    recipe, found = kind.read(folder / "recipe.toml"), Checkpoints(folder / "checkpoints", 1).newest()
    told: dict[str, Any] = found.facts if found else {"clock": {}, "history": [], "best_step": 0}
    history = [result.of(values) for values in told["history"]]
    best = next((v for v in reversed(history) if v.step == told["best_step"]), None)
    return facts(recipe, _data(recipe), Clock(**told["clock"]), best)


def _data(recipe: RunRecipe) -> dict[str, Any]:
    try:
        return data_facts(recipe.data.packs)
    except PackError:
        return {"note": f"Packs: {', '.join(Path(path).name for path in recipe.data.packs)}."}


def data_facts(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Clips, size, sources and licences of packs and folders of packs. Raises PackError."""
    packs = open_packs(paths)
    return {
        "clips": sum(pack.clips for pack in packs),
        "frames": packs[0].frames,
        "width": packs[0].width,
        "height": packs[0].height,
        "packs": {pack.path.name: pack.sha256 for pack in packs},
        **origins([pack.path for pack in packs]),
    }


def _name(directory: Path) -> str:
    path = directory.resolve()
    return path.parent.name if path.name in _UNNAMED and path.parent.name else path.name
