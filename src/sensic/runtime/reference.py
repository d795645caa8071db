"""The integer networks in plain NumPy int64, written for reading: what docs/bitstream.md says, nothing faster.

Values are whole numbers of their step (activations 1/16, latents and means 1/8), so no float takes part until
the result is handed back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.errors import BackendError
from sensic.model import Model
from sensic.runtime.protocol import Array

Int = NDArray[np.int64]
LIMIT = 127
SCALES = 64
HYPER_OFFSET = 22


def round_shift(x: Int, bits: int | Int) -> Int:
    """``x / 2**bits`` rounded half to even; a negative ``bits`` multiplies."""
    left = np.maximum(-np.asarray(bits), 0)
    right = np.maximum(np.asarray(bits), 0)
    x = x << left
    floor = x >> right
    rest = x - (floor << right)
    half = np.where(right > 0, 1 << np.maximum(right - 1, 0), 1)
    up = (rest > half) | ((rest == half) & (floor & 1 == 1))
    return np.asarray(floor + np.where(right > 0, up, False))


def clamp(x: Int) -> Int:
    return np.clip(x, -LIMIT, LIMIT)


def relu(x: Int) -> Int:
    return np.maximum(x, 0)


def pixel_shuffle(x: Int) -> Int:
    """[4C, h, w] to [C, 2h, 2w], channel ``4c + 2i + j`` going to row ``i`` and column ``j`` of its block."""
    c, h, w = x.shape
    return x.reshape(c // 4, 2, 2, h, w).transpose(0, 3, 1, 4, 2).reshape(c // 4, 2 * h, 2 * w)


class ReferenceBackend:
    """Entropy networks only: ``run`` knows ``hyper``, ``first``, ``second`` and ``memory``."""

    def __init__(self, model: Model) -> None:
        self._t = model.integers

    def run(self, graph: str, inputs: Mapping[str, Array]) -> tuple[Array, ...]:
        if graph not in ("hyper", "first", "second", "memory"):
            raise BackendError("the reference backend computes the integer networks only")
        results: tuple[Array, ...] = getattr(self, f"_{graph}")(**inputs)
        return tuple(r[None].astype(np.float32) for r in results)

    def _conv(self, name: str, x: Int, steps: int, out_steps: int) -> Int:
        """Convolution of ``x`` in steps of ``2**-steps``, rounded to steps of ``2**-out_steps``."""
        weight = self._t[f"{name}.weight"].astype(np.int64)
        exponent = self._t[f"{name}.exponent"].astype(np.int64)[:, None, None]
        bias = self._t[f"{name}.bias"].astype(np.int64)[:, None, None]
        if weight.shape[2] == 1:
            total = np.einsum("oi,ihw->ohw", weight[:, :, 0, 0], x)
        else:
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
            h, w = x.shape[1:]
            total = sum(
                weight[:, 0, i, j, None, None] * padded[:, i : i + h, j : j + w] for i in range(3) for j in range(3)
            )
        # Weight exponents are at least -12 and at most 7, the bias is in 1/256: bring both to 2**-(steps + 12).
        fine = steps + 12
        total = (total << (12 + exponent)) + (bias << (fine - 8))
        return round_shift(total, fine - out_steps)

    def _q(self, name: str, x: Int, steps: int = 4) -> Int:
        return clamp(self._conv(name, x, steps, 4))

    def _add(self, name: str, x: Int, residual: Int) -> Int:
        """Quantised ``residual + conv(x)``, rounded once: a tie goes to the even sum, not to the even convolution."""
        fine = self._conv(name, x, 4, 16)
        return clamp(round_shift(fine + (residual << 12), 12))

    def _block(self, name: str, x: Int) -> Int:
        a = self._q(f"{name}.d", clamp(relu(self._conv(f"{name}.a", x, 4, 4))))
        x = self._add(f"{name}.b", a, x)
        return self._add(f"{name}.f2", clamp(relu(self._conv(f"{name}.f1", x, 4, 4))), x)

    def _parameters(self, name: str, x: Int, offset: Int | int) -> tuple[Array, Array]:
        out = self._conv(name, x, 4, 3)
        mean, scale = np.split(out, 2)
        return mean / 8, np.clip(scale + offset, 0, SCALES - 1)

    def _magnitudes(self, y: Int) -> Int:
        """``y`` in 1/8: signed at a quarter, absolute at a half, both as activations."""
        return np.concatenate([clamp(round_shift(y, 1)), clamp(np.abs(y))])

    def _embedding(self, quality: Array, inter: Array) -> Int:
        table: NDArray[Any] = self._t["embedding"]
        return np.asarray(table[int(inter[0]), int(quality[0])], np.int64)[:, None, None]

    def _offset(self, quality: Array) -> Int:
        return np.asarray(self._t["offset"][int(quality[0])], np.int64)[:, None, None]

    @staticmethod
    def _steps(x: Array, steps: int) -> Int:
        return np.asarray(np.round(x[0].astype(np.float64) * steps), np.int64)

    def _hyper(self, memory: Array, quality: Array, inter: Array) -> tuple[Array, ...]:
        m = self._steps(memory, 16)
        c, h, w = m.shape
        m = np.pad(m, ((0, 0), (0, -h % 4), (0, -w % 4)))
        pooled = round_shift(m.reshape(c, -(-h // 4), 4, -(-w // 4), 4).sum((2, 4)), 4)
        x = clamp(relu(self._q("z_in", pooled) + self._embedding(quality, inter)))
        return self._parameters("z_out", clamp(relu(self._conv("z_b", x, 4, 4))), HYPER_OFFSET)

    def _first(self, z: Array, memory: Array, motion: Array, quality: Array, inter: Array) -> tuple[Array, ...]:
        m = self._steps(memory, 16)
        x = np.clip(self._steps(z, 8), -127 * 8, 127 * 8)  # a quarter of z, in 1/32
        x = pixel_shuffle(self._q("hd1", x, 5))
        x = pixel_shuffle(self._q("hd2", relu(x)))[:, : m.shape[1], : m.shape[2]]
        x = clamp(self._block("hb", x) + self._embedding(quality, inter))
        v = clamp(round_shift(self._steps(motion, 1), 1))  # quarter pixels / 32, in 1/16
        f = self._q("p_mix", np.concatenate([x, m, self._q("v_emb", v)]))
        f = self._block("p_b.1", self._block("p_b.0", f))
        return (f / 16, *self._parameters("p_out", f, self._offset(quality)))

    def _second(self, features: Array, y_first: Array, quality: Array) -> tuple[Array, ...]:
        y = self._q("p2_in", self._magnitudes(self._steps(y_first, 8)))
        x = self._q("p2_mix", np.concatenate([self._steps(features, 16), y]))
        return self._parameters("p2_out", self._block("p2_b", x), self._offset(quality))

    def _memory(self, memory: Array, y: Array) -> tuple[Array, ...]:
        x = self._q("s_in", self._magnitudes(self._steps(y, 8)))
        x = self._q("s_mix", np.concatenate([self._steps(memory, 16), x]))
        return (self._block("s_b", x) / 16,)
