from __future__ import annotations

import av
import numpy as np
import pytest

from sensic.video.frame import Colour
from sensic.video.planes import colour_of, conversion_note, depth_of, frame_of, planes_of
from tests.video.media import picture, planes


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("size", [(1, 1), (47, 65), (48, 64), (3, 2)])
def test_frames_hold_exactly_the_planes(size: tuple[int, int], depth: int) -> None:
    source = planes(*size, depth)
    got = planes_of(frame_of(source, depth))
    assert all(np.array_equal(a, b) for a, b in zip(source, got, strict=True))
    assert not any(plane.flags.writeable for plane in got)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv420p10le"])
def test_native_pictures_are_not_copied(pixels: str) -> None:
    frame = picture(pixels, 65, 47)
    dtype = np.uint8 if depth_of(frame.format) == 8 else np.uint16
    for plane, view in zip(frame.planes, planes_of(frame), strict=True):
        assert np.shares_memory(np.frombuffer(plane, dtype), view)
    assert conversion_note(frame.format) is None


@pytest.mark.parametrize("colour_range", [0, 1, 2])
@pytest.mark.parametrize(
    "pixels",
    ["yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "yuv411p", "yuva420p", "yuv422p10le", "yuv444p10le", "gray", "nv12"],
)
def test_luma_survives_conversion(pixels: str, colour_range: int) -> None:
    frame = picture(pixels, 65, 47)
    frame.color_range = colour_range
    dtype = np.uint8 if depth_of(frame.format) == 8 else np.uint16
    luma = np.frombuffer(frame.planes[0], dtype).reshape(47, -1)[:, :65]
    y, u, v = planes_of(frame)
    assert np.array_equal(y, luma)
    assert u.shape == v.shape == (24, 33)


def test_chroma_of_422_is_averaged_over_rows() -> None:
    frame = av.VideoFrame(64, 48, "yuv422p")
    values = np.frombuffer(frame.planes[1], np.uint8).reshape(48, -1)
    values[:] = np.linspace(20, 220, 48).astype(np.uint8)[:, None]
    _, u, _ = planes_of(frame)
    expected = values[:, :32].reshape(24, 2, 32).mean(axis=1)
    assert np.abs(u[2:-2] - expected[2:-2]).max() <= 1.5


def test_twelve_bits_are_rounded_to_ten() -> None:
    frame = picture("yuv444p12le", 64, 48)
    y = planes_of(frame)[0]
    assert np.abs(y - np.frombuffer(frame.planes[0], np.uint16).reshape(48, -1)[:, :64] / 4).max() <= 0.75


def test_big_endian_and_packed_layouts_hold_the_same_samples() -> None:
    frame = picture("yuv420p10le", 64, 48)
    wanted = planes_of(frame)
    for pixels in ("yuv420p10be", "p010le"):
        moved = frame.reformat(format=pixels)
        assert conversion_note(moved.format) is None
        assert all(np.array_equal(a, b) for a, b in zip(wanted, planes_of(moved), strict=True))


def test_rgb_becomes_bt709_limited() -> None:
    frame = av.VideoFrame(16, 16, "rgb24")
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(16, -1)
    rows[:, :48] = np.tile(np.array([255, 0, 0], np.uint8), 16)
    y, u, v = planes_of(frame)
    assert colour_of(frame) == Colour(matrix=1, full_range=False)
    assert abs(int(y[8, 8]) - (16 + 219 * 0.2126)) <= 1.5
    assert abs(int(u[4, 4]) - (128 - 224 * 0.2126 / 1.8556)) <= 1.5
    assert abs(int(v[4, 4]) - 240) <= 1.5
    note = conversion_note(frame.format)
    assert note is not None
    assert "BT.709" in note


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        ("yuv444p", "4:2:0"),
        ("yuva444p10le", "transparency"),
        ("gray", "empty chroma"),
        ("yuv420p12le", "10 bits"),
        ("pal8", "BT.709"),
        ("rgba", "transparency"),
    ],
)
def test_losses_are_named(pixels: str, words: str) -> None:
    note = conversion_note(av.VideoFormat(pixels, 16, 16))
    assert note is not None
    assert words in note


def test_converting_is_the_same_every_time() -> None:
    """With several threads swscale wrote over luma in one of twenty pictures of odd width."""
    frame = picture("yuv422p10le", 65, 47)
    first = planes_of(frame)[0].copy()
    assert all(np.array_equal(planes_of(frame)[0], first) for _ in range(300))
