"""``sensic verify``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from sensic.cli import arguments, console
from sensic.cli.progress import display
from sensic.errors import UsageError


def verify(
    source: Annotated[str, typer.Argument(metavar="IN", help="A Sensic stream; - is stdin.")],
    reference: Annotated[
        str | None, typer.Option("--reference", "-r", metavar="SRC", help="The video it was made from, to compare.")
    ] = None,
    trim: arguments.Trim = None,
    deinterlace: arguments.Deinterlace = None,
    crop: arguments.Crop = None,
    scale: arguments.Scale = None,
    fps: arguments.Fps = None,
    fps_mode: arguments.FpsMode = None,
    depth: arguments.Depth = None,
    limit: arguments.Limit = None,
    model: arguments.Model = None,
    threads: arguments.Threads = None,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Check every checksum and decode every frame; exit code 3 where something is wrong.

    Give the filters that SRC was encoded with, so that what is compared is what was coded.
    """
    import sensic

    filters = arguments.filters(trim, deinterlace, crop, scale, fps, fps_mode, depth)
    if filters and reference is None:
        raise UsageError("filters are those that the reference was encoded with: give --reference too")
    with display(quiet=quiet, as_json=as_json) as show:
        report = sensic.verify(
            source,
            reference=reference,
            model=model,
            threads=threads,
            progress=show,
            **filters,
            **arguments.limits(limit),
        )
    if as_json:
        console.record("verified", **asdict(report))
        return
    print(f"good: {report.frames} frames decoded, sha256 {report.sha256}")
    if report.psnr is not None:
        print("PSNR: " + ", ".join(f"{name} {value:.2f} dB" for name, value in zip("YUV", report.psnr, strict=True)))
