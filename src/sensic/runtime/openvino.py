"""Optional backend: OpenVINO on the CPU, held to float32 (it would pick bfloat16 where the processor has it)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensic.errors import BackendError
from sensic.model import GRAPHS, Model
from sensic.runtime.protocol import OUTPUTS, Array


class OpenVinoBackend:
    """Compiled graphs of one model. Raises BackendError when OpenVINO is not installed."""

    def __init__(self, model: Model, threads: int = 0, graphs: tuple[str, ...] = GRAPHS) -> None:
        try:
            import openvino as ov
        except ImportError as error:
            raise BackendError("OpenVINO is not installed: pip install openvino") from error
        core = ov.Core()
        config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        self._compiled = {g: core.compile_model(core.read_model(model.graph(g), b""), "CPU", config) for g in graphs}

    def run(self, graph: str, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        compiled = self._compiled[graph]
        results = compiled(dict(inputs))
        names = {output.any_name: output for output in compiled.outputs}
        return tuple(results[names[name]].copy() for name in OUTPUTS[graph] if name in names)
