"""What was found in one video, kept until all are done, so that a build can be killed at any time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from sensic.errors import OutputError, PackError
from sensic.training.data.clips import Clip, stacked
from sensic.training.data.crops import Planes
from sensic.training.data.pack import Clip as Samples
from sensic.training.data.settings import BuildSettings
from sensic.video import AtomicFile
from sensic.video.planes import PIXEL_FORMATS, frame_of, planes_of


@dataclass(frozen=True)
class Drop:
    """Something that became no clip: ``kind`` to count by, ``reason`` to read; ``start`` in seconds, None for a
    whole file."""

    source: str
    kind: str
    reason: str
    start: float | None = None


@dataclass(frozen=True)
class Found:
    """A clip in the work file: seconds, pictures per second, shot, crop, hashes as hex."""

    start: float
    fps: float
    shot: int
    offset: tuple[int, int]
    hashes: list[str]

    @classmethod
    def of(cls, clip: Clip) -> Found:
        hashes = [f"{value:016x}" for value in clip.hashes]
        return cls(round(float(clip.start), 4), clip.fps, clip.shot, clip.offset, hashes)


@dataclass
class SourceRecord:
    """One video: what it is, the clips found, what was dropped and what must be told."""

    name: str
    sha256: str
    width: int = 0
    height: int = 0
    depth: int = 0
    fps: float = 0.0
    clips: list[Found] = field(default_factory=list)
    dropped: list[Drop] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class WorkFolder:
    """PACKS/.work: per video a lossless file of its clips and, written last, a record."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def has(self, key: str) -> bool:
        """Whether a video was finished."""
        return (self.path / f"{key}.json").exists()

    def record(self, key: str) -> SourceRecord | None:
        """The record of a video that was finished."""
        values = read_json(self.path / f"{key}.json")
        if values is None:
            return None
        values["clips"] = [Found(**{**clip, "offset": tuple(clip["offset"])}) for clip in values["clips"]]
        values["dropped"] = [Drop(**drop) for drop in values["dropped"]]
        return SourceRecord(**values)

    def write(self, key: str, clips: Iterable[Clip], settings: BuildSettings) -> list[Found]:
        """Write the clips of a video while they are found."""
        found: list[Found] = []
        with AtomicFile(self.path / f"{key}.mkv") as file, Encoder(file, settings, "ffv1", {"level": "3"}) as encoder:
            for clip in clips:
                encoder.write(clip.y, clip.uv)
                found.append(Found.of(clip))
        return found

    def finish(self, key: str, record: SourceRecord) -> None:
        """From now on the video counts as done."""
        write_json(self.path / f"{key}.json", asdict(record))

    def clips(self, key: str, frames: int) -> Iterator[Samples]:
        """The clips of a finished video, as they were found."""
        pictures: list[Planes] = []
        with av.open(str(self.path / f"{key}.mkv")) as container:
            for picture in container.decode(video=0):
                y, u, v = planes_of(picture)
                pictures.append((y.copy(), u.copy(), v.copy()))
                if len(pictures) == frames:
                    yield stacked(pictures)
                    pictures = []

    def clear(self) -> None:
        """Remove everything: the packs are written."""
        for path in self.path.glob("*"):
            path.unlink()
        self.path.rmdir()


class Encoder:
    """Writes clips, one closed group each, into a Matroska file. ``bytes`` and ``clips`` are what went in so far.

    The pictures are shown at 24 per second, whatever the clips' own rates: they belong to different videos.
    """

    def __init__(self, file: AtomicFile, settings: BuildSettings, codec: str, options: dict[str, str]) -> None:
        self.bytes = self.clips = self._pictures = 0
        self._depth = settings.depth
        exactly = {"fflags": "+bitexact"}  # neither dates nor random numbers: equal clips make equal files
        self._container = av.open(file.file, "w", format="matroska", container_options=exactly)
        stream = self._container.add_stream(codec, rate=24, options={"flags": "+bitexact", **options})
        self._stream = cast(av.VideoStream, stream)
        self._stream.width, self._stream.height = settings.size
        self._stream.pix_fmt = PIXEL_FORMATS[settings.depth]
        self._stream.codec_context.time_base = Fraction(1, 24)
        self._stream.codec_context.thread_count = 1

    def write(self, y: np.ndarray[Any, Any], uv: np.ndarray[Any, Any]) -> None:
        for luma, chroma in zip(y, uv, strict=True):
            frame = frame_of((luma, chroma[0], chroma[1]), self._depth)
            frame.pts, frame.time_base = self._pictures, Fraction(1, 24)
            self._pictures += 1
            self._mux(frame)
        self.clips += 1

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            if self._pictures:
                self._mux(None)
            self._close()
        else:
            self._abandon()

    def _mux(self, frame: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(frame):
                self.bytes += packet.size
                self._container.mux(packet)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"can't write the clips: {error.strerror or error}") from error

    def _close(self) -> None:
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"can't write the clips: {error.strerror or error}") from error

    def _abandon(self) -> None:
        try:
            self._container.close()
        except Exception:  # the reason for leaving is already on its way
            return


def write_json(path: Path, value: Any) -> None:
    """Indented JSON, whole or not at all."""
    data = (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()
    with AtomicFile(path) as file:
        file.file.write(data)


def read_json(path: Path) -> Any:
    """What ``write_json`` wrote; None where there is no such file. Raises PackError where it is something else."""
    try:
        return json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise PackError(f"{path} can't be read: {error}; remove it to build again") from error
