"""Counts the probabilities that the sensing profile's range coder begins with: ``python -m benchmarks.initial VIDEOS``.

Four frames of every ``--every`` are coded together and by themselves at the qualities 14, 20, … 44. Of each context,
the share of its bits that are 1 is written as ``sensic/sensing/initial.py`` and ``c/initial.h`` hold it, in 1/256 and
128 where it never came up; luma and chroma are counted together. What ships is part of the format and stays as it is;
it is told how far it is from what was counted, and what both cost in these videos if nothing were learned on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.progress import progress_bar
from sensic.sensing import SensingEncoder, SensingSettings
from sensic.sensing.contexts import CONTEXTS, decide
from sensic.sensing.initial import PROBABILITIES
from sensic.sensing.range_coder import RAW
from sensic.video import Frame, VideoSource

QUALITIES = range(14, 45, 6)
TOGETHER = 4
_LINE = 40


def groups(source: Path, every: int) -> Iterator[list[Frame]]:
    """The first four of every ``every`` frames."""
    with VideoSource(source) as video:
        group: list[Frame] = []
        for place, frame in zip(count(), video, strict=False):
            if place % every < TOGETHER:
                group.append(frame)
            if len(group) == TOGETHER:
                yield group
                group = []


def bits_of(group: list[Frame]) -> NDArray[np.int64]:
    """How many bits [2, contexts] are 0 and 1."""
    found = np.zeros((2, CONTEXTS), np.int64)
    for quality in QUALITIES:
        for frames in (1, TOGETHER):
            encoder = SensingEncoder(SensingSettings(frames=frames), group[0].depth, quality)
            for first in range(0, TOGETHER, frames):
                symbols, geometry = encoder.symbols(group[first : first + frames])
                for layer in encoder.layers:
                    decided = decide(layer, symbols, geometry, encoder.quantiser.first_mean)
                    contexts, bits = np.array(decided[0]), np.array(decided[1])
                    here = contexts != RAW
                    np.add.at(found, (bits[here], contexts[here] % CONTEXTS), 1)
    return found


def probabilities(counted: NDArray[Any]) -> NDArray[np.int64]:
    """In 1/256, 1 to 255."""
    share = (counted[1] + 0.5) / (counted.sum(0) + 1)
    chances: NDArray[np.int64] = np.clip(np.rint(256 * share), 1, 255).astype(np.int64)
    return chances


def cost(counted: NDArray[Any], chances: NDArray[Any]) -> float:
    """Bits a decision."""
    ones = chances / 256
    return float(-(counted[1] * np.log2(ones) + counted[0] * np.log2(1 - ones)).sum() / counted.sum())


def main(
    videos: Annotated[list[Path], typer.Argument(help="Any, packs too.", exists=True)],
    every: Annotated[int, typer.Option(help="Four frames of so many are looked at.", min=TOGETHER)] = 480,
) -> None:
    counted = np.zeros((2, CONTEXTS), np.int64)
    with progress_bar() as bar:
        task = bar.add_task("counting", total=None)
        for video in videos:
            for group in groups(video, every):
                counted += bits_of(group)
                bar.advance(task)
    found, shipped = probabilities(counted), np.frombuffer(PROBABILITIES, np.uint8).astype(np.int64)
    text = bytes(found.tolist()).hex()
    for start in range(0, len(text), 2 * _LINE):
        typer.echo(f'    "{text[start : start + 2 * _LINE]}"')
    weights = counted.sum(0)
    apart = (np.abs(found - shipped) * weights).sum() / weights.sum()
    typer.echo(f"{weights.sum():,} decisions in {(weights > 0).sum()} of {CONTEXTS} contexts; shipped with")
    typer.echo(f"{(shipped != 128).sum()}, which are {apart:.1f}/256 from these on average of the decisions,")
    typer.echo(f"and cost {cost(counted, shipped):.4f} bits each where these cost {cost(counted, found):.4f}")


if __name__ == "__main__":
    typer.run(main)
