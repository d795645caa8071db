"""Training the prior alone: latents recorded once, then read again and again without any pixel network.

The integer prior is a seventh of the arithmetic of a training step. A tape holds what the frozen pixel networks
made of many walks (``sensic.training.lanes``) at the qualities drawn there: latents before rounding, the motion,
and where groups start. Rounding depends on the prior's means, so the pixel networks would have answered a new prior
a little differently; that error is that of one rounding and has no way to grow.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sensic.errors import PackError
from sensic.networks.codec import VideoVAE
from sensic.networks.layers import held_weights
from sensic.training.lanes import Lanes
from sensic.training.sequence import Objective, Outcome, State, code_latents, unroll

_ARRAYS = ("y", "z", "motion", "starts", "quality")


@dataclass(frozen=True)
class Tape:
    """K lanes of N frames: ``y`` [K, N, M, h, w] and ``z`` [K, N, Z, ceil(h/4), ceil(w/4)] float16, ``motion`` int16
    [K, N, 2, h, w] in quarter pixels, ``starts`` bool [K, N], ``quality`` float32 [K, N]. Mapped read-only."""

    y: NDArray[np.float16]
    z: NDArray[np.float16]
    motion: NDArray[np.int16]
    starts: NDArray[np.bool_]
    quality: NDArray[np.float32]

    @classmethod
    def open(cls, directory: Path) -> Tape:
        try:
            arrays = [np.load(directory / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in _ARRAYS]
        except (OSError, ValueError) as error:
            raise PackError(f"{directory}: not a recording of latents: {error}") from error
        return cls(*arrays)


def record(
    vae: VideoVAE,
    lanes: Lanes,
    objective: Objective,
    windows: int,
    directory: Path,
    progress: Callable[[float], None] | None = None,
) -> Tape:
    """Let the codec, as it is, run over ``windows`` windows of all lanes and keep its latents in ``directory``.

    Every lane begins with the start of a group. Half-written recordings are never opened: the last file is the one
    that makes it whole.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "quality.npy").unlink(missing_ok=True)
    arrays: dict[str, NDArray[Any]] = {}
    kept: dict[str, list[Tensor]] = {}

    def keep(_module: object, _inputs: object, latents: tuple[Tensor, Tensor]) -> None:
        kept["y"].append(latents[0])
        kept["z"].append(latents[1])

    handle = vae.analysis.register_forward_hook(keep)
    try:
        state: State | None = None
        device = next(vae.parameters()).device
        for i in range(windows):
            kept.update(y=[], z=[])
            window = lanes.next().to(device)
            _, state = unroll(vae, window, state, objective, train=False)
            rows = {
                "y": torch.stack(kept["y"], 1).to(torch.float16).cpu().numpy(),
                "z": torch.stack(kept["z"], 1).to(torch.float16).cpu().numpy(),
                "motion": window.motion.cpu().numpy().astype(np.int16),
                "starts": window.starts.cpu().numpy(),
                "quality": window.quality.cpu().numpy(),
            }
            for name, row in rows.items():
                if name not in arrays:
                    shape = (row.shape[0], windows * lanes.frames, *row.shape[2:])
                    made = name in ("starts", "quality")
                    arrays[name] = np.zeros(shape, row.dtype) if made else _map(directory / f"{name}.npy", row, shape)
                arrays[name][:, i * lanes.frames : (i + 1) * lanes.frames] = row
            if progress:
                progress((i + 1) / windows)
    finally:
        handle.remove()
    for name in ("y", "z", "motion"):
        arrays[name].flush()  # type: ignore[attr-defined]
    np.save(directory / "starts.npy", arrays["starts"])
    np.save(directory / "quality.npy", arrays["quality"])
    return Tape.open(directory)


def _map(path: Path, row: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    return np.lib.format.open_memmap(path, mode="w+", dtype=row.dtype, shape=shape)


@dataclass
class LatentWindow:
    """Like ``Window``, with latents in place of pictures; noise [B, T, …] in -0.5..0.5."""

    y: Tensor
    z: Tensor
    motion: Tensor
    starts: Tensor
    quality: Tensor
    noise_y: Tensor
    noise_z: Tensor

    def to(self, device: torch.device | str) -> LatentWindow:
        return LatentWindow(*(v.to(device, non_blocking=True) for v in vars(self).values()))


class TapeLanes:
    """An endless source of latent windows: each lane plays a group from its start to its end, then draws another.

    The last group of a tape's lane may be cut short by the end of the recording and is played as it is.
    """

    def __init__(self, tape: Tape, *, lanes: int, frames: int, seed: int, first_lane: int = 0) -> None:
        self.tape, self.frames = tape, frames
        self.groups = np.argwhere(tape.starts)
        self.generators = [np.random.default_rng([seed, first_lane + i]) for i in range(lanes)]
        self.heads = [self._draw(g) for g in self.generators]

    def __len__(self) -> int:
        return len(self.heads)

    def next(self) -> LatentWindow:
        rows = np.array([self._play(i) for i in range(len(self.heads))])
        index = rows[..., 0], rows[..., 1]
        tape = self.tape
        y, z, motion, quality = (
            torch.from_numpy(np.asarray(a[index], np.float32)) for a in (tape.y, tape.z, tape.motion, tape.quality)
        )
        noise = [[g.random(v.shape[1:], np.float32) for g in self.generators] for v in (y, z)]
        noise_y, noise_z = (torch.from_numpy(np.stack(n) - np.float32(0.5)) for n in noise)
        return LatentWindow(y, z, motion, torch.from_numpy(tape.starts[index]), quality, noise_y, noise_z)

    def state(self) -> dict[str, Any]:
        heads = [[int(i) for i in head] for head in self.heads]
        return {"heads": heads, "generators": json.loads(json.dumps([g.bit_generator.state for g in self.generators]))}

    def restore(self, state: dict[str, Any]) -> None:
        self.heads = [(lane, frame) for lane, frame in state["heads"]]
        for generator, saved in zip(self.generators, state["generators"], strict=True):
            generator.bit_generator.state = saved

    def _draw(self, generator: np.random.Generator) -> tuple[int, int]:
        lane, frame = self.groups[generator.integers(len(self.groups))]
        return int(lane), int(frame)

    def _play(self, i: int) -> list[tuple[int, int]]:
        steps = []
        for _ in range(self.frames):
            lane, frame = self.heads[i]
            steps.append((lane, frame))
            over = frame + 1 == self.tape.starts.shape[1] or self.tape.starts[lane, frame + 1]
            self.heads[i] = self._draw(self.generators[i]) if over else (lane, frame + 1)
        return steps


def unroll_prior(
    vae: VideoVAE, window: LatentWindow, state: State | None, objective: Objective, *, train: bool = True
) -> tuple[Outcome, State]:
    """Rate of a latent window; ``distortion`` is zero, the state's picture has no channels. See ``sequence.unroll``."""
    lanes, frames, _, h, w = window.y.shape
    pixels = 256 * h * w
    memory = window.y.new_zeros(lanes, vae.size.memory, h, w) if state is None else state.memory
    loss = window.y.new_zeros(())
    rows = []
    with torch.set_grad_enabled(train), held_weights(vae):
        initial = vae.prior.initial_memory(1, 1, 1)
        for t in range(frames):
            starts, quality = window.starts[:, t], window.quality[:, t]
            blank = starts[:, None, None, None]
            y, z = (v[:, t].contiguous(memory_format=torch.channels_last) for v in (window.y, window.z))
            motion, past = window.motion[:, t].masked_fill(blank, 0), torch.where(blank, initial, memory)
            noise = (window.noise_y[:, t], window.noise_z[:, t]) if train else None
            _, memory, bits_y, bits_z = code_latents(vae, y, z, past, motion, quality, ~starts, noise)
            _, share = objective.weights(quality)
            loss = loss + ((bits_y + bits_z) / pixels * share).mean() / frames
            rows.append((bits_y.detach() / pixels, bits_z.detach() / pixels))
    rate_y, rate_z = (torch.stack(x, 1) for x in zip(*rows, strict=True))
    after = State(window.y.new_zeros(lanes, 0, 2 * h, 2 * w), memory.detach())
    return Outcome(loss, rate_y, rate_z, torch.zeros_like(rate_y)), after
