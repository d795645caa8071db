"""Options from a file, from the environment and from the command line, and which of them wins."""

from __future__ import annotations

import os
import string
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from sensic.cli import configuration, main
from sensic.cli.app import program
from sensic.cli.command import Command, leaves

ROOT = program()
COMMANDS = dict(leaves(ROOT))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and no configuration of the user's."""
    monkeypatch.delenv("SENSIC_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([*words, "--print-config"]) == 0
    return capsys.readouterr().out


def table(text: str, *path: str) -> dict[str, Any]:
    found: Any = tomllib.loads(text)
    for name in path:
        found = found[name]
    return dict(found)


def test_every_command_is_configured() -> None:
    def classes(group: Any) -> list[Any]:
        return [c for each in group.commands.values() for c in (classes(each) if hasattr(each, "commands") else [each])]

    assert all(isinstance(command, Command) for command in classes(ROOT))
    assert ("encode",) in COMMANDS
    assert ("data", "build") in COMMANDS


@pytest.mark.parametrize("words", COMMANDS, ids="-".join)
def test_what_is_printed_can_be_read_back(
    words: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = printed(capsys, *words)
    for key in configuration.options_of(COMMANDS[words]):
        assert any(line.startswith((f"{key} = ", f"# {key}: not set")) for line in text.splitlines()), key
    (folder / "sensic.toml").write_text(text)
    again = printed(capsys, *words)
    assert table(again, *words) == table(text, *words)
    assert "# default" not in again


def test_all_of_it_can_be_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys)
    assert table(text, "encode")["gop"] == 32
    assert table(text, "data", "build")["frames"] == 12
    assert set(tomllib.loads(printed(capsys, "data"))) == {"data"}


def test_flags_over_environment_over_file(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "gop = 32  # default" in printed(capsys, "encode")
    (folder / "sensic.toml").write_text('[encode]\ngop = 10\npreset = 7\nlow_latency = true\nmodel = "a b"\n')
    text = printed(capsys, "encode")
    assert "gop = 10  # file sensic.toml" in text
    assert 'preset = "7"  # file sensic.toml' in text
    assert "low-latency = true  # file sensic.toml" in text
    assert 'model = "a b"  # file sensic.toml' in text
    monkeypatch.setenv("SENSIC_ENCODE_GOP", "11")
    monkeypatch.setenv("SENSIC_ENCODE_LOW_LATENCY", "no")
    monkeypatch.setenv("SENSIC_ENCODE_PRESET", "")  # as if it were not there
    text = printed(capsys, "encode")
    assert "gop = 11  # environment SENSIC_ENCODE_GOP" in text
    assert "low-latency = false  # environment SENSIC_ENCODE_LOW_LATENCY" in text
    assert 'preset = "7"  # file sensic.toml' in text
    text = printed(capsys, "encode", "--gop", "12", "in.mp4", "--low-latency")
    assert "gop = 12  # flag" in text
    assert "low-latency = true  # flag" in text
    assert "low-latency = false  # flag" in printed(capsys, "encode", "--no-low-latency")


def test_a_misspelt_variable(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSIC_ENCODE_QUALTIY", "40")
    assert main(["encode", "in.mp4", "out.mkv"]) == 2
    assert "SENSIC_ENCODE_QUALTIY, but there is no such option; do you mean SENSIC_ENCODE_QUALITY?" in (
        capsys.readouterr().err
    )
    assert "gop = 12" not in printed(capsys, "decode")  # which has nothing to do with it


def test_the_command_gets_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []

    def encode(*args: Any, **options: Any) -> None:
        calls.append(options)
        raise ZeroDivisionError

    monkeypatch.setattr("sensic.encode", encode)
    (folder / "sensic.toml").write_text("[encode]\ngop = 10\nquality = 40\npreset = 7\n[decode]\nlayers = 2\n")
    monkeypatch.setenv("SENSIC_ENCODE_QUALITY", "41")
    assert main(["encode", "a", "b", "--preset", "fast"]) == 1
    assert (calls[0]["gop"], calls[0]["quality"], calls[0]["preset"]) == (10, 41, "fast")


def test_several_values(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sensic.toml").write_text('[decode]\noption = ["crf=18", "tune=film"]\n[train]\npacks = "one"\n')
    assert table(printed(capsys, "decode"), "decode")["option"] == ["crf=18", "tune=film"]
    assert table(printed(capsys, "train"), "train")["packs"] == ["one"]
    monkeypatch.setenv("SENSIC_DECODE_OPTION", "a=1 b=2")
    monkeypatch.setenv("SENSIC_TRAIN_PACKS", os.pathsep.join(["my packs", "yours"]))
    assert table(printed(capsys, "decode"), "decode")["option"] == ["a=1", "b=2"]
    assert table(printed(capsys, "train"), "train")["packs"] == ["my packs", "yours"]
    assert table(printed(capsys, "decode", "-o", "x=1", "-o", "y=2"), "decode")["option"] == ["x=1", "y=2"]


def test_which_file_is_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def place(path: Path, gop: int) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"[encode]\ngop = {gop}\n")
        return path

    assert printed(capsys, "encode").startswith("# Read: no file\n")
    monkeypatch.setattr(typer, "get_app_dir", lambda name: str(tmp_path / "home" / name))
    own = place(tmp_path / "home" / "sensic" / "config.toml", 1)
    assert f"gop = 1  # file {own}" in printed(capsys, "encode")
    place(folder / "sensic.toml", 2)
    assert "gop = 2  # file sensic.toml" in printed(capsys, "encode")
    monkeypatch.setenv("SENSIC_CONFIG", str(place(tmp_path / "named.toml", 3)))
    assert f"gop = 3  # file {tmp_path / 'named.toml'}" in printed(capsys, "encode")
    other = str(place(tmp_path / "other.toml", 4))
    assert "gop = 4  # file" in printed(capsys, "encode", "--config", other)
    assert "gop = 4  # file" in printed(capsys, "--config", other, "encode")
    assert "gop = 32  # default" in printed(capsys, "encode", "--config", os.devnull)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[encode]\nqualty = 1\n", "bad.toml: [encode] qualty: there is no such key; do you mean quality? there are "),
        ("[encod]\n", "bad.toml: encod: there is no such command; do you mean encode? there are encode, decode, "),
        ("[data.built]\n", "bad.toml: data.built: there is no such command; do you mean build? there are build"),
        ("quality = 1\n", "bad.toml: quality: there is no such command; there are encode, "),
        ("encode = 1\n", "bad.toml: encode is a table, [encode], with the command's options in it"),
        ('[encode]\nquality = "x"\n', 'bad.toml: [encode] quality is a whole number, not "x"'),
        ('[encode]\nquality = "40"\n', 'bad.toml: [encode] quality is a whole number, not "40"'),
        ("[encode]\nquality = 1.5\n", "bad.toml: [encode] quality is a whole number, not 1.5"),
        ("[encode]\nquality = true\n", "bad.toml: [encode] quality is a whole number, not true"),
        ("[encode]\nlow-latency = 1\n", "bad.toml: [encode] low-latency is true or false, not 1"),
        ("[encode]\nmodel = true\n", "bad.toml: [encode] model is text, not true"),
        ("[encode]\nmodel = [1]\n", "bad.toml: [encode] model is text, not a list"),
        ("[adapt]\nminutes = 'long'\n", 'bad.toml: [adapt] minutes is a number, not "long"'),
        ("[export]\ncalibrate = -1\n", "bad.toml: [export] calibrate is a whole number, 0 or more, not -1"),
        ("[decode]\noption = [true]\n", "bad.toml: [decode] option is text, or a list of them, not true"),
        ("[encode]\nconfig = 'x'\n", "bad.toml: [encode] config: there is no such key"),
        ("[encode\n", "bad.toml: a configuration is TOML: "),
        ("\ud800", "bad.toml: a configuration is TOML: "),
    ],
    ids=range(18),
)
def test_what_is_wrong_is_named(folder: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    (folder / "bad.toml").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert main(["info", "x", "--config", "bad.toml"]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"sensic: {said}")
    assert len(err.splitlines()) == 1
    assert main(["info", "--help", "--config", "bad.toml"]) == 0  # help is there for who gets something wrong


def test_a_file_that_is_named_must_be_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "x", "--config", "none.toml"]) == 2
    assert "none.toml: the configuration can't be read: No such file" in capsys.readouterr().err
    assert main(["info", "x", "--config", str(folder)]) == 2


def test_wrong_variables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSIC_ENCODE_QUALITY", "high")
    assert main(["encode", "a", "b"]) == 2
    assert capsys.readouterr().err == 'sensic: SENSIC_ENCODE_QUALITY is a whole number, not "high"\n'
    monkeypatch.setenv("SENSIC_ENCODE_QUALITY", "64")
    assert main(["encode", "a", "b"]) == 2  # found by the library, which does not know where it comes from
    assert "(quality is from the environment SENSIC_ENCODE_QUALITY)" in capsys.readouterr().err


def test_a_flag_overrules_its_alternatives(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quality in a file must not contradict a target on the command line."""
    options = configuration.options_of(COMMANDS["encode",])
    assert set(configuration.ALTERNATIVES) <= set(options)
    (folder / "sensic.toml").write_text("[encode]\nquality = 40\n")
    text = printed(capsys, "encode", "--target-vmaf", "93")
    assert "# quality: not set, which means 32" in text
    assert "target-vmaf = 93.0  # flag" in text
    monkeypatch.setenv("SENSIC_ENCODE_TARGET_PSNR", "38")
    text = printed(capsys, "encode")
    assert "# quality: not set" in text
    assert "target-psnr = 38.0  # environment" in text
    assert "quality = 3  # flag" in printed(capsys, "encode", "-q", "3")


def test_a_folder_of_videos_can_not_name_a_program_to_start(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sensic.toml").write_text('[play]\nplayer = "evil"\n')
    assert main(["info", "x"]) == 2
    assert "[play] player starts a program" in capsys.readouterr().err
    assert 'player = "evil"' in printed(capsys, "play", "--config", "sensic.toml")


def test_json_from_the_file_is_for_errors_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sensic.toml").write_text("[info]\njson = true\n")
    assert main(["info", "none.mkv"]) == 1
    assert '"type": "error"' in capsys.readouterr().out
    assert main(["info", "none.mkv", "--no-json"]) == 1
    assert capsys.readouterr().out == ""


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False))
def test_values_are_written_as_toml(value: object) -> None:
    assert tomllib.loads(f"key = {configuration._written(value)}  # comment") == {"key": value}


@settings(max_examples=30)
@given(st.text(string.printable, max_size=60))
def test_nonsense_is_a_usage_error(text: str) -> None:
    path = Path("nonsense.toml")
    path.write_text(text, encoding="utf-8", newline="")
    assert main(["info", "none.mkv", "--config", str(path)]) in (1, 2)
