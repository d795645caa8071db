"""Two models on the same excerpts: real files, every frame decoded and compared, and what the second saves."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sensic.codec.inspection import verify
from sensic.codec.transcode import encode
from sensic.evaluation.bd import DeltaRate, delta_rate, savings
from sensic.model import Model

QUALITIES = (0, 16, 32, 47, 63)  # the whole scale
WEIGHTS = (6, 1, 1)  # of Y, U and V


@dataclass(frozen=True)
class Point:
    """One excerpt coded by one model (its id) at one quality. ``file_bytes`` is the whole file, container included;
    ``psnr`` is of Y, U and V in dB, infinite where equal."""

    excerpt: str
    model: str
    quality: int
    frames: int
    pixels: int
    file_bytes: int
    psnr: tuple[float, float, float]

    @property
    def luma(self) -> float:
        return self.psnr[0]

    @property
    def colour(self) -> float:
        """PSNR of the three planes together, their squared errors weighted 6:1:1."""
        error = sum(w * 10 ** (-p / 10) for w, p in zip(WEIGHTS, self.psnr, strict=True)) / sum(WEIGHTS)
        return -10 * math.log10(error) if error else math.inf

    @property
    def bits_per_pixel(self) -> float:
        return 8 * self.file_bytes / self.pixels


@dataclass(frozen=True)
class Row:
    """One excerpt: BD-rate in percent (negative: smaller files) over luma and over all planes, or why there is none;
    ``saved`` is percent of bytes at the luma PSNR that the first model has at each quality, None out of reach."""

    excerpt: str
    luma: DeltaRate | str
    colour: DeltaRate | str
    saved: list[float | None]


@dataclass(frozen=True)
class Comparison:
    """Two models, by their ids, on all excerpts."""

    before: str
    after: str
    points: list[Point]
    rows: list[Row]

    @property
    def luma(self) -> float | None:
        """Mean BD-rate over the excerpts, percent; None where an excerpt has none."""
        return _mean([row.luma for row in self.rows])

    @property
    def colour(self) -> float | None:
        return _mean([row.colour for row in self.rows])

    @property
    def better(self) -> bool:
        """Whether the second model needs fewer bytes, judged by luma and by all planes."""
        return all(figure is not None and figure < 0 for figure in (self.luma, self.colour))

    def to_dict(self) -> dict[str, Any]:
        return {
            "before": self.before,
            "after": self.after,
            "better": self.better,
            "bd_rate_percent": {"luma": self.luma, "colour": self.colour},
            "excerpts": [asdict(row) for row in self.rows],
            "points": [asdict(point) for point in self.points],
        }


class Measurements:
    """Points measured so far, kept in a file of JSON lines: whoever is stopped goes on where it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._points: dict[tuple[str, str, int], Point] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                fields = json.loads(line)
                self._keep(Point(**{**fields, "psnr": tuple(fields["psnr"])}))
            except (ValueError, TypeError, KeyError):
                continue  # the line that a kill cut off

    def get(self, excerpt: str, model: Model, quality: int) -> Point | None:
        return self._points.get((excerpt, model.id, quality))

    def add(self, point: Point) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(asdict(point)))  # the end of a line that a kill cut off, too
        self._keep(point)

    def _keep(self, point: Point) -> None:
        self._points[point.excerpt, point.model, point.quality] = point


def measure(excerpt: Path, model: Model, quality: int, *, gop: int = 32, threads: int | None = None) -> Point:
    """Encode a video with a model, decode the file and compare every frame. Raises like ``sensic.encode``."""
    with tempfile.TemporaryDirectory() as scratch:
        stream = Path(scratch) / "coded.mkv"
        report = encode(excerpt, stream, quality=quality, gop=gop, model=model, threads=threads)
        checked = verify(stream, reference=excerpt, model=model, threads=threads)
    assert checked.psnr is not None
    pixels = report.frames * report.width * report.height
    return Point(excerpt.name, model.id, quality, report.frames, pixels, report.file_bytes, checked.psnr)


def compare(
    excerpts: Sequence[Path],
    before: Model,
    after: Model,
    *,
    qualities: Iterable[int] = QUALITIES,
    kept: Path,
    threads: int | None = None,
    on_point: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Code every excerpt with both models at every quality. ``kept`` is the file that remembers what was measured,
    ``on_point`` is told how many measurements of all are done. Raises like ``sensic.encode``.
    """
    jobs = [(e, model, q) for e in excerpts for q in sorted(set(qualities)) for model in (before, after)]
    known, points = Measurements(kept), []
    for number, (excerpt, model, quality) in enumerate(jobs):
        on_point(number, len(jobs))
        point = known.get(excerpt.name, model, quality)
        if point is None:
            point = measure(excerpt, model, quality, threads=threads)
            known.add(point)
        points.append(point)
    on_point(len(jobs), len(jobs))
    return Comparison(before.id, after.id, points, [_row(e.name, before.id, after.id, points) for e in excerpts])


def _row(excerpt: str, before: str, after: str, points: Sequence[Point]) -> Row:
    mine = [[p for p in points if (p.excerpt, p.model) == (excerpt, model)] for model in (before, after)]
    luma = [[(float(p.file_bytes), p.luma) for p in curve] for curve in mine]
    colour = [[(float(p.file_bytes), p.colour) for p in curve] for curve in mine]
    try:
        saved = savings(*luma)
    except ValueError:
        saved = [None] * len(mine[0])
    return Row(excerpt, _delta(*luma), _delta(*colour), saved)


def _delta(anchor: list[tuple[float, float]], test: list[tuple[float, float]]) -> DeltaRate | str:
    try:
        return delta_rate(anchor, test)
    except ValueError as error:
        return str(error)


def _mean(figures: Sequence[DeltaRate | str]) -> float | None:
    known = [figure.percent for figure in figures if isinstance(figure, DeltaRate)]
    return sum(known) / len(known) if known and len(known) == len(figures) else None
