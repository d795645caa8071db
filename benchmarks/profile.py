"""Where the milliseconds of a frame go: ``python -m benchmarks.profile CLIP``.

The clip is scaled to 720p and 1080p, encoded, and decoded to y4m. Every stage counts the CPU time of its own, which
depends little on what else the machine does; "rest" is what the process takes beyond all stages (decoding the source,
the container, Python). The same again with two threads in the networks, where only the whole is counted: helpers that
do a part of a network's work are in no stage. Writes ``profile.json``, ``profile.md`` and ``profile.png``; with another
model than the default ``profile-MODEL.json`` and so on.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import cv2
import typer
from matplotlib.figure import Figure

import sensic
from benchmarks.memory import scaled_loop
from benchmarks.progress import progress_bar
from benchmarks.stopwatch import Stopwatch, Watched
from sensic.codec import decoder, encoder, latents, lookahead, pixels, transcode
from sensic.entropy import ScaleTables, TableStatistics
from sensic.motion import MotionCoder, MotionSearch
from sensic.runtime import OnnxBackend
from sensic.video import VideoSink, VideoSource

SIZES = ((1280, 720), (1920, 1080))
WARM_UP = 2  # frames coded beforehand, so that building tables once is not counted
GROUPS = {
    "read": ("read", "planes in"),
    "search": ("flow", "lookahead", "choice of vectors"),
    "motion coding": ("motion coding",),
    "warp": ("warp",),
    "prior": ("hyper", "first", "second", "memory"),
    "entropy": ("coder", "statistics", "symbols", "quantisation"),
    "context": ("context",),
    "analysis": ("analysis",),
    "synthesis": ("synthesis",),
    "write": ("planes out", "write"),
    "rest": ("rest",),
}
"""Of stages, in the order of the table: hyper, first, second, memory, context, analysis, synthesis are networks."""
COLOURS = (
    "#868e96", "#1971c2", "#74c0fc", "#3bc9db", "#e8590c", "#fab005", "#2f9e44", "#c2255c", "#862e9c", "#495057",
    "#dee2e6",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One job at one size with one model: milliseconds per frame, of the wall clock, of all CPU time, and, with one
    thread, by stage."""

    job: str
    model: str
    width: int
    height: int
    threads: int
    frames: int
    wall: float
    cpu: float
    stages: dict[str, float]

    @property
    def name(self) -> str:
        return f"{self.job} {self.height}p"

    def groups(self) -> dict[str, float]:
        return {group: sum(self.stages.get(stage, 0.0) for stage in stages) for group, stages in GROUPS.items()}


def watched() -> list[Watched]:
    """All stages of encoder and decoder, where they are called."""
    return [
        (lookahead, "to_tensors", "planes in"),
        (lookahead, "luma8", "planes in"),
        (MotionSearch, "flow", "flow"),
        (lookahead, "link", "lookahead"),
        (encoder.Encoder, "_worth", "lookahead"),
        (MotionSearch, "choose", "choice of vectors"),
        (MotionCoder, "encode", "motion coding"),
        (MotionCoder, "decode", "motion coding"),
        (pixels, "warp", "warp"),
        (OnnxBackend, "run", lambda _self, graph, _inputs: graph),
        (latents.LatentPath, "_pass", "symbols"),
        (latents, "cheapest", "quantisation"),
        (ScaleTables, "encode", "coder"),
        (ScaleTables, "decode", "coder"),
        (TableStatistics, "apply", "statistics"),
        (TableStatistics, "update", "statistics"),
        (pixels, "to_planes", "planes out"),
        (decoder, "to_planes", "planes out"),
        (VideoSink, "write", "write"),
    ]


def measure(job: str, model: str, source: Path, destination: Path, size: tuple[int, int], threads: int) -> Row:
    """Runs ``job``, encode or decode, once, and watches it."""
    stopwatch = Stopwatch()

    def read(video: VideoSource) -> Iterator[Any]:
        return stopwatch.each("read", original(video))

    original = VideoSource.__iter__
    with stopwatch.watching(watched()), patch.object(VideoSource, "__iter__", read):
        wall, cpu = time.perf_counter(), time.process_time()
        if job == "encode":
            frames = sensic.encode(source, destination, model=model, threads=threads).frames
        else:
            frames = transcode.decode(source, destination, threads=threads).frames
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    stages = {stage: 1000 * seconds / frames for stage, seconds in stopwatch.seconds.items()} if threads == 1 else {}
    if stages:
        stages["rest"] = 1000 * cpu / frames - sum(stages.values())
    return Row(job, model, *size, threads, frames, 1000 * wall / frames, 1000 * cpu / frames, stages)


def table(rows: list[Row]) -> str:
    """Markdown: a column for each job and size, a line for each stage."""
    doubled = {(row.job, row.height): row for row in rows if row.threads == 2}
    rows = [row for row in rows if row.threads == 1]
    lines = ["| ms per frame | " + " | ".join(row.name for row in rows) + " |", "|---|" + "---:|" * len(rows)]
    for stages in GROUPS.values():
        for stage in stages:
            values = [row.stages.get(stage) for row in rows]
            if any(values):
                cells = ("" if value is None else f"{value:.1f}" for value in values)
                lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    for name, some in (("one thread", rows), ("two threads", [doubled[row.job, row.height] for row in rows])):
        lines.append(f"| **all, {name}** | " + " | ".join(f"{row.cpu:.0f}" for row in some) + " |")
        lines.append(f"| wall clock, {name} | " + " | ".join(f"{row.wall:.0f}" for row in some) + " |")
    return "\n".join(lines) + "\n"


def draw(rows: list[Row], path: Path) -> None:
    """Bars of stacked groups of stages, one for each row."""
    figure = Figure(figsize=(9, 0.6 * len(rows) + 1.6), layout="constrained")
    axes = figure.subplots()
    left = [0.0] * len(rows)
    for (group, values), colour in zip(
        ((group, [row.groups()[group] for row in rows]) for group in GROUPS), COLOURS, strict=True
    ):
        axes.barh([row.name for row in rows], values, left=left, color=colour, label=group)
        left = [a + b for a, b in zip(left, values, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("CPU milliseconds per frame")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=6, frameon=False)
    figure.savefig(path, dpi=120)


def main(
    clip: Annotated[Path, typer.Argument(help="Video to scale.", exists=True)],
    frames: Annotated[int, typer.Option(help="Of each size.")] = 32,
    model: Annotated[str, typer.Option(help="A shipped model.")] = "default",
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("benchmarks/out"),
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch, progress_bar() as bar:
        task = bar.add_task("profile", total=len(SIZES) * 4)
        source, coded, decoded = (Path(scratch) / name for name in ("source.mp4", "coded.mkv", "decoded.y4m"))
        for size in SIZES:
            scaled_loop(clip, source, *size, WARM_UP)
            sensic.encode(source, coded, model=model, threads=1)
            scaled_loop(clip, source, *size, frames)
            for threads in (1, 2):
                for job, start, end in (("encode", source, coded), ("decode", coded, decoded)):
                    bar.update(task, description=f"{job} {size[1]}p, threads: {threads}")
                    rows.append(measure(job, model, start, end, size, threads))
                    bar.advance(task)
    rows.sort(key=lambda row: (row.job, row.height, row.threads))
    name = "profile" if model == "default" else f"profile-{model}"
    (out / f"{name}.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    (out / f"{name}.md").write_text(table(rows))
    draw([row for row in rows if row.threads == 1], out / f"{name}.png")
    typer.echo(table(rows))


if __name__ == "__main__":
    typer.run(main)
