"""A model's graphs hold its weights, and give them back."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sensic.model import GRAPHS, SENSING_GRAPHS
from sensic.networks.sensing import SensingSize, SensingVAE
from sensic.training.sensing.export import export_sensing
from sensic.training.sensing.weights import load_sensing
from sensic.training.stored import graphs_of
from tests.small_model import small_model

SMALL = SensingSize(hidden=8, layers=1, latent=8, features=8, steps=2)


@pytest.mark.parametrize("trained", [True, False])  # the last layers of untrained networks are all zero, so stored once
def test_weights_come_back_from_graphs(tmp_path: Path, trained: bool) -> None:
    torch.manual_seed(0)
    vae = SensingVAE(SMALL)
    if trained:
        for parameter in vae.parameters():
            torch.nn.init.normal_(parameter)
    model = export_sensing(vae, tmp_path / "model", name="m", facts={})
    back = load_sensing(model.directory).state_dict()
    for name, value in vae.state_dict().items():
        kept = value if name == "deviation" else value.half().float()
        assert torch.equal(back[name], kept), name
    assert not (model.directory / "weights.safetensors").exists()
    assert graphs_of(model.directory / "manifest.json") == SENSING_GRAPHS
    assert graphs_of(small_model().directory / "manifest.json") == GRAPHS
    again = export_sensing(load_sensing(model.directory), tmp_path / "again", name="m", facts={})
    assert again.id == model.id
