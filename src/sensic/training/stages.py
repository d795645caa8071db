"""What a step reads and computes: the whole codec on pictures, or the prior alone on recorded latents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from sensic.errors import PackError
from sensic.networks.codec import NetworkSize, VideoVAE
from sensic.training.distributed import Team
from sensic.training.lanes import Lanes
from sensic.training.material import Material
from sensic.training.recipe import Recipe
from sensic.training.sequence import Objective, Outcome, State, Window, unroll
from sensic.training.tapes import LatentWindow, Tape, TapeLanes, record, unroll_prior

TAPE = "tape"
_RECORDING_LANES = 8


def lanes_of(
    recipe: Recipe, phase: int, material: Material, size: NetworkSize, team: Team, tape: Tape | None
) -> Lanes | TapeLanes:
    """The lanes of this process in a phase; those of ``tape`` if there is one."""
    frames = recipe.sequence.phases[phase].frames
    lanes = recipe.sequence.phases[phase].lanes or recipe.sequence.lanes
    seed, first = recipe.seed * 64 + phase, team.rank * lanes
    if tape:
        return TapeLanes(tape, lanes=lanes, frames=frames, seed=seed, first_lane=first)
    return _walks(recipe, material, size, lanes, frames, seed, first)


def tape_of(
    vae: VideoVAE,
    recipe: Recipe,
    material: Material,
    objective: Objective,
    team: Team,
    folder: Path,
    progress: Callable[[float], None],
) -> Tape | None:
    """For the stage ``prior``: the recording in ``folder``, made by the first process where there is none."""
    if recipe.stage != "prior":
        return None
    if team.leads:
        try:
            Tape.open(folder)
        except PackError:
            progress(0.0)
            frames = max(phase.frames for phase in recipe.sequence.phases)
            walks = _walks(recipe, material, vae.size, _RECORDING_LANES, frames, recipe.seed * 64 + 63, 0)
            windows = -(-recipe.sequence.tape // (_RECORDING_LANES * frames))
            record(vae, walks, objective, windows, folder, progress)
    team.wait()
    return Tape.open(folder)


def advance(
    vae: VideoVAE, window: Window | LatentWindow, state: State | None, objective: Objective, precision: torch.dtype
) -> tuple[Outcome, State]:
    if isinstance(window, LatentWindow):
        return unroll_prior(vae, window, state, objective)
    return unroll(vae, window, state, objective, precision=precision)


def _walks(
    recipe: Recipe, material: Material, size: NetworkSize, lanes: int, frames: int, seed: int, first: int
) -> Lanes:
    sequence = recipe.sequence
    return Lanes(
        material.prepared,
        lanes=lanes,
        crop=sequence.crop,
        frames=frames,
        seed=seed,
        size=size,
        clips=material.clips,
        group=sequence.group,
        intra_offset=sequence.intra,
        inter_offsets=sequence.inter,
        quality_power=sequence.quality_power,
        first_lane=first,
    )
