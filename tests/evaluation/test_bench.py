"""The bench with a coder of its own: turns, what is kept, what fails, what is measured again and what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sensic.errors import EvaluationError, UsageError
from sensic.evaluation import EvaluateProgress, Results, evaluate
from sensic.evaluation import bench as module
from tests.evaluation.clips import BrokenCoder, FickleCoder, ZlibCoder, write_clip


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mkv")


@pytest.fixture
def measured(clip: Path, tmp_path: Path) -> Callable[..., Results]:
    """Evaluate on the clip; PSNR only, which needs no other program."""

    def run(*coders: Any, clips: list[Path] | None = None, **options: Any) -> Results:
        given = {"out": tmp_path / "out", "metrics": ["psnr"], "threads": 1, **options}
        return evaluate(clips or [clip], coders, **given)

    return run


def test_coders_take_turns(measured: Callable[..., Results]) -> None:
    log: list[str] = []
    measured(ZlibCoder("a", (16, 8), log), ZlibCoder("b", (4, 2, 1), log), repeats=2)
    assert log == [f"{coder} clip {setting}" for coder, setting in (
        ("a", 16), ("b", 4), ("a", 16), ("b", 4), ("a", 8), ("b", 2), ("a", 8), ("b", 2), ("b", 1), ("b", 1)
    )]  # fmt: skip


def test_a_measurement_is_of_the_real_file_and_its_decoded_pictures(measured: Callable[..., Results]) -> None:
    results = measured(ZlibCoder(), repeats=3, gop=None, frames=5)
    points = results.of("clip", "zlib")
    assert [m.setting for m in points] == [32, 16, 8, 4, 2]
    assert [m.file_bytes - m.payload_bytes for m in points] == [4] * 5
    assert [m.metrics["psnr_y"] for m in points] == sorted(m.metrics["psnr_y"] for m in points)
    first = points[0]
    assert sum(first.per_frame["bits"]) == pytest.approx(8 * first.payload_bytes)
    assert len(first.per_frame["bits"]) == len(first.per_frame["psnr_y"]) == results.clip("clip").frames == 5
    assert [run.encode_seconds for run in first.runs] == [0.5] * 3
    assert (first.runs[0].decode_cpu, first.runs[0].encode_memory, first.runs[0].threads) == (0.2, 1 << 20, 1)
    assert first.commands == ["deflate --step 32 --gop 5 --threads 1", "inflate"]
    assert results.conditions["coders"]["zlib"] == {"version": "zlib", "settings": [32, 16, 8, 4, 2]}


def test_what_is_written_is_what_is_returned(measured: Callable[..., Results], tmp_path: Path) -> None:
    results = measured(ZlibCoder())
    assert Results.read(tmp_path / "out" / "results.json") == results
    assert {path.name.split(".")[0] for path in (tmp_path / "out" / "pictures").iterdir()} >= {
        m.picture for m in results.measurements
    }
    json.dumps(results.conditions, allow_nan=False)


def test_nothing_is_measured_twice(measured: Callable[..., Results], clip: Path, tmp_path: Path) -> None:
    first = measured(ZlibCoder())
    coder = ZlibCoder()
    again = measured(coder)
    assert coder.log == []
    assert again.measurements == first.measurements
    renamed = clip.rename(tmp_path / "other.mkv")
    assert [m.clip for m in measured(coder, clips=[renamed]).measurements] == ["other"] * 5
    assert coder.log == []
    assert [len(m.runs) for m in measured(coder, repeats=1, clips=[renamed]).measurements] == [2] * 5
    assert coder.log == []


@pytest.mark.parametrize(
    ("changed", "count"),
    [
        ({"frames": 5}, 10),
        ({"gop": 2}, 10),
        ({"metrics": ["psnr", "flicker"]}, 10),
        ({"threads": 2}, 10),
        ({"repeats": 3}, 15),
        ({"settings": {"zlib": (32, 16, 8, 4, 3)}}, 2),
    ],
)
def test_other_conditions_are_measured_anew(
    measured: Callable[..., Results], changed: dict[str, Any], count: int
) -> None:
    measured(ZlibCoder())
    coder = ZlibCoder()
    measured(coder, **changed)
    assert len(coder.log) == count


def test_another_version_or_lost_pictures_are_measured_anew(measured: Callable[..., Results], tmp_path: Path) -> None:
    measured(ZlibCoder(settings=(32, 16)))
    newer = ZlibCoder(settings=(32, 16))
    newer.version = "zlib 2"
    measured(newer)
    assert len(newer.log) == 4
    for path in (tmp_path / "out" / "pictures").iterdir():
        path.unlink()
    coder = ZlibCoder(settings=(32, 16))
    measured(coder)
    assert len(coder.log) == 4


def test_damaged_cache_is_measured_again(measured: Callable[..., Results], tmp_path: Path) -> None:
    first = measured(ZlibCoder(settings=(32, 16)))
    for path, text in zip(sorted((tmp_path / "out" / "cache").iterdir()), ("{", '{"measurement": 1}'), strict=True):
        path.write_text(text)
    coder = ZlibCoder(settings=(32, 16))
    assert measured(coder).measurements == first.measurements
    assert len(coder.log) == 4


def test_a_run_that_is_stopped_goes_on(
    measured: Callable[..., Results], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = write_clip(tmp_path / "second.mkv", 4)
    both = [tmp_path / "clip.mkv", second]

    class Stopped(ZlibCoder):
        def encode(self, clip: Any, out: Path, setting: float, *, gop: int, threads: int) -> Any:
            if clip.info.name == "second" and setting == 8:
                raise KeyboardInterrupt
            return super().encode(clip, out, setting, gop=gop, threads=threads)

    with pytest.raises(KeyboardInterrupt):
        measured(Stopped(), clips=both)
    assert [c.name for c in Results.read(tmp_path / "out" / "results.json").clips] == ["clip"]
    coder = ZlibCoder()
    told: list[EvaluateProgress] = []
    results = measured(coder, clips=both, progress=told.append)
    assert coder.log == [f"zlib second {setting}" for setting in (8, 8, 4, 4, 2, 2)]
    assert len(results.measurements) == 10
    assert [(p.done, p.known, p.total) for p in told if p.setting == 2] == [(9, 7, 10)] * 2


def test_what_fails_is_named_and_the_rest_goes_on(measured: Callable[..., Results], clip: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mkv").write_text("no video")
    namesake = tmp_path / "elsewhere"
    namesake.mkdir()
    clips = [tmp_path / "missing.mkv", tmp_path / "text.mkv", clip, write_clip(namesake / "clip.mkv", 2)]
    results = measured(BrokenCoder("broken"), FickleCoder("fickle", (8,)), ZlibCoder(), clips=clips)
    assert [(f.clip, f.coder, f.setting) for f in results.failures] == [
        ("missing", "", None), ("text", "", None), ("clip", "fickle", 8), ("clip", "broken", 8), ("clip", "", None)
    ]  # fmt: skip
    assert "it broke" in results.failures[3].message
    assert "other samples" in results.failures[2].message
    assert "called clip too" in results.failures[4].message
    assert len(results.of("clip", "zlib")) == 5
    assert len(results.of("clip", "broken")) == 4
    assert results.of("clip", "fickle") == []


def test_a_coder_that_is_missing_is_named(measured: Callable[..., Results], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(spec: str) -> Any:
        raise EvaluationError(f"{spec} is missing in this FFmpeg")

    monkeypatch.setattr(module, "coder", missing)
    results = measured("vvenc:medium", ZlibCoder(settings=(8,)))
    (failure,) = results.failures
    assert (failure.clip, failure.coder, failure.message) == (
        "",
        "vvenc:medium",
        "vvenc:medium is missing in this FFmpeg",
    )
    assert results.coders == ["zlib"]


def test_clips_of_all_kinds(measured: Callable[..., Results], tmp_path: Path) -> None:
    clips = [
        write_clip(tmp_path / "single.mkv", 1),
        write_clip(tmp_path / "odd.mkv", 3, width=37, height=21),
        write_clip(tmp_path / "deep.mkv", 3, depth=10),
    ]
    results = measured(ZlibCoder(settings=(16, 2)), clips=clips, metrics=["psnr", "flicker"])
    assert not results.failures
    assert [(c.frames, c.width, c.height, c.depth) for c in results.clips] == [
        (1, 64, 48, 8),
        (3, 37, 21, 8),
        (3, 64, 48, 10),
    ]
    for clip in results.clips:
        coarse, fine = results.of(clip.name, "zlib")
        assert fine.metrics["psnr_y"] > coarse.metrics["psnr_y"] > 20
        assert len(fine.per_frame["psnr_y"]) == clip.frames


def test_a_metric_that_pictures_are_too_small_for_is_a_note(measured: Callable[..., Results]) -> None:
    for _ in range(2):  # measured, and from the cache
        results = measured(ZlibCoder(settings=(16,)), metrics=["psnr", "msssim"])
        (note,) = results.conditions["notes"]
        assert "MS-SSIM is left out" in note
        assert not results.failures


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gop": 0}, "gop is a whole number from 1, not 0"),
        ({"gop": 601}, "1 to 600 frames"),
        ({"frames": 0}, "frames is a whole number"),
        ({"repeats": 0}, "repeats is"),
        ({"threads": -1}, "threads is"),
        ({"metrics": ["psnr", "mos"]}, "vmaf, xpsnr.*not mos"),
        ({"anchor": "x265:medium"}, "'x265:medium' is none of the coders zlib"),
        ({"settings": {"zlip": [1]}}, "'zlip' is none of"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_measured(
    measured: Callable[..., Results], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        measured(ZlibCoder(), **options)
    assert not (tmp_path / "out").exists()


def test_unknown_coders_and_none_at_all_are_refused(measured: Callable[..., Results], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x264.*not 'h264'"):
        measured("h264")
    with pytest.raises(UsageError, match="at least one coder"):
        measured()
    with pytest.raises(UsageError, match="at least one clip"):
        evaluate([], [ZlibCoder()], out=tmp_path / "out")


def test_the_anchor(measured: Callable[..., Results]) -> None:
    a, b = ZlibCoder("a", (8,)), ZlibCoder("x265:medium", (8,))
    assert measured(a, b).conditions["anchor"] == "x265:medium"
    assert measured(a).conditions["anchor"] == "a"
    assert measured(ZlibCoder("sensic:mine", (8,)), a).conditions["anchor"] == "a"
    assert measured(ZlibCoder("sensic:mine", (8,))).conditions["anchor"] == "sensic:mine"
    assert measured(a, b, anchor="a").conditions["anchor"] == "a"
