"""``sensic encode``."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensic.cli import arguments, completion, console, plans
from sensic.cli.progress import display
from sensic.cli.targets import search
from sensic.errors import UsageError

if TYPE_CHECKING:
    from sensic.evaluation import Target

_WORK = "Work (long videos)"
_SENSING, _TARGET = "Of the profile sensing", "Target (searched for with excerpts)"
DEFAULT_QUALITY = 32


def encode(
    source: Annotated[str, typer.Argument(metavar="IN", help="Any video that FFmpeg reads; - is stdin (y4m).")],
    destination: Annotated[str, typer.Argument(metavar="OUT", help="The stream, a .mkv; - is stdout.")],
    quality: Annotated[
        int | None, typer.Option("--quality", "-q", help="0 (smallest) to 63 (best).  [default: 32]")
    ] = None,
    gop: Annotated[int, typer.Option("--gop", "-g", metavar="N", help="Frames in a group of pictures.")] = 32,
    preset: Annotated[
        str,
        typer.Option(
            "--preset", "-p", help="realtime, fast, medium, slow, best, or 0 to 9.", autocompletion=completion.presets
        ),
    ] = "medium",
    low_latency: Annotated[bool, typer.Option("--low-latency", help="Write every frame at once.")] = False,
    model: arguments.Model = None,
    threads: arguments.Threads = None,
    backend: arguments.Backend = "onnxruntime",
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            help="neural, or sensing: measurements made of additions.",
            autocompletion=completion.words("neural", "sensing"),
        ),
    ] = ("neural"),
    target_vmaf: Annotated[
        float | None, typer.Option(metavar="X", help="Lowest quality with this VMAF (mean).", rich_help_panel=_TARGET)
    ] = None,
    target_psnr: Annotated[
        float | None, typer.Option(metavar="DB", help="… with this PSNR of luma.", rich_help_panel=_TARGET)
    ] = None,
    target_xpsnr: Annotated[
        float | None, typer.Option(metavar="DB", help="… with this XPSNR of luma.", rich_help_panel=_TARGET)
    ] = None,
    bitrate: arguments.Bitrate = None,
    max_size: arguments.MaxSize = None,
    passes: arguments.Passes = 1,
    vbv_maxrate: arguments.VbvMaxrate = None,
    vbv_bufsize: arguments.VbvBufsize = None,
    workers: Annotated[
        int, typer.Option("--workers", "-w", metavar="N", help="Processes to share the work.", rich_help_panel=_WORK)
    ] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an encode that was broken off.", rich_help_panel=_WORK)
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="Ray: auto or ray://HOST:PORT.", rich_help_panel=_WORK),
    ] = None,
    trim: arguments.Trim = None,
    deinterlace: arguments.Deinterlace = None,
    crop: arguments.Crop = None,
    scale: arguments.Scale = None,
    fps: arguments.Fps = None,
    fps_mode: arguments.FpsMode = None,
    depth: arguments.Depth = None,
    frames: Annotated[
        int | None, typer.Option("--frames", help="Frames measured together: 1, 2 or 4.", rich_help_panel=_SENSING)
    ] = None,
    operator: Annotated[
        str | None,
        typer.Option(
            "--operator",
            help="What measures: wht, scrambled or learned_ternary.",
            autocompletion=completion.words("wht", "scrambled", "learned_ternary"),
            rich_help_panel=_SENSING,
        ),
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
    dry_run: arguments.DryRun = False,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Encode a video. Sound, subtitles, chapters and tags are kept."""
    # Helpers of NumPy's BLAS spin while they wait: twice the CPU time, for small products. Read when NumPy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
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
    _check_one({"--quality": quality, "--bitrate": bitrate, "--max-size": max_size})
    target = _target({"vmaf": target_vmaf, "psnr": target_psnr, "xpsnr": target_xpsnr}, source, quality, profile)
    if target and (bitrate or max_size):
        raise UsageError(f"a target of {target.metric} and a rate contradict each other: give one")
    options: dict[str, Any] = {
        "quality": DEFAULT_QUALITY if quality is None else quality,
        "gop": gop,
        "preset": preset,
        "low_latency": low_latency,
        "model": model,
        "threads": threads,
        "backend": backend,
        **_profile(profile, settings, low_latency=low_latency),
        **arguments.rate(bitrate, max_size, passes, vbv_maxrate, vbv_bufsize),
        **_work(workers, resume=resume, cluster=cluster),
        **arguments.filters(trim, deinterlace, crop, scale, fps, fps_mode, depth),
    }
    if dry_run or target:
        plan = sensic.plan_encode(source, destination, **options)
        if dry_run:
            plans.show_encode(plan, search=str(target) if target else None, as_json=as_json, quiet=quiet)
            return
    if target:
        options["quality"] = search(source, target, options, as_json=as_json, quiet=quiet)
    try:
        with display(quiet=quiet, as_json=as_json) as show:
            report = sensic.encode(source, destination, **options, progress=show)
    except (KeyboardInterrupt, SystemExit):
        parts = Path(f"{os.path.realpath(destination)}.parts")
        if not quiet and parts.is_dir():
            console.status(f"the parts that are finished stay in {parts}: with --resume the same command goes on")
        raise
    if as_json:
        console.record("encoded", **asdict(report), bits_per_pixel=report.bits_per_pixel)
    elif not quiet:
        console.notes(report.notes)
        pixels = max(1, report.frames * report.width * report.height)
        console.status(
            f"{report.frames} frames of {report.width}x{report.height} in {console.clock(report.seconds)} "
            f"({report.frames / max(report.seconds, 1e-9):.1f}/s): {console.amount(report.file_bytes)}, "
            f"{8 * report.payload_bytes / pixels:.4f} bits per pixel"
            + (f", {report.bitrate / 1000:,.1f} kbit/s" if report.bitrate else "")
        )


def _target(wanted: dict[str, float | None], source: str, quality: int | None, profile: str) -> Target | None:
    """What to search for, if anything. Raises UsageError where that contradicts another option."""
    given = [f"--target-{metric}" for metric, value in wanted.items() if value is not None]
    if not given:
        return None
    if quality is not None:
        given.append("--quality")
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} contradict each other: give one")
    if profile != "neural":
        raise UsageError(f"{given[0]} goes with --profile neural")
    if source == "-":
        raise UsageError(f"{given[0]} reads the source more than once, which standard input can't: give a file")
    from sensic.evaluation import Target

    return next(Target(metric, value) for metric, value in wanted.items() if value is not None)


def _check_one(choices: dict[str, Any]) -> None:
    """Raises UsageError where several say how good the pictures are to be."""
    given = [option for option, value in choices.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} contradict each other: give one")


def _work(workers: int, *, resume: bool, cluster: str | None) -> dict[str, Any]:
    """The arguments of ``sensic.encode`` that say who works, if anything was asked for."""
    asked = {"workers": workers, "resume": resume, "cluster": cluster}
    usual = {"workers": 1, "resume": False, "cluster": None}
    return {name: value for name, value in asked.items() if value != usual[name]}


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
