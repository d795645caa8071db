"""Frames per second next to x265 and FFmpeg's HEVC decoder: ``python -m benchmarks.speed CLIP``.

The clip is scaled to 720p. Everyone encodes it to a file and decodes that (FFmpeg to nothing, Sensic to y4m), as a
program of its own, with one thread on one core and two on two (Linux; elsewhere cores are not bound), in turns, so that
a busy machine is fair to all. The best of the rounds counts. Frames per CPU second depend little on what else the
machine does, frames per second do. Starting the program counts. Writes ``speed.json``.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import imageio_ffmpeg
import typer

from benchmarks.memory import HEIGHT, WIDTH, scaled_loop
from benchmarks.progress import progress_bar
from sensic.evaluation import run

MODELS = ("default", "fast")


def commands(source: Path, folder: Path, threads: int) -> dict[tuple[str, str], list[str]]:
    """What to run, by coder and job; encoding comes before decoding."""
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    sensic = [sys.executable, "-P", "-m", "sensic.cli"]
    words: dict[tuple[str, str], list[str]] = {}
    for model in MODELS:
        coded, options = str(folder / f"{model}.mkv"), ["--threads", str(threads), "--quiet"]
        words[f"sensic {model}", "encode"] = [*sensic, "encode", str(source), coded, "--model", model, *options]
        words[f"sensic {model}", "decode"] = [*sensic, "decode", coded, str(folder / "out.y4m"), *options]
    coded, pools = str(folder / "x265.mkv"), f"pools={threads}:frame-threads={threads}:log-level=error"
    words["x265 medium", "encode"] = [
        *ffmpeg, "-threads", "1", "-i", str(source), "-c:v", "libx265", "-preset", "medium", "-crf", "28",
        "-x265-params", pools, coded,
    ]  # fmt: skip
    words["x265 medium", "decode"] = [*ffmpeg, "-threads", str(threads), "-i", coded, "-f", "null", "-"]
    return words


def bound(words: Sequence[str], cores: int) -> list[str]:
    """The command on so many cores."""
    taskset = shutil.which("taskset")
    return [taskset, "-c", f"0-{cores - 1}" if cores > 1 else "0", *words] if taskset else list(words)


def main(
    clip: Annotated[Path, typer.Argument(help="Video to scale.", exists=True)],
    frames: Annotated[int, typer.Option(help="How many.")] = 32,
    rounds: Annotated[int, typer.Option(help="Of which the best counts.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for speed.json.")] = Path("benchmarks/out"),
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[str, str, int], dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch, progress_bar() as bar:
        folder = Path(scratch)
        source = folder / "source.mp4"
        scaled_loop(clip, source, WIDTH, HEIGHT, frames)
        task = bar.add_task("speed", total=rounds * 2 * len(commands(source, folder, 1)))
        for _ in range(rounds):
            for cores in (1, 2):
                for (coder, job), words in commands(source, folder, cores).items():
                    bar.update(task, description=f"{coder} {job}, {cores}")
                    usage = run(bound(words, cores), name=coder)
                    row: dict[str, Any] = {"coder": coder, "job": job, "cores": cores, "frames": frames}
                    row |= {"seconds": usage.seconds, "cpu": usage.cpu}
                    best = found.get((coder, job, cores), row)
                    row |= {key: min(best[key], row[key]) for key in ("seconds", "cpu")}
                    found[coder, job, cores] = row
                    bar.advance(task)
    rows = list(found.values())
    (out / "speed.json").write_text(json.dumps({"width": WIDTH, "height": HEIGHT, "rows": rows}, indent=1) + "\n")
    typer.echo(table(rows))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = ["| | cores | frames/s | frames per CPU second |", "|---|---:|---:|---:|"]
    for row in rows:
        speeds = (row["frames"] / row[key] for key in ("seconds", "cpu"))
        cells = " | ".join(f"{speed:.1f}" for speed in speeds)
        lines.append(f"| {row['job']}, {row['coder']} | {row['cores']} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
