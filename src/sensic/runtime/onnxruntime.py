"""The default backend: ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping

import onnxruntime as ort

from sensic.errors import BackendError
from sensic.model import GRAPHS, Model
from sensic.runtime.protocol import Array


class OnnxBackend:
    """Sessions for the graphs of one model, with ``threads`` threads inside a network (0: all cores).

    ``graphs`` limits which are compiled: a decoder needs no analysis. Raises BackendError when a graph can't be loaded.
    """

    def __init__(self, model: Model, threads: int = 0, graphs: tuple[str, ...] = GRAPHS) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        # Idle workers that spin would starve the entropy coder and the video decoder of the same cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._sessions = {}
        for name in graphs:
            try:
                self._sessions[name] = ort.InferenceSession(
                    model.graph(name), options, providers=["CPUExecutionProvider"]
                )
            except (RuntimeError, ValueError) as error:
                raise BackendError(f"ONNX Runtime can't load the {name} network of {model.name}: {error}") from error

    def run(self, graph: str, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        return tuple(self._sessions[graph].run(None, dict(inputs)))
