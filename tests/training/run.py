"""A training run in a process of its own: ``python -m tests.training.run PACKS OUT RECIPE [STEP]``.

RECIPE holds tables as JSON; after STEP steps the process kills itself as ``kill -9`` would.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from sensic.training import train
from tests.training.conftest import small_recipe

ROOT = Path(__file__).parents[2]


def main(packs: str, out: str, tables: str, kill_at: str = "0") -> None:
    def watch(progress: Any) -> None:
        if getattr(progress, "task", "") == "training" and progress.step == int(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)

    train(small_recipe(Path(packs), **json.loads(tables)), out=out, progress=watch)


if __name__ == "__main__":
    main(*sys.argv[1:])
