"""What ``sensic adapt`` makes of its arguments and of a report; the library is a stand-in."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import sensic.training
from sensic import Progress, UsageError
from sensic.cli import main
from sensic.cli.adapt import AdaptView

COMPARISON = {
    "before": "a", "after": "b", "better": True, "bd_rate_percent": {"luma": -3.0, "colour": -2.0},
    "excerpts": [], "points": [],
}  # fmt: skip


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    seen: dict[str, Any] = {"better": True}

    def adapt(*args: Any, **options: Any) -> SimpleNamespace:
        seen.update(args=args, options=options)
        options["progress"](SimpleNamespace(stage="judging", part=Progress(1, 10, 0, 2.0)))
        if seen.get("error"):
            raise seen["error"]
        better = seen["better"]
        return SimpleNamespace(
            out=Path("mine"), model=Path("mine/model" if better else "old"), better=better, steps=7,
            training_seconds=61.0, notes=("left out: x",), text="a table\n",
            comparison=SimpleNamespace(to_dict=lambda: {**COMPARISON, "better": better}),
        )  # fmt: skip

    monkeypatch.setattr(sensic.training, "adapt", adapt, raising=False)
    return seen


def test_options_are_handed_on(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "adapt default a.mp4 videos -o mine --minutes 3 --hold-out 0.3 --qualities 1,2,3,4,5 --name n -t 2 --device cpu"
    )
    assert main(words.split()) == 0
    assert calls["args"] == ("default", [Path("a.mp4"), Path("videos")], Path("mine"))
    options = calls["options"]
    del options["progress"]
    assert options == {
        "minutes": 3.0, "hold_out": 0.3, "qualities": [1, 2, 3, 4, 5], "name": "n", "threads": 2, "device": "cpu",
    }  # fmt: skip
    out, err = capsys.readouterr()
    assert out == "mine/model\n"
    assert "note: left out: x" in err
    assert "a table" in err
    assert "is better; use it with --model mine/model" in err


def test_a_model_that_is_not_better_is_exit_code_4(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    calls["better"] = False
    assert main(["adapt", "default", "a.mp4", "-o", "mine"]) == 4
    out, err = capsys.readouterr()
    assert out == "old\n"
    assert "not better, so nothing changes: keep old" in err
    assert "sensic: " not in err  # nothing went wrong


def test_json(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["adapt", "default", "a.mp4", "-o", "mine", "--json"]) == 0
    progress, report = map(json.loads, capsys.readouterr().out.splitlines())
    assert (progress["type"], progress["stage"], progress["total"]) == ("progress", "judging", 10)
    assert (report["type"], report["model"], report["bd_rate_percent"]["luma"]) == ("adapted", "mine/model", -3.0)


def test_errors(calls: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    calls["error"] = UsageError("mine was made with another model")
    assert main(["adapt", "default", "a.mp4", "-o", "mine"]) == 2
    assert main(["adapt", "default", "a.mp4", "-o", "mine", "--qualities", "1,two"]) == 2
    assert "1,two" in capsys.readouterr().err
    assert main(["adapt", "default", "-o", "mine"]) == 2
    assert main(["adapt", "default", "a.mp4"]) == 2


def test_every_stage_says_how_far_it_is() -> None:
    view = AdaptView()
    part = SimpleNamespace(task="training", step=5, share=0.5, loss=0.2, crops_per_second=3.0, remaining=60.0)
    assert view.text(SimpleNamespace(stage="reading", part=Progress(5, 10, 0, 1.0))).startswith("reading  5/10 frames")
    assert view.text(SimpleNamespace(stage="training", part=Progress(5, 10, 0, 1.0))).startswith("preparing  5/10")
    assert view.text(SimpleNamespace(stage="training", part=part)).startswith("step 5  50.0%")
    assert view.text(SimpleNamespace(stage="judging", part=Progress(5, 10, 0, 1.0))) == "judging  5/10 files"
    assert view.text(SimpleNamespace(stage="counting", part=Progress(7, 100, 0, 2.0))) == "counting symbols  7%"
    assert view.position(SimpleNamespace(stage="training", part=part)) == (0.5, 1.0)
