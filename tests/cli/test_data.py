from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensic.cli import main
from tests.training.data.videos import shot, write


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    write(tmp_path / "footage" / "a.mkv", shot(1, 13))
    write(tmp_path / "footage" / "still.mkv", shot(2, 13, speed=0))
    return tmp_path / "footage"


def test_packs_are_built_and_what_was_dropped_is_told(
    footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "packs"
    assert main(["data", "build", str(footage), "-o", str(out), "--size", "96x64", "--depth", "10", "--lossless"]) == 0
    said = capsys.readouterr().out
    assert "1 clip in 1 pack" in said
    assert "dropped: 1 static" in said
    assert (out / "train-0.mkv").exists()
    assert main(["data", "build", str(footage), "-o", str(out), "--size", "96x64", "--depth", "10", "--lossless"]) == 0
    assert capsys.readouterr().out == said


def test_json_is_a_record_per_line(footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data", "build", str(footage), "-o", str(tmp_path / "packs"), "--size", "96x64", "--json"]
    assert main(words) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {record["type"] for record in records} == {"progress", "built"}
    assert records[-1]["counts"] == {"static": 1}
    assert records[-1]["packs"] == ["train-0.mkv"]
    assert records[-1]["dropped"][0]["reason"].startswith("nothing moves")


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        (["--size", "wide"], 2, "--size is WIDTHxHEIGHT"),
        (["--size", "100x64"], 2, "multiples of 16"),
        (["--interpolate"], 2, "with fps only"),
        (["--size", "448x256"], 1, "would have to be enlarged"),
        (["--exclude", "nowhere"], 1, "there is no nowhere"),
    ],
)
def test_what_is_wrong_is_one_line(
    footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, reason: str
) -> None:
    assert main(["data", "build", str(footage), "-o", str(tmp_path / "packs"), *options]) == code
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1


def test_dry_run(footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (footage / "broken.mkv").write_bytes(b"nothing")
    words = ["data", "build", str(footage), "-o", str(tmp_path / "packs"), "--exclude", str(footage / "a.mkv"), "-n"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if line.startswith("video:")] == [
        "video:     footage/a.mkv",
        "video:     footage/still.mkv",
    ]
    assert "dropped:   footage/broken.mkv: " in out
    assert "test clip: a.mkv" in out
    assert f"clips of 12 frames of 448x256, 8 bits, into {tmp_path / 'packs'}" in out
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["type"], record["command"], list(record["unusable"])) == (
        "planned", "data build", ["footage/broken.mkv"],
    )  # fmt: skip
    assert not (tmp_path / "packs").exists()
    assert main(["data", "build", str(tmp_path / "none"), "-o", str(tmp_path / "packs"), "-n"]) == 1
    assert main(["data", "build", str(footage), "-o", str(footage / "a.mkv"), "-n"]) == 1
    assert main(["data", "build", str(footage), "-o", str(tmp_path / "packs"), "--frames", "0", "-n"]) == 2
