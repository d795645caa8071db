"""The commands of the sensing profile, for real."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensic.cli import main
from tests.codec.pictures import write_video


def records(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, stream = str(write_video(tmp_path / "source.mkv", 6)), str(tmp_path / "stream.mkv")
    words = ["--profile", "sensing", "--frames", "2", "--mcu", "--protect", "-q", "63"]
    assert main(["encode", source, stream, *words, "--quiet"]) == 0
    assert main(["info", stream]) == 0
    assert "wht, 2 frames together, Golomb–Rice, protected" in capsys.readouterr().out
    assert main(["verify", stream, "-r", source, "--json"]) == 0
    assert records(capsys.readouterr().out)[-1]["psnr"] == [None, None, None]  # infinite
    assert main(["decode", stream, str(tmp_path / "coarse.mkv"), "--layers", "1", "--decoder", "linear"]) == 0
    assert main(["decode", stream, str(tmp_path / "no.mkv"), "--layers", "9"]) == 2


@pytest.mark.parametrize(
    "words",
    [
        ["--frames", "2"],
        ["--mcu"],
        ["--profile", "magic"],
        ["--profile", "sensing", "--operator", "fourier"],
        ["--profile", "sensing", "--seed", "3"],
        ["--profile", "sensing", "--low-latency", "--frames", "4"],
    ],
    ids=" ".join,
)
def test_wrong_words(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    source = str(write_video(tmp_path / "source.mkv", 1))
    assert main(["encode", source, str(tmp_path / "stream.mkv"), *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "stream.mkv").exists()


def test_neural_streams_have_no_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, stream = str(write_video(tmp_path / "source.mkv", 1)), str(tmp_path / "stream.mkv")
    assert main(["encode", source, stream, "--preset", "realtime", "--quiet"]) == 0
    assert main(["decode", stream, str(tmp_path / "back.mkv"), "--layers", "1"]) == 2
    assert "this one is neural" in capsys.readouterr().err


def test_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(write_video(tmp_path / "source.mkv", 5))
    assert main(["sense-budget", source, "--count", "4", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "8 a sample: additions, no multiplication" in out
    assert main(["sense-budget", source, "--frames", "1", "--mcu", "--json"]) == 0
    budget = records(capsys.readouterr().out)[-1]
    assert (budget["type"], budget["frames"], budget["multiplications"]) == ("budget", 5, 0)
    assert main(["sense-budget", source, "--count", "0"]) == 2
