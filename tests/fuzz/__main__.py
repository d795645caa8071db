"""``python -m tests.fuzz TARGET --seconds 60``: feeds a target with what libFuzzer makes of the corpus (``atheris``).

What it finds new is kept in ``--corpus``; a case that fails is written to ``--crashes`` as ``crash-…`` and ends it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import atheris
import typer

with atheris.instrument_imports(include=["sensic.container", "sensic.model", "sensic.sensing.packets"]):
    from tests.fuzz.targets import CORPUS, TARGETS, changed_json, repaired


def main(
    name: Annotated[str, typer.Argument(metavar="TARGET", help=f"One of {', '.join(TARGETS)}.")],
    seconds: Annotated[int, typer.Option(min=1)] = 60,
    corpus: Annotated[Path | None, typer.Option(help="Where new cases are kept.")] = None,
    crashes: Annotated[Path, typer.Option(help="Where cases that fail are written.")] = Path(),
) -> None:
    """Fuzz a target."""
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(target.seeds()):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        places = [str(corpus or folder), folder, str(CORPUS / name)]
        options = [
            f"-max_total_time={seconds}",
            f"-artifact_prefix={crashes}/",
            "-max_len=4096",
            "-print_final_stats=1",
        ]
        mutator = _sealed if target.sealed else _json if target.json else None
        given = {"custom_mutator": mutator} if mutator else {}
        atheris.Setup([sys.argv[0], *options, *filter(lambda place: Path(place).is_dir(), places)], target, **given)
        atheris.Fuzz()


def _sealed(data: bytes, most: int, seed: int) -> bytes:
    """A mutation whose checksum holds, so that the parser behind it is reached; now and then one that doesn't."""
    changed = bytes(atheris.Mutate(data, most))
    return changed if seed % 16 == 0 else repaired(changed)[:most]


def _json(data: bytes, most: int, seed: int) -> bytes:
    """A tree with another value in it, which checks of bytes can't guess; now and then other bytes."""
    changed = changed_json(data, seed) if seed % 16 else None
    return bytes(atheris.Mutate(data, most)) if changed is None or len(changed) > most else changed


if __name__ == "__main__":
    typer.run(main)
