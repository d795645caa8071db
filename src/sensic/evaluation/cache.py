"""Measurements kept by what they depend on, so that none is made twice and a run that is stopped goes on.

A measurement depends on the samples of the clip, on the coder (its version, its setting and what it was asked), on the
metrics, on the code that coded and measured, and, as it holds times, on the machine. All of that is hashed into the
name of a file of JSON. Nothing in a cache is ever wrong, only missing: what can't be read is measured again.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sensic.evaluation.results import Measurement

PACKAGE = Path(__file__).parents[1]
MEASURING = ("evaluation/clips.py", "evaluation/process.py", "evaluation/coders", "evaluation/metrics")
CODING = ("codec", "container", "entropy", "model", "motion", "runtime", "video")  # what makes a stream of Sensic
LIBRARIES = ("av", "constriction", "numpy", "onnxruntime", "opencv-python-headless")  # and what that is made with


@cache
def source_hash(*parts: str) -> str:
    """SHA-256 of the Python code of these parts of the package, as it is installed; comments and docstrings aside."""
    digest = hashlib.sha256()
    for part in parts:
        home = PACKAGE / part
        for file in [home] if home.is_file() else sorted(home.rglob("*.py")):
            digest.update(f"{file.relative_to(PACKAGE).as_posix()} {code(file.read_text(encoding='utf-8'))}".encode())
    return digest.hexdigest()


def code(source: str) -> str:
    """What a module does, whatever is said about it."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [entry for entry in body if not _is_text(entry)]  # type: ignore[attr-defined]
    return ast.dump(tree)


def _is_text(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def coding_version() -> dict[str, str]:
    """Of Sensic itself: a stream changes with its sources, which may be newer than its number, and its libraries."""
    return {"sources": source_hash(*CODING), **{name: version(name) for name in LIBRARIES}}


class Cache:
    """Measurements in a folder; a key is whatever JSON holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def name(self, key: Mapping[str, Any]) -> str:
        """Sixteen hexadecimal digits for a key."""
        text = json.dumps({**key, "measured by": source_hash(*MEASURING)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def get(self, name: str) -> tuple[Measurement, list[str]] | None:
        """A measurement, and the notes that were made of it."""
        try:
            kept = json.loads(self._path(name).read_text(encoding="utf-8"))
            return Measurement.from_dict(kept["measurement"]), list(map(str, kept["notes"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, name: str, measurement: Measurement, notes: Sequence[str]) -> None:
        """Whole or not at all."""
        partial = self._folder / f".{name}.partial"
        kept = {"measurement": asdict(measurement), "notes": list(notes)}
        partial.write_text(json.dumps(kept) + "\n", encoding="utf-8")
        os.replace(partial, self._path(name))

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
