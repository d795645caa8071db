from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic import RecipeError
from sensic.training import Recipe, read_recipe

SHIPPED = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_the_shipped_recipes_are_good(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.of(tomllib.loads(recipe.to_toml())) == recipe
    assert all(Path(pack).is_absolute() for pack in recipe.data.packs)


def test_there_are_recipes() -> None:
    assert {path.stem for path in SHIPPED} >= {"default", "small", "long", "sensing", "sensing-original"}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"seeed": 1}, "seeed: there is no such key; do you mean seed?"),
    ({"sequence": {"lans": 3}}, "sequence.lans: there is no such key; do you mean lanes?"),
    ({"sequence": {"lanes": 0}}, "sequence.lanes = 0: input should be greater than or equal to 1"),
    ({"sequence": {"lanes": "3"}}, "sequence.lanes = '3': input should be a valid integer"),
    ({"sequence": {"crop": 100}}, "sequence.crop = 100: input should be a multiple of 16"),
    ({"sequence": {"phases": [{"at": 0.5, "frames": 2}]}}, "phases begin at 0"),
    ({"sequence": {"phases": [{"at": 0.0, "frames": 13}]}}, "frames = 13: input should be less than or equal to 12"),
    ({"sequence": {"group": [9, 4]}}, "group is the shortest and the longest"),
    ({"network": {"latent": 20}}, "network.latent = 20: input should be a multiple of 8"),
    ({"stage": "some"}, "stage = 'some': input should be 'all' or 'prior'"),
    ({"device": "tpu"}, "device = 'tpu'"),
    ({"loss": {"planes": [0, 0, 0]}}, "at least one weight is above 0"),
    ({"loss": {"lambdas": [1.0, 0.1]}}, "lambdas rise"),
    ({"optimiser": {"adamw": math.nan}}, "optimiser.adamw = nan"),
    ({"optimiser": {"muon": 0.0, "adamw": 0.0}}, "nothing is learned"),
    ({"length": {}}, "exactly one of steps, epochs and minutes"),
    ({"length": {"steps": 5, "minutes": 1.0}}, "exactly one of steps, epochs and minutes"),
    ({"output": {"checkpoint_seconds": 600.0}}, "output.checkpoint_seconds = 600.0: input should be less than or"),
    ({"validation": {"qualities": [5, 4]}}, "qualities: at least one, rising"),
    ({"data": 3}, "data = 3: input should be an object"),
]


@pytest.mark.parametrize(("tables", "message"), WRONG)
def test_a_wrong_value_is_named_with_what_is_allowed(tables: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Recipe.of(tables)
    assert message in str(caught.value)


def test_all_errors_are_told_at_once_and_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("seed = -1\nthreads = 'two'\n")
    with pytest.raises(RecipeError, match=r"bad\.toml: seed = -1: .*; threads = 'two': "):
        Recipe.read(path)
    path.write_text("seed = \n")
    with pytest.raises(RecipeError, match="is not TOML"):
        Recipe.read(path)
    with pytest.raises(RecipeError, match="can't read"):
        Recipe.read(tmp_path / "none.toml")


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
keys = st.sampled_from(["seed", "data", "sequence", "lanes", "phases", "length", "network", "stage", "?"])
tables = st.recursive(values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))


@given(st.dictionaries(keys, tables, max_size=4))
def test_whatever_comes_is_a_recipe_or_an_error_of_ours(tables: dict[str, Any]) -> None:
    try:
        recipe = Recipe.of(tables)
    except RecipeError:
        return
    assert Recipe.of(tomllib.loads(recipe.to_toml())) == recipe


def test_paths_are_relative_to_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text('[data]\npacks = ["packs", "/there"]\ncache = "c"\n')
    data = Recipe.read(tmp_path / "r.toml").data
    assert data.packs == (str(tmp_path / "packs"), "/there")
    assert data.cache == str(tmp_path / "c")


def test_another_length() -> None:
    assert Recipe().lasting(steps=7).length.steps == 7
    assert Recipe().lasting(minutes=2).length.minutes == 2
    assert Recipe().lasting() == Recipe()
    for impossible in ({"steps": 0}, {"minutes": -1.0}, {"steps": 1, "minutes": 1.0}):
        with pytest.raises(RecipeError):
            Recipe().lasting(**impossible)  # type: ignore[arg-type]
