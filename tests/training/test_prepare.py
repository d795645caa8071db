from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from sensic import Progress
from sensic.errors import OutputError
from sensic.motion import MotionSearch
from sensic.training.prepare import LEVELS, prepare
from tests.training.data.videos import shot, write_pack


class StoppedError(Exception):
    pass


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("sensic.training.prepare"), "CHUNK", 2)


def test_planes_are_those_of_the_pack(tmp_path: Path) -> None:
    path = write_pack(tmp_path / "p.mkv", (1, 2), frames=4, depth=10)
    (prepared,) = prepare([path], tmp_path / "cache")
    assert prepared.depth == 10
    assert prepared.clips == 2
    assert isinstance(prepared.y, np.memmap)
    assert not prepared.y.flags.writeable
    assert np.array_equal(prepared.y[1], np.stack(shot(2, 4, depth=10)))
    assert prepared.uv.shape == (2, 4, 2, 32, 48)
    assert prepared.motion.shape == (len(LEVELS), 2, 2, 4, 2, 4, 6)
    assert prepared.motion.dtype == np.int8


def test_motion_points_to_where_the_prediction_comes_from(tmp_path: Path) -> None:
    (prepared,) = prepare([write_pack(tmp_path / "p.mkv", (1,), frames=4)], tmp_path / "cache")
    motion = prepared.motion[:, :, 0]
    assert not motion[:, 0, 0].any()  # nothing comes before the first
    assert not motion[:, 1, 3].any()
    moved = 2 * 4  # two pixels to the left per picture, in quarters: the earlier picture has it at the right
    for level in range(len(LEVELS)):
        for target, source in ((1, 0), (3, 2), (0, 1), (2, 3)):
            field = prepared.vectors(level, 0, target, source)
            wanted = moved if target > source else -moved
            assert abs(np.median(field[0]) - wanted) <= 1
            assert abs(np.median(field[1])) <= 1
    with pytest.raises(ValueError, match="neighbours"):
        prepared.vectors(0, 0, 2, 0)


def test_motion_is_searched_for_where_it_is_wanted(tmp_path: Path) -> None:
    path, seen = write_pack(tmp_path / "p.mkv", (1, 2), frames=4), list[Progress]()
    (without,) = prepare([path], tmp_path / "cache", seen.append, motion=False)
    assert without.motion.shape == (0, 2, 2, 4, 2, 4, 6)
    assert (seen[-1].frames, seen[-1].total) == (8, 8)
    assert not list((tmp_path / "cache").rglob("motion*"))
    (with_it,) = prepare([path], tmp_path / "cache")
    assert with_it.motion.any()
    assert np.array_equal(without.y, with_it.y)


@pytest.mark.usefixtures("small_chunks")
def test_a_stopped_preparation_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_pack(tmp_path / "p.mkv", (1, 2, 3, 4, 5), frames=3)
    (wanted,) = prepare([path], tmp_path / "other")

    def stop(progress: Progress) -> None:
        if progress.frames == 9:  # in the middle of the second part
            raise StoppedError

    with pytest.raises(StoppedError):
        prepare([path], tmp_path / "cache", stop)
    reports: list[Progress] = []
    (prepared,) = prepare([path], tmp_path / "cache", reports.append)
    assert (reports[-1].frames, reports[-1].total) == (9, 9)  # the first part wasn't done again
    assert np.array_equal(prepared.motion, wanted.motion)
    assert sorted(p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()) == [
        "motion-v1.npy",
        "uv.npy",
        "y.npy",
    ]

    monkeypatch.setattr(MotionSearch, "flow", None)  # nothing is searched any more
    (again,) = prepare([path], tmp_path / "cache", reports.append)
    assert np.array_equal(again.motion, wanted.motion)


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    path = write_pack(tmp_path / "p.mkv", (1, 2), frames=3)
    (first,) = prepare([path], tmp_path / "cache")
    wanted = np.array(first.y), np.array(first.motion)
    del first
    for file in (tmp_path / "cache").rglob("*.npy"):
        file.write_bytes(file.read_bytes()[:200])
    (second,) = prepare([path], tmp_path / "cache")
    assert np.array_equal(second.y, wanted[0])
    assert np.array_equal(second.motion, wanted[1])


def test_a_cache_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    path = write_pack(tmp_path / "p.mkv", (1,), frames=3)
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(OutputError, match="cache"):
        prepare([path], tmp_path / "cache")
