"""The Karhunen–Loève transform of 16×16 blocks, and networks that start as a transform codec.

A block is 384 samples: 96 packed channels at 2 × 2 places, channel by channel, rows of a channel one after the other.
Starting there instead of from random weights: training loss after 100 steps 1.1 against 6.9, all else equal.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from sensic.codec.reports import Progress, ProgressCallback
from sensic.entropy.tables import LOG_STEP, SCALE_MIN, SCALES
from sensic.errors import PackError, RecipeError
from sensic.networks.codec import PACKED, VideoVAE, pack
from sensic.networks.layers import Block, GainTable, IntegerConv

BLOCK_SAMPLES = 4 * PACKED
GAIN_LOW, GAIN_HIGH = 1.4, 4.4  # natural logarithm of a latent's gain at the lowest and the highest quality
# Random weights that are left in residual branches, which so start near the identity, and around the identities. With
# 0.1 in residual branches the first picture is 8 dB worse, and the loss after 150 steps 0.588 instead of 0.579.
RESIDUAL, MIXING = 0.03, 0.05
FRAMES = 500  # sampled; of 448 × 256 they have 224,000 blocks


class Footage(Protocol):
    """The planes of a pack: ``y`` [N, T, H, W] and ``uv`` [N, T, 2, H/2, W/2], uint8 or uint16 of ``depth`` bits."""

    @property
    def y(self) -> NDArray[Any]: ...
    @property
    def uv(self) -> NDArray[Any]: ...
    @property
    def depth(self) -> int: ...


def klt_basis(
    prepared: Sequence[Footage], *, frames: int = FRAMES, seed: int = 0, progress: ProgressCallback | None = None
) -> tuple[Tensor, Tensor]:
    """Orthonormal basis [384, 384], a vector per row, largest first, and the rms of each coefficient [384].

    From up to ``frames`` frames drawn with ``seed`` from all clips alike, samples in -0.5..0.5. The second moment about
    mid-grey is diagonalised, not the covariance: the networks predict mid-grey where they know nothing. ``progress``
    counts frames (ten seconds for all of them). Raises PackError where there are no clips.
    """
    counts = [footage.y.shape[0] * footage.y.shape[1] for footage in prepared]
    if not sum(counts):
        raise PackError("no clips to compute the KLT from")
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(sum(counts), size=min(frames, sum(counts)), replace=False))
    first = np.concatenate([[0], np.cumsum(counts)])
    moment, blocks = np.zeros((BLOCK_SAMPLES, BLOCK_SAMPLES)), 0
    started = time.monotonic()
    for done, number in enumerate(chosen, 1):
        index = int(np.searchsorted(first, number, side="right")) - 1
        clip, frame = divmod(int(number - first[index]), prepared[index].y.shape[1])
        x = _blocks(prepared[index], clip, frame)
        moment += x.T @ x
        blocks += len(x)
        if progress is not None:
            progress(Progress(done, len(chosen), 0, time.monotonic() - started))
    energy, vectors = np.linalg.eigh(moment / blocks)
    std = np.sqrt(energy[::-1].clip(min=0))
    return torch.from_numpy(vectors.T[::-1].astype(np.float32)), torch.from_numpy(std.astype(np.float32))


def _blocks(footage: Footage, clip: int, frame: int) -> NDArray[np.float64]:
    """All blocks [n, 384] of a frame."""
    planes = footage.y[clip, frame][None], footage.uv[clip, frame]
    peak = (1 << footage.depth) - 1
    y, uv = (torch.from_numpy(p.astype(np.float64) / peak - 0.5)[None] for p in planes)
    return to_blocks(pack(y, uv)).permute(0, 2, 3, 1).reshape(-1, BLOCK_SAMPLES).numpy()


def to_blocks(packed: Tensor) -> Tensor:
    """Packed pictures [B, 96, 2h, 2w] to blocks [B, 384, h, w]."""
    blocks: Tensor = F.pixel_unshuffle(packed, 2)
    return blocks


@torch.no_grad()
def initialise(vae: VideoVAE, basis: Tensor, std: Tensor) -> None:
    """Make of freshly built networks the transform codec of ``basis`` and ``std`` (see ``klt_basis``), in place.

    The latent starts as the largest coefficients, times a gain that grows with the quality from exp(1.4) to exp(4.4);
    the prior starts with their spread; everything else starts near the identity. With fewer than 96 features the
    packed channels are reduced to their own principal components. Raises RecipeError where the latent has more channels
    than a block has samples.
    """
    latent, features = vae.size.latent, vae.size.features
    if latent > BLOCK_SAMPLES:
        raise RecipeError(f"a latent of {latent} channels can't start from the {BLOCK_SAMPLES} samples of a block")
    mixing = _mixing(basis, std, features)
    for block in (m for m in vae.modules() if isinstance(m, Block)):
        for conv in (block.b, block.f2):
            conv.weight.mul_(RESIDUAL)
            _zero(conv.bias)
    _start(vae.analysis.x_in, mixing)
    _start(vae.context.c_in, mixing)
    _start(vae.analysis.e_mix, torch.eye(features))
    _start(vae.synthesis.d_mix, torch.eye(features))
    _start(vae.synthesis.r_out, mixing.T)
    _transform(vae, torch.einsum("fc,mcij->mfij", mixing, basis[:latent].reshape(latent, PACKED, 2, 2)))
    _gains(vae.analysis.gain_y, vae.synthesis.gain_y)
    _prior(vae, std[:latent])


def _mixing(basis: Tensor, std: Tensor, features: int) -> Tensor:
    """[features, 96]: the identity where there is room for it."""
    if features >= PACKED:
        return torch.eye(features, PACKED)
    scaled = (basis * std[:, None]).reshape(-1, PACKED, 4).double()
    _, vectors = torch.linalg.eigh(torch.einsum("kci,kdi->cd", scaled, scaled))
    components: Tensor = vectors.flip(1).T[:features].float()
    return components


def _zero(bias: Tensor | None) -> None:
    if bias is not None:
        bias.zero_()


def _start(conv: nn.Conv2d, matrix: Tensor) -> None:
    """A 1×1 convolution as ``matrix`` in its first rows and columns, over faint random weights."""
    conv.weight.mul_(MIXING)
    conv.weight[: matrix.shape[0], : matrix.shape[1], 0, 0] += matrix
    _zero(conv.bias)


def _transform(vae: VideoVAE, vectors: Tensor) -> None:
    """``vectors`` [M, features, 2, 2] as the transform at half resolution, and their transpose as its inverse."""
    down, up = vae.analysis.e_down, vae.synthesis.d_up
    down.weight.copy_(vectors)
    up.weight.copy_(vectors.permute(1, 2, 3, 0).reshape(up.weight.shape))
    _zero(down.bias)
    _zero(up.bias)


def _gains(analysis: GainTable, synthesis: GainTable) -> None:
    analysis.t.copy_(torch.linspace(GAIN_LOW, GAIN_HIGH, len(analysis.t))[:, None].expand_as(analysis.t))
    synthesis.t.copy_(-analysis.t)


def _prior(vae: VideoVAE, std: Tensor) -> None:
    """Both passes start from the spread of the latent at middle quality, and means near zero."""
    middle = std * math.exp((GAIN_LOW + GAIN_HIGH) / 2)
    index = ((middle.clamp(min=SCALE_MIN).log() - math.log(SCALE_MIN)) / LOG_STEP).clamp(max=SCALES - 1)
    outputs: tuple[IntegerConv, ...] = (vae.prior.p_out, vae.prior.p2_out)
    for out in outputs:
        mean, scale = out.w.chunk(2)
        mean.mul_(0.1)
        scale.mul_(0.3)
        out.b.zero_()
        out.b.chunk(2)[1].copy_((index - 20) / 8)  # scales are counted from 20, in steps of 1/8
    vae.prior.z_out.w.mul_(0.1)
    vae.prior.z_out.b.zero_()
