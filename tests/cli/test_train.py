"""What ``sensic train`` makes of its arguments and of what the trainer tells; the trainer itself is a stand-in."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sensic
from sensic.cli import main
from sensic.training import (
    SensingRecipe,
    SensingReport,
    SensingResult,
    SnapshotReport,
    SnapshotResult,
    TrainProgress,
    TrainReport,
    ValidationResult,
)
from sensic.training.reports import Point
from sensic.training.sensing.reports import SensingPoint

VALIDATIONS = (
    ValidationResult(0, 0.0, 0.5, (Point(30, 0.1, 33.0),)),
    ValidationResult(40, 90.0, 0.4, (Point(30, 0.09, 33.5),), -12.34),
)
REPORT = TrainReport(Path("out"), 40, 95.0, 7.25, VALIDATIONS, 40, Path("out/best.safetensors"), Path("out/model"))
PROGRESS = TrainProgress("training", 10, 0.25, 20.0, 60.0, 0.45, 0.1, 20.0, 7.5)

Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text('seed = 3\n[data]\npacks = ["packs"]\n')
    return path


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Calls]:
    """Puts a stand-in for ``sensic.training.train``, which reports, or raises, what it is given."""

    def put(outcome: Any) -> Calls:
        calls: Calls = []

        def train(*args: Any, **kwargs: Any) -> Any:
            calls.append((args, kwargs))
            if isinstance(outcome, BaseException):
                raise outcome
            kwargs["progress"](sensic.Progress(5, 10, 0, 1.0))
            kwargs["progress"](PROGRESS)
            return outcome

        monkeypatch.setattr("sensic.training.train", train)
        return calls

    return put


def test_options_are_handed_on(stand: Callable[[Any], Calls], recipe: Path, tmp_path: Path) -> None:
    calls = stand(REPORT)
    words = ["train", str(recipe), "--from", "default", "--minutes", "3", "--device", "cpu", "-o", "there", "-t", "2"]
    assert main([*words, "--packs", str(tmp_path / "a"), "--packs", str(tmp_path / "b.mkv")]) == 0
    (chosen,), kwargs = calls[0]
    del kwargs["progress"]
    assert kwargs == {"out": Path("there"), "start": "default", "minutes": 3.0, "steps": None, "device": "cpu"}
    assert chosen.seed == 3
    assert chosen.threads == 2
    assert chosen.data.packs == (str(tmp_path / "a"), str(tmp_path / "b.mkv"))


def test_without_options_the_recipe_decides(stand: Callable[[Any], Calls], recipe: Path, tmp_path: Path) -> None:
    calls = stand(REPORT)
    assert main(["train", str(recipe)]) == 0
    (chosen,), kwargs = calls[0]
    assert chosen.data.packs == (str(tmp_path / "packs"),)
    assert kwargs["out"] == Path("runs/mine")
    assert kwargs["device"] == "auto"


def test_what_people_are_told(stand: Callable[[Any], Calls], recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stand(REPORT)
    assert main(["train", str(recipe)]) == 0
    out, err = capsys.readouterr()
    assert out == "out/model\n"
    assert err.splitlines() == [
        "40 steps in 1:35 (7.2 crops of 256x256 a second)",
        "best at step 40: loss 0.4000, -12.3% bits for the same PSNR against the start",
    ]


def test_of_the_sensing_profile_the_gain_is_told(
    stand: Callable[[Any], Calls], recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = (SensingPoint(9, 33.0, 33.5), SensingPoint(10, 30.0, 31.0))
    best = SensingResult(40, 90.0, points, 0.25)
    calls = stand(SensingReport(Path("out"), 40, 95.0, 7.25, (best,), 40, Path("out/best.safetensors"), None))
    recipe.write_text('profile = "sensing"\n[data]\npacks = ["packs"]\n')
    assert main(["train", str(recipe), "-t", "1"]) == 0
    assert isinstance(calls[0][0][0], SensingRecipe)
    assert calls[0][0][0].threads == 1
    out, err = capsys.readouterr()
    assert out == "out/best.safetensors\n"
    assert err.splitlines()[-1] == "best at step 40: +0.75 dB against linear decoding"


def test_of_the_snapshot_decoder_the_psnr_is_told(
    stand: Callable[[Any], Calls], recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = SnapshotResult(40, 90.0, 31.0, 20.0, 27.0)
    stand(SnapshotReport(Path("out"), 40, 95.0, 7.25, (best,), 40, Path("out/best.safetensors"), None))
    recipe.write_text('profile = "snapshot"\n[data]\npacks = ["packs"]\n')
    assert main(["train", str(recipe)]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "best at step 40: 31.00 dB on held-out clips"


def test_json_lines(stand: Callable[[Any], Calls], recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stand(REPORT)
    assert main(["train", str(recipe), "--json"]) == 0
    first, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["type"], first["task"], first["frames"]) == ("progress", "preparing", 5)
    assert (last["type"], last["best_step"], last["model"]) == ("trained", 40, "out/model")
    assert last["validations"][1]["points"] == [{"quality": 30, "bpp": 0.09, "psnr": 33.5}]


def test_lines_of_progress() -> None:
    from sensic.cli.train import TrainView

    view = TrainView()
    assert view.text(PROGRESS) == "step 10  25.0%  loss 0.4500  7.5 crops/s  1:00 left"
    assert view.position(PROGRESS) == (0.25, 1.0)
    assert view.fields(PROGRESS)["bpp"] == 0.1
    assert view.text(sensic.Progress(5, 10, 0, 1.0)).startswith("preparing  5/10 frames")
    validating = TrainProgress("validating", 10, 0.5, 20.0, None, 0.45, 0.1, 20.0, 7.5)
    assert view.text(validating) == "validating  50.0%"


def test_only_the_first_process_of_torchrun_speaks(
    stand: Callable[[Any], Calls], recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stand(REPORT)
    monkeypatch.setenv("RANK", "1")
    assert main(["train", str(recipe)]) == 0
    assert main(["train", str(recipe), "--json"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (sensic.RecipeError("no"), 2),
        (sensic.PackError("no"), 1),
        (sensic.TrainingError("NaN"), 1),
        (sensic.OutputError("disk full"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(
    stand: Callable[[Any], Calls], recipe: Path, error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    stand(error)
    assert main(["train", str(recipe)]) == code
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_who_stops_a_run_is_told_how_to_go_on(
    stand: Callable[[Any], Calls], recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand(KeyboardInterrupt())
    (tmp_path / "recipe.toml").touch()
    assert main(["train", str(recipe), "-o", str(tmp_path)]) == 130
    assert capsys.readouterr().err.splitlines() == [
        f"stopped with a checkpoint in {tmp_path}: the same command goes on from there",
        "sensic: interrupted",
    ]


def test_a_bad_recipe_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("sede = 1\n")
    assert main(["train", str(path)]) == 2
    assert capsys.readouterr().err.endswith(
        "bad.toml: sede: there is no such key; do you mean seed? there are "
        "seed, device, threads, data, optimiser, schedule, length, validation, output, "
        "profile, stage, initialise, precision, network, sequence, loss\n"
    )
    assert main(["train", str(tmp_path / "none.toml")]) == 2


def test_without_the_extra_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "tomli_w":
            raise ModuleNotFoundError("No module named 'tomli_w'", name="tomli_w")
        return real(name, *args, **kwargs)

    for module in ("profiles", "reading", "recipe"):
        monkeypatch.delitem(sys.modules, f"sensic.training.{module}", raising=False)
    monkeypatch.delitem(sensic.training.__dict__, "read_recipe", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    assert main(["train", str(recipe)]) == 2
    assert capsys.readouterr().err == (
        "sensic: training needs more libraries, tomli_w first: pip install 'sensic[train]'\n"
    )


def test_help_needs_none_of_what_training_needs() -> None:
    code = (
        "import sys; from sensic.cli import main; code = main(['train', '--help']);"
        "sys.exit(code or bool({'torch', 'matplotlib', 'tomli_w', 'safetensors.torch'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
