"""Model and backend for a stream: found, loaded, and held to the golden vector."""

from __future__ import annotations

from pathlib import Path

from sensic.container import StreamHeader
from sensic.errors import UsageError, WrongModelError
from sensic.model import GRAPHS, Model
from sensic.runtime import Backend, OnnxBackend, check_golden

DECODER_GRAPHS = tuple(graph for graph in GRAPHS if graph != "analysis")


def load_backend(model: Model, threads: int | None, graphs: tuple[str, ...] = GRAPHS) -> Backend:
    """ONNX Runtime with ``threads`` threads in each network (None: as many as there are cores).

    Raises UsageError for a number below 1, BackendError when the backend does not compute exactly.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads is 1 or more, not {threads}")
    backend = OnnxBackend(model, threads or 0, graphs)
    check_golden(backend, model)
    return backend


def model_of(header: StreamHeader, wanted: str | Path | Model | None) -> Model:
    """The model that a stream was made with: the given one, else a shipped one. Raises WrongModelError."""
    identity = header.model.hex()
    if wanted is not None:
        model = Model.load(wanted)
        if model.id != identity:
            raise WrongModelError(identity, f"{model.name} ({model.id})")
        return model
    found = Model.find(identity)
    if found is None:
        raise WrongModelError(identity)
    return found
