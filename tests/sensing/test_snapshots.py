from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sensic import BackendError, ModelError, UsageError
from sensic.model import Model
from sensic.networks.snapshot import SnapshotSize, SnapshotVAE
from sensic.sensing import SnapshotDecoder
from sensic.sensing.operators import Cacti
from sensic.sensing.snapshots import MARGIN, tiles
from sensic.training.snapshot.export import export_snapshot
from tests.small_model import small_model
from tests.training.conftest import panning_clip


def network() -> SnapshotVAE:
    torch.manual_seed(1)
    vae = SnapshotVAE(SnapshotSize(fine=8, coarse=8, stages=2, bodies=1)).eval()
    torch.nn.init.normal_(vae.bodies[0].change.weight, std=0.2)  # type: ignore[union-attr, arg-type]
    torch.nn.init.normal_(vae.doubt[2].weight, std=0.2)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.copy_(parameter.half())  # as a model holds it
    return vae


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return export_snapshot(network(), tmp_path_factory.mktemp("snapshot") / "small", name="small", facts={})


@pytest.fixture(scope="module")
def decoder(model: Model) -> SnapshotDecoder:
    return SnapshotDecoder(model, 1)


def scene(frames: int = 4, height: int = 32, width: int = 48) -> tuple[NDArray[np.float64], Cacti]:
    """A snapshot of samples of 0..1, and its masks."""
    pictures = panning_clip(5, frames=frames, width=width, height=height)[..., 1] / 255
    masks = Cacti.seeded(2, frames, max(height, width)).masks[:, :height, :width]
    operator = Cacti(masks)
    return operator.measure(pictures)[0], operator


@pytest.mark.parametrize("frames", [1, 4, 11])
def test_it_computes_what_was_trained(decoder: SnapshotDecoder, frames: int) -> None:
    snapshot, operator = scene(frames)
    found = decoder.recover(snapshot, operator)
    inputs = torch.from_numpy(snapshot[None]).float(), torch.from_numpy(operator.masks[None]).float()
    with torch.no_grad():
        wanted = network()(*inputs)
    np.testing.assert_allclose(found.frames, wanted.frames[0].clamp(0, 1), atol=1e-3)
    np.testing.assert_allclose(found.variance, wanted.log_variance[0].exp(), rtol=1e-2)


@pytest.mark.parametrize("size", [(1, 1), (3, 47), (31, 45)])
def test_any_size(decoder: SnapshotDecoder, size: tuple[int, int]) -> None:
    snapshot, operator = scene()
    snapshot, operator = snapshot[: size[0], : size[1]], Cacti(operator.masks[:, : size[0], : size[1]])
    found = decoder.recover(snapshot, operator)
    assert found.frames.shape == found.variance.shape == (4, *size)
    assert 0 <= found.frames.min() <= found.frames.max() <= 1


def test_tiles_fit_together(decoder: SnapshotDecoder) -> None:
    snapshot, operator = scene(height=72, width=160)
    seen: list[int] = []
    whole = decoder.recover(snapshot, operator)
    parts = decoder.recover(snapshot, operator, seen.append, tile=64)
    assert seen == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(parts.frames, whole.frames, atol=1e-3)  # two stages see no farther than the margin
    assert MARGIN < 64


def test_tiles_cover_a_picture_once() -> None:
    count = np.zeros((70, 130), int)
    for rows, columns in tiles(count.shape, 32):
        count[rows, columns] += 1
    assert (count == 1).all()


def test_the_scale_of_the_masks_does_not_matter(decoder: SnapshotDecoder) -> None:
    snapshot, operator = scene()
    plain, scaled = decoder.recover(snapshot, operator), decoder.recover(3.5 * snapshot, Cacti(3.5 * operator.masks))
    np.testing.assert_allclose(plain.frames, scaled.frames, atol=1e-4)


def test_what_does_not_fit(decoder: SnapshotDecoder) -> None:
    snapshot, operator = scene()
    with pytest.raises(UsageError, match=r"a snapshot is \[32, 48\] like its masks, not \[32, 40\]"):
        decoder.recover(snapshot[:, :40], operator)
    with pytest.raises(ModelError, match="no model for snapshots: it lacks unroll"):
        SnapshotDecoder(small_model())


def test_a_runtime_that_computes_something_else_is_found_out(model: Model) -> None:
    other = replace(model)
    golden = {**model.golden, "out.frames": model.golden["out.frames"] + 0.1}
    other.__dict__["golden"] = golden
    with pytest.raises(BackendError, match="does not compute the network"):
        SnapshotDecoder(other, 1)


def test_a_damaged_model_is_refused(model: Model, tmp_path: Path) -> None:
    for file in model.directory.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    graph = bytearray((tmp_path / "unroll.onnx").read_bytes())
    graph[1000] ^= 1
    (tmp_path / "unroll.onnx").write_bytes(graph)
    with pytest.raises(ModelError, match="hash differs"):
        SnapshotDecoder(Model.load(tmp_path), 1)
