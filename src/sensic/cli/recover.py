"""``sensic recover``."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Annotated, Any

import typer

from sensic.cli import arguments, console
from sensic.cli.progress import View, display
from sensic.errors import UsageError

_NAMES = {"tv": "total variation", "learned": "the learned decoder"}


def recover(
    measurement: Annotated[str, typer.Argument(metavar="MEASUREMENT", help="A MATLAB file with meas (and orig).")],
    out: Annotated[str, typer.Option("--out", "-o", metavar="OUT", help="The video, lossless; - is stdout (y4m).")],
    mask: Annotated[
        str | None, typer.Argument(metavar="MASK", help="A MATLAB file with mask; MEASUREMENT by default.")
    ] = None,
    decoder: Annotated[str | None, typer.Option(metavar="NAME", help="learned, or tv (total variation).")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Of the learned decoder; the one that ships by default.")
    ] = None,
    uncertainty: Annotated[
        bool, typer.Option("--uncertainty", help="Not pictures, but what deviation the learned decoder expects.")
    ] = False,
    iterations: Annotated[
        int | None, typer.Option(metavar="N", help="Of tv: turns of denoising and projecting.  [default: 60]")
    ] = None,
    weight: Annotated[float | None, typer.Option(metavar="X", help="Of tv: more is smoother.  [default: 0.1]")] = None,
    peak: Annotated[float, typer.Option(metavar="X", help="White, in the file's scale.")] = 255,
    rate: Annotated[str, typer.Option(metavar="N[/N]", help="Frames per second of the video.")] = "25",
    threads: arguments.Threads = None,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Recover a video from snapshots (snapshot compressive imaging), by a learned decoder or by total variation."""
    from sensic.sensing import recover as run

    arguments.check_stdout(out, as_json=as_json)
    with display(quiet=quiet, as_json=as_json, view=RecoverView()) as show:
        report = run(
            measurement,
            out,
            mask=mask,
            decoder=decoder,
            model=model,
            uncertainty=uncertainty,
            iterations=iterations,
            weight=weight,
            peak=peak,
            rate=_rate(rate),
            threads=threads or 0,
            progress=show,
        )
    if as_json:
        console.record("recovered", **dataclasses.asdict(report), mean_psnr=report.mean_psnr)
    elif not quiet:
        console.notes(report.notes)
        source = f"{report.snapshots} snapshot{'s' if report.snapshots > 1 else ''}"
        made = f"{report.frames} frames of {report.width}x{report.height} from {source}"
        console.status(f"{made} by {_NAMES[report.decoder]} in {console.clock(report.seconds)}")
        if report.mean_psnr is not None:
            console.status(f"PSNR {report.mean_psnr:.2f} dB, mean over all {len(report.psnr)} frames as written")


class RecoverView(View):
    """Turns of the iteration, over all snapshots."""

    def text(self, progress: Any) -> str:
        where = f"snapshot {progress.snapshot}/{progress.snapshots}"
        if progress.turns < 2:  # the first turn loads libraries
            return where
        left = progress.seconds * (progress.total - progress.turns) / progress.turns
        return f"{where}  {console.clock(left)} left"

    def fields(self, progress: Any) -> dict[str, Any]:
        return dataclasses.asdict(progress)

    def position(self, progress: Any) -> tuple[float, float | None]:
        return progress.turns, progress.total


def _rate(text: str) -> Fraction:
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise UsageError(f"--rate takes a number or a ratio, like 25 or 30000/1001, not {text!r}") from error
