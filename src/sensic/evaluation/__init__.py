"""Evaluation (extra ``eval``): Sensic and other codecs on the same clips, really coded, really decoded.

>>> from sensic.evaluation import evaluate, write_report
>>> results = evaluate(["a.mkv"], ["sensic", "x265:medium"], out="out")  # doctest: +SKIP
>>> write_report(results, "out")  # doctest: +SKIP
PosixPath('out/index.html')
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensic.lazy import when_used

if TYPE_CHECKING:
    from sensic.evaluation.bd import delta_quality, delta_rate
    from sensic.evaluation.bench import EvaluateProgress, evaluate
    from sensic.evaluation.clips import Clip, load
    from sensic.evaluation.coders import Coder, Decoded, Encoded, coder
    from sensic.evaluation.comparison import CompareReport, compare_videos
    from sensic.evaluation.metrics import METRICS, NAMES, measure
    from sensic.evaluation.preview import EvaluationPlan, PlannedClip, plan_evaluation
    from sensic.evaluation.process import Usage, run
    from sensic.evaluation.report import write_report
    from sensic.evaluation.results import ClipInfo, Failure, Measurement, Results, Run
    from sensic.evaluation.tables import Delta, Deltas, Speed, default_anchor, deltas, rate_metrics, speeds
    from sensic.evaluation.targets import Found, SearchProgress, Target, Try, find_quality

__all__ = [
    "METRICS",
    "NAMES",
    "Clip",
    "ClipInfo",
    "Coder",
    "CompareReport",
    "Decoded",
    "Delta",
    "Deltas",
    "Encoded",
    "EvaluateProgress",
    "EvaluationPlan",
    "Failure",
    "Found",
    "Measurement",
    "PlannedClip",
    "Results",
    "Run",
    "SearchProgress",
    "Speed",
    "Target",
    "Try",
    "Usage",
    "coder",
    "compare_videos",
    "default_anchor",
    "delta_quality",
    "delta_rate",
    "deltas",
    "evaluate",
    "find_quality",
    "load",
    "measure",
    "plan_evaluation",
    "rate_metrics",
    "run",
    "speeds",
    "write_report",
]

# Loaded when first used: SciPy, Matplotlib and librosa take seconds, and need not be installed.
__getattr__, __dir__ = when_used(
    __name__,
    {
        "sensic.evaluation.bd": ("delta_quality", "delta_rate"),
        "sensic.evaluation.bench": ("EvaluateProgress", "evaluate"),
        "sensic.evaluation.clips": ("Clip", "load"),
        "sensic.evaluation.coders": ("Coder", "Decoded", "Encoded", "coder"),
        "sensic.evaluation.comparison": ("CompareReport", "compare_videos"),
        "sensic.evaluation.metrics": ("METRICS", "NAMES", "measure"),
        "sensic.evaluation.preview": ("EvaluationPlan", "PlannedClip", "plan_evaluation"),
        "sensic.evaluation.process": ("Usage", "run"),
        "sensic.evaluation.report": ("write_report",),
        "sensic.evaluation.results": ("ClipInfo", "Failure", "Measurement", "Results", "Run"),
        "sensic.evaluation.tables": ("Delta", "Deltas", "Speed", "default_anchor", "deltas", "rate_metrics", "speeds"),
        "sensic.evaluation.targets": ("Found", "SearchProgress", "Target", "Try", "find_quality"),
    },
    extra="eval",
)
