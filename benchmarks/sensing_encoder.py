"""Speed of the C encoder of the sensing profile on one core: ``python -m benchmarks.sensing_encoder CLIP``.

Built with the system's C compiler, plainly (-O3) or for this processor (``--flags "-O3 -march=native"``). Measuring,
and measuring with quantising, are timed apart from the whole, as the entropy coder's time depends on the rate. Times
are of the processor, not of the clock on the wall. Speeds are in samples of all planes; a grey pixel is one sample.
"""

from __future__ import annotations

import itertools
import json
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import sensic.sensing
from sensic.errors import EvaluationError
from sensic.video import VideoSource

SOURCES = Path(sensic.sensing.__file__).parent / "c"


def build(folder: Path, flags: str) -> Path:
    """Raises EvaluationError where there is no compiler."""
    program = folder / "bench"
    code = [path for path in SOURCES.glob("*.c") if path.name != "main.c"]
    words = [os.environ.get("CC", "cc"), "-std=c99", *shlex.split(flags), f"-I{SOURCES}"]
    try:
        subprocess.run([*words, Path(__file__).with_suffix(".c"), *code, "-o", program], check=True)
    except OSError as error:
        raise EvaluationError(f"no C compiler {words[0]}: {error.strerror}") from error
    return program


def raw(clip: Path, frames: int, to: Path) -> tuple[int, int]:
    """The first frames of a clip as planes, 8 bits; returns width and height."""
    with VideoSource(clip) as video, open(to, "wb") as file:
        for frame in itertools.islice(video, frames):
            for plane in frame.planes:
                file.write(np.ascontiguousarray(plane >> (frame.depth - 8)).astype(np.uint8).tobytes())
        return video.info.width, video.info.height


def main(
    clip: Annotated[Path, typer.Argument(help="Any video.")] = Path("demo/bunny.mp4"),
    quality: Annotated[list[int] | None, typer.Option(help="0 to 63; repeatable.")] = None,
    frames: Annotated[int, typer.Option(help="Frames of the clip.")] = 16,
    seconds: Annotated[float, typer.Option(help="Of each measurement.")] = 1.0,
    flags: Annotated[str, typer.Option(help="For the compiler.")] = "-O3",
    out: Annotated[Path, typer.Option(help="Folder for sensing_encoder.json.")] = Path("benchmarks/out"),
) -> None:
    rows: list[dict[str, Any]] = []
    typer.echo(
        "| frames | coder | quality | bits per pixel | measuring, Msample/s | with quantising | with coding |\n"
        "|---:|---|---:|---:|---:|---:|---:|"
    )
    with tempfile.TemporaryDirectory() as folder:
        program, video = build(Path(folder), flags), Path(folder) / "video"
        width, height = raw(clip, frames, video)
        for group, coder, q in itertools.product((1, 4), ("range", "rice"), quality or [20, 32, 44]):
            words = [program, video, width, height, group, q, coder, seconds]
            done = subprocess.run([str(word) for word in words], check=True, capture_output=True)
            row = {"frames": group, "coder": coder, "quality": q, **json.loads(done.stdout)}
            row["bits_per_pixel"] = 8 * row["bytes"] / row["samples"] * 1.5  # 4:2:0 has 1.5 samples a pixel
            rows.append(row)
            typer.echo(
                f"| {group} | {coder} | {q} | {row['bits_per_pixel']:.3f} | {row['measuring']:.0f} | "
                f"{row['quantising']:.0f} | {row['all']:.0f} |"
            )
    out.mkdir(parents=True, exist_ok=True)
    record = {"clip": clip.name, "size": [width, height], "flags": flags, "rows": rows}
    (out / "sensing_encoder.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    typer.run(main)
