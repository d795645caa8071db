"""Optional backend: PyTorch, from the trained weights, on a CPU or with CUDA. Needs the extra ``train``.

On CUDA each network is recorded once for every size of picture as a CUDA graph, and played from then on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sensic.errors import BackendError, ModelError
from sensic.model import GRAPHS, Model
from sensic.runtime.protocol import INPUTS, INTEGER_GRAPHS, Array

if TYPE_CHECKING:
    import torch

    Tensors = tuple[torch.Tensor, ...]


class TorchBackend:
    """The networks as modules. ``dtype`` is ``"float32"`` or ``"float64"``, ``pixels`` that of the pixel networks (by
    default the same; ``"float16"`` or ``"bfloat16"`` are for GPUs); ``device`` as PyTorch names it.

    Raises BackendError without PyTorch or the device, and for networks in 8-bit integers.
    """

    def __init__(
        self,
        model: Model,
        threads: int = 0,
        graphs: tuple[str, ...] = GRAPHS,
        dtype: str = "float32",
        device: str = "cpu",
        pixels: str | None = None,
    ) -> None:
        try:
            import torch

            from sensic.networks.codec import NetworkSize, VideoVAE
            from sensic.networks.frozen import FrozenCodec
        except ImportError as error:
            raise BackendError("PyTorch is not installed: pip install 'sensic[train]'") from error
        if model.is_int8:
            raise BackendError(f"PyTorch can't compute the 8-bit networks of {model.name}: use onnxruntime")
        if device.startswith("cuda"):
            if not torch.cuda.is_available():
                raise BackendError("PyTorch finds no CUDA device here")
            torch.backends.cudnn.allow_tf32 = False  # ten bits of mantissa are too few for exact integers
        if threads:
            torch.set_num_threads(threads)
        self._torch, self._device = torch, device
        self._recorded: dict[Any, tuple[torch.cuda.CUDAGraph, Tensors, Tensors]] = {}

        def codec(kind: torch.dtype) -> FrozenCodec:
            try:
                size = NetworkSize(**model.manifest["networks"])
            except TypeError as error:
                raise ModelError(f"{model.directory}: the network sizes are not usable: {error}") from error
            vae = VideoVAE(size)
            vae.load_state_dict({k: torch.from_numpy(v) for k, v in model.weights().items()})
            return FrozenCodec(vae).to(device=device, dtype=kind)

        self._exact_type, self._pixel_type = getattr(torch, dtype), getattr(torch, pixels or dtype)
        self._exact = codec(self._exact_type)
        self._pixels = self._exact if self._pixel_type == self._exact_type else codec(self._pixel_type)

    def run(self, graph: str, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        exact = graph in INTEGER_GRAPHS
        kind, module = (self._exact_type, self._exact) if exact else (self._pixel_type, self._pixels)

        def tensor(name: str) -> torch.Tensor:
            value: torch.Tensor = self._torch.from_numpy(inputs[name]).to(self._device)
            return value if name in ("quality", "inter") else value.to(dtype=kind)

        given = tuple(tensor(name) for name in INPUTS[graph])
        with self._torch.no_grad():
            on_gpu = self._device.startswith("cuda")
            results = self._play(graph, module, given) if on_gpu else _tuple(getattr(module, graph)(*given))
        return tuple(result.float().cpu().numpy() for result in results)

    def _play(self, graph: str, module: Any, given: Tensors) -> Tensors:
        """The network's outputs, by a CUDA graph; the first time of a size it is recorded."""
        cuda, key = self._torch.cuda, (graph, *(tuple(one.shape) for one in given))
        if key not in self._recorded:
            kept = tuple(one.clone() for one in given)
            beside = cuda.Stream()
            beside.wait_stream(cuda.current_stream())
            with cuda.stream(beside):  # libraries choose their algorithms before anything is recorded
                for _ in range(3):
                    getattr(module, graph)(*kept)
            cuda.current_stream().wait_stream(beside)
            recording = cuda.CUDAGraph()
            with cuda.graph(recording):
                results = _tuple(getattr(module, graph)(*kept))
            self._recorded[key] = recording, kept, results
        recording, kept, results = self._recorded[key]
        for to, one in zip(kept, given, strict=True):
            to.copy_(one)
        recording.replay()
        return results


def _tuple(result: Any) -> Tensors:
    return result if isinstance(result, tuple) else (result,)
