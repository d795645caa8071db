"""A file that asks for too much gets a clear error before any memory is taken, unless its reader allows more."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sensic
from sensic.cli import main
from sensic.container import Block, FrameRecord, Limits, header
from tests.container.streams import make_stream

ANY = Limits(*[1 << 60] * 7)


def block(frames: int, payload: int = 100) -> Block:
    return Block(tuple(FrameRecord(n, 1) for n in range(frames)), True, bytes(payload))


def large_block() -> bytes:
    """Its element says that it holds 100 MiB, and so it does."""
    data = make_stream([block(8)])
    start = data.index(b"\xa3", data.rindex(b"\x1f\x43\xb6\x75"))
    return data[: start + 1] + (100 << 20 | 1 << 28).to_bytes(4, "big") + data[start + 2 :] + bytes(200 << 20)


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "side": ("sides up to 16,384", lambda: make_stream([block(1)], width=60_000, height=16)),
    "pixels": ("67,108,864 pixels", lambda: make_stream([block(1)], width=16_000, height=16_000)),
    "header_bytes": ("description", lambda: make_stream([block(1)], tags={"comment": "x" * (64 << 20)})),
    "block_bytes": ("bytes of a block: 104,857,", large_block),
    "frames": ("frames of a block: 5,000", lambda: make_stream([block(5000)])),
    "symbols": ("symbols of a block", lambda: make_stream([block(4000)], width=8000, height=8000)),
    "expansion": ("for each byte of a block", lambda: make_stream([block(4000, 1)], width=1000, height=1000)),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(header, "DEFAULT_LIMITS", ANY)
        for name, (_, make) in HOSTILE.items():
            (folder / name).write_bytes(make())
    return {name: folder / name for name in HOSTILE}


@pytest.mark.parametrize("name", HOSTILE)
def test_each_limit(files: dict[str, Path], name: str) -> None:
    with pytest.raises(sensic.LimitError, match=HOSTILE[name][0]):
        sensic.probe(files[name])


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in ("block_bytes", "header_bytes")])
def test_whoever_reads_may_allow_more(files: dict[str, Path], name: str) -> None:
    assert sensic.probe(files[name], limits=ANY).frames in (1, 4000, 5000)


def test_the_command_stays_small(files: dict[str, Path]) -> None:
    code = (
        "import sys; from sensic.cli import main\n"
        "print([main(['info', path]) for path in sys.argv[1:]])\n"
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
    )  # ru_maxrss would count what the process was forked from
    words = [sys.executable, "-c", code, *map(str, files.values())]
    done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    codes, peak = done.stdout.splitlines()[-2:]
    assert codes == str([sensic.LimitError.exit_code] * len(files))
    assert int(peak) < 1 << 20  # KiB
    assert "is the most allowed" in done.stderr


def test_options(files: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(files["expansion"]), "--limit", "expansion=1Gi", "--limit", "symbols=5G"]) == 3
    assert main(["info", str(files["expansion"]), "--limit", "expansion=8G"]) == 0
    assert main(["info", str(files["pixels"]), "--limit", "pixels=300M", "--json"]) == 0
    for wrong in ("pixels", "pixels=", "pixel=3", "pixels=-1", "pixels=1T"):
        assert main(["info", "in.mkv", "--limit", wrong]) == 2
    assert "a limit is NAME=NUMBER" in capsys.readouterr().err
    assert main(["info", "in.mkv", "--limit", "side=0"]) == 2


@given(st.integers(1, 1 << 40), st.sampled_from(["", "k", "M", "G", "ki", "Mi", "Gi"]))
def test_numbers(value: int, unit: str) -> None:
    power = " kMG".index(unit[0]) if unit else 0
    assert Limits.parse([f"side={value}{unit}"]).side == value * (1024 if unit.endswith("i") else 1000) ** power
