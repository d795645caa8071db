"""The main job on one clip, next to x264 and x265 at the same PSNR: ``python -m benchmarks.demo CLIP``.

Encodes, decodes and verifies; leaves the stream, the decoded video and a side-by-side picture in the output folder.
Exit code 1 when anything that was decoded is not what it should be.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import sensic
from benchmarks import anchors, clips, metrics, ours, plots
from benchmarks.clips import Clip, Planes
from benchmarks.measurement import Measurement
from benchmarks.progress import progress_bar

CROP = (1 / 5, 1 / 3, 1 / 3, 1 / 4)  # left, top, width, height of the enlarged part, of the picture's
MATCHED = 0.1  # dB within which a reference coder counts as having the same PSNR


def table_of(rows: list[Measurement]) -> Table:
    table = Table(title="the same clip at the same luma PSNR")
    for heading in (
        "coder",
        "setting",
        "bits\nper pixel",
        "file\nbytes",
        "Y-PSNR\ndB",
        "encode\nframes/s",
        "decode\nframes/s",
    ):
        table.add_column(heading, justify="left" if heading == "coder" else "right", no_wrap=True)
    for m in rows:
        setting = f"{'q' if m.coder == 'sensic' else 'crf'} {m.setting:g}"
        table.add_row(
            m.coder,
            setting,
            f"{m.bits_per_pixel:.4f}",
            f"{m.file_bytes:,}",
            f"{m.psnr[0]:.2f}",
            f"{m.encode_rate:.1f}",
            f"{m.decode_rate:.1f}",
        )
    return table


def check(clip: Clip, stream: Path, decoded: Path, expected: float) -> list[str]:
    """What is wrong with a stream and the lossless file that was decoded from it; empty when all is well."""
    try:
        report = sensic.verify(stream, reference=clip.path, threads=2)
    except sensic.SensicError as error:
        return [str(error)]
    faults = []
    if report.frames != len(clip.frames):
        faults.append(f"{report.frames} of {len(clip.frames)} frames decoded")
    in_file = metrics.plane_psnrs(list(clips.decode_planes(decoded)), clip.frames, clip.depth)[0]
    for what, psnr in (("verify", report.psnr[0] if report.psnr else 0), ("the decoded file", in_file)):
        if abs(psnr - expected) > 0.001:
            faults.append(f"{what} has {psnr:.3f} dB, the stream as read {expected:.3f} dB")
    return faults


def picture(clip: Clip, streams: list[tuple[str, Planes]], path: Path) -> None:
    left, top, width, height = (
        round(part * side) for part, side in zip(CROP, (clip.width, clip.height) * 2, strict=True)
    )
    plots.side_by_side(streams, path, (left, top, width, height))


def main(
    source: Annotated[Path, typer.Argument(help="Video, 4:2:0 of 8 bits.", exists=True)] = Path("demo/bunny.mp4"),
    out: Annotated[Path, typer.Option(help="Folder for what is made.")] = Path("demo/out"),
    quality: Annotated[int, typer.Option(help="Quality of Sensic, 0 to 63.")] = 32,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    clip = clips.read(source)
    stream, decoded, sheet = out / "sensic.mkv", out / "decoded.mkv", out / "side-by-side.png"
    with tempfile.TemporaryDirectory() as scratch, progress_bar() as bar:
        task = bar.add_task("encoding", total=4)
        rows = [ours.measure(clip, stream, quality)]
        bar.update(task, advance=1, description="decoding and verifying")
        sensic.decode(stream, decoded, threads=2)
        faults = check(clip, stream, decoded, rows[0].psnr[0])
        shown = len(clip.frames) * 2 // 3
        pictures = [("source", clip.frames[shown]), (label(rows[0]), ours.decode_planes(stream)[shown])]
        for coder in anchors.CODERS:
            bar.update(task, advance=1, description=f"finding the crf of {coder}")
            found, path = anchors.at_psnr(clip, Path(scratch), coder, rows[0].psnr[0])
            rows.append(found)
            pictures.append((label(found), list(clips.decode_planes(path))[shown]))
    picture(clip, pictures, sheet)
    console = Console()
    console.print(table_of(rows))
    for m in rows[1:]:
        if abs(m.psnr[0] - rows[0].psnr[0]) > MATCHED:
            console.print(f"[yellow]{m.coder} could not be brought to the same PSNR; its bytes don't compare[/]")
    for path, what in ((stream, "the stream"), (decoded, "decoded, lossless"), (sheet, "side by side")):
        console.print(f"{path}  {what}, {path.stat().st_size:,} bytes", highlight=False)
    if faults:
        console.print(f"[red]not as it should be: {'; '.join(faults)}[/]")
        sys.exit(1)
    console.print(f"verified: {len(clip.frames)} frames, every checksum and every picture as encoded", highlight=False)


def label(m: Measurement) -> str:
    return f"{m.coder}, {m.bits_per_pixel:.3f} bits per pixel, {m.psnr[0]:.1f} dB"


if __name__ == "__main__":
    typer.run(main)
