"""What several threads and processes do at once: everything is told apart by its number alone."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import sensic
from tests.vectors.streams import HERE

MODEL = HERE / "model"
OPTIONS: tuple[dict[str, Any], ...] = (
    {"model": MODEL, "preset": 0, "gop": 4, "quality": 20},
    {"model": MODEL, "preset": "medium", "gop": 8, "quality": 40},
    {"model": MODEL, "preset": 0, "gop": 3, "low_latency": True},
    {"profile": "sensing"},
)
SEVERAL = 8


def job(folder: Path, number: int) -> tuple[str, str]:
    """Sums of what encoding the n-th way writes, and of the pictures that are read back, some of them sought."""
    options = OPTIONS[number % len(OPTIONS)]
    path = folder / f"{number}.mkv"
    sensic.encode(folder / "in.mkv", path, threads=1, **options)
    pictures = hashlib.sha256()
    with sensic.open_video(path, model=options.get("model"), threads=1) as video:
        for frame in [*video, video[len(options)], video[0]]:
            pictures.update(b"".join(plane.tobytes() for plane in frame.planes))
    return hashlib.sha256(path.read_bytes()).hexdigest(), pictures.hexdigest()
