"""Frames per second next to other encoders and their decoders: ``python -m benchmarks.speed CLIP``.

The clip is scaled to 720p. Everyone encodes it to a file and decodes that (FFmpeg to nothing, with dav1d for AV1;
Sensic to y4m), as a program of its own, with one thread on one core and two on two (Linux; elsewhere cores are not
bound), in turns, so that a busy machine is fair to all. Of speeds the best of the rounds counts. The figure is the
ratio of CPU times of x265 ``medium`` and a coder in the same round, the median of the rounds: 0.1 is a tenth of its
speed. It depends little on what else the machine does; frames per second do. Starting the program counts. Writes
``speed.json``.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import imageio_ffmpeg
import typer

from benchmarks.memory import HEIGHT, WIDTH, scaled_loop
from benchmarks.progress import progress_bar
from sensic.evaluation import run

MODELS = ("default", "fast")
YARDSTICK = "x265 medium"


def commands(source: Path, folder: Path, threads: int) -> dict[tuple[str, str], list[str]]:
    """What to run, by coder and job; encoding comes before decoding."""
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-loglevel", "error", "-y"]
    sensic = [sys.executable, "-P", "-m", "sensic.cli"]
    words: dict[tuple[str, str], list[str]] = {}
    for model in MODELS:
        coded, options = str(folder / f"{model}.mkv"), ["--threads", str(threads), "--quiet"]
        words[f"sensic {model}", "encode"] = [*sensic, "encode", str(source), coded, "--model", model, *options]
        words[f"sensic {model}", "decode"] = [*sensic, "decode", coded, str(folder / "out.y4m"), *options]
    pools = f"pools={threads}:frame-threads={threads}:log-level=error"
    others = {
        YARDSTICK: ["libx265", "-preset", "medium", "-crf", "28", "-x265-params", pools],
        "x264 medium": ["libx264", "-preset", "medium", "-crf", "23", "-x264-params", f"threads={threads}"],
        "SVT-AV1 8": ["libsvtav1", "-preset", "8", "-crf", "35", "-svtav1-params", f"lp={threads}"],
    }
    for name, encoder in others.items():
        coded = str(folder / f"{name.replace(' ', '-')}.mkv")
        words[name, "encode"] = [*ffmpeg, "-threads", "1", "-i", str(source), "-c:v", *encoder, coded]
        decoder = ["-c:v", "libdav1d"] if "AV1" in name else []
        words[name, "decode"] = [*ffmpeg, "-threads", str(threads), *decoder, "-i", coded, "-f", "null", "-"]
    return words


def bound(words: Sequence[str], cores: int) -> list[str]:
    """The command on so many cores."""
    taskset = shutil.which("taskset")
    return [taskset, "-c", f"0-{cores - 1}" if cores > 1 else "0", *words] if taskset else list(words)


def main(
    clip: Annotated[Path, typer.Argument(help="Video to scale.", exists=True)],
    frames: Annotated[int, typer.Option(help="How many.")] = 32,
    rounds: Annotated[int, typer.Option(help="In each everyone has a turn.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder for speed.json.")] = Path("benchmarks/out"),
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as scratch, progress_bar() as bar:
        folder = Path(scratch)
        source = folder / "source.mp4"
        scaled_loop(clip, source, WIDTH, HEIGHT, frames)
        task = bar.add_task("speed", total=rounds * 2 * len(commands(source, folder, 1)))
        for _ in range(rounds):
            for cores in (1, 2):
                for (coder, job), words in commands(source, folder, cores).items():
                    bar.update(task, description=f"{coder} {job}, {cores}")
                    usage = run(bound(words, cores), name=coder, env={"SVT_LOG": "1"})
                    found.setdefault((coder, job, cores), []).append((usage.seconds, usage.cpu))
                    bar.advance(task)
    rows = [
        {"coder": coder, "job": job, "cores": cores, "frames": frames, "seconds": min(t for t, _ in times),
         "cpu": min(cpu for _, cpu in times), "ratio": ratio(found[YARDSTICK, job, cores], times)}
        for (coder, job, cores), times in found.items()
    ]  # fmt: skip
    (out / "speed.json").write_text(json.dumps({"width": WIDTH, "height": HEIGHT, "rows": rows}, indent=1) + "\n")
    typer.echo(table(rows))


def ratio(yardstick: Sequence[tuple[float, float]], times: Sequence[tuple[float, float]]) -> float:
    """How many times faster than the yardstick in CPU time, round by round; the median."""
    return median(other / own for (_, other), (_, own) in zip(yardstick, times, strict=True))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [f"| | cores | frames/s | frames per CPU second | of {YARDSTICK}'s |", "|---|---:|---:|---:|---:|"]
    for row in sorted(rows, key=lambda row: (row["cores"], row["job"] == "decode")):
        speeds = (row["frames"] / row[key] for key in ("seconds", "cpu"))
        cells = " | ".join(f"{speed:.1f}" for speed in speeds)
        lines.append(f"| {row['job']}, {row['coder']} | {row['cores']} | {cells} | {row['ratio']:.3g} |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
