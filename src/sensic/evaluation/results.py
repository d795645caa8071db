"""What an evaluation found, as it is kept in ``results.json``: measurements and failures, nothing derived from them.

Tables, BD-rates and the report are computed from this again each time, so a file of results can be redrawn for ever.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sensic.errors import EvaluationError

SCHEMA = 1


@dataclass(frozen=True)
class ClipInfo:
    """A clip as it was coded. ``sha256`` is of its samples; ``rate`` is frames per second as a fraction, "30000/1001";
    ``audio`` says whether the source has sound that was coded too.
    """

    name: str
    sha256: str
    frames: int
    width: int
    height: int
    depth: int
    rate: str
    audio: bool = False

    @property
    def pixels(self) -> int:
        """Luma samples of all frames."""
        return self.frames * self.width * self.height


@dataclass(frozen=True)
class Run:
    """One time that a coder was run on a clip: wall and CPU seconds, peak resident memory in bytes, threads allowed."""

    encode_seconds: float
    decode_seconds: float
    encode_cpu: float
    decode_cpu: float
    encode_memory: int
    decode_memory: int
    threads: int


@dataclass(frozen=True)
class Measurement:
    """A clip coded once at one setting and really decoded.

    ``coder`` is its specification, as in ``x265:medium``; ``setting`` its quality or CRF. ``metrics`` are of the whole
    clip, ``per_frame`` of each frame, by the names of ``sensic.evaluation.metrics``; ``per_frame["bits"]`` are of the
    packets, in the order of presentation. ``commands`` are what was run, ``version`` the coder's. ``picture`` is the
    name under which ``report.keep_crops`` kept decoded frames, empty where it did not.
    """

    clip: str
    coder: str
    setting: float
    file_bytes: int
    payload_bytes: int
    metrics: dict[str, float]
    per_frame: dict[str, list[float]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    version: str = ""
    picture: str = ""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Measurement:
        return cls(**{**values, "runs": [Run(**run) for run in values.get("runs", [])]})


@dataclass(frozen=True)
class Failure:
    """What could not be measured, and why. ``coder`` is empty where the clip itself was at fault."""

    clip: str
    coder: str
    setting: float | None
    message: str


@dataclass(frozen=True)
class Results:
    """``conditions`` is what someone needs to repeat it: command, machine, versions, frames, group of pictures."""

    conditions: dict[str, Any]
    clips: list[ClipInfo] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    def of(self, clip: str, coder: str) -> list[Measurement]:
        """In order of rate."""
        mine = (m for m in self.measurements if (m.clip, m.coder) == (clip, coder))
        return sorted(mine, key=lambda m: m.file_bytes)

    @property
    def coders(self) -> list[str]:
        """In the order measured."""
        return list(dict.fromkeys(m.coder for m in self.measurements))

    def clip(self, name: str) -> ClipInfo:
        return next(clip for clip in self.clips if clip.name == name)

    def bits_per_pixel(self, m: Measurement) -> float:
        """Of the whole file."""
        return 8 * m.file_bytes / self.clip(m.clip).pixels

    def write(self, path: Path) -> None:
        """Whole or not at all."""
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)

    @classmethod
    def read(cls, path: Path) -> Results:
        """Raises EvaluationError where the file is not of this schema."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.pop("schema") != SCHEMA:
                raise EvaluationError(f"{path} has another schema than {SCHEMA}; measure again")
            return cls(
                values["conditions"],
                [ClipInfo(**clip) for clip in values["clips"]],
                [Measurement.from_dict(m) for m in values["measurements"]],
                [Failure(**failure) for failure in values["failures"]],
            )
        except OSError as error:
            raise EvaluationError(f"can't read {path}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise EvaluationError(f"{path} holds no results of an evaluation: {error}") from error
