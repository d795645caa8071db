"""What every preset buys and costs, and what its parts do: ``python -m benchmarks.presets CLIPS``.

All presets, and medium and best with one part left out each, code the same frames in turn at several qualities. BD-rate
is over luma PSNR and the bytes of whole files, against medium; time is processor time of one thread, next to medium's.
What is compared are decoded files, all by the same decoder. A still picture is coded too. Writes ``presets.json``,
``presets.md`` and ``presets.png``; what is in the JSON already is not measured again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.figure import Figure

from benchmarks.progress import progress_bar
from sensic.codec.decoder import Decoder
from sensic.codec.encoder import Encoder
from sensic.codec.settings import PRESETS, EncoderSettings
from sensic.container import StreamHeader, StreamReader, StreamWriter
from sensic.evaluation.bd import NoOverlap, delta_rate
from sensic.model import Model
from sensic.motion.search import THOROUGHNESS
from sensic.runtime import Backend, OnnxBackend
from sensic.video import Frame, VideoInfo, VideoSource

ANCHOR = "medium"
QUALITIES = (4, 16, 28, 40, 54)
_MEDIUM, _BEST = THOROUGHNESS[PRESETS["medium"]], THOROUGHNESS[PRESETS["best"]]
WITHOUT: dict[str, tuple[str, dict[str, Any]]] = {
    "medium, nothing seen ahead": ("medium", {"foresight": 0}),
    "medium, vectors not fitted": ("medium", {"search": replace(_MEDIUM, rounds=0)}),
    "best, vectors as in medium": ("best", {"search": _MEDIUM}),
    "best, latents not refined": ("best", {"rounds": (0, 0)}),
}
"""A preset, and what of it is done otherwise."""

Row = dict[str, Any]


def measure(
    frames: Sequence[Frame], info: VideoInfo, quality: int, variant: str, model: Model, backend: Backend, folder: Path
) -> Row:
    """Bytes, luma PSNR (of the mean squared error), seconds; one group."""
    preset, options = WITHOUT.get(variant, (variant, {}))
    settings = EncoderSettings(quality=quality, gop=len(frames), effort=PRESETS[preset])
    encoder = Encoder(model, backend, info.width, info.height, settings, **options)
    start = time.process_time()
    blocks = list(encoder.blocks(iter(frames)))
    seconds = time.process_time() - start
    path = folder / "stream.mkv"
    with StreamWriter(path, StreamHeader(bytes.fromhex(model.id), quality, settings.gop, info)) as writer:
        for block in blocks:
            writer.write(block)
    with StreamReader(path) as reader:
        decoded = Decoder(model, backend, reader.header).frames(reader.blocks())
        errors = [np.square(a.y.astype(float) - b.y).mean() for a, b in zip(decoded, frames, strict=True)]
    peak = (1 << info.depth) - 1
    return {"bytes": path.stat().st_size, "psnr": 10 * np.log10(peak**2 / np.mean(errors)), "seconds": seconds}


def still(frame: Frame, quality: int, count: int, model: Model, backend: Backend) -> float:
    """Bits per pixel of a picture that stays, after its first frame."""
    encoder = Encoder(model, backend, frame.width, frame.height, EncoderSettings(quality=quality, gop=count))
    totals: list[float] = []
    shown: Iterator[Frame] = (replace(frame, pts=number) for number in range(count))
    for _ in encoder.blocks(shown, on_frame=lambda: totals.append(sum(encoder.bits.values()))):
        pass
    return (totals[-1] - totals[0]) / ((count - 1) * frame.width * frame.height)


def compared(rows: dict[str, dict[str, Row]], variant: str) -> tuple[float | None, float]:
    """BD-rate in percent against medium (None where the curves don't meet), and time next to medium's; ``rows`` by
    quality and variant."""
    curves = [[(row[name]["bytes"], float(row[name]["psnr"])) for row in rows.values()] for name in (ANCHOR, variant)]
    spent = [sum(row[name]["seconds"] for row in rows.values()) for name in (ANCHOR, variant)]
    try:
        change = delta_rate(*curves).percent
    except (NoOverlap, ValueError):
        change = None
    return change, spent[1] / spent[0]


def table(clips: dict[str, dict[str, Any]], variants: Sequence[str]) -> str:
    """Markdown: a line for every variant, a column for every clip."""
    lines = [
        "| BD-rate against medium | " + " | ".join(clips) + " | mean | time |",
        "|---|" + "---:|" * (len(clips) + 2),
    ]
    for variant in variants:
        changes, times = zip(*(compared(clip["rows"], variant) for clip in clips.values()), strict=True)
        known = [change for change in changes if change is not None]
        mean = f"{np.mean(known):+.1f}%" if known else ""
        cells = ["" if change is None else f"{change:+.1f}%" for change in changes]
        lines.append(f"| {variant} | {' | '.join(cells)} | {mean} | {np.mean(times):.2f} |")
    lines += ["", "| still picture, bits per pixel | " + " | ".join(clips) + " |", "|---|" + "---:|" * len(clips)]
    for quality in next(iter(clips.values()))["still"]:
        cells = [f"{clip['still'][quality]:.6f}" for clip in clips.values()]
        lines.append(f"| quality {quality} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def draw(clips: dict[str, dict[str, Any]], path: Path) -> None:
    """Time against BD-rate of the presets, the mean over clips."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    points = []
    for preset in PRESETS:
        changes, times = zip(*(compared(clip["rows"], preset) for clip in clips.values()), strict=True)
        known = [change for change in changes if change is not None]
        if known:
            points.append((float(np.mean(times)), float(np.mean(known)), preset))
    axes.plot([x for x, _, _ in points], [y for _, y, _ in points], "o-")
    for x, y, preset in points:
        axes.annotate(preset, (x, y), textcoords="offset points", xytext=(6, 6))
    axes.set_xlabel("encoding time, medium = 1")
    axes.set_ylabel("bytes at equal luma PSNR, %")
    axes.grid(alpha=0.3)
    axes.margins(0.15)
    figure.savefig(path, dpi=120)


def main(
    sources: Annotated[list[Path], typer.Argument(help="Videos.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for presets.json, .md and .png.")] = Path("benchmarks/out"),
    frames: Annotated[int, typer.Option(help="Frames of each clip, in one group.", min=2)] = 32,
    model: Annotated[str | None, typer.Option(help="Name or folder of a model.")] = None,
) -> None:
    chosen = Model.load(model)
    backend = OnnxBackend(chosen, threads=1)
    variants = [*PRESETS, *WITHOUT]
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "presets.json"
    record = {"frames": frames, "model": {"name": chosen.name, "id": chosen.id}}
    before = json.loads(kept.read_text()) if kept.is_file() else {}
    clips: dict[str, dict[str, Any]] = before["clips"] if record.items() <= before.items() else {}
    with progress_bar() as bar, TemporaryDirectory() as folder:
        task = bar.add_task("presets", total=len(sources) * len(QUALITIES) * len(variants))
        for source in sources:
            with VideoSource(source) as video:
                pictures, info = list(islice(video, frames)), video.info
            clip = clips.setdefault(source.stem, {"rows": {}, "still": {}})
            for quality in map(str, QUALITIES):
                row = clip["rows"].setdefault(quality, {})
                for variant in variants:
                    bar.update(task, description=f"{source.stem} {quality} {variant}", advance=1)
                    if variant not in row:
                        row[variant] = measure(pictures, info, int(quality), variant, chosen, backend, Path(folder))
                if quality not in clip["still"]:
                    clip["still"][quality] = still(pictures[0], int(quality), frames, chosen, backend)
                kept.write_text(json.dumps({**record, "clips": clips}, indent=1) + "\n")
    shown = {source.stem: clips[source.stem] for source in sources}
    (out / "presets.md").write_text(table(shown, variants))
    draw(shown, out / "presets.png")
    typer.echo(table(shown, variants), nl=False)


if __name__ == "__main__":
    typer.run(main)
