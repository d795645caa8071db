"""Training packs: one video file of fixed size, a clip per closed group of pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from sensic.errors import PackError
from sensic.video.planes import PIXEL_FORMATS, planes_of

Samples = NDArray[np.uint8] | NDArray[np.uint16]
Clip = tuple[Samples, Samples]

FRAMES = 12
"""Pictures per clip, unless the builder is told otherwise."""
BLOCK = 16
_DEPTHS = {name: depth for depth, name in PIXEL_FORMATS.items()}


@dataclass(frozen=True)
class Pack:
    """A pack that was looked at packet by packet, but not decoded yet.

    ``clips`` clips of ``frames`` pictures each, ``width`` × ``height`` (multiples of 16), ``depth`` 8 or 10 bits,
    4:2:0; ``sha256`` (hex) is that of the file. How long a clip is, the key pictures say: no manifest is needed.
    """

    path: Path
    clips: int
    frames: int
    width: int
    height: int
    depth: int
    sha256: str

    @classmethod
    def open(cls, path: str | Path) -> Pack:
        """Raises PackError where the file isn't a pack: cut short, no video, of another format or size."""
        path = Path(path)
        try:
            with _opened(path) as container:
                stream = container.streams.video[0]
                depth = _DEPTHS.get(stream.codec_context.pix_fmt or "")
                if depth is None:
                    raise PackError(f"{path} holds {stream.codec_context.pix_fmt}, but a pack is 4:2:0 of 8 or 10 bits")
                width, height = stream.width, stream.height
                if width % BLOCK or height % BLOCK or not width or not height:
                    raise PackError(f"{path} is {width}x{height}, but sizes of packs are multiples of {BLOCK}")
                keys = _key_pictures(path, container)
            return cls(path, *_groups(path, keys), width, height, depth, file_sha256(path))
        except OSError as error:
            raise PackError(f"can't read {path}: {error.strerror or error}") from error

    def read(self) -> Iterator[Clip]:
        """The clips in order: luma [frames, H, W] and chroma [frames, 2, H/2, W/2], uint8 or uint16.

        Raises PackError where a picture is damaged or missing.
        """
        kind = np.uint8 if self.depth == 8 else np.uint16
        pictures = self._pictures()
        for clip in range(self.clips):
            y = np.empty((self.frames, self.height, self.width), kind)
            uv = np.empty((self.frames, 2, self.height // 2, self.width // 2), kind)
            for t in range(self.frames):
                picture = next(pictures, None)
                if picture is None:
                    raise PackError(f"{self.path} is damaged: clip {clip} of {self.clips} could not be decoded")
                y[t], uv[t, 0], uv[t, 1] = planes_of(picture)
            yield y, uv

    def _pictures(self) -> Iterator[av.VideoFrame]:
        try:
            with _opened(self.path) as container:
                container.streams.video[0].thread_type = "AUTO"
                for picture in container.decode(video=0):
                    if picture.is_corrupt or (picture.width, picture.height) != (self.width, self.height):
                        raise PackError(f"{self.path} is damaged: a picture could not be decoded")
                    yield picture
        except (av.FFmpegError, OSError) as error:
            raise PackError(f"{self.path} is damaged: {error.strerror or error}") from error


def open_packs(paths: Sequence[str | Path]) -> list[Pack]:
    """Every pack named, a folder standing for the packs in it. Raises PackError."""
    found: list[Path] = []
    for path in map(Path, paths):
        inside = sorted(p for p in path.glob("*.mkv") if not p.name.startswith(".")) if path.is_dir() else [path]
        if not inside:
            raise PackError(f"there is no pack (*.mkv) in {path}")
        found += inside
    if not found:
        raise PackError("no packs were given")
    return [Pack.open(path) for path in found]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's contents, hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: Path) -> av.container.InputContainer:
    try:
        container = av.open(str(path.absolute()), "r", container_options={"protocol_whitelist": "file"})
    except FileNotFoundError as error:
        raise PackError(f"there is no pack {path}") from error
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PackError(f"{path} is not a pack, or cut short: {reason}") from error
    if not container.streams.video or container.streams.video[0].codec_context is None:
        container.close()
        raise PackError(f"{path} is not a pack: it has no video")
    return container


def _key_pictures(path: Path, container: av.container.InputContainer) -> list[bool]:
    """Of every picture, whether it is a key picture. Raises PackError where the file ends before its own length."""
    stream = container.streams.video[0]
    keys: list[bool] = []
    end = Fraction(0)
    try:
        for packet in container.demux(stream):
            if packet.size and packet.pts is not None:
                keys.append(packet.is_keyframe)
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
    except av.FFmpegError as error:
        raise PackError(f"{path} is damaged: {error.strerror or error}") from error
    if container.duration is None:
        raise PackError(f"{path} is cut short: it doesn't say how long it is, so it was never finished")
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    if end < Fraction(container.duration, av.time_base) - Fraction(1, 2) / rate:
        length = float(container.duration / av.time_base)
        raise PackError(f"{path} is cut short: {float(end):.1f} of {length:.1f} seconds are there")
    return keys


def _groups(path: Path, keys: Sequence[bool]) -> tuple[int, int]:
    """Clips and pictures per clip: groups of pictures are all of one length."""
    starts = np.flatnonzero(keys)
    if not len(starts) or starts[0] != 0:
        raise PackError(f"{path} is not a pack: it doesn't begin with a key picture")
    lengths = np.diff(np.append(starts, len(keys)))
    frames = int(lengths[0])
    if np.any(lengths[:-1] != frames) or lengths[-1] > frames:
        raise PackError(f"{path} is not a pack: its groups of pictures differ in length")
    if lengths[-1] < frames:
        raise PackError(f"{path} is cut short: its last clip has {lengths[-1]} of {frames} pictures")
    if frames < 2:
        raise PackError(f"{path} is not a pack: every picture is a key picture, so clips can't be told apart")
    return len(starts), frames
