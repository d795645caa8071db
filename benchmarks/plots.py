"""Pictures: rate–distortion curves, and coders side by side on one frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.clips import Planes
from benchmarks.measurement import Measurement
from sensic.evaluation import plots


def rate_distortion(rows: Mapping[str, Mapping[str, Sequence[Measurement]]], path: Path) -> None:
    """One panel per clip: luma PSNR over bits per pixel of the whole file."""
    curves = {
        clip: {coder: [(m.bits_per_pixel, m.psnr[0]) for m in points] for coder, points in coders.items()}
        for clip, coders in rows.items()
    }
    plots.rate_distortion(curves, path)


def to_rgb(planes: Planes) -> NDArray[np.uint8]:
    """8-bit limited-range BT.601 4:2:0 as RGB [H, W, 3], chroma repeated."""
    y, u, v = (p.astype(np.float32) for p in planes)
    u, v = (c.repeat(2, 0).repeat(2, 1)[: y.shape[0], : y.shape[1]] - 128 for c in (u, v))
    y = 1.164 * (y - 16)
    rgb = np.stack([y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u], -1)
    return np.clip(np.round(rgb), 0, 255).astype(np.uint8)


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
