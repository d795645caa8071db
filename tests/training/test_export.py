from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch

from sensic.model import GRAPHS, Model
from sensic.networks.codec import unpack
from sensic.networks.frozen import FrozenCodec
from sensic.runtime.protocol import INPUTS, OUTPUTS
from sensic.training.export import export_model
from tests.small_model import small_model, small_vae


def test_graphs_have_the_names_that_the_runtime_uses() -> None:
    for name in GRAPHS:
        graph = onnx.load_from_string(small_model().graph(name)).graph
        assert tuple(i.name for i in graph.input) == INPUTS[name]
        assert tuple(o.name for o in graph.output) == OUTPUTS[name]


def test_graphs_use_nothing_but_standard_operators_and_their_own_data() -> None:
    for name in GRAPHS:
        model = onnx.load_from_string(small_model().graph(name))
        assert {entry.domain for entry in model.opset_import} == {""}
        assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_exporting_twice_gives_the_same_model(tmp_path: Path) -> None:
    """The networks are as they were before: training can go on with them."""
    vae = small_vae()
    ids = [
        export_model(vae, tmp_path / str(n), name="x", facts={}, quality_offsets={"intra": 0, "inter": [0]})
        for n in range(2)
    ]
    assert ids[0] == ids[1] == Model.load(tmp_path / "0").id
    assert vae.training
    assert all(value.requires_grad for value in vae.parameters())


def test_weights_come_back_for_more_training() -> None:
    vae = small_vae()
    stored = small_model().weights()
    assert {k: v.shape for k, v in stored.items()} == {k: tuple(v.shape) for k, v in vae.state_dict().items()}
    for name, value in vae.state_dict().items():
        assert np.array_equal(stored[name], value.numpy())


def test_the_frozen_codec_computes_what_was_trained() -> None:
    """At a whole quality, tables and constants change nothing."""
    vae, quality = small_vae(), torch.tensor([21 / 63])
    picture, prediction = torch.randn(1, 96, 8, 8) / 8, torch.randn(1, 96, 8, 8) / 8
    with torch.no_grad():
        context = vae.context(prediction, quality)
        expected = vae.analysis(picture, prediction, context, quality)
    frozen = FrozenCodec(small_vae())
    with torch.no_grad():
        found = frozen.analysis(*unpack(picture), prediction, context, torch.tensor([21]))
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, atol=1e-5)
