"""Comparisons: the pictures made, the figures, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.metrics import structural_similarity

import sensic
from sensic import Frame, UsageError, VideoInfo
from sensic.evaluation import compare_videos
from sensic.evaluation.comparison.montage import montage, with_text
from sensic.evaluation.comparison.pairs import Pairs
from sensic.evaluation.comparison.similarity import Similarity, ssim
from sensic.video import VideoSink, VideoSource
from tests.small_model import small_model


def ramp(height: int, width: int, depth: int, number: int) -> Frame:
    """A smooth picture that moves."""
    rows, columns = np.mgrid[:height, :width]
    y = (rows * 3 + (columns + 2 * number) * 2) % 200 + 20
    chroma = np.full((-(-height // 2), -(-width // 2)), 128)
    scale, dtype = 1 << (depth - 8), np.uint8 if depth == 8 else np.uint16
    planes = ((plane * scale).astype(dtype) for plane in (y, chroma, chroma))
    return Frame(*planes, depth, number, Fraction(1, 25))


def write(path: Path, pictures: Sequence[Frame], rate: int = 25, rotation: int = 0) -> Path:
    first = pictures[0]
    info = VideoInfo(first.width, first.height, first.depth, Fraction(1, rate), Fraction(rate), rotation=rotation)
    with VideoSink(path, info) as sink:
        for number, frame in enumerate(pictures):
            sink.write(Frame(*frame.planes, frame.depth, number, info.time_base))
    return path


def noisy(frame: Frame, spread: float, seed: int = 0) -> Frame:
    noise = np.random.default_rng(seed).normal(0, spread, frame.y.shape)
    y = (frame.y + noise).round().clip(0, (1 << frame.depth) - 1).astype(frame.y.dtype)
    return Frame(y, frame.u, frame.v, frame.depth, frame.pts, frame.time_base)


@pytest.mark.parametrize(("depth", "spread"), [(8, 3), (8, 30), (10, 12)])
def test_ssim_is_that_of_scikit_image(depth: int, spread: float) -> None:
    one = ramp(40, 51, depth, 0)
    other = noisy(one, spread)
    expected = structural_similarity(
        one.y.astype(float), other.y.astype(float), data_range=(1 << depth) - 1,
        gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    assert ssim(one.y, other.y, depth) == pytest.approx(expected, abs=1e-5)
    assert ssim(one.y, one.y, depth) == pytest.approx(1)
    assert ssim(one.y[:10], one.y[:10], depth) is None


def test_psnr_is_of_the_mean_error() -> None:
    figures = Similarity(8)
    black = np.zeros((16, 16), np.uint8)
    for level in (0, 1, 3):
        figures.add(black, black + np.uint8(level))
    assert figures.psnrs == pytest.approx([100, 48.1308, 38.5884], abs=1e-4)
    assert figures.psnr == pytest.approx(20 * np.log10(255) - 10 * np.log10(10 / 3))


@pytest.mark.parametrize("size", [(16, 24), (17, 25)])
@pytest.mark.parametrize("depth", [8, 10])
def test_each_mode_shows_both_pictures(size: tuple[int, int], depth: int) -> None:
    a, b = ramp(*size, depth, 0), ramp(*size, depth, 5)
    height, width = size
    even = (height + height % 2, width + width % 2)
    side = montage("side", a, b, 8, None)
    assert side[0].shape == (even[0], 2 * even[1])
    assert np.array_equal(side[0][:height, :width], a.y)
    assert np.array_equal(side[0][:height, even[1] : even[1] + width], b.y)
    stack = montage("stack", a, b, 8, None)
    assert np.array_equal(stack[0][even[0] : even[0] + height, :width], b.y)
    wiped = montage("wipe", a, b, 8, None)
    assert np.array_equal(wiped[0][:height, : width // 2 - 2], a.y[:, : width // 2 - 2])
    assert np.array_equal(wiped[0][:height, width // 2 + 3 : width], b.y[:, width // 2 + 3 :])
    for planes in (side, stack, wiped):
        assert planes[1].shape == planes[2].shape == (planes[0].shape[0] // 2, planes[0].shape[1] // 2)
        assert planes[0].dtype == a.y.dtype


def test_a_difference_is_amplified_on_grey() -> None:
    a, b = ramp(16, 16, 8, 0), ramp(16, 16, 8, 0)
    b.y[0, 0] += 3
    b.y[0, 1] -= 2
    b.y[0, 2] += 60
    shown = montage("difference", a, b, 8, None)[0]
    assert list(shown[0, :3]) == [152, 112, 255]
    assert set(shown.ravel()[3:]) == {128}


def test_the_wipe_moves() -> None:
    black, white = (Frame(np.full((8, 64), v, np.uint8), *[np.full((4, 32), 128, np.uint8)] * 2, 8, 0, Fraction(1, 25))
                    for v in (0, 200))  # fmt: skip
    ends = {int((montage("wipe", black, white, 8, Fraction(n, 25))[0][0] == 0).sum()) for n in range(100)}
    assert min(ends) < 6
    assert max(ends) > 58


@pytest.mark.parametrize("width", [8, 64, 640])
def test_text_fits_its_place(width: int) -> None:
    planes = [np.full((96, width), 50, np.uint8), *[np.full((48, width // 2), 128, np.uint8)] * 2]
    made = with_text(planes, 8, [["Grüße " * 20, "b"], ["figures"]])
    above = made[0][:-96]
    assert np.array_equal(made[0][-96:], planes[0])
    assert made[1].shape == (made[0].shape[0] // 2, width // 2)
    if width > 40:
        assert above.max() > 150  # there is something to read
        assert above[:, -1].max() <= 16  # and it ends before the edge


def test_a_video_of_two(tmp_path: Path) -> None:
    pictures = [ramp(48, 64, 8, n) for n in range(6)]
    one = write(tmp_path / "one.mkv", pictures)
    two = write(tmp_path / "two.mkv", [noisy(p, n + 1, n) for n, p in enumerate(pictures)])
    seen: list[int] = []
    report = compare_videos(one, two, tmp_path / "out.mkv", progress=lambda p: seen.append(p.frames))
    assert (report.frames, report.width, report.height, report.notes) == (6, 64, 48, ())
    assert seen == [1, 2, 3, 4, 5, 6]
    assert list(report.frame_psnr) == sorted(report.frame_psnr, reverse=True)
    assert report.worst == 5
    assert report.ssim == pytest.approx(np.mean(report.frame_ssim))
    with VideoSource(tmp_path / "out.mkv") as made:
        shown = list(made)
        assert made.info.rate == 25
    assert [frame.time for frame in shown] == [frame.time for frame in pictures]
    assert shown[0].width == 128
    picture = shown[3].y[-48:].astype(float)
    assert np.abs(picture[:, :64] - pictures[3].y).mean() < 2  # crf 12 is nearly lossless
    assert report.file_bytes == (tmp_path / "out.mkv").stat().st_size
    assert compare_videos(one, two).frame_psnr == report.frame_psnr


@pytest.mark.parametrize("name", ["out.png", "out.jpg"])
@pytest.mark.parametrize("depth", [8, 10])
def test_a_still_of_one_picture(tmp_path: Path, name: str, depth: int) -> None:
    pictures = [ramp(48, 64, depth, n) for n in range(4)]
    one, two = write(tmp_path / "one.mkv", pictures), write(tmp_path / "two.mkv", [noisy(p, 2) for p in pictures])
    report = compare_videos(one, two, tmp_path / name, mode="wipe", frame=2)
    assert report.frames == 1
    assert report.frame_psnr[0] == compare_videos(one, two).frame_psnr[2]
    still = cv2.imread(str(tmp_path / name))
    assert still.shape[1] == 64
    grey = still[-48:, :28].mean(2)
    wanted = (pictures[2].y[:, :28] / (1 << (depth - 8)) - 16) * 255 / 219
    assert np.abs(grey - wanted.clip(0, 255)).mean() < 4
    with pytest.raises(UsageError, match="no picture 4: 4 can be compared"):
        compare_videos(one, two, tmp_path / "other.png", frame=4)
    assert not (tmp_path / "other.png").exists()


def test_a_stream_is_compared_with_its_source(tmp_path: Path) -> None:
    source = write(tmp_path / "source.mkv", [ramp(32, 48, 8, n) for n in range(3)])
    model = small_model()
    sensic.encode(source, tmp_path / "coded.mkv", model=model, threads=1)
    report = compare_videos(source, tmp_path / "coded.mkv", tmp_path / "out.mp4", model=model, threads=1)
    checked = sensic.verify(tmp_path / "coded.mkv", reference=source, model=model, threads=1)
    assert checked.psnr is not None
    assert report.psnr == pytest.approx(checked.psnr[0], abs=1e-4)
    with VideoSource(tmp_path / "out.mp4") as made:
        assert len(list(made)) == 3


def test_another_size_and_depth(tmp_path: Path) -> None:
    smooth = [ramp(48, 64, 10, n) for n in range(2)]
    one = write(tmp_path / "one.mkv", smooth)
    two = write(tmp_path / "two.mkv", [ramp(24, 32, 8, n) for n in range(2)])
    for first, second, size in ((one, two, (64, 48)), (two, one, (32, 24))):
        report = compare_videos(first, second)
        assert (report.width, report.height) == size
        assert any("B is scaled from" in note for note in report.notes)


def test_pictures_are_compared_as_they_are_shown(tmp_path: Path) -> None:
    upright = [ramp(32, 48, 8, n) for n in range(2)]
    lying = [Frame(*(np.rot90(p, -1) for p in f.planes), 8, f.pts, f.time_base) for f in upright]
    one = write(tmp_path / "one.mkv", upright)
    two = write(tmp_path / "two.mp4", lying, rotation=90)
    for first, second in ((one, two), (two, one)):
        report = compare_videos(first, second)
        assert (report.width, report.height) == (48, 32)
        assert report.psnr == 100
        assert report.notes == ()


@pytest.mark.parametrize(("rates", "count"), [((25, 50), 4), ((50, 25), 8)])
def test_another_rate_is_paired_in_time(tmp_path: Path, rates: tuple[int, int], count: int) -> None:
    fast = [ramp(32, 32, 8, n) for n in range(8)]
    videos = {rate: fast if rate == 50 else fast[::2] for rate in rates}
    one, two = (write(tmp_path / f"{rate}.mkv", videos[rate], rate) for rate in rates)
    with Pairs(one, two, None, 1) as pairs:
        found = list(pairs)
        assert any("frames/s" in note for note in pairs.notes)
    assert len(found) == count
    for a, b in found:
        assert abs(a.time - b.time) <= Fraction(1, 50)
    equal = sum(np.array_equal(a.y, b.y) for a, b in found)
    assert equal == 4


def test_the_shorter_ends_it(tmp_path: Path) -> None:
    pictures = [ramp(32, 32, 8, n) for n in range(5)]
    one, two = write(tmp_path / "one.mkv", pictures), write(tmp_path / "two.mkv", pictures[:3])
    assert compare_videos(one, two).notes == ("B ends first: 3 pictures are compared",)
    assert compare_videos(two, one).notes == ("A ends first: 3 pictures are compared",)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"mode": "onion"}, "side, stack, wipe, difference"),
        ({"amplify": 0}, "above 0"),
        ({"amplify": float("nan")}, "above 0"),
        ({"destination": "out.png"}, "say of which frame"),
        ({"destination": "out.mkv", "frame": 2}, r"\.png"),
        ({"frame": 2}, r"\.png"),
        ({"destination": "out.png", "frame": -1}, "from 0"),
        ({"destination": "out.strange"}, "no container"),
    ],
)
def test_what_is_refused(tmp_path: Path, choice: dict[str, object], reason: str) -> None:
    video = write(tmp_path / "a.mkv", [ramp(32, 32, 8, 0)])
    if "destination" in choice:
        choice = {**choice, "destination": tmp_path / str(choice["destination"])}
    with pytest.raises(UsageError, match=reason):
        compare_videos(video, video, **choice)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


def test_the_inputs_are_not_overwritten(tmp_path: Path) -> None:
    one, two = (write(tmp_path / f"{name}.mkv", [ramp(32, 32, 8, 0)]) for name in ("one", "two"))
    before = two.read_bytes()
    for name in (one, two):
        with pytest.raises(UsageError, match="another file"):
            compare_videos(one, two, name)
    assert two.read_bytes() == before
