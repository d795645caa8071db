"""``sensic evaluate``: a real run on a small clip, what it hands on, and what it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sensic.evaluation
from sensic.cli import main
from sensic.cli.evaluate import EvaluateView
from sensic.evaluation import EvaluateProgress, Failure, Results
from tests.evaluation.clips import write_clip
from tests.small_model import small_model

WORDS = ["--frames", "3", "--metrics", "psnr", "--repeats", "1", "--threads", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run of a small model next to x264 and x265 was done, by the command line, with a clip that is none."""
    home = tmp_path_factory.mktemp("evaluate")
    clip, model = write_clip(home / "clip.mkv", 4), small_model().directory
    (home / "text.mkv").write_text("no video")
    against = ["--against", "x264:ultrafast,x265:ultrafast", "--anchor", "x265:ultrafast"]
    settings = ["--settings", "x264:ultrafast=45,40,35,30,25", "--settings", "x265:ultrafast=45,40,35,30,25"]
    words = ["--model", f"{model}@fast", "--settings", f"sensic:{model}@fast=10,50", *against, *settings, *WORDS]
    assert main(["evaluate", str(clip), str(home / "text.mkv"), *words, "-o", str(home / "out"), "--quiet"]) == 1
    return home / "out"


def test_a_real_run_leaves_everything(folder: Path) -> None:
    results = Results.read(folder / "results.json")
    ours = f"sensic:{small_model().directory}@fast"
    assert [clip.name for clip in results.clips] == ["clip"]
    assert [failure.clip for failure in results.failures] == ["text"]
    assert {coder: len(results.of("clip", coder)) for coder in results.coders} == {
        ours: 2, "x264:ultrafast": 5, "x265:ultrafast": 5
    }  # fmt: skip
    for m in results.measurements:
        assert m.file_bytes > m.payload_bytes > 0
        assert len(m.per_frame["psnr_y"]) == len(m.per_frame["bits"]) == 3
        assert all(run.encode_seconds > 0 and run.decode_memory > 1 << 20 for run in m.runs)
    networks = results.conditions["networks"]
    assert (networks.keys(), networks[ours]["id"]) == ({ours}, small_model().id)
    assert networks[ours]["kmac_per_pixel"]["decoder"] > 0
    for name in ("index.html", "report.md", "rd.png", "rd.svg"):
        assert (folder / name).stat().st_size > 0


def test_redrawing_needs_nothing_but_the_results(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensic.evaluation, "evaluate", None)
    alone = tmp_path / "results.json"
    alone.write_bytes((folder / "results.json").read_bytes())
    assert main(["evaluate", "--from", str(alone), "-o", str(tmp_path / "again")]) == 1  # the failure is still there
    out, err = capsys.readouterr()
    assert "failed: text: " in err
    assert out.splitlines()[-1] == str(tmp_path / "again" / "index.html")
    assert (tmp_path / "again" / "index.html").exists()
    assert main(["evaluate", "--from", str(folder / "results.json"), "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert record["type"] == "evaluated"
    assert record["report"] == str(folder / "index.html")
    assert record["anchor"] == "x265:ultrafast"
    ours = f"sensic:{small_model().directory}@fast"
    table = record["bd_rate"]["psnr_y"]
    assert table["clips"]["clip"][ours]["percent"] is None
    assert "5 points" in table["clips"]["clip"][ours]["reason"]
    assert table["mean"]["x264:ultrafast"] == pytest.approx(table["clips"]["clip"]["x264:ultrafast"]["percent"])
    assert [failure["clip"] for failure in record["failures"]] == ["text"]


@pytest.fixture
def asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any, dict[str, Any]]]:
    """A stand-in for the bench, which returns the results of the real run without its failure."""
    calls = []
    results = Results.read(folder / "results.json")

    def stand_in(clips: Any, coders: Any, **options: Any) -> Results:
        calls.append((clips, coders, options))
        return Results(results.conditions, results.clips, results.measurements, [])

    monkeypatch.setattr(sensic.evaluation, "evaluate", stand_in)
    return calls


def test_options_are_handed_on(asked: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-m", "default", "-m", "mine@slow", "--against", "svtav1:4, aom", "--frames", "9", "--gop", "all"]
    words += ["--metrics", "psnr,vmaf", "--settings", "svtav1:4=60,20.5", "--repeats", "3", "-t", "1", "--audio"]
    out = tmp_path / "report"
    assert main(["evaluate", "a.mkv", "b.mkv", *words, "--anchor", "aom", "--report", str(out)]) == 0
    clips, coders, options = asked[0]
    del options["progress"]
    assert clips == [Path("a.mkv"), Path("b.mkv")]
    assert coders == ["sensic:default", "sensic:mine@slow", "svtav1:4", "aom"]
    assert options == {
        "out": out, "frames": 9, "gop": None, "metrics": ["psnr", "vmaf"], "settings": {"svtav1:4": [60.0, 20.5]},
        "repeats": 3, "threads": 1, "audio": True, "anchor": "aom",
    }  # fmt: skip
    assert capsys.readouterr().out.splitlines()[-1] == str(out / "index.html")


def test_by_default_sensic_meets_x264_and_x265(
    asked: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "a.mkv"]) == 0
    assert asked[0][1] == ["sensic", "x264:medium", "x265:medium"]
    assert asked[0][2]["gop"] == 32
    assert asked[0][2]["anchor"] is None
    assert "metrics" not in asked[0][2]
    assert Path("evaluation", "index.html").exists()
    table = capsys.readouterr().out
    assert "bytes against x265:ultrafast at the same PSNR Y" in table
    assert "mean" in table


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.mkv", "--gop", "half"], "--gop is a number of frames, or all"),
        (["a.mkv", "--settings", "x264:medium"], "--settings is like"),
        (["a.mkv", "--settings", "x264:medium=a,b"], "--settings is like"),
        (["a.mkv", "--settings", "=1,2"], "--settings is like"),
        (["a.mkv", "--against", "h264"], "x264"),
        (["a.mkv", "--metrics", "mos"], "vmaf"),
        (["a.mkv", "--frames", "0"], "frames is a whole number from 1"),
        (["a.mkv", "--from", "results.json"], "give no clips"),
        (["--quiet"], "at least one clip"),
    ],
)
def test_wrong_words_are_exit_code_2(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *words]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_measured_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(tmp_path / "missing.mkv"), "--against", "jpeg", "-o", str(tmp_path / "out")]) == 1
    assert "nothing could be measured: missing: " in capsys.readouterr().err
    assert not (tmp_path / "out" / "index.html").exists()


def test_results_that_are_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.json").write_text("{}")
    assert main(["evaluate", "--from", str(tmp_path / "results.json")]) == 1
    assert "holds no results" in capsys.readouterr().err


def test_whoever_stops_it_is_told_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*args: Any, **options: Any) -> Results:
        raise KeyboardInterrupt

    monkeypatch.setattr(sensic.evaluation, "evaluate", stopped)
    assert main(["evaluate", "a.mkv", "-o", str(tmp_path)]) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_failures_name_clip_coder_and_setting(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = Results.read(folder / "results.json")
    failures = [Failure("", "vvenc:medium", None, "missing"), Failure("clip", "x264:medium", 38.0, "it broke")]
    Results(results.conditions, results.clips, results.measurements, failures).write(tmp_path / "results.json")
    assert main(["evaluate", "--from", str(tmp_path / "results.json"), "--quiet"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "failed: vvenc:medium: missing", "failed: clip, x264:medium at 38: it broke"
    ]  # fmt: skip


def test_progress() -> None:
    view = EvaluateView()
    now = EvaluateProgress(12, 20, 10, 30.0, "clip", "x265:medium", 28.0)
    assert view.text(now) == "12/20  clip  x265:medium 28  2:00 left"
    assert view.text(EvaluateProgress(0, 20, 0, 0.0, "clip")) == "0/20  clip"
    assert view.position(now) == (12, 20)
    json.dumps(view.fields(now))
