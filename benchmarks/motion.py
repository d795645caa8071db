"""Motion: its bits and its prediction, raw against chosen vectors: ``python -m benchmarks.motion CLIPS``.

Raw are the medians of the dense flow in every block, as the first-order entropy of their horizontal differences; chosen
are the codec's own, in coded bits. Both predict from the same decoded pictures, which x264 makes here at about the
PSNR of the quality, so that no model is needed. Writes ``motion.json``.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice, pairwise
from math import log2, log10
from pathlib import Path
from typing import Annotated

import av
import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.progress import progress_bar
from sensic.entropy.coder import SymbolDecoder, SymbolEncoder
from sensic.evaluation.clips import Plane, decode_planes, picture_of
from sensic.motion import BLOCK, Candidates, Field, MotionCoder, MotionSearch, warp
from sensic.motion.search import trade_off

Luma = NDArray[np.uint8]
QUALITIES = (1, 13, 25, 32, 50)


@dataclass(frozen=True)
class Row:
    """Bits per luma pixel and PSNR of the prediction, over all inter frames of a clip at a quality."""

    clip: str
    quality: int
    raw_bpp: float
    raw_psnr: float
    bpp: float
    psnr: float


def luma8(plane: Plane) -> Luma:
    return np.asarray(plane if plane.dtype == np.uint8 else plane >> 2, np.uint8)


def padded(luma: Luma) -> Luma:
    down, right = -luma.shape[0] % BLOCK, -luma.shape[1] % BLOCK
    return np.asarray(cv2.copyMakeBorder(luma, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)


def references(lumas: list[Luma], quality: int, directory: Path) -> list[Luma]:
    """The pictures as x264 leaves them when it trades bits for error as the codec does at ``quality``."""
    path = directory / f"reference-{quality}.mkv"
    crf = round(9 - 3 * log2(trade_off(quality)))
    height, width = lumas[0].shape
    grey = np.full((height // 2, width // 2), 128, np.uint8)
    with av.open(str(path), "w") as writer:
        output = writer.add_stream("libx264", rate=25, options={"crf": str(crf), "preset": "fast"})
        output.width, output.height, output.pix_fmt = width, height, "yuv420p"
        for number, luma in enumerate(lumas):
            picture = picture_of((luma, grey, grey))
            picture.pts, picture.time_base = number, Fraction(1, 25)
            writer.mux(output.encode(picture))
        writer.mux(output.encode(None))
    return [np.asarray(planes[0], np.uint8) for planes in decode_planes(path)]


def first_order(fields: list[Field]) -> float:
    """Bits of the horizontal differences of vectors at their empirical entropy, components apart."""
    bits = 0.0
    for axis in (0, 1):
        values = np.concatenate([np.diff(f[axis].astype(int), axis=1, prepend=0).ravel() for f in fields])
        counts = np.unique_counts(values).counts
        bits -= float((counts * np.log2(counts / counts.sum())).sum())
    return bits


def predicted(reference: Luma, field: Field) -> NDArray[np.float32]:
    height, width = reference.shape
    return warp(reference.astype(np.float32), np.zeros((2, height // 2, width // 2), np.float32), field)[0]


def measure(
    name: str, lumas: list[Luma], decoded: list[Luma], flows: list[Candidates], quality: int, effort: int
) -> tuple[Row, dict[str, float]]:
    """The row of a clip at a quality, and the seconds that each step took for all frames together."""
    height, width = lumas[0].shape
    pictures, decoded = [padded(luma) for luma in lumas], [padded(luma) for luma in decoded]
    search = MotionSearch(pictures[0].shape[1], pictures[0].shape[0], effort)
    motion, coder, seconds = MotionCoder(*flows[0].fields[1].shape[1:]), SymbolEncoder(), defaultdict[str, float](float)
    fields, errors = [], np.zeros(2)
    for number, flow in enumerate(flows):
        started = time.perf_counter()
        fields.append(search.choose(pictures[number + 1], decoded[number], flow, motion.previous, quality, motion))
        chosen = time.perf_counter()
        motion.encode(fields[-1], coder)
        written = time.perf_counter()
        moved = predicted(decoded[number], fields[-1])
        warped = time.perf_counter()
        seconds["choose"] += chosen - started
        seconds["encode"] += written - chosen
        seconds["warp"] += warped - written
        both = predicted(decoded[number], flow.fields[1]), moved
        errors += [float(((p[:height, :width] - lumas[number + 1]) ** 2).mean()) / len(flows) for p in both]
    data = coder.finish()
    seconds["decode"] = check(data, fields)
    pixels = height * width * len(flows)
    raw = first_order([flow.fields[1] for flow in flows])
    psnr = [10 * log10(65025 / max(error, 1e-9)) for error in errors]
    return Row(name, quality, raw / pixels, psnr[0], 8 * len(data) / pixels, psnr[1]), seconds


def check(data: bytes, fields: list[Field]) -> float:
    """Seconds to decode the fields; they are what was coded."""
    motion, coder = MotionCoder(*fields[0].shape[1:]), SymbolDecoder(data)
    started = time.perf_counter()
    decoded = [motion.decode(coder) for _ in fields]
    seconds = time.perf_counter() - started
    if not all(np.array_equal(a, b) for a, b in zip(fields, decoded, strict=True)):
        raise AssertionError("the decoded motion is not what was encoded")
    return seconds


def main(
    sources: Annotated[list[Path], typer.Argument(help="Videos.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for motion.json.")] = Path("benchmarks/out"),
    frames: Annotated[int, typer.Option(help="Frames of each clip, in one group.", min=2)] = 32,
    effort: Annotated[int, typer.Option(help="Of the search.", min=0, max=9)] = 5,
    threads: Annotated[int, typer.Option(help="Of OpenCV.", min=1)] = 1,
) -> None:
    cv2.setNumThreads(threads)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    speeds: dict[str, dict[str, float]] = {}
    with progress_bar() as bar:
        task = bar.add_task("motion", total=len(sources) * len(QUALITIES))
        for source in sources:
            bar.update(task, description=source.stem)
            lumas = [luma8(planes[0]) for planes in islice(decode_planes(source), frames)]
            lumas = [luma[: luma.shape[0] & -2, : luma.shape[1] & -2] for luma in lumas]  # x264 wants even sizes
            pictures = [padded(luma) for luma in lumas]
            search = MotionSearch(pictures[0].shape[1], pictures[0].shape[0], effort)
            started = time.perf_counter()
            flows = [search.flow(b, a) for a, b in pairwise(pictures)]
            total = {"flow": (time.perf_counter() - started) * len(QUALITIES)}
            for quality in QUALITIES:
                decoded = references(lumas, quality, out)
                row, seconds = measure(source.stem, lumas, decoded, flows, quality, effort)
                rows.append(row)
                total |= {step: total.get(step, 0.0) + value for step, value in seconds.items()}
                (out / f"reference-{quality}.mkv").unlink()
                bar.advance(task)
            speeds[source.stem] = {step: 1000 * s / len(flows) / len(QUALITIES) for step, s in total.items()}
    record = {"frames": frames, "effort": effort, "rows": [asdict(row) for row in rows], "milliseconds": speeds}
    (out / "motion.json").write_text(json.dumps(record, indent=1) + "\n")
    report(rows, speeds)


def report(rows: list[Row], speeds: dict[str, dict[str, float]]) -> None:
    typer.echo(
        "| clip | quality | raw, bpp | dB | chosen, bpp | dB | fewer bits |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for r in rows:
        raw, chosen = f"{r.raw_bpp:.5f} | {r.raw_psnr:.2f}", f"{r.bpp:.5f} | {r.psnr:.2f}"
        typer.echo(f"| {r.clip} | {r.quality} | {raw} | {chosen} | {r.raw_bpp / r.bpp:.1f}× |")
    steps = ("flow", "choose", "encode", "decode", "warp")
    typer.echo("\n| ms per frame | " + " | ".join(steps) + " |\n|---" + "|---:" * len(steps) + "|")
    for clip, times in speeds.items():
        typer.echo(f"| {clip} | " + " | ".join(f"{times[step]:.1f}" for step in steps) + " |")


if __name__ == "__main__":
    typer.run(main)
