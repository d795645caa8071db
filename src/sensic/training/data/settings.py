"""What a build of packs is told, checked once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from sensic.errors import UsageError
from sensic.training.data.pack import FRAMES
from sensic.video.frame import DEPTHS

_LEAST, _MOST = 32, 4096
_BLOCK = 16
_FINDING = ("size", "depth", "fps", "interpolate", "frames", "clips_per_shot", "gap", "cut", "static")
_VERSION = 1  # raise when other clips come out of the same footage


@dataclass(frozen=True)
class BuildSettings:
    """How footage becomes packs. Raises UsageError naming the value and what is allowed.

    ``size`` is width and height, multiples of 16; ``depth`` 8 or 10 bits. ``fps``: None keeps the footage's rate,
    else pictures are left out to come near to it (every second, third ...), or with ``interpolate`` made up at exactly
    that rate. Clips have ``frames`` pictures; a shot gives ``clips_per_shot`` at most (None: no limit), ``gap`` seconds
    apart. ``cut`` is scdet's threshold (0..100). Clips whose typical difference between neighbouring pictures is below
    ``static`` (mean absolute, 8-bit luma) are dropped; so are those whose perceptual hashes differ in at most
    ``duplicates`` of 64 bits from a clip already taken, or in ``excluded`` from a test clip (-1: never).
    ``crf`` is x265's quality (0..51, less is better), None for lossless; a pack ends after ``clips_per_pack`` clips or
    about ``pack_mib`` MiB.
    """

    size: tuple[int, int] = (448, 256)
    depth: int = 8
    fps: float | None = None
    interpolate: bool = False
    frames: int = FRAMES
    clips_per_shot: int | None = 4
    max_clips: int | None = None
    gap: float = 1.0
    cut: float = 10.0
    static: float = 0.15
    duplicates: int = 8
    excluded: int = 14
    crf: float | None = 12.0
    clips_per_pack: int = 650
    pack_mib: float = 64.0

    def __post_init__(self) -> None:
        width, height = self.size
        sides = all(_LEAST <= side <= _MOST and side % _BLOCK == 0 for side in (width, height))
        _check(sides, "size", f"{width}x{height}", f"multiples of {_BLOCK} from {_LEAST} to {_MOST}")
        _check(self.depth in DEPTHS, "depth", self.depth, "8 or 10")
        _check(self.fps is None or 1 <= self.fps <= 240, "fps", self.fps, "1 to 240")
        _check(not self.interpolate or self.fps is not None, "interpolate", "set", "possible with fps only")
        _check(2 <= self.frames <= 250, "frames", self.frames, "2 to 250")
        for name in ("clips_per_shot", "max_clips"):
            value = getattr(self, name)
            _check(value is None or value >= 1, name, value, "1 or more")
        _check(0 <= self.gap < 3600, "gap", self.gap, "0 to 3600 seconds")
        _check(0 < self.cut <= 100, "cut", self.cut, "above 0 to 100")
        _check(0 <= self.static <= 255, "static", self.static, "0 to 255")
        for name in ("duplicates", "excluded"):
            value = getattr(self, name)
            _check(-1 <= value <= 32, name, value, "-1 (off) to 32 bits")
        _check(self.crf is None or 0 <= self.crf <= 51, "crf", self.crf, "0 to 51")
        _check(self.clips_per_pack >= 1, "clips_per_pack", self.clips_per_pack, "1 or more")
        _check(self.pack_mib > 0, "pack_mib", self.pack_mib, "positive")

    def finding_key(self) -> str:
        """Equal where the same clips are found in the same file: hex."""
        return digest([_VERSION, *(getattr(self, name) for name in _FINDING)])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def digest(value: Any) -> str:
    """A hash of anything that JSON can hold: 16 hex digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _check(good: bool, name: str, value: object, allowed: str) -> None:
    if not good:
        raise UsageError(f"{name} is {allowed}, not {value}")
