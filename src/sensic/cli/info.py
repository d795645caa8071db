"""``sensic info``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sensic.cli import arguments, console

if TYPE_CHECKING:
    from sensic import StreamInfo
    from sensic.sensing import SensingSettings


def info(
    source: Annotated[str, typer.Argument(metavar="IN", help="A Sensic stream.")],
    limit: arguments.Limit = None,
    as_json: arguments.Json = False,
) -> None:
    """Say what a stream is: size, quality, model, frames, side streams. Every checksum is checked."""
    import sensic

    found = sensic.probe(source, **arguments.limits(limit))
    if as_json:
        console.record("info", **found.to_json())
        return
    for name, value in _lines(found):
        print(f"{name + ':':<14} {value}")


def _lines(found: StreamInfo) -> list[tuple[str, str]]:
    header, video = found.header, found.header.info
    seconds = float(found.duration)
    pixels = max(1, found.frames * video.width * video.height)
    rate = f"{float(video.rate):g} per second" if video.rate else "varying or unknown rate"
    low_latency = ", low latency" if header.low_latency else ""
    lines = [
        ("video", f"{video.width}x{video.height}, {video.depth} bits, {video.field_order}, {rate}"),
        ("frames", f"{found.frames} in {found.groups} groups, {seconds:.3f} s"),
        ("coding", f"quality {header.quality}, groups of {header.gop}, profile {header.profile}{low_latency}"),
        ("payload", f"{found.payload_bytes} bytes, {8 * found.payload_bytes / pixels:.4f} bits per pixel"),
        ("operator", _operator(found.sensing)) if found.sensing else ("model", header.model.hex()),
        ("source", video.source_format),
    ]
    if found.file_bytes is not None:
        lines.insert(3, ("file", f"{found.file_bytes} bytes{_bit_rate(found.file_bytes, seconds)}"))
    if video.rotation:
        lines.append(("rotation", f"{video.rotation} degrees"))
    lines += [("stream", stream) for stream in found.streams]
    lines += [("chapter", chapter.tags.get("title", str(chapter.id))) for chapter in video.chapters]
    lines += [("tag", f"{name} = {value}") for name, value in video.tags.items()]
    return lines + [("note", note) for note in video.notes]


def _operator(sensing: SensingSettings) -> str:
    which = {
        "scrambled": f", seed {sensing.seed}, {sensing.measurements} measurements",
        "learned_ternary": f" {sensing.built.spec.get('model')}",
    }.get(sensing.operator, "")
    coder = "Golomb–Rice" if sensing.mcu else "range coder"
    return f"{sensing.operator}{which}, {sensing.frames} frames together, {coder}{', protected' * sensing.protect}"


def _bit_rate(count: int, seconds: float) -> str:
    return f", {8 * count / seconds / 1000:.1f} kbit/s" if seconds else ""
