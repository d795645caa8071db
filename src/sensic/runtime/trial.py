"""A trial of less than a second: whether a backend's pictures come out right here, and sooner than another's."""

from __future__ import annotations

import time

import numpy as np

from sensic.model import Model
from sensic.runtime.protocol import Array, Backend

SIDE = 512  # pixels
ROUNDS = 3  # of which the best counts
GAIN = 0.9  # of the other's time, for which it is worth leaving the exact path
CLOSE = 0.01  # root mean square error, of 1


def is_faster(close: Backend, exact: Backend, model: Model) -> bool:
    """Whether ``close`` makes nearly the same picture as ``exact`` in less time. Both have networks of the sizes of
    ``model``; the picture is made up."""
    best, pictures = [np.inf, np.inf], [np.empty(0), np.empty(0)]
    for _ in range(ROUNDS):
        for i, backend in enumerate((close, exact)):
            began = time.perf_counter()
            pictures[i] = picture(backend, model)
            best[i] = min(best[i], time.perf_counter() - began)
    error = float(np.sqrt(np.mean((pictures[0] - pictures[1]) ** 2)))
    return error < CLOSE and best[0] < GAIN * best[1]


def picture(backend: Backend, model: Model) -> Array:
    """Luma of an inter frame of smooth shapes with a sparse latent."""
    x = np.linspace(0, 6, SIDE, dtype=np.float32)
    y = (0.3 * np.sin(x) * np.cos(2 * x[:, None]))[None, None]
    quality = np.array([32], np.int64)
    planes = {"y": y, "uv": np.concatenate([y, -y], 1)[:, :, ::2, ::2]}
    prediction, context = backend.run("context", {**planes, "quality": quality})
    latent = np.zeros((1, model.sizes["latent"], SIDE // 16, SIDE // 16), np.float32)
    latent.flat[::97] = 1.0
    given = {"prediction": prediction, "context": context, "quality": quality}
    return backend.run("synthesis", {"latent": latent, **given})[0]
