"""Snapshots: read, recovered, written as a video."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from sensic import InputError, ModelError, UsageError
from sensic.sensing import RecoverProgress, Snapshots, recover
from sensic.sensing.operators import Cacti
from sensic.sensing.recoveries import chosen
from sensic.video import VideoSource
from tests.sensing.scenes import discs, psnr

FRAMES, SIZE = 4, 48


def benchmark(**other: Any) -> dict[str, Any]:
    """The arrays of a file like the field's: two snapshots of four frames."""
    original = np.concatenate((discs(FRAMES, SIZE), discs(FRAMES, SIZE)[:, ::-1]))
    masks = Cacti.seeded(3, FRAMES, SIZE).masks
    meas = np.stack([(masks * original[k : k + FRAMES]).sum(0) for k in (0, FRAMES)])
    arrays = {"meas": meas, "mask": masks, "orig": original}
    return {name: np.moveaxis(array, 0, -1).astype(np.float64) for name, array in arrays.items()} | other


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "discs.mat"
    savemat(path, benchmark())
    return path


def pictures(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with VideoSource(path) as video:
        return np.stack([frame.y.copy() for frame in video]).astype(np.uint8)


def test_reading(file: Path) -> None:
    read = Snapshots.read(file)
    assert read.measurements.shape == (2, SIZE, SIZE)
    assert read.operator.masks.shape == (FRAMES, SIZE, SIZE)
    assert read.original is not None
    for k in (0, 1):
        seen = read.operator.forward(read.original[FRAMES * k : FRAMES * (k + 1)].astype(np.int64))
        np.testing.assert_array_equal(seen[0], read.measurements[k])


def test_the_video_holds_the_recovered_frames(file: Path, tmp_path: Path) -> None:
    seen: list[RecoverProgress] = []
    report = recover(file, tmp_path / "out.mkv", iterations=30, rate=Fraction(10), progress=seen.append)
    assert (report.frames, report.width, report.height, report.snapshots) == (8, SIZE, SIZE, 2)
    video, original = pictures(tmp_path / "out.mkv"), Snapshots.read(file).original
    assert original is not None
    assert report.psnr == pytest.approx([psnr(*pair) for pair in zip(video, original, strict=True)])
    assert report.mean_psnr == pytest.approx(np.mean(report.psnr))
    assert [entry.turns for entry in seen] == list(range(1, 61))
    assert (seen[-1].total, seen[-1].snapshot, seen[-1].snapshots) == (60, 2, 2)
    with VideoSource(tmp_path / "out.mkv") as source:
        assert source.info.colour.full_range
        assert [frame.time for frame in source] == [Fraction(k, 10) for k in range(8)]


def test_it_recovers_what_total_variation_describes(file: Path, tmp_path: Path) -> None:
    report = recover(file, tmp_path / "out.mkv", decoder="tv")
    assert report.decoder == "tv"
    assert report.mean_psnr is not None
    read = Snapshots.read(file)
    average = read.measurements[0] / read.operator.energy.clip(1)
    assert read.original is not None
    assert report.mean_psnr > psnr(average, read.original[1]) + 8


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Eight frames of the bundled clip, 96 x 96 pixels, in one snapshot."""
    with VideoSource(Path(__file__).parents[2] / "demo" / "bunny.mp4") as video:
        frames = np.stack([frame.y[100:196, 200:296].copy() for frame in islice(video, 8)]).astype(np.float64)
    masks = Cacti.seeded(5, 8, 96).masks
    arrays = {"meas": (masks * frames).sum(0)[None], "mask": masks, "orig": frames}
    savemat(tmp_path / "film.mat", {name: np.moveaxis(array, 0, -1) for name, array in arrays.items()})
    return tmp_path / "film.mat"


def test_the_learned_decoder_is_better(film: Path, tmp_path: Path) -> None:
    seen: list[RecoverProgress] = []
    learned = recover(film, tmp_path / "a.mkv", threads=1, progress=seen.append)
    television = recover(film, tmp_path / "b.mkv", decoder="tv")
    assert (learned.decoder, [entry.turns for entry in seen], seen[-1].total) == ("learned", [1], 1)
    assert learned.mean_psnr is not None
    assert television.mean_psnr is not None
    assert learned.mean_psnr > television.mean_psnr + 0.5


def test_it_says_where_it_is_not_certain(film: Path, tmp_path: Path) -> None:
    recover(film, tmp_path / "pictures.mkv", decoder="learned", threads=1)
    report = recover(film, tmp_path / "doubt.mkv", uncertainty=True, threads=1)
    assert (report.decoder, report.psnr) == ("learned", ())
    original = Snapshots.read(film).original
    assert original is not None
    errors = np.abs(pictures(tmp_path / "pictures.mkv").astype(float) - original)
    doubt = pictures(tmp_path / "doubt.mkv").astype(float)
    assert np.corrcoef(errors.ravel(), doubt.ravel())[0, 1] > 0.2
    assert errors[doubt >= np.median(doubt)].mean() > 2 * errors[doubt < np.median(doubt)].mean()


def test_which_decoder_is_taken() -> None:
    plain, many = Cacti.seeded(0, 4, 16), Cacti.seeded(0, 17, 16)
    calibrated = Cacti(plain.masks * 0.9)
    assert [chosen(operator, None, ()) for operator in (plain, many, calibrated)] == ["learned", "tv", "tv"]
    assert chosen(many, "learned", ()) == "learned"
    assert chosen(plain, None, ("iterations",)) == "tv"
    assert chosen(calibrated, None, ("model",)) == "learned"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"decoder": "best"}, "the decoder is one of tv, learned, not 'best'"),
        ({"decoder": "tv", "uncertainty": True}, "tv does not take uncertainty: tv has iterations and weight"),
        ({"decoder": "learned", "weight": 0.2}, "learned does not take weight: .*learned has model and uncertainty"),
        ({"model": "m", "iterations": 3}, "no decoder has all of model, iterations"),
    ],
)
def test_options_of_another_decoder(file: Path, tmp_path: Path, options: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        recover(file, tmp_path / "out.mkv", **options)
    assert not (tmp_path / "out.mkv").exists()


def test_a_model_for_something_else(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model for snapshots"):
        recover(file, tmp_path / "out.mkv", model="default")


def test_masks_of_their_own_file_one_snapshot_and_no_original(file: Path, tmp_path: Path) -> None:
    arrays = benchmark()
    savemat(tmp_path / "meas.mat", {"meas": arrays["meas"][..., 0]})
    savemat(tmp_path / "mask.mat", {"mask": arrays["mask"]})
    report = recover(tmp_path / "meas.mat", tmp_path / "a.mkv", mask=tmp_path / "mask.mat", iterations=3)
    recover(file, tmp_path / "b.mkv", iterations=3)
    assert (report.psnr, report.mean_psnr) == ((), None)
    np.testing.assert_array_equal(pictures(tmp_path / "a.mkv"), pictures(tmp_path / "b.mkv")[:FRAMES])


def test_the_scale_of_the_file(file: Path, tmp_path: Path) -> None:
    arrays = benchmark()
    savemat(tmp_path / "unit.mat", {"meas": arrays["meas"] / 255, "mask": arrays["mask"], "orig": arrays["orig"] / 255})
    reports = (
        recover(file, tmp_path / "a.mkv", iterations=3),
        recover(tmp_path / "unit.mat", tmp_path / "b.mkv", iterations=3, peak=1),
    )
    assert reports[0].psnr == pytest.approx(reports[1].psnr, abs=0.01)


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({"mask": np.ones((8, 8, 2))}, "meas is of 48x48 pixels, but mask of 8x8"),
        ({"mask": np.full((SIZE, SIZE, 2), -1.0)}, "weights of 0 and more"),
        ({"mask": np.zeros((SIZE, SIZE, 2))}, "some above 0"),
        ({"mask": np.ones((SIZE, SIZE, 300))}, "up to 256 frames and 8192 pixels on a side"),
        ({"meas": np.ones((SIZE, SIZE, 2, 2))}, r"meas is \[H, W\] or \[H, W, n\], not \[48, 48, 2, 2\]"),
        ({"orig": np.ones((SIZE, SIZE, 3))}, "orig has 3 frames of 48x48; meas and mask make 8 of 48x48"),
    ],
)
def test_what_does_not_belong_together(tmp_path: Path, arrays: dict[str, Any], why: str) -> None:
    savemat(tmp_path / "x.mat", benchmark(**arrays))
    with pytest.raises(InputError, match=why):
        recover(tmp_path / "x.mat", tmp_path / "out.mkv")
    assert not (tmp_path / "out.mkv").exists()


def test_a_missing_mask(tmp_path: Path) -> None:
    savemat(tmp_path / "x.mat", {"meas": np.ones((4, 4))})
    with pytest.raises(InputError, match=r"x\.mat has no array named mask; it has meas"):
        recover(tmp_path / "x.mat", tmp_path / "out.mkv")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"iterations": 0}, "iterations are 1 to 10000"),
        ({"weight": float("nan")}, "weight of total variation is above 0"),
        ({"peak": 0}, "peak is what white is"),
        ({"rate": Fraction(0)}, "rate is up to 1000"),
    ],
)
def test_options_out_of_range(file: Path, tmp_path: Path, options: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        recover(file, tmp_path / "out.mkv", **options)
    assert not (tmp_path / "out.mkv").exists()


def test_the_input_is_not_overwritten(file: Path, tmp_path: Path) -> None:
    video = tmp_path / "discs.mkv"
    file.rename(video)
    before = video.read_bytes()
    with pytest.raises(UsageError, match="is the input"):
        recover(video, video)
    assert video.read_bytes() == before
