"""Tables of an evaluation, all computed from its results: BD-rates, speed, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import log
from typing import Any

from sensic.evaluation.bd import delta_rate
from sensic.evaluation.metrics import METRICS
from sensic.evaluation.results import Measurement, Results, Run

OURS = "sensic"  # what the specifications of our coders begin with
ANCHOR = "x265:medium"
TIMES = ("encode_seconds", "decode_seconds", "encode_cpu", "decode_cpu")
WORST = "_worst"  # what the name of a metric's worst frame ends in; only metrics of pictures have one


@dataclass(frozen=True)
class Delta:
    """BD-rate of whole files in percent (negative: fewer bytes than the anchor), ``payload`` the same without
    containers, over the qualities from ``low`` to ``high`` that both curves share; or the ``reason`` there is none.
    """

    percent: float | None = None
    payload: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Deltas:
    """``cells`` are by clip, then by coder, the anchor left out."""

    anchor: str
    metric: str
    cells: dict[str, dict[str, Delta]]

    def mean(self, coder: str, *, payload: bool = False) -> float | None:
        """Over the clips; None when one of them has no figure, as a mean of the easy ones would flatter."""
        deltas = [row[coder] for row in self.cells.values()]
        known = [p for d in deltas if (p := d.payload if payload else d.percent) is not None]
        return sum(known) / len(known) if known and len(known) == len(deltas) else None


@dataclass(frozen=True)
class Speed:
    """What a coder took for all it coded: frames per second and CPU milliseconds per frame of the fastest round of
    each measurement, peak resident memory in bytes, and kMAC per pixel of its networks, where it has any."""

    coder: str
    version: str
    threads: int
    encode_rate: float
    decode_rate: float
    encode_cpu: float
    decode_cpu: float
    encode_memory: int
    decode_memory: int
    rounds: int
    encode_kmac: float | None = None
    decode_kmac: float | None = None


def is_ours(coder: str) -> bool:
    return coder.split(":")[0].split("@")[0] == OURS


def rate_metrics(results: Results) -> list[str]:
    """The metrics that a BD-rate may be of: of pictures, measured at all, and higher is better."""
    measured = {name for m in results.measurements for name in m.metrics}
    of_pictures = {name.removesuffix(WORST) for name in METRICS if name.endswith(WORST)}
    return [
        name for name, metric in METRICS.items() if name in of_pictures and name in measured and metric.higher_is_better
    ]


def default_anchor(results: Results) -> str:
    """The one that the evaluation was asked for, where it was measured; else x265, or the first that isn't ours."""
    wanted = [results.conditions.get("anchor"), ANCHOR, *(c for c in results.coders if not is_ours(c)), *results.coders]
    return next((c for c in wanted if c in results.coders), "")


def curve(points: Sequence[Measurement], metric: str, *, payload: bool = False) -> list[tuple[float, float]]:
    """(bytes, quality) of measurements that have the metric."""
    rated = ((m.payload_bytes if payload else m.file_bytes, m) for m in points if metric in m.metrics)
    return [(float(size), m.metrics[metric]) for size, m in rated]


def delta(results: Results, clip: str, coder: str, anchor: str, metric: str) -> Delta:
    """Of one coder on one clip."""
    ours, theirs = results.of(clip, coder), results.of(clip, anchor)
    unit = METRICS[metric].unit
    try:
        whole = delta_rate(curve(theirs, metric), curve(ours, metric), unit=unit)
        payload = delta_rate(curve(theirs, metric, payload=True), curve(ours, metric, payload=True), unit=unit)
    except ValueError as error:
        return Delta(reason=str(error))
    return Delta(whole.percent, payload.percent, whole.low, whole.high)


def deltas(results: Results, anchor: str, metric: str) -> Deltas:
    """Of every other coder on every clip."""
    others = [coder for coder in results.coders if coder != anchor]
    cells = {
        clip.name: {coder: delta(results, clip.name, coder, anchor, metric) for coder in others}
        for clip in results.clips
    }
    return Deltas(anchor, metric, cells)


def fastest(m: Measurement) -> Run | None:
    """The least time of all rounds, as what else the machine did can only have added to it, and the most memory."""
    if not m.runs:
        return None
    least = {name: min(getattr(run, name) for run in m.runs) for name in TIMES}
    most = {name: max(getattr(run, name) for run in m.runs) for name in ("encode_memory", "decode_memory")}
    return Run(**least, **most, threads=m.runs[0].threads)


def speeds(results: Results) -> list[Speed]:
    """Of every coder that was timed, over all it coded."""
    networks = results.conditions.get("networks") or {}
    rows = []
    for coder in results.coders:
        timed = [(m, run) for m in results.measurements if m.coder == coder and (run := fastest(m))]
        if timed:
            rows.append(_speed(results, coder, timed, networks.get(coder, {}).get("kmac_per_pixel", {})))
    return rows


def _speed(results: Results, coder: str, timed: Sequence[tuple[Measurement, Run]], kmac: dict[str, float]) -> Speed:
    frames = sum(results.clip(m.clip).frames for m, _ in timed)
    runs = [run for _, run in timed]
    return Speed(
        coder,
        timed[0][0].version,
        runs[0].threads,
        frames / sum(run.encode_seconds for run in runs),
        frames / sum(run.decode_seconds for run in runs),
        1000 * sum(run.encode_cpu for run in runs) / frames,
        1000 * sum(run.decode_cpu for run in runs) / frames,
        max(run.encode_memory for run in runs),
        max(run.decode_memory for run in runs),
        min(len(m.runs) for m, _ in timed),
        kmac.get("encoder"),
        kmac.get("decoder"),
    )


def kilobits_per_second(results: Results, m: Measurement) -> float:
    """Of the whole file, at the clip's frame rate."""
    clip = results.clip(m.clip)
    return 8 * m.file_bytes * float(Fraction(clip.rate)) / clip.frames / 1000


def nearest(points: Sequence[Measurement], size: float) -> Measurement | None:
    """The one whose file is nearest to ``size`` bytes, by ratio."""
    return min(points, key=lambda m: abs(log(m.file_bytes / size)), default=None)


def middle(points: Sequence[Measurement]) -> Measurement | None:
    """The one in the middle of points in order of rate."""
    return points[len(points) // 2] if points else None


def markdown(results: Results) -> str:
    """BD-rates of the first metric by clip, the means of all metrics, speed and failures."""
    anchor = default_anchor(results)
    tables = [deltas(results, anchor, metric) for metric in rate_metrics(results)]
    parts = [*map(_delta_table, tables[:1]), _mean_table(tables), _speed_table(speeds(results)), _failures(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def percent(value: float | None) -> str:
    return "none" if value is None else f"{value:+.1f}%".replace("-", "−")


def _delta_table(table: Deltas) -> str:
    metric = METRICS[table.metric]
    coders = list(next(iter(table.cells.values()), {}))
    if not coders:
        return ""
    rows = [[clip, *(_delta_cell(row[c], metric.unit) for c in coders)] for clip, row in table.cells.items()]
    means = [f"{percent(table.mean(c))} ({percent(table.mean(c, payload=True))})" for c in coders]
    title = (
        f"Bytes against {table.anchor} at the same {metric.label} (BD-rate of whole files; in brackets without "
        "containers; then the qualities that both curves share):"
    )
    return title + "\n\n" + _table(["clip", *coders], [*rows, ["**mean**", *means]])


def _mean_table(tables: Sequence[Deltas]) -> str:
    """A row for each metric."""
    coders = list(next(iter(tables[0].cells.values()), {})) if len(tables) > 1 else []
    if not coders:
        return ""
    rows = [[METRICS[table.metric].label, *(percent(table.mean(coder)) for coder in coders)] for table in tables]
    return f"Mean BD-rate against {tables[0].anchor}:\n\n" + _table(["at the same", *coders], rows)


def _delta_cell(cell: Delta, unit: str) -> str:
    if cell.percent is None:
        return f"none: {cell.reason}"
    digits = 1 if unit == "dB" or (cell.high or 0) > 10 else 3
    span = f"{cell.low:.{digits}f}–{cell.high:.{digits}f} {unit}".rstrip()
    return f"{percent(cell.percent)} ({percent(cell.payload)}), {span}"


def _speed_table(rows: Sequence[Speed]) -> str:
    if not rows:
        return ""
    pairs = ("frames/s", "CPU ms/frame", "peak MB", "threads", "kMAC/pixel")
    head = [name for pair in pairs for name in ([pair] if pair == "threads" else [f"{pair}, encode", "decode"])]
    return _table(["coder", *head], [[row.coder, *_speed_cells(row)] for row in rows])


def _speed_cells(row: Speed) -> list[str]:
    return [
        f"{row.encode_rate:.1f}",
        f"{row.decode_rate:.1f}",
        f"{row.encode_cpu:.1f}",
        f"{row.decode_cpu:.1f}",
        f"{row.encode_memory / 1e6:.0f}",
        f"{row.decode_memory / 1e6:.0f}",
        str(row.threads),
        *("–" if value is None else f"{value:.2f}" for value in (row.encode_kmac, row.decode_kmac)),
    ]


def _failures(results: Results) -> str:
    rows = [[f.clip, f.coder, "" if f.setting is None else f"{f.setting:g}", f.message] for f in results.failures]
    return "Not measured:\n\n" + _table(["clip", "coder", "setting", "why"], rows) if rows else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(_escape(str(cell)) for cell in line) + " |" for line in lines)


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
