"""Backends by name. Those that are optional are imported when they are asked for."""

from __future__ import annotations

import importlib
from typing import Any, cast

from sensic.errors import UsageError
from sensic.model import GRAPHS, Model
from sensic.runtime.protocol import Backend

_MADE_BY: dict[str, tuple[str, str, dict[str, Any]]] = {
    "onnxruntime": ("onnxruntime", "OnnxBackend", {}),
    "openvino": ("openvino", "OpenVinoBackend", {}),
    "openvino-bf16": ("openvino", "OpenVinoBackend", {"pixels": "bf16"}),
    "pytorch": ("pytorch", "TorchBackend", {}),
    "cuda": ("pytorch", "TorchBackend", {"device": "cuda", "pixels": "float16"}),
}
BACKENDS = tuple(_MADE_BY)


def make_backend(name: str, model: Model, threads: int = 0, graphs: tuple[str, ...] = GRAPHS) -> Backend:
    """A backend of ``BACKENDS`` for a model, with ``threads`` threads inside a network (0: all cores).

    Raises UsageError for another name, and BackendError where it is not installed or can't compute here.
    """
    if name not in _MADE_BY:
        raise UsageError(f"backend is one of {', '.join(BACKENDS)}, not {name!r}")
    module, kind, options = _MADE_BY[name]
    found = getattr(importlib.import_module(f"sensic.runtime.{module}"), kind)
    return cast(Backend, found(model, threads, graphs, **options))
