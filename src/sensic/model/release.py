"""Writing a model that is made of another one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from sensic.model.files import STEPS, read_file, write_manifest
from sensic.model.manifest import FORMAT
from sensic.model.model import Model


def write_int8(
    directory: Path, base: Model, *, name: str, steps: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]
) -> str:
    """Write ``base`` with its pixel networks in 8-bit integers, and return the id of that. Of a shipped model only the
    ``steps`` are written, of any other one its files too."""
    files = {STEPS: save({key: np.ascontiguousarray(value) for key, value in steps.items()})}
    manifest: dict[str, Any] = {"format": FORMAT, "name": name, "facts": dict(facts)}
    manifest |= {key: base.manifest[key] for key in ("networks", "quality_offsets")}
    if Model.find(base.id) is None:
        replaced = {"context.onnx", "analysis.onnx", "synthesis.onnx"}
        kept = [file for file in base.manifest["files"] if file not in replaced]
        files |= {file: read_file(base.directory, base.manifest, file) for file in kept}
    else:
        manifest["base"] = base.id
    return write_manifest(directory, manifest, files)
