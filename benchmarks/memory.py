"""Peak memory of encoding and decoding 100 and 1,000 frames of 720p: ``python -m benchmarks.memory CLIP``.

The clip is scaled and repeated to the length. Every job runs in a process of its own, which reports the most memory
it ever held (resident set). What grows with the length of a video would show as a difference between the rows.
Writes ``memory.json``.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

LENGTHS = (100, 1000)
WIDTH, HEIGHT = 1280, 720


def peak_bytes() -> int:
    """The most memory that this process ever held, in bytes.

    Linux's own figure, as ``getrusage`` also counts what the parent held when it started the process.
    """
    try:
        status = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def work(job: str, source: str, destination: str) -> dict[str, Any]:
    """``encode`` a video to a stream or ``decode`` a stream to a lossless video; then say how it went."""
    import sensic

    if job == "encode":
        report = sensic.encode(source, destination, threads=2)
        return {"frames": report.frames, "seconds": report.seconds, "peak_bytes": peak_bytes()}
    result = sensic.decode(source, destination, threads=2)
    return {"frames": result.frames, "seconds": result.seconds, "peak_bytes": peak_bytes()}


def run(job: str, source: Path, destination: Path) -> dict[str, Any]:
    """``work`` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", "--job", job, str(source), str(destination)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout))


def main(
    clip: Annotated[Path, typer.Argument(help="Video to scale and repeat.", exists=True)],
    destination: Annotated[Path | None, typer.Argument(hidden=True)] = None,
    out: Annotated[Path, typer.Option(help="Folder for memory.json.")] = Path("benchmarks/out"),
    job: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    if job is not None:
        typer.echo(json.dumps(work(job, str(clip), str(destination))))
        return
    from benchmarks.clips import scaled_loop
    from benchmarks.progress import progress_bar

    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch, progress_bar() as bar:
        task = bar.add_task("memory", total=len(LENGTHS) * 2)
        source, coded, decoded = (Path(scratch) / name for name in ("source.mp4", "coded.mkv", "decoded.mkv"))
        for frames in LENGTHS:
            scaled_loop(clip, source, WIDTH, HEIGHT, frames)
            for name, start, end in (("encode", source, coded), ("decode", coded, decoded)):
                bar.update(task, description=f"{name} {frames} frames")
                rows.append({"job": name, "asked": frames, **run(name, start, end)})
                bar.advance(task)
    (out / "memory.json").write_text(json.dumps({"width": WIDTH, "height": HEIGHT, "rows": rows}, indent=1) + "\n")
    typer.echo("| job | frames of 720p | peak memory | frames/s |\n|---|---:|---:|---:|")
    for row in rows:
        speed = row["frames"] / row["seconds"]
        typer.echo(f"| {row['job']} | {row['frames']} | {row['peak_bytes'] / 2**20:.0f} MiB | {speed:.1f} |")


if __name__ == "__main__":
    typer.run(main)
