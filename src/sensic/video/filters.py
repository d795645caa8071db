"""What can be done to pictures before they are coded, as texts that mean the same on the command line and in Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from sensic.errors import UsageError
from sensic.video.frame import DEPTHS
from sensic.video.info import MAX_SIDE

DEINTERLACE = ("auto", "always", "fields")
FPS_MODES = ("drop-duplicate", "interpolate")
SCALERS = ("lanczos", "bicubic", "bilinear", "area", "spline", "neighbor")
_MAX_RATE = 1000

_CLOCK = r"\d+:[0-5]\d:[0-5]\d(?:\.\d+)?"
_MARK = re.compile(rf"\d+f|\d+(?:\.\d+)?|{_CLOCK}")


class Mark(NamedTuple):
    """A place in a video: picture number ``frames``, counted from 0, or ``seconds`` after the first picture."""

    frames: int | None
    seconds: Fraction | None

    def is_reached(self, number: int, time: Fraction) -> bool:
        """Whether picture ``number``, shown at ``time`` after the first, is at this place or behind it."""
        return number >= self.frames if self.frames is not None else time >= (self.seconds or 0)


class Span(NamedTuple):
    """From ``start`` up to, and without, ``end``; None is the video's own."""

    start: Mark | None
    end: Mark | None


class Crop(NamedTuple):
    """A rectangle of the picture as it is shown, in pixels; it is centred where ``left`` and ``top`` are None."""

    width: int
    height: int
    left: int | None
    top: int | None


class Scale(NamedTuple):
    """The size to scale to; -1 keeps the aspect, -2 too, rounded to an even number."""

    width: int
    height: int
    algorithm: str


@dataclass(frozen=True, slots=True)
class Filters:
    """What is done to pictures before they are coded, in the order of the fields; None leaves them as they are.

    ``trim`` START:END, each empty, seconds, h:mm:ss.mmm or a picture's number (120f); also START-END.
    ``deinterlace`` auto (pictures that the source flags), always, or fields (always, a picture for each field).
    ``crop`` W:H, W:H:X:Y, or auto (removes black bars; needs a file). ``scale`` W:H or W:H:ALGORITHM; one side may be
    -2 (keeps the aspect, even) or -1 (keeps the aspect). ``fps`` a number or ratio, 25 or 30000/1001; ``fps_mode``
    drop-duplicate or interpolate (along the motion). ``depth`` 8 or 10.

    Raises UsageError, naming what is allowed.

    >>> Filters(trim="0:01:00:0:01:30", crop="1920:800", scale="1280:-2").trimmed.end.seconds
    Fraction(90, 1)
    """

    trim: str | None = None
    deinterlace: str | None = None
    crop: str | None = None
    scale: str | None = None
    fps: str | None = None
    fps_mode: str = FPS_MODES[0]
    depth: int | None = None

    def __post_init__(self) -> None:
        _ = self.trimmed, self.cropped, self.scaled, self.rate  # each raises where its text is wrong
        if self.deinterlace not in (None, *DEINTERLACE):
            raise UsageError(f"deinterlace is one of {', '.join(DEINTERLACE)}, not {self.deinterlace!r}")
        if self.fps_mode not in FPS_MODES:
            raise UsageError(f"fps mode is one of {', '.join(FPS_MODES)}, not {self.fps_mode!r}")
        if self.fps is None and self.fps_mode != FPS_MODES[0]:
            raise UsageError(f"fps mode {self.fps_mode} needs a rate: give fps too")
        if self.depth not in (None, *DEPTHS):
            raise UsageError(f"depth is 8 or 10, not {self.depth!r}")

    @property
    def trimmed(self) -> Span:
        return Span(None, None) if self.trim is None else _span(self.trim)

    @property
    def cropped(self) -> Crop | None:
        """None also for auto: what is kept then depends on the pictures."""
        return None if self.crop in (None, "auto") else _crop(str(self.crop))

    @property
    def scaled(self) -> Scale | None:
        return None if self.scale is None else _scale(self.scale)

    @property
    def rate(self) -> Fraction | None:
        return None if self.fps is None else _rate(self.fps)


def _span(text: str) -> Span:
    found = list(dict.fromkeys(_spans(text)))
    if len(found) > 1:
        raise UsageError(f"trim {text!r} can be read in {len(found)} ways; write START-END")
    if not found or found[0] == (None, None):
        raise UsageError(
            f"trim is START:END or START-END, each seconds, h:mm:ss.mmm, a picture's number like 120f, or empty; "
            f"not {text!r}"
        )
    start, end = found[0]
    for one, other in ((start and start.seconds, end and end.seconds), (start and start.frames, end and end.frames)):
        if end is not None and other is not None and other <= (one or 0):
            raise UsageError(f"trim {text!r} keeps nothing: the end comes after the start")
    return found[0]


def _spans(text: str) -> Iterator[Span]:
    """Every way to read the text."""
    for at, sign in enumerate(text):
        if sign in ":-" and all(_MARK.fullmatch(part) for part in (text[:at], text[at + 1 :]) if part):
            yield Span(_mark(text[:at]), _mark(text[at + 1 :]))


def _mark(text: str) -> Mark | None:
    if not text:
        return None
    if text.endswith("f"):
        return Mark(int(text[:-1]), None)
    seconds = Fraction(0)
    for part in text.split(":"):
        seconds = 60 * seconds + Fraction(part)
    return Mark(None, seconds)


def _crop(text: str) -> Crop:
    match = re.fullmatch(r"(\d{1,5}):(\d{1,5})(?::(\d{1,5}):(\d{1,5}))?", text)
    if match is None or not (int(match[1]) and int(match[2])):
        raise UsageError(f"crop is W:H or W:H:X:Y in pixels, or auto, not {text!r}")
    left, top = (int(match[3]), int(match[4])) if match[3] else (None, None)
    return Crop(int(match[1]), int(match[2]), left, top)


def _scale(text: str) -> Scale:
    match = re.fullmatch(r"(-[12]|\d{1,5}):(-[12]|\d{1,5})(?::([a-z]+))?", text)
    sides = (int(match[1]), int(match[2])) if match else (0, 0)
    if max(sides) < 1 or 0 in sides or max(sides) > MAX_SIDE:
        raise UsageError(f"scale is W:H from 1 to {MAX_SIDE}, one of them -2 or -1 to keep the aspect, not {text!r}")
    algorithm = (match and match[3]) or SCALERS[0]
    if algorithm not in SCALERS:
        raise UsageError(f"scale knows {', '.join(SCALERS)}, not {algorithm!r}")
    return Scale(*sides, algorithm)


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= _MAX_RATE or rate.denominator >= 1 << 20:
        raise UsageError(
            f"fps is a number or a ratio above 0, at most {_MAX_RATE}, like 25 or 30000/1001; not {text!r}"
        )
    return rate
