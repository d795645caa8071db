"""Which way to round weights: what rounding one gets wrong, those after it make good where inputs are alike.

Source: E. Frantar, S. Ashkboos, T. Hoefler, D. Alistarh: GPTQ, https://arxiv.org/abs/2210.17323 (after Optimal Brain
Surgeon, B. Hassibi and D. G. Stork 1993).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sensic.model.int8.builder import WEIGHT_MAX
from sensic.model.int8.steps import Bytes, Floats, Steps

DAMPING = 0.01  # of the mean variance, added to every input's


class Rounder:
    """Rounds the weights of 1×1 convolutions for inputs like ``samples``; ``rounding`` keeps what that changes."""

    def __init__(self, samples: Mapping[str, Tensor], steps: Steps) -> None:
        self._samples, self._steps = samples, steps
        self.rounding: dict[str, Bytes] = {}

    def round(self, name: str, source: str, weight: Floats, scale: Floats) -> Floats:
        nearest: Floats = np.rint(weight / scale[:, None, None, None])
        if weight.shape[2:] != (1, 1) or weight.shape[1] == 1:
            return nearest
        whole = compensated((weight[:, :, 0, 0] / scale[:, None]).astype(np.float64), self._covariance(source))
        self.rounding[name] = (whole - nearest[:, :, 0, 0]).astype(np.int8)[:, :, None, None]
        return np.asarray(nearest + self.rounding[name], np.float32)

    def _covariance(self, source: str) -> NDArray[np.float64]:
        """Of an activation in its units: [C, C]. The mean is the bias's business."""
        step = self._steps.steps[source]
        values = self._samples[source].numpy().astype(np.float64) / step.unit[:, None]
        return np.atleast_2d(np.cov(np.maximum(values, 0) if step.zero == 0 else values))


def compensated(weight: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole numbers [O, I] within ±63 for ``weight``, so that products with inputs of that covariance err least."""
    order = np.argsort(-np.diag(covariance))
    inputs = covariance[np.ix_(order, order)]
    inputs += DAMPING * np.trace(inputs) / len(inputs) * np.eye(len(inputs))
    spread = np.linalg.cholesky(np.linalg.inv(inputs)).T
    rest, whole = weight[:, order].copy(), np.empty_like(weight)
    for i in range(len(inputs)):
        rounded = np.clip(np.rint(rest[:, i]), -WEIGHT_MAX, WEIGHT_MAX)
        rest[:, i:] -= np.outer((rest[:, i] - rounded) / spread[i, i], spread[i, i:])
        whole[:, order[i]] = rounded
    return whole
