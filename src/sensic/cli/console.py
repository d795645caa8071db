"""What the user sees: progress and notes on stderr, results and JSON lines on stdout."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from typing import Any

SCHEMA = 1  # of the JSON lines: docs/json.md says what makes it grow

_json_wanted = False


def want_json(wanted: bool) -> None:
    """Whether errors are JSON lines too."""
    global _json_wanted
    _json_wanted = wanted


def record(kind: str, **fields: Any) -> None:
    """A line of JSON on stdout; ``type`` says what it is. Numbers that JSON can't hold become null."""
    line = {"type": kind, "schema": SCHEMA, **_plain(fields)}
    print(json.dumps(line, ensure_ascii=False, allow_nan=False), flush=True)


def error(message: str, code: int) -> int:
    """One line on stderr; returns ``code``."""
    line = " ".join(message.split())
    print(f"sensic: {line}", file=sys.stderr)
    if _json_wanted:
        record("error", message=line, exit_code=code)
    return code


def notes(sentences: Iterable[str]) -> None:
    """What the user must be told, on stderr."""
    for sentence in sentences:
        print(f"note: {sentence}", file=sys.stderr)


def status(sentence: str) -> None:
    """A line on stderr."""
    print(sentence, file=sys.stderr)


def amount(count: float) -> str:
    """Bytes for people: 950 B, 12.3 kB, 4.5 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"


def clock(seconds: float) -> str:
    """Seconds for people: 0:07, 12:30, 1:02:03."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
