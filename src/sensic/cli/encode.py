"""``sensic encode``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from sensic.cli import arguments, console
from sensic.cli.progress import display
from sensic.errors import UsageError

_SENSING = "Of the profile sensing"


def encode(
    source: Annotated[str, typer.Argument(metavar="IN", help="Any video that FFmpeg reads; - is stdin (y4m).")],
    destination: Annotated[str, typer.Argument(metavar="OUT", help="The stream, a .mkv; - is stdout.")],
    quality: Annotated[int, typer.Option("--quality", "-q", help="0 (smallest) to 63 (best).")] = 32,
    gop: Annotated[int, typer.Option("--gop", "-g", metavar="N", help="Frames in a group of pictures.")] = 32,
    preset: Annotated[
        str, typer.Option("--preset", "-p", help="realtime, fast, medium, slow, best, or 0 to 9.")
    ] = "medium",
    low_latency: Annotated[bool, typer.Option("--low-latency", help="Write every frame at once.")] = False,
    model: arguments.Model = None,
    threads: arguments.Threads = None,
    profile: Annotated[str, typer.Option("--profile", help="neural, or sensing: measurements made of additions.")] = (
        "neural"
    ),
    frames: Annotated[
        int | None, typer.Option("--frames", help="Frames measured together: 1, 2 or 4.", rich_help_panel=_SENSING)
    ] = None,
    operator: Annotated[
        str | None, typer.Option("--operator", help="What measures: wht or scrambled.", rich_help_panel=_SENSING)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of scrambled: its permutation and signs.", rich_help_panel=_SENSING)
    ] = None,
    measurements: Annotated[
        int | None,
        typer.Option("--measurements", help="Of scrambled: 1 to 256 for each 16×16 block.", rich_help_panel=_SENSING),
    ] = None,
    mcu: Annotated[
        bool, typer.Option("--mcu", help="Golomb–Rice codes: no multiplication at all.", rich_help_panel=_SENSING)
    ] = False,
    protect: Annotated[
        bool, typer.Option("--protect", help="Send the coarsest packet twice.", rich_help_panel=_SENSING)
    ] = False,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Encode a video. Sound, subtitles, chapters and tags are kept."""
    import sensic

    arguments.check_stdout(destination, as_json=as_json)
    chosen = {
        "frames": frames,
        "operator": operator,
        "seed": seed,
        "measurements": measurements,
        "mcu": mcu or None,
        "protect": protect or None,
    }
    settings = {name: value for name, value in chosen.items() if value is not None}
    with display(quiet=quiet, as_json=as_json) as show:
        report = sensic.encode(
            source,
            destination,
            quality=quality,
            gop=gop,
            preset=preset,
            low_latency=low_latency,
            model=model,
            threads=threads,
            **_profile(profile, settings, low_latency=low_latency),
            progress=show,
        )
    if as_json:
        console.record("encoded", **asdict(report))
    elif not quiet:
        console.notes(report.notes)
        pixels = max(1, report.frames * report.width * report.height)
        console.status(
            f"{report.frames} frames of {report.width}x{report.height} in {console.clock(report.seconds)} "
            f"({report.frames / max(report.seconds, 1e-9):.1f}/s): {console.amount(report.file_bytes)}, "
            f"{8 * report.payload_bytes / pixels:.4f} bits per pixel"
        )


def _profile(profile: str, settings: dict[str, Any], *, low_latency: bool) -> dict[str, Any]:
    """The arguments of ``sensic.encode`` that go with the profile."""
    if profile == "neural" and not settings:
        return {}
    if profile == "neural":
        raise UsageError(f"--{next(iter(settings))} goes with --profile sensing")
    if profile != "sensing":
        raise UsageError(f"--profile is neural or sensing, not {profile!r}")
    from sensic.sensing import SensingSettings

    return {"profile": profile, "sensing": SensingSettings(**{"frames": 1 if low_latency else 4, **settings})}
