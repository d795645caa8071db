from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest

from benchmarks import profile, stopwatch
from benchmarks.profile import GROUPS, main
from benchmarks.stopwatch import Stopwatch


class Clock:
    """Every tick is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def thread_time(self) -> float:
        return self.now


def test_a_stage_counts_what_inner_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, watch = Clock(), Stopwatch()
    monkeypatch.setattr(stopwatch, "time", clock)

    def inner() -> None:
        clock.now += 2

    def outer() -> None:
        clock.now += 1
        owner.inner()
        owner.inner()
        clock.now += 4

    owner = SimpleNamespace(inner=inner, outer=outer)
    with watch.watching([(owner, "inner", "b"), (owner, "outer", lambda: "a")]):
        owner.outer()
        owner.inner()
    assert watch.seconds == {"a": 5, "b": 6}
    assert owner.inner is inner
    assert owner.outer is outer


def test_items_and_threads_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, watch = Clock(), Stopwatch()
    monkeypatch.setattr(stopwatch, "time", clock)

    def items() -> Iterator[int]:
        for item in range(3):
            clock.now += 3
            yield item

    with watch.stage("outside"):
        thread = Thread(target=lambda: list(watch.each("read", items())))
        thread.start()
        thread.join()
    assert watch.seconds["read"] == 9
    assert watch.seconds["outside"] == 9  # of another thread, whose clock happens to be the same here


def test_a_clip_is_profiled(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "SIZES", ((96, 64),))
    main(source, frames=3, model="fast", out=tmp_path)
    rows = json.loads((tmp_path / "profile-fast.json").read_text())
    assert {(row["job"], row["threads"], row["frames"]) for row in rows} == {
        (job, threads, 3) for job in ("encode", "decode") for threads in (1, 2)
    }
    known = {stage for stages in GROUPS.values() for stage in stages}
    for row in rows:
        assert set(row["stages"]) <= known
        assert sum(row["stages"].values()) <= row["cpu"] * 1.000001
    encode = next(row["stages"] for row in rows if row["job"] == "encode" and row["threads"] == 1)
    assert known - {"write"} == set(encode)
    table = (tmp_path / "profile-fast.md").read_text()
    assert "| synthesis |" in table
    assert (tmp_path / "profile-fast.png").stat().st_size > 1000
