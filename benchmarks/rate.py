"""How near rate control comes to its target: ``python -m benchmarks.rate CLIP=40k,80k,160k...``.

Encodes every clip at every bit rate with one pass and with two, and counts the packets of pictures that FFmpeg finds in
the files. Prints a table and writes ``rate.json``; what is in that file already is not measured again.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import av
import typer
from rich.console import Console

import sensic
from sensic.video import VideoSource


def bit_rate(stream: Path, seconds: float) -> float:
    """Bits per second of the pictures, as they are in the container."""
    with av.open(str(stream)) as file:
        return 8 * sum(packet.size for packet in file.demux(video=0)) / seconds


def seconds_of(clip: Path) -> tuple[int, float]:
    """Frames, and how long they are shown."""
    with VideoSource(clip) as source:
        times = [(frame.time, frame.duration, frame.time_base) for frame in source]
    (first, _, _), (last, duration, base) = times[0], times[-1]
    step = duration * base if duration else (last - first) / max(1, len(times) - 1)
    return len(times), float(last - first + step)


def measure(clip: Path, target: str, passes: int, preset: str, out: Path) -> dict[str, Any]:
    frames, seconds = seconds_of(clip)
    rate, stream = sensic.RateTarget.parse(bitrate=target, passes=passes), out / "rate.mkv"
    start = time.monotonic()
    report = sensic.encode(clip, stream, rate=rate, preset=preset, threads=1)
    took = time.monotonic() - start
    reached = bit_rate(stream, seconds)
    stream.unlink()
    return {
        "clip": clip.stem,
        "frames": frames,
        "seconds": seconds,
        "size": f"{report.width}x{report.height}",
        "target": rate.bitrate,
        "passes": passes,
        "reached": reached,
        "off": reached / (rate.bitrate or 1) - 1,
        "notes": report.notes,
        "encode_seconds": took,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a line for each clip and target."""
    lines = ["| clip | frames | size | target, kbit/s | one pass | two passes |", "|---|---|---|---|---|---|"]
    found = {(row["clip"], row["target"], row["passes"]): row for row in rows}
    for clip, target in dict.fromkeys((row["clip"], row["target"]) for row in rows):
        both = [found.get((clip, target, passes)) for passes in (1, 2)]
        facts = next(row for row in both if row)
        offs = " | ".join(f"{100 * row['off']:+.2f} %" if row else "" for row in both)
        lines.append(f"| {clip} | {facts['frames']} | {facts['size']} | {target / 1000:g} | {offs} |")
    return "\n".join(lines)


def main(
    clips: Annotated[list[str], typer.Argument(metavar="CLIP=RATE,RATE...")],
    preset: Annotated[str, typer.Option(help="Of sensic encode.")] = "medium",
    out: Annotated[Path, typer.Option(help="Folder for rate.json.")] = Path("benchmarks/out"),
) -> None:
    console = Console(stderr=True)
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "rate.json"
    rows: list[dict[str, Any]] = json.loads(kept.read_text()) if kept.is_file() else []
    known = {(row["clip"], row["target"], row["passes"]) for row in rows}
    for clip, _, targets in (words.rpartition("=") for words in clips):
        for target in targets.split(","):
            for passes in (1, 2):
                if (Path(clip).stem, sensic.RateTarget.parse(bitrate=target).bitrate, passes) in known:
                    continue
                rows.append(measure(Path(clip), target, passes, preset, out))
                kept.write_text(json.dumps(rows, indent=1) + "\n")
                row = rows[-1]
                console.print(
                    f"{row['clip']} {target} {passes}: {100 * row['off']:+.2f} %, {row['encode_seconds']:.0f} s "
                    f"{' '.join(row['notes'])}"
                )
    print(table(rows))


if __name__ == "__main__":
    typer.run(main)
