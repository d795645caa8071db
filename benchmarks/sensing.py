"""Rate and distortion of the sensing profile next to JPEG and x264: ``python -m benchmarks.sensing SOURCES``.

``SOURCES`` are videos, of which luma is coded, and the MATLAB files of snapshot compressive imaging (their array
``orig``). Every coder gets the same grey pictures and writes a file or files, whose bytes count, all of them: Sensic's
Matroska files, JPEG files (Pillow, optimised Huffman tables, one for each frame), raw H.264 streams. "JPEG, scans only"
leaves out the headers and tables that JPEG files repeat, in JPEG's favour. PSNR is of the mean squared error over all
frames, peak 255. PSNR at a rate is interpolated between the measured points, linear in the rate's logarithm, and left
out where there are none on both sides. x264 between frames is shown for what it is: a motion search and a frame
store better.

Writes ``sensing.json`` and ``sensing.md``.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import av
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from benchmarks.progress import progress_bar
from sensic.container import StreamHeader, StreamReader, StreamWriter
from sensic.model import Model
from sensic.sensing import SensingDecoder, SensingEncoder, SensingSettings
from sensic.sensing.matlab import read_arrays
from sensic.video import Frame, VideoInfo, VideoSource
from sensic.video.planes import frame_of, planes_of

Pictures = NDArray[np.uint8]  # [frames, H, W]

RATES = (0.05, 0.1, 0.2, 0.35, 0.5, 1.0)
LOWEST, HIGHEST, EVERY = 11, 47, 3
"""Qualities that are measured."""
JPEG_QUALITIES = (2, 4, 6, 9, 13, 18, 25, 35, 50, 65, 80, 90)
CRFS = range(14, 51, 4)
MOST = 1 << 14
_RATE = Fraction(25)


class Point(NamedTuple):
    setting: str
    bits_per_pixel: float
    psnr: float


Measured = Iterator[tuple[str, Point]]


def read(source: Path, frames: int | None) -> Pictures:
    """Luma, or ``orig``, of all frames or of the first ones."""
    if source.suffix == ".mat":
        pictures = np.moveaxis(read_arrays(source, ("orig",))["orig"], -1, 0)
        return np.ascontiguousarray(pictures[:frames], np.uint8)
    kept: list[NDArray[np.uint8]] = []
    with VideoSource(source) as video:
        for frame in video:
            if len(kept) == frames:
                break
            kept.append((frame.y >> (frame.depth - 8)).astype(np.uint8))
    return np.stack(kept)


def middle(pictures: Pictures, width: int, height: int) -> Pictures:
    """Of larger pictures, the middle ``width`` × ``height``."""
    left, top = max(pictures.shape[2] - width, 0) // 2, max(pictures.shape[1] - height, 0) // 2
    return np.ascontiguousarray(pictures[:, top : top + height, left : left + width])


def psnr(found: NDArray[Any], pictures: Pictures) -> float:
    error = float(np.mean(np.square(found.astype(np.float64) - pictures)))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def frames_of(pictures: Pictures) -> list[Frame]:
    """With chroma that is grey; it is coded too."""
    chroma = np.full((-(-pictures.shape[1] // 2), -(-pictures.shape[2] // 2)), 128, np.uint8)
    return [Frame(y, chroma, chroma, 8, number, 1 / _RATE) for number, y in enumerate(pictures)]


def sensing(
    pictures: Pictures, path: Path, settings: SensingSettings, decoders: dict[str, Model | None], name: str, every: int
) -> Measured:
    info = VideoInfo(width=pictures.shape[2], height=pictures.shape[1], time_base=1 / _RATE, rate=_RATE)
    for quality in range(LOWEST, HIGHEST + 1, every):
        header = StreamHeader(settings.pack(), quality, settings.frames, info, profile="sensing")
        with StreamWriter(path, header) as writer:
            for block in SensingEncoder(settings, 8, quality).blocks(frames_of(pictures)):
                writer.write(block)
        rate = 8 * path.stat().st_size / pictures.size
        for decoder, model in decoders.items():
            with StreamReader(path) as reader:
                back = SensingDecoder(reader.header, decoder, model=model).frames(reader.blocks())
                found = np.stack([frame.y for frame in back])
            yield f"{name}, {decoder}", Point(f"q{quality}", rate, psnr(found, pictures))


def jpeg(pictures: Pictures, _: Path) -> Measured:
    for quality in JPEG_QUALITIES:
        files = []
        for picture in pictures:
            out = BytesIO()
            Image.fromarray(picture).save(out, "JPEG", quality=quality, optimize=True)
            files.append(out.getvalue())
        score = psnr(np.stack([np.asarray(Image.open(BytesIO(file))) for file in files]), pictures)
        for name, size in (("JPEG", sum(map(len, files))), ("JPEG, scans only", sum(map(scan_bytes, files)))):
            yield name, Point(str(quality), 8 * size / pictures.size, score)


def scan_bytes(file: bytes) -> int:
    """What follows the header of a baseline JPEG file's scan."""
    start = file.index(b"\xff\xda")
    return len(file) - start - 2 - int.from_bytes(file[start + 2 : start + 4], "big")


def x264(pictures: Pictures, path: Path, gop: int, name: str) -> Measured:
    raw = path.with_suffix(".h264")
    for crf in CRFS:
        options = {"preset": "medium", "crf": str(crf), "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0"}
        with av.open(str(raw), "w", format="h264") as writer:
            output = writer.add_stream("libx264", rate=_RATE, options=options)
            output.width, output.height, output.pix_fmt = pictures.shape[2], pictures.shape[1], "yuv420p"
            for frame in frames_of(pictures):
                writer.mux(output.encode(frame_of(frame.planes, 8)))
            writer.mux(output.encode(None))
        with av.open(str(raw)) as reader:
            found = np.stack([planes_of(picture)[0] for picture in reader.decode(video=0)])
        yield name, Point(f"crf {crf}", 8 * raw.stat().st_size / pictures.size, psnr(found, pictures))


Coder = Callable[[Pictures, Path], Measured]


def coders(model: Model | None, full: bool, every: int) -> dict[str, Coder]:
    """What is measured, by the beginning of its rows' names."""
    decoders: dict[str, Model | None] = {"linear": None}
    if full:
        decoders["tv"] = None
    if model is not None:
        decoders["learned"] = model
    plain: dict[str, Model | None] = {"linear": None}
    measured = {
        "WHT, 4 frames": (SensingSettings(), decoders),
        "WHT, 1 frame": (SensingSettings(frames=1), plain),
        "learned ternary, 4 frames": (SensingSettings("learned_ternary"), plain),
    }
    if full:
        measured |= {
            "learned ternary, 1 frame": (SensingSettings("learned_ternary", 1), plain),
            "WHT, 4 frames, protected": (SensingSettings(protect=True), plain),
            "WHT, 4 frames, Golomb–Rice": (SensingSettings(mcu=True), plain),
            "WHT, 1 frame, Golomb–Rice": (SensingSettings(frames=1, mcu=True), plain),
            "scrambled": (SensingSettings("scrambled", 4), plain),
        }
    found: dict[str, Coder] = {
        name: partial(sensing, settings=settings, decoders=shown, name=name, every=every)
        for name, (settings, shown) in measured.items()
    }
    found["JPEG"] = jpeg
    for name, gop in (("x264 intra, medium", 1), ("x264 with motion, medium", 32)):
        found[name] = partial(x264, gop=gop, name=name)
    return found


def at_rate(points: list[Point], rate: float) -> float | None:
    """PSNR there; None where it would be a guess."""
    ordered = sorted(points, key=lambda point: point.bits_per_pixel)
    rates = [math.log(point.bits_per_pixel) for point in ordered]
    if not rates or not rates[0] <= math.log(rate) <= rates[-1]:
        return None
    return float(np.interp(math.log(rate), rates, [point.psnr for point in ordered]))


def markdown(results: dict[str, dict[str, list[Point]]]) -> str:
    lines = []
    for clip, rows in results.items():
        lines += [f"| {clip} | " + " | ".join(f"{rate:g} bpp" for rate in RATES) + " |"]
        lines += ["|---|" + "---:|" * len(RATES)]
        for name, points in rows.items():
            values = [at_rate(points, rate) for rate in RATES]
            lines.append(f"| {name} | " + " | ".join("–" if v is None else f"{v:.2f}" for v in values) + " |")
        lines.append("")
    return "\n".join(lines)


def main(
    sources: Annotated[list[Path], typer.Argument(help="Videos, or .mat files with orig.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for sensing.json and sensing.md.")] = Path("benchmarks/out"),
    frames: Annotated[int | None, typer.Option(help="Frames of each; all by default.", min=1)] = None,
    model: Annotated[str | None, typer.Option(help="A model of the sensing profile, for the learned decoder.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Every operator, coder and decoder.")] = False,
    most: Annotated[tuple[int, int], typer.Option(help="Width and height; of larger pictures the middle is taken.")] = (
        MOST,
        MOST,
    ),
    only: Annotated[str | None, typer.Option(help="One coder, by the beginning of its rows.")] = None,
    every: Annotated[int, typer.Option(help="From one quality to the next.", min=1)] = EVERY,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    loaded = Model.load(model) if model is not None else None
    results: dict[str, dict[str, list[Point]]] = {}
    named = coders(loaded, full, every)
    if only is not None and only not in named:
        raise typer.BadParameter(f"--only is one of {'; '.join(named)}")
    chosen = list(named.values()) if only is None else [named[only]]
    with tempfile.TemporaryDirectory() as scratch, progress_bar() as bar:
        task = bar.add_task("measuring", total=len(sources) * len(chosen))
        for source in sources:
            pictures, rows = middle(read(source, frames), *most), results.setdefault(source.stem, {})
            for coder in chosen:
                for name, point in coder(pictures, Path(scratch) / "coded.mkv"):
                    rows.setdefault(name, []).append(point)
                    bar.update(task, description=f"{source.stem} {name}")
                bar.update(task, advance=1)
            # After every source: a run that is stopped keeps what it has.
            (out / "sensing.json").write_text(json.dumps(results, indent=1) + "\n")
            (out / "sensing.md").write_text(markdown(results))
    typer.echo((out / "sensing.md").read_text())


if __name__ == "__main__":
    typer.run(main)
