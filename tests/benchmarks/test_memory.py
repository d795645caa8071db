from __future__ import annotations

from pathlib import Path

import av

from benchmarks.memory import measure, scaled_loop


def test_a_clip_is_scaled_and_repeated(source: Path, tmp_path: Path) -> None:
    scaled_loop(source, tmp_path / "long.mp4", 96, 80, 30)
    with av.open(str(tmp_path / "long.mp4")) as reader:
        frames = list(reader.decode(video=0))
    assert [(f.width, f.height) for f in frames] == [(96, 80)] * 30


def test_memory_is_of_the_program_that_does_the_job(source: Path, tmp_path: Path) -> None:
    coded = tmp_path / "coded.mkv"
    row = measure("encode", source, coded, coded)
    assert (row["job"], row["frames"]) == ("encode", 12)
    assert row["peak_bytes"] > 30 << 20
    assert measure("decode", coded, tmp_path / "decoded.mkv", coded)["seconds"] > 0
    assert (tmp_path / "decoded.mkv").exists()
