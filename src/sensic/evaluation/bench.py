"""The bench: every clip coded by every coder at every setting, really written, really decoded, every frame compared."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sensic.errors import EvaluationError, SensicError, UsageError
from sensic.evaluation.cache import Cache, coding_version
from sensic.evaluation.clips import Clip, load
from sensic.evaluation.coders import Coder, coder
from sensic.evaluation.conditions import machine, networks, versions
from sensic.evaluation.metrics import NAMES, measure
from sensic.evaluation.report import keep_crops
from sensic.evaluation.results import ClipInfo, Failure, Measurement, Results
from sensic.evaluation.sound import changed_sound
from sensic.evaluation.tables import ANCHOR, is_ours
from sensic.evaluation.turns import Job, Metrics, Turns

MAX_GOP = 600  # what Sensic allows


@dataclass(frozen=True)
class EvaluateProgress:
    """``done`` of ``total`` settings of a coder on a clip; ``known`` of them came from the cache, the others took
    ``seconds``. ``clip``, ``coder`` and ``setting`` say what is running."""

    done: int
    total: int
    known: int
    seconds: float
    clip: str
    coder: str = ""
    setting: float | None = None


Callback = Callable[[EvaluateProgress], None]


@dataclass(frozen=True)
class Plan:
    """What is asked of every coder alike. ``gop`` None is one group for the whole clip; ``audio``: the sound too."""

    frames: int | None
    gop: int | None
    metrics: tuple[str, ...]
    repeats: int
    threads: int
    audio: bool

    def __post_init__(self) -> None:
        for name in ("frames", "gop", "repeats", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is a whole number from 1, not {value}")
        if self.gop is not None and self.gop > MAX_GOP:
            raise UsageError(f"a group has 1 to {MAX_GOP} frames, not {self.gop}")
        if unknown := sorted(set(self.metrics) - set(NAMES)):
            raise UsageError(f"the metrics are {', '.join(NAMES)}, not {', '.join(unknown)}")

    def gop_of(self, clip: ClipInfo) -> int:
        return self.gop or min(clip.frames, MAX_GOP)


def evaluate(
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
    progress: Callback | None = None,
) -> Results:
    """Measure coders on clips. The folder ``out`` gets ``results.json``, rewritten after every clip, and ``pictures``.

    ``coders`` are specifications, such as ``sensic`` or ``x265:medium`` (see ``sensic.evaluation.coder``), or objects
    of your own that do what ``Coder`` says. All code the first ``frames`` of each clip (None: all) with one intra frame
    per ``gop`` frames (None: one in all) on ``threads`` threads, ``repeats`` times, taking turns. ``settings`` replaces
    a coder's own list of qualities. With ``audio`` the sound is in the files and counted, and what a coder did to it is
    measured, unless it was copied. ``anchor`` is what the others are compared with: x265 medium, or else the first
    coder that isn't Sensic.

    A clip that can't be read and a coder that is missing or fails become a ``Failure``, and the rest goes on. What was
    measured before under the same conditions comes from ``out/cache``, so a run that was stopped goes on. Raises
    UsageError before anything is measured, OSError where ``out`` can't be written.
    """
    plan = Plan(frames, gop, tuple(dict.fromkeys(metrics)), repeats, threads, audio)
    field = Field.of(coders, settings or {}, anchor)
    sources = [Path(clip) for clip in dict.fromkeys(clips)]
    if not sources:
        raise UsageError("give at least one clip")
    return Bench(Path(out), plan, field, progress).measure(sources)


@dataclass(frozen=True)
class Field:
    """Who competes: coders that are there, their settings, what they are compared with, and who is missing."""

    coders: list[Coder]
    settings: dict[str, tuple[float, ...]]
    anchor: str
    missing: list[Failure]

    @classmethod
    def of(cls, asked: Iterable[str | Coder], settings: Mapping[str, Sequence[float]], anchor: str | None) -> Field:
        """Raises UsageError for a coder that nobody knows, and where settings or anchor name none that is asked for."""
        made: dict[str, Coder] = {}
        names: dict[str, str] = {}  # as asked, and in full
        missing = []
        for entry in asked:
            try:
                one = coder(entry) if isinstance(entry, str) else entry
            except UsageError:
                raise
            except SensicError as error:
                names[str(entry)] = str(entry)
                missing.append(Failure("", str(entry), None, str(error)))
                continue
            made[one.spec] = one
            names |= {one.spec: one.spec, str(entry): one.spec}
        if not names:
            raise UsageError("give at least one coder")
        for name in (*settings, *filter(None, [anchor])):
            if name not in names:
                raise UsageError(f"{name!r} is none of the coders {', '.join(dict.fromkeys(names.values()))}")
        own = {names[name]: tuple(values) for name, values in settings.items()}
        chosen = {spec: own.get(spec, tuple(one.settings)) for spec, one in made.items()}
        return cls(list(made.values()), chosen, names[anchor] if anchor else _anchor(list(names.values())), missing)


def _anchor(names: Sequence[str]) -> str:
    """x265, or who comes first and is not Sensic."""
    others = [name for name in names if not is_ours(name)]
    return ANCHOR if ANCHOR in names else [*others, *names][0]


class Bench:
    """One run of the bench: what is asked, and what has been found."""

    def __init__(self, out: Path, plan: Plan, field: Field, progress: Callback | None) -> None:
        self._out, self._plan, self._field, self._progress = out, plan, field, progress
        self._machine = machine()
        self._clips: list[ClipInfo] = []
        self._measurements: list[Measurement] = []
        self._failures = list(field.missing)
        self._said: dict[str, list[str]] = {}  # notes, by the names of jobs
        self._done = self._known = self._total = 0
        self._seconds = 0.0
        out.mkdir(parents=True, exist_ok=True)
        self._cache = Cache(out / "cache")
        self._conditions = {
            **asdict(plan),
            "metrics": list(plan.metrics),
            "anchor": field.anchor,
            "coders": {c.spec: {"version": c.version, "settings": list(field.settings[c.spec])} for c in field.coders},
            "networks": networks(field.coders),
            "machine": self._machine,
            "versions": versions(),
            "measured": time.strftime("%Y-%m-%d"),
        }

    def measure(self, sources: Sequence[Path]) -> Results:
        each = sum(map(len, self._field.settings.values()))
        self._total = each * len(sources)
        for number, source in enumerate(sources):
            self._tell(source.stem)
            with tempfile.TemporaryDirectory(prefix="sensic-bench-") as scratch:
                try:
                    self._clip(self._load(source, Path(scratch)), Path(scratch))
                except SensicError as error:
                    self._failures.append(Failure(source.stem, "", None, str(error)))
            self._done = each * (number + 1)
            self._results().write(self._out / "results.json")  # a run that is stopped keeps what it has
        return self._results()

    def _results(self) -> Results:
        notes = list(dict.fromkeys(note for said in self._said.values() for note in said))
        conditions = {**self._conditions, "notes": notes}
        return Results(conditions, list(self._clips), list(self._measurements), list(self._failures))

    def _load(self, source: Path, scratch: Path) -> Clip:
        clip = load(source, scratch, self._plan.frames, self._plan.audio)
        if clip.info.name in {known.name for known in self._clips}:
            raise EvaluationError(f"another clip is called {clip.info.name} too: rename one of them")
        self._clips.append(clip.info)
        return clip

    def _clip(self, clip: Clip, scratch: Path) -> None:
        """One setting of every coder after the other, from the worst pictures to the best."""
        turns = Turns(
            clip=clip,
            gop=self._plan.gop_of(clip.info),
            threads=self._plan.threads,
            scratch=scratch,
            compare=lambda job, stream, raw: self._compare(clip, job, stream, raw),
            on_turn=lambda job: self._tell(clip.info.name, job),
            on_failure=lambda job, error: self._failed(clip.info.name, job, error),
        )
        for index in range(max(map(len, self._field.settings.values()), default=0)):
            jobs = [self._job(clip, one, index) for one in self._field.coders]
            self._measurements += self._setting(turns, [job for job in jobs if job is not None])

    def _setting(self, turns: Turns, jobs: Sequence[Job]) -> list[Measurement]:
        """In the order of the jobs; those that failed are missing."""
        found = {job.name: known for job in jobs if (known := self._kept(job)) is not None}
        unknown = [job for job in jobs if job.name not in found]
        self._known += len(found)
        self._done += len(found)
        began = time.monotonic()
        for name, measurement in turns.play(unknown, self._plan.repeats).items():
            found[name] = replace(measurement, picture=name)
            self._cache.put(name, found[name], self._said.get(name, ()))
        self._seconds += time.monotonic() - began
        self._done += len(unknown)
        return [replace(found[job.name], clip=turns.clip.info.name) for job in jobs if job.name in found]

    def _job(self, clip: Clip, one: Coder, index: int) -> Job | None:
        """None where the coder has fewer settings."""
        settings = self._field.settings[one.spec]
        if index >= len(settings):
            return None
        key: dict[str, Any] = {
            "clip": {**asdict(clip.info), "name": ""},  # the same pictures under another name are the same
            "coder": [one.spec, one.version, settings[index], self._plan.gop_of(clip.info), self._plan.threads],
            "metrics": sorted(self._plan.metrics),
            "machine": {**self._machine, "load_average": None},
        }
        if is_ours(one.spec):
            key["coding"] = coding_version()
        return Job(one, settings[index], self._cache.name(key))

    def _kept(self, job: Job) -> Measurement | None:
        """From the cache, where it was repeated often enough and its pictures are still there."""
        known = self._cache.get(job.name)
        if known is None or len(known[0].runs) < self._plan.repeats or not any(self._pictures.glob(f"{job.name}.*")):
            return None
        self._said[job.name] = known[1]
        return known[0]

    @property
    def _pictures(self) -> Path:
        return self._out / "pictures"

    def _compare(self, clip: Clip, job: Job, stream: Path, raw: Path) -> Metrics:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            values, frames = measure(clip, raw, self._plan.metrics, threads=self._plan.threads)
        self._said[job.name] = [str(w.message) for w in caught if w.category is UserWarning]
        keep_crops(clip, raw, self._pictures, job.name)
        if clip.info.audio:
            values = values | changed_sound(clip.path, stream, self._pictures / f"{job.name}.sound.png")
        return values, frames

    def _failed(self, clip: str, job: Job, error: SensicError) -> None:
        self._failures.append(Failure(clip, job.coder.spec, job.setting, str(error)))

    def _tell(self, clip: str, job: Job | None = None) -> None:
        if self._progress is not None:
            now = (job.coder.spec, job.setting) if job else ("", None)
            self._progress(EvaluateProgress(self._done, self._total, self._known, self._seconds, clip, *now))
