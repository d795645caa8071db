"""Encoders that really run: Sensic's own and those that FFmpeg carries, behind one protocol."""

from __future__ import annotations

from sensic.errors import UsageError
from sensic.evaluation.coders import ffmpeg, sensic
from sensic.evaluation.coders.protocol import Coder, Decoded, Encoded

__all__ = ["ALLOWED", "Coder", "Decoded", "Encoded", "coder"]

ALLOWED = (*sensic.FORMS, *ffmpeg.FORMS)


def coder(spec: str) -> Coder:
    """The coder of a specification: ``sensic``, ``sensic:MODEL``, ``sensic:MODEL@PRESET``, ``sensing:4@linear``,
    ``x264:medium``, ``vp9:2``, ``jpeg`` and so on; without a preset its default, which its ``spec`` then names.
    ``x265:medium:psnr`` is without what the encoder does for the eye and against PSNR.

    Raises UsageError, naming what is allowed; EvaluationError where this FFmpeg lacks the encoder; ModelError.
    """
    name, _, rest = spec.partition(":")
    if name.partition("@")[0] == "sensic":
        return sensic.SensicCoder(spec.removeprefix("sensic").removeprefix(":"))
    if name.partition("@")[0] == "sensing":
        return sensic.SensingCoder(spec.removeprefix("sensing").removeprefix(":"))
    if name in ffmpeg.FAMILIES:
        return ffmpeg.FFmpegCoder(name, rest)
    raise UsageError(f"a coder is one of {', '.join(ALLOWED)}, not {spec!r}")
