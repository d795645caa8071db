"""Specialise a model to one's own footage, and find out what that saves on footage it has never seen.

A folder holds everything, so that the same command goes on after a kill:

======================  ==============================================================
``adapt.json``          what was asked for
``held-out/``           excerpts of the held-out footage, without loss
``packs/``, ``cache/``  what is learned from
``run/``                the training run
``candidate/``          the specialised model until it has shown that it is better
``measurements.jsonl``  every file coded
``report.*``            the comparison: JSON, Markdown, a picture of the curves
``model/``              the specialised model, if it is better
======================  ==============================================================
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

from sensic.codec.reports import Progress
from sensic.errors import InputError, UsageError
from sensic.evaluation.bd import MIN_POINTS
from sensic.evaluation.compare import QUALITIES, Comparison, compare
from sensic.model import Model
from sensic.model.model import QUALITIES as QUALITY_COUNT
from sensic.training.card import card
from sensic.training.checkpoint import write_bytes
from sensic.training.data.build import build_packs
from sensic.training.data.pack import BLOCK, FRAMES, Pack
from sensic.training.data.settings import BuildSettings
from sensic.training.data.work import read_json, write_json
from sensic.training.footage import Excerpt, Footage, Split, cut, excerpts, footage_in, split_by_time
from sensic.training.judgement import Judged, table, write_report
from sensic.training.recipe import Recipe
from sensic.training.release import export_weights
from sensic.training.reports import TrainProgress, TrainReport
from sensic.training.trainer import train

RECIPE = Path(__file__).parent / "recipes" / "adapt.toml"
EXCERPTS, EXCERPT_FRAMES = 4, 64
JUDGED_PIXELS = 256 * 640 * 360  # of all excerpts; of large pictures there are fewer, for the sake of time
SMALLEST = 64  # pixels of width and height
MAX_PIXELS = 1280 * 720  # of a training picture; larger ones are scaled down, as a minute of training sees few of them
TOO_LITTLE = "there is too little footage to hold some of it out: two pictures at least are needed"
_CLIPS_PER_MINUTE = 18  # of 448x256: preparing them takes about a third of the time that is spent on training
_CLIP_PIXELS = 448 * 256
_FEWEST_CLIPS = 24


@dataclass(frozen=True)
class AdaptProgress:
    """``stage`` is reading, packing, training, counting or judging; ``part`` says how far that is."""

    stage: str
    part: Progress | TrainProgress


AdaptCallback = Callable[[AdaptProgress], None]


@dataclass(frozen=True)
class AdaptReport:
    """What came out. ``model`` is the directory to use from now on: the specialised model's if it is ``better``, else
    the one that it started from. ``notes`` is what the user must be told."""

    out: Path
    model: Path
    better: bool
    judged: Judged
    steps: int
    training_seconds: float
    notes: tuple[str, ...] = ()

    @property
    def comparison(self) -> Comparison:
        return self.judged.comparison

    @property
    def text(self) -> str:
        """The tables of the report, Markdown."""
        return table(self.judged)


def adapt(
    model: str | Path | Model | None,
    footage: Sequence[str | Path],
    out: str | Path,
    *,
    minutes: float = 10.0,
    hold_out: float = 0.2,
    qualities: Sequence[int] = QUALITIES,
    device: str = "auto",
    threads: int | None = None,
    name: str | None = None,
    recipe: Recipe | None = None,
    progress: AdaptCallback | None = None,
) -> AdaptReport:
    """Train ``model`` for ``minutes`` on videos and folders of them, and judge it by the last ``hold_out`` of these.

    All footage lies on one timeline in order of name; what comes after its first 1 - ``hold_out`` is never learned
    from. Both models then code excerpts of it at all ``qualities`` (five or more of 0..63) into real files. Only a
    model that needs fewer bytes, for luma and for all planes, becomes ``out``/model. ``recipe`` replaces the one that
    comes with Sensic; its packs, length and device are set here.

    Called again with the same arguments it goes on. Raises UsageError where ``out`` was made for something else,
    InputError, PackError, ModelError, RecipeError, OutputError.
    """
    job = Adaptation(Model.load(model), Path(out), minutes, hold_out, qualities, threads, progress)
    return job.run(footage, recipe or Recipe.read(RECIPE), device, name)


class Adaptation:
    """What ``adapt`` does. Raises UsageError for values out of range."""

    def __init__(
        self,
        model: Model,
        out: Path,
        minutes: float,
        hold_out: float,
        qualities: Sequence[int],
        threads: int | None = None,
        progress: AdaptCallback | None = None,
    ) -> None:
        if len(set(qualities)) < MIN_POINTS or not all(0 <= q < QUALITY_COUNT for q in qualities):
            raise UsageError(f"qualities are {MIN_POINTS} or more of 0 to {QUALITY_COUNT - 1}, not {list(qualities)}")
        if not 0 < minutes < math.inf:
            raise UsageError(f"minutes is above 0, not {minutes}")
        self.original, self.out, self.minutes, self.hold_out = model, out, minutes, hold_out
        self.qualities, self.threads, self._progress = sorted(set(qualities)), threads, progress

    def run(self, paths: Sequence[str | Path], recipe: Recipe, device: str, name: str | None) -> AdaptReport:
        footage, notes = self.look(paths)
        split, settings = self.divide(footage)
        self._claim(footage)
        pieces, until = self._hold_out(footage, split)
        packs = self._pack(list(split.learned), settings, until)
        trained = self._train(recipe, packs, device)
        candidate = self._export(name or self.out.resolve().name)
        comparison = compare(
            list(pieces),
            self.original,
            candidate,
            qualities=self.qualities,
            kept=self.out / "measurements.jsonl",
            threads=self.threads,
            on_point=self._counted("judging"),
        )
        judged = Judged(comparison, self.original.name, candidate.name, pieces)
        write_report(self.out, judged, {"minutes": self.minutes, "hold_out": self.hold_out, "steps": trained.steps})
        return AdaptReport(
            self.out,
            self._install(candidate, judged) if comparison.better else self.original.directory,
            comparison.better,
            judged,
            trained.steps,
            trained.seconds,
            tuple(notes),
        )

    def look(self, paths: Sequence[str | Path]) -> tuple[list[Footage], list[str]]:
        """All videos, and notes on what can't be read. Raises InputError, PackError."""
        return footage_in(paths, self.out)

    def divide(self, footage: Sequence[Footage]) -> tuple[Split, BuildSettings]:
        """What is learned from and what is held out, and how clips are cut. Raises UsageError, InputError."""
        split = split_by_time(footage, self.hold_out)
        if not split.learned or all(excerpt.frames < 2 for excerpt in chosen(footage, split)):
            raise InputError(TOO_LITTLE)
        return split, pack_settings([f for f in footage if f.path in split.learned], split, self.minutes)

    def was_begun(self, footage: Sequence[Footage]) -> bool:
        """Whether the same was asked for here before. Raises UsageError where it was something else."""
        if self._claimed.exists():
            before = read_json(self._claimed)
            changed = [key for key, value in self._wanted(footage).items() if before.get(key) != value]
            if changed:
                raise UsageError(f"{self.out} was made differently ({', '.join(changed)}): give another folder")
            return True
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise UsageError(f"{self.out} exists and holds something else: give another folder")
        return False

    def _claim(self, footage: Sequence[Footage]) -> None:
        """Remember what was asked for."""
        if not self.was_begun(footage):
            self.out.mkdir(parents=True, exist_ok=True)
            write_json(self._claimed, self._wanted(footage))

    @property
    def _claimed(self) -> Path:
        return self.out / "adapt.json"

    def _wanted(self, footage: Sequence[Footage]) -> dict[str, Any]:
        return {
            "model": self.original.id,
            "minutes": self.minutes,
            "hold_out": self.hold_out,
            "footage": [[str(f.path.resolve()), f.path.stat().st_size] for f in footage],
        }

    def _hold_out(self, footage: Sequence[Footage], split: Split) -> tuple[dict[Path, Excerpt], dict[Path, Fraction]]:
        """Cut the excerpts, and find the second from which on each video that is split must not be seen."""
        folder = self.out / "held-out"
        path = folder / "held-out.json"
        if not path.exists():
            folder.mkdir(exist_ok=True)
            pieces, until = self._cut(chosen(footage, split), split, folder)
            if not pieces:
                raise InputError(TOO_LITTLE)
            rows = [[file.name, str(e.source), e.first, e.frames] for file, e in pieces.items()]
            write_json(path, {"excerpts": rows, "until": {str(p): str(t) for p, t in until.items()}})
        told = read_json(path)
        return (
            {folder / file: Excerpt(Path(source), first, frames) for file, source, first, frames in told["excerpts"]},
            {Path(source): Fraction(seconds) for source, seconds in told["until"].items()},
        )

    def _cut(
        self, wanted: Sequence[Excerpt], split: Split, folder: Path
    ) -> tuple[dict[Path, Excerpt], dict[Path, Fraction]]:
        named = [(e, folder / f"excerpt-{number}.mkv") for number, e in enumerate(wanted, 1)]
        groups = {source: list(pairs) for source, pairs in groupby(named, lambda pair: pair[0].source)}
        ends = {source: pairs[-1][0].first + pairs[-1][0].frames for source, pairs in groups.items()}
        tell, done = self._counted("reading"), 0
        pieces: dict[Path, Excerpt] = {}
        until: dict[Path, Fraction] = {}
        for source, pairs in groups.items():

            def on_frame(number: int, seconds: Fraction, source: Path = source, done: int = done) -> None:
                if number == split.held_out[source]:
                    until[source] = seconds
                tell(done + number + 1, sum(ends.values()))

            pieces |= {path: excerpt for excerpt, path in cut(source, pairs, on_frame)}
            done += ends[source]
        return pieces, until

    def _pack(
        self, learned: Sequence[Path], settings: BuildSettings, until: Mapping[Path, Fraction]
    ) -> tuple[Path, ...]:
        return build_packs(
            learned,
            self.out / "packs",
            settings,
            licence="own footage",
            until=dict(until),
            progress=lambda part: self._tell("packing", part),
        ).packs

    def _train(self, recipe: Recipe, packs: Sequence[Path], device: str) -> TrainReport:
        pack = Pack.open(packs[0])
        data = dataclasses.replace(
            recipe.data, packs=tuple(str(p.resolve()) for p in packs), cache=str((self.out / "cache").resolve())
        )
        sequence = dataclasses.replace(recipe.sequence, crop=min(recipe.sequence.crop, pack.width, pack.height))
        output = dataclasses.replace(recipe.output, export=False)
        mine = dataclasses.replace(
            recipe, data=data, sequence=sequence, output=output, threads=self.threads or recipe.threads
        )
        return train(
            mine,
            out=self.out / "run",
            start=self.original.directory,
            minutes=self.minutes,
            device=device,
            progress=lambda part: self._tell("training", part),
        )

    def _export(self, name: str) -> Model:
        if (self.out / "model" / "manifest.json").is_file():
            return Model.load(self.out / "model")
        facts = {
            "summary": f"{self.original.name}, specialised to one's own footage for {self.minutes:g} minutes.",
            "use": "footage of the same kind as it was specialised to",
            "limits": "On other footage it may well be worse than the model that it was made from.",
            "licence": f"that of {self.original.name}, and of the footage",
            "training": {
                "started_from": f"{self.original.name} (`{self.original.id[:16]}`)",
                "note": f"What {self.original.name} itself was trained on is in its own card.",
            },
        }
        tell = self._counted("counting")
        return export_weights(
            self.out / "run",
            self.out / "candidate",
            name=name,
            force=True,
            facts=facts,
            progress=lambda share: tell(round(100 * share), 100),
        )

    def _install(self, candidate: Model, judged: Judged) -> Path:
        """Give the better model its card, with what was measured, and its place."""
        place = self.out / "model"
        text = card(candidate, f"On held-out footage:\n\n{table(judged)}")
        write_bytes(candidate.directory / "README.md", text.encode())
        if candidate.directory != place:
            candidate.directory.rename(place)
        return place

    def _tell(self, stage: str, part: Progress | TrainProgress) -> None:
        if self._progress is not None:
            self._progress(AdaptProgress(stage, part))

    def _counted(self, stage: str) -> Callable[[int, int], None]:
        began = time.monotonic()
        return lambda done, total: self._tell(stage, Progress(done, total, 0, time.monotonic() - began))


def chosen(footage: Sequence[Footage], split: Split) -> list[Excerpt]:
    """The excerpts to judge by: four of 64 frames, one of pictures of 1280x720 and more."""
    pixels = max(f.width * f.height for f in footage)
    most = min(EXCERPTS, max(1, JUDGED_PIXELS // (EXCERPT_FRAMES * pixels)))
    return excerpts(footage, split.held_out, EXCERPT_FRAMES, most)


def pack_settings(footage: Sequence[Footage], split: Split, minutes: float) -> BuildSettings:
    """Packs for footage of one camera: pictures as they are (unless large), clips spread over all of it.

    Neither what looks alike nor what stands still is left out: of such footage there is most, and it is to be learned.
    """
    width, height = (min(getattr(f, side) for f in footage) for side in ("width", "height"))
    scale = min(1.0, math.sqrt(MAX_PIXELS / (width * height)))
    size = int(width * scale) // BLOCK * BLOCK, int(height * scale) // BLOCK * BLOCK
    if min(size) < SMALLEST:
        raise InputError(
            f"pictures of {width}x{height} are too small to learn from; {SMALLEST}x{SMALLEST} is the least"
        )
    seconds = float(sum(split.learned[f.path] / f.rate for f in footage))
    most = max(_FEWEST_CLIPS, round(minutes * _CLIPS_PER_MINUTE * _CLIP_PIXELS / (size[0] * size[1])))
    length = FRAMES / float(footage[0].rate)
    return BuildSettings(
        size=size,
        depth=max(f.depth for f in footage),
        clips_per_shot=None,
        max_clips=most,
        gap=max(0.0, seconds / most - length),
        static=0.0,
        duplicates=-1,
        excluded=-1,
        crf=None,
    )
