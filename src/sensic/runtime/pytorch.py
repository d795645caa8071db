"""Optional backend: PyTorch, float32 or float64, from the trained weights. Needs the extra ``train``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sensic.errors import BackendError
from sensic.model import GRAPHS, Model
from sensic.runtime.protocol import INPUTS, Array

if TYPE_CHECKING:
    import torch


class TorchBackend:
    """The networks as modules. ``dtype`` is ``"float32"`` or ``"float64"``; ``device`` as PyTorch names it."""

    def __init__(
        self,
        model: Model,
        threads: int = 0,
        graphs: tuple[str, ...] = GRAPHS,
        dtype: str = "float32",
        device: str = "cpu",
    ) -> None:
        try:
            import torch

            from sensic.networks.codec import NetworkSize, VideoVAE
            from sensic.networks.frozen import FrozenCodec
        except ImportError as error:
            raise BackendError("PyTorch is not installed: pip install 'sensic[train]'") from error
        if threads:
            torch.set_num_threads(threads)
        self._torch, self._dtype, self._device = torch, getattr(torch, dtype), device
        vae = VideoVAE(NetworkSize(**model.manifest["networks"]))
        vae.load_state_dict({k: torch.from_numpy(v) for k, v in model.weights().items()})
        self._codec = FrozenCodec(vae).to(device=device, dtype=self._dtype)

    def run(self, graph: str, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        def tensor(name: str) -> torch.Tensor:
            value: torch.Tensor = self._torch.from_numpy(inputs[name]).to(self._device)
            return value if name in ("quality", "inter") else value.to(dtype=self._dtype)

        with self._torch.no_grad():
            result = getattr(self._codec, graph)(*[tensor(n) for n in INPUTS[graph]])
        results = result if isinstance(result, tuple) else (result,)
        return tuple(r.float().cpu().numpy() for r in results)
