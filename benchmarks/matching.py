"""Coders brought to the same quality: the setting at which one has a wanted luma PSNR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sensic.evaluation import Clip, Coder, Encoded, Usage, measure

RANGE = (1.0, 51.0)  # of a CRF
START = 28.0
SLOPE = 0.55  # dB per step of CRF, about


@dataclass(frozen=True)
class Coded:
    """A clip coded at a setting, decoded and compared; ``psnr`` is of luma, in dB."""

    coder: str
    setting: float
    encoded: Encoded
    decoding: Usage
    psnr: float


def code(clip: Clip, stream: Path, coder: Coder, setting: float, *, gop: int = 32, threads: int = 2) -> Coded:
    """Write ``stream``; what is decoded from it is only compared. Raises EvaluationError where the coder fails."""
    raw = stream.with_suffix(".yuv")
    encoded = coder.encode(clip, stream, setting, gop=gop, threads=threads)
    try:
        decoded = coder.decode(stream, raw, clip=clip, threads=threads)
        psnr = measure(clip, raw, ["psnr"])[0]["psnr_y"]
    finally:
        raw.unlink(missing_ok=True)
    return Coded(coder.spec, setting, encoded, decoded.usage, psnr)


def at_psnr(
    clip: Clip, directory: Path, coder: Coder, target: float, *, tolerance: float = 0.05, tries: int = 8
) -> Coded:
    """Of a coder that takes a CRF: nearest to ``target`` dB of luma, found by the secant method within RANGE."""
    crf, found, bracket = START, list[Coded](), RANGE
    for attempt in range(tries):
        stream = directory / f"{clip.info.name}.{coder.spec.replace(':', '-')}.{attempt}.mkv"
        found.append(code(clip, stream, coder, crf))
        error = found[-1].psnr - target
        if abs(error) <= tolerance:
            break
        bracket = (crf, bracket[1]) if error > 0 else (bracket[0], crf)
        guess = crf + error / SLOPE
        crf = round(guess if bracket[0] < guess < bracket[1] else sum(bracket) / 2, 2)
    return min(found, key=lambda one: abs(one.psnr - target))
