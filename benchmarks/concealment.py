"""What stand-ins are worth: ``python -m benchmarks.concealment CLIP…``.

Each clip is coded picture by picture in groups; of every group one picture is damaged, so that the rest of the group is
lost. PSNR of luma of the pictures that stand in for it, against the clip, as Sensic shows them and as the last good
picture repeated, by their distance from that. Writes ``concealment.json`` and ``concealment.md``.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import sensic
from benchmarks.progress import progress_bar
from sensic.codec.concealment import Concealment
from sensic.codec.profiles import check_for, decoder_for
from sensic.container import StreamReader
from sensic.video import Filters, Frame, VideoSource

GROUP, GOOD = 16, 6
"""Pictures of a group, and how many of them come before the damage."""
DISTANCES = (1, 2, 4, 8)


def psnr(a: Frame, b: Frame) -> float:
    error = np.square(a.y.astype(np.float64) - b.y).mean()
    return float(10 * np.log10(((1 << a.depth) - 1) ** 2 / max(error, 1e-9)))


def damaged(stream: bytes) -> bytes:
    """One picture of each group has a byte that is wrong."""
    data, place = bytearray(stream), 0
    with StreamReader(stream) as reader:
        for number, block in enumerate(reader.blocks()):
            place = data.index(block.payload, place)
            if number % GROUP == GOOD:
                data[place] ^= 1
    return bytes(data)


def measure(clip: Path, frames: int, quality: int) -> dict[str, Any]:
    """Mean PSNR at each distance: repeated, and as shown."""
    filters = Filters(trim=f"0f:{frames}f")
    with VideoSource(clip, filters) as video:
        truth = [replace(f, y=f.y.copy()) for f in video]
    with tempfile.TemporaryDirectory() as name:
        stream = Path(name) / "s.mkv"
        sensic.encode(clip, stream, quality=quality, gop=GROUP, low_latency=True, preset=0, filters=filters, threads=1)
        data = damaged(stream.read_bytes())
    with StreamReader(io.BytesIO(data)) as reader:
        decoder = decoder_for(reader.header, None, 1)
        shown = list(Concealment(decoder, reader.header, check_for(decoder)).frames(reader.survivors()))
    found: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for start in range(0, len(truth) - GROUP + 1, GROUP):
        last = shown[start + GOOD - 1]
        for distance in DISTANCES:
            number = start + GOOD - 1 + distance
            found[distance].append((psnr(last, truth[number]), psnr(shown[number], truth[number])))
    means = {distance: np.mean(pairs, 0).round(2).tolist() for distance, pairs in found.items()}
    return {"clip": clip.stem, "losses": len(found[1]), "psnr": means}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: repeated → as shown."""
    lines = [f"| clip | {' | '.join(f'{d} on' for d in DISTANCES)} |", f"|---|{'---:|' * len(DISTANCES)}"]
    for row in rows:
        cells = (f"{row['psnr'][d][0]:.2f} → {row['psnr'][d][1]:.2f}" for d in DISTANCES)
        lines.append(f"| {row['clip']} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(
    clips: Annotated[list[Path], typer.Argument(help="Videos of 16 frames or more.", exists=True)],
    frames: Annotated[int, typer.Option(min=GROUP, help="How many of each.")] = 32,
    quality: int = 32,
    out: Annotated[Path, typer.Option(help="Folder for concealment.json and .md.")] = Path("benchmarks/out"),
) -> None:
    """Compare pictures that stand in for lost ones with the true ones."""
    with progress_bar() as bar:
        rows = [measure(clip, frames, quality) for clip in bar.track(clips, description="concealing")]
    out.mkdir(parents=True, exist_ok=True)
    (out / "concealment.json").write_text(json.dumps(rows, indent=1) + "\n")
    (out / "concealment.md").write_text(table(rows))
    print(table(rows), end="")


if __name__ == "__main__":
    typer.run(main)
