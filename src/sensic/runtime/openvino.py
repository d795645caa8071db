"""Optional backend: OpenVINO on the CPU. It would pick bfloat16 by itself where the processor has it; here only the
pixel networks do, and only where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensic.errors import BackendError
from sensic.model import GRAPHS, Model
from sensic.runtime.protocol import INTEGER_GRAPHS, OUTPUTS, Array


class OpenVinoBackend:
    """Compiled graphs of one model; those of pixels with ``pixels`` f32 or bf16.

    Raises BackendError when OpenVINO is not installed, when this processor has no bfloat16 but is to use it, and for
    networks in 8-bit integers, which are made for ONNX Runtime.
    """

    def __init__(self, model: Model, threads: int = 0, graphs: tuple[str, ...] = GRAPHS, pixels: str = "f32") -> None:
        try:
            import openvino as ov
        except ImportError as error:
            raise BackendError("OpenVINO is not installed: pip install 'sensic[openvino]'") from error
        if model.is_int8:
            raise BackendError(f"OpenVINO can't compute the 8-bit networks of {model.name}: use onnxruntime")
        core = ov.Core()
        if pixels == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise BackendError("this processor has no bfloat16: use openvino")
        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if threads:
            config["INFERENCE_NUM_THREADS"] = threads
        self._compiled = {}
        for graph in graphs:
            precision = "f32" if graph in INTEGER_GRAPHS else pixels
            network = core.read_model(model.graph(graph), b"")
            self._compiled[graph] = core.compile_model(
                network, "CPU", {**config, "INFERENCE_PRECISION_HINT": precision}
            )

    def run(self, graph: str, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        compiled = self._compiled[graph]
        results = compiled(dict(inputs))
        names = {output.any_name: output for output in compiled.outputs}
        return tuple(results[names[name]].copy() for name in OUTPUTS[graph] if name in names)
