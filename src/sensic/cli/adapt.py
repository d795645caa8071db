"""``sensic adapt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sensic.cli import arguments, completion, console, plans
from sensic.cli.progress import display
from sensic.cli.train import TrainView
from sensic.errors import UsageError

TARGET_NOT_MET = 4


def adapt(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A model's name or directory; default is one.", autocompletion=completion.models
        ),
    ],
    footage: Annotated[list[Path], typer.Argument(metavar="VIDEOS...", help="Videos, and folders of them.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for all of it; the model is in it.")],
    minutes: Annotated[float, typer.Option(metavar="N", help="How long to train.")] = 10.0,
    hold_out: Annotated[
        float, typer.Option("--hold-out", metavar="SHARE", help="Of the footage, its end: never learned from.")
    ] = 0.2,
    qualities: Annotated[
        str | None, typer.Option(metavar="Q,Q,...", help="To compare at: five or more.  [default: 0,16,32,47,63]")
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda or cuda:N.", autocompletion=completion.devices)
    ] = "auto",
    name: Annotated[str | None, typer.Option(help="The new model's name; DIR's by default.")] = None,
    threads: arguments.Threads = None,
    dry_run: arguments.DryRun = False,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Specialise a model to your own footage, and show what it saves on the part that it has not seen.

    The same command goes on where it was stopped. Exit code 4 where the model is no better: keep the old one.
    """
    from sensic.training import adapt as run
    from sensic.training import plan_adaptation

    asked: dict[str, Any] = {"minutes": minutes, "hold_out": hold_out, "device": device}
    if qualities is not None:
        asked["qualities"] = _numbers(qualities)
    if dry_run:
        plans.show_adapt(plan_adaptation(model, footage, out, **asked), as_json=as_json, quiet=quiet)
        return
    with display(quiet=quiet, as_json=as_json, view=AdaptView()) as show:
        report = run(model, footage, out, threads=threads, name=name, progress=show, **asked)
    if as_json:
        console.record("adapted", model=str(report.model), steps=report.steps, **report.comparison.to_dict())
    else:
        if not quiet:
            console.notes(report.notes)
            console.status(f"{report.steps} steps in {console.clock(report.training_seconds)}\n\n{report.text}")
            _tell(report)
        print(report.model)
    if not report.better:
        raise typer.Exit(TARGET_NOT_MET)


class AdaptView(TrainView):
    """The stage, and how far it is."""

    def text(self, progress: Any) -> str:
        part = progress.part
        if progress.stage == "judging":
            return f"judging  {part.frames}/{part.total} files"
        if progress.stage == "counting":
            return f"counting symbols  {part.frames}%"
        text = super().text(part)
        return text if progress.stage == "training" else f"{progress.stage}  {text.removeprefix('preparing  ')}"

    def fields(self, progress: Any) -> dict[str, Any]:
        return {**super().fields(progress.part), "stage": progress.stage}

    def position(self, progress: Any) -> tuple[float, float | None]:
        return super().position(progress.part)


def _tell(report: Any) -> None:
    if report.better:
        console.status(f"the specialised model is better; use it with --model {report.model}")
    else:
        console.status(
            f"the specialised model is not better, so nothing changes: keep {report.model}\n"
            "more minutes or more footage may help, in another folder"
        )
    console.status(f"details: {report.out / 'report.md'}")


def _numbers(text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--qualities takes numbers with commas between, like 0,16,32,47,63, not {text!r}") from error
