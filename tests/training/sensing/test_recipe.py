from __future__ import annotations

from pathlib import Path

import pytest

from sensic import RecipeError
from sensic.training import Recipe, SensingRecipe, read_recipe

RECIPES = Path(__file__).parents[3] / "recipes"


def test_the_profile_decides() -> None:
    assert isinstance(read_recipe(RECIPES / "default.toml"), Recipe)
    assert isinstance(read_recipe(RECIPES / "sensing.toml"), SensingRecipe)


def test_the_original_recipe_is_what_was_described() -> None:
    recipe = read_recipe(RECIPES / "sensing-original.toml")
    assert isinstance(recipe, SensingRecipe)
    assert (recipe.network.layers, recipe.network.hidden, recipe.network.kernel) == (3, 512, 1)
    assert (recipe.sequence.phases[0].groups, recipe.sequence.phases[0].lanes) == (10, 16)
    assert (recipe.optimiser.adamw, recipe.optimiser.muon) == (1e-3, 0)
    assert (recipe.optimiser.clip, recipe.optimiser.residual_dropout) == (1.0, 0.1)


def test_it_is_written_as_it_was_read() -> None:
    recipe = SensingRecipe.of({"seed": 4, "network": {"steps": 6}})
    assert SensingRecipe.of(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('profile = "sense"', "profile = 'sense': it is one of neural, sensing"),
        ('profile = "sensing"\n[network]\nsteps = 2', "network.steps = 2: .* 3"),
        ('profile = "sensing"\n[network]\nhiden = 8', "do you mean hidden"),
        ('profile = "sensing"\n[sequence]\nphases = [{ at = 0.0, crp = 8 }]', "do you mean crop"),
        ('profile = "sensing"\n[sequence]\nphases = [{ at = 0.5 }]', "phases begin at 0"),
        ('profile = "sensing"\n[sequence]\nexponents = [9, 7]', "the least and the greatest"),
    ],
)
def test_faults_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message):
        read_recipe(path)
