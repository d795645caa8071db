"""The encoder in C: built by the system's compiler, strict and with sanitizers, it writes what Python writes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import sensic.sensing
from sensic.sensing.encoder import SensingEncoder
from sensic.sensing.initial import PROBABILITIES
from sensic.sensing.settings import SensingSettings
from sensic.video import Frame

SOURCES = Path(sensic.sensing.__file__).parent / "c"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
SMALL = ("-O2", "-DSENSIC_STRIP=1")
TINY = ("-Os", "-DSENSIC_FRAMES=1", "-DSENSIC_STRIP=2", "-DSENSIC_RICE_ONLY")
SIGNAL_PATH = ("measure.c", "encoder.c", "rice.c")  # all but setting up, and the range coder

Planes = list[NDArray[np.uint8] | NDArray[np.uint16]]


@pytest.fixture(scope="session")
def compiler() -> str:
    name = os.environ.get("CC", "cc")
    if shutil.which(name) is None:
        if os.environ.get("CI"):
            pytest.fail(f"there is no C compiler {name}, and CI needs one")
        pytest.skip(f"there is no C compiler {name}")
    return name


def run(*words: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(word) for word in words], capture_output=True, check=False)


def build(compiler: str, folder: Path, *flags: str) -> Path:
    program = folder / "sense"
    done = run(compiler, *STRICT, *flags, *sorted(SOURCES.glob("*.c")), "-o", program)
    assert done.returncode == 0, done.stderr.decode()
    return program


@pytest.fixture(scope="session")
def sanitized(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(compiler, tmp_path_factory.mktemp("sanitized"), *SANITIZED)


@pytest.fixture(scope="session")
def small(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One block at a time, no vectors: less memory, the same bytes."""
    return build(compiler, tmp_path_factory.mktemp("small"), *SMALL)


@pytest.fixture(scope="session")
def tiny(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As for a microcontroller."""
    return build(compiler, tmp_path_factory.mktemp("tiny"), *TINY)


@dataclass(frozen=True)
class Job:
    width: int
    height: int
    depth: int
    frames: int
    quality: int
    coder: str = "range"
    protect: bool = False
    operator: str = "wht"
    count: int = 1
    contrast: float = 1.0
    seed: int = 0

    def planes(self) -> Planes:
        """[count, H, W] of Y, U, V: slopes and noise, from flat to wild."""
        rng = np.random.default_rng(self.seed)
        chroma = (self.height + 1) // 2, (self.width + 1) // 2
        peak = (1 << self.depth) - 1
        out: Planes = []
        for height, width in ((self.height, self.width), chroma, chroma):
            slope = np.add.outer(np.arange(height) * rng.normal(), np.arange(width) * rng.normal())
            noise = rng.standard_t(2, (self.count, height, width))
            values = np.clip(rng.integers(0, peak + 1) + self.contrast * (slope + 4 * noise), 0, peak)
            out.append(np.rint(values).astype(np.uint8 if self.depth == 8 else np.uint16))
        return out

    def in_c(self, program: Path, planes: Planes, room: int = 1 << 20) -> subprocess.CompletedProcess[bytes]:
        with tempfile.NamedTemporaryFile() as file:
            for frame in range(self.count):
                file.write(b"".join(plane[frame].tobytes() for plane in planes))
            file.flush()
            words = (self.width, self.height, self.depth, self.frames, self.quality, self.coder)
            return run(program, file.name, *words, "protect" if self.protect else "plain", room, self.operator)

    def in_python(self, planes: Planes) -> bytes:
        settings = SensingSettings(self.operator, self.frames, mcu=self.coder == "rice", protect=self.protect)
        encoder = SensingEncoder(settings, self.depth, self.quality)
        y, u, v = planes
        frames = [Frame(y[i], u[i], v[i], self.depth, i, Fraction(1, 25)) for i in range(self.count)]
        return b"".join(block.payload for block in encoder.blocks(frames))


jobs = st.builds(
    Job,
    width=st.integers(1, 40) | st.integers(120, 150),
    height=st.integers(1, 36),
    depth=st.sampled_from([8, 10]),
    frames=st.sampled_from([1, 2, 4]),
    quality=st.integers(0, 63),
    coder=st.sampled_from(["range", "rice"]),
    protect=st.booleans(),
    operator=st.sampled_from(["wht", "learned_ternary"]),
    count=st.integers(1, 5),
    contrast=st.sampled_from([0.0, 0.1, 1.0, 10.0, 1000.0]),
    seed=st.integers(0, 1 << 16),
)


@settings(max_examples=60)
@given(job=jobs)
@example(Job(131, 17, 10, 4, 63, count=4, contrast=1000.0))  # the largest symbols there are
@example(Job(131, 17, 10, 4, 63, "rice", count=4, contrast=1000.0))
@example(Job(131, 17, 10, 4, 63, operator="learned_ternary", count=4, contrast=1000.0))
@example(Job(8, 8, 8, 1, 0, contrast=0.0))  # empty bodies
def test_c_and_python_write_the_same(sanitized: Path, small: Path, job: Job) -> None:
    planes = job.planes()
    expected = job.in_python(planes)
    for program in (sanitized, small):
        done = job.in_c(program, planes)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == expected


@settings(max_examples=15)
@given(job=jobs)
def test_the_build_for_microcontrollers_writes_the_same(tiny: Path, job: Job) -> None:
    planes = job.planes()
    done = job.in_c(tiny, planes)
    if job.frames > 1 or job.coder == "range":
        assert (done.returncode, done.stdout) == (1, b"")
        assert b"a setting is out of range" in done.stderr
    else:
        assert done.stdout == job.in_python(planes)


def test_optimised_code_writes_the_same(compiler: str, tmp_path: Path) -> None:
    program = build(compiler, tmp_path, "-O3")
    for coder in ("range", "rice"):
        job = Job(301, 77, 8, 4, 30, coder, count=8)
        assert job.in_c(program, job.planes()).stdout == job.in_python(job.planes())


@pytest.mark.parametrize(
    "job",
    [Job(0, 8, 8, 1, 9), Job(8, 20_000, 8, 1, 9), Job(8, 8, 12, 1, 9), Job(8, 8, 8, 3, 9), Job(8, 8, 8, 1, 64)],
)
def test_settings_out_of_range(sanitized: Path, job: Job) -> None:
    done = job.in_c(sanitized, Job(8, 8, 8, 1, 9).planes())
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"a setting is out of range" in done.stderr


@pytest.mark.parametrize("coder", ["range", "rice"])
@pytest.mark.parametrize("room", [0, 4, 7, 64, 1000])
def test_too_little_room_is_said(sanitized: Path, coder: str, room: int) -> None:
    job = Job(40, 40, 8, 1, 50, coder, contrast=100.0)
    done = job.in_c(sanitized, job.planes(), room)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"a group is larger than the room for it" in done.stderr


def test_the_probabilities_are_those_of_python() -> None:
    numbers = re.findall(r"\b\d+\b", (SOURCES / "initial.h").read_text().split("{")[1])
    assert bytes(map(int, numbers)) == PROBABILITIES


@pytest.mark.parametrize("name", SIGNAL_PATH)
def test_the_signal_path_does_not_multiply_or_divide(compiler: str, name: str) -> None:
    code = run(compiler, "-std=c99", "-O2", "-S", SOURCES / name, "-o", "-").stdout.decode()
    instructions = re.findall(r"^\s+([a-z][a-z0-9.]*)\s", code, re.MULTILINE)
    assert len(instructions) > 50
    assert [word for word in instructions if re.search("mul|div|madd|mla", word)] == []


def test_it_needs_no_library(compiler: str, tmp_path: Path) -> None:
    """No heap, no libm: all that is missing is what compilers make of loops over memory."""
    if shutil.which("nm") is None:
        pytest.skip("there is no nm")
    objects = []
    for source in SOURCES.glob("*.c"):
        if source.name != "main.c":
            objects.append(tmp_path / f"{source.stem}.o")
            assert run(compiler, "-std=c99", "-O2", "-c", source, "-o", objects[-1]).returncode == 0
    needed = {
        line.split()[-1].lstrip("_") for line in run("nm", "-u", *objects).stdout.decode().splitlines() if " " in line
    }
    others = {name for name in needed if not name.startswith("sensic_")}
    assert others <= {"memset", "memcpy", "memmove", "stack_chk_fail", "stack_chk_guard", "GLOBAL_OFFSET_TABLE_"}
