"""What is learned from and what is held out never overlap, and together are all there is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic import InputError, UsageError
from sensic.training.footage import Excerpt, Footage, cut, excerpts, footage_in, split_by_time
from sensic.video import VideoSource
from tests.training.fixed_camera import write_footage


def footage(*lengths: int) -> list[Footage]:
    return [Footage(Path(f"{i}.mkv"), frames, 64, 64, 8, Fraction(25)) for i, frames in enumerate(lengths)]


LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=8)
SHARES = st.floats(0.01, 0.5)


@given(LENGTHS, SHARES)
def test_a_split_is_in_time_and_complete(lengths: list[int], share: float) -> None:
    videos = footage(*lengths)
    split = split_by_time(videos, share)
    held = [frame for v in videos for frame in range(split.held_out.get(v.path, v.frames), v.frames)]
    learned = [frame for v in videos for frame in range(split.learned.get(v.path, 0))]
    assert len(held) + len(learned) == sum(lengths)
    assert len(held) == max(1, round(sum(lengths) * share))
    order = [v.path for v in videos]
    both = set(split.learned) & set(split.held_out)
    assert len(both) <= 1  # the video that is split
    assert all(split.learned[path] == split.held_out[path] for path in both)
    if split.learned:
        assert max(map(order.index, split.learned)) <= min(map(order.index, split.held_out))


def test_one_video_loses_its_end_and_many_the_last_of_them() -> None:
    split = split_by_time(footage(100), 0.2)
    assert (split.learned, split.held_out) == ({Path("0.mkv"): 80}, {Path("0.mkv"): 80})
    split = split_by_time(footage(40, 40, 20), 0.2)
    assert (split.learned, split.held_out) == ({Path("0.mkv"): 40, Path("1.mkv"): 40}, {Path("2.mkv"): 0})


@pytest.mark.parametrize("share", [0.0, -0.1, 0.51, float("nan")])
def test_shares_that_make_no_sense(share: float) -> None:
    with pytest.raises(UsageError, match="held-out share"):
        split_by_time(footage(100), share)


@given(LENGTHS, SHARES, st.integers(2, 64), st.integers(1, 5))
def test_excerpts_are_held_out_and_apart(lengths: list[int], share: float, frames: int, most: int) -> None:
    videos = footage(*lengths)
    held = split_by_time(videos, share).held_out
    found = excerpts(videos, held, frames, most)
    assert 1 <= len(found) <= most
    pictures = [(e.source, n) for e in found for n in range(e.first, e.first + e.frames)]
    assert len(pictures) == len(set(pictures))
    for e in found:
        length = next(v.frames for v in videos if v.path == e.source)
        assert 1 <= e.frames <= frames
        assert held[e.source] <= e.first < e.first + e.frames <= length
    first = next(iter(held))
    assert (found[0].source, found[0].first) == (first, held[first])


def test_excerpts_are_cut_without_loss(tmp_path: Path) -> None:
    source = write_footage(tmp_path / "a.mkv", 20)
    wanted = [(Excerpt(source, first, 4), tmp_path / f"{first}.mkv") for first in (5, 12)]
    times: list[tuple[int, Fraction]] = []
    assert cut(source, wanted, lambda number, seconds: times.append((number, seconds))) == wanted
    with VideoSource(source) as video:
        pictures = [frame.y.copy() for frame in video]
    for excerpt, path in wanted:
        with VideoSource(path) as video:
            found = [frame.y.copy() for frame in video]
        assert np.array_equal(found, pictures[excerpt.first : excerpt.first + 4])
    assert times == [(n, Fraction(n, 25)) for n in range(16)]


def test_a_video_that_ends_early_gives_shorter_excerpts_or_none(tmp_path: Path) -> None:
    source = write_footage(tmp_path / "a.mkv", 10)
    wanted = [(Excerpt(source, 6, 8), tmp_path / "x.mkv"), (Excerpt(source, 14, 8), tmp_path / "y.mkv")]
    assert cut(source, wanted) == [(Excerpt(source, 6, 4), tmp_path / "x.mkv")]
    assert not (tmp_path / "y.mkv").exists()


def test_footage_is_taken_in_order_of_name_and_what_is_no_video_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "camera"
    (folder / "out").mkdir(parents=True)
    for name in ("10.mkv", "9.mkv", "out/1.mkv"):
        write_footage(folder / name, 3)
    (folder / "notes.txt").write_text("no video")
    (folder / "broken.mp4").write_bytes(b"no video either")
    found, notes = footage_in([folder], folder / "out")
    assert [(f.path.name, f.frames, f.width) for f in found] == [("9.mkv", 3, 64), ("10.mkv", 3, 64)]
    assert len(notes) == 1
    assert "broken.mp4" in notes[0]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no video in"):
        footage_in([tmp_path / "empty"], tmp_path)
