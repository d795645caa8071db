"""Processes of this machine: results, deaths, ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sensic.cluster import LocalExecutor, Task
from sensic.errors import ClusterError, InputError, UsageError
from tests.cluster import jobs


def ignore(number: int, value: Any) -> None:
    pass


def test_every_result_comes_once_and_reports_arrive() -> None:
    tasks = [Task(f"the square of {n}", jobs.square, n) for n in range(7)]
    reports: dict[int, Any] = {}
    results = dict(LocalExecutor(3).run(tasks, reports.__setitem__))
    assert results == {n: n * n for n in range(7)}
    assert reports == {n: n for n in range(7)}


def test_no_tasks_need_no_workers() -> None:
    assert list(LocalExecutor(2).run([], ignore)) == []


def test_what_a_task_raises_is_raised_with_where_it_arose() -> None:
    with pytest.raises(InputError, match="no such thing: x") as caught:
        list(LocalExecutor(2).run([Task("a", jobs.fail, "x")], ignore))
    assert "in fail" in caught.value.__notes__[0]
    with pytest.raises(RuntimeError, match="Odd: odd"):
        list(LocalExecutor(1).run([Task("a", jobs.unusual, None)], ignore))


def test_a_task_whose_worker_dies_is_begun_again(tmp_path: Path) -> None:
    tasks = [Task("a", jobs.die_until, tmp_path), Task("b", jobs.square, 3)]
    assert dict(LocalExecutor(2).run(tasks, ignore)) == {0: 3, 1: 9}


def test_three_deaths_are_too_many() -> None:
    tasks = [Task("frames 0 to 9", jobs.die, signal.SIGKILL)]
    with pytest.raises(ClusterError, match=r"frames 0 to 9 died 3 times.*SIGKILL"):
        list(LocalExecutor(1).run(tasks, ignore))
    with pytest.raises(ClusterError, match="code 7: last words"):
        list(LocalExecutor(1).run([Task("a", jobs.leave, 7)], ignore))


def test_closing_ends_the_workers(tmp_path: Path) -> None:
    tasks = [Task("long", jobs.linger, tmp_path / "pid"), Task("short", jobs.square, 2)]
    results = LocalExecutor(2).run(tasks, ignore)
    assert next(results) == (1, 4)
    wait_for((tmp_path / "pid").exists)
    results.close()
    wait_for(lambda: not is_alive(int((tmp_path / "pid").read_text())))


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """A program without a guard for ``__main__``, too."""
    code = (
        "import pathlib, sys\nfrom sensic.cluster import LocalExecutor, Task\nfrom tests.cluster import jobs\n"
        "list(LocalExecutor(1).run([Task('long', jobs.linger, pathlib.Path(sys.argv[1]))], print))"
    )
    file = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", code, str(file)], stdout=subprocess.DEVNULL)
    wait_for(lambda: file.exists() and file.read_text() != "")
    parent.kill()
    parent.wait()
    wait_for(lambda: not is_alive(int(file.read_text())))


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_the_number_of_workers_is_checked(workers: Any) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        LocalExecutor(workers)


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for has ended too."""
    try:
        os.kill(pid, 0)
        return "zombie" not in Path(f"/proc/{pid}/status").read_text() if sys.platform == "linux" else True
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_for(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
