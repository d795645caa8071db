"""SSIM, MS-SSIM, VMAF and XPSNR by FFmpeg: one run for all of them, frame by frame.

SSIM and MS-SSIM are libvmaf's, as VMAF computes what they need in the same pass. Its SSIM is Wang's with the Gaussian
window of 11, here at the full size of the picture (``scale=1``, as it halves large pictures otherwise), and agrees with
scikit-image's. FFmpeg's own ``ssim`` filter is another one, of blocks of 8. libvmaf's MS-SSIM halves the picture with a
9/7 wavelet filter and averages contrast and structure apart: at low quality it is about 0.01 below pytorch-msssim,
which most papers on learned codecs use, so compare it with figures measured here only.
"""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from sensic.errors import EvaluationError
from sensic.evaluation.clips import PIXEL_FORMATS, Clip
from sensic.evaluation.metrics.samples import LIMIT, PLANES, require_same_size
from sensic.evaluation.process import ffmpeg, run
from sensic.evaluation.results import ClipInfo

LIBVMAF = {"ssim": "float_ssim", "msssim": "float_ms_ssim", "vmaf": "vmaf"}  # their names in its log
FEATURES = {"ssim": r"name=float_ssim\\:scale=1", "msssim": "name=float_ms_ssim"}
# Five scales of windows of 11. libvmaf reads outside of pictures of 16, whatever is asked of it: its smallest scale is
# a sixteenth, of which 32 leaves two samples.
LEAST_SIDES = {"ssim": 32, "msssim": 176, "vmaf": 32}
# Frames are paired by number, as Matroska rounds times to milliseconds; and samples are compared as they are: where one
# input says what its colours mean and the other doesn't, FFmpeg would convert them.
AS_NUMBERS = "settb=AVTB,setpts=N,setparams=range=unspecified:colorspace=unknown"
_FRAME = re.compile(r"^n: *\d+ .*", re.MULTILINE)
_XPSNR = re.compile(r"XPSNR ([yuv]): (\S+)")


def too_small(info: ClipInfo, metric: str) -> bool:
    """Whether pictures of this size don't have the metric."""
    return min(info.width, info.height) < LEAST_SIDES.get(metric, 1)


def measure(reference: Clip, decoded: Path, wanted: Collection[str], threads: int) -> dict[str, list[float]]:
    """Of every frame: those of ``ssim``, ``msssim`` and ``vmaf`` that are wanted, and for ``xpsnr`` that of each plane.

    ``decoded`` is a raw file of the clip's size and depth. Raises EvaluationError where it isn't, or FFmpeg fails.
    """
    require_same_size(decoded, reference.info)  # FFmpeg would repeat the last frame, and say nothing
    similar = [name for name in LIBVMAF if name in wanted]
    values: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="sensic-metrics-") as scratch:
        run(_command(reference, decoded, similar, "xpsnr" in wanted, threads), cwd=Path(scratch), name="ffmpeg")
        if similar:
            frames = json.loads(Path(scratch, "vmaf.json").read_text())["frames"]
            values |= {name: [frame["metrics"][LIBVMAF[name]] for frame in frames] for name in similar}
        if "xpsnr" in wanted:
            values |= _read_xpsnr(Path(scratch, "xpsnr.txt").read_text())
    for name, frames in values.items():
        if len(frames) != reference.info.frames:
            raise EvaluationError(f"FFmpeg gave {name} of {len(frames)} frames of {reference.info.frames}")
    return values


def xpsnr_of_clip(frames: Sequence[float]) -> float:
    """Of the mean of the square roots of the frames' weighted errors, as FFmpeg averages it; dB, at most 100.

    C. Helmrich et al., "XPSNR: A Low-Complexity Extension of the Perceptually Weighted Peak Signal-to-Noise Ratio for
    High-Resolution Video Quality Assessment", ICASSP 2020.
    """
    distances = [0.0 if value >= LIMIT else 10 ** (-value / 20) for value in frames]
    mean = sum(distances) / len(distances)
    return min(LIMIT, -20 * math.log10(mean)) if mean else LIMIT


def _command(reference: Clip, decoded: Path, similar: Sequence[str], xpsnr: bool, threads: int) -> list[str]:
    info = reference.info
    size, layout = f"{info.width}x{info.height}", PIXEL_FORMATS[info.depth]
    raw = ["-f", "rawvideo", "-pixel_format", layout, "-video_size", size, "-framerate", info.rate]
    filters, outputs = [], []
    if similar:
        features = "|".join(FEATURES[name] for name in similar if name in FEATURES)
        chosen = f":feature={features}" if features else ""
        filters.append(f"[d0][s0]libvmaf=log_fmt=json:log_path=vmaf.json:n_threads={threads}{chosen}[o0]")
        outputs += ["-map", "[o0]"]
    if xpsnr:
        # The source first: the weights are of the first input. Nor could it be second: of more than 8 bits, FFmpeg
        # takes the second input's rows to be without padding, as those of a raw file are.
        filters.append(f"[s{len(filters)}][d{len(filters)}]xpsnr=stats_file=xpsnr.txt[o1]")
        outputs += ["-map", "[o1]"]
    copies = len(filters)
    filters += [
        f"[{number}:v]{AS_NUMBERS},split={copies}{''.join(f'[{name}{k}]' for k in range(copies))}"
        for number, name in enumerate("ds")
    ]
    inputs = [*raw, "-i", str(decoded.absolute()), "-threads", str(threads), "-r", info.rate]
    inputs += ["-i", str(reference.path.absolute())]
    program = [ffmpeg(), "-nostdin", "-v", "error"]
    return [*program, *inputs, "-filter_complex", ";".join(filters), *outputs, "-f", "null", "-"]


def _read_xpsnr(log: str) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {f"xpsnr_{plane}": [] for plane in PLANES}
    for line in _FRAME.findall(log):
        for plane, decibels in _XPSNR.findall(line):
            values[f"xpsnr_{plane}"].append(min(LIMIT, float(decibels)))
    return values
