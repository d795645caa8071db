from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sensic import RecipeError, UsageError
from sensic.model import Model
from sensic.networks.codec import VideoVAE, pack, unpack
from sensic.runtime import OnnxBackend
from sensic.training import Recipe, export_weights, train
from sensic.training.checkpoint import read_checkpoint
from sensic.training.int8 import make_int8
from sensic.training.int8.networks import learned_steps, round_networks
from sensic.training.prepare import Prepared
from sensic.training.weights import vae_of
from tests.small_model import small_model

Small = Callable[..., Recipe]
INT8: dict[str, Any] = {
    "stage": "int8",
    "network": None,
    "optimiser": {"muon": 0.0, "adamw": 0.01},
    "output": {"export": True},
}


@pytest.fixture(scope="module")
def rounded(prepared: list[Prepared], tmp_path_factory: pytest.TempPathFactory) -> Model:
    clips = [(prepared[0].y[0], prepared[0].uv[0])]
    directory = tmp_path_factory.mktemp("rounded") / "small"
    return make_int8(small_model(), clips, directory, name="small", qualities=(20, 40))


def networks(model: Model) -> VideoVAE:
    vae = vae_of({name: torch.from_numpy(value) for name, value in model.weights().items()})
    return round_networks(vae, model.steps()).eval()


def test_they_compute_what_the_graphs_do(rounded: Model, prepared: list[Prepared]) -> None:
    exact, backend = OnnxBackend(small_model(), 1), OnnxBackend(rounded, 1)
    y = prepared[0].y[0, :2, None, None] / np.float32(255) - np.float32(0.5)
    uv = prepared[0].uv[0, :2, None] / np.float32(255) - np.float32(0.5)
    index, quality = np.array([40]), torch.tensor([40 / 63])
    vae, found = networks(rounded), []
    for each in (exact, backend):
        prediction, context = each.run("context", {"y": y[0], "uv": uv[0], "quality": index})
        given = {"prediction": prediction, "context": context, "quality": index}
        latent, hyper = each.run("analysis", {"y": y[1], "uv": uv[1], **given})
        symbols = np.rint(found[0][0]) if found else np.rint(latent)
        found.append((latent, hyper, *each.run("synthesis", {"latent": symbols, **given})))
    with torch.no_grad():
        before, now = (pack(torch.from_numpy(a), torch.from_numpy(b)) for a, b in zip(y, uv, strict=True))
        context = vae.context(before, quality)
        latents = vae.analysis(now, before, context, quality)
        planes = unpack(vae.synthesis(torch.from_numpy(symbols), before, context, quality).clamp(-0.5, 0.5))
    for real, whole, here in zip(*found, (*latents, *planes), strict=True):
        rounding, apart = (float(((a - whole) ** 2).mean()) for a in (real, here.numpy()))
        assert apart < rounding / 2


def test_whole_weights_biases_and_steps_learn(small: Small, rounded: Model, tmp_path: Path) -> None:
    recipe = small(**INT8)
    report = train(recipe, out=tmp_path / "run", start=rounded.directory)
    model = Model.load(tmp_path / "run" / "model")
    assert model.is_int8
    assert model.id != rounded.id
    first, now = rounded.steps(), model.steps()
    assert any((now.rounding[name] != first.rounding.get(name, 0)).any() for name in now.rounding)
    assert any(now.steps[name].scale != step.scale for name, step in first.steps.items())
    assert now.biases
    for name, value in rounded.weights().items():
        assert np.array_equal(value, model.weights()[name])
    # What the model holds is what was trained, to the last whole number.
    trained = networks(rounded)
    trained.load_state_dict(
        read_checkpoint(sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]).part("average.module.")
    )
    again = networks(model)
    told, held = (learned_steps(vae, now) for vae in (trained, again))
    assert all(np.array_equal(told.biases[name], held.biases[name]) for name in told.biases)
    for a, b in zip(trained.synthesis.modules(), again.synthesis.modules(), strict=True):
        if hasattr(a, "whole"):
            assert torch.equal(a.whole(), b.whole())
    assert report.steps == 4
    with pytest.raises(UsageError, match="run/model"):
        export_weights(tmp_path / "run", tmp_path / "again")
    assert "then learned" in (model.directory / "README.md").read_text()


def test_an_interrupted_run_goes_on_exactly(small: Small, rounded: Model, tmp_path: Path) -> None:
    def interrupt(progress: Any) -> None:
        if getattr(progress, "task", "") == "training" and progress.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    recipe = small(**INT8)
    train(recipe, out=tmp_path / "straight", start=rounded.directory)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, out=tmp_path / "stopped", start=rounded.directory, progress=interrupt)
    train(recipe, out=tmp_path / "stopped")
    ids = {
        Model.load(tmp_path / run / "model").manifest["files"]["int8.safetensors"]["sha256"]
        for run in ("straight", "stopped")
    }
    assert len(ids) == 1


def test_it_begins_with_a_model_of_integers(small: Small, tmp_path: Path) -> None:
    for start in (None, small_model().directory):
        with pytest.raises(RecipeError, match="--from"):
            train(small(**INT8), out=tmp_path / "run", start=start)
