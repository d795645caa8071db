"""From weights to a model directory: whole or not at all, and never over something else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import save_file

from sensic import ModelError, OutputError, PackError, UsageError
from sensic.model import Model
from sensic.runtime import OnnxBackend, check_golden
from sensic.training import Recipe, export_weights
from sensic.training import export as export_module
from sensic.training.checkpoint import Checkpoints
from sensic.training.export import export_model
from sensic.training.release import merged, run_facts
from tests.small_model import small_model, small_vae
from tests.training.conftest import small_recipe


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "trained.safetensors"
    save_file(small_vae().state_dict(), path)
    return path


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_file_of_weights_becomes_a_model(weights: Path, packs: Path, tmp_path: Path) -> None:
    (tmp_path / "told.toml").write_text('licence = "CC0-1.0"\n[training]\nsteps = 7\n')
    model = export_weights(weights, tmp_path / "new" / "model", facts=tmp_path / "told.toml", packs=[packs])
    check_golden(OnnxBackend(model), model)
    assert model.name == "new"
    assert model.weights().keys() == small_vae().state_dict().keys()
    text = (model.directory / "README.md").read_text()
    assert "# Model card: new" in text
    assert "| Licence | CC0-1.0 |" in text
    assert "7 steps" in text
    assert "4 clips of 12 frames, 96×64." in text
    assert not left_over(tmp_path / "new")


def test_a_run_tells_its_recipe_its_steps_and_its_data(packs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    save_file(small_vae().state_dict(), run / "best.safetensors")
    recipe = small_recipe(packs, sequence={"intra": 3, "inter": [-1, 2]})
    (run / "recipe.toml").write_text(recipe.to_toml())
    points = [{"quality": 4, "bpp": 0.01, "psnr": 30.0}]
    history = [{"step": step, "seconds": 1.0, "loss": 1.0, "points": points} for step in (0, 4)]
    facts = {
        "clock": {"steps": 4, "pictures": 8, "seconds": 7200.0},
        "history": history,
        "best_step": 4,
        "started_from": "klt",
    }
    Checkpoints(run / "checkpoints", 1).save(4, {}, facts)
    model = export_weights(run, tmp_path / "model", name="mine")
    told = model.manifest["facts"]
    assert model.manifest["quality_offsets"] == {"intra": 3, "inter": [-1, 2]}
    assert (told["data"]["clips"], told["data"]["frames"]) == (4, 12)
    assert (told["training"]["steps"], told["training"]["hours"]) == (4, 2.0)
    assert told["validation"][0]["quality"] == 4
    assert str(tmp_path) not in json.dumps(told)  # nobody's folders


def a_run(folder: Path, packs: Path, calibrate: int) -> Path:
    folder.mkdir()
    save_file(small_vae().state_dict(), folder / "best.safetensors")
    (folder / "recipe.toml").write_text(small_recipe(packs, output={"calibrate": calibrate}).to_toml())
    return folder


def frequencies(model: Model) -> list[int]:
    return list(model.integers["tables.frequencies"].ravel())


def test_a_run_counts_as_many_clips_as_its_recipe_says(packs: Path, tmp_path: Path) -> None:
    plain = frequencies(export_weights(a_run(tmp_path / "a", packs, 0), tmp_path / "plain"))
    counted = a_run(tmp_path / "b", packs, 1)
    assert frequencies(export_weights(counted, tmp_path / "counted")) != plain
    assert frequencies(export_weights(counted, tmp_path / "told", calibrate=0)) == plain


def test_a_run_that_outlived_its_packs_is_exported_without_counting(packs: Path, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", tmp_path / "gone.mkv", 2)
    assert export_weights(run, tmp_path / "model").manifest["facts"]["data"] == {"note": "Packs: gone.mkv."}
    with pytest.raises(PackError, match=r"gone\.mkv"):
        export_weights(run, tmp_path / "model", force=True, calibrate=2)


def test_packs_that_are_gone_leave_their_names(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(small_recipe(tmp_path / "gone.mkv").to_toml())
    facts = run_facts(tmp_path, Recipe.read(tmp_path / "recipe.toml"))
    assert facts["data"] == {"note": "Packs: gone.mkv."}
    assert facts["training"]["steps"] == 0


def test_a_model_can_be_exported_again(tmp_path: Path) -> None:
    source = small_model()
    again = export_weights(source.directory, tmp_path / "again", name=source.name)
    assert again.id == source.id


def a_model(tmp_path: Path) -> Model:
    return Model.load(shutil.copytree(small_model().directory, tmp_path / "model"))


def test_a_model_in_the_way_is_replaced_only_when_told(weights: Path, tmp_path: Path) -> None:
    first = a_model(tmp_path)
    with pytest.raises(UsageError, match="--force"):
        export_weights(weights, tmp_path / "model", name="other")
    assert Model.load(tmp_path / "model").id == first.id
    assert export_weights(weights, tmp_path / "model", name="other", force=True).name == "other"
    assert not left_over(tmp_path)


def test_what_is_no_model_is_left_alone(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "me.jpg").touch()
    for target in (tmp_path / "photos", weights):
        with pytest.raises(OutputError, match="not a model"):
            export_weights(weights, target, force=True)
    with pytest.raises(OutputError, match="not a model"):
        export_model(small_vae(), tmp_path / "photos", name="x", facts={})
    assert (tmp_path / "photos" / "me.jpg").exists()
    assert not left_over(tmp_path)


def test_a_failure_leaves_the_old_model_and_nothing_half_made(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = a_model(tmp_path)

    def no_space(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_module, "write_model", no_space)
    with pytest.raises(OutputError, match="No space left"):
        export_weights(weights, tmp_path / "model", force=True)
    assert Model.load(tmp_path / "model").id == first.id
    assert not left_over(tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    vae = small_vae()
    vae.synthesis.r_out.bias.data[0] = float("nan")
    with pytest.raises(ModelError, match="NaN or infinity"):
        export_model(vae, tmp_path / "model", name="x", facts={})
    assert not (tmp_path / "model").exists()


def test_sources_that_hold_no_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no"):
        export_weights(tmp_path / "nothing", tmp_path / "model")
    with pytest.raises(ModelError, match="neither a run nor a model"):
        export_weights(tmp_path, tmp_path / "model")
    (tmp_path / "recipe.toml").write_text(Recipe().to_toml())
    with pytest.raises(ModelError, match="not validated yet"):
        export_weights(tmp_path, tmp_path / "model")


@pytest.mark.parametrize(("name", "text"), [("a.toml", "not = = toml"), ("a.json", "{"), ("b.json", "[1]")])
def test_facts_that_can_not_be_read(weights: Path, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=name):
        export_weights(weights, tmp_path / "model", facts=tmp_path / name)
    with pytest.raises(UsageError, match="can't read"):
        export_weights(weights, tmp_path / "model", facts=tmp_path / "gone.toml")


def test_facts_are_merged_table_by_table() -> None:
    told = {"a": 1, "t": {"x": 1, "y": {"z": 1}}}
    assert merged(told, {"b": 2, "t": {"y": {"w": 2}}}) == {"a": 1, "b": 2, "t": {"x": 1, "y": {"z": 1, "w": 2}}}
    assert told == {"a": 1, "t": {"x": 1, "y": {"z": 1}}}
