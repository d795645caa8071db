"""``sensic encode``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from sensic.cli import arguments, console
from sensic.cli.progress import display


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
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Encode a video. Sound, subtitles, chapters and tags are kept."""
    import sensic

    arguments.check_stdout(destination, as_json=as_json)
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
