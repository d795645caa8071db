"""The learned decoder on files: every plane, every group, and what it says of its own errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import sensic
from sensic.errors import ModelError, UsageError
from sensic.model import Model
from sensic.networks.sensing import SensingSize, SensingVAE
from sensic.sensing import SensingSettings
from sensic.training.sensing.export import export_sensing
from sensic.video import Frame, VideoSource
from tests.codec.pictures import write_video
from tests.evaluation import footage
from tests.small_model import small_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """As good as untrained: its pictures are nearly those of linear decoding."""
    torch.manual_seed(0)
    vae = SensingVAE(SensingSize(hidden=8, layers=1, latent=8, features=8, steps=3)).eval()
    for change in vae.change:
        torch.nn.init.normal_(change.weight, std=1e-3)  # type: ignore[arg-type]
    return export_sensing(vae, tmp_path_factory.mktemp("model") / "small", name="small", facts={})


def stream_of(folder: Path, depth: int = 8, frames: int = 4) -> tuple[Path, Path]:
    source = write_video(folder / "source.mkv", 10, 50, 38, depth)
    sensic.encode(source, folder / "stream.mkv", quality=32, profile="sensing", sensing=SensingSettings(frames=frames))
    return source, folder / "stream.mkv"


def decoded(stream: Path, back: Path, **options: object) -> list[Frame]:
    sensic.decode(stream, back, **options)  # type: ignore[arg-type]
    with VideoSource(back) as video:
        return list(video)


@pytest.mark.parametrize("depth", [8, 10])
def test_every_plane_of_every_group(tmp_path: Path, model: Model, depth: int) -> None:
    source, stream = stream_of(tmp_path, depth)
    linear = decoded(stream, tmp_path / "linear.mkv")
    learned = decoded(stream, tmp_path / "learned.mkv", model=model)  # a model is enough to ask for it
    assert len(learned) == 10
    for one, other in zip(linear, learned, strict=True):
        for a, b in zip(one.planes, other.planes, strict=True):
            assert np.abs(a.astype(int) - b).mean() < 2 ** (depth - 8)
    report = sensic.verify(stream, reference=source, model=model)
    assert report.psnr is not None
    assert min(report.psnr) > 25


def test_how_sure_it_is(tmp_path: Path, model: Model) -> None:
    _, stream = stream_of(tmp_path)
    maps = decoded(stream, tmp_path / "map.mkv", model=model, decoder="learned", uncertainty=True)
    assert len(maps) == 10
    assert all((frame.u == 128).all() and (frame.v == 128).all() for frame in maps)
    assert max(int(frame.y.max()) for frame in maps) > 0


def test_what_it_does_not_know(tmp_path: Path, model: Model) -> None:
    _, stream = stream_of(tmp_path, frames=2)
    with pytest.raises(UsageError, match="wht with 4 frames"):
        sensic.decode(stream, tmp_path / "back.mkv", model=model)
    with pytest.raises(UsageError, match="linear takes none"):
        sensic.decode(stream, tmp_path / "back.mkv", model=model, decoder="linear")
    with pytest.raises(ModelError, match="no model of the sensing profile"):
        sensic.decode(stream, tmp_path / "back.mkv", model=small_model())


@pytest.mark.parametrize("quality", [16, 28, 40])
def test_the_one_that_ships_is_better_than_linear(tmp_path: Path, quality: int) -> None:
    pictures = footage.scenes(320, 192, 8, 12)
    source, stream = footage.write(tmp_path / "scene.mkv", pictures), tmp_path / "coded.mkv"
    sensic.encode(source, stream, quality=quality, profile="sensing")
    psnr = {}
    for decoder in ("linear", "learned"):
        frames = decoded(stream, tmp_path / f"{decoder}.mkv", decoder=decoder)
        psnr[decoder] = footage.psnr([frame.planes for frame in frames], pictures, 8)
    assert psnr["learned"][0] > psnr["linear"][0] + 0.3
    assert psnr["learned"] > psnr["linear"]
    sensic.decode(stream, tmp_path / "map.mkv", uncertainty=True)
