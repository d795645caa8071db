"""``sensic recover``, from its arguments to what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from sensic.cli import main
from sensic.sensing.operators import Cacti


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "snapshot.mat"
    original, masks = np.full((2, 16, 16), 100), Cacti.seeded(0, 2, 16).masks
    arrays = {
        "meas": (masks * original).sum(0),
        "mask": np.moveaxis(masks, 0, -1),
        "orig": np.moveaxis(original, 0, -1),
    }
    savemat(path, arrays)
    return str(path)


def test_people_are_told(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recover", file, "-o", str(tmp_path / "out.mkv"), "--iterations", "3"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "2 frames of 16x16 from 1 snapshot by total variation in 0:0" in err
    assert "dB, mean over all 2 frames as written" in err


def test_the_learned_decoder(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recover", file, "-o", str(tmp_path / "out.mkv"), "-t", "1"]) == 0
    assert "from 1 snapshot by the learned decoder in 0:0" in capsys.readouterr().err
    words = ["recover", file, "-o", str(tmp_path / "doubt.mkv"), "--model", "snapshot", "--uncertainty", "--json"]
    assert main(words) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (report["decoder"], report["mean_psnr"]) == ("learned", None)


def test_json(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "recover",
        file,
        file,
        "-o",
        str(tmp_path / "out.y4m"),
        "--iterations",
        "2",
        "--rate",
        "30000/1001",
        "--json",
    ]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    progress, *_, report = (json.loads(line) for line in out.splitlines())
    assert (progress["type"], progress["turns"], progress["total"]) == ("progress", 1, 2)
    assert (report["type"], report["frames"]) == ("recovered", 2)
    assert report["mean_psnr"] == pytest.approx(np.mean(report["psnr"]))
    assert (tmp_path / "out.y4m").read_bytes().startswith(b"YUV4MPEG2 W16 H16 F30000:1001")


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["missing.mat", "-o", "out.mkv"], 1, "can't read missing.mat: No such file"),
        (["FILE"], 2, "--out"),
        (["FILE", "-o", "out.mkv", "--rate", "fast"], 2, "--rate takes a number or a ratio"),
        (["FILE", "-o", "out.mat"], 2, "no container is known by the extension '.mat'"),
        (["FILE", "-o", "-", "--json"], 2, "--json needs stdout for itself"),
        (["FILE", "-o", "out.mkv", "--decoder", "tv", "--uncertainty"], 2, "the decoder tv does not take uncertainty"),
        (["FILE", "-o", "out.mkv", "--model", "nowhere"], 1, "nowhere: not a model directory"),
    ],
)
def test_errors(
    file: str, words: list[str], code: int, why: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["recover", *(file if word == "FILE" else word for word in words)]) == code
    assert why in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.mat"]
