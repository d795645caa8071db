"""Model directories: ``manifest.json`` and the files that it names by size and SHA-256.

========================  ==================================================================
``manifest.json``         format, name, sizes, quality offsets, facts, and the files below
``tables.safetensors``    every integer of the entropy path
``golden.safetensors``    inputs and outputs of the integer networks that a backend must reproduce
``<graph>.onnx``          the seven networks: hyper, first, second, memory, context, analysis, synthesis;
                          of a decoder of the sensing profile: listen, write, paint; of one of snapshots: unroll
``weights.safetensors``   the trained weights, for going on with training; not needed to run. Decoders of the sensing
                          profile and of snapshots have them in their graphs only
``int8.safetensors``      how activations are rounded, in models whose context, analysis and synthesis compute in 8-bit
                          integers: these graphs are then made of the weights (``sensic.model.int8``)
``README.md``             the model card (not part of the id)
========================  ==================================================================

The id of a model, which streams carry, is the SHA-256 of ``manifest.json``; as the manifest names the hash
of every other file, the id fixes them all. A manifest may name another model as its ``base``, by id: files that it does
not name itself are that model's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from sensic.errors import ModelError
from sensic.model.manifest import FORMAT, parse_manifest

GRAPHS = ("hyper", "first", "second", "memory", "context", "analysis", "synthesis")
SENSING_GRAPHS = ("listen", "write", "paint")
SNAPSHOT_GRAPHS = ("unroll",)
MANIFEST = "manifest.json"
STEPS = "int8.safetensors"
MANIFEST_MAX = 1 << 20


def write_model(
    directory: Path,
    *,
    name: str,
    networks: Mapping[str, int],
    tables: Mapping[str, NDArray[Any]],
    golden: Mapping[str, NDArray[Any]],
    graphs: Mapping[str, bytes],
    weights: bytes | None,
    quality_offsets: Mapping[str, int | list[int]],
    facts: Mapping[str, Any],
) -> str:
    """Write all files of a model and return its id. ``directory`` is made; existing files are replaced."""
    files = {f"{g}.onnx": data for g, data in graphs.items()}
    files["tables.safetensors"] = save_tensors({k: np.ascontiguousarray(v) for k, v in tables.items()})
    files["golden.safetensors"] = save_tensors({k: np.ascontiguousarray(v) for k, v in golden.items()})
    if weights is not None:
        files["weights.safetensors"] = weights
    manifest = {
        "format": FORMAT,
        "name": name,
        "networks": dict(networks),
        "quality_offsets": dict(quality_offsets),
        "facts": dict(facts),
    }
    return write_manifest(directory, manifest, files)


def write_manifest(directory: Path, manifest: dict[str, Any], files: Mapping[str, bytes]) -> str:
    """Write ``files`` and the manifest that names them besides its other contents; returns the id."""
    manifest["files"] = {
        k: {"bytes": len(v), "sha256": hashlib.sha256(v).hexdigest()} for k, v in sorted(files.items())
    }
    text = json.dumps(manifest, indent=1, sort_keys=True).encode()
    directory.mkdir(parents=True, exist_ok=True)
    for file, data in files.items():
        (directory / file).write_bytes(data)
    (directory / MANIFEST).write_bytes(text)
    return hashlib.sha256(text).hexdigest()


def read_manifest(directory: Path) -> tuple[str, dict[str, Any]]:
    """Id and contents of a manifest. Raises ModelError when it is missing, too large or not one of ours."""
    path = directory / MANIFEST
    try:
        if path.stat().st_size > MANIFEST_MAX:
            raise ModelError(f"{path}: a manifest has at most {MANIFEST_MAX} bytes")
        text = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{directory}: not a model directory ({error.strerror} reading manifest.json)") from error
    return hashlib.sha256(text).hexdigest(), parse_manifest(text, path)


def read_file(directory: Path, manifest: Mapping[str, Any], file: str) -> bytes:
    """One file of a model, its size and hash checked before anything parses it."""
    try:
        entry = manifest["files"][file]
    except KeyError as error:
        raise ModelError(f"{directory}: the manifest does not name {file}") from error
    path = directory / file
    try:
        if path.stat().st_size != entry["bytes"]:
            raise ModelError(f"{path}: size differs from the manifest")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise ModelError(f"{path}: hash differs from the manifest; the file is damaged or was changed")
    return data


def read_tensors(directory: Path, manifest: Mapping[str, Any], file: str) -> dict[str, NDArray[Any]]:
    try:
        return dict(load_tensors(read_file(directory, manifest, file)))
    except SafetensorError as error:
        raise ModelError(f"{directory / file}: not a safetensors file") from error
