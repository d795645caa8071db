"""What the bench would do, with everything checked that can be checked before it begins; nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensic.codec.transcode import expected_frames
from sensic.errors import EvaluationError, SensicError, UsageError
from sensic.evaluation.bench import Field, Plan
from sensic.evaluation.clips import require_as_coded
from sensic.evaluation.coders import Coder
from sensic.evaluation.metrics import NAMES
from sensic.evaluation.results import Failure
from sensic.video import VideoSource, check_folder


@dataclass(frozen=True)
class PlannedClip:
    """``frames`` to be coded, None where nothing tells how many there are."""

    name: str
    width: int
    height: int
    depth: int
    frames: int | None


@dataclass(frozen=True)
class EvaluationPlan:
    """What ``evaluate`` would measure. ``coders`` have their settings; ``runs`` is how often something is encoded and
    decoded, repeats included; ``failures`` are the clips and coders that would be left out."""

    clips: tuple[PlannedClip, ...]
    coders: Mapping[str, tuple[float, ...]]
    anchor: str
    metrics: tuple[str, ...]
    runs: int
    out: str
    failures: tuple[Failure, ...]


def plan_evaluation(
    clips: Iterable[str | Path],
    coders: Iterable[str | Coder],
    *,
    out: str | Path,
    frames: int | None = None,
    gop: int | None = 32,
    metrics: Iterable[str] = NAMES,
    settings: Mapping[str, Sequence[float]] | None = None,
    repeats: int = 2,
    threads: int = 2,
    audio: bool = False,
    anchor: str | None = None,
) -> EvaluationPlan:
    """Open every clip, find every coder, and say what ``evaluate`` would do with the same arguments.

    Raises UsageError as ``evaluate`` does, OutputError where ``out`` can't be written.
    """
    plan = Plan(frames, gop, tuple(dict.fromkeys(metrics)), repeats, threads, audio)
    field = Field.of(coders, settings or {}, anchor)
    sources = [Path(clip) for clip in dict.fromkeys(clips)]
    if not sources:
        raise UsageError("give at least one clip")
    found: dict[str, PlannedClip] = {}
    failures = list(field.missing)
    for source in sources:
        try:
            if source.stem in found:
                raise EvaluationError(f"another clip is called {source.stem} too: rename one of them")
            found[source.stem] = _clip(source, frames)
        except SensicError as error:
            failures.append(Failure(source.stem, "", None, str(error)))
    check_folder(Path(out))
    runs = len(found) * sum(map(len, field.settings.values())) * plan.repeats
    return EvaluationPlan(
        tuple(found.values()), dict(field.settings), field.anchor, plan.metrics, runs, str(out), tuple(failures)
    )


def _clip(source: Path, frames: int | None) -> PlannedClip:
    with VideoSource(source) as video:
        require_as_coded(source, video.info)
        count = expected_frames(video.info)
    known = [number for number in (count, frames) if number is not None]
    info = video.info
    return PlannedClip(source.stem, info.width, info.height, info.depth, min(known) if count is not None else None)
