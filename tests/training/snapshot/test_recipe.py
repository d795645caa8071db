from __future__ import annotations

from pathlib import Path

import pytest

from sensic import RecipeError
from sensic.training import SnapshotRecipe, read_recipe

RECIPES = Path(__file__).parents[3] / "recipes"


def test_the_profile_decides() -> None:
    recipe = read_recipe(RECIPES / "snapshot.toml")
    assert isinstance(recipe, SnapshotRecipe)
    assert SnapshotRecipe.of(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[network]\nstages = 9", "network.stages = 9: .* 8"),
        ("[network]\nstages = 2", "as many bodies as stages"),
        ("[network]\nfin = 8", "do you mean fine"),
        ("[sequence]\nframes = 13", "sequence.frames = 13: .* 12"),
        ("[sequence]\nphases = [{ at = 0.5 }]", "phases begin at 0"),
        ("[sequence]\nphases = [{ at = 0.0, stages = 7 }]", "at most the 5 stages of the network"),
    ],
)
def test_faults_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'profile = "snapshot"\n{text}')
    with pytest.raises(RecipeError, match=message):
        read_recipe(path)
