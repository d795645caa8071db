"""Sensic: a video codec whose compression model is a variational autoencoder.

>>> import sensic
>>> sensic.encode("holiday.mp4", "out.mkv", quality=32).frames
6
>>> sensic.decode("out.mkv", "back.mkv").frames
6
>>> with sensic.open_video("out.mkv") as video:
...     frame = video.at(0.1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensic import errors
from sensic.errors import (
    BackendError,
    ClusterError,
    DamagedError,
    EvaluationError,
    InputError,
    LimitError,
    ModelError,
    OutputError,
    PackError,
    RecipeError,
    SensicError,
    StreamError,
    TargetError,
    TrainingError,
    UnsupportedError,
    UsageError,
    VersionError,
    WrongModelError,
)
from sensic.lazy import when_used

if TYPE_CHECKING:
    from sensic.codec.access import Video, open_video
    from sensic.codec.inspection import probe, verify
    from sensic.codec.plan import DecodePlan, EncodePlan, plan_decode, plan_encode
    from sensic.codec.reports import Concealed, DecodeReport, EncodeReport, Progress, StreamInfo, VerifyReport
    from sensic.codec.target import RateTarget
    from sensic.codec.transcode import decode, encode
    from sensic.container import Limits
    from sensic.model import Model
    from sensic.video import Colour, Filters, Frame, VideoInfo

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "ClusterError",
    "Colour",
    "Concealed",
    "DamagedError",
    "DecodePlan",
    "DecodeReport",
    "EncodePlan",
    "EncodeReport",
    "EvaluationError",
    "Filters",
    "Frame",
    "InputError",
    "LimitError",
    "Limits",
    "Model",
    "ModelError",
    "OutputError",
    "PackError",
    "Progress",
    "RateTarget",
    "RecipeError",
    "SensicError",
    "StreamError",
    "StreamInfo",
    "TargetError",
    "TrainingError",
    "UnsupportedError",
    "UsageError",
    "VerifyReport",
    "VersionError",
    "Video",
    "VideoInfo",
    "WrongModelError",
    "decode",
    "encode",
    "errors",
    "open_video",
    "plan_decode",
    "plan_encode",
    "probe",
    "verify",
]

# Loaded when first used: the command line must start at once, and FFmpeg, ONNX Runtime and OpenCV take a moment.
__getattr__, __dir__ = when_used(
    __name__,
    {
        "sensic.codec.access": ("Video", "open_video"),
        "sensic.codec.inspection": ("probe", "verify"),
        "sensic.codec.plan": ("DecodePlan", "EncodePlan", "plan_decode", "plan_encode"),
        "sensic.codec.reports": ("Concealed", "DecodeReport", "EncodeReport", "Progress", "StreamInfo", "VerifyReport"),
        "sensic.codec.target": ("RateTarget",),
        "sensic.codec.transcode": ("decode", "encode"),
        "sensic.container": ("Limits",),
        "sensic.model": ("Model",),
        "sensic.video": ("Colour", "Filters", "Frame", "VideoInfo"),
    },
)
