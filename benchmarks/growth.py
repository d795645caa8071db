"""Time and memory as videos get longer and larger, with threads and with workers: ``python -m benchmarks.growth CLIP``.

The clip is scaled and repeated from the start. Encoding and decoding (to y4m) run as programs of their own with one
thread, where nothing else is said; their CPU time and peak resident memory count, starting included (of workers the
memory of the largest process). Lengths are coded with the preset ``realtime`` at a small size, the others with
``medium`` and few frames, workers with several groups. What grew with the length would show as a slope of the memory;
time per frame falls towards a constant, as more frames share the start. Writes ``growth.json``, ``growth.md`` and
``growth.png``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.figure import Figure

from benchmarks.memory import scaled_loop
from benchmarks.progress import progress_bar
from sensic.evaluation import run

JOBS = ("encode", "decode")
LENGTHS = (100, 1000, 10_000)
SMALL = (96, 64)
SIZES = ((320, 180), (640, 360), (1280, 720), (1920, 1080), (3840, 2160))
THREADS = (1, 2, 4)
WORKERS = (1, 2, 4)
SEVERAL = (1280, 720)  # pixels, where threads or workers share the work
FEW, GROUPS = 8, 4


@dataclass(frozen=True)
class Case:
    """What is coded, and by which of the three axes it is told apart."""

    axis: str
    frames: int
    width: int
    height: int
    preset: str
    threads: int = 1
    workers: int = 1

    @property
    def at(self) -> float:
        """Its place on the axis."""
        megapixels = self.width * self.height / 1e6
        places = {"length": self.frames, "size": megapixels, "threads": self.threads, "workers": self.workers}
        return places[self.axis]

    @property
    def name(self) -> str:
        return {"length": f"{self.frames} frames", "size": f"{self.height}p"}.get(self.axis, f"{self.at}")

    @property
    def options(self) -> list[str]:
        """Of both jobs."""
        return ["--workers", f"{self.workers}"] if self.workers > 1 else ["--threads", f"{self.threads}"]


@dataclass(frozen=True)
class Row:
    """One job: seconds of the wall clock and of all CPUs, and peak memory in bytes."""

    case: Case
    job: str
    seconds: float
    cpu: float
    memory: int


def cases() -> list[Case]:
    return [
        *(Case("size", FEW, width, height, "medium") for width, height in SIZES),
        *(Case("threads", FEW, *SEVERAL, "medium", threads=threads) for threads in THREADS),
        *(Case("workers", GROUPS * FEW, *SEVERAL, "medium", workers=workers) for workers in WORKERS),
        *(Case("length", frames, *SMALL, "realtime") for frames in LENGTHS),
    ]


def measure(case: Case, clip: Path, folder: Path) -> list[Row]:
    """Encodes and decodes."""
    source, coded, decoded = (str(folder / name) for name in ("source.mp4", "coded.mkv", "decoded.y4m"))
    scaled_loop(clip, Path(source), case.width, case.height, case.frames)
    gop = ["--gop", f"{FEW}"] if case.axis == "workers" else []
    rows = []
    for job, words in (
        ("encode", ["encode", source, coded, "--preset", case.preset, *gop]),
        ("decode", ["decode", coded, decoded]),
    ):
        usage = run([sys.executable, "-P", "-m", "sensic.cli", *words, *case.options, "--quiet"])
        rows.append(Row(case, job, usage.seconds, usage.cpu, usage.memory))
    return rows


def table(rows: list[Row], axis: str) -> str:
    """Markdown."""
    some = {(row.case, row.job): row for row in rows if row.case.axis == axis}
    lines = [f"| {axis} | " + " | ".join(f"{job}, CPU ms/frame | wall ms/frame | MiB" for job in JOBS) + " |"]
    lines.append("|---:|" + "---:|" * 3 * len(JOBS))
    for case in dict.fromkeys(case for case, _ in some):
        found = [some[case, job] for job in JOBS]
        cells = [f"{1000 * value / case.frames:.0f}" for row in found for value in (row.cpu, row.seconds)]
        memory = [f"{row.memory / 2**20:.0f}" for row in found]
        lines.append(f"| {case.name} | " + " | ".join([*cells[:2], memory[0], *cells[2:], memory[1]]) + " |")
    return "\n".join(lines) + "\n"


def draw(rows: list[Row], path: Path) -> None:
    """Time per frame above, memory below, one column for each axis."""
    figure = Figure(figsize=(13, 5), layout="constrained")
    axes = figure.subplots(2, 4)
    columns = (("length", "frames"), ("size", "million pixels"), ("threads", "threads"), ("workers", "workers"))
    for number, (axis, label) in enumerate(columns):
        for job, colour in zip(JOBS, ("#1971c2", "#e8590c"), strict=True):
            some = [row for row in rows if row.case.axis == axis and row.job == job]
            at = [row.case.at for row in some]
            time = [1000 * row.cpu / row.case.frames for row in some]
            axes[0, number].plot(at, time, "o-", color=colour, label=job)
            axes[1, number].plot(at, [row.memory / 2**20 for row in some], "o-", color=colour)
        if axis == "length":
            axes[0, number].set_xscale("log")
            axes[1, number].set_xscale("log")
        for row, what in enumerate(("CPU ms per frame", "peak memory, MiB")):
            axes[row, number].set_ylim(0, 1.08 * axes[row, number].get_ylim()[1])
            axes[row, number].set_xlabel(label)
            axes[row, number].spines[["top", "right"]].set_visible(False)
            if number == 0:
                axes[row, number].set_ylabel(what)
    axes[0, 0].legend(frameon=False)
    figure.savefig(path, dpi=120)


def main(
    clip: Annotated[Path, typer.Argument(help="Video to scale and repeat.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("benchmarks/out"),
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    with progress_bar() as bar:
        task = bar.add_task("growth", total=len(cases()))
        for case in cases():
            bar.update(task, description=f"{case.axis}: {case.name}")
            with tempfile.TemporaryDirectory() as scratch:
                rows += measure(case, clip, Path(scratch))
            (out / "growth.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
            bar.advance(task)
    text = "\n".join(table(rows, axis) for axis in ("length", "size", "threads", "workers"))
    (out / "growth.md").write_text(text)
    draw(rows, out / "growth.png")
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
