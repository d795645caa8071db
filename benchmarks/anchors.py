"""x264 and x265, run for real through PyAV: what Sensic is measured against.

Both write one intra frame per group of ``gop`` frames, closed groups, no extra intra frames at scene cuts, two
threads, preset medium, no other tuning; the file is Matroska like Sensic's own.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

import av

from benchmarks import metrics
from benchmarks.clips import PIXEL_FORMATS, Clip, decode_planes
from benchmarks.measurement import Measurement

CRFS = (18.0, 23.0, 28.0, 33.0, 38.0)
CODERS = ("x264", "x265")


def options(coder: str, crf: float, preset: str, gop: int, threads: int, extra: str = "") -> dict[str, str]:
    """Options for FFmpeg's libx264 or libx265; ``extra`` are more of the coder's own, such as ``:bframes=0``."""
    if coder == "x264":
        private = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:threads={threads}{extra}"
        return {"preset": preset, "crf": f"{crf:g}", "x264-params": private}
    if coder == "x265":
        # Without info=0 the file carries some 2 kB of settings as text, which would flatter Sensic on short clips.
        private = f"keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:pools={threads}:info=0:log-level=error{extra}"
        return {"preset": preset, "crf": f"{crf:g}", "x265-params": private}
    raise ValueError(f"the reference coders are {', '.join(CODERS)}, not {coder}")


def encode(
    clip: Clip,
    path: Path,
    coder: str,
    crf: float,
    *,
    preset: str = "medium",
    gop: int = 32,
    threads: int = 2,
    extra: str = "",
) -> None:
    """From the clip's lossless file to ``path``."""
    with av.open(str(clip.path)) as reader, av.open(str(path), "w") as writer:
        video = reader.streams.video[0]
        video.thread_type = "AUTO"
        settings = options(coder, crf, preset, gop, threads, extra)
        output = cast(av.VideoStream, writer.add_stream(f"lib{coder}", rate=clip.rate, options=settings))
        output.width, output.height, output.pix_fmt = clip.width, clip.height, PIXEL_FORMATS[clip.depth]
        for frame in reader.decode(video):
            # FFV1 calls every picture a key frame, and x264 would obey.
            frame.pict_type = av.video.frame.PictureType.NONE
            writer.mux(output.encode(frame))
        writer.mux(output.encode(None))


def payload_bytes(path: Path) -> int:
    with av.open(str(path)) as reader:
        return sum(packet.size for packet in reader.demux(video=0))


def measure(
    clip: Clip, path: Path, coder: str, crf: float, *, preset: str = "medium", gop: int = 32, extra: str = ""
) -> Measurement:
    """Encode ``clip`` to ``path``, decode it and compare every frame."""
    start = time.perf_counter()
    encode(clip, path, coder, crf, preset=preset, gop=gop, extra=extra)
    encoded = time.perf_counter()
    decoded = list(decode_planes(path, threads=2))
    end = time.perf_counter()
    return Measurement(
        coder=f"{coder}-{preset}",
        setting=crf,
        pixels=clip.pixels,
        frames=len(clip.frames),
        file_bytes=path.stat().st_size,
        payload_bytes=payload_bytes(path),
        estimated_bytes=None,
        psnr=metrics.plane_psnrs(decoded, clip.frames, clip.depth),
        encode_seconds=encoded - start,
        decode_seconds=end - encoded,
    )


def at_psnr(
    clip: Clip, directory: Path, coder: str, target: float, *, tolerance: float = 0.05, tries: int = 8, extra: str = ""
) -> tuple[Measurement, Path]:
    """The encoding whose luma PSNR is nearest to ``target`` dB, found by the secant method within crf 1 to 51."""
    crf, best = 28.0, None
    bracket = (1.0, 51.0)
    for attempt in range(tries):
        path = directory / f"{clip.name}.{coder}.{attempt}.mkv"
        result = measure(clip, path, coder, crf, extra=extra)
        error = result.psnr[0] - target
        if best is None or abs(error) < abs(best[0].psnr[0] - target):
            best = result, path
        if abs(error) <= tolerance:
            break
        bracket = (crf, bracket[1]) if error > 0 else (bracket[0], crf)
        guess = crf + error / 0.55  # a step of crf changes PSNR by about half a decibel
        crf = round(guess if bracket[0] < guess < bracket[1] else sum(bracket) / 2, 2)
    assert best is not None
    return best
