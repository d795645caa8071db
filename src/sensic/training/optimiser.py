"""The optimiser: Muon for matrices, AdamW for the rest, and a moving average of the weights.

Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon) orthogonalises the momentum of a matrix by five
Newton–Schulz iterations. ``torch.optim.Muon`` does the same, matrix by matrix and in bfloat16: right for a GPU and a
few large matrices, 17 times slower than this on a CPU with our 83 small ones (docs/decisions/0007-muon.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from sensic.networks.layers import Block
from sensic.training.recipe import Optimiser as Settings

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
_AVERAGE_WARMUP = 50  # steps: the average of fewer is nearly the last weights


def is_matrix(parameter: Tensor) -> bool:
    """Whether Muon takes it: the weights of all convolutions but the depthwise ones."""
    return parameter.ndim == 4 and parameter.shape[1] > 1


class Muon(torch.optim.Optimizer):
    """Muon for convolution weights [O, I, kh, kw], seen as matrices [O, kh·kw·I]; those of one shape are one batch.

    The same update as ``torch.optim.Muon`` with Nesterov momentum and the learning rate grown by √max(1, O/I), in
    float32 (on a GPU the iterations are in bfloat16).
    """

    def __init__(self, parameters: list[nn.Parameter], lr: float, momentum: float = 0.95) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            batches: dict[tuple[int, int], list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    batches.setdefault(_matrix(parameter).shape, []).append(parameter)  # type: ignore[arg-type]
            for batch in batches.values():
                self._update(batch, group["lr"], group["momentum"])

    def _update(self, batch: list[Tensor], lr: float, momentum: float) -> None:
        gradients = [p.grad for p in batch if p.grad is not None]
        for parameter in batch:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        buffers = [self.state[p]["momentum"] for p in batch]
        torch._foreach_lerp_(buffers, gradients, 1 - momentum)
        ahead = torch._foreach_lerp(gradients, buffers, momentum)
        updates = orthogonalise(torch.stack([_matrix(x) for x in ahead]))
        rows, columns = updates.shape[1:]
        steps = [_weight(update, p.shape) for update, p in zip(updates, batch, strict=True)]
        torch._foreach_add_(batch, steps, alpha=-lr * max(1.0, rows / columns) ** 0.5)


def orthogonalise(matrices: Tensor) -> Tensor:
    """Move the singular values of matrices [N, R, C] to about 1 by Newton–Schulz iterations."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT.contiguous() if tall else matrices
    x = x / x.flatten(1).norm(dim=1).clamp(min=1e-7)[:, None, None]
    x = x.bfloat16() if x.is_cuda else x
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)


class Optimiser:
    """Both optimisers of one run, over the parameters of ``module`` that want a gradient."""

    def __init__(self, module: nn.Module, settings: Settings) -> None:
        self.settings = settings
        self._names = {p: name for name, p in module.named_parameters() if p.requires_grad}
        matrices = [p for p in self._names if is_matrix(p) and settings.muon > 0]
        others = [p for p in self._names if not (is_matrix(p) and settings.muon > 0)]
        self._optimisers: list[torch.optim.Optimizer] = []
        if matrices:
            self._optimisers.append(Muon(matrices, settings.muon, settings.momentum))
        if others:
            adamw = torch.optim.AdamW(
                others, lr=settings.adamw, betas=settings.betas, weight_decay=settings.weight_decay, foreach=True
            )
            self._optimisers.append(adamw)
        self._rates = [o.param_groups[0]["lr"] for o in self._optimisers]

    @property
    def parameters(self) -> list[nn.Parameter]:
        return list(self._names)

    def zero_grad(self) -> None:
        for optimiser in self._optimisers:
            optimiser.zero_grad()

    def clip(self) -> float:
        """Clip the gradient's norm, of all parameters together, and return what it was."""
        return float(nn.utils.clip_grad_norm_(self.parameters, self.settings.clip))

    def step(self, factor: float) -> None:
        """One step with learning rates times ``factor``."""
        for optimiser, rate in zip(self._optimisers, self._rates, strict=True):
            optimiser.param_groups[0]["lr"] = rate * factor
            optimiser.step()

    def tensors(self) -> dict[str, Tensor]:
        """The state, named ``parameter:entry``."""
        return {f"{name}:{entry}": value for name, entry, value in self._entries()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what ``tensors`` returned; what belongs to no parameter, or to another optimiser, is left out."""
        for optimiser in self._optimisers:
            for parameter in optimiser.param_groups[0]["params"]:
                for entry in _ENTRIES[type(optimiser)]:
                    value = tensors.get(f"{self._names[parameter]}:{entry}")
                    if value is not None:
                        # In the parameter's own layout: another one would change the last bits.
                        home = torch.empty_like(parameter, requires_grad=False) if value.ndim else value.clone()
                        optimiser.state[parameter][entry] = home.copy_(value)

    def _entries(self) -> Iterator[tuple[str, str, Tensor]]:
        for optimiser in self._optimisers:
            for parameter, state in optimiser.state.items():
                for entry, value in state.items():
                    yield self._names[parameter], entry, value  # type: ignore[index]


_ENTRIES: Mapping[type[torch.optim.Optimizer], tuple[str, ...]] = {
    Muon: ("momentum",),
    torch.optim.AdamW: ("step", "exp_avg", "exp_avg_sq"),
}


def averaged(module: nn.Module, least: float) -> AveragedModel:
    """A moving average of a module's weights in which a new step weighs ``least``, and more in the first steps."""

    def update(averages: Any, weights: Any, count: Tensor | int) -> None:
        weight = max(least, _AVERAGE_WARMUP / (int(count) + 1 + _AVERAGE_WARMUP))
        torch._foreach_lerp_(list(averages), list(weights), weight)

    return AveragedModel(module, multi_avg_fn=update)


def add_residual_dropout(module: nn.Module, share: float) -> None:
    """Drop ``share`` of what each pixel block adds to its input, in training.

    By hooks, so that neither the networks nor what is exported know of it. The integer blocks have none: scaling what
    is left would leave their grid.
    """

    def drop(branch: nn.Module, inputs: Any, out: Tensor) -> Tensor:
        return F.dropout(out, share, branch.training)

    for block in module.modules():
        if share and isinstance(block, Block):
            block.b.register_forward_hook(drop)
            block.f2.register_forward_hook(drop)


def _matrix(weight: Tensor) -> Tensor:
    """[O, kh·kw·I]: in this order weights that lie channels-last need not be copied."""
    return weight.permute(0, 2, 3, 1).flatten(1)


def _weight(matrix: Tensor, shape: torch.Size) -> Tensor:
    """The inverse of ``_matrix``."""
    return matrix.view(shape[0], *shape[2:], shape[1]).permute(0, 3, 1, 2)
