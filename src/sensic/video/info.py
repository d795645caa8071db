"""What is known of a video before its first frame; exactly serialisable, since it travels in stream headers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any

from sensic.errors import DamagedError, UsageError
from sensic.video.frame import DEPTHS, Colour
from sensic.video.hdr import check_hdr

MAX_SIDE = 65_535
FIELD_ORDERS = ("progressive", "tff", "bff")


@dataclass(frozen=True, slots=True)
class Chapter:
    """``start`` and ``end`` count ``time_base`` seconds; the title is ``tags["title"]``."""

    start: int
    end: int
    time_base: Fraction
    id: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require_integers(self, "start", "end", "id")
        _require_ratio("a chapter's time_base", self.time_base)
        if max(abs(self.start), abs(self.end), abs(self.id)) >= 1 << 63:
            raise UsageError("a chapter's times are beyond 64 bits")
        _require_tags(self.tags)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The properties of one video stream.

    ``width`` and ``height`` are of the stored luma, before ``rotation``: degrees counter-clockwise to turn the picture
    for showing it, as PyAV reports them; ``display_matrix`` is FFmpeg's (9 integers) where a rotation isn't all.
    ``time_base`` is exact and as in the source; ``rate`` is in frames per second,
    None where unknown or variable. ``chroma_location`` is FFmpeg's number: 0 unspecified, 1 left, 2 centre, 3 top left.
    ``hdr`` is described in ``sensic.video.hdr``. ``tags`` are of the file, ``stream_tags`` (language, title) of the
    video stream.
    ``frame_count`` and ``duration`` (seconds) are hints. ``notes`` are sentences for the user: what was
    converted, repaired or can't be kept.
    """

    width: int
    height: int
    depth: int = 8
    time_base: Fraction = Fraction(1, 25)
    rate: Fraction | None = None
    sample_aspect_ratio: Fraction | None = None
    rotation: int = 0
    display_matrix: tuple[int, ...] | None = None
    colour: Colour = field(default_factory=Colour)
    chroma_location: int = 0
    field_order: str = "progressive"
    hdr: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    stream_tags: Mapping[str, str] = field(default_factory=dict)
    chapters: tuple[Chapter, ...] = ()
    frame_count: int | None = None
    duration: Fraction | None = None
    source_format: str = "yuv420p"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require_integers(self, "width", "height", "depth", "rotation", "chroma_location")
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            raise UsageError(f"a picture is 1x1 to {MAX_SIDE}x{MAX_SIDE}, not {self.width}x{self.height}")
        if self.depth not in DEPTHS:
            raise UsageError(f"depth is 8 or 10, not {self.depth}")
        for name in ("time_base", "rate", "sample_aspect_ratio"):
            value = getattr(self, name)
            if value is not None:
                _require_ratio(name, value)
        if self.rotation % 90 or abs(self.rotation) > 360:
            raise UsageError(f"rotation is a multiple of 90 degrees, not {self.rotation}")
        if self.field_order not in FIELD_ORDERS:
            raise UsageError(f"field_order is one of {', '.join(FIELD_ORDERS)}, not {self.field_order!r}")
        _require_tags(self.tags)
        _require_tags(self.stream_tags)
        if self.display_matrix is not None and not _is_matrix(self.display_matrix):
            raise UsageError("a display matrix has 9 integers of 32 bits")
        try:
            check_hdr(self.hdr)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(f"HDR metadata is not as sensic.video.hdr says: {error}") from error

    def to_json(self) -> str:
        """Compact JSON, defaults left out. ``VideoInfo.from_json(info.to_json()) == info``."""
        return json.dumps(_to_plain(self), separators=(",", ":"), ensure_ascii=False, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> VideoInfo:
        """The inverse of ``to_json``. Raises DamagedError for anything that ``to_json`` can't have written."""
        try:
            values = json.loads(text)
            if not isinstance(values, dict):
                raise UsageError("not an object")
            return cls(**{name: _READERS[name](value) for name, value in values.items()})
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
            raise DamagedError(f"the description of the video is damaged: {error}") from error


def shown_turn(info: VideoInfo) -> int:
    """Degrees, 0 to 270 counter-clockwise, that crop and scale must allow for; 0 where turning isn't all."""
    return 0 if info.display_matrix else info.rotation % 360


def _require_integers(record: object, *names: str) -> None:
    for name in names:
        value = getattr(record, name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise UsageError(f"{name} is an integer, not {value!r}")


def _require_ratio(name: str, value: Fraction) -> None:
    """FFmpeg's ratios are of 32-bit integers."""
    if value <= 0:
        raise UsageError(f"{name} is positive, not {value}")
    if value.numerator >= 1 << 31 or value.denominator >= 1 << 31:
        raise UsageError(f"{name} needs more than 32 bits: {value}")


def _is_matrix(values: tuple[int, ...]) -> bool:
    return len(values) == 9 and all(-(1 << 31) <= value < 1 << 31 for value in values)


def _require_tags(tags: Mapping[str, str]) -> None:
    if not all(isinstance(key, str) and isinstance(value, str) for key, value in tags.items()):
        raise UsageError("tags are strings")


def _to_plain(record: VideoInfo | Chapter | Colour) -> dict[str, Any]:
    """Fields that differ from their defaults, as JSON values; a fraction is [numerator, denominator]."""
    plain: dict[str, Any] = {}
    for entry in fields(record):
        value = getattr(record, entry.name)
        default = entry.default_factory() if callable(entry.default_factory) else entry.default
        if value != default:
            plain[entry.name] = _plain_value(value)
    return plain


def _plain_value(value: Any) -> Any:
    if isinstance(value, Fraction):
        return [value.numerator, value.denominator]
    if isinstance(value, Colour | Chapter):
        return _to_plain(value)
    if isinstance(value, tuple):
        return [_plain_value(item) for item in value]
    if isinstance(value, Mapping):
        return dict(value)
    return value


def _fraction(value: Any) -> Fraction:
    numerator, denominator = value
    if not isinstance(numerator, int) or not isinstance(denominator, int):
        raise UsageError("a fraction is two integers")
    return Fraction(numerator, denominator)


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{value!r} is not an integer")
    return value


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{value!r} is not a string")
    return value


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{value!r} is not an object")
    return value


def _chapter(value: Any) -> Chapter:
    values = _mapping(value)
    return Chapter(**{**values, "time_base": _fraction(values["time_base"])})


_READERS: dict[str, Callable[[Any], Any]] = {
    "width": _integer,
    "height": _integer,
    "depth": _integer,
    "time_base": _fraction,
    "rate": _fraction,
    "sample_aspect_ratio": _fraction,
    "rotation": _integer,
    "display_matrix": lambda value: tuple(_integer(item) for item in value),
    "colour": lambda value: Colour(**_mapping(value)),
    "chroma_location": _integer,
    "field_order": _string,
    "hdr": _mapping,
    "tags": _mapping,
    "stream_tags": _mapping,
    "chapters": lambda value: tuple(_chapter(item) for item in value),
    "frame_count": _integer,
    "duration": _fraction,
    "source_format": _string,
    "notes": lambda value: tuple(_string(item) for item in value),
}
