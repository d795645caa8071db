"""Small clips of real pictures, cut from the bundled one."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np

from sensic.evaluation.clips import PIXEL_FORMATS, Clip, Plane, Planes, decode_planes, load, picture_of
from sensic.evaluation.results import ClipInfo

BUNNY = Path(__file__).parents[2] / "demo" / "bunny.mp4"


def scenes(width: int, height: int, depth: int, frames: int, cut: int | None = None) -> list[Planes]:
    """The middle of the bundled clip; from ``cut`` on upside down and negative: another scene. The two bits more of 10
    are noise, so that they can be lost."""
    random = np.random.default_rng(0)
    sizes = [(height, width), ((height + 1) // 2, (width + 1) // 2), ((height + 1) // 2, (width + 1) // 2)]

    def plane(samples: Plane, size: tuple[int, int], number: int) -> Plane:
        top, left = (samples.shape[0] - size[0]) // 2, (samples.shape[1] - size[1]) // 2
        part = samples[top : top + size[0], left : left + size[1]]
        if cut is not None and number >= cut:
            part = 255 - part[::-1]
        if depth == 8:
            return np.ascontiguousarray(part)
        return (part.astype(np.uint16) << 2) + random.integers(0, 4, part.shape, np.uint16)

    pictures = islice(decode_planes(BUNNY), frames)
    return [
        (plane(y, sizes[0], n), plane(u, sizes[1], n), plane(v, sizes[2], n)) for n, (y, u, v) in enumerate(pictures)
    ]


def write(path: Path, pictures: Iterable[Planes], rate: Fraction = Fraction(25), codec: str = "ffv1") -> Path:
    """A lossless video file."""
    with av.open(str(path), "w") as writer:
        stream = None
        for number, planes in enumerate(pictures):
            if stream is None:
                stream = writer.add_stream(codec, rate=rate)
                stream.height, stream.width = planes[0].shape
                stream.pix_fmt = PIXEL_FORMATS[8 if planes[0].dtype == np.uint8 else 10]
            picture = picture_of(planes)
            picture.pts, picture.time_base = number, 1 / rate
            writer.mux(stream.encode(picture))
        assert stream is not None
        writer.mux(stream.encode(None))
    return path


def clip(
    directory: Path, width: int = 96, height: int = 64, depth: int = 8, frames: int = 10, cut: int | None = None
) -> Clip:
    """``scenes`` as coders get them."""
    source = write(directory / f"{width}x{height}x{depth}.mkv", scenes(width, height, depth, frames, cut))
    return load(source, directory)


def raw_planes(path: Path, info: ClipInfo) -> list[Planes]:
    """The pictures of a raw file."""
    chroma = ((info.height + 1) // 2, (info.width + 1) // 2)
    ends = np.cumsum([info.height * info.width, chroma[0] * chroma[1], chroma[0] * chroma[1]])
    samples = np.fromfile(path, np.uint8 if info.depth == 8 else np.dtype("<u2")).reshape(-1, ends[-1])

    def planes(row: Plane) -> Planes:
        y, u, v = np.split(row, ends[:2])
        return y.reshape(info.height, info.width), u.reshape(chroma), v.reshape(chroma)

    return [planes(row) for row in samples]


def same(ours: Iterable[Planes], theirs: Iterable[Planes]) -> bool:
    return all(np.array_equal(a, b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True))


def psnr(ours: Iterable[Planes], theirs: Iterable[Planes], depth: int) -> list[float]:
    """In dB, of each plane over all pictures; 100 where they are equal."""
    errors = [
        [np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(x, y, strict=True)]
        for x, y in zip(ours, theirs, strict=True)
    ]
    peak = (1 << depth) - 1
    return [float(10 * np.log10(peak**2 / max(error, peak**2 / 1e10))) for error in np.mean(errors, axis=0)]
