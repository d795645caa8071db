"""The main job on one clip, next to x264 and x265 at the same PSNR: ``python -m benchmarks.demo CLIP``.

Encodes, decodes and verifies; leaves the stream, the decoded video and a side-by-side picture in the output folder.
Exit code 1 when anything that was decoded is not what it should be.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.table import Table

import sensic
from benchmarks.matching import Coded, at_psnr, code
from benchmarks.progress import progress_bar
from sensic.evaluation import Clip, ClipInfo, coder, load
from sensic.evaluation.clips import Planes, decode_planes
from sensic.evaluation.metrics.samples import psnr
from sensic.evaluation.report.crops import to_rgb

ANCHORS = ("x264:medium", "x265:medium")
CROP = (1 / 5, 1 / 3, 1 / 3, 1 / 4)  # left, top, width, height of the enlarged part, of the picture's
MATCHED = 0.1  # dB within which a reference coder counts as having the same PSNR


def table_of(info: ClipInfo, rows: Sequence[Coded]) -> Table:
    table = Table(title="the same clip at the same luma PSNR")
    names = ("coder", "setting", "bits\nper pixel", "file\nbytes", "Y-PSNR\ndB", "encode\nframes/s", "decode\nframes/s")
    for heading in names:
        table.add_column(heading, justify="left" if heading == "coder" else "right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.coder,
            f"{'q' if row.coder == 'sensic' else 'crf'} {row.setting:g}",
            f"{bits_per_pixel(info, row):.4f}",
            f"{row.encoded.file_bytes:,}",
            f"{row.psnr:.2f}",
            f"{info.frames / row.encoded.usage.seconds:.1f}",
            f"{info.frames / row.decoding.seconds:.1f}",
        )
    return table


def bits_per_pixel(info: ClipInfo, row: Coded) -> float:
    return 8 * row.encoded.file_bytes / info.pixels


def luma_psnr(decoded: Iterable[Planes], source: Iterable[Planes], depth: int) -> float:
    """Of the error averaged over all frames. Raises ValueError where frames are missing."""
    pairs = zip(decoded, source, strict=True)
    errors = [float(np.mean((a[0].astype(np.int32) - b[0].astype(np.int32)) ** 2)) for a, b in pairs]
    return psnr(sum(errors) / len(errors), depth)


def check(clip: Clip, stream: Path, decoded: Path, expected: float) -> list[str]:
    """What is wrong with a stream and the lossless file that was decoded from it; empty when all is well."""
    try:
        report = sensic.verify(stream, reference=clip.path, threads=2)
    except sensic.SensicError as error:
        return [str(error)]
    faults = []
    if report.frames != clip.info.frames:
        faults.append(f"{report.frames} of {clip.info.frames} frames decoded")
    in_file = luma_psnr(decode_planes(decoded), clip.frames(), clip.info.depth)
    for what, value in (("verify", report.psnr[0] if report.psnr else 0), ("the decoded file", in_file)):
        if abs(value - expected) > 0.001:
            faults.append(f"{what} has {value:.3f} dB, the stream as read {expected:.3f} dB")
    return faults


def side_by_side(
    pictures: Sequence[tuple[str, Planes]], path: Path, crop: tuple[int, int, int, int], zoom: int = 3, columns: int = 2
) -> None:
    """Labelled pictures in a grid, each above its ``crop`` (left, top, width, height) enlarged ``zoom`` times.

    The enlargement repeats pixels, so that nothing is smoothed away.
    """
    left, top, width, height = crop
    font = ImageFont.load_default(18)
    tiles = []
    for label, planes in pictures:
        picture = Image.fromarray(to_rgb(planes))
        detail = picture.crop((left, top, left + width, top + height)).resize(
            (width * zoom, height * zoom), Image.Resampling.NEAREST
        )
        ImageDraw.Draw(picture).rectangle((left, top, left + width - 1, top + height - 1), outline="white")
        tile = Image.new("RGB", (max(picture.width, detail.width), 30 + picture.height + 4 + detail.height), "#212529")
        ImageDraw.Draw(tile).text((8, 4), label, "white", font)
        tile.paste(picture, (0, 30))
        tile.paste(detail, (0, 30 + picture.height + 4))
        tiles.append(tile)
    cell_width, cell_height = tiles[0].width + 6, tiles[0].height + 6
    sheet = Image.new("RGB", (columns * cell_width - 6, ceil(len(tiles) / columns) * cell_height - 6), "black")
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % columns * cell_width, i // columns * cell_height))
    sheet.save(path, optimize=True)


def label(info: ClipInfo, row: Coded) -> str:
    return f"{row.coder}, {bits_per_pixel(info, row):.3f} bits per pixel, {row.psnr:.1f} dB"


def main(
    source: Annotated[Path, typer.Argument(help="Video, 4:2:0 of 8 or 10 bits.", exists=True)] = Path("demo/bunny.mp4"),
    out: Annotated[Path, typer.Option(help="Folder for what is made.")] = Path("demo/out"),
    quality: Annotated[int, typer.Option(help="Quality of Sensic, 0 to 63.")] = 32,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    stream, decoded, sheet = out / "sensic.mkv", out / "decoded.mkv", out / "side-by-side.png"
    with tempfile.TemporaryDirectory() as scratch, progress_bar() as bar:
        task = bar.add_task("encoding", total=4)
        clip = load(source, Path(scratch))
        info, shown = clip.info, clip.info.frames * 2 // 3

        def picture(frames: Iterable[Planes]) -> Planes:
            return next(islice(frames, shown, None))

        rows = [code(clip, stream, coder("sensic"), quality)]
        bar.update(task, advance=1, description="decoding and verifying")
        sensic.decode(stream, decoded, threads=2)
        faults = check(clip, stream, decoded, rows[0].psnr)
        pictures = [("source", picture(clip.frames())), (label(info, rows[0]), picture(decode_planes(decoded)))]
        for anchor in ANCHORS:
            bar.update(task, advance=1, description=f"finding the crf of {anchor}")
            rows.append(at_psnr(clip, Path(scratch), coder(anchor), rows[0].psnr))
            pictures.append((label(info, rows[-1]), picture(decode_planes(rows[-1].encoded.path))))
    left, top, width, height = (round(p * side) for p, side in zip(CROP, (info.width, info.height) * 2, strict=True))
    side_by_side(pictures, sheet, (left, top, width, height))
    console = Console()
    console.print(table_of(info, rows))
    for row in rows[1:]:
        if abs(row.psnr - rows[0].psnr) > MATCHED:
            console.print(f"[yellow]{row.coder} could not be brought to the same PSNR; its bytes don't compare[/]")
    for path, what in ((stream, "the stream"), (decoded, "decoded, lossless"), (sheet, "side by side")):
        console.print(f"{path}  {what}, {path.stat().st_size:,} bytes", highlight=False)
    if faults:
        console.print(f"[red]not as it should be: {'; '.join(faults)}[/]")
        sys.exit(1)
    console.print(f"verified: {info.frames} frames, every checksum and every picture as encoded", highlight=False)


if __name__ == "__main__":
    typer.run(main)
