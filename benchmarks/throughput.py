"""Training speed in 256×256 crops per second: ``python -m benchmarks.throughput``.

Whole steps (window, forward, backward, clipping, optimiser, moving average) of the full codec and of the prior alone
on recorded latents, in turns so that a busy machine is fair to both, beside what the cores could do at best: the
multiplications of forward and backward at the speed of a large matrix product. Pictures are noise: the time does not
depend on them. Writes ``throughput.json``.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console

from sensic.evaluation import macs
from sensic.model import Model
from sensic.networks.codec import NetworkSize, VideoVAE
from sensic.training.lanes import Lanes
from sensic.training.losses import distortion
from sensic.training.optimiser import Optimiser, averaged
from sensic.training.prepare import Prepared
from sensic.training.recipe import Optimiser as Settings
from sensic.training.sequence import Objective, State
from sensic.training.stages import advance
from sensic.training.tapes import TapeLanes, record

CROP = 256 * 256
OBJECTIVE = Objective(distortion("mse"))


def noise_pack(clips: int = 4, frames: int = 12, height: int = 256, width: int = 448) -> Prepared:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 256, (clips, frames, height, width), np.uint8)
    uv = rng.integers(0, 256, (clips, frames, 2, height // 2, width // 2), np.uint8)
    motion = rng.integers(-8, 9, (3, 2, clips, frames, 2, height // 16, width // 16), np.int8)
    return Prepared(y=y, uv=uv, motion=motion, depth=8, path=Path(), sha256="")


def networks() -> VideoVAE:
    return VideoVAE(NetworkSize()).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def full_step(lanes: int, crop: int, frames: int) -> Callable[[], None]:
    return stepper(networks(), Lanes([noise_pack()], lanes=lanes, crop=crop, frames=frames, seed=0))


def prior_step(lanes: int, crop: int, frames: int, folder: Path) -> Callable[[], None]:
    vae = networks()
    tape = record(vae, Lanes([noise_pack()], lanes=2, crop=crop, frames=frames, seed=0), OBJECTIVE, 4, folder)
    vae.requires_grad_(False)
    vae.prior.requires_grad_(True)
    return stepper(vae, TapeLanes(tape, lanes=lanes, frames=frames, seed=0))


def stepper(vae: VideoVAE, source: Lanes | TapeLanes) -> Callable[[], None]:
    """What a run does in a step, but for the learning rate, which is 0: noise must not make weights diverge."""
    optimiser, average = Optimiser(vae, Settings()), averaged(vae, 0.002)
    state: State | None = None

    def step() -> None:
        nonlocal state
        optimiser.zero_grad()
        outcome, state = advance(vae, source.next(), state, OBJECTIVE, torch.float32)
        outcome.loss.backward()  # type: ignore[no-untyped-call]
        optimiser.clip()
        optimiser.step(0.0)
        average.update_parameters(vae)

    return step


def peak() -> float:
    """Multiply–accumulates per second of a matrix product in float32."""
    a = torch.randn(1536, 1536)
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        best = max(best, 1536**3 / (time.perf_counter() - began))
    return best


def main(
    lanes: Annotated[int, typer.Option(help="Sequences side by side, full codec.")] = 8,
    prior_lanes: Annotated[int, typer.Option(help="Sequences side by side, prior alone.")] = 32,
    crop: Annotated[int, typer.Option(help="Side of the crops, a multiple of 16.")] = 128,
    frames: Annotated[int, typer.Option(help="Frames of a sequence.")] = 6,
    threads: Annotated[int, typer.Option(help="Threads of PyTorch.")] = 2,
    rounds: Annotated[int, typer.Option(help="Steps of each that count.")] = 8,
    out: Annotated[Path, typer.Option(help="Folder for throughput.json.")] = Path("benchmarks/out"),
) -> None:
    torch.set_num_threads(threads)
    counts = macs.per_pixel(Model.load(None))
    prior = sum(counts[name] for name in ("hyper", "first", "second", "memory"))
    work = {"full": (lanes, counts["encoder"]), "prior": (prior_lanes, prior)}
    with tempfile.TemporaryDirectory() as folder, Console(stderr=True).status("training on noise"):
        steps = {
            "full": full_step(lanes, crop, frames),
            "prior": prior_step(prior_lanes, crop, frames, Path(folder)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for i in range(rounds + 2):  # the first two only warm up
            for name, step in steps.items():
                began = time.perf_counter()
                step()
                if i >= 2:
                    seconds[name].append(time.perf_counter() - began)
        speed = peak()
    rows = {}
    for name, (count, kmac) in work.items():
        crops = count * frames * crop * crop / CROP
        ceiling = speed / (3 * 1000 * kmac * CROP)  # backward costs twice what forward does
        median = float(np.median(seconds[name]))
        rows[name] = {"crops_per_second": crops / median, "best": crops / min(seconds[name]), "ceiling": ceiling}
    settings = {"lanes": lanes, "prior_lanes": prior_lanes, "crop": crop, "frames": frames, "threads": threads}
    out.mkdir(parents=True, exist_ok=True)
    record_ = {"torch": torch.__version__, "gmac_per_second": speed / 1e9, **settings, "rows": rows}
    (out / "throughput.json").write_text(json.dumps(record_, indent=1) + "\n")
    typer.echo(f"a large matrix product: {speed / 1e9:.0f} GMAC/s with {threads} threads\n")
    typer.echo("| step | crops/s, median | best | if only multiplications counted |\n|---|---:|---:|---:|")
    for name, row in rows.items():
        typer.echo(f"| {name} | {row['crops_per_second']:.1f} | {row['best']:.1f} | {row['ceiling']:.0f} |")


if __name__ == "__main__":
    typer.run(main)
