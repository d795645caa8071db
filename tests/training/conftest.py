"""Footage for training tests: noise-like textures that pan, in packs of a few kilobytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from sensic.training import Recipe
from sensic.training.prepare import Prepared, prepare

WIDTH, HEIGHT, FRAMES = 96, 64, 12


def panning_clip(seed: int, frames: int = FRAMES, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """A smooth random texture that moves by a constant vector: RGB [frames, height, width, 3]."""
    rng = np.random.default_rng(seed)
    margin = 2 * frames
    coarse = rng.uniform(0, 255, (-(-(height + 2 * margin) // 8), -(-(width + 2 * margin) // 8), 3))
    canvas = np.kron(coarse, np.ones((8, 8, 1)))
    for axis in (0, 1):
        canvas = (canvas + np.roll(canvas, 3, axis) + np.roll(canvas, -3, axis)) / 3
    dy, dx = (int(v) for v in rng.integers(-2, 3, 2))
    views = [(margin + t * dy, margin + t * dx) for t in range(frames)]
    return np.stack([canvas[y : y + height, x : x + width] for y, x in views]).astype(np.uint8)


def write_pack(path: Path, clips: Sequence[NDArray[np.uint8]]) -> Path:
    """A pack of RGB clips: H.264, a closed group per clip."""
    frames, height, width, _ = clips[0].shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "10", "preset": "ultrafast", "x264-params": f"keyint={frames}:scenecut=0:threads=1"}
        for clip in clips:
            for picture in clip:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24").reformat(format="yuv420p")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two packs, of three clips and of one, motion cached."""
    folder = tmp_path_factory.mktemp("packs")
    for name, seeds in (("a", range(3)), ("b", range(3, 4))):
        write_pack(folder / f"{name}.mkv", [panning_clip(seed) for seed in seeds])
    prepare([folder], folder / "cache")
    return folder


@pytest.fixture(scope="session")
def prepared(packs: Path) -> list[Prepared]:
    return prepare([packs], packs / "cache")


SMALL = {
    "features": 16, "latent": 16, "hyper": 8, "memory": 16,
    "context_blocks": 1, "analysis_blocks": 1, "synthesis_blocks": 1, "output_blocks": 1,
}  # fmt: skip


def small_recipe(packs: Path, **tables: Any) -> Recipe:
    """Four steps of a small network on one thread; ``tables`` replace or extend those of the recipe."""
    values: dict[str, Any] = {
        "threads": 1,
        "initialise": "random",
        "network": SMALL,
        "data": {"packs": [str(packs)]},
        "sequence": {"lanes": 1, "crop": 32, "phases": [{"at": 0.0, "frames": 2}]},
        "schedule": {"warmup": 0},
        "length": {"steps": 4},
        "validation": {"clips": 0},
        "output": {"tensorboard": False, "export": False, "log_steps": 1},
    }
    for name, table in tables.items():
        values[name] = {**values[name], **table} if isinstance(table, dict) and name in values else table
    return Recipe.of(values)


@pytest.fixture
def small(packs: Path) -> Callable[..., Recipe]:
    """``small_recipe`` with the packs of this session."""
    return partial(small_recipe, packs)
