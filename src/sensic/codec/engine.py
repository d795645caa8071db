"""Model and backend for a stream: found, loaded, and held to the golden vector."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sensic.container import StreamHeader
from sensic.errors import UsageError, WrongModelError
from sensic.model import GRAPHS, Model
from sensic.runtime import BACKENDS, Backend, check_golden, is_faster, make_backend

DECODER_GRAPHS = tuple(graph for graph in GRAPHS if graph != "analysis")
_SQUARE = np.zeros((64, 64))
PRECISIONS = ("float", "int8", "auto")
DEFAULT_BACKEND = BACKENDS[0]


def load_backend(
    model: Model, threads: int | None, graphs: tuple[str, ...] = GRAPHS, name: str = DEFAULT_BACKEND
) -> Backend:
    """The backend of that name (``sensic.runtime.BACKENDS``) with ``threads`` threads in each network (None: as many as
    there are cores).

    Raises UsageError for a number below 1 or another name, BackendError when the backend does not compute exactly.
    """
    if threads is not None and threads < 1:
        raise UsageError(f"threads is 1 or more, not {threads}")
    backend = make_backend(name, model, threads or 0, graphs)
    check_golden(backend, model)
    _SQUARE @ _SQUARE  # where NumPy's BLAS finds no memory it ends the process: better before an output is begun
    return backend


def decoding_backend(model: Model, threads: int | None, precision: str, backend: str = DEFAULT_BACKEND) -> Backend:
    """What computes pictures of streams made with ``model``: its own networks (float), those in 8-bit integers of a
    shipped model with the same weights (int8), or whichever is faster here (auto). ``backend`` is who computes float.

    Raises UsageError for another precision, or where there are no integer networks for int8, and BackendError.
    """
    if precision not in PRECISIONS:
        raise UsageError(f"precision is one of {', '.join(PRECISIONS)}, not {precision!r}")
    exact = load_backend(model, threads, DECODER_GRAPHS, backend)
    other = None if precision == "float" or model.is_int8 else model.int8()
    if other is None:
        if precision == "int8" and not model.is_int8:
            raise UsageError(f"the model {model.name} has no networks in 8-bit integers: decode with precision float")
        return exact
    close = load_backend(other, threads, DECODER_GRAPHS)
    return close if precision == "int8" or is_faster(close, exact, model) else exact


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
