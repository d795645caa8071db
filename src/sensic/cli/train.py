"""``sensic train``."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from sensic.cli import arguments, completion, console, plans
from sensic.cli.progress import View, display


def train(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe (TOML).")],
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Begin with a model (name or directory), run or weights.",
            autocompletion=completion.models,
        ),
    ] = None,
    packs: Annotated[
        list[Path] | None,
        typer.Option("--packs", metavar="PATH", help="Packs or folders of them, instead of the recipe's; repeatable."),
    ] = None,
    minutes: Annotated[float | None, typer.Option(metavar="N", help="Length of the run, by the clock.")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help="Length of the run, in steps.")] = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:N.", autocompletion=completion.devices)
    ] = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="The run's folder.  [default: runs/NAME-OF-THE-RECIPE]"),
    ] = None,
    threads: arguments.Threads = None,
    dry_run: arguments.DryRun = False,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Train a model. The same command goes on where a run was stopped; torchrun makes it one of several processes."""
    from sensic.training import plan_training, read_recipe
    from sensic.training import train as run

    if os.environ.get("RANK", "0") != "0":  # of the processes that torchrun started, the first one speaks
        quiet, as_json = True, False
    chosen = read_recipe(recipe)
    if threads is not None:
        chosen = chosen.of({**chosen.to_dict(), "threads": threads})
    if packs:
        data = dataclasses.replace(chosen.data, packs=tuple(str(path.resolve()) for path in packs))
        chosen = dataclasses.replace(chosen, data=data)
    folder = out or Path("runs") / recipe.stem
    asked: dict[str, Any] = {"out": folder, "start": start, "minutes": minutes, "steps": steps, "device": device}
    if dry_run:
        plans.show_train(plan_training(chosen, **asked), as_json=as_json, quiet=quiet)
        return
    try:
        with display(quiet=quiet, as_json=as_json, view=TrainView()) as show:
            report = run(chosen, **asked, progress=show)
    except (KeyboardInterrupt, SystemExit):
        if not quiet and (folder / "recipe.toml").exists():
            console.status(f"stopped with a checkpoint in {folder}: the same command goes on from there")
        raise
    if as_json:
        console.record("trained", **_plain(dataclasses.asdict(report)))
    elif not quiet:
        _tell(report)


class TrainView(View):
    """Shares of a run; frames while footage is prepared."""

    def text(self, progress: Any) -> str:
        if not hasattr(progress, "task"):
            return f"preparing  {super().text(progress)}"
        parts = [progress.task, f"{100 * progress.share:.1f}%"]
        if progress.task == "training":
            parts[0] = f"step {progress.step:,}"
            parts.append(f"loss {progress.loss:.4f}")
            parts.append(f"{progress.crops_per_second:.1f} crops/s")
            if progress.remaining is not None:
                parts.append(f"{console.clock(progress.remaining)} left")
        return "  ".join(parts)

    def fields(self, progress: Any) -> dict[str, Any]:
        if not hasattr(progress, "task"):
            return {"task": "preparing", **super().fields(progress)}
        return dataclasses.asdict(progress)

    def position(self, progress: Any) -> tuple[float, float | None]:
        return (progress.share, 1.0) if hasattr(progress, "task") else super().position(progress)


def _tell(report: Any) -> None:
    speed = f" ({report.crops_per_second:.1f} crops of 256x256 a second)" if report.crops_per_second else ""
    console.status(f"{report.steps:,} steps in {console.clock(report.seconds)}{speed}")
    if getattr(report, "stopped_early", False):
        console.status("stopped early: the last validations were no better")
    gain, psnr = getattr(report.best, "gain", None), getattr(report.best, "psnr", None)
    if gain is not None:  # of the sensing profile's decoder
        console.status(f"best at step {report.best_step:,}: {gain:+.2f} dB against linear decoding")
    elif psnr is not None:  # of the decoder of snapshots
        console.status(f"best at step {report.best_step:,}: {psnr:.2f} dB on held-out clips")
    elif report.best is not None:
        saved = report.best.delta_rate
        change = "" if saved is None else f", {saved:+.1f}% bits for the same PSNR against the start"
        console.status(f"best at step {report.best_step:,}: loss {report.best.loss:.4f}{change}")
        if report.best_step == 0 and report.steps:
            console.status("training made nothing better: the model is the one that it started with")
    print(report.model or report.weights)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) if isinstance(value, Path) else value for key, value in values.items()}
