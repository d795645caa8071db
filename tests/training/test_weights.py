"""Weights are checked before anything is made of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sensic import ModelError
from sensic.networks.codec import NetworkSize, VideoVAE
from sensic.training.weights import load_vae, network_size, vae_of
from tests.small_model import SIZE, small_vae


@pytest.mark.parametrize("size", [SIZE, NetworkSize(), NetworkSize(24, 32, 8, 40, 0, 2, 3, 1)])
def test_sizes_are_read_off_the_shapes(size: NetworkSize) -> None:
    assert network_size(VideoVAE(size).state_dict()) == size


def test_weights_come_back(tmp_path: Path) -> None:
    vae = small_vae()
    save_file(vae.state_dict(), tmp_path / "w.safetensors")
    found = load_vae(tmp_path / "w.safetensors").state_dict()
    assert all(torch.equal(found[name], value) for name, value in vae.state_dict().items())


def test_what_does_not_fit_is_named() -> None:
    tensors = small_vae().state_dict()
    with pytest.raises(ModelError, match=r"prior\.p_out\.w is missing"):
        vae_of({k: v for k, v in tensors.items() if k != "prior.p_out.w"})
    with pytest.raises(ModelError, match="ghost is not part of the networks"):
        vae_of({**tensors, "ghost": torch.zeros(1)})
    with pytest.raises(ModelError, match=r"prior\.p_out\.b is \[3\], not \[32\]"):
        vae_of({**tensors, "prior.p_out.b": torch.zeros(3)})
    with pytest.raises(ModelError, match=r"not the weights of a Sensic model: .* context\.c_in\.weight"):
        vae_of({"anything": torch.zeros(1)})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_named(value: float) -> None:
    tensors = small_vae().state_dict()
    tensors["synthesis.r_out.bias"][3] = value
    with pytest.raises(ModelError, match=r"NaN or infinity in synthesis\.r_out\.bias"):
        vae_of(tensors)


def test_files_that_hold_no_weights(tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("hello, this is text")
    (tmp_path / "empty.safetensors").touch()
    save_file(small_vae().state_dict(), tmp_path / "cut.safetensors")
    data = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(data[: len(data) // 2])
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(ModelError, match="not a safetensors file, or damaged"):
            load_vae(path)
    with pytest.raises(ModelError, match="can't read"):
        load_vae(tmp_path / "nothing.safetensors")
