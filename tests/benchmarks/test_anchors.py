"""x264 and x265 as anchors: what is measured is what lies in the file."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks import anchors, clips


def test_a_loaded_clip_is_cut_and_lossless(clip: clips.Clip) -> None:
    assert (len(clip.frames), clip.width, clip.height, clip.depth) == (10, 64, 48, 8)
    again = list(clips.decode_planes(clip.path))
    assert len(again) == 10
    for got, wanted in zip(again, clip.frames, strict=True):
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("coder", anchors.CODERS)
def test_better_crf_means_more_bytes_and_fewer_errors(clip: clips.Clip, coder: str, tmp_path: Path) -> None:
    fine = anchors.measure(clip, tmp_path / "fine.mkv", coder, 15)
    coarse = anchors.measure(clip, tmp_path / "coarse.mkv", coder, 45)
    assert fine.psnr[0] > coarse.psnr[0] + 3
    assert fine.payload_bytes > coarse.payload_bytes
    assert fine.file_bytes == (tmp_path / "fine.mkv").stat().st_size > fine.payload_bytes
    assert fine.frames == 10


@pytest.mark.parametrize("coder", anchors.CODERS)
def test_one_intra_frame_per_group(clip: clips.Clip, coder: str, tmp_path: Path) -> None:
    path = tmp_path / "coded.mkv"
    anchors.encode(clip, path, coder, 28, gop=5)
    with av.open(str(path)) as reader:
        intra = [frame.pict_type == av.video.frame.PictureType.I for frame in reader.decode(video=0)]
    assert intra == [i % 5 == 0 for i in range(10)]


def test_at_psnr_finds_the_crf(clip: clips.Clip, tmp_path: Path) -> None:
    target = anchors.measure(clip, tmp_path / "target.mkv", "x264", 31).psnr[0]
    found, path = anchors.at_psnr(clip, tmp_path, "x264", target, tolerance=0.3)
    assert found.psnr[0] == pytest.approx(target, abs=0.3)
    assert path.stat().st_size == found.file_bytes


def test_unknown_coder_names_the_allowed_ones(clip: clips.Clip, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x264, x265, not vp9"):
        anchors.encode(clip, tmp_path / "x.mkv", "vp9", 30)
