"""Where the bits go and where the errors are, next to x265 at equal quality: ``python -m benchmarks.bits CLIPS``.

The encoder's own count of ideal bits is split by part and frame; the file is written too, and what the parts leave of
it is called the rest (container, checksums, rounding of the coder). x265 runs at the crf that gives the same luma PSNR.
This opens the codec, as a decoder can't tell the prediction from the picture. Writes ``bits.json``, ``bits.md`` and
``bits.png``.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import av
import numpy as np
import torch
import typer
from av.video.frame import PictureType
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray
from torch import Tensor

import sensic
from benchmarks.matching import at_psnr
from benchmarks.progress import progress_bar
from sensic.codec.encoder import Encoder
from sensic.codec.pixels import to_tensors
from sensic.codec.settings import EncoderSettings, effort_of
from sensic.evaluation import Clip, bd, load
from sensic.evaluation.clips import Plane, Planes, planes_of
from sensic.evaluation.coders.ffmpeg import FFmpegCoder, Request
from sensic.evaluation.compare import QUALITIES
from sensic.evaluation.metrics.samples import psnr
from sensic.model import Model
from sensic.networks.codec import pack
from sensic.runtime import Backend, OnnxBackend
from sensic.training.data.pack import open_packs
from sensic.training.klt import klt_basis, to_blocks
from sensic.video import Frame, VideoSource

GOP = 32
CHANNELS = (96, 128, 192, 256)  # of a latent
PACK_CLIPS = 60
FIRST = 8  # frames at either end of a group that are compared for drift
COLOURS = {
    "intra y": "#c2255c", "intra z": "#f783ac", "inter motion": "#1971c2", "inter z": "#74c0fc", "inter y": "#e8590c",
    "I": "#862e9c", "P": "#2f9e44", "B": "#8ce99a", "rest": "#868e96",
}  # fmt: skip


@dataclass(frozen=True)
class CodedFrame:
    """One frame: its ``kind``, ideal bits by part, and the squared error of its luma on the 8-bit scale; ``predicted``
    is the error of the prediction alone (None for intra frames), ``unrounded`` the error that would be left if the
    latent were sent as it is, without rounding; None where nobody can know."""

    kind: str
    bits: dict[str, float]
    error: float
    predicted: float | None = None
    unrounded: float | None = None

    @property
    def intra(self) -> bool:
        return self.kind in ("intra", "I")


@dataclass(frozen=True)
class Coded:
    """A clip coded at one setting. ``bpp`` and ``psnr`` are by part and by kind of frame, see ``summary``."""

    coder: str
    setting: float
    bpp: dict[str, float]
    psnr: dict[str, float]


def summary(coder: str, setting: float, frames: Sequence[CodedFrame], pixels: int, file_bytes: int) -> Coded:
    """Bits per pixel of the whole clip by part, summing to those of the file, and the PSNR of every kind of frame,
    of all, of inter frames, of their prediction, of the first and last inter frames, and unrounded."""
    bpp: dict[str, float] = {}
    for frame in frames:
        for part, bits in frame.bits.items():
            bpp[part] = bpp.get(part, 0.0) + bits / pixels
    bpp["rest"] = 8 * file_bytes / pixels - sum(bpp.values())
    inter = [f for f in frames if not f.intra]
    kinds = {kind: [f for f in frames if f.kind == kind] for kind in dict.fromkeys(f.kind for f in frames)}
    kinds |= {"all": list(frames), "inter": inter, "first": inter[:FIRST], "last": inter[-FIRST:]}
    values = {name: mean_psnr(f.error for f in some) for name, some in kinds.items()}
    values["prediction"] = mean_psnr(f.predicted for f in inter if f.predicted is not None)
    for name, some in (("unrounded intra", [f for f in frames if f.intra]), ("unrounded inter", inter)):
        values[name] = mean_psnr(f.unrounded for f in some if f.unrounded is not None)
    return Coded(coder, setting, bpp, {name: value for name, value in values.items() if not math.isnan(value)})


def mean_psnr(errors: Iterable[float]) -> float:
    """Of the mean squared error; NaN of nothing."""
    values = list(errors)
    return psnr(sum(values) / len(values), 8) if values else math.nan


def luma8(plane: Plane, depth: int) -> NDArray[np.float32]:
    return (plane >> (depth - 8)).astype(np.float32)


def squared_error(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.mean((a.astype(np.float64) - b) ** 2))


class WithoutB(FFmpegCoder):
    """x265 without frames that refer to the future."""

    def __init__(self) -> None:
        super().__init__("x265")
        self.spec, options = f"{self.spec} without B", self._family.options

        def plain(request: Request) -> list[str]:
            words = options(request)
            words[words.index("-x265-params") + 1] += ":bframes=0"
            return words

        self._family = replace(self._family, options=plain)


def code_ours(
    clip: Clip,
    pictures: Sequence[Planes],
    path: Path,
    quality: int,
    preset: str,
    model: Model,
    backend: Backend,
    tick: Callable[[], None],
) -> Coded:
    """The clip, of these ``pictures``, through the real encoder, watched frame by frame; its file goes to ``path``."""
    frames: list[CodedFrame] = []
    settings = EncoderSettings(quality=quality, gop=GOP, effort=effort_of(preset))
    encoder = Encoder(model, backend, clip.info.width, clip.info.height, settings)
    before = dict(encoder.bits)

    def watch() -> None:
        nonlocal before
        bits = {part: encoder.bits[part] - before[part] for part in ("motion", "z", "y")}
        before = dict(encoder.bits)
        number = len(frames)
        frames.append(watched(encoder, model, backend, pictures[number], clip.info.depth, number, quality, bits))
        tick()

    with VideoSource(clip.path) as video:
        payload = sum(len(block.payload) for block in encoder.blocks(islice(video, len(pictures)), watch))
    report = sensic.encode(clip.path, path, quality=quality, gop=GOP, preset=preset, model=str(model.directory))
    if report.payload_bytes != payload:
        raise AssertionError(f"the watched encoder wrote {payload} bytes, the other {report.payload_bytes}")
    return summary("sensic", quality, frames, clip.info.pixels, path.stat().st_size)


def watched(
    encoder: Encoder,
    model: Model,
    backend: Backend,
    planes: Planes,
    depth: int,
    number: int,
    quality: int,
    bits: dict[str, float],
) -> CodedFrame:
    """The frame that the encoder has just coded, its ``bits`` by part."""
    y, u, v = planes
    source = luma8(y, depth)
    height, width = source.shape
    if not any(bits.values()):
        return CodedFrame("repeat", {}, squared_error(encoder._pixels.reference[:height, :width], source))
    position = encoder._position - 1  # the encoder may have started a group by itself
    picture, given = encoder._pixels, encoder._pixels._given
    coded_at = model.frame_quality(quality, position)
    latent, _ = picture.analyse(to_tensors(Frame(y, u, v, depth, number, Fraction(1, 25))), coded_at)
    index = np.array([coded_at], np.int64)
    whole, _ = backend.run("synthesis", {"latent": latent, **given, "quality": index})
    errors = (
        squared_error(picture.reference[:height, :width], source),
        squared_error(shown(whole[0, 0], source), source),
    )
    if position == 0:
        bits = {"intra y": bits["y"], "intra z": bits["z"]}
        return CodedFrame("intra", bits, errors[0], None, errors[1])
    packed = given["prediction"][0, :64]
    rows, columns = packed.shape[1:]
    luma = packed.reshape(8, 8, rows, columns).transpose(2, 0, 3, 1).reshape(8 * rows, 8 * columns)
    pattern = model.manifest["quality_offsets"]["inter"]
    kind = f"inter {pattern[(position - 1) % len(pattern)]:+d}"  # of the quality, in the hierarchy
    bits = {f"inter {part}": count for part, count in bits.items()}
    return CodedFrame(kind, bits, errors[0], squared_error(shown(luma, source), source), errors[1])


def shown(luma: NDArray[np.float32], source: NDArray[Any]) -> NDArray[np.float32]:
    """-0.5..0.5 on the 8-bit scale, cropped to the size of ``source``."""
    levels: NDArray[np.float32] = (luma[: source.shape[0], : source.shape[1]] + 0.5) * 255
    return levels.clip(0, 255)


def code_x265(clip: Clip, pictures: Sequence[Planes], directory: Path, coder: FFmpegCoder, target: float) -> Coded:
    """The clip, of these ``pictures``, by x265 at about ``target`` dB of luma; packets counted by type of picture."""
    measured = at_psnr(clip, directory, coder, target)
    path = measured.encoded.path
    with av.open(str(path)) as reader:
        sizes = {packet.pts: packet.size for packet in reader.demux(video=0) if packet.size}
    frames = []
    with av.open(str(path)) as reader:
        for source, picture in zip(pictures, reader.decode(video=0), strict=True):
            kind = PictureType(picture.pict_type).name
            decoded = luma8(planes_of(picture)[0], clip.info.depth)
            error = squared_error(decoded, luma8(source[0], clip.info.depth))
            frames.append(CodedFrame(kind, {kind: 8.0 * sizes[picture.pts]}, error))
    return summary(coder.spec, measured.setting, frames, clip.info.pixels, path.stat().st_size)


Rows = dict[str, list[tuple[Coded, ...]]]  # clip: ours and x265's of each kind, quality by quality
Deltas = dict[str, dict[str, dict[str, float | str]]]  # clip, coder, kind of frames


def delta_rates(rows: Rows) -> Deltas:
    """BD-rate in percent of intra frames alone, of inter frames alone and of whole files, or why there is none."""
    result: Deltas = {}
    for name, settings in rows.items():
        ours, *others = zip(*settings, strict=True)
        result[name] = {
            theirs[0].coder: {kind: delta_rate(theirs, ours, kind) for kind in ("intra", "inter", "all")}
            for theirs in others
        }
    return result


def delta_rate(anchor: Sequence[Coded], test: Sequence[Coded], kind: str) -> float | str:
    try:
        return bd.delta_rate(*([_point(coded, kind) for coded in curve] for curve in (anchor, test))).percent
    except ValueError as error:
        return str(error)


def _point(coded: Coded, kind: str) -> tuple[float, float]:
    """Rate and PSNR of frames of a kind, in the names of either coder."""
    intra = coded.bpp.get("I", 0.0) + coded.bpp.get("intra y", 0.0) + coded.bpp.get("intra z", 0.0)
    total = sum(coded.bpp.values())
    if kind == "all":
        return total, coded.psnr["all"]
    if kind == "intra":
        return intra, coded.psnr["I" if "I" in coded.psnr else "intra"]
    return total - intra - coded.bpp["rest"], coded.psnr["inter"]


@dataclass(frozen=True)
class Pictures:
    """Clips as ``klt_basis`` reads them."""

    y: NDArray[Any]
    uv: NDArray[Any]
    depth: int


def basis_of(packs: Sequence[Path]) -> Tensor:
    """KLT of the first ``PACK_CLIPS`` clips of each pack."""
    footage = []
    for pack_file in open_packs(packs):
        clips_read = list(islice(pack_file.read(), PACK_CLIPS))
        y, uv = (np.stack(planes) for planes in zip(*clips_read, strict=True))
        footage.append(Pictures(y, uv, pack_file.depth))
    return klt_basis(footage)[0]


def ceilings(pictures: Sequence[Planes], depth: int, basis: Tensor) -> dict[int, float]:
    """Luma PSNR of pictures that keep so many of the 384 coefficients of each 16 × 16 block and rounds nothing."""
    height, width = (side // 16 * 16 for side in pictures[0][0].shape)
    peak, errors = np.float32((1 << depth) - 1), dict.fromkeys(CHANNELS, 0.0)
    for y, u, v in pictures:
        luma = torch.from_numpy(y[:height, :width].astype(np.float32) / peak - np.float32(0.5))
        chroma_samples = np.stack([u, v])[:, : height // 2, : width // 2].astype(np.float32)
        chroma = torch.from_numpy(chroma_samples / peak - np.float32(0.5))
        blocks = to_blocks(pack(luma[None, None], chroma[None])).permute(0, 2, 3, 1)
        for kept in CHANNELS:
            error = blocks - blocks @ basis[:kept].T @ basis[:kept]
            errors[kept] += float(error[..., : 4 * 64].square().mean()) / len(pictures)  # luma is first
    return {kept: psnr(error * 255**2, 8) for kept, error in errors.items()}


def markdown(rows: Rows, limits: dict[str, dict[int, float]]) -> str:
    flat = [(name, coded) for name, settings in rows.items() for setting in settings for coded in setting]
    parts = [part for part in COLOURS if any(part in coded.bpp for _, coded in flat)]
    kinds = list(dict.fromkeys(kind for _, coded in flat for kind in coded.psnr))

    def share(coded: Coded, part: str) -> str:
        value = coded.bpp.get(part)
        return "" if value is None else f"{value:.4f} ({value / sum(coded.bpp.values()):.0%})"

    def decibels(coded: Coded, kind: str) -> str:
        return f"{coded.psnr[kind]:.2f}" if kind in coded.psnr else ""

    lines = ["Bits per pixel of the whole clip, in brackets the share of the file:", ""]
    cells = [
        [name, c.coder, f"{c.setting:g}", *(share(c, p) for p in parts), f"{sum(c.bpp.values()):.4f}"]
        for name, c in flat
    ]
    lines += table(["clip", "coder", "setting", *parts, "file"], cells)
    lines += [
        "",
        f"Luma PSNR in dB. Inter frames by their offset in the hierarchy of qualities; first and last are the {FIRST} "
        "first and last inter frames; unrounded is what the networks would show if nothing of the frame were rounded:",
        "",
    ]
    cells = [[name, c.coder, f"{c.setting:g}", *(decibels(c, k) for k in kinds)] for name, c in flat]
    lines += table(["clip", "coder", "setting", *kinds], cells)
    lines += ["", "BD-rate, frames of a kind compared with frames of a kind:", ""]
    cells = [
        [name, coder, *(v if isinstance(v, str) else f"{v:+.0f}%" for v in entry.values())]
        for name, coders in delta_rates(rows).items()
        for coder, entry in coders.items()
    ]
    lines += table(["clip", "against", "intra frames", "inter frames", "whole files"], cells)
    lines += [
        "",
        "Luma PSNR with only so many coefficients of every block, nothing rounded, in the KLT of the packs:",
        "",
    ]
    cells = [[name, "", *(f"{value:.2f}" for value in row.values())] for name, row in limits.items()]
    lines += table(["clip", "", *map(str, CHANNELS)], cells)
    return "\n".join(lines) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of markdown; all but the first two columns are numbers."""
    rule = "|---|---|" + "---:|" * (len(head) - 2)
    return ["| " + " | ".join(head) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)]


def draw(rows: Rows, path: Path) -> None:
    """Per clip and quality a stacked bar of every coder, in percent of x265's file at the same PSNR."""
    figure = Figure(figsize=(4.6 * len(rows), 4.2), layout="constrained")
    panels = figure.subplots(1, len(rows), squeeze=False, sharey=True)[0]
    for (name, settings), panel in zip(rows.items(), panels, strict=True):
        width = 0.8 / len(settings[0])
        for place, setting in enumerate(settings):
            unit = sum(setting[1].bpp.values()) / 100
            for side, coded in enumerate(setting):
                bottom = 0.0
                for part, colour in COLOURS.items():
                    height = coded.bpp.get(part, 0.0) / unit
                    panel.bar(place + width * (side - 1), height, 0.9 * width, bottom, color=colour)
                    bottom += height
        panel.set_xticks(range(len(settings)), [f"{s[0].setting:g}\n{s[0].psnr['all']:.1f} dB" for s in settings])
        panel.set(title=name, xlabel="quality, PSNR (bars: Sensic, x265, x265 without B)")
        panel.grid(axis="y", alpha=0.3)
    panels[0].set_ylabel("bits, % of x265's file at equal PSNR")
    handles = [Patch(color=colour, label=part) for part, colour in COLOURS.items()]
    figure.legend(handles=handles, loc="outside right center", fontsize="small")
    figure.savefig(path, dpi=110)


def write(out: Path, frames: int, preset: str, model: Model, rows: Rows, limits: dict[str, dict[int, float]]) -> None:
    """Measurements, tables and picture of the clips so far."""
    record = {
        "frames": frames,
        "gop": GOP,
        "preset": preset,
        "model": {"name": model.name, "id": model.id},
        "clips": {name: [[asdict(c) for c in setting] for setting in settings] for name, settings in rows.items()},
        "bd_rate": delta_rates(rows),
        "ceilings": limits,
    }
    (out / "bits.json").write_text(json.dumps(record, indent=1) + "\n")
    (out / "bits.md").write_text(markdown(rows, limits))
    draw(rows, out / "bits.png")


def main(
    sources: Annotated[list[Path], typer.Argument(help="Videos, 4:2:0 of 8 or 10 bits.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for bits.json, bits.md and bits.png.")] = Path("benchmarks/out"),
    frames: Annotated[int, typer.Option(help="Frames of each clip, in groups of 32.", min=2)] = 32,
    quality: Annotated[list[int] | None, typer.Option("-q", "--quality", help="Qualities 0 to 63, rising.")] = None,
    preset: Annotated[str, typer.Option(help="Preset of Sensic; x265 runs at medium.")] = "medium",
    model: Annotated[str | None, typer.Option(help="Name or folder of a model.")] = None,
    threads: Annotated[int, typer.Option(help="Of Sensic's networks.", min=1)] = 2,
    packs: Annotated[list[Path] | None, typer.Option("--pack", help="To learn a linear transform from.")] = None,
) -> None:
    chosen, qualities = Model.load(model), quality or list(QUALITIES)
    backend = OnnxBackend(chosen, threads=threads)
    out.mkdir(parents=True, exist_ok=True)
    rows: Rows = {}
    limits: dict[str, dict[int, float]] = {}
    basis = basis_of(packs) if packs else None
    anchors = (FFmpegCoder("x265"), WithoutB())
    with tempfile.TemporaryDirectory() as scratch, progress_bar() as bar:
        task = bar.add_task("bits", total=len(sources) * len(qualities) * (frames + 1))
        for number, source in enumerate(sources):
            clip, pairs = load(source, Path(scratch), frames), []
            pictures = list(clip.frames())
            for index, q in enumerate(qualities):
                bar.update(task, description=f"{clip.info.name} {q}")
                path = Path(scratch) / "ours.mkv"
                ours = code_ours(clip, pictures, path, q, preset, chosen, backend, lambda: bar.advance(task))
                others = (code_x265(clip, pictures, Path(scratch), one, ours.psnr["all"]) for one in anchors)
                pairs.append((ours, *others))
                bar.update(task, completed=(number * len(qualities) + index + 1) * (frames + 1))
            rows[clip.info.name] = pairs
            if basis is not None:
                limits[clip.info.name] = ceilings(pictures, clip.info.depth, basis)
            write(out, frames, preset, chosen, rows, limits)  # after every clip: who is stopped keeps what there is
    typer.echo((out / "bits.md").read_text())


if __name__ == "__main__":
    typer.run(main)
