"""Several processes as one run: what ``torchrun`` starts works on one set of weights.

Every process has lanes of its own and the same weights. Gradients are averaged once per step, all of them in one
message: they are 5 MB, so there is nothing to gain from sending them piece by piece while others are computed, and no
wrapper stands between the trainer and the networks.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from sensic.errors import RecipeError

_PATIENCE = timedelta(hours=12)  # the others wait while the first process prepares the footage


@dataclass(frozen=True)
class Team:
    """The processes of a run: this one's number, how many there are, and the device of this one."""

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this is the process that validates and writes."""
        return self.rank == 0

    def average_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Replace every gradient by the mean over the processes."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        for gradient, mean in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view(gradient.shape) / self.size)

    def average(self, values: Sequence[float]) -> list[float]:
        """The mean of each value over the processes."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return [value / self.size for value in tensor.tolist()]

    def first(self, value: float) -> float:
        """The value that the first process has."""
        if self.size == 1:
            return value
        tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        dist.broadcast(tensor, 0)
        return float(tensor.item())

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the contents of the first one's tensors."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def gather(self, data: bytes) -> list[bytes]:
        """What every process has, in the first process; an empty list in the others."""
        if self.size == 1:
            return [data]
        lengths = [torch.zeros(1, dtype=torch.int64, device=self.device) for _ in range(self.size)]
        dist.all_gather(lengths, torch.tensor([len(data)], device=self.device))
        longest = max(int(length) for length in lengths)
        padded = torch.frombuffer(bytearray(data.ljust(longest, b"\0")), dtype=torch.uint8).to(self.device)
        parts = [torch.empty_like(padded) for _ in range(self.size)] if self.leads else None
        dist.gather(padded, parts)
        return [part[: int(length)].cpu().numpy().tobytes() for part, length in zip(parts or [], lengths, strict=False)]

    def wait(self) -> None:
        """Until every process is here."""
        self.average([0.0])


@contextlib.contextmanager
def joined(device: str) -> Iterator[Team]:
    """The team that ``torchrun`` started, or a team of one. ``device`` is auto, cpu, cuda or cuda:N.

    Raises RecipeError where the device isn't there.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or dist.is_initialized():
        rank = dist.get_rank() if size > 1 else 0
        yield Team(rank, size, choose_device(device, 0 if size == 1 else _local_rank()))
        return
    chosen = choose_device(device, _local_rank())
    backend = "nccl" if chosen.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Team(dist.get_rank(), size, chosen)
    finally:
        dist.destroy_process_group()


def choose_device(device: str, local_rank: int = 0) -> torch.device:
    """``auto`` is a GPU if there is one; ``cuda`` is the GPU of this process's number on its machine."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not torch.cuda.is_available():
        raise RecipeError(f"device = {device!r}: PyTorch finds no CUDA GPU here; cpu and auto are possible")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise RecipeError(f"device = {device!r}: it is auto, cpu, cuda or cuda:N") from error
    if chosen.type == "cuda":
        chosen = torch.device("cuda", local_rank if chosen.index is None else chosen.index)
        if chosen.index >= torch.cuda.device_count():
            raise RecipeError(f"device = {device!r}: there are {torch.cuda.device_count()} GPUs, counted from 0")
        torch.cuda.set_device(chosen)
    return chosen


def _local_rank() -> int:
    return int(os.environ.get("LOCAL_RANK", "0"))
