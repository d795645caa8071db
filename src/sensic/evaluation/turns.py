"""Coders taking turns on a clip: A B A B …, so that a machine that is slow for a while is slow for all of them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sensic.errors import EvaluationError, SensicError
from sensic.evaluation.clips import Clip
from sensic.evaluation.coders import Coder, Decoded, Encoded
from sensic.evaluation.results import Measurement, Run

Metrics = tuple[dict[str, float], dict[str, list[float]]]  # of the whole clip, and of each frame


@dataclass(frozen=True)
class Job:
    """A coder at a setting; ``name`` is of its measurement in the cache."""

    coder: Coder
    setting: float
    name: str


@dataclass(frozen=True)
class Take:
    """One round of a job. ``hashes`` are SHA-256 of the stream and of the samples; only the first round is compared
    with the source, which gives ``metrics``."""

    encoded: Encoded
    decoded: Decoded
    hashes: tuple[str, str]
    metrics: Metrics | None

    def run(self, threads: int) -> Run:
        coding, decoding = self.encoded.usage, self.decoded.usage
        times = coding.seconds, decoding.seconds, coding.cpu, decoding.cpu
        return Run(*times, coding.memory, decoding.memory, threads)


@dataclass(frozen=True)
class Turns:
    """How a clip is coded. ``compare`` gets the job, its stream and the raw pictures that were decoded from it."""

    clip: Clip
    gop: int
    threads: int
    scratch: Path
    compare: Callable[[Job, Path, Path], Metrics]
    on_turn: Callable[[Job], None]
    on_failure: Callable[[Job, SensicError], None]

    def play(self, jobs: Sequence[Job], rounds: int) -> dict[str, Measurement]:
        """Measurements by the names of the jobs; those of jobs that failed are missing."""
        takes: dict[str, list[Take]] = {job.name: [] for job in jobs}
        for _ in range(rounds):
            for job in jobs:
                if job.name in takes:
                    self.on_turn(job)
                    try:
                        takes[job.name].append(self._take(job, takes[job.name]))
                    except SensicError as error:
                        self.on_failure(job, error)
                        del takes[job.name]
        return {job.name: self._measurement(job, takes[job.name]) for job in jobs if job.name in takes}

    def _take(self, job: Job, before: Sequence[Take]) -> Take:
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            stream, raw = Path(folder, "coded.mkv"), Path(folder, "decoded.yuv")
            encoded = job.coder.encode(self.clip, stream, job.setting, gop=self.gop, threads=self.threads)
            decoded = job.coder.decode(encoded.path, raw, clip=self.clip, threads=self.threads)
            hashes = _sha256(encoded.path), _sha256(decoded.path)
            if before:
                _repeats(before[0].hashes, hashes)
            metrics = None if before else self.compare(job, encoded.path, decoded.path)
            return Take(encoded, decoded, hashes, metrics)

    def _measurement(self, job: Job, takes: Sequence[Take]) -> Measurement:
        first, encoded = takes[0], takes[0].encoded
        assert first.metrics is not None
        values, per_frame = first.metrics
        return Measurement(
            clip=self.clip.info.name,
            coder=job.coder.spec,
            setting=job.setting,
            file_bytes=encoded.file_bytes,
            payload_bytes=encoded.payload_bytes,
            metrics=values,
            per_frame={**per_frame, "bits": encoded.bits},
            runs=[take.run(self.threads) for take in takes],
            commands=[" ".join(command) for command in (encoded.command, first.decoded.command)],
            version=job.coder.version,
        )


def _repeats(first: tuple[str, str], again: tuple[str, str]) -> None:
    for what, a, b in zip(("writes another stream", "decodes to other samples"), first, again, strict=True):
        if a != b:
            raise EvaluationError(f"it {what} when it is run again; a measurement must be repeatable")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
