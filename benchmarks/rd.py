"""Rate, distortion and speed of Sensic, x264 and x265 on the same frames: ``python -m benchmarks.rd CLIPS``.

Every stream is written, its bytes counted, and decoded; every frame is compared in 4:2:0. The coders take turns
(quality by quality), so that a machine that slows down slows all of them. Writes ``rd.json``, ``rd.md`` and ``rd.png``.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import av
import typer

import sensic
from benchmarks import anchors, clips, ours, plots
from benchmarks.measurement import Measurement
from benchmarks.progress import progress_bar
from sensic.evaluation import bd

Rows = dict[str, dict[str, list[Measurement]]]  # clip, coder, in the order measured
OURS = "sensic"


def measure_clip(clip: clips.Clip, directory: Path, gop: int, preset: str, model: str | None) -> Iterator[Measurement]:
    """Fifteen measurements, the coders taking turns; files are removed as soon as they are measured."""
    path = directory / "coded.mkv"
    for quality, crf in zip(ours.QUALITIES, reversed(anchors.CRFS), strict=True):
        yield ours.measure(clip, path, quality, gop=gop, preset=preset, model=model)
        for coder in anchors.CODERS:
            yield anchors.measure(clip, path, coder, crf, gop=gop)
    path.unlink()


def delta_rates(rows: dict[str, list[Measurement]]) -> dict[str, dict[str, Any]]:
    """BD-rate of Sensic against each other coder, of whole files and of payloads, or the reason why there is none."""
    result: dict[str, dict[str, Any]] = {}
    for anchor in (coder for coder in rows if coder != OURS):
        entry = result[anchor] = {}
        for name in ("file_bytes", "payload_bytes"):
            curves = [[(float(getattr(m, name)), m.psnr[0]) for m in rows[coder]] for coder in (anchor, OURS)]
            try:
                delta = bd.delta_rate(*curves)
                entry[name] = {"percent": delta.percent, "overlap_db": [delta.low, delta.high]}
            except ValueError as error:
                entry[name] = {"percent": None, "reason": str(error)}
    return result


def mean_delta(deltas: dict[str, dict[str, dict[str, Any]]], anchor: str, name: str) -> float | None:
    """Mean over the clips; None when one of them has no figure, as a mean of the easy ones would flatter."""
    values = [d[anchor][name]["percent"] for d in deltas.values()]
    return None if None in values else sum(values) / len(values)


def markdown(rows: Rows, deltas: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The tables of ``rd.md``."""
    lines = [
        "| clip | coder | setting | bits/pixel | Y-PSNR dB | file bytes | payload bytes | estimate "
        "| encode frames/s | decode frames/s |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, coders in rows.items():
        for coder, measurements in coders.items():
            for m in measurements:
                estimate = "" if m.estimated_bytes is None else f"{m.estimated_bytes:.0f} ({error_percent(m):+.2f}%)"
                lines.append(
                    f"| {name} | {coder} | {m.setting:g} | {m.bits_per_pixel:.4f} | {m.psnr[0]:.2f} | {m.file_bytes} "
                    f"| {m.payload_bytes} | {estimate} | {m.encode_rate:.1f} | {m.decode_rate:.1f} |"
                )
    lines += ["", "BD-rate of Sensic (Y-PSNR, whole files; in brackets payloads; common range):", ""]
    names = sorted({anchor for d in deltas.values() for anchor in d})
    lines += ["| clip | " + " | ".join(f"against {n}" for n in names) + " |", "|---|" + "---:|" * len(names)]
    for clip, d in deltas.items():
        lines.append(f"| {clip} | " + " | ".join(delta_cell(d[n]) for n in names) + " |")
    means = [[mean_delta(deltas, n, kind) for kind in ("file_bytes", "payload_bytes")] for n in names]
    lines.append("| **mean** | " + " | ".join(f"{percent(f)} ({percent(p)})" for f, p in means) + " |")
    return "\n".join(lines) + "\n"


def error_percent(m: Measurement) -> float:
    """How much larger the payload is than the model's estimate."""
    return (m.payload_bytes / (m.estimated_bytes or 1) - 1) * 100


def percent(value: float | None) -> str:
    return "none" if value is None else f"{value:+.1f}%"


def delta_cell(entry: dict[str, Any]) -> str:
    file, payload = entry["file_bytes"], entry["payload_bytes"]
    if file["percent"] is None:
        return str(file["reason"])
    low, high = file["overlap_db"]
    return f"{percent(file['percent'])} ({percent(payload['percent'])}), {low:.1f}–{high:.1f} dB"


def conditions(frames: int, gop: int, preset: str, model: str | None) -> dict[str, Any]:
    """What someone needs to repeat the run."""
    chosen = sensic.Model.load(model)
    return {
        "frames": frames,
        "gop": gop,
        "preset": preset,
        "threads": 2,
        "model": {"name": chosen.name, "id": chosen.id},
        "machine": {"system": platform.platform(), "processor": processor(), "cores": os.cpu_count()},
        "load_average": round(os.getloadavg()[0], 1),  # of other work, before this one began
        "versions": {name: version(name) for name in ("av", "onnxruntime", "constriction", "numpy")}
        | {"ffmpeg": av.ffmpeg_version_info},
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main(
    sources: Annotated[list[Path], typer.Argument(help="Videos, 4:2:0 of 8 or 10 bits.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for rd.json, rd.md and rd.png.")] = Path("benchmarks/out"),
    frames: Annotated[int, typer.Option(help="Frames of each clip.", min=1)] = 32,
    gop: Annotated[int, typer.Option(help="Frames per group; one intra frame each.", min=1)] = 32,
    preset: Annotated[str, typer.Option(help="Preset of Sensic; the others run at medium.")] = "medium",
    model: Annotated[str | None, typer.Option(help="Model of Sensic.")] = None,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    how = conditions(frames, gop, preset, model)
    rows: Rows = {}
    with tempfile.TemporaryDirectory() as scratch, progress_bar() as bar:
        task = bar.add_task("measuring", total=len(sources) * len(ours.QUALITIES) * (1 + len(anchors.CODERS)))
        for source in sources:
            clip = clips.load(source, Path(scratch), frames)
            coders: dict[str, list[Measurement]] = {}
            for m in measure_clip(clip, Path(scratch), gop, preset, model):
                coders.setdefault(m.coder, []).append(m)
                bar.update(task, advance=1, description=f"{clip.name} {m.coder}")
            rows[clip.name] = coders
            clip.path.unlink()
            write(out, how, rows)  # after every clip: a run that is stopped keeps what it has
    typer.echo((out / "rd.md").read_text())


def write(out: Path, how: dict[str, Any], rows: Rows) -> None:
    """Measurements, tables and picture of the clips so far."""
    deltas = {name: delta_rates(coders) for name, coders in rows.items()}
    result = {
        "conditions": how,
        "clips": {n: {c: [m.to_dict() for m in ms] for c, ms in coders.items()} for n, coders in rows.items()},
        "bd_rate": deltas,
    }
    (out / "rd.json").write_text(json.dumps(result, indent=1) + "\n")
    (out / "rd.md").write_text(markdown(rows, deltas))
    plots.rate_distortion(rows, out / "rd.png")


if __name__ == "__main__":
    typer.run(main)
