"""Options that several commands share."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from sensic.cli import completion
from sensic.errors import UsageError

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="FILE",
        help="A model's name or directory.",
        show_default=False,
        autocompletion=completion.models,
    ),
]
Threads = Annotated[int | None, typer.Option("--threads", "-t", metavar="N", help="Threads; all cores by default.")]
Groups = Annotated[
    int, typer.Option("--workers", "-w", metavar="N", help="Groups of pictures decoded at a time, for many cores.")
]
Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        metavar="NAME",
        help="Who computes the networks: onnxruntime, openvino, openvino-bf16, pytorch or cuda.",
        autocompletion=completion.words("onnxruntime", "openvino", "openvino-bf16", "pytorch", "cuda"),
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision",
        help="Of pictures: float, int8 (faster), or auto: which is faster here.",
        autocompletion=completion.words("float", "int8", "auto"),
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON lines on stdout, each with a type.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Check everything, say what would be done, write nothing.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no notes.")]

_PICTURES = "Pictures (done in this order)"
Trim = Annotated[
    str | None,
    typer.Option(metavar="START:END", help="Keep this: seconds, h:mm:ss, or 120f.", rich_help_panel=_PICTURES),
]
Deinterlace = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        help="auto, always, or fields.",
        rich_help_panel=_PICTURES,
        autocompletion=completion.words("auto", "always", "fields"),
    ),
]
Crop = Annotated[
    str | None, typer.Option(metavar="W:H[:X:Y]", help="Or auto: off with black bars.", rich_help_panel=_PICTURES)
]
Scale = Annotated[
    str | None, typer.Option(metavar="W:H[:HOW]", help="-2 keeps the aspect. [HOW: lanczos]", rich_help_panel=_PICTURES)
]
Fps = Annotated[str | None, typer.Option(metavar="N[/N]", help="Frames per second.", rich_help_panel=_PICTURES)]
FpsMode = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        help="drop-duplicate, or interpolate.",
        rich_help_panel=_PICTURES,
        autocompletion=completion.words("drop-duplicate", "interpolate"),
    ),
]
Limit = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=N",
        help="What a stream may ask for at most: pixels, side, frames, block_bytes and others; repeatable.",
    ),
]
OnError = Annotated[
    str,
    typer.Option(
        "--on-error",
        metavar="WHAT",
        help="fail, or conceal: decode what is whole, with stand-ins for the rest.",
        autocompletion=completion.words("fail", "conceal"),
    ),
]
Depth = Annotated[int | None, typer.Option(metavar="8|10", help="Bits per sample.", rich_help_panel=_PICTURES)]

_RATE = "Rate (instead of a quality)"
Bitrate = Annotated[
    str | None, typer.Option(metavar="N", help="Of the pictures on average: 800k, 1.5M.", rich_help_panel=_RATE)
]
MaxSize = Annotated[str | None, typer.Option(metavar="N", help="Of the whole file: 25M, 25MiB.", rich_help_panel=_RATE)]
Passes = Annotated[int, typer.Option(metavar="1|2", help="2: look through it first.", rich_help_panel=_RATE)]
VbvMaxrate = Annotated[
    str | None, typer.Option(metavar="N", help="What a receiver gets at most: 1M.", rich_help_panel=_RATE)
]
VbvBufsize = Annotated[str | None, typer.Option(metavar="N", help="What it can hold, bits: 2M.", rich_help_panel=_RATE)]


def rate(
    bitrate: str | None, max_size: str | None, passes: int, vbv_maxrate: str | None, vbv_bufsize: str | None
) -> dict[str, Any]:
    """The argument ``rate`` of ``sensic.encode``, if any was asked for. Raises UsageError."""
    import sensic

    if (bitrate, max_size, passes, vbv_maxrate, vbv_bufsize) == (None, None, 1, None, None):
        return {}
    target = sensic.RateTarget.parse(
        bitrate=bitrate, max_size=max_size, passes=passes, maxrate=vbv_maxrate, bufsize=vbv_bufsize
    )
    return {"rate": target}


def filters(
    trim: str | None,
    deinterlace: str | None,
    crop: str | None,
    scale: str | None,
    fps: str | None,
    fps_mode: str | None,
    depth: int | None,
) -> dict[str, Any]:
    """The argument ``filters`` of ``sensic.encode``, if any was asked for. Raises UsageError."""
    import sensic

    chosen: dict[str, Any] = {
        "trim": trim,
        "deinterlace": deinterlace,
        "crop": crop,
        "scale": scale,
        "fps": fps,
        "fps_mode": fps_mode,
        "depth": depth,
    }
    asked = {name: value for name, value in chosen.items() if value is not None}
    return {"filters": sensic.Filters(**asked)} if asked else {}


def limits(texts: list[str] | None) -> dict[str, Any]:
    """The argument ``limits`` of everything that reads streams, if any was given. Raises UsageError."""
    import sensic

    return {"limits": sensic.Limits.parse(texts)} if texts else {}


def check_stdout(destination: str, *, as_json: bool) -> None:
    """Raises UsageError where video on stdout would be mixed with JSON, or spoil a terminal."""
    if destination != "-":
        return
    if as_json:
        raise UsageError("--json needs stdout for itself: give a file instead of -")
    if sys.stdout.isatty():
        raise UsageError("video is not for a terminal: give a file, or pipe stdout into something")
