"""Pictures: the same frames are kept of all coders, colours are right, and the crop is where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sensic.errors import EvaluationError, OutputError
from sensic.evaluation.clips import Planes
from sensic.evaluation.report import crops, keep_crops
from sensic.evaluation.results import ClipInfo


@dataclass
class Footage:
    """Noise of one size; what ``keep_crops`` needs of a clip."""

    info: ClipInfo
    pictures: list[Planes]

    def frames(self) -> Iterator[Planes]:
        return iter(self.pictures)

    def raw(self, path: Path) -> Path:
        """The same as a decoder would write it."""
        dtype = "u1" if self.info.depth == 8 else "<u2"
        path.write_bytes(b"".join(p.astype(dtype).tobytes() for planes in self.pictures for p in planes))
        return path


def footage(frames: int = 5, width: int = 21, height: int = 17, depth: int = 8) -> Footage:
    """Still, but for the second frame to the last, which is negative."""
    random = np.random.default_rng(0)
    half = (height + 1) // 2, (width + 1) // 2
    top = (1 << depth) - 1
    one = [random.integers(0, top, size, endpoint=True) for size in ((height, width), half, half)]
    dtype = np.uint8 if depth == 8 else np.uint16
    still = tuple(plane.astype(dtype) for plane in one)
    turned = tuple((top - plane).astype(dtype) for plane in one)
    pictures = [turned if i == frames - 2 else still for i in range(frames)]
    return Footage(ClipInfo("noise", "ab" * 32, frames, width, height, depth, "25"), pictures)  # type: ignore[arg-type]


@pytest.mark.parametrize("depth", [8, 10])
def test_the_middle_and_the_frame_that_moves_most_are_kept(tmp_path: Path, depth: int) -> None:
    clip = footage(depth=depth)
    keep_crops(clip, clip.raw(tmp_path / "d.yuv"), tmp_path / "p", "coder")  # type: ignore[arg-type]
    assert crops.kept_indices(tmp_path / "p", clip.info) == [2, 3]
    for index in (2, 3):
        kept = crops.load_rgb(crops.picture_path(tmp_path / "p", "coder", index))
        assert np.array_equal(kept, crops.to_rgb(clip.pictures[index]))
        source = crops.load_rgb(crops.picture_path(tmp_path / "p", crops.source_key(clip.info), index))
        assert np.array_equal(kept, source)
    assert len(list((tmp_path / "p").iterdir())) == 4


def test_a_clip_of_one_frame_has_one_picture(tmp_path: Path) -> None:
    clip = footage(frames=1)
    keep_crops(clip, clip.raw(tmp_path / "d.yuv"), tmp_path / "p", "coder")  # type: ignore[arg-type]
    assert crops.kept_indices(tmp_path / "p", clip.info) == [0]


def test_another_clip_of_the_same_name_has_pictures_of_its_own(tmp_path: Path) -> None:
    clip = footage()
    keep_crops(clip, clip.raw(tmp_path / "d.yuv"), tmp_path, "coder")  # type: ignore[arg-type]
    assert crops.kept_indices(tmp_path, replace(clip.info, sha256="cd" * 32)) == []


def test_what_was_decoded_short_is_named(tmp_path: Path) -> None:
    clip = footage()
    raw = clip.raw(tmp_path / "d.yuv")
    raw.write_bytes(raw.read_bytes()[:-2000])
    with pytest.raises(EvaluationError, match=r"d\.yuv ends before frame 2 of noise \(21×17\)"):
        keep_crops(clip, raw, tmp_path / "p", "coder")  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    clip = footage()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Not a directory"):
        keep_crops(clip, clip.raw(tmp_path / "d.yuv"), tmp_path / "file" / "p", "coder")  # type: ignore[arg-type]


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no")
    with pytest.raises(EvaluationError, match=r"can't read .*x\.png"):
        crops.load_rgb(tmp_path / "x.png")


@pytest.mark.parametrize(("height", "colours"), [(64, "ITU601"), (578, "ITU709")])
def test_colours_are_those_of_swscale(height: int, colours: str) -> None:
    """Flat chroma, so that only the matrix is compared and not how chroma is enlarged."""
    width = 32
    random = np.random.default_rng(1)
    y = random.integers(90, 150, (height, width), dtype=np.uint8)
    u, v = (np.full((height // 2, width // 2), level, np.uint8) for level in (80, 180))
    frame = av.VideoFrame.from_ndarray(
        np.concatenate([y.ravel(), u.ravel(), v.ravel()]).reshape(-1, width), format="yuv420p"
    )
    expected = frame.reformat(format="rgb24", src_colorspace=colours).to_ndarray()
    ours = crops.to_rgb((y, u, v))
    assert np.abs(ours.astype(int) - expected.astype(int)).max() <= 3  # the other matrix is 10 away


@given(st.integers(0, 1000), st.integers(20, 400), st.integers(20, 300))
def test_the_crop_is_within_the_picture_and_holds_what_differs(seed: int, width: int, height: int) -> None:
    random = np.random.default_rng(seed)
    first: NDArray[np.uint8] = np.zeros((height, width, 3), np.uint8)
    second = first.copy()
    x, y = random.integers(0, width), random.integers(0, height)
    second[y, x] = 255
    left, top, w, h = crops.most_different([first, second])
    assert (w, h) == (min(width, 288), min(height, 192))
    assert 0 <= left <= x < left + w <= width
    assert 0 <= top <= y < top + h <= height


def test_the_crop_is_where_the_sum_over_a_window_is_largest() -> None:
    """Against a plain search."""
    random = np.random.default_rng(3)
    pictures = [random.integers(0, 256, (230, 330, 3), dtype=np.uint8) for _ in range(3)]
    pictures[0][40:60, 100:130] //= 4
    spread = np.var(np.stack(pictures).astype(float), axis=0).sum(-1)
    tops, lefts = [*range(0, 39, 16), 38], [*range(0, 43, 16), 42]
    sums = {(x, y): spread[y : y + 192, x : x + 288].sum() for y in tops for x in lefts}
    assert crops.most_different(pictures)[:2] == max(sums, key=lambda place: sums[place])
