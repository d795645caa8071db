"""A rate target through one encode: what must be known before, the first pass, what is said at the end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from sensic.codec.encoder import Encoder
from sensic.codec.engine import load_backend
from sensic.codec.forecast import Pattern, Seen
from sensic.codec.passes import QUICK, TOLERANCE, RatePlan, plan
from sensic.codec.rate import Controller, Goal, Outcome
from sensic.codec.reports import Progress, ProgressCallback
from sensic.codec.settings import EncoderSettings
from sensic.codec.target import RateTarget
from sensic.container import StreamHeader, StreamWriter
from sensic.errors import InputError, UsageError
from sensic.model import Model
from sensic.video import Cut, Filters, SideStreams, VideoInfo, VideoSource

FIRST_PASS = "first pass"
SPACING = 0.04  # seconds between frames, where the source doesn't say
ANY_RATE = 500_000
CLUSTER_BYTES, CLUSTER_SECONDS, CLUSTER_HEAD = 1 << 22, 20.0, 24
"""About so often the container begins a cluster, and what that takes; pictures make it begin more."""


@dataclass(frozen=True)
class Verdict:
    """``bitrate`` of the pictures, bits per second (None where they take no time), and what the user must be told."""

    bitrate: float | None = None
    notes: tuple[str, ...] = ()


@dataclass
class Rated:
    """Keeps ``target`` for an encode of ``source``. Raises UsageError where it can't be read twice for two passes."""

    target: RateTarget
    source: str | Path | BinaryIO
    filters: Filters | None
    settings: EncoderSettings
    model: Model
    threads: int | None = None
    progress: ProgressCallback | None = None

    def __post_init__(self) -> None:
        if self.target.passes == 2 and not _is_readable_twice(self.source):
            raise UsageError("two passes read the source twice: it must be a file, not a pipe")
        if self.target.passes == 2 and self.settings.low_latency:
            raise UsageError("low latency writes every frame at once, two passes know all frames before: give one")

    def start(self, video: VideoSource, frames: int | None) -> Controller:
        """The controller of all frames of ``video``; ``quality`` is then that of the stream's header."""
        planned = self.plan(video.info, video.cut, frames)
        self.quality, self._control = planned.quality, planned.part()
        return self._control

    def plan(
        self, info: VideoInfo, cut: Cut, frames: int | None, first_pass: Callable[[RatePlan], Seen] | None = None
    ) -> RatePlan:
        """The plan for a source of ``info`` and ``frames`` (None: unknown), after a first pass where one is wanted,
        which ``first_pass`` does, or one encoder.

        Raises UsageError, TargetError, InputError.
        """
        pattern = Pattern.of(
            self.model, info.width, info.height, self.settings.gop, low_latency=self.settings.low_latency
        )
        spacing = SPACING
        if info.rate is not None:
            spacing = float(1 / info.rate)
        elif info.duration and frames:
            spacing = float(info.duration) / frames
        first = Goal(self.settings.quality, spacing, frames)
        beside = self._beside(info, cut) if self.target.max_size is not None else 0
        if self.target.passes == 1:
            return plan(self.target, pattern, first, beside)
        quick = replace(self.target, passes=1)
        if frames is None and quick.max_size is not None:  # the first pass will tell; any rate will do until then
            quick = RateTarget(bitrate=ANY_RATE)
        quick_plan = plan(quick, pattern, first, beside)
        seen = first_pass(quick_plan) if first_pass else self._first_pass(quick_plan, info)
        return plan(self.target, pattern, first, beside, seen)

    def _beside(self, info: VideoInfo, cut: Cut) -> int:
        """Bytes of the file without pictures: it is written, to nowhere."""
        header = StreamHeader(bytes.fromhex(self.model.id), self.settings.quality, self.settings.gop, info)
        nowhere = _Nowhere()
        with SideStreams(self.source, cut) as side, StreamWriter(cast(BinaryIO, nowhere), header, side):
            pass
        clusters = nowhere.bytes // CLUSTER_BYTES + float(info.duration or 0) / CLUSTER_SECONDS + 2
        return nowhere.bytes + round(CLUSTER_HEAD * clusters)

    def quick_settings(self, quick: RatePlan) -> EncoderSettings:
        """Those of the first pass."""
        return replace(self.settings, quality=quick.quality, effort=min(self.settings.effort, QUICK))

    def _first_pass(self, quick: RatePlan, info: VideoInfo) -> Seen:
        started, recorder = time.monotonic(), quick.recorder()
        settings = self.quick_settings(quick)
        backend = load_backend(self.model, self.threads)
        encoder = Encoder(self.model, backend, info.width, info.height, settings, rate=recorder)

        def step() -> None:
            if self.progress is not None:
                total = quick.goal.frames and max(quick.goal.frames, encoder.frames)
                seconds, pixels = time.monotonic() - started, info.width * info.height
                self.progress(Progress(encoder.frames, total, 0, seconds, stage=FIRST_PASS, pixels=pixels))

        with VideoSource(self.source, self.filters) as video:
            for _ in encoder.blocks(video, on_frame=step):
                pass
        if not encoder.frames:
            raise InputError(f"{self.source}: no frame could be decoded")
        return recorder.seen()

    def verdict(self, packet_bytes: int, file_bytes: int, outcome: Outcome | None = None) -> Verdict:
        """What came of it: ``packet_bytes`` are those of the pictures in the container; ``outcome`` is that of the one
        controller, where it isn't given."""
        target, found = self.target, outcome or self._control.outcome
        seconds = found.seconds
        bitrate = 8 * packet_bytes / seconds if seconds > 0 else None
        notes = []
        if found.short:
            notes.append(
                f"{len(found.short)} frames, the first at {found.short[0]:.1f} s, don't fit the receiver's buffer "
                "even at the lowest quality: give a larger bufsize, a higher maxrate, or smaller pictures"
            )
        if target.max_size is not None and file_bytes > target.max_size:
            why = found.excuse(above=True)
            notes.append(f"the file has {file_bytes:,} bytes, more than max_size {target.max_size:,}: {why}")
        if target.bitrate is not None and bitrate is not None:
            off = bitrate / target.bitrate - 1
            if abs(off) > TOLERANCE[target.passes]:
                why = found.excuse(above=off > 0)
                notes.append(f"the pictures take {bitrate / 1000:,.1f} kbit/s, not {target.bitrate / 1000:,.1f}: {why}")
        return Verdict(bitrate, tuple(notes))


class _Nowhere:
    """A file that only counts."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: bytes) -> int:
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        pass


def _is_readable_twice(source: object) -> bool:
    if not isinstance(source, str | Path) or str(source) == "-":
        return False
    return os.path.isfile(source) or not os.path.exists(source)  # a URL, a series of pictures, or a mistake
