"""What a process cost is its own, and nothing of it outlives the call."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sensic.errors import EvaluationError
from sensic.evaluation.process import Usage, ffmpeg, run

PYTHON = [sys.executable, "-I", "-S", "-c"]
MIB = 1 << 20
# Starts a child, writes its number to the file named and waits for it.
PARENT = (
    "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); open(sys.argv[1], 'w').write(str(p.pid)); p.wait()"
)


def ends(pid: int) -> bool:
    """Whether that process, which has nobody left to wait for it, is gone within ten seconds."""
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def wait_for(path: Path) -> int:
    for _ in range(500):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.02)
    raise AssertionError("the process never started")


def test_cpu_and_memory_are_the_processes_own() -> None:
    held = np.ones(200 * MIB, np.uint8)  # of this process, which is no concern of the other's
    idle = run([*PYTHON, "import time; time.sleep(0.5)"])
    busy = run([*PYTHON, "import time\nx = b'x' * (100 << 20)\nwhile time.process_time() < 0.5: pass"])
    assert held.nbytes > 4 * idle.memory
    assert idle.seconds >= 0.5
    assert idle.cpu < 0.4
    assert busy.cpu >= 0.5
    assert 100 * MIB < busy.memory < held.nbytes


def test_children_count() -> None:
    burn = "while time.process_time() < 0.5: pass"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-I', '-S', '-c', 'import time\\n{burn}'])"
    assert run([*PYTHON, code]).cpu >= 0.5


def test_usage_adds_up() -> None:
    assert Usage(1.0, 2.0, 30) + Usage(0.5, 0.25, 20) == Usage(1.5, 2.25, 30)


def test_output_and_environment(tmp_path: Path) -> None:
    code = "import os; print(os.environ['WORD'], os.getcwd())"
    run([*PYTHON, code], env={"WORD": "hello"}, output=tmp_path / "told")
    assert (tmp_path / "told").read_text() == f"hello {os.getcwd()}\n"
    assert "WORD" not in os.environ


def test_failure_says_the_last_lines() -> None:
    with pytest.raises(EvaluationError) as caught:
        run([*PYTHON, "import sys; sys.stderr.write('a\\nb\\nc\\n\\nd\\n'); sys.exit(3)"])
    assert str(caught.value) == f"{Path(sys.executable).name} failed: b; c; d"


def test_a_signal_is_named() -> None:
    with pytest.raises(EvaluationError, match="was ended by SIGKILL"):
        run([*PYTHON, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"])


def test_a_missing_program_is_named() -> None:
    with pytest.raises(EvaluationError, match="there is no program no-such-program"):
        run(["no-such-program"])


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_too_long_kills_the_children_too(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="took longer than 2 s"):
        run([*PYTHON, PARENT, str(tmp_path / "pid")], timeout=2)
    assert ends(wait_for(tmp_path / "pid"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_ctrl_c_kills_the_children_too(tmp_path: Path) -> None:
    def interrupt() -> None:
        wait_for(tmp_path / "pid")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run([*PYTHON, PARENT, str(tmp_path / "pid")], timeout=60)
    thread.join()
    assert ends(wait_for(tmp_path / "pid"))


def test_without_imageio_ffmpeg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(EvaluationError, match=r"pip install 'sensic\[eval\]'"):
        ffmpeg()
