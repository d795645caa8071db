"""A small model with random weights, exported as a real one: most tests are about the format, not the picture."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch

from sensic.model import Model
from sensic.networks.codec import NetworkSize, VideoVAE
from sensic.training.export import export_model

SIZE = NetworkSize(features=16, latent=16, hyper=8, memory=16, analysis_blocks=1, synthesis_blocks=1, output_blocks=1)


def small_vae(seed: int = 0) -> VideoVAE:
    torch.manual_seed(seed)
    vae = VideoVAE(SIZE)
    with torch.no_grad():
        vae.analysis.gain_y.t.copy_(torch.linspace(1.5, 3.5, 8)[:, None].expand(8, SIZE.latent))
        vae.synthesis.gain_y.t.copy_(-vae.analysis.gain_y.t)
        vae.synthesis.r_out.weight.mul_(0.05)  # pictures near grey: far from good, but they do not diverge
        for parameter in (vae.prior.s0, vae.prior.q_emb):
            parameter.copy_(torch.randn_like(parameter))
    return vae


@cache
def small_model(seed: int = 0) -> Model:
    """Exported once for each seed and test process."""
    directory = Path(mkdtemp(prefix="sensic-model-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_model(
            small_vae(seed), directory, name=f"small-{seed}", facts={"licence": "Apache-2.0"},
            quality_offsets={"intra": 5, "inter": [-3, 1, -3, 4]},
        )  # fmt: skip
    return Model.load(directory)
