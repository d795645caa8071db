"""Weights of the snapshot decoder, from files."""

from __future__ import annotations

import re
from pathlib import Path

from sensic.errors import ModelError
from sensic.networks.snapshot import SnapshotSize, SnapshotVAE
from sensic.training.stored import loaded
from sensic.training.weights import Tensors, filled


def snapshot_size(tensors: Tensors) -> SnapshotSize:
    """Widths and depths, read off the shapes. Raises ModelError where these are no weights of this decoder."""

    def count(pattern: str) -> int:
        return len({m[1] for name in tensors if (m := re.match(pattern, name))})

    try:
        coarse, fine = tensors["bodies.0.down.weight"].shape[:2]
        return SnapshotSize(
            fine=fine,
            coarse=coarse,
            stages=len(tensors["gains"]),
            bodies=count(r"bodies\.(\d+)\."),
            blocks=count(r"bodies\.0\.work\.(\d+)\."),
        )
    except (KeyError, ValueError) as error:
        raise ModelError(f"these are not the weights of a snapshot decoder: there is no usable {error}") from error


def snapshot_of(tensors: Tensors) -> SnapshotVAE:
    """The network with these weights. Raises ModelError where they don't fit, or hold NaN or infinity."""
    return filled(SnapshotVAE(snapshot_size(tensors)), tensors)


def load_snapshot(source: str | Path) -> SnapshotVAE:
    """The weights in a safetensors file, the best of a run's folder, or those of a model's. Raises ModelError."""
    return loaded(source, snapshot_of)
