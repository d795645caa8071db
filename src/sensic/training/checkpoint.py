"""Checkpoints: everything that a run needs to go on as if it had not stopped, in one safetensors file.

The tensors are the file's, everything else is JSON in its header. A file appears whole or not at all, and older ones
go only after that, so that a kill or a full disk never costs more than the time since the last one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from sensic.errors import OutputError
from sensic.video import AtomicFile

_HEADER = "state"
_NAME = re.compile(r"step-(\d{8})\.safetensors")


@dataclass(frozen=True)
class Checkpoint:
    path: Path
    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with ``prefix``, without it."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


class Checkpoints:
    """The checkpoints ``step-NNNNNNNN.safetensors`` of a folder, of which the newest ``keep`` stay."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder, self.keep = folder, keep

    def save(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
        """Raises OutputError where it can't be written; the older checkpoints are still there then."""
        path = self.folder / f"step-{step:08}.safetensors"
        write_tensors(path, tensors, {_HEADER: json.dumps(facts)})
        for old in self.paths()[: -self.keep]:
            old.unlink(missing_ok=True)
        return path

    def newest(self) -> Checkpoint | None:
        """The newest that can be read: a damaged one is passed over."""
        for path in reversed(self.paths()):
            with contextlib.suppress(SafetensorError, OSError, ValueError, KeyError):
                return read_checkpoint(path)
        return None

    def paths(self) -> list[Path]:
        """Oldest first."""
        return sorted(path for path in self.folder.glob("step-*.safetensors") if _NAME.fullmatch(path.name))

    def sweep(self) -> None:
        """Remove what a killed writer left half-written."""
        for path in self.folder.glob(".*.part"):
            path.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> Checkpoint:
    with safe_open(path, "pt") as file:
        facts = json.loads((file.metadata() or {})[_HEADER])
        return Checkpoint(path, {name: file.get_tensor(name) for name in file.keys()}, facts)  # noqa: SIM118


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str] | None = None) -> None:
    """A safetensors file, whole or not at all. Raises OutputError."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_bytes(path, to_bytes(plain, dict(header or {})))


def write_bytes(path: Path, data: bytes) -> None:
    """A file, whole or not at all, and on the disk when this returns. Raises OutputError."""
    try:
        with AtomicFile(path) as file:
            left = memoryview(data)
            while left:  # an unbuffered file may take less than it is given
                left = left[file.file.write(left) :]
            os.fsync(file.file.fileno())
    except OSError as error:
        raise OutputError(
            f"can't write {path}: {error.strerror or error}; what was written before is intact"
        ) from error
