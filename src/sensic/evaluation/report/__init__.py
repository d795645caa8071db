"""The report of an evaluation: one page to look at, curves as pictures, tables as text."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from sensic.errors import OutputError
from sensic.evaluation import plots, tables
from sensic.evaluation.metrics import METRICS
from sensic.evaluation.report.crops import keep_crops
from sensic.evaluation.report.data import frames_per_second, order, page_data, script_json
from sensic.evaluation.report.published import Figure, load
from sensic.evaluation.results import Results

__all__ = ["Figure", "keep_crops", "load_published", "write_report"]

load_published = load

# The same hues on a dark ground.
DARK = (
    "#ff6b9d", "#adb5bd", "#4dabf7", "#69db7c", "#ff922b", "#b197fc", "#3bc9db", "#ffd43b", "#bcaaa4", "#91a7ff",
)  # fmt: skip


def write_report(
    results: Results, out: Path, *, pictures: Path | None = None, published: Sequence[Figure] | None = None
) -> Path:
    """Write ``index.html``, ``report.md``, ``rd.png`` and ``rd.svg`` into the folder ``out``; returns the page's path.

    The page asks for nothing from anywhere: styles, scripts and pictures are in it. ``pictures`` is the folder that
    ``keep_crops`` wrote to; without it the page compares no pictures. ``published`` are figures of others, by default
    those that ship. Raises OutputError where the folder can't be written, EvaluationError for a damaged picture.
    """
    page = out / "index.html"
    _write(page, html(results, pictures, load() if published is None else published).encode())
    _write(out / "report.md", markdown(results).encode())
    if results.measurements:
        for format in ("png", "svg"):
            _write(out / f"rd.{format}", _curves(results, format))
    return page


def html(results: Results, pictures: Path | None, published: Sequence[Figure]) -> str:
    """The page."""
    environment = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(percent=tables.percent, plain=_plain, rate=frames_per_second)
    by_source: dict[str, list[Figure]] = {}
    for figure in published:
        by_source.setdefault(figure.title, []).append(figure)
    return environment.get_template("page.html.j2").render(
        results=results,
        data=script_json(page_data(results, pictures)),
        anchor=tables.default_anchor(results),
        headlines=headlines(results),
        speeds=tables.speeds(results),
        coders=order(results),
        colours={"light": plots.COLOURS, "dark": DARK},
        conditions=list(_flat(results.conditions)),
        published=by_source,
        css=_text("page.css"),
        scripts=[_text("charts.js"), _text("page.js")],
    )


def headlines(results: Results) -> list[dict[str, Any]]:
    """For each coder of ours (or all, where there is none), its BD-rate against the anchor: the first that a reader
    sees, so it holds the whole range over the clips and how many of them could be compared."""
    metrics, anchor = tables.rate_metrics(results), tables.default_anchor(results)
    if not metrics:
        return []
    table = tables.deltas(results, anchor, metrics[0])
    others = [coder for coder in order(results) if coder != anchor]
    lines = []
    for coder in [c for c in others if tables.is_ours(c)] or others:
        known = [p for row in table.cells.values() if (p := row[coder].percent) is not None]
        lines.append(
            {
                "coder": coder,
                "metric": METRICS[metrics[0]].label,
                "mean": table.mean(coder),
                "low": min(known, default=None),
                "high": max(known, default=None),
                "known": len(known),
                "speed": next((s for s in tables.speeds(results) if s.coder == coder), None),
            }
        )
    return lines


def markdown(results: Results) -> str:
    """``report.md``."""
    how = [f"- {name}: {value}" for name, value in _flat(results.conditions)]
    picture = "![Rate–distortion curves](rd.png)\n\n" if results.measurements else ""
    return f"# Evaluation\n\n{tables.markdown(results)}\n{picture}" + "\n".join(["Conditions:", "", *how, ""])


def _curves(results: Results, format: str) -> bytes:
    names = tables.rate_metrics(results)
    metric = names[0] if names else ""
    panels = {
        clip.name: {
            coder: [(results.bits_per_pixel(m), m.metrics[metric]) for m in points]
            for coder in order(results)
            if (points := [m for m in results.of(clip.name, coder) if metric in m.metrics])
        }
        for clip in results.clips
    }
    picture = io.BytesIO()
    label = f"{METRICS[metric].label}, {METRICS[metric].unit}".rstrip(", ") if names else ""
    plots.rate_distortion(panels, picture, format=format, quality=label)
    return picture.getvalue()


def _flat(values: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Conditions as lines: what is nested gets the names of all levels."""
    for name, value in values.items():
        path = f"{above} · {name}" if above else name
        if isinstance(value, dict):
            yield from _flat(value, path)
        elif value not in ([], ""):
            yield path.replace("_", " "), _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value is None else str(value)


def _text(name: str) -> str:
    return (files("sensic.evaluation.report") / name).read_text(encoding="utf-8")


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror or error}") from error
