"""Kills an encode at random moments, again and again, and lets it resume: ``python -m benchmarks.kills``.

Every round starts ``sensic encode --resume`` and, some random time later, ends it with kill -9: half of the time the
command alone, else its workers too. Whenever an encode gets to its end its bytes are compared with those of one that
nobody disturbed, and the next begins anew. It also counts workers that outlive the command, and files that are left.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.progress import progress_bar

PATIENCE = 10.0  # seconds for the workers to notice


@dataclass
class Trial:
    """The command and what is known of it so far."""

    command: list[str]
    output: Path
    expected: bytes
    longest: float
    counts: Counter[str] = field(default_factory=Counter)

    def round(self, dice: random.Random) -> None:
        """One start, and one kill if it comes soon enough."""
        with subprocess.Popen(self.command, start_new_session=True) as process:
            try:
                process.wait(dice.uniform(0, self.longest))
            except subprocess.TimeoutExpired:
                self.counts["kills"] += 1
                self.counts[f"with {self._parts()} parts finished"] += 1
                if dice.random() < 0.5:
                    process.kill()
                else:
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode == 0:
            self.compare()
        elif process.returncode != -signal.SIGKILL:
            raise SystemExit(f"the encode failed with code {process.returncode}")
        elif not _ends(process.pid):
            self.counts["orphans"] += 1
        elif self.output.exists():
            self.compare()  # killed after the output appeared

    def _parts(self) -> int:
        return len(list(self.output.with_name(self.output.name + ".parts").glob("[0-9]*")))

    def compare(self) -> None:
        self.counts["outputs" if self.output.read_bytes() == self.expected else "outputs that differ"] += 1
        self.output.unlink()
        others = [path.name for path in self.output.parent.iterdir() if path.name != f"{self.output.name}.parts"]
        self.counts["files left"] += len(others)


def _ends(group: int) -> bool:
    """Whether all processes of the group are gone soon."""
    end = time.monotonic() + PATIENCE
    with suppress(ProcessLookupError):
        while time.monotonic() < end:
            os.killpg(group, 0)
            time.sleep(0.02)
        return False
    return True


def main(
    clip: Annotated[Path, typer.Argument(help="Video to encode.", exists=True)] = Path("demo/bunny.mp4"),
    kills: Annotated[int, typer.Option(help="How many.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
    options: Annotated[str, typer.Option(help="Of sensic encode.")] = "--trim 0:2 --scale 96:-2 --gop 4 --workers 2",
) -> None:
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="sensic-kills-") as name, progress_bar() as bar:
        output = Path(name, "out.mkv")
        command = [sys.executable, "-P", "-m", "sensic.cli", "encode", str(clip), str(output)]
        command += [*options.split(), "--resume", "--quiet"]
        begun = time.monotonic()
        subprocess.run(command, check=True)
        trial = Trial(command, output, output.read_bytes(), time.monotonic() - begun)
        output.unlink()
        task = bar.add_task("kills", total=kills)
        while trial.counts["kills"] < kills:
            trial.round(dice)
            bar.update(task, completed=trial.counts["kills"])
        subprocess.run(command, check=True)  # what the last kill broke off
        trial.compare()
    print(json.dumps(dict(sorted(trial.counts.items())), indent=2))
    if any(trial.counts[fault] for fault in ("outputs that differ", "orphans", "files left")):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
