from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensic.errors import PackError
from sensic.training.data.pack import Pack, open_packs
from tests.training.data.videos import shot, write, write_pack


@pytest.mark.parametrize("depth", [8, 10])
def test_clips_come_back_as_they_were_written(tmp_path: Path, depth: int) -> None:
    pack = Pack.open(write_pack(tmp_path / "p.mkv", (1, 2), frames=5, depth=depth))
    assert (pack.clips, pack.frames, pack.width, pack.height, pack.depth) == (2, 5, 96, 64, depth)
    for seed, (y, uv) in zip((1, 2), pack.read(), strict=True):
        assert np.array_equal(y, np.stack(shot(seed, 5, depth=depth)))
        assert uv.shape == (5, 2, 32, 48)
        assert (uv == 1 << (depth - 1)).all()


def test_a_pack_of_one_clip_needs_no_second_key_picture(tmp_path: Path) -> None:
    assert Pack.open(write_pack(tmp_path / "p.mkv", (1,))).clips == 1


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("pack") / "whole.mkv", (1, 2, 3))


@given(share=st.floats(0, 1, exclude_max=True))
@settings(max_examples=40)
def test_a_pack_cut_short_is_never_taken_for_whole(whole: Path, share: float) -> None:
    path, data = whole.with_name("cut.mkv"), whole.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    try:
        clips = list(Pack.open(path).read())
    except PackError:
        pass
    else:  # nothing but the index at the end is missing
        assert len(clips) == 3
        assert np.array_equal(clips[2][0], np.stack(shot(3, 12)))


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    text = tmp_path / "text.mkv"
    text.write_text("no video")
    fixed = {"g": "12", "sc_threshold": "0"}
    cases = {
        tmp_path / "none.mkv": "there is no pack",
        text: "not a pack",
        write(tmp_path / "odd.mkv", shot(1, 12, size=(90, 64)), codec="libx264"): "multiples of 16",
        write(tmp_path / "intra.mkv", shot(1, 12), options={"g": "1"}): "every picture is a key picture",
        write(tmp_path / "rest.mkv", shot(1, 20), codec="libx264", options=fixed): "its last clip has 8 of 12",
        write(tmp_path / "more.mkv", shot(1, 30), codec="mpeg4", keys=(0, 9, 20)): "differ in length",
    }
    for path, reason in cases.items():
        with pytest.raises(PackError, match=reason) as caught:
            Pack.open(path)
        assert str(path) in str(caught.value)


def test_a_folder_stands_for_its_packs(tmp_path: Path) -> None:
    for name in ("train-1.mkv", "train-0.mkv", ".train-2.mkv.part"):
        write_pack(tmp_path / f"{name}.mkv", (1,)).rename(tmp_path / name)
    assert [pack.path.name for pack in open_packs([tmp_path])] == ["train-0.mkv", "train-1.mkv"]
    (tmp_path / "empty").mkdir()
    for nothing in ([tmp_path / "empty"], []):
        with pytest.raises(PackError, match="no pack"):
            open_packs(nothing)
