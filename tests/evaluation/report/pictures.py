"""Kept pictures for the results of ``tests.evaluation.found``: noise as the source, a flat grey from every coder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from sensic.evaluation.report import crops
from sensic.evaluation.results import Results

GREY = {"x265:medium": 200, "sensic": 60, "svtav1:8": 120}
INDEX = 4


def keep(results: Results, folder: Path) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    for clip in results.clips:
        shape = (clip.height, clip.width, 3)
        noise = random.integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(noise).save(crops.picture_path(folder, crops.source_key(clip), INDEX))
    for m in results.measurements:
        clip = results.clip(m.clip)
        flat = np.full((clip.height, clip.width, 3), GREY[m.coder], np.uint8)
        Image.fromarray(flat).save(crops.picture_path(folder, m.picture, INDEX))
    return folder
