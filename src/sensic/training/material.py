"""What a run starts from: its clips and its networks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from sensic.codec.reports import ProgressCallback
from sensic.errors import ModelError, RecipeError
from sensic.model import Model
from sensic.networks.codec import NetworkSize, VideoVAE
from sensic.training.distributed import Team
from sensic.training.klt import initialise, klt_basis
from sensic.training.prepare import Prepared, prepare
from sensic.training.recipe import Data, Recipe, RunRecipe
from sensic.training.stored import BEST
from sensic.training.validation import Clips, HeldOut, everything, split
from sensic.training.weights import load_vae, vae_of

_DEFAULT_CACHE = "cache"


@dataclass(frozen=True)
class Material:
    """Prepared packs, the clips of them to train on [N, 2] (pack, clip), and those to validate on."""

    prepared: list[Prepared]
    clips: Clips
    held_out: HeldOut

    @property
    def pictures(self) -> int:
        """Pictures to train on: an epoch."""
        return sum(self.prepared[pack].y.shape[1] for pack, _ in self.clips)

    @property
    def identity(self) -> str:
        """Changes with the packs, and with which clips are held out."""
        digest = hashlib.sha256("".join(one.sha256 for one in self.prepared).encode())
        for one in (self.clips, self.held_out.clips):
            digest.update(one.tobytes())
        return digest.hexdigest()


def gather(recipe: RunRecipe, team: Team, progress: ProgressCallback | None, *, motion: bool = True) -> Material:
    """Prepare the packs of a recipe; the first process does the work, the others then find it done.

    ``motion`` is whether it is searched for. Raises RecipeError where no packs are named or the crop is larger than
    their pictures, PackError, OutputError.
    """
    data = recipe.data
    check_named(data)
    first = Path(data.packs[0])
    cache = Path(data.cache) if data.cache else (first if first.is_dir() else first.parent) / _DEFAULT_CACHE
    if not team.leads:
        team.wait()
    shown = progress if team.leads else None
    prepared = prepare(data.packs, cache, shown, motion=motion)
    held_prepared = prepare(data.held_out, cache, shown, motion=motion) if data.held_out else prepared
    if team.leads:
        team.wait()
    check_crops(recipe, ((one.path, one.y.shape[3], one.y.shape[2]) for one in prepared))
    clips, held = split(prepared, 0.0 if data.held_out else data.hold_out)
    held = everything(held_prepared) if data.held_out else held
    return Material(prepared, clips, HeldOut(held_prepared, held[: recipe.validation.clips]))


def check_named(data: Data) -> None:
    """Raises RecipeError where no packs are named."""
    if not data.packs:
        raise RecipeError("data.packs is empty: name the packs to train on (sensic data build makes them)")


def check_crops(recipe: RunRecipe, packs: Iterable[tuple[Path, int, int]]) -> None:
    """Raises RecipeError where crops are larger than the pictures of a pack (path, width, height)."""
    crop = recipe.largest_crop
    for path, width, height in packs:
        if crop > min(width, height):
            raise RecipeError(f"sequence.crop = {crop}: pictures of {path} are {width}×{height}")


def networks(
    recipe: Recipe, start: str | Path | None, material: Material, progress: ProgressCallback | None = None
) -> VideoVAE:
    """New networks, or those of a model to start from; ``progress`` counts the pictures that the KLT is made of.

    ``start`` is a model's name or directory, a run's folder or a file of weights. Raises RecipeError where the recipe
    wants other sizes than it has, ModelError where it can't be read.
    """
    if start is not None:
        return fitting(recipe, started(start))
    torch.manual_seed(recipe.seed)
    vae = VideoVAE(NetworkSize(**asdict(recipe.network)) if recipe.network else NetworkSize())
    if recipe.initialise == "klt":
        initialise(vae, *klt_basis(material.prepared, seed=recipe.seed, progress=progress))
    return vae


def fitting(recipe: Recipe, vae: VideoVAE) -> VideoVAE:
    """``vae``, if it has the sizes that the recipe asks for. Raises RecipeError."""
    wanted, found = asdict(recipe.network) if recipe.network else {}, vae.size.to_dict()
    differing = [f"{key} = {wanted[key]}, not {found[key]}" for key in wanted if wanted[key] != found[key]]
    if differing:
        raise RecipeError(
            f"network: the recipe has {', '.join(differing)} as the weights have; "
            "leave the table out to go on from them, or begin another run"
        )
    return vae


def started(start: str | Path) -> VideoVAE:
    """The networks of a model's name or directory, of a run's folder or of a file of weights. Raises ModelError."""
    path = Path(start)
    if (path / BEST).is_file():
        return load_vae(path / BEST)
    if path.is_file() and path.name != "manifest.json":
        return load_vae(path)
    if path.is_dir() and not (path / "manifest.json").is_file():
        raise ModelError(f"{start} is neither a model nor a run: there is no manifest.json and no {BEST} in it")
    return vae_of({name: torch.from_numpy(value) for name, value in Model.load(start).weights().items()})


def placed(vae: VideoVAE, recipe: Recipe, team: Team) -> VideoVAE:
    """Ready to train: on the team's device, alike in every process, in the layout that is fastest to convolve."""
    vae.to(team.device)
    team.share(vae.state_dict().values())
    vae.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if recipe.stage == "prior":
        vae.requires_grad_(False)
        vae.prior.requires_grad_(True)
    return vae.train()
