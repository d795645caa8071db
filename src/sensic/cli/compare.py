"""``sensic compare``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from sensic.cli import arguments, completion, console
from sensic.cli.progress import display


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A video, or a Sensic stream.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another; scaled to the size of A.")],
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="OUT", help="The video, or with --frame a .png or .jpg.", show_default=False
        ),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            "--mode",
            help="side, stack, wipe or difference.",
            autocompletion=completion.words("side", "stack", "wipe", "difference"),
        ),
    ] = "side",
    amplify: Annotated[float, typer.Option("--amplify", metavar="X", help="Of a difference: times what.")] = 8,
    frame: Annotated[
        int | None, typer.Option("--frame", metavar="N", help="A still of this picture, counted from 0.")
    ] = None,
    model: arguments.Model = None,
    threads: arguments.Threads = None,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Two videos beside each other, or their difference, with PSNR and SSIM burnt in; without --out only figures."""
    from sensic.evaluation import compare_videos

    with display(quiet=quiet, as_json=as_json) as show:
        report = compare_videos(
            first, second, out, mode=mode, amplify=amplify, frame=frame, model=model, threads=threads, progress=show
        )
    if as_json:
        console.record("compared", **asdict(report), worst=report.worst)
        return
    if not quiet:
        console.notes(report.notes)
    ssim = "" if report.ssim is None else f", SSIM {report.ssim:.4f}"
    worst = f" (worst: frame {report.worst}, {min(report.frame_psnr):.2f} dB)" if report.frames > 1 else ""
    print(f"{report.frames} frames of {report.width}x{report.height}: PSNR {report.psnr:.2f} dB{worst}{ssim}, of luma")
