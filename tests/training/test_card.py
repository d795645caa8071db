"""The card says what the facts say, and no more."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

from sensic.model import Model
from sensic.training.card import card
from tests.small_model import small_model

FACTS: dict[str, Any] = {
    "summary": "A model for tests.",
    "licence": "CC0-1.0",
    "use": "tests",
    "limits": ["It is small.", "It knows nothing."],
    "data": {
        "clips": 1929,
        "frames": 12,
        "width": 448,
        "height": 256,
        "sources": 376,
        "licences": {"CC0": 156, "MIT": 411, "not stated": 1362},
        "note": "No people.",
    },
    "training": {
        "started_from": "random weights",
        "steps": 3900,
        "hours": 2.5,
        "crops": {"128×128": 30000, "256×256": 7},
        "loss": "bits per pixel + λ·MSE",
        "best_step": 3800,
        "note": ["First this.", "Then that."],
        "recipe": {"seed": 1, "sequence": {"crop": 128, "phases": [{"at": 0.0, "frames": 2}]}},
    },
    "validation": [
        {"bits per pixel": 0.0123, "quality": 4, "PSNR, dB": 30.123},
        {"bits per pixel": 0.123, "quality": 52, "PSNR, dB": 36.0},
    ],
}


def with_facts(facts: Any) -> Model:
    model = small_model()
    return replace(model, manifest={**model.manifest, "facts": facts})


def test_everything_that_is_known_is_told() -> None:
    model = with_facts(FACTS)
    text = card(model, "Half the bytes of nothing.")
    assert text.startswith("# Model card: small-0\n\nA model for tests.\n")
    for part in (
        f"`{model.id}`, the SHA-256",
        "| Licence | CC0-1.0 |",
        "16 latent and 8 hyper-latent channels, 16 features, 16 channels of memory; 0.03 M parameters",
        "kMAC per pixel to decode",
        "1,929 clips of 12 frames, 448×256, from 376 sources.",
        "in clips: 1,362 not stated, 411 MIT, 156 CC0. No people.",
        "Started from random weights. 3,900 steps, 30,000 crops of 128×128 and 7 crops of 256×256 seen, 2.5 hours. "
        "Loss: bits per pixel + λ·MSE. The weights are those of step 3,800.",
        "First this.\n\nThen that.",
        "| quality | bits per pixel | PSNR, dB |",
        "| 52 | 0.123 | 36 |",
        "**Figures.** Half the bytes of nothing.",
        "**Limits.** It is small. It knows nothing.",
    ):
        assert part in text
    recipe = text.split("```toml\n")[1].split("```")[0]
    assert tomllib.loads(recipe) == FACTS["training"]["recipe"]


def test_what_is_not_known_is_not_made_up() -> None:
    text = card(with_facts({}))
    assert "**Data.** Not stated." in text
    assert "**Training.** Not stated." in text
    assert "**Limits.** Not stated." in text
    assert "Validation" not in text
    assert "Figures" not in text


def test_one_is_not_many() -> None:
    assert "1 clip, from 1 source. Their licences are not stated." in card(
        with_facts({"data": {"clips": 1, "sources": 1}})
    )


def test_odd_facts_are_shown_as_they_are() -> None:
    """Manifests are written by hand too, and older ones told other things."""
    training = {
        "steps": {"short sequences": 1100, "long": "2,800"},
        "crops": "many",
        "hours": None,
        "recipe": {"a": None},
    }
    text = card(with_facts({"training": training, "data": "some videos", "limits": "None known."}))
    assert "1,100 (short sequences), 2,800 (long) steps, many crops seen, None hours." in text
    assert "**Data.** some videos" in text
    assert "**Limits.** None known." in text
