"""What each part of training is worth, by one short run for each, all else equal: ``python -m benchmarks.ablations``.

Same seed, same clips, same number of steps and of pictures, from scratch; the same held-out clips are then coded whole
at five qualities, rounded as in a stream, with the averaged weights. Adaptive statistics are part of coding, so there
the reference's model codes those clips to real bytes with and without them. Writes ``ablations.json``, ``ablations.md``
and ``ablations.png``; a row that is done (in ``rows``) is not run again.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, cast

import numpy as np
import torch
import typer
from matplotlib.figure import Figure
from safetensors.torch import load_file
from torch import Tensor

from benchmarks.progress import progress_bar
from benchmarks.recurrent import HIDDEN, RecurrentVAE
from sensic.codec.encoder import Encoder
from sensic.codec.reports import Progress
from sensic.codec.settings import EncoderSettings
from sensic.evaluation import bd
from sensic.model import Model
from sensic.networks.codec import NetworkSize, VideoVAE
from sensic.runtime import OnnxBackend
from sensic.training.checkpoint import write_bytes, write_tensors
from sensic.training.export import export_model
from sensic.training.klt import initialise, klt_basis
from sensic.training.lanes import Lanes
from sensic.training.losses import SSIM_UNIT, Kind, distortion
from sensic.training.optimiser import Optimiser, averaged
from sensic.training.prepare import Prepared, prepare
from sensic.training.recipe import Optimiser as OptimiserSettings
from sensic.training.recipe import Schedule
from sensic.training.schedule import LearningRate
from sensic.training.sequence import Objective, Outcome, State, Window, unroll
from sensic.training.validation import HeldOut, clip_window, split
from sensic.video import Frame

QUALITIES = (4, 16, 28, 40, 52)
INTRA, INTER = 5, (-3, 1, -3, 4)  # quality offsets of the first frame of a group and of the others in turn
MUON, ADAMW = 4e-3, 1e-3  # learning rates from scratch
REFERENCE, ADAPTIVE = "reference", "adaptive"


@dataclass(frozen=True)
class Setup:
    """What a row does differently."""

    title: str
    initial: str = "klt"
    muon: float = MUON
    recurrent: bool = False
    embedding: bool = True
    loss: Kind = "mse"
    frames: int = 6


SETUPS = {
    REFERENCE: Setup("reference: KLT, Muon, squared error, sequences of 6"),
    "random": Setup("random weights, no KLT", initial="random"),
    "adamw": Setup("AdamW only, no Muon", muon=0.0),
    "gru": Setup(f"GRU state of {HIDDEN} channels", recurrent=True),
    "blind": Setup("prior without quality embedding", embedding=False),
    "ssim": Setup("SSIM for squared error", loss="ssim"),
    "frames-2": Setup("sequences of 2", frames=2),
    "frames-4": Setup("sequences of 4", frames=4),
    "frames-12": Setup("sequences of 12", frames=12),
}


@dataclass(frozen=True)
class Run:
    """What all rows share. Every step sees ``pictures`` crops of ``crop`` pixels, in sequences of a row's length."""

    steps: int
    pictures: int
    crop: int
    seed: int
    packs: tuple[str, ...]  # their hashes


@dataclass(frozen=True)
class Result:
    """Losses of the objective with squared error and with SSIM, and a curve for either: bits per pixel, PSNR in dB,
    SSIM in dB (-10 lg(1 - SSIM)), quality by quality. ``step_seconds`` is the median step of training."""

    loss: float
    ssim_loss: float
    rate: list[float]
    psnr: list[float]
    ssim: list[float]
    step_seconds: float


def code(
    vae: VideoVAE, window: Window, state: State | None, objective: Objective, *, train: bool = True
) -> tuple[Outcome, State]:
    if isinstance(vae, RecurrentVAE):
        vae.watch(window, fresh=state is None)
    return unroll(vae, window, state, objective, train=train)


def build(setup: Setup, seed: int, basis: tuple[Tensor, Tensor], size: NetworkSize | None) -> VideoVAE:
    torch.manual_seed(seed)
    vae = RecurrentVAE(size) if setup.recurrent else VideoVAE(size)
    if setup.initial == "klt":
        initialise(vae, *basis)
    if not setup.embedding:
        vae.prior.q_emb.requires_grad_(False)  # it starts at zero
    return vae


def train(
    vae: VideoVAE, setup: Setup, run: Run, prepared: Sequence[Prepared], clips: Any, tick: Callable[[], None]
) -> tuple[VideoVAE, float]:
    """The averaged networks, and the median seconds of a step."""
    device = next(vae.parameters()).device
    lanes = Lanes(
        prepared, lanes=run.pictures // setup.frames, crop=run.crop, frames=setup.frames, seed=run.seed,
        size=vae.size, clips=clips, intra_offset=INTRA, inter_offsets=INTER,
    )  # fmt: skip
    optimiser = Optimiser(vae, OptimiserSettings(muon=setup.muon, adamw=ADAMW))
    average = averaged(vae, 0.002)
    rate = LearningRate(Schedule(warmup=min(50, run.steps // 10), decay_from=0.3))
    objective = Objective(distortion(setup.loss))
    state: State | None = None
    seconds = []
    for step in range(run.steps):
        started = time.perf_counter()
        optimiser.zero_grad()
        outcome, state = code(vae, lanes.next().to(device), state, objective)
        outcome.loss.backward()  # type: ignore[no-untyped-call]
        if math.isfinite(float(outcome.loss.detach())) and math.isfinite(optimiser.clip()):
            optimiser.step(rate.factor(step, step / run.steps))
            average.update_parameters(vae)
        else:
            state = None  # the step is skipped, and nothing of it may live on
        seconds.append(time.perf_counter() - started)
        tick()
    return cast(VideoVAE, average.module.eval()), float(np.median(seconds))


def evaluate(vae: VideoVAE, held_out: HeldOut, step_seconds: float, tick: Callable[[], None]) -> Result:
    """Every held-out clip whole, at all qualities."""
    device = next(vae.parameters()).device
    squared, structural = distortion("mse"), distortion("ssim")
    rates, errors, ssims, qualities = [], [], [], torch.empty(0)
    for number, clip in held_out.clips:
        window = clip_window(held_out.prepared[number], int(clip), QUALITIES, INTRA, INTER)
        measured: list[Tensor] = []

        def both(decoded: Tensor, target: Tensor, measured: list[Tensor] = measured) -> Tensor:
            pictures = decoded.clamp(-0.5, 0.5)
            measured.append(structural(pictures, target))
            return squared(pictures, target)

        outcome, _ = code(vae, window.to(device), None, Objective(both), train=False)
        rates.append(outcome.rate.cpu())
        errors.append(outcome.distortion.cpu())
        ssims.append(torch.stack(measured, 1).cpu())
        qualities = window.quality
        tick()
    return result_of(torch.stack(rates), torch.stack(errors), torch.stack(ssims), qualities, step_seconds)


def result_of(rate: Tensor, error: Tensor, ssim: Tensor, quality: Tensor, step_seconds: float) -> Result:
    """From bits per pixel and both distortions [clips, qualities, frames], and the quality of every frame."""
    weight, share = (v.reshape(quality.shape) for v in Objective(distortion()).weights(quality.flatten()))
    losses = [float(((rate + weight * d) * share).double().mean()) for d in (error, ssim)]
    return Result(
        losses[0],
        losses[1],
        rate.double().mean((0, 2)).tolist(),
        (10 * torch.log10(255**2 / error.double().clamp(min=1e-3))).mean((0, 2)).tolist(),
        (-10 * torch.log10((ssim.double() / SSIM_UNIT).clamp(min=1e-6))).mean((0, 2)).tolist(),
        step_seconds,
    )


def coded_bytes(vae: VideoVAE, held_out: HeldOut, tick: Callable[[], None]) -> tuple[list[int], list[int]]:
    """Payload of all held-out clips at each quality, without and with adaptive statistics."""
    with tempfile.TemporaryDirectory() as scratch:
        offsets: dict[str, int | list[int]] = {"intra": INTRA, "inter": list(INTER)}
        export_model(vae, Path(scratch), name="ablation", facts={}, quality_offsets=offsets)
        model = Model.load(scratch)
        backend = OnnxBackend(model, threads=torch.get_num_threads())
        totals = []
        for adaptive in (False, True):
            totals.append([0] * len(QUALITIES))
            for index, quality in enumerate(QUALITIES):
                for number, clip in held_out.clips:
                    frames = frames_of(held_out.prepared[number], int(clip))
                    settings = EncoderSettings(quality=quality, gop=len(frames))
                    size = frames[0].width, frames[0].height
                    encoder = Encoder(model, backend, *size, settings, adaptive=adaptive)
                    totals[-1][index] += sum(len(block.payload) for block in encoder.blocks(frames))
                tick()
    return totals[0], totals[1]


def frames_of(source: Prepared, clip: int) -> list[Frame]:
    planes = zip(source.y[clip], source.uv[clip], strict=True)
    return [Frame(y, uv[0], uv[1], source.depth, t, Fraction(1, 25)) for t, (y, uv) in enumerate(planes)]


def bd_rate(anchor: Result, test: Result, metric: str) -> float | str:
    """Percent over either metric; "none" where the curves have too little in common, or are none (a run too short)."""
    curves = (list(zip(r.rate, getattr(r, metric), strict=True)) for r in (anchor, test))
    try:
        return bd.delta_rate(*curves).percent
    except ValueError:
        return "none"


def markdown(run: Run, results: dict[str, Result], adaptive: tuple[list[int], list[int]] | None) -> str:
    lines = [
        f"{run.steps} steps of {run.pictures} pictures of {run.crop} × {run.crop}, seed {run.seed}. BD-rates are "
        "against the reference: more than 0 is worse.",
        "",
        "| run | loss | loss with SSIM | BD-rate over PSNR | BD-rate over SSIM | bits/pixel, PSNR at 28 | s/step |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    reference = results.get(REFERENCE)
    for name, r in results.items():
        deltas = [bd_rate(reference, r, m) if reference and name != REFERENCE else "" for m in ("psnr", "ssim")]
        cells = [d if isinstance(d, str) else f"{d:+.1f}%" for d in deltas]
        middle = f"{r.rate[2]:.4f}, {r.psnr[2]:.2f} dB"
        title = SETUPS[name].title
        losses = f"{r.loss:.4f} | {r.ssim_loss:.4f}"
        lines.append(f"| {title} | {losses} | {cells[0]} | {cells[1]} | {middle} | {r.step_seconds:.2f} |")
    if adaptive:
        lines.append(f"| no adaptive statistics | | | {cost(adaptive):+.1f}% (bytes of the same pictures) | | | |")
    return "\n".join(lines) + "\n"


def cost(adaptive: tuple[list[int], list[int]]) -> float:
    """Percent more bytes without adaptive statistics, mean over the qualities."""
    return 100 * float(np.mean([without / using - 1 for without, using in zip(*adaptive, strict=True)]))


def draw(results: dict[str, Result], path: Path) -> None:
    """Both losses of every run, in percent above those of the reference."""
    figure = Figure(figsize=(8, 0.5 * len(results) + 1.4), layout="constrained")
    panel = figure.subplots()
    first = results.get(REFERENCE) or next(iter(results.values()))
    places = np.arange(len(results))
    for shift, key, label, colour in (
        (-0.2, "loss", "with squared error", "#c2255c"),
        (0.2, "ssim_loss", "with SSIM", "#1971c2"),
    ):
        values = [100 * (getattr(r, key) / getattr(first, key) - 1) for r in results.values()]
        panel.barh(places + shift, values, 0.36, label=label, color=colour)
    panel.set_yticks(places, [SETUPS[name].title for name in results])
    panel.invert_yaxis()
    panel.set_xlabel("validation loss, % above the reference")
    panel.grid(axis="x", alpha=0.3)
    panel.legend()
    figure.savefig(path, dpi=110)


class Bench:
    """One folder of results. ``size`` is for tests."""

    def __init__(
        self,
        out: Path,
        run: Run,
        prepared: Sequence[Prepared],
        clips: int,
        device: str,
        size: NetworkSize | None = None,
    ) -> None:
        self.out, self.run, self.prepared, self.device, self.size = out, run, prepared, device, size
        self.rows = out / "rows"
        self.rows.mkdir(parents=True, exist_ok=True)
        self.clips, held = split(prepared, min(0.5, clips / max(1, sum(len(p.y) for p in prepared))))
        self.held_out = HeldOut(prepared, held[:clips])
        self.basis: tuple[Tensor, Tensor] | None = None

    def work(self, names: Sequence[str]) -> int:
        """Ticks that the rows will take."""
        count = len(self.held_out.clips)
        return sum(len(QUALITIES) * 2 if n == ADAPTIVE else self.run.steps + count for n in names)

    def row(self, name: str, tick: Callable[[], None]) -> None:
        if name == ADAPTIVE:
            if self.result(name) is None:
                without, using = coded_bytes(self.weights(REFERENCE), self.held_out, tick)
                self.keep(name, {"without": without, "with": using})
            return
        if self.result(name) is not None:
            return
        self.basis = self.basis or klt_basis(self.prepared, seed=self.run.seed)
        setup = SETUPS[name]
        vae = build(setup, self.run.seed, self.basis, self.size)
        vae = vae.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        vae, seconds = train(vae, setup, self.run, self.prepared, self.clips, tick)
        write_tensors(self.rows / f"{name}.safetensors", vae.state_dict())
        self.keep(name, asdict(evaluate(vae, self.held_out, seconds, tick)))

    def settings(self, name: str) -> dict[str, Any]:
        setup = asdict(SETUPS[REFERENCE if name == ADAPTIVE else name])
        return json.loads(json.dumps({**asdict(self.run), **setup, "held_out": self.held_out.clips.tolist()}))  # type: ignore[no-any-return]

    def keep(self, name: str, result: dict[str, Any]) -> None:
        text = json.dumps({"settings": self.settings(name), "result": result}, indent=1) + "\n"
        write_bytes(self.rows / f"{name}.json", text.encode())

    def result(self, name: str) -> dict[str, Any] | None:
        """What was measured before, with these very settings."""
        try:
            found = json.loads((self.rows / f"{name}.json").read_text())
        except (OSError, ValueError):
            return None
        return found["result"] if found["settings"] == self.settings(name) else None

    def weights(self, name: str) -> VideoVAE:
        vae = VideoVAE(self.size)
        vae.load_state_dict(load_file(self.rows / f"{name}.safetensors"))
        return vae

    def report(self) -> str:
        """Write what there is so far; returns the table."""
        found = {name: self.result(name) for name in (*SETUPS, ADAPTIVE)}
        results = {name: Result(**r) for name, r in found.items() if r and name != ADAPTIVE}
        adaptive = found[ADAPTIVE]
        both = (adaptive["without"], adaptive["with"]) if adaptive else None
        text = markdown(self.run, results, both)
        record = {"run": asdict(self.run), "qualities": QUALITIES, "rows": found}
        write_bytes(self.out / "ablations.json", (json.dumps(record, indent=1) + "\n").encode())
        write_bytes(self.out / "ablations.md", text.encode())
        if results:
            draw(results, self.out / "ablations.png")
        return text


def main(
    packs: Annotated[list[Path], typer.Argument(help="Packs, or folders of packs.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for the results, and for the prepared packs.")] = Path(
        "benchmarks/out"
    ),
    steps: Annotated[int, typer.Option(help="Of each run.", min=1)] = 1000,
    pictures: Annotated[int, typer.Option(help="Crops in a step: a multiple of 12.", min=12)] = 24,
    crop: Annotated[int, typer.Option(help="Pixels: a multiple of 16.", min=32)] = 128,
    clips: Annotated[int, typer.Option(help="Held out to measure on.", min=1)] = 6,
    rows: Annotated[list[str] | None, typer.Option("--row", help="Only these rows.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Where prepared packs are kept; by default in OUT/cache.")] = None,
    device: Annotated[str, typer.Option(help="As PyTorch names it.")] = "cpu",
    threads: Annotated[int, typer.Option(help="0: as many as PyTorch likes.", min=0)] = 0,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    known = [*SETUPS, ADAPTIVE]
    names = [name for name in known if not rows or name in rows]
    if pictures % 12 or crop % 16 or set(rows or ()) - set(known):
        raise typer.BadParameter(f"pictures go by 12, crops by 16, and the rows are {', '.join(known)}")
    if ADAPTIVE in names and REFERENCE not in names:
        names.insert(0, REFERENCE)
    if threads:
        torch.set_num_threads(threads)
    with progress_bar() as bar:
        task = bar.add_task("preparing")

        def prepared_so_far(p: Progress) -> None:
            bar.update(task, completed=p.frames, total=p.total)

        prepared = prepare(packs, cache or out / "cache", prepared_so_far)
        run = Run(steps, pictures, crop, seed, tuple(p.sha256 for p in prepared))
        bench = Bench(out, run, prepared, clips, device)
        names = [name for name in names if bench.result(name) is None]
        bar.update(task, completed=0, total=bench.work(names))
        for name in names:
            bar.update(task, description=name)
            bench.row(name, lambda: bar.advance(task))
            bench.report()
    typer.echo(bench.report())


if __name__ == "__main__":
    typer.run(main)
