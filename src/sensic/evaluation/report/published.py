"""What others published about their codecs; never measured here, never in a table with what was."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sensic.errors import EvaluationError
from sensic.evaluation.bd import delta_rate

PUBLISHED = files("sensic.evaluation") / "published.toml"


@dataclass(frozen=True)
class Figure:
    """``percent`` is BD-rate against ``anchor`` as published, or where ``computed`` is true as it follows from
    published points. ``speed`` is frames per second of encoding / decoding. ``url`` is where it stands."""

    codec: str
    percent: float
    anchor: str
    clips: str
    metric: str
    conditions: str
    title: str
    url: str
    speed: str = ""
    note: str = ""
    computed: bool = False

    @property
    def printed(self) -> str:
        """The BD-rate with as many digits as were published; a star where it was computed here."""
        text = f"{self.percent:+d}" if isinstance(self.percent, int) else f"{self.percent:+.1f}"
        return f"{text}%".replace("-", "−") + ("*" if self.computed else "")


def load(path: Path | None = None) -> list[Figure]:
    """The figures of a TOML file, by default those that ship. Raises EvaluationError where it isn't of that form."""
    try:
        text = path.read_text(encoding="utf-8") if path else PUBLISHED.read_text(encoding="utf-8")
        sources = tomllib.loads(text).get("source", [])
        return [_figure(source, figure) for source in sources for figure in source["figure"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"{path or PUBLISHED} holds no published figures: {error}") from error


def _figure(source: dict[str, Any], figure: dict[str, Any]) -> Figure:
    values = {**source, **figure}
    del values["figure"]
    anchor_points = values.pop("anchor_points", None)
    if points := values.pop("points", None):
        values |= {"percent": delta_rate(anchor_points, points).percent, "computed": True}
    if not values["url"].startswith("https://"):
        raise ValueError(f"the source of {values['codec']} has no https:// address")
    return Figure(**values)
