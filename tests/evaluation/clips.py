"""Clips and a coder small enough to be measured in a moment."""

from __future__ import annotations

import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sensic.errors import EvaluationError
from sensic.evaluation import Clip, Decoded, Encoded, Usage
from sensic.evaluation.clips import PIXEL_FORMATS, picture_of

WIDTH, HEIGHT = 64, 48


def write_clip(path: Path, frames: int = 6, *, width: int = WIDTH, height: int = HEIGHT, depth: int = 8) -> Path:
    """A gradient under noise that moves, lossless, 4:2:0."""
    rng = np.random.default_rng(0)
    sizes = ((height, width), *[((height + 1) // 2, (width + 1) // 2)] * 2)
    noise = [rng.normal(0, 6, size) for size in sizes]
    with av.open(str(path), "w") as writer:
        stream = writer.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = width, height, PIXEL_FORMATS[depth]
        for number in range(frames):
            planes = [_plane(size, np.roll(n, number, 1), depth) for size, n in zip(sizes, noise, strict=True)]
            picture = picture_of((planes[0], planes[1], planes[2]))
            picture.pts, picture.time_base = number, Fraction(1, 25)
            writer.mux(stream.encode(picture))
        writer.mux(stream.encode(None))
    return path


def _plane(size: tuple[int, int], noise: np.ndarray, depth: int) -> np.ndarray:
    rows, columns = size
    levels = 60 + np.add.outer(np.arange(rows), np.arange(columns)) + noise
    dtype = np.uint8 if depth == 8 else np.uint16
    return (levels.clip(16, 235) * (1 << (depth - 8))).astype(dtype)


class ZlibCoder:
    """A real coder, if a bad one: samples rounded to multiples of the setting, deflated. It notes what it is asked."""

    version = "zlib"

    def __init__(
        self, spec: str = "zlib", settings: tuple[float, ...] = (32, 16, 8, 4, 2), log: list[str] | None = None
    ):
        self.spec, self.settings = spec, settings
        self.log: list[str] = [] if log is None else log

    def encode(self, clip: Clip, out: Path, setting: float, *, gop: int, threads: int) -> Encoded:
        self.log.append(f"{self.spec} {clip.info.name} {setting:g}")
        frames = [b"".join(self.coarse(p, setting).tobytes() for p in planes) for planes in clip.frames()]
        packed = zlib.compress(b"".join(frames))
        out.write_bytes(b"head" + packed)
        bits = [8 * len(packed) / len(frames)] * len(frames)
        command = ["deflate", "--step", f"{setting:g}", "--gop", str(gop), "--threads", str(threads)]
        return Encoded(out, Usage(0.5, 0.4, 1 << 20), command, out.stat().st_size, len(packed), bits)

    def coarse(self, plane: np.ndarray, setting: float) -> np.ndarray:
        return (plane // int(setting) * int(setting)).astype(plane.dtype)

    def decode(self, stream: Path, out: Path, *, clip: Clip, threads: int) -> Decoded:
        out.write_bytes(zlib.decompress(stream.read_bytes()[4:]))
        return Decoded(out, Usage(0.25, 0.2, 1 << 19), ["inflate"])


class BrokenCoder(ZlibCoder):
    """Fails at one setting."""

    def encode(self, clip: Clip, out: Path, setting: float, *, gop: int, threads: int) -> Encoded:
        if setting == 8:
            raise EvaluationError("it broke")
        return super().encode(clip, out, setting, gop=gop, threads=threads)


class FickleCoder(ZlibCoder):
    """Decodes to other samples each time."""

    def decode(self, stream: Path, out: Path, *, clip: Clip, threads: int) -> Decoded:
        done = super().decode(stream, out, clip=clip, threads=threads)
        samples = np.frombuffer(out.read_bytes(), np.uint8).copy()
        self.times = getattr(self, "times", 0) + 1
        samples[0] = self.times
        out.write_bytes(samples.tobytes())
        return done
