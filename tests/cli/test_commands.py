"""What the commands make of their arguments, and of what the library does; the library itself is a stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sensic
from sensic import DecodeReport, EncodeReport, Progress, VerifyReport
from sensic.cli import main

ENCODED = EncodeReport(4, 64, 48, 20, "ab" * 32, 1234, 1000, 7990.5, {"y": 7000.5, "z": 990.0}, 2.0, ("a remark",))
DECODED = DecodeReport(4, 64, 48, 999, 2.0, ("rounded",))
VERIFIED = VerifyReport(4, 1, 2.0, "cd" * 32, (30.5, float("inf"), 40.0))

Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]
Stand = Callable[..., Calls]


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    """Puts a stand-in for a function of the library, which reports, or raises, what it is given."""

    def put(name: str, outcome: Any) -> Calls:
        calls: Calls = []

        def function(*args: Any, **kwargs: Any) -> Any:
            calls.append((args, kwargs))
            if isinstance(outcome, BaseException):
                raise outcome
            if kwargs.get("progress"):
                for frame in range(1, 5):
                    kwargs["progress"](Progress(frame, 4, 300 * frame, frame / 2, pixels=64 * 48))
            return outcome

        monkeypatch.setattr(sensic, name, function)
        return calls

    return put


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_encode_hands_on_its_options(stand: Stand) -> None:
    calls = stand("encode", ENCODED)
    words = [
        "encode",
        "in.mp4",
        "out.mkv",
        "-q",
        "20",
        "--gop",
        "8",
        "--preset",
        "3",
        "--low-latency",
        "--model",
        "m",
        "--threads",
        "2",
        "--backend",
        "openvino",
        "--quiet",
    ]
    assert main(words) == 0
    args, kwargs = calls[0]
    del kwargs["progress"]
    assert args == ("in.mp4", "out.mkv")
    assert kwargs == {
        "quality": 20,
        "gop": 8,
        "preset": "3",
        "low_latency": True,
        "model": "m",
        "threads": 2,
        "backend": "openvino",
    }


def test_encode_hands_on_who_works(stand: Stand) -> None:
    calls = stand("encode", ENCODED)
    assert main(["encode", "in.mp4", "out.mkv", "-w", "4", "--resume", "--quiet"]) == 0
    assert main(["encode", "in.mp4", "out.mkv", "--cluster", "ray://head:10001", "--quiet"]) == 0
    assert (calls[0][1]["workers"], calls[0][1]["resume"]) == (4, True)
    assert calls[1][1]["cluster"] == "ray://head:10001"


def test_decode_hands_on_its_options(stand: Stand) -> None:
    calls = stand("decode", DECODED)
    words = ["decode", "in.mkv", "out.mp4", "-c", "libx264", "-o", "crf=18", "-o", "x264-params=a=1:b=2", "-f", "mp4"]
    assert main([*words, "--precision", "int8", "--backend", "pytorch"]) == 0
    args, kwargs = calls[0]
    assert (kwargs["precision"], kwargs["backend"]) == ("int8", "pytorch")
    assert args == ("in.mkv", "out.mp4")
    assert kwargs["codec"] == "libx264"
    assert kwargs["options"] == {"crf": "18", "x264-params": "a=1:b=2"}
    assert kwargs["format"] == "mp4"


def test_people_are_told_on_stderr(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    stand("encode", ENCODED)
    assert main(["encode", "in.mp4", "out.mkv"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "note: a remark",
        "4 frames of 64x48 in 0:02 (2.0/s): 1.2 kB, 0.6510 bits per pixel",
    ]


def test_quiet_is_quiet(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    stand("encode", ENCODED)
    stand("decode", DECODED)
    assert main(["encode", "in.mp4", "out.mkv", "--quiet"]) == 0
    assert main(["decode", "in.mkv", "out.mkv", "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_json_lines(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    stand("encode", ENCODED)
    assert main(["encode", "in.mp4", "out.mkv", "--json"]) == 0
    out, err = capsys.readouterr()
    progress, *rest, report = records(out)
    assert err == ""
    assert rest == []  # progress comes twice a second, and this took no time
    assert progress == {
        "type": "progress",
        "schema": 1,
        "stage": "coding",
        "frames": 1,
        "total": 4,
        "bytes": 300,
        "seconds": 0.5,
        "frames_per_second": 2.0,
        "eta_seconds": 2,
        "predicted_bytes": 1200,
        "bits_per_pixel": 0.78125,
    }
    assert report["type"] == "encoded"
    assert report["bits"] == {"y": 7000.5, "z": 990.0}
    assert report["notes"] == ["a remark"]


def test_verify(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    calls = stand("verify", VERIFIED)
    assert main(["verify", "in.mkv", "--reference", "src.mp4", "--json"]) == 0
    assert calls[0][1]["reference"] == "src.mp4"
    assert records(capsys.readouterr().out)[-1]["psnr"] == [30.5, None, 40.0]
    assert main(["verify", "in.mkv"]) == 0
    assert "Y 30.50 dB, U inf dB" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (sensic.InputError("no such video"), 1),
        (sensic.OutputError("disk full"), 1),
        (sensic.ModelError("no model"), 1),
        (sensic.UsageError("quality is 0 to 63"), 2),
        (sensic.StreamError("not a Sensic stream"), 3),
        (sensic.DamagedError("cut\nshort"), 3),
        (sensic.LimitError("too much"), 3),
        (sensic.VersionError("please update"), 3),
        (KeyboardInterrupt(), 130),
        (MemoryError(), 1),
        (PermissionError(13, "Permission denied", "there"), 1),
        (ZeroDivisionError("oops"), 1),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    stand: Stand, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    stand("decode", error)
    assert main(["decode", "in.mkv", "out.mkv"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("sensic: ")
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err
    assert main(["decode", "in.mkv", "out.mkv", "--json"]) == code
    out, _ = capsys.readouterr()
    assert [(r["type"], r["exit_code"]) for r in records(out)] == [("error", code)]


@pytest.mark.parametrize(
    "words",
    [
        ["encode"],
        ["encode", "only-one"],
        ["encode", "a", "b", "-q", "high"],
        ["encode", "a", "b", "--unheard-of"],
        ["decode", "a", "b", "--option", "no-value"],
        ["decode", "a", "b", "--option", "=x"],
        ["transmogrify"],
        ["encode", "a", "-", "--json"],
        ["decode", "a", "-", "--json"],
        ["play", "a", "--player", ""],
        ["play", "a", "--player", "there-is-no-such-player"],
    ],
)
def test_wrong_words_are_exit_code_2(stand: Stand, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    for name in ("encode", "decode"):
        stand(name, AssertionError("must not be called"))
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_video_is_kept_off_a_terminal(
    stand: Stand, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    stand(command, AssertionError("must not be called"))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main([command, "in.mkv", "-"]) == 2
    assert "terminal" in capsys.readouterr().err


def test_whoever_stops_reading_hears_nothing(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    error = sensic.OutputError("writing failed: Broken pipe")
    error.__cause__ = BrokenPipeError()
    stand("decode", error)
    assert main(["decode", "in.mkv", "-"]) == 1
    assert capsys.readouterr().err == ""


def _write(text: bytes) -> Callable[..., DecodeReport]:
    def decode(source: object, destination: Any, **options: object) -> DecodeReport:
        try:
            destination.write(text)
            destination.flush()
        except BrokenPipeError as error:
            raise sensic.OutputError("writing failed") from error
        return DECODED

    return decode


def test_play_feeds_the_player(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sensic, "decode", _write(b"YUV4MPEG2 and so on"))
    script = tmp_path / "player"
    script.write_text(f'#!/bin/sh\ncat > "{tmp_path}/seen"\n')
    script.chmod(0o755)
    assert main(["play", "in.mkv", "--player", f"'{script}' --option"]) == 0
    assert (tmp_path / "seen").read_bytes() == b"YUV4MPEG2 and so on"


def test_a_player_is_found_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sensic, "decode", _write(b"frames"))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["play", "in.mkv"]) == 2
    script = tmp_path / "mpv"
    script.write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/seen"\n/bin/cat >> "{tmp_path}/seen"\n')
    script.chmod(0o755)
    assert main(["play", "in.mkv"]) == 0
    assert (tmp_path / "seen").read_bytes() == b"--really-quiet -\nframes"


def test_closing_the_player_is_fine_and_its_failure_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sensic, "decode", _write(bytes(1 << 20)))
    assert main(["play", "in.mkv", "--player", "true"]) == 0
    assert main(["play", "in.mkv", "--player", "false"]) == 1
    assert capsys.readouterr().err == "sensic: false ended with code 1\n"


def test_play_writes_to_a_pipe(stand: Stand) -> None:
    calls = stand("decode", DECODED)
    assert main(["play", "in.mkv"]) == 0  # under pytest stdout is no terminal
    assert calls[0][0] == ("in.mkv", "-")


def test_whoever_stops_an_encode_in_parts_is_told_where_they_are(
    stand: Stand, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand("encode", KeyboardInterrupt())
    output = tmp_path / "out.mkv"
    assert main(["encode", "in.mp4", str(output), "--workers", "2"]) == 130
    assert "--resume" not in capsys.readouterr().err
    (tmp_path / "out.mkv.parts").mkdir()
    assert main(["encode", "in.mp4", str(output), "--workers", "2"]) == 130
    assert f"stay in {output}.parts: with --resume the same command goes on" in capsys.readouterr().err


def test_filters_of_a_reference(stand: Stand, capsys: pytest.CaptureFixture[str]) -> None:
    calls = stand("verify", VERIFIED)
    assert main(["verify", "s.mkv", "-r", "in.mp4", "--scale", "32:-2"]) == 0
    assert calls[0][1]["filters"] == sensic.Filters(scale="32:-2")
    assert main(["verify", "s.mkv", "--scale", "32:-2"]) == 2
    assert "give --reference too" in capsys.readouterr().err
