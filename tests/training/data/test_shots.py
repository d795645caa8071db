from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sensic.training.data.clips import Clip, ClipFinder, typical_difference
from sensic.training.data.settings import BuildSettings
from sensic.training.data.shots import ScaledVideo, UnusableError, retimed
from tests.training.data.videos import SIZE, shot, write

Dropped = list[tuple[float, str, str]]


def found(path: Path, settings: BuildSettings) -> tuple[list[Clip], Dropped]:
    dropped: Dropped = []
    with ScaledVideo(path, settings) as video:
        finder = ClipFinder(video, settings, lambda at, kind, why: dropped.append((float(at), kind, why)))
        return list(finder.clips()), dropped


def near(clip: Clip, pictures: list[np.ndarray]) -> bool:
    return bool(np.abs(clip.y.astype(int) - np.stack(pictures)).max() <= 1)


def test_no_clip_crosses_a_cut(tmp_path: Path) -> None:
    shots = [shot(seed, count) for seed, count in ((1, 14), (2, 30), (3, 5), (4, 12))]
    path = write(tmp_path / "v.mkv", [picture for one in shots for picture in one])
    clips, dropped = found(path, BuildSettings(size=SIZE, gap=0))
    assert [(clip.shot, round(float(clip.start) * 25)) for clip in clips] == [(0, 0), (1, 14), (1, 26), (3, 49)]
    for clip, pictures in zip(clips, (shots[0][:12], shots[1][:12], shots[1][12:24], shots[3]), strict=True):
        assert near(clip, pictures)
        assert clip.fps == 25
    assert [(round(at * 25), kind) for at, kind, _ in dropped] == [(44, "short")]


def test_gap_and_number_of_clips_are_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mkv", shot(1, 120, speed=1))
    clips, _ = found(path, BuildSettings(size=SIZE, gap=1.0, clips_per_shot=2))
    assert [round(float(clip.start) * 25) for clip in clips] == [0, 36]


def test_the_end_of_a_video_can_be_held_back(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mkv", shot(1, 60, speed=1))
    settings = BuildSettings(size=SIZE, gap=0)
    with ScaledVideo(path, settings) as video:
        clips = list(ClipFinder(video, settings, lambda *_: None).clips(until=Fraction(1)))
    assert [round(float(clip.start) * 25) for clip in clips] == [0, 12]


def test_decimation_takes_every_second_picture(tmp_path: Path) -> None:
    pictures = shot(1, 50, speed=1)
    clips, _ = found(write(tmp_path / "v.mkv", pictures), BuildSettings(size=SIZE, fps=12, gap=0))
    assert [clip.fps for clip in clips] == [12.5, 12.5]
    assert near(clips[0], pictures[:24:2])


def test_interpolation_gives_the_rate_that_was_asked_for(tmp_path: Path) -> None:
    # every picture moves 4 pixels at 25/s, so at 50/s they move 2
    path = write(tmp_path / "v.mkv", shot(1, 30, size=(160, 96), speed=4))
    settings = BuildSettings(size=(160, 96), fps=50, interpolate=True, gap=0)
    clips, _ = found(path, settings)
    assert clips
    for clip in clips:
        assert (clip.y.shape, clip.fps) == ((12, 96, 160), 50)
        inner = clip.y[:, 16:-16, 16:-16].astype(int)
        still, moved = np.abs(inner[6] - inner[5]).mean(), np.abs(inner[6][:, :-2] - inner[5][:, 2:]).mean()
        assert moved < still / 3


def test_interpolation_of_too_little_gives_little() -> None:
    grey = np.full((48, 64), 99, np.uint8), *[np.full((24, 32), 128, np.uint8)] * 2
    assert len(retimed([grey, grey], [Fraction(0), Fraction(1, 25)], 25, 8)) < 12


def test_what_does_not_move_is_dropped(tmp_path: Path) -> None:
    clips, dropped = found(write(tmp_path / "v.mkv", shot(1, 30, speed=0)), BuildSettings(size=SIZE))
    assert not clips
    assert [kind for _, kind, _ in dropped] == ["static", "static"]
    still = [np.zeros((4, 4), np.uint8)] * 5
    assert typical_difference([*still, np.full((4, 4), 200, np.uint8)]) == 0  # one jump is no motion


def test_a_pause_in_the_times_is_not_crossed_unnoticed(tmp_path: Path) -> None:
    times = [40 * t + (500 if t >= 18 else 0) for t in range(36)]
    clips, dropped = found(write(tmp_path / "v.mkv", shot(1, 36), times=times), BuildSettings(size=SIZE, gap=0))
    assert [float(clip.start) for clip in clips] == [0, 1.46]
    assert [(at, kind) for at, kind, _ in dropped] == [(0.48, "uneven")]
    assert "40 to 540 ms" in dropped[0][2]


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("footage", [8, 10])
def test_either_depth_makes_either(tmp_path: Path, footage: int, depth: int) -> None:
    path = write(tmp_path / "v.mkv", shot(1, 12, depth=footage))
    (clip,), _ = found(path, BuildSettings(size=SIZE, depth=depth))
    assert clip.y.dtype == (np.uint8 if depth == 8 else np.uint16)
    wanted = np.stack(shot(1, 12, depth=footage)).astype(float) * 2.0 ** (depth - footage)
    assert np.abs(clip.y - wanted).max() <= 2


def test_interlaced_pictures_are_made_whole(tmp_path: Path) -> None:
    fields = shot(1, 48, size=(128, 96), speed=2)
    woven = [top.copy() for top in fields[1::2]]  # libx264 takes pictures that don't say for bottom field first
    for picture, bottom in zip(woven, fields[::2], strict=True):
        picture[1::2] = bottom[1::2]
    path = write(tmp_path / "v.mkv", woven, codec="libx264", options={"x264-params": "qp=1", "flags": "+ilme+ildct"})
    settings = BuildSettings(size=(128, 96), gap=0)
    clips, _ = found(path, settings)
    with ScaledVideo(path, settings) as video:
        assert video.info.field_order == "bff"
        assert any("bwdif" in note for note in video.notes)
    at = 4 + round(clips[0].start * 25)
    whole = clips[0].y[4].astype(int)  # as at the time of the first field
    assert np.abs(whole - fields[2 * at]).mean() < np.abs(woven[at].astype(int) - fields[2 * at]).mean() / 4


def test_tiny_and_unreadable_files_say_why(tmp_path: Path) -> None:
    with pytest.raises(UnusableError, match="96x64 would have to be enlarged to 448x256") as caught:
        ScaledVideo(write(tmp_path / "v.mkv", shot(1, 2)), BuildSettings())
    assert caught.value.kind == "tiny"
    (tmp_path / "text.mp4").write_text("no video at all")
    with pytest.raises(UnusableError) as caught:
        ScaledVideo(tmp_path / "text.mp4", BuildSettings())
    assert caught.value.kind == "unreadable"


def test_a_file_cut_short_gives_what_is_there(tmp_path: Path) -> None:
    path = write(tmp_path / "v.mkv", shot(1, 250, speed=1))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    settings = BuildSettings(size=SIZE, gap=0, clips_per_shot=None)
    with ScaledVideo(path, settings) as video:
        clips = list(ClipFinder(video, settings, lambda *_: None).clips())
        assert 5 <= len(clips) <= 15
        assert any("cut short" in note for note in video.notes)
