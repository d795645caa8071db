"""The program as a user runs it: real files, real processes, the model that ships."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import sensic
from sensic.cli import main

SENSIC = [sys.executable, "-m", "sensic.cli"]
FRAMES = 6


def run(*words: str | Path, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*SENSIC, *map(str, words)], input=stdin, capture_output=True, timeout=120)


def make_clip(path: Path, frames: int = FRAMES, size: int = 64) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = size, size, "yuv420p"
        x, y = np.meshgrid(np.arange(size), np.arange(size * 3 // 2))
        for i in range(frames):
            picture = (128 + 80 * np.sin((x + 2 * i) / 7) * np.cos(y / 9)).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, "yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "in.mkv")


@pytest.fixture(scope="module")
def stream(clip: Path) -> Path:
    path = clip.with_name("stream.mkv")
    assert main(["encode", str(clip), str(path), "-q", "30", "--gop", "4", "--preset", "0", "--quiet"]) == 0
    return path


def test_there_and_back(clip: Path, stream: Path, tmp_path: Path) -> None:
    done = run("decode", stream, tmp_path / "back.mkv")
    assert done.returncode == 0
    assert done.stdout == b""
    assert b"6 frames" in done.stderr
    with av.open(str(tmp_path / "back.mkv"), "r") as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES
    done = run("verify", stream, "--reference", clip, "--json")
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["type"], report["frames"], done.returncode) == ("verified", FRAMES, 0)
    assert report["psnr"][0] > 20


def test_info(stream: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(stream)]) == 0
    text = capsys.readouterr().out
    assert "64x64, 8 bits, progressive, 25 per second" in text
    assert "6 in 2 groups" in text
    assert main(["info", str(stream), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["type"], found["quality"], found["gop"], found["frames"]) == ("info", 30, 4, FRAMES)
    assert found["model"] == sensic.Model.load(None).id


def test_pipes_all_the_way(stream: Path) -> None:
    pictures = run("decode", "-", "-", stdin=stream.read_bytes())
    assert pictures.stdout.startswith(b"YUV4MPEG2 W64 H64")
    coded = run("encode", "-", "-", "--low-latency", "--preset", "0", stdin=pictures.stdout)
    assert (pictures.returncode, coded.returncode) == (0, 0)
    checked = run("verify", "-", stdin=coded.stdout)
    assert b"6 frames decoded" in checked.stdout
    assert run("play", stream).stdout == pictures.stdout


@pytest.mark.parametrize("command", ["decode", "info", "verify", "play"])
@pytest.mark.parametrize("kind", ["empty", "text", "cut", "flipped", "clip"])
def test_damaged_and_foreign_files(
    command: str, kind: str, clip: Path, stream: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(stream.read_bytes())
    data[-100] ^= 1
    contents = {
        "empty": b"",
        "text": b"hello\n",
        "cut": stream.read_bytes()[:-50],
        "flipped": bytes(data),
        "clip": clip.read_bytes(),
    }
    path = tmp_path / "bad.mkv"
    path.write_bytes(contents[kind])
    words = [command, str(path)] + ([str(tmp_path / "out.mkv")] if command == "decode" else [])
    assert main(words) == 3
    err = capfd.readouterr().err
    assert len([line for line in err.splitlines() if line.startswith("sensic: ")]) == 1
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == ["bad.mkv"]


def test_input_that_is_no_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for data in (b"", b"hello\n"):
        (tmp_path / "in.mp4").write_bytes(data)
        assert main(["encode", str(tmp_path / "in.mp4"), str(tmp_path / "out.mkv")]) == 1
    assert main(["encode", str(tmp_path / "none.mp4"), str(tmp_path / "out.mkv")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 3
    assert os.listdir(tmp_path) == ["in.mp4"]


def test_the_input_is_not_overwritten(clip: Path, stream: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = clip.read_bytes(), stream.read_bytes()
    assert main(["encode", str(clip), str(clip)]) == 2
    assert main(["decode", str(stream), str(stream)]) == 2
    assert main(["encode", str(clip), f"{clip.parent}/../{clip.parent.name}/{clip.name}"]) == 2
    assert (clip.read_bytes(), stream.read_bytes()) == before


def test_an_old_output_survives_a_failure(stream: Path, tmp_path: Path) -> None:
    old, bad = tmp_path / "out.mkv", tmp_path / "bad.mkv"
    old.write_bytes(b"old")
    bad.write_bytes(stream.read_bytes()[:-20])
    assert main(["decode", str(bad), str(old), "--quiet"]) == 3
    assert old.read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["bad.mkv", "out.mkv"]


def test_a_full_disk(clip: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    done = run("encode", clip, "/dev/full", "--preset", "0")
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_closed_pipe_is_quiet(stream: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for words in (["info", str(stream)], ["decode", str(stream), "-", "--quiet"], ["--help"]):
        done = subprocess.run([*SENSIC, *words], stdout=writing, stderr=subprocess.PIPE, timeout=120)
        assert (done.returncode, done.stderr) == (1, b"")
    os.close(writing)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted(number: int, code: int, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mkv", frames=400, size=128)
    process = subprocess.Popen(
        [*SENSIC, "encode", clip, tmp_path / "out.mkv", "--preset", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert b'"progress"' in process.stdout.readline()  # it is at work
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"Traceback" not in err
    assert os.listdir(tmp_path) == ["in.mkv"]


def test_version_and_start_up() -> None:
    done = run("--version")
    assert done.stdout.decode().strip() == f"sensic {sensic.__version__}"
    script = "import sys, sensic.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout.decode().split()
    assert not {"av", "cv2", "numpy", "onnxruntime", "torch", "rich.progress"} & set(loaded)
    best = min(_seconds("--version") for _ in range(3))
    assert best < 1.0  # 0.2 s on a busy machine


def test_info_loads_no_libraries_and_no_other_commands() -> None:
    vectors = Path(__file__).parents[1] / "vectors"
    text, loaded = loaded_by("info", vectors / "v1-groups.mkv")
    assert "frames:" in text
    heavy = {"constriction", "cv2", "matplotlib", "numpy", "onnxruntime", "openvino", "safetensors", "scipy", "torch"}
    assert not (heavy | {"av", "pydantic", "rich", "sensic.cli.encode", "sensic.video.source"}) & loaded
    text, loaded = loaded_by("info", vectors / "v1-sound.mkv")
    assert "audio: flac" in text  # FFmpeg says so
    assert "av" in loaded
    assert not heavy & loaded


def loaded_by(*words: str | Path) -> tuple[str, set[str]]:
    """What a command prints, and the modules there are in the end."""
    script = f"import sys, sensic.cli as c; c.main({list(map(str, words))!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout.decode()
    text, _, modules = done.rstrip("\n").rpartition("\n")
    return text, set(modules.split())


def _seconds(*words: str) -> float:
    """CPU time, which depends less than the clock on what else the machine does."""
    before = os.times()
    run(*words)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
