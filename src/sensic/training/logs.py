"""Logs of a run: a line of JSON per entry, and the same numbers for TensorBoard."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensic.training.checkpoint import write_bytes

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Logs:
    """``log.jsonl`` and ``tensorboard/`` in the run's folder.

    ``step`` is where the run goes on: what was logged after it, before a kill, is dropped.
    """

    def __init__(self, folder: Path, step: int, *, tensorboard: bool) -> None:
        self.path = folder / "log.jsonl"
        _drop_after(self.path, step)
        self._file = self.path.open("a", encoding="utf-8", buffering=1)
        self._board = _board(folder / "tensorboard", step) if tensorboard else None

    def write(self, kind: str, step: int, **values: Any) -> None:
        """An entry of the type ``kind``; the numbers among its values go to TensorBoard as ``kind/name``."""
        self._file.write(json.dumps({"type": kind, "step": step, **_plain(values)}, allow_nan=False) + "\n")
        if self._board is not None:
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._board.add_scalar(f"{kind}/{name}", value, step)

    def picture(self, name: str, step: int, pixels: Any) -> None:
        """An image [H, W, 3], uint8, for TensorBoard."""
        if self._board is not None:
            self._board.add_image(name, pixels, step, dataformats="HWC")

    def close(self) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """The entries of a log; a last line that a kill cut short is left out."""
    entries = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries


def _drop_after(path: Path, step: int) -> None:
    if path.exists():
        kept = [entry for entry in read_log(path) if entry["step"] <= step]
        write_bytes(path, "".join(json.dumps(entry) + "\n" for entry in kept).encode())


def _board(folder: Path, step: int) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter

    make: Callable[..., SummaryWriter] = SummaryWriter
    return make(str(folder), purge_step=step + 1 if step else None)


def _plain(value: Any) -> Any:
    """Numbers that JSON can't hold become null."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
