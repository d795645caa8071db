"""What the comparison of two models on held-out footage says, for people."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensic.evaluation.bd import DeltaRate
from sensic.evaluation.compare import Comparison, Point
from sensic.evaluation.plots import rate_distortion
from sensic.training.checkpoint import write_bytes
from sensic.training.data.work import write_json
from sensic.training.footage import Excerpt


@dataclass(frozen=True)
class Judged:
    """A comparison, the names of the two models, and where in the footage each excerpt is from."""

    comparison: Comparison
    before: str
    after: str
    pieces: Mapping[Path, Excerpt]

    def place(self, name: str) -> str:
        """Where the excerpt of that file name is from."""
        excerpt = next(e for path, e in self.pieces.items() if path.name == name)
        return f"{excerpt.source.name}, frames {excerpt.first} to {excerpt.first + excerpt.frames - 1}"


def verdict(judged: Judged) -> str:
    """One sentence."""
    c = judged.comparison
    frames = sum(e.frames for e in judged.pieces.values())
    count = len(judged.pieces)
    where = f"{frames} held-out frames in {count} excerpt{'s' if count > 1 else ''}"
    if c.luma is None or c.colour is None:
        return f"On {where} the two models can't be compared at all rates; the table below says why."
    return (
        f"On {where}, files change by {c.luma:+.1f}% for the same luma PSNR and by {c.colour:+.1f}% for the same PSNR "
        "of Y, U and V together (BD-rate, mean of the excerpts)."
    )


def table(judged: Judged) -> str:
    """The verdict, a row per quality and a row per excerpt, Markdown."""
    c = judged.comparison
    lines = [
        verdict(judged),
        "",
        f"| quality | {judged.before}: bytes | Y dB | YUV dB | {judged.after}: bytes | Y dB | YUV dB "
        "| saved at the same Y dB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for number, quality in enumerate(sorted({p.quality for p in c.points})):
        cells = [_cells([p for p in c.points if (p.model, p.quality) == (m, quality)]) for m in (c.before, c.after)]
        lines.append(f"| {quality} | {cells[0]} | {cells[1]} | {_mean_saved([row.saved[number] for row in c.rows])} |")
    lines += ["", "| excerpt | BD-rate, Y | BD-rate, YUV |", "|---|---:|---:|"]
    lines += [f"| {judged.place(row.excerpt)} | {_delta(row.luma)} | {_delta(row.colour)} |" for row in c.rows]
    return "\n".join(lines) + "\n"


def write_report(out: Path, judged: Judged, about: Mapping[str, Any]) -> None:
    """``report.json``, ``report.md`` and ``report.svg`` in the folder ``out``. Raises OutputError."""
    c = judged.comparison
    names = {c.before: judged.before, c.after: judged.after}
    pieces = [
        {"file": path.name, "source": str(e.source), "first": e.first, "frames": e.frames}
        for path, e in judged.pieces.items()
    ]
    write_json(out / "report.json", {**about, "models": names, "held_out": pieces, **c.to_dict()})
    curves = {
        judged.place(row.excerpt): {
            names[model]: [(p.bits_per_pixel, p.luma) for p in c.points if (p.excerpt, p.model) == (row.excerpt, model)]
            for model in (c.before, c.after)
        }
        for row in c.rows
    }
    picture = io.BytesIO()
    rate_distortion(curves, picture, format="svg")
    write_bytes(out / "report.svg", picture.getvalue())
    outcome = "is better and is in `model`." if c.better else f"is not better: go on with {judged.before}."
    text = f"# {judged.after} against {judged.before}\n\nThe specialised model {outcome}\n\n{table(judged)}"
    write_bytes(out / "report.md", f"{text}\n![Rate–distortion curves](report.svg)\n".encode())


def _cells(points: Sequence[Point]) -> str:
    count = len(points)
    luma, colour = sum(p.luma for p in points) / count, sum(p.colour for p in points) / count
    return f"{sum(p.file_bytes for p in points)} | {luma:.2f} | {colour:.2f}"


def _mean_saved(saved: Sequence[float | None]) -> str:
    known = [s for s in saved if s is not None]
    return f"{sum(known) / len(known):+.1f}%" if known else "out of reach"


def _delta(delta: DeltaRate | str) -> str:
    return delta if isinstance(delta, str) else f"{delta.percent:+.1f}%, {delta.low:.1f}–{delta.high:.1f} dB"
