"""Peak memory of encoding and decoding 100 and 1,000 frames of 720p: ``python -m benchmarks.memory CLIP``.

The clip is scaled and repeated to the length. Every job runs as a program of its own, whose peak resident set counts.
What grows with the length of a video would show as a difference between the rows. Writes ``memory.json``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import av
import typer

import sensic
from benchmarks.progress import progress_bar
from sensic.evaluation import run

LENGTHS = (100, 1000)
WIDTH, HEIGHT = 1280, 720


def scaled_loop(source: Path, destination: Path, width: int, height: int, count: int) -> None:
    """``count`` frames of ``source`` scaled and repeated from the start, as an ordinary small H.264 file."""
    with av.open(str(destination), "w") as writer:
        output = writer.add_stream("libx264", rate=25, options={"crf": "18", "preset": "veryfast"})
        output.width, output.height, output.pix_fmt = width, height, "yuv420p"
        done = 0
        while done < count:
            with av.open(str(source)) as reader:
                for frame in islice(reader.decode(video=0), count - done):
                    picture = frame.reformat(width, height, "yuv420p")
                    picture.pts, picture.time_base = done, Fraction(1, 25)
                    picture.pict_type = av.video.frame.PictureType.NONE
                    writer.mux(output.encode(picture))
                    done += 1
        writer.mux(output.encode(None))


def measure(job: str, source: Path, destination: Path, stream: Path) -> dict[str, Any]:
    """``encode`` or ``decode`` as a program; ``stream`` is the one that it writes or reads."""
    words = [job, str(source), str(destination), "--threads", "2", "--quiet"]
    usage = run([sys.executable, "-P", "-m", "sensic.cli", *words])
    frames = sensic.probe(stream).frames
    return {"job": job, "frames": frames, "seconds": usage.seconds, "peak_bytes": usage.memory}


def main(
    clip: Annotated[Path, typer.Argument(help="Video to scale and repeat.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for memory.json.")] = Path("benchmarks/out"),
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch, progress_bar() as bar:
        task = bar.add_task("memory", total=len(LENGTHS) * 2)
        source, coded, decoded = (Path(scratch) / name for name in ("source.mp4", "coded.mkv", "decoded.mkv"))
        for frames in LENGTHS:
            scaled_loop(clip, source, WIDTH, HEIGHT, frames)
            for job, start, end in (("encode", source, coded), ("decode", coded, decoded)):
                bar.update(task, description=f"{job} {frames} frames")
                rows.append(measure(job, start, end, coded))
                bar.advance(task)
    (out / "memory.json").write_text(json.dumps({"width": WIDTH, "height": HEIGHT, "rows": rows}, indent=1) + "\n")
    typer.echo("| job | frames of 720p | peak memory | frames/s |\n|---|---:|---:|---:|")
    for row in rows:
        speed = row["frames"] / row["seconds"]
        typer.echo(f"| {row['job']} | {row['frames']} | {row['peak_bytes'] / 2**20:.0f} MiB | {speed:.1f} |")


if __name__ == "__main__":
    typer.run(main)
