"""An encode whose chunks are shared among workers; what they send is kept until one writer puts it together."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import sensic
from sensic.cluster import Executor, LocalExecutor, RayExecutor, Report, Task
from sensic.codec.chunks import Chunk, chunks_of, encode_chunk, look_at_chunk
from sensic.codec.forecast import Seen
from sensic.codec.parts import Part, PartsFolder
from sensic.codec.passes import RatePlan
from sensic.codec.rate import Outcome
from sensic.codec.rated import FIRST_PASS, Rated, Verdict
from sensic.codec.reports import EncodeReport, Progress, ProgressCallback
from sensic.codec.settings import EncoderSettings
from sensic.container import StreamHeader, StreamWriter
from sensic.errors import ClusterError, InputError, OutputError, UsageError
from sensic.model import Model
from sensic.video import Filters, FrameIndex, SideStreams, VideoInfo

_INDEX, _WHOLE, _FIRST = "index", "whole", "first-"
_HEAD_BYTES = 1 << 20


@dataclass(frozen=True)
class Work:
    """Who encodes: ``workers`` processes of this machine, or the Ray cluster at ``cluster``; ``resume`` goes on with
    what an earlier encode has finished."""

    workers: int = 1
    resume: bool = False
    cluster: str | None = None

    @property
    def is_chunked(self) -> bool:
        """Whether chunks are needed at all."""
        return self != Work()


def encode_in_chunks(
    source: object,
    destination: object,
    *,
    model: Model,
    settings: EncoderSettings,
    filters: Filters | None,
    rated: Rated | None,
    work: Work,
    progress: ProgressCallback | None,
) -> EncodeReport:
    """What ``sensic.encode`` does where there are workers, a cluster or an encode to resume."""
    path, output = _files(source, destination, settings)
    job = _job(path, model, settings, filters, rated)
    with _executor(work) as executor, PartsFolder(output, job, resume=work.resume) as folder:
        count = _Count(progress)
        index = _index(folder, path, filters, count)
        sharing = _Sharing(executor, folder, count)
        plan = None
        if rated is not None:

            def first_pass(quick: RatePlan) -> Seen:
                quick_settings = rated.quick_settings(quick)
                chunks = chunks_of(path, index, filters, model, quick_settings, quick, first_pass=True)
                return sharing.look(chunks)

            plan = rated.plan(index.info, index.cut, len(index), first_pass)
            settings = replace(settings, quality=plan.quality)
        header = StreamHeader(bytes.fromhex(model.id), settings.quality, settings.gop, index.info)
        header.pack()  # its errors come before the work
        chunks = chunks_of(path, index, filters, model, settings, plan)
        sharing.encode(chunks)
        with SideStreams(path, index.cut) as side:
            return _put_together(folder, header, chunks, side, index, rated, count)


def check_chunks(source: object, destination: object, settings: EncoderSettings, work: Work) -> None:
    """Raises what ``encode_in_chunks`` would before it begins; the cluster is asked, no worker is started."""
    _files(source, destination, settings)
    with _executor(work):
        pass


def _files(source: object, destination: object, settings: EncoderSettings) -> tuple[str, Path]:
    if settings.low_latency:
        raise UsageError("low latency writes every frame at once; workers, cluster and resume are for whole files")
    if not isinstance(source, str | Path) or not (os.path.isfile(source) or _is_missing(str(source))):
        raise UsageError("workers, cluster and resume read the source at several places: it must be a file")
    if not os.path.isfile(source):
        raise InputError(f"can't read {source}: {os.strerror(errno.ENOENT)}")
    if not isinstance(destination, str | Path) or destination == "-":
        raise UsageError("workers, cluster and resume keep parts beside the output: it must be a file")
    return os.path.abspath(source), Path(destination)


def _is_missing(path: str) -> bool:
    """Whether it can only be meant as a file, and there is none."""
    return not (path == "-" or "://" in path or "%" in path or os.path.exists(path))


def _job(
    path: str, model: Model, settings: EncoderSettings, filters: Filters | None, rated: Rated | None
) -> dict[str, Any]:
    """All that decides the bytes of the output."""
    try:
        status = os.stat(path)
        with open(path, "rb") as file:
            head = hashlib.sha256(file.read(_HEAD_BYTES)).hexdigest()
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror}") from error
    return {
        "source": {"size": status.st_size, "modified": status.st_mtime_ns, "head": head},
        "model": model.id,
        "settings": asdict(settings),
        "filters": filters and asdict(filters),
        "rate": rated and asdict(rated.target),
        "version": sensic.__version__,
    }


@contextmanager
def _executor(work: Work) -> Iterator[Executor]:
    if work.cluster is None:
        yield LocalExecutor(work.workers)
        return
    if work.workers != 1:
        raise UsageError("a cluster has its own workers: give workers or cluster")
    with RayExecutor(work.cluster) as executor:
        yield executor


def _index(folder: PartsFolder, path: str, filters: Filters | None, count: _Count) -> FrameIndex:
    kept = folder.read(_INDEX)
    if kept is not None:
        return FrameIndex.from_bytes(kept)
    index = FrameIndex.of(path, filters, count.indexed)
    folder.write(_INDEX, index.to_bytes())
    return index


class _Sharing:
    """Lets workers do what is not in the folder yet."""

    def __init__(self, executor: Executor, folder: PartsFolder, count: _Count) -> None:
        self._executor, self._folder, self._count = executor, folder, count

    def look(self, chunks: Sequence[Chunk]) -> Seen:
        """The first of two passes."""

        def measure(chunk: Chunk, data: bytes) -> tuple[int, float]:
            return len(Seen.unpack(data)), 0.0

        self._count.stage = FIRST_PASS
        self._share(chunks, look_at_chunk, _FIRST, measure)
        return Seen.joined([Seen.unpack(self._folder.read(_FIRST + chunk.key) or b"") for chunk in chunks])

    def encode(self, chunks: Sequence[Chunk]) -> None:
        """Let every chunk have its part in the folder."""

        def measure(chunk: Chunk, data: bytes) -> tuple[int, float]:
            part = chunk.check(Part.unpack(data))
            return part.frames, sum(part.bits.values())

        self._count.stage = "coding"
        self._share(chunks, encode_chunk, "", measure)

    def _share(
        self,
        chunks: Sequence[Chunk],
        function: Callable[[Chunk, Report], bytes],
        prefix: str,
        measure: Callable[[Chunk, bytes], tuple[int, float]],
    ) -> None:
        """Have ``function`` done for every chunk; ``measure`` checks what it returns, and gives its frames and bits."""
        missing = []
        self._count.begin(chunks)
        for chunk in chunks:
            kept = self._folder.read(prefix + chunk.key)
            if kept is None:
                missing.append(chunk)
            else:
                self._count.kept(*measure(chunk, kept))
        missing.sort(key=lambda chunk: chunk.cost, reverse=True)  # so that no long one is left over at the end
        tasks = [Task(f"frames {chunk.key}", function, chunk) for chunk in missing]
        try:
            with closing(self._executor.run(tasks, self._count.report)) as results:
                for number, data in results:
                    chunk = missing[number]
                    done = measure(chunk, data)
                    self._folder.write(prefix + chunk.key, data)
                    self._count.done(number, *done)
        except ClusterError as error:
            finished = sum(self._folder.read(prefix + chunk.key) is not None for chunk in chunks)
            if not finished:
                raise
            kept_there = f"{finished} of {len(chunks)} parts are finished and kept in {self._folder.path}"
            raise ClusterError(f"{error}; {kept_there}: resume goes on with them") from error


def _put_together(
    folder: PartsFolder,
    header: StreamHeader,
    chunks: Sequence[Chunk],
    side: SideStreams,
    index: FrameIndex,
    rated: Rated | None,
    count: _Count,
) -> EncodeReport:
    bits: dict[str, float] = {}
    frame_bits: list[float] = []
    outcome = Outcome()
    with StreamWriter(folder.path / _WHOLE, header, side) as writer:
        for chunk in chunks:
            data = folder.read(chunk.key)
            if data is None:
                raise OutputError(f"{folder.path}: the part of frames {chunk.key} is gone")
            part = Part.unpack(data)
            for block in part.blocks:
                writer.write(block)
            bits = {name: bits.get(name, 0.0) + value for name, value in part.bits.items()}
            frame_bits += part.frame_bits
            outcome += part.outcome or Outcome()
    folder.finish(_WHOLE)
    info, size = header.info, os.path.getsize(folder.output)
    outcome = replace(outcome, seconds=index.seconds)
    kept = rated.verdict(writer.packet_bytes, size, outcome) if rated else Verdict()
    return EncodeReport(
        len(frame_bits), info.width, info.height, header.quality, header.model.hex(), size, writer.payload_bytes,
        sum(bits.values()), bits, count.seconds,
        tuple(dict.fromkeys((*index.notes, *side.notes, *writer.notes, *kept.notes))), tuple(frame_bits), kept.bitrate,
    )  # fmt: skip


class _Count:
    """Adds up what an earlier encode did, finished chunks and those at work, and tells the caller."""

    def __init__(self, callback: ProgressCallback | None) -> None:
        self._callback = callback
        self._begun = self._started = time.monotonic()
        self._kept = self._frames = self._total = self._pixels = 0
        self._bits = 0.0
        self._running: dict[int, tuple[int, float]] = {}
        self.stage = ""

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    def indexed(self, info: VideoInfo) -> None:
        self._frames += 1
        total = None if info.frame_count is None else max(info.frame_count, self._frames)
        self._tell(Progress(self._frames, total, 0, self.seconds, stage="reading"))

    def begin(self, chunks: Sequence[Chunk]) -> None:
        """A stage of the work."""
        self._started, self._running = time.monotonic(), {}
        self._kept, self._frames, self._bits = 0, 0, 0.0
        self._total = sum(len(chunk.stretch) for chunk in chunks)
        self._pixels = chunks[0].width * chunks[0].height

    def kept(self, frames: int, bits: float) -> None:
        self._kept += frames
        self._frames += frames
        self._bits += bits

    def report(self, number: int, value: tuple[int, float]) -> None:
        self._running[number] = value
        frames = self._frames + sum(frames for frames, _ in self._running.values())
        bits = self._bits + sum(bits for _, bits in self._running.values())
        seconds = time.monotonic() - self._started
        self._tell(Progress(frames, self._total, round(bits / 8), seconds, self._kept, self.stage, self._pixels))

    def done(self, number: int, frames: int, bits: float) -> None:
        self._frames += frames
        self._bits += bits
        self.report(number, (0, 0.0))

    def _tell(self, progress: Progress) -> None:
        if self._callback is not None:
            self._callback(progress)
