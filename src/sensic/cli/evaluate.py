"""``sensic evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensic.cli import arguments, completion, console, plans
from sensic.cli.progress import View, display
from sensic.errors import EvaluationError, UsageError

if TYPE_CHECKING:
    from sensic.evaluation import Deltas, Results

FAILURES = 1  # the exit code where something could not be measured


def evaluate(
    clips: Annotated[
        list[Path] | None, typer.Argument(metavar="CLIPS...", help="Videos, 4:2:0 of 8 or 10 bits.")
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="A model, or MODEL@PRESET; repeatable.  [default: default]",
            autocompletion=completion.models,
        ),
    ] = None,
    against: Annotated[
        str,
        typer.Option(
            metavar="CODER,...",
            help="x264, x265, svtav1, vvenc, vp9, aom, jpeg …, as in x265:slow.",
            autocompletion=completion.coders,
        ),
    ] = "x264:medium,x265:medium",
    frames: Annotated[int | None, typer.Option(metavar="N", help="First frames of each clip; all by default.")] = None,
    gop: Annotated[str, typer.Option(metavar="N", help="Frames per group, one intra frame each; or all.")] = "32",
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,...",
            help="psnr, ssim, msssim, vmaf, xpsnr, flicker; all by default.",
            autocompletion=completion.metrics,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(metavar="CODER=N,N,...", help="Qualities or CRFs of a coder, five or more; repeatable."),
    ] = None,
    repeats: Annotated[int, typer.Option(metavar="N", help="How often each is timed, the coders taking turns.")] = 2,
    threads: Annotated[int, typer.Option("--threads", "-t", metavar="N", help="Threads of every coder.")] = 2,
    audio: Annotated[bool, typer.Option("--audio", help="Code the sound too; it is counted then.")] = False,
    anchor: Annotated[
        str | None, typer.Option(metavar="CODER", help="What the others are compared with.  [default: x265:medium]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--report", "--out", "-o", metavar="DIR", help="Folder for all of it.  [default: evaluation]"),
    ] = None,
    known: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Redraw a results.json; nothing is coded.")
    ] = None,
    dry_run: arguments.DryRun = False,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Measure Sensic next to real encoders: size, quality, speed and memory, on your clips.

    Every stream is written and decoded, every frame compared. DIR gets a page to look at (index.html), results.json
    and tables. The same command goes on where it was stopped. Exit code 1 where something could not be measured.
    """
    from sensic.evaluation import Results, plan_evaluation
    from sensic.evaluation import evaluate as run

    if known is not None:
        if clips or dry_run:
            raise UsageError(f"--from redraws what was measured: give no {'clips' if clips else '--dry-run'} with it")
        folder = out or known.parent
        results, pictures = Results.read(known), known.parent / "pictures"
    else:
        folder = out or Path("evaluation")
        coders = [*([f"sensic:{model}" for model in models or ()] or ["sensic"]), *_words(against)]
        options: dict[str, Any] = {
            "out": folder,
            "frames": frames,
            "gop": _gop(gop),
            "settings": _settings(settings or ()),
            "repeats": repeats,
            "threads": threads,
            "audio": audio,
            "anchor": anchor,
            **({} if metrics is None else {"metrics": _words(metrics)}),
        }
        if dry_run:
            plan = plan_evaluation(clips or [], coders, **options)
            plans.show_evaluate(plan, as_json=as_json, quiet=quiet)
            raise typer.Exit(FAILURES if plan.failures else 0)
        try:
            with display(quiet=quiet, as_json=as_json, view=EvaluateView()) as show:
                results = run(clips or [], coders, **options, progress=show)
        except (KeyboardInterrupt, SystemExit):
            if not quiet:
                console.status(f"stopped: the same command goes on from what is in {folder}")
            raise
        pictures = folder / "pictures"
    _report(results, folder, pictures, as_json=as_json, quiet=quiet)
    if results.failures:
        raise typer.Exit(FAILURES)


def _report(results: Results, folder: Path, pictures: Path, *, as_json: bool, quiet: bool) -> None:
    """Draw the page, and say what came out."""
    from sensic.evaluation import default_anchor, deltas, rate_metrics, write_report

    failures = _failures(results)
    if not results.measurements:
        raise EvaluationError("nothing could be measured: " + ("; ".join(failures) or "there was nothing to measure"))
    page = write_report(results, folder, pictures=pictures if pictures.is_dir() else None)
    anchor, metrics = default_anchor(results), rate_metrics(results)
    if as_json:
        tables = {metric: _plain(deltas(results, anchor, metric)) for metric in metrics}
        named = [asdict(failure) for failure in results.failures]
        console.record("evaluated", report=str(page), anchor=anchor, bd_rate=tables, failures=named)
        return
    if not quiet:
        console.notes(results.conditions.get("notes", ()))
    for line in failures:
        console.status(f"failed: {line}")
    for metric in metrics[:1]:
        _print_table(deltas(results, anchor, metric))
    print(page)


def _plain(table: Deltas) -> dict[str, Any]:
    coders = {coder for row in table.cells.values() for coder in row}
    clips = {clip: {coder: asdict(delta) for coder, delta in row.items()} for clip, row in table.cells.items()}
    return {"clips": clips, "mean": {coder: table.mean(coder) for coder in sorted(coders)}}


def _print_table(table: Deltas) -> None:
    from sensic.evaluation import METRICS

    coders = list(dict.fromkeys(coder for row in table.cells.values() for coder in row))
    if not coders:
        return
    rows = [["", *coders]]
    rows += [[clip, *(_percent(row[c].percent) for c in coders)] for clip, row in table.cells.items()]
    rows.append(["mean", *(_percent(table.mean(c)) for c in coders)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(f"bytes against {table.anchor} at the same {METRICS[table.metric].label} (BD-rate of whole files)")
    for first, *rest in rows:
        cells = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        print("  ".join((first.ljust(widths[0]), *cells)))


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:+.1f}%"


def _failures(results: Results) -> list[str]:
    found = []
    for failure in results.failures:
        setting = "" if failure.setting is None else f" at {failure.setting:g}"
        where = ", ".join(filter(None, (failure.clip, failure.coder + setting)))
        found.append(f"{where}: {failure.message}")
    return found


class EvaluateView(View):
    """Settings of coders on clips."""

    def text(self, progress: Any) -> str:
        what = progress.coder if progress.setting is None else f"{progress.coder} {progress.setting:g}"
        parts = [f"{progress.done}/{progress.total}", progress.clip, what]
        if progress.done > progress.known:
            left = progress.seconds / (progress.done - progress.known) * (progress.total - progress.done)
            parts.append(f"{console.clock(left)} left")
        return "  ".join(filter(None, parts))

    def fields(self, progress: Any) -> dict[str, Any]:
        return asdict(progress)

    def position(self, progress: Any) -> tuple[float, float | None]:
        return progress.done, progress.total


def _words(text: str) -> list[str]:
    return [word for word in (word.strip() for word in text.split(",")) if word]


def _gop(text: str) -> int | None:
    if text == "all":
        return None
    try:
        return int(text)
    except ValueError:
        raise UsageError(f"--gop is a number of frames, or all, not {text}") from None


def _settings(entries: Sequence[str]) -> dict[str, list[float]]:
    """CODER=N,N,… each."""
    found: dict[str, list[float]] = {}
    for entry in entries:
        name, _, numbers = entry.rpartition("=")
        try:
            found[name] = [float(word) for word in _words(numbers)]
        except ValueError:
            found[name] = []
        if not name or not found[name]:
            raise UsageError(f"--settings is like x265:medium=18,23,28,33,38, not {entry}")
    return found
