"""``--dry-run`` says what would be done, fails as the real run would, and writes nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sensic.cli import main
from tests.cli.conftest import validate
from tests.cli.test_program import make_clip
from tests.training.conftest import panning_clip, write_pack


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    clip = make_clip(folder / "in.mkv")
    assert main(["encode", str(clip), str(folder / "stream.mkv"), "--gop", "4", "--preset", "0", "--quiet"]) == 0
    return folder


@pytest.fixture(autouse=True)
def work(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in files.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)


def test_people_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["encode", "in.mkv", "out.mkv", "--gop", "4", "--scale", "32:-2", "--workers", "2", "--preset", "fast"]
    assert main([*words, "-n"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[:-2] == [
        "encode:    in.mkv to out.mkv",
        "pictures:  6 frames of 32x32, 8 bits, 25 per second",
        "filters:   scale 32:-2",
        "coding:    quality 32, 2 groups or more of 4, effort 2",
    ]
    assert out.splitlines()[-1] == "work:      2 processes"
    assert err == "nothing was written\n"
    assert main(["decode", "stream.mkv", "in.mp4", "-c", "libx264", "--dry-run"]) == 0
    out, _ = capsys.readouterr()
    assert "decode:    stream.mkv to in.mp4\n" in out
    assert "output:    libx264 in mp4\n" in out
    assert sorted(os.listdir()) == ["in.mkv", "stream.mkv"]


def test_rates_and_targets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", "in.mkv", "out.mkv", "-n", "--bitrate", "100k", "--passes", "2"]) == 0
    assert "at first, 100 kbit/s in 2 passes" in capsys.readouterr().out
    assert main(["encode", "in.mkv", "out.mkv", "-n", "--target-vmaf", "93", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert "the quality that gives vmaf 93" in out
    assert err == ""


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["encode", "in.mkv", "out.mkv", "--trim", "2f:4f", "--bitrate", "100k"],
        ["encode", "in.mkv", "out.mkv", "--profile", "sensing"],
        ["decode", "stream.mkv", "out.mkv"],
        ["evaluate", "in.mkv", "--against", "x264:medium"],
    ):
        assert main([*words, "--json", "--dry-run"]) == 0
        (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert (line["type"], line["command"], validate(line)) == ("planned", words[0], "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["encode", "none.mkv", "out.mkv"], 1),
        (["encode", "in.mkv", "none/out.mkv"], 1),
        (["encode", "in.mkv", "in.mkv"], 2),
        (["encode", "in.mkv", "out.mkv", "-q", "64"], 2),
        (["encode", "in.mkv", "out.mkv", "--bitrate", "1M", "-q", "3"], 2),
        (["encode", "in.mkv", "out.mkv", "--target-psnr", "30", "-q", "3"], 2),
        (["encode", "-", "out.mkv", "--target-psnr", "30"], 2),
        (["encode", "in.mkv", "out.mkv", "--model", "none"], 1),
        (["decode", "in.mkv", "out.mkv"], 3),
        (["decode", "stream.mkv", "out.nothing"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_it_fails_as_the_real_run_does(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "-n"]) == code
    said = capsys.readouterr()
    assert main([*words, "--quiet"]) == code
    assert capsys.readouterr() == said
    assert sorted(os.listdir()) == ["in.mkv", "stream.mkv"]


def test_evaluate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "in.mkv", "--against", "x264:medium", "--repeats", "3", "--frames", "4", "-n"]) == 0
    out = capsys.readouterr().out
    assert "clip:      in, 4 frames of 64x64, 8 bits\n" in out
    assert "work:      30 times encode and decode, into evaluation\n" in out
    assert main(["evaluate", "in.mkv", "none.mkv", "--against", "x264:medium", "-n"]) == 1
    assert "left out:  none: can't read none.mkv" in capsys.readouterr().out
    assert main(["evaluate", "in.mkv", "--against", "x264:sideways", "-n"]) == 2
    assert main(["evaluate", "in.mkv", "-o", "in.mkv/x", "-n"]) == 1
    assert main(["evaluate", "--from", "results.json", "-n"]) == 2
    assert sorted(os.listdir()) == ["in.mkv", "stream.mkv"]


def test_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packs = tmp_path / "packs"
    packs.mkdir()
    write_pack(packs / "a.mkv", [panning_clip(seed) for seed in range(3)])
    Path("mine.toml").write_text(f'[data]\npacks = ["{packs}"]\n[sequence]\ncrop = 64\n')
    words = ["train", "mine.toml", "--steps", "5", "--device", "cpu", "-n"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].endswith("a.mkv: 3 clips of 12 frames of 96x64, 8 bits")
    assert "run:       neural, 5 steps on cpu\ninto:      runs/mine: begin anew\n" in out
    assert err == "nothing was written\n"
    assert main([*words, "--json"]) == 0
    assert validate(json.loads(capsys.readouterr().out)) == ""
    assert main([*words, "--packs", "none.mkv"]) == 1
    assert not Path("runs").exists()


def test_adapting(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["adapt", "default", "in.mkv", "-o", "mine", "--device", "cpu", "--hold-out", "0.5", "-n"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "in.mkv: 6 frames of 64x64, 8 bits\nmodel:     default (" in out
    assert err == "nothing was written\n"
    assert main([*words, "--json"]) == 0
    assert validate(json.loads(capsys.readouterr().out)) == ""
    assert main([*words, "--minutes", "0"]) == 2
    assert main([*words, "--hold-out", "0.1"]) == 1  # one picture is too little
    assert not Path("mine").exists()


def test_packs_are_not_built_among_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "build", "in.mkv", "-o", ".", "-n"]) == 1
    assert "holds videos that no build made" in capsys.readouterr().err
