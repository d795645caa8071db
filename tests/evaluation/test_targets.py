"""The lowest quality that reaches a target, by real coding; and the search itself against curves made up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sensic
from sensic import TargetError, UsageError
from sensic.cli import main
from sensic.evaluation import SearchProgress, Target, Try, find_quality
from sensic.evaluation.clips import excerpts
from sensic.evaluation.targets import METRICS, _Search
from sensic.video import VideoSource
from tests.evaluation import footage

RISING = st.lists(st.floats(0, 5), min_size=64, max_size=64).map(np.cumsum)


@given(RISING, st.sampled_from(sorted(METRICS)), st.floats(0.1, 100))
def test_the_search_finds_what_trying_all_would(scores: np.ndarray, metric: str, value: float) -> None:
    search = _Search(Target(metric, value))
    while (quality := search.next()) is not None:
        assert quality not in search.tries
        search.tries[quality] = Try(quality, float(scores[quality]), 1, 1.0)
    reached = np.flatnonzero(scores >= value)
    assert (search.best.quality if search.best else None) == (reached[0] if reached.size else None)


@given(st.floats(15, 40), st.floats(0.1, 0.3), st.floats(1, 99))
def test_a_line_takes_few_tries(lowest: float, slope: float, value: float) -> None:
    search = _Search(Target("psnr", value))
    while (quality := search.next()) is not None:
        search.tries[quality] = Try(quality, lowest + slope * quality, 1, 1.0)
    assert len(search.tries) <= 5


@pytest.mark.parametrize("target", [("ssim", 1.0), ("vmaf", 0.0), ("vmaf", 101.0), ("psnr", float("nan"))])
def test_impossible_targets(target: tuple[str, float]) -> None:
    with pytest.raises(UsageError):
        Target(*target)


@pytest.mark.parametrize(("count", "length", "wanted"), [
    (2, 3, [1, 2, 3, 6, 7, 8]), (5, 2, range(10)), (3, 7, range(10)), (1, 4, [3, 4, 5, 6])
])  # fmt: skip
def test_excerpts_are_spread_evenly(tmp_path: Path, count: int, length: int, wanted: list[int]) -> None:
    pictures = footage.scenes(96, 64, 8, 10)
    path = footage.write(tmp_path / "scene.mkv", pictures)
    seen: list[tuple[int, int | None]] = []
    with VideoSource(path) as video:
        clip, total = excerpts(video, tmp_path, count, length, lambda *progress: seen.append(progress))
    assert total == 10
    assert footage.same(clip.frames(), [pictures[number] for number in wanted])
    assert clip.info.frames == len(wanted)
    assert [done for done, _ in seen] == list(range(1, 11))


def test_a_target_is_reached_and_not_passed(tmp_path: Path) -> None:
    path = footage.write(tmp_path / "scene.mkv", footage.scenes(320, 192, 8, 6))
    tries: list[Try] = []
    steps: list[SearchProgress] = []
    target = Target("psnr", 30.0)
    found = find_quality(path, target, gop=4, threads=1, on_try=tries.append, progress=steps.append)
    assert found.tries == tuple(tries)
    assert (found.frames, found.total) == (6, 6)
    by_quality = {one.quality: one.score for one in tries}
    assert by_quality[found.best.quality] >= 30 > by_quality[found.best.quality - 1]
    report = sensic.encode(path, tmp_path / "out.mkv", quality=found.best.quality, gop=4, threads=1)
    assert report.payload_bytes == found.best.bytes
    checked = sensic.verify(tmp_path / "out.mkv", reference=path)
    assert checked.psnr is not None
    assert checked.psnr[0] == pytest.approx(found.best.score, abs=1e-3)
    assert {step.number for step in steps} == set(range(len(tries) + 1))


def test_a_target_out_of_reach_names_the_best_try(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = footage.write(tmp_path / "one.mkv", footage.scenes(96, 64, 8, 1))
    with pytest.raises(TargetError, match=r"psnr 90 can't be reached: the best is \d\d\.\d\d, at quality 63") as caught:
        find_quality(path, Target("psnr", 90.0), threads=1)
    assert isinstance(caught.value.best, Try)
    assert caught.value.best.quality == 63
    out = tmp_path / "out.mkv"
    assert main(["encode", str(path), str(out), "--target-psnr", "90", "--quiet", "--threads", "1"]) == 4
    assert "quality 63" in capsys.readouterr().err
    assert not out.exists()


def test_the_command_takes_the_quality_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = footage.write(tmp_path / "scene.mkv", footage.scenes(128, 96, 8, 2))
    out = tmp_path / "out.mkv"
    assert main(["encode", str(path), str(out), "--target-vmaf", "60", "--json", "--threads", "1"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = next(record for record in records if record["type"] == "found")
    assert found["score"] >= 60
    assert sensic.probe(out).header.quality == found["quality"] == records[-1]["quality"]
    assert [r["quality"] for r in records if r["type"] == "try" and r["score"] >= 60][-1] >= found["quality"]


@pytest.mark.parametrize(("words", "message"), [
    (["--target-vmaf", "90", "-q", "3"], "--target-vmaf and --quality contradict each other"),
    (["--target-vmaf", "90", "--target-psnr", "30"], "--target-vmaf and --target-psnr contradict"),
    (["--target-psnr", "30", "--profile", "sensing"], "--target-psnr goes with --profile neural"),
])  # fmt: skip
def test_contradictions(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(["encode", str(footage.BUNNY), str(tmp_path / "out.mkv"), *words]) == 2
    assert message in capsys.readouterr().err


def test_a_pipe_cant_be_read_twice() -> None:
    with pytest.raises(UsageError, match="standard input"):
        find_quality("-", Target("psnr", 30))
