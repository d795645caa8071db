"""``sensic sense-budget``."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from sensic.cli import arguments, completion, console
from sensic.cli.progress import display

if TYPE_CHECKING:
    from sensic.sensing import Budget


def sense_budget(
    source: Annotated[str, typer.Argument(metavar="IN", help="Any video that FFmpeg reads.")],
    quality: Annotated[int, typer.Option("--quality", "-q", help="0 (smallest) to 63 (best).")] = 32,
    frames: Annotated[int, typer.Option("--frames", help="Frames measured together: 1, 2 or 4.")] = 4,
    operator: Annotated[
        str,
        typer.Option(
            "--operator",
            help="wht, scrambled or learned_ternary.",
            autocompletion=completion.words("wht", "scrambled", "learned_ternary"),
        ),
    ] = "wht",
    mcu: Annotated[bool, typer.Option("--mcu", help="Golomb–Rice codes.")] = False,
    count: Annotated[int, typer.Option("--count", metavar="N", help="Count in the first N frames.")] = 8,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Count what the camera-side encoder of the sensing profile spends on a frame: operations and memory."""
    import sensic
    from sensic.sensing import SensingSettings, measure_budget

    settings = SensingSettings(operator, frames, mcu=mcu)
    start, done = time.monotonic(), 0
    with display(quiet=quiet, as_json=as_json) as show:

        def step() -> None:
            nonlocal done
            done += 1
            show(sensic.Progress(done, None, 0, time.monotonic() - start))

        budget = measure_budget(source, settings, quality=quality, frames=count, on_frame=step)
    if as_json:
        console.record("budget", **asdict(budget))
        return
    for name, value in _lines(budget):
        print(f"{name + ':':<18} {value}")


def _lines(budget: Budget) -> list[tuple[str, str]]:
    def rate(value: float) -> str:
        return f"{value:,.0f} a frame, {value / budget.samples:.3g} a sample"

    amount = console.amount
    waiting = (
        f"{amount(budget.picture_memory)} for frames that wait for their group" if budget.picture_memory else "none"
    )
    return [
        ("frame", f"{budget.width}x{budget.height}, {budget.samples:,.0f} samples in three planes"),
        ("measuring", f"{rate(budget.measuring)}: additions, no multiplication"),
        ("quantising", f"{rate(budget.quantising)}: an addition, a shift, a comparison each"),
        ("coding", f"{rate(budget.decisions)}: decisions; {budget.raw_bits:,.0f} plain bits"),
        ("multiplications", rate(budget.multiplications)),
        (
            "output",
            f"{amount(budget.bytes)} a frame, {8 * budget.bytes / (budget.width * budget.height):.4f} bits per pixel",
        ),
        ("memory", f"{amount(budget.memory)} in all"),
        ("  of blocks above", amount(budget.line_memory)),
        ("  lines of pixels", amount(budget.stripe_memory)),
        ("  contexts", amount(budget.context_memory)),
        ("  a block", amount(budget.block_memory)),
        ("  packets", amount(budget.packet_memory)),
        ("frame store", waiting),
    ]
