from __future__ import annotations

import io

import pytest

from sensic import Progress
from sensic.cli import console, progress


def test_a_line_says_how_far_it_is() -> None:
    assert progress.describe(Progress(30, 120, 50_000, 10.0, pixels=40_000)) == (
        "30/120 frames  3.0/s  0:30 left  50.0 kB of about 200.0 kB  0.3333 bpp"
    )
    assert progress.describe(Progress(30, None, 50_000, 10.0)) == "30 frames  3.0/s  50.0 kB"
    assert progress.describe(Progress(0, None, 0, 0.0, pixels=100)) == "0 frames  0.0/s"
    assert progress.describe(Progress(5, 10, 0, 1.0, pixels=100)) == "5/10 frames  5.0/s  0:01 left"
    assert progress.describe(Progress(5, 10, 0, 1.0, stage="reading")) == "reading  5/10 frames  5.0/s  0:01 left"
    resumed = Progress(60, 90, 0, 10.0, kept=30)  # what was there already says nothing of the speed
    assert progress.describe(resumed) == "60/90 frames  3.0/s  0:10 left"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_900, "1.0 MB"), (5e12, "5000.0 GB")]
)
def test_amounts(count: float, text: str) -> None:
    assert console.amount(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (750, "12:30"), (3723, "1:02:03")])
def test_clocks(seconds: float, text: str) -> None:
    assert console.clock(seconds) == text


def test_plain_lines_come_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with progress.display(quiet=False, as_json=False) as show:
        for frame in range(1, 13):
            now += 1
            show(Progress(frame, 12, 10 * frame, float(frame)))
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == ["5/12", "10/12"]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.display(quiet=False, as_json=False) as show:
        assert isinstance(show, progress.Bar)
        show(Progress(3, 12, 30, 1.0))
    assert "3/12 frames" in terminal.getvalue()


def test_what_shows_nothing() -> None:
    assert type(progress.display(quiet=True, as_json=False)) is progress.Display
    assert type(progress.display(quiet=True, as_json=True)) is progress.Records
