"""Sensic: a video codec whose compression model is a variational autoencoder.

>>> import sensic
>>> sensic.encode("in.mp4", "out.mkv", quality=32)  # doctest: +SKIP
>>> sensic.decode("out.mkv", "back.mkv")  # doctest: +SKIP
>>> with sensic.open_video("out.mkv") as video:  # doctest: +SKIP
...     frame = video.at(2.5)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sensic import errors
from sensic.errors import (
    BackendError,
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
    TrainingError,
    UnsupportedError,
    UsageError,
    VersionError,
    WrongModelError,
)

if TYPE_CHECKING:
    from sensic.codec.access import Video, open_video
    from sensic.codec.inspection import probe, verify
    from sensic.codec.reports import DecodeReport, EncodeReport, Progress, StreamInfo, VerifyReport
    from sensic.codec.transcode import decode, encode
    from sensic.model import Model
    from sensic.video import Colour, Frame, VideoInfo

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "Colour",
    "DamagedError",
    "DecodeReport",
    "EncodeReport",
    "EvaluationError",
    "Frame",
    "InputError",
    "LimitError",
    "Model",
    "ModelError",
    "OutputError",
    "PackError",
    "Progress",
    "RecipeError",
    "SensicError",
    "StreamError",
    "StreamInfo",
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
    "probe",
    "verify",
]

# Loaded when first used: the command line must start at once, and FFmpeg, ONNX Runtime and OpenCV take a moment.
_HOMES = {
    "sensic.codec.access": ("Video", "open_video"),
    "sensic.codec.inspection": ("probe", "verify"),
    "sensic.codec.reports": ("DecodeReport", "EncodeReport", "Progress", "StreamInfo", "VerifyReport"),
    "sensic.codec.transcode": ("decode", "encode"),
    "sensic.model": ("Model",),
    "sensic.video": ("Colour", "Frame", "VideoInfo"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'sensic' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
