"""Results of an evaluation that look like measured ones and whose BD-rates are known: each coder needs a fixed number
of times the anchor's bytes for the same quality."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sensic.evaluation.results import ClipInfo, Failure, Measurement, Results, Run

RATIOS = {
    "a": {"x265:medium": 1.0, "sensic": 1.5, "svtav1:8": 0.5},
    "b": {"x265:medium": 1.0, "sensic": 2.0, "svtav1:8": 1.0},
}
FRAMES, WIDTH, HEIGHT = 8, 96, 64


def clip_info(name: str) -> ClipInfo:
    return ClipInfo(name, name.encode().hex().ljust(64, "0")[:64], FRAMES, WIDTH, HEIGHT, 8, "30000/1001")


def measurement(clip: str, coder: str, ratio: float, level: int) -> Measurement:
    """One of five: 30 to 38 dB, the bytes doubling each time."""
    payload = round(1000 * ratio * 2**level)
    psnr = 30.0 + 2 * level
    weights = [4.0] + [1.0] * (FRAMES - 1)
    bits = [8 * payload * w / sum(weights) for w in weights]
    frames = [psnr + math.sin(i) for i in range(FRAMES)]
    metrics = {"psnr_y": psnr, "psnr_y_worst": min(frames), "psnr_y_p5": min(frames) + 0.1, "psnr_yuv": psnr + 1.5}
    metrics |= {"ssim": 0.9 + level / 50, "flicker": 3 - level / 4, "loudness": -23.0}
    return Measurement(
        clip,
        coder,
        40.0 - 5 * level,
        payload,
        payload - 100,
        metrics,
        {"bits": bits, "psnr_y": frames},
        [Run(2.0, 1.0, 3.0, 1.5, 10**8, 2 * 10**8, 2), Run(1.0, 0.5, 2.5, 1.0, 10**8, 10**8, 2)],
        [f"{coder} --crf {40 - 5 * level} in.mkv out.mkv", "decode out.mkv out.yuv"],
        f"{coder.split(':')[0]} 1.0",
        f"{coder.replace(':', '-')}-{level}",
    )


def results(ratios: Mapping[str, Mapping[str, float]] = RATIOS) -> Results:
    """Two clips, three coders and a failure."""
    found = [
        measurement(clip, coder, ratio, level)
        for clip, coders in ratios.items()
        for level in range(5)
        for coder, ratio in coders.items()
    ]
    conditions = {
        "anchor": "x265:medium",
        "gop": None,
        "machine": {"processor": "Tester", "cores": 2},
        "networks": {"sensic": {"kmac_per_pixel": {"encoder": 9.5, "decoder": 5.75}}},
    }
    failures = [Failure("c", "", None, "no frame | at\nall"), Failure("a", "vvenc", 32.0, "libvvenc is missing")]
    return Results(conditions, [clip_info(clip) for clip in ratios], found, failures)
