"""``sensic decode``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensic.cli import arguments, completion, console, plans
from sensic.cli.progress import display
from sensic.errors import StreamError, UsageError

if TYPE_CHECKING:
    from sensic import Concealed

_SENSING = "For streams of the profile sensing"


def decode(
    source: Annotated[str, typer.Argument(metavar="IN", help="A Sensic stream; - is stdin.")],
    destination: Annotated[str, typer.Argument(metavar="OUT", help="The video, lossless; - is stdout (y4m).")],
    codec: Annotated[
        str | None,
        typer.Option(
            "--codec", "-c", metavar="NAME", help="FFmpeg's name of a video codec.", autocompletion=completion.codecs
        ),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", metavar="K=V", help="An option of the codec; repeatable.")
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help="FFmpeg's name of the container.",
            autocompletion=completion.containers,
        ),
    ] = None,
    model: arguments.Model = None,
    threads: arguments.Threads = None,
    workers: arguments.Groups = 1,
    precision: arguments.Precision = "float",
    backend: arguments.Backend = "onnxruntime",
    decoder: Annotated[
        str | None,
        typer.Option(
            "--decoder",
            help="linear, tv or learned.  [default: linear, learned with --model]",
            autocompletion=completion.words("linear", "tv", "learned"),
            rich_help_panel=_SENSING,
        ),
    ] = None,
    layers: Annotated[
        int | None, typer.Option("--layers", help="Look only at so many packets of a group.", rich_help_panel=_SENSING)
    ] = None,
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Show how sure the learned decoder is.", rich_help_panel=_SENSING),
    ] = False,
    on_error: arguments.OnError = "fail",
    limit: arguments.Limit = None,
    dry_run: arguments.DryRun = False,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Decode a stream into any container and codec that FFmpeg writes."""
    import sensic

    arguments.check_stdout(destination, as_json=as_json)
    pairs = dict(_pair(entry) for entry in option or ())
    asked: dict[str, Any] = {"decoder": decoder, "layers": layers, "uncertainty": uncertainty}
    options = {
        "codec": codec,
        "options": pairs or None,
        "format": format,
        "model": model,
        "threads": threads,
        "workers": workers,
        "precision": precision,
        "backend": backend,
        "on_error": on_error,
        **arguments.limits(limit),
        **{name: value for name, value in asked.items() if value},
    }
    if dry_run:
        plans.show_decode(sensic.plan_decode(source, destination, **options), as_json=as_json, quiet=quiet)
        return
    with display(quiet=quiet, as_json=as_json) as show:
        report = sensic.decode(source, destination, **options, progress=show)
    if as_json:
        for interval in report.concealed:
            console.record("concealed", **asdict(interval))
        console.record("decoded", **asdict(report))
    elif not quiet:
        console.notes(report.notes)
        speed = report.frames / max(report.seconds, 1e-9)
        console.status(f"{report.frames} frames in {console.clock(report.seconds)} ({speed:.1f}/s)")
    if not as_json:
        console.notes(told(report.concealed))  # also if quiet
    if report.concealed:
        raise typer.Exit(StreamError.exit_code)


def told(intervals: Iterable[Concealed]) -> list[str]:
    """What was concealed, in words."""
    return [
        f"concealed: {one.frames} frame{'s' * (one.frames != 1)} from {one.start:.2f} s "
        f"to {'the end' if one.end is None else f'{one.end:.2f} s'}: {one.reason}"
        for one in intervals
    ]


def _pair(entry: str) -> tuple[str, str]:
    name, sign, value = entry.partition("=")
    if not sign or not name:
        raise UsageError(f"--option takes NAME=VALUE, not {entry!r}")
    return name, value
