"""What a shell is offered, asked as the shells do: by variables of the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensic.cli import completion, main
from sensic.codec.settings import PRESETS
from sensic.evaluation import NAMES
from sensic.evaluation.coders import ALLOWED
from sensic.sensing import DECODERS
from sensic.sensing.settings import OPERATORS
from sensic.video.filters import DEINTERLACE, FPS_MODES


def offered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, shell: str = "bash"
) -> list[str]:
    monkeypatch.setenv("_SENSIC_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    with pytest.raises(SystemExit) as ended:
        main([])
    assert not ended.value.code
    return capsys.readouterr().out.strip().splitlines()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sensic enc", ["encode"]),
        ("sensic data ", ["build"]),
        ("sensic encode --target-p", ["--target-psnr"]),
        ("sensic encode --print", ["--print-config"]),
        ("sensic encode --preset ", list(PRESETS)),
        ("sensic encode -p s", ["slow"]),
        ("sensic encode --profile ", ["neural", "sensing"]),
        ("sensic encode --operator ", list(OPERATORS)),
        ("sensic encode --deinterlace ", list(DEINTERLACE)),
        ("sensic encode --fps-mode ", list(FPS_MODES)),
        ("sensic encode --model def", ["default"]),
        ("sensic decode --decoder ", list(DECODERS)),
        ("sensic decode -c libx26", ["libx264", "libx264rgb", "libx265"]),
        ("sensic decode -f matr", ["matroska"]),
        ("sensic evaluate --metrics ", list(NAMES)),
        ("sensic evaluate --metrics psnr,v", ["psnr,vmaf"]),
        ("sensic evaluate --metrics psnr,p", []),
        ("sensic evaluate --against x26", ["x264", "x265"]),
        ("sensic evaluate --model d", ["default"]),
        ("sensic train --device c", ["cpu", "cuda"]),
        ("sensic encode in.m", []),  # the shell then offers files
    ],
)
def test_bash(
    line: str, expected: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered(monkeypatch, capsys, line) == expected


def test_zsh_and_fish(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert offered(monkeypatch, capsys, "sensic encode --preset s", "zsh") == ["_arguments '*: :((\"slow\"))'"]
    assert offered(monkeypatch, capsys, "sensic encode in.m", "zsh") == ["_files"]
    lines = offered(monkeypatch, capsys, "sensic ver", "fish")
    assert [line.split("\t")[0] for line in lines] == ["verify"]
    assert "checksum" in lines[0]


def test_a_broken_configuration_does_not_stop_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sensic.toml").write_text("[encode]\nnonsense = 1\n")
    assert offered(monkeypatch, capsys, "sensic encode --preset b") == ["best"]


def test_what_is_offered_is_what_there_is() -> None:
    assert list(PRESETS) == list(completion.PRESETS)
    assert completion.METRICS == NAMES
    assert set(completion.CODERS) == {name.replace("[", ":").partition(":")[0] for name in ALLOWED}


def test_folders_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mine", "other"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "manifest.json").write_text("{}")
    monkeypatch.chdir(tmp_path / "runs")
    assert completion.models("") == ["default", "fast", "mine", "sensing", "snapshot"]
    monkeypatch.chdir(tmp_path)
    assert completion.models("runs/") == ["runs/mine"]
    assert completion.models("runs/m") == ["runs/mine"]
    assert completion.models("none/x") == []


def test_a_script_is_installed(tmp_path: Path) -> None:
    """Typer finds out what shell it is in; here it is told, and home is elsewhere."""
    environment = {**os.environ, "HOME": str(tmp_path), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-m", "sensic.cli"]
    shown = subprocess.run([*command, "--show-completion", "bash"], env=environment, capture_output=True, text=True)
    assert shown.returncode == 0
    assert "_SENSIC_COMPLETE=complete_bash" in shown.stdout
    done = subprocess.run([*command, "--install-completion", "bash"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    texts = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(shown.stdout.strip() in text for text in texts)
