"""One's own footage, split by time: the first part to learn from, the last to be judged by.

Places are counted in pictures: timestamps of real recordings stand still, jump and run backwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av

from sensic.errors import InputError, UsageError
from sensic.training.data.build import videos
from sensic.video import VideoSink, VideoSource

FEWEST = 2  # pictures that say anything about a video codec


@dataclass(frozen=True)
class Footage:
    """A video: how many pictures it has, of what size and depth, and how many a second."""

    path: Path
    frames: int
    width: int
    height: int
    depth: int
    rate: Fraction

    @classmethod
    def open(cls, path: Path) -> Footage:
        """Count the pictures without decoding more than the first. Raises InputError where it is no video."""
        with VideoSource(path) as video:
            info = video.info
        try:
            with av.open(str(path.absolute()), container_options={"protocol_whitelist": "file"}) as container:
                frames = sum(packet.size > 0 for packet in container.demux(container.streams.best("video")))
        except (av.FFmpegError, ValueError, OSError) as error:
            raise InputError(f"can't read {path}: {getattr(error, 'strerror', None) or error}") from error
        return cls(path, frames, info.width, info.height, info.depth, info.rate or Fraction(25))


@dataclass(frozen=True)
class Split:
    """``learned`` maps each video that may be learned from to how many of its pictures may; ``held_out`` maps each of
    the others to its first picture that is held out, all after it being held out too."""

    learned: dict[Path, int]
    held_out: dict[Path, int]


def footage_in(paths: Sequence[str | Path], out: Path) -> tuple[list[Footage], list[str]]:
    """All videos among files and folders, in order of name (10 after 9), and notes on what can't be read.

    ``out`` is left out. Raises InputError where there is no video, PackError for a folder that isn't there.
    """
    found, notes = [], []
    named = videos([Path(path) for path in paths], out)
    for path in sorted(named.values(), key=_natural):
        try:
            found.append(Footage.open(path))
        except InputError as error:
            notes.append(f"left out: {error}")
    if not found:
        raise InputError(f"there is no video in {', '.join(map(str, paths))}" + "".join(f"; {n}" for n in notes[:2]))
    return found, notes


def split_by_time(footage: Sequence[Footage], share: float) -> Split:
    """Put all footage on one timeline, in its order, and hold out the last ``share`` of it (more than 0, at most 0.5).

    So one video loses its end, and of many recordings the last are held out. Raises UsageError for other shares.
    """
    if not 0 < share <= 0.5:
        raise UsageError(f"the held-out share is above 0 and at most 0.5, not {share}")
    total = sum(f.frames for f in footage)
    left = total - max(1, round(total * share))
    split = Split({}, {})
    for f in footage:
        if left > 0:
            split.learned[f.path] = min(left, f.frames)
        if left < f.frames:
            split.held_out[f.path] = max(left, 0)
        left -= f.frames
    return split


@dataclass(frozen=True)
class Excerpt:
    """A held-out excerpt: ``frames`` pictures of ``source`` from the picture ``first`` on."""

    source: Path
    first: int
    frames: int


def excerpts(footage: Sequence[Footage], held_out: Mapping[Path, int], frames: int, most: int) -> list[Excerpt]:
    """Up to ``most`` excerpts of up to ``frames`` pictures, spread evenly over what is held out, none overlapping."""
    spans = [(f.path, held_out[f.path], f.frames) for f in footage if f.path in held_out]
    total = sum(end - first for _, first, end in spans)
    count = min(most, -(-total // frames))
    starts = [total * number // count for number in range(count)]
    found: list[Excerpt] = []
    for start, following in zip(starts, [*starts[1:], total], strict=True):
        for path, first, end in spans:
            if start < end - first:
                length = min(frames, following - start, end - first - start)
                found.append(Excerpt(path, first + start, length))
                break
            start, following = start - (end - first), following - (end - first)
    return found


def cut(
    source: Path,
    wanted: Sequence[tuple[Excerpt, Path]],
    on_frame: Callable[[int, Fraction], None] = lambda number, seconds: None,
) -> list[tuple[Excerpt, Path]]:
    """Write excerpts of one video, in order, without loss. ``on_frame`` is told the number of each picture that is
    read, from 0, and its seconds after the first.

    Returns what was written: an excerpt is shorter where the video decodes to fewer pictures than it promised, and
    left out where fewer than two are left. Raises InputError and OutputError.
    """
    position, written = 0, []
    begin: Fraction | None = None
    with VideoSource(source) as video:
        for excerpt, destination in wanted:
            with VideoSink(destination, video.info, codec="ffv1") as sink:
                for frame in islice(video, excerpt.first + excerpt.frames - position):
                    begin = frame.time if begin is None else begin
                    on_frame(position, frame.time - begin)
                    if position >= excerpt.first:
                        sink.write(frame)
                    position += 1
                frames = position - excerpt.first
                if frames < FEWEST:
                    sink.abort()
                else:
                    written.append((replace(excerpt, frames=frames), destination))
    return written


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path))]
