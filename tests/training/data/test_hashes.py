from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensic.errors import PackError
from sensic.training.data.hashes import HashIndex, clip_hashes, excluded_index, picture_hash
from sensic.training.data.settings import BuildSettings
from tests.training.data.videos import SIZE, shot, write


def bits(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def test_noise_and_brightness_hardly_move_a_hash_but_another_picture_does() -> None:
    picture = shot(1, 1)[0].astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 5, picture.shape)
    changed = np.clip(0.9 * picture + 10 + noise, 0, 255).astype(np.uint8)
    assert bits(picture_hash(picture), picture_hash(changed)) <= 8
    assert all(
        bits(picture_hash(picture), picture_hash(np.asarray(shot(s, 1)[0], np.uint8))) > 14 for s in range(2, 12)
    )


def test_the_nearest_hash_is_found_by_name() -> None:
    index = HashIndex()
    assert index.nearest([5]) == (65, "")
    for number in range(3000):
        index.add(str(number), [number << 20])
    assert index.nearest([(7 << 20) | 3]) == (2, "7")
    assert index.nearest([(7 << 20) | 3, 9 << 20]) == (0, "9")
    assert clip_hashes([np.zeros((8, 8), np.uint8)]) == clip_hashes([np.zeros((8, 8), np.uint8)] * 3)[:1]


def test_a_test_clip_is_known_by_any_of_its_crops_and_mirrored(tmp_path: Path) -> None:
    pictures = shot(1, 10, size=(96, 200))
    write(tmp_path / "t.mkv", pictures)
    index = excluded_index([tmp_path / "t.mkv"], BuildSettings(size=SIZE))
    for part in (pictures[5], pictures[5][:, ::-1], pictures[5][:64], pictures[5][-64:, ::-1]):
        assert index.nearest([picture_hash(np.asarray(part, np.uint8))])[0] <= 2
    assert index.nearest([picture_hash(np.asarray(shot(9, 1)[0], np.uint8))])[0] > 14


def test_a_test_clip_that_can_not_be_read_is_no_small_matter(tmp_path: Path) -> None:
    (tmp_path / "t.mkv").write_text("no video")
    with pytest.raises(PackError, match=r"test clip .*t\.mkv can't be read"):
        excluded_index([tmp_path / "t.mkv"], BuildSettings())
    write(tmp_path / "small.mkv", shot(1, 6))  # smaller than a pack: known as it is
    assert excluded_index([tmp_path / "small.mkv"], BuildSettings()).nearest([picture_hash(shot(1, 6)[0])])[0] == 0
