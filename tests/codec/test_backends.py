"""Whoever computes the networks: the same symbols, and pictures that nobody can tell apart."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch

import sensic
from sensic.cli import main
from sensic.codec.decoder import Decoder
from sensic.codec.engine import DECODER_GRAPHS, load_backend
from sensic.container import StreamReader
from sensic.errors import BackendError, UsageError
from sensic.model import Model
from sensic.runtime import BACKENDS, OnnxBackend, check_golden, make_backend
from sensic.runtime.pytorch import TorchBackend
from sensic.runtime.trial import picture
from tests.small_model import small_model

BUNNY = Path(__file__).parents[2] / "demo" / "bunny.mp4"
HERE = ("onnxruntime", "openvino", "pytorch")
SIZE, FRAMES = "160:96", 6


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each backend, by the command line."""
    folder = tmp_path_factory.mktemp("streams")
    paths = {name: folder / f"{name}.mkv" for name in HERE}
    for name, path in paths.items():
        words = ["encode", str(BUNNY), str(path), "--scale", SIZE, "--trim", f"0f:{FRAMES}f", "--backend", name]
        assert main([*words, "--threads", "1", "--preset", "fast", "--quiet"]) == 0
    return paths


def symbols(stream: Path, backend: str) -> list[np.ndarray]:
    model = Model.default()
    with StreamReader(stream) as reader:
        decoder = Decoder(model, load_backend(model, 1, DECODER_GRAPHS, backend), reader.header)
        return [one.latent for one in decoder.symbols(reader.blocks()) if one.latent is not None]


@pytest.mark.parametrize("name", HERE)
def test_every_symbol_is_the_same_with_all_backends(name: str, streams: dict[str, Path]) -> None:
    found = [symbols(streams[name], backend) for backend in HERE]
    assert len(found[0]) == FRAMES
    for a, b in itertools.pairwise(found):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_pictures_are_as_good_with_any_backend(streams: dict[str, Path], tmp_path: Path) -> None:
    filters = sensic.Filters(scale=SIZE, trim=f"0f:{FRAMES}f")
    sensic.encode(BUNNY, tmp_path / "source.mkv", profile="sensing", quality=63, filters=filters)  # lossless
    with sensic.open_video(tmp_path / "source.mkv") as video:
        source = [frame.y.astype(np.float64) for frame in video]
    quality = {}
    for made, shown in itertools.product(HERE, HERE):
        with sensic.open_video(streams[made], threads=1, backend=shown) as video:
            errors = [np.square(frame.y - one).mean() for frame, one in zip(video, source, strict=True)]
        quality[made, shown] = 10 * np.log10(255**2 / np.mean(errors))
    assert min(quality.values()) > 28
    assert max(quality.values()) - min(quality.values()) < 0.05


@pytest.mark.parametrize("name", ["openvino", "pytorch"])
def test_decoding_by_the_command_line(name: str, streams: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "out.mkv"
    words = ["decode", str(streams["onnxruntime"]), str(out), "--threads", "1", "--quiet"]
    assert main([*words, "--backend", name, "--dry-run"]) == 0
    assert not out.exists()
    assert main([*words, "--backend", name]) == 0
    assert out.exists()


def test_half_precision_is_for_pixels_alone() -> None:
    model = small_model()
    half = TorchBackend(model, 1, pixels="bfloat16")
    check_golden(half, model)
    exact, close = picture(OnnxBackend(model, 1), model), picture(half, model)
    error = float(np.sqrt(np.mean((exact - close) ** 2)))
    assert 0 < error < 0.02


@pytest.mark.parametrize(("name", "module"), [("openvino", "openvino"), ("pytorch", "torch"), ("cuda", "torch")])
def test_what_is_not_installed_is_told_in_a_line(name: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BackendError, match=r"is not installed: pip install 'sensic\[\w+\]'$"):
        make_backend(name, small_model())


def test_what_a_machine_has_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendError, match="no CUDA device"):
        make_backend("cuda", small_model())
    monkeypatch.setattr(openvino.Core, "get_property", lambda *_: ["FP32"])
    with pytest.raises(BackendError, match="no bfloat16"):
        make_backend("openvino-bf16", small_model())


@pytest.mark.parametrize("name", ["openvino", "pytorch"])
def test_networks_in_integers_are_for_onnx_runtime(name: str) -> None:
    with pytest.raises(BackendError, match="8-bit networks of fast: use onnxruntime"):
        make_backend(name, Model.load("fast"))


def test_what_does_not_go_together(streams: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"backend is one of {', '.join(BACKENDS)}, not 'abacus'"):
        sensic.open_video(streams["onnxruntime"], backend="abacus")
    with pytest.raises(UsageError, match="go with onnxruntime only, not openvino"):
        sensic.encode(BUNNY, tmp_path / "out.mkv", workers=2, backend="openvino")
    sensic.encode(BUNNY, tmp_path / "s.mkv", profile="sensing", filters=sensic.Filters(scale="32:32", trim="0f:1f"))
    with pytest.raises(UsageError, match="decoded with onnxruntime, not openvino"):
        sensic.open_video(tmp_path / "s.mkv", backend="openvino")
