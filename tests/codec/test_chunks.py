"""Encodes in chunks: the same bytes however the work was shared, broken off and resumed."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sensic
from sensic.codec import chunks, work
from sensic.codec.chunks import chunk_frames
from sensic.codec.parts import PartsFolder
from sensic.video import Filters
from tests.codec import faults
from tests.codec.pictures import pictures, write_video
from tests.small_model import small_model

FRAMES = 26


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chunks")


@pytest.fixture(scope="module")
def source(folder: Path) -> Path:
    return write_video(folder / "source.mkv", FRAMES)


def encode(source: Path, output: Path, **options: Any) -> sensic.EncodeReport:
    return sensic.encode(source, output, **{"quality": 30, "gop": 4, "model": small_model(), **options})


@pytest.fixture(scope="module")
def whole(folder: Path, source: Path) -> bytes:
    """What every encode of the source in chunks gives."""
    encode(source, folder / "whole.mkv", workers=2)
    return (folder / "whole.mkv").read_bytes()


def interrupted(source: Path, output: Path, after: int, stage: str = "coding", **options: Any) -> None:
    """An encode that is broken off after some frames."""

    def interrupt(progress: sensic.Progress) -> None:
        if progress.stage == stage and progress.frames >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(source, output, progress=interrupt, **options)


@pytest.fixture(scope="module")
def some_parts(folder: Path, source: Path) -> Path:
    """What an encode of the source leaves that is broken off in the middle."""
    interrupted(source, folder / "broken.mkv", after=14, resume=True)
    return folder / "broken.mkv.parts"


@pytest.fixture
def broken_off(tmp_path: Path, some_parts: Path) -> Path:
    """The output of an encode that was broken off."""
    shutil.copytree(some_parts, tmp_path / "out.mkv.parts")
    return tmp_path / "out.mkv"


def parts_of(output: Path) -> list[Path]:
    return sorted(output.with_name(output.name + ".parts").glob("[0-9]*"))


def test_the_bytes_do_not_depend_on_the_workers(tmp_path: Path, source: Path, whole: bytes) -> None:
    seen: list[sensic.Progress] = []
    for number, options in enumerate(({"workers": 3}, {"resume": True})):
        output = tmp_path / f"{number}.mkv"
        report = encode(source, output, **options, progress=seen.append)
        assert output.read_bytes() == whole
        assert (report.frames, report.file_bytes) == (FRAMES, len(whole))
        assert sum(report.frame_bits) == pytest.approx(report.estimated_bits)
        assert sum(report.bits.values()) == pytest.approx(report.estimated_bits)
        assert [p.frames for p in seen if p.stage == "reading"] == list(range(1, FRAMES + 1))
        assert (seen[-1].stage, seen[-1].frames, seen[-1].total) == ("coding", FRAMES, FRAMES)
        assert seen[-1].bytes == pytest.approx(report.payload_bytes, abs=8 * 7)
        seen.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.mkv", "1.mkv"]


def test_what_is_decoded_is_as_good_as_from_one_encoder(tmp_path: Path, source: Path, whole: bytes) -> None:
    plain = encode(source, tmp_path / "plain.mkv")
    assert plain.file_bytes == pytest.approx(len(whole), rel=0.02)
    for stream in (whole, (tmp_path / "plain.mkv").read_bytes()):
        verified = sensic.verify(stream, reference=source, model=small_model())
        assert (verified.frames, verified.groups) == (FRAMES, 7)


def with_sound(path: Path) -> Path:
    """H.264 with B-frames, uneven times and sound, in MP4."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25, options={"bf": "3", "g": "9"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        sound = output.add_stream("aac", rate=48000)
        assert isinstance(sound, av.AudioStream)
        sound.layout = "mono"
        for number, frame in enumerate(pictures(30)):
            picture = av.VideoFrame.from_ndarray(
                np.vstack([frame.y, frame.u.reshape(12, 64), frame.v.reshape(12, 64)]), "yuv420p"
            )
            picture.pts, picture.time_base = 40 * number + number % 5, Fraction(1, 1000)
            output.mux(video.encode(picture))
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.int16), "s16", "mono")
            tone.sample_rate, tone.pts, tone.time_base = 48000, 1920 * number, Fraction(1, 48000)
            output.mux(sound.encode(tone))
        output.mux(video.encode(None))
        output.mux(sound.encode(None))
    return path


def contents(path: Path) -> tuple[list[tuple[int, int | None]], list[tuple[int | None, bytes]]]:
    """Times of the pictures, and the packets of the sound."""
    with sensic.open_video(path, model=small_model()) as video:
        times = [(frame.pts, frame.duration) for frame in video]
    with av.open(str(path)) as container:
        return times, [(packet.pts, bytes(packet)) for packet in container.demux(audio=0) if packet.size]


def test_times_and_sound_are_those_of_one_encoder(tmp_path: Path) -> None:
    path, filters = with_sound(tmp_path / "in.mp4"), Filters(trim="0.2:", scale="48:32", deinterlace="always")
    for name, options in (("plain", {}), ("chunks", {"workers": 2})):
        encode(path, tmp_path / name, filters=filters, **options)
    plain, chunked = contents(tmp_path / "plain"), contents(tmp_path / "chunks")
    assert plain == chunked
    assert min(len(plain[0]), len(plain[1])) > 20


def test_an_encode_that_was_broken_off_goes_on(source: Path, broken_off: Path, whole: bytes) -> None:
    kept = len(parts_of(broken_off))
    assert kept >= 3
    seen: list[sensic.Progress] = []
    encode(source, broken_off, workers=2, resume=True, progress=seen.append)
    assert broken_off.read_bytes() == whole
    assert {progress.stage for progress in seen} == {"coding"}  # the index was kept
    assert seen[0].frames >= seen[0].kept == 4 * kept
    assert list(broken_off.parent.iterdir()) == [broken_off]


def test_without_resume_it_begins_anew(source: Path, broken_off: Path) -> None:
    seen: list[sensic.Progress] = []
    encode(source, broken_off, quality=20, gop=26, workers=2, progress=seen.append)
    assert seen[-1].kept == 0
    assert sensic.probe(broken_off).header.quality == 20


def test_an_encode_that_had_finished_nothing_leaves_nothing(tmp_path: Path, source: Path) -> None:
    interrupted(source, tmp_path / "out.mkv", after=1, gop=26, workers=2)
    assert list(tmp_path.iterdir()) == []


def test_parts_of_another_encode_are_refused(tmp_path: Path, source: Path, broken_off: Path) -> None:
    copy, output = Path(shutil.copy2(source, tmp_path / "copy.mkv")), broken_off
    for what, options in (
        ("settings", {"quality": 31}),
        ("filters", {"filters": Filters(depth=10)}),
        ("model", {"model": small_model(1)}),
    ):
        with pytest.raises(sensic.UsageError, match=f"with other {what}:"):
            encode(copy, output, resume=True, **options)
    os.utime(copy, (1, 1))
    with pytest.raises(sensic.UsageError, match="with other source:"):
        encode(copy, output, resume=True)
    assert len(parts_of(output)) >= 3


def test_a_damaged_part_is_encoded_again(source: Path, broken_off: Path, whole: bytes) -> None:
    parts = parts_of(broken_off)
    data = bytearray(parts[0].read_bytes())
    data[len(data) // 2] ^= 1
    parts[0].write_bytes(data)
    parts[1].write_bytes(parts[2].read_bytes()[:-20])
    parts[0].with_name(".4-7.new").write_bytes(b"half a pa")
    encode(source, broken_off, resume=True)
    assert broken_off.read_bytes() == whole


def test_a_part_with_other_frames_is_no_part(source: Path, broken_off: Path) -> None:
    parts = parts_of(broken_off)
    parts[0].write_bytes(parts[1].read_bytes())
    with pytest.raises(sensic.DamagedError, match=f"frames {parts[0].name} has other frames"):
        encode(source, broken_off, resume=True)


def test_a_worker_that_dies_three_times(
    tmp_path: Path, source: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mkv"
    with monkeypatch.context() as patched:
        patched.setattr(work, "encode_chunk", faults.dies_at_8)
        with pytest.raises(sensic.ClusterError, match=r"frames 8-11 died 3 times.*SIGKILL.*of 7 parts.*resume"):
            encode(source, output, workers=2)
    assert not output.exists()
    seen: list[sensic.Progress] = []
    encode(source, output, resume=True, progress=seen.append)
    assert output.read_bytes() == whole
    assert seen[-1].kept > 0


def test_two_passes_in_chunks(tmp_path: Path, source: Path) -> None:
    rate = sensic.RateTarget(bitrate=20_000, passes=2)
    report = encode(source, tmp_path / "out.mkv", rate=rate, workers=2)
    assert report.bitrate == pytest.approx(8 * report.payload_bytes * 25 / FRAMES, rel=0.2)  # what the container adds
    interrupted(source, tmp_path / "again.mkv", 14, "first pass", rate=rate, resume=True)
    seen: list[sensic.Progress] = []
    encode(source, tmp_path / "again.mkv", rate=rate, resume=True, progress=seen.append)
    assert next(progress for progress in seen if progress.stage == "first pass").kept > 0
    assert (tmp_path / "again.mkv").read_bytes() == (tmp_path / "out.mkv").read_bytes()


def test_something_else_in_the_way_is_left_alone(tmp_path: Path, source: Path) -> None:
    mine = tmp_path / "out.mkv.parts" / "mine"
    mine.parent.mkdir()
    mine.touch()
    with pytest.raises(sensic.UsageError, match="in the way"):
        encode(source, tmp_path / "out.mkv", workers=2)
    assert mine.exists()


def test_two_encodes_of_one_output(tmp_path: Path, source: Path) -> None:
    output = tmp_path / "out.mkv"
    with (
        PartsFolder(output, {"a": "job"}, resume=False) as one,
        pytest.raises(sensic.UsageError, match="another encode"),
    ):
        encode(source, output, workers=2)
    assert not one.path.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "1 or more"),
        ({"workers": 2, "threads": 2}, "one thread"),
        ({"workers": 2, "low_latency": True}, "low latency"),
        ({"resume": True, "low_latency": True}, "low latency"),
        ({"workers": 2, "profile": "sensing"}, "profile neural"),
        ({"workers": 2, "cluster": "auto"}, "workers or cluster"),
        ({"cluster": "my-machine"}, "auto or ray://HOST:PORT"),
        ({"workers": 2, "source": "-"}, "must be a file"),
        ({"resume": True, "source": io.BytesIO()}, "must be a file"),
        ({"resume": True, "source": "frame%03d.png"}, "must be a file"),
        ({"resume": True, "output": "-"}, "must be a file"),
        ({"workers": 2, "output": os.devnull}, "not a file"),
    ],
)
def test_usage(tmp_path: Path, source: Path, options: dict[str, Any], message: str) -> None:
    arguments = {"source": source, "output": tmp_path / "out.mkv", **options}
    with pytest.raises(sensic.UsageError, match=message):
        encode(arguments.pop("source"), arguments.pop("output"), **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(sensic.InputError, match=r"can't read nowhere\.mkv: No such file"):
        encode(Path("nowhere.mkv"), tmp_path / "out.mkv", workers=2)
    assert list(tmp_path.iterdir()) == []


@given(st.integers(1, 1_000_000), st.integers(1, 600))
def test_chunks_are_whole_groups(frames: int, gop: int) -> None:
    length = chunk_frames(frames, gop)
    assert length % gop == 0
    assert gop <= length < chunks.CHUNK_FRAMES + gop
    assert -(-frames // length) <= max(chunks.CHUNKS, frames / chunks.CHUNK_FRAMES + 1)


def test_killed_at_any_moment(tmp_path: Path, source: Path, whole: bytes) -> None:
    """kill -9 of the command: no worker outlives it, and the output comes out the same."""
    output = tmp_path / "out.mkv"
    command = [sys.executable, "-m", "sensic.cli", "encode", str(source), str(output), "-q", "30", "--gop", "4"]
    command += ["--model", str(small_model().directory), "--workers", "2", "--resume", "--json"]
    dice = random.Random(6)
    for frames in (0, 1, 6):  # counted in this run; 0: before anything is coded
        with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
            assert process.stdout is not None
            if frames:
                wait_for_frames(process.stdout, frames)
            time.sleep(dice.uniform(0, 0.3))
            process.kill()
        wait_until(lambda: not exists(process.pid))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert output.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def wait_for_frames(lines: Any, frames: int) -> None:
    for line in lines:
        record = json.loads(line)
        if record["type"] != "progress" or (record["stage"] == "coding" and record["frames"] >= frames):
            return


def exists(group: int) -> bool:
    """Whether a process of the group is left."""
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_polite_kill_ends_quickly(tmp_path: Path, source: Path) -> None:
    command = [sys.executable, "-m", "sensic.cli", "encode", str(source), str(tmp_path / "out.mkv"), "--gop", "4"]
    command += ["--model", str(small_model().directory), "--workers", "2", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        wait_for_frames(process.stdout, 1)
        os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches workers too
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.decode().splitlines() == ["sensic: interrupted"]
    wait_until(lambda: not exists(process.pid))
