"""What can happen to a job at work: nothing half-written is left, sources stay as they were, one line tells."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import sensic
from sensic.video import AtomicFile
from tests.codec.pictures import write_video
from tests.faults.program import JOBS, MODEL, Ended, Place, mounted, no_privileges

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults of a POSIX system, some of Linux alone")
FRAMES, LEFT = 24, re.compile(r"\.o\.mkv\.[0-9a-f]{8}\.part")
SOURCES = {"encode": "in.mkv", "sensing": "in.mkv", "decode": "stream.mkv"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    write_video(folder / "in.mkv", FRAMES, 96, 80)
    sensic.encode(folder / "in.mkv", folder / "stream.mkv", model=MODEL[1], preset=0, gop=4, threads=1)
    return folder


@pytest.fixture
def place(tmp_path: Path, sources: Path) -> Place:
    return Place(tmp_path, sources)


@pytest.mark.parametrize("job", JOBS)
def test_a_full_disk(job: str, place: Place) -> None:
    with mounted(place.out, "size=4k"):
        place.run(JOBS[job]).check_one_line(1, "No space left on device")
        assert os.listdir(place.out) == []
    place.check_sources()


def test_a_limit_for_files(place: Place) -> None:
    """As where nothing can be mounted: quotas and ``ulimit -f``."""
    ended = place.run(JOBS["decode"], before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    ended.check_one_line(1, "File too large")
    assert ended.left == []


@pytest.mark.parametrize("job", ["encode", "decode"])
def test_what_is_written_is_removed(job: str, place: Place) -> None:
    def remove(process: object) -> None:
        (part,) = place.out.iterdir()
        assert LEFT.fullmatch(part.name)
        part.unlink()

    ended = place.run(JOBS[job], remove)
    ended.check_one_line(1, "removed while it was written")
    assert ended.left == []
    place.check_sources()


def test_the_folder_becomes_read_only(place: Place) -> None:
    """Then what is half-written can't be removed any more; a later job does that, as after a kill."""
    ended = place.run(JOBS["encode"], lambda process: place.out.chmod(0o555), no_privileges)
    ended.check_one_line(1, "Permission denied")
    assert [bool(LEFT.fullmatch(name)) for name in ended.left] == [True]


@pytest.mark.parametrize(("job", "code", "part"), [
    ("encode", 1, "cut short while it was read"), ("decode", 3, "cut short"),
])  # fmt: skip
def test_the_source_is_cut_short(job: str, code: int, part: str, place: Place) -> None:
    source = place.folder / SOURCES[job]
    ended = place.run(JOBS[job], lambda process: os.truncate(source, source.stat().st_size // 2))
    ended.check_one_line(code, part)
    assert ended.left == []
    place.check_sources(source.name)


def test_a_source_that_was_cut_short_before(place: Place) -> None:
    os.truncate(place.folder / "in.mkv", (place.folder / "in.mkv").stat().st_size // 2)
    report = sensic.encode(place.folder / "in.mkv", place.out / "o.mkv", profile="sensing")
    assert 0 < report.frames < FRAMES
    assert any("though the source says that it lasts 0.96 s" in note for note in report.notes)


def test_terminated(place: Place) -> None:
    """Encoding: tests/cli/test_program.py."""
    ended = place.run(JOBS["decode"], lambda process: process.send_signal(signal.SIGTERM))
    assert ended == Ended(143, "", [])
    place.check_sources()


@pytest.mark.parametrize("job", ["decode", "sensing"])
def test_killed(job: str, place: Place) -> None:
    """What is left has a name that tells, and is gone when the same output is written again."""
    ended = place.run(JOBS[job], lambda process: process.kill())
    assert (ended.code, ended.said) == (-signal.SIGKILL, "")
    assert [bool(LEFT.fullmatch(name)) for name in ended.left] == [True]
    assert place.run(JOBS[job]) == Ended(0, "", ["o.mkv"])
    place.check_sources()


def dont_read(place: Place) -> None:
    (place.folder / "in.mkv").chmod(0)


def dont_write_there(place: Place) -> None:
    place.out.chmod(0o555)


def dont_write(place: Place) -> None:
    (place.out / "o.mkv").write_bytes(b"old")
    (place.out / "o.mkv").chmod(0o444)


def nowhere(place: Place) -> None:
    place.out.rmdir()


@pytest.mark.parametrize(("prepare", "part"), [
    (dont_read, "can't read in.mkv: Permission denied"), (dont_write_there, "can't write out/o.mkv: Permission denied"),
    (dont_write, "can't write out/o.mkv: Permission denied"),
    (nowhere, "can't write out/o.mkv: No such file or directory"),
])  # fmt: skip
def test_not_allowed(prepare: Callable[[Place], None], part: str, place: Place) -> None:
    prepare(place)
    ended = place.run(JOBS["sensing"], before=no_privileges)
    ended.check_one_line(1, part)
    if ended.left:
        assert (place.out / "o.mkv").read_bytes() == b"old"
    (place.folder / "in.mkv").chmod(0o644)
    place.check_sources()


def test_a_disk_that_is_read_only(place: Place) -> None:
    with mounted(place.out, "ro"):
        place.run(JOBS["sensing"]).check_one_line(1, "Read-only file system")


def test_the_output_is_the_input(place: Place) -> None:
    os.link(place.folder / "in.mkv", place.out / "o.mkv")
    ended = place.run(JOBS["sensing"])
    ended.check_one_line(2, "is the input")
    place.check_sources()


_LITTLE = """
import resource, sys
import av, cv2, numpy, onnxruntime, sensic.codec.transcode
from sensic.cli import main
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (most, most))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize(("job", "left"), [("encode", 1 << 20), ("decode", 1 << 23)])
def test_little_memory(job: str, left: int, place: Place) -> None:
    """A library may end the process where it finds none, but not silently; mostly it is an error like others."""
    ended = place.run(JOBS[job], program=(sys.executable, "-c", _LITTLE, str(left)))
    assert ended.code
    assert ended.said
    assert "Traceback" not in ended.said
    assert "fault of Sensic" not in ended.said
    assert ended.left == [] or ended.code < 0
    place.check_sources()


_LITTLE_FOR_THE_CODER = """
import resource, sys
import numpy as np
from sensic.entropy.coder import FrequencyTable, SymbolDecoder, SymbolEncoder
table = FrequencyTable.uniform(1 << 16)
symbols = np.zeros(1 << 22, np.int32)  # coded, 8 MB
encoder, full, decoder = SymbolEncoder(), SymbolEncoder(), SymbolDecoder(bytes(1024))
full.encode(symbols, table)
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + (1 << 21)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
work = {
    "encode": lambda: encoder.encode(symbols, table),
    "decode": lambda: decoder.decode(symbols.size, table),
    "copy": full.copy,
    "finish": full.finish,
}
try:
    work[sys.argv[1]]()
except MemoryError:
    print("not enough")
"""


@pytest.mark.parametrize("what", ["encode", "decode", "copy", "finish"])
def test_little_memory_for_the_entropy_coder(what: str) -> None:
    """Constriction alone would end the process."""
    words = [sys.executable, "-c", _LITTLE_FOR_THE_CODER, what]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "not enough\n", "")


_RANDOM_CLOCK = """
import random, sys, time
dice = random.Random(1)
time.time = lambda: dice.uniform(0, 4e9)
time.time_ns = lambda: dice.randrange(4 * 10**18)
from sensic.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_clock_that_jumps(place: Place, sources: Path) -> None:
    assert place.run(JOBS["encode"], program=(sys.executable, "-c", _RANDOM_CLOCK)) == Ended(0, "", ["o.mkv"])
    assert (place.out / "o.mkv").read_bytes() == (sources / "stream.mkv").read_bytes()


def test_two_who_write_the_same(tmp_path: Path) -> None:
    """Neither takes what the other is writing for something that was left."""
    with AtomicFile(tmp_path / "o.mkv") as first, AtomicFile(tmp_path / "o.mkv") as second:
        assert len(os.listdir(tmp_path)) == 2
        first.file.write(b"first")
        second.file.write(b"second")
    assert os.listdir(tmp_path) == ["o.mkv"]
    assert (tmp_path / "o.mkv").read_bytes() == b"first"  # whose end comes last
