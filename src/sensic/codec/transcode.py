"""Whole files: encode and decode."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from sensic.codec.encoder import Encoder
from sensic.codec.engine import load_backend
from sensic.codec.profiles import PROFILES, SensingView, decoder_for
from sensic.codec.reports import DecodeReport, EncodeReport, Progress, ProgressCallback
from sensic.codec.settings import EncoderSettings, effort_of
from sensic.container import StreamHeader, StreamReader, StreamWriter
from sensic.errors import InputError, UsageError
from sensic.model import Model
from sensic.sensing import SensingEncoder, SensingSettings
from sensic.video import SideStreams, VideoInfo, VideoSink, VideoSource

Source = str | Path | BinaryIO
Destination = str | Path | BinaryIO


def refuse_same_file(source: object, destination: object) -> None:
    """Raises UsageError where writing would destroy what is being read."""
    paths = [x for x in (source, destination) if isinstance(x, str | Path) and x != "-" and os.path.exists(x)]
    if len(paths) == 2 and os.path.samefile(*paths):
        raise UsageError(f"{destination} is the input; write the output to another file")


class _Count:
    """Counts frames as they pass and tells the caller."""

    def __init__(self, callback: ProgressCallback | None, info: VideoInfo, total: int | None = None) -> None:
        self._callback, self._start, self.frames = callback, time.monotonic(), 0
        self._total = info.frame_count if total is None else total
        if self._total is None and info.duration is not None and info.rate is not None:
            self._total = round(info.duration * info.rate)

    def step(self, written: int) -> None:
        self.frames += 1
        if self._callback is not None:
            total = None if self._total is None else max(self._total, self.frames)
            self._callback(Progress(self.frames, total, written, self.seconds))

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start


def _size(destination: Destination, otherwise: int) -> int:
    return os.path.getsize(destination) if isinstance(destination, str | Path) and destination != "-" else otherwise


def encode(
    source: Source,
    destination: Destination,
    *,
    quality: int = 32,
    gop: int = 32,
    preset: str | int = "medium",
    low_latency: bool = False,
    model: str | Path | Model | None = None,
    threads: int | None = None,
    profile: str = "neural",
    sensing: SensingSettings | None = None,
    progress: ProgressCallback | None = None,
) -> EncodeReport:
    """Encode any video that FFmpeg reads into a Sensic stream (Matroska).

    ``source`` and ``destination`` are paths, binary file objects, or "-" for standard input (y4m) and output.
    ``quality`` goes from 0 (smallest) to 63 (best), ``gop`` is the distance of independent groups in frames (1 to 600),
    ``preset`` a name (realtime, fast, medium, slow, best) or 0 to 9: how hard the encoder searches. ``low_latency``
    writes and flushes every frame by itself. ``model`` is a shipped model's name or a model directory. Audio,
    subtitles, chapters and metadata are copied.

    ``profile`` "sensing" codes integer measurements as ``sensing`` says, with neither model nor search: ``gop``,
    ``preset``, ``model`` and ``threads`` then mean nothing; ``low_latency`` measures every frame by itself.

    Raises UsageError, InputError, OutputError, ModelError, BackendError. A path that can't be completed is not
    left behind.
    """
    if profile not in PROFILES:
        raise UsageError(f"profile is one of {', '.join(PROFILES)}, not {profile!r}")
    if sensing is not None and profile != "sensing":
        raise UsageError("settings of the profile sensing are for that profile")
    settings = EncoderSettings(quality, gop, effort_of(preset), low_latency)
    refuse_same_file(source, destination)
    start = _sensing(sensing, settings) if profile == "sensing" else _neural(model, threads, settings)
    with VideoSource(source) as video, SideStreams(source) as side:
        info = video.info
        header, encoder = start(info)
        count = _Count(progress, info)
        with StreamWriter(destination, header, side) as writer:
            totals = [0.0]  # bits after each frame

            def step() -> None:
                totals.append(sum(encoder.bits.values()))
                count.step(round(totals[-1] / 8))

            for block in encoder.blocks(video, on_frame=step):
                writer.write(block)
            if not encoder.frames:
                raise InputError(f"{source}: no frame could be decoded")
        notes = tuple(dict.fromkeys((*video.notes, *side.notes, *writer.notes)))
    return EncodeReport(
        encoder.frames, info.width, info.height, quality, header.model.hex(), _size(destination, writer.bytes_written),
        writer.payload_bytes, sum(encoder.bits.values()), dict(encoder.bits), count.seconds, notes,
        tuple(b - a for a, b in pairwise(totals)),
    )  # fmt: skip


Start = Callable[[VideoInfo], tuple[StreamHeader, Encoder | SensingEncoder]]


def _neural(model: str | Path | Model | None, threads: int | None, settings: EncoderSettings) -> Start:
    loaded = Model.load(model)

    def start(info: VideoInfo) -> tuple[StreamHeader, Encoder]:
        header = StreamHeader(bytes.fromhex(loaded.id), settings.quality, settings.gop, info, settings.low_latency)
        return header, Encoder(loaded, load_backend(loaded, threads), info.width, info.height, settings)

    return start


def _sensing(sensing: SensingSettings | None, settings: EncoderSettings) -> Start:
    if sensing is None:
        sensing = SensingSettings(frames=1) if settings.low_latency else SensingSettings()
    if settings.low_latency and sensing.frames > 1:
        raise UsageError(f"low latency measures every frame by itself: frames is 1 then, not {sensing.frames}")

    def start(info: VideoInfo) -> tuple[StreamHeader, SensingEncoder]:
        header = StreamHeader(
            sensing.pack(), settings.quality, sensing.frames, info, settings.low_latency, profile="sensing"
        )
        return header, SensingEncoder(sensing, info.depth, settings.quality)

    return start


def decode(
    source: Source | bytes,
    destination: Destination,
    *,
    codec: str | None = None,
    options: Mapping[str, str] | None = None,
    format: str | None = None,
    model: str | Path | Model | None = None,
    threads: int | None = None,
    decoder: str | None = None,
    layers: int | None = None,
    uncertainty: bool = False,
    progress: ProgressCallback | None = None,
) -> DecodeReport:
    """Decode a Sensic stream into any container and codec that FFmpeg writes; lossless (FFV1, or y4m) by default.

    ``codec``, ``options`` and ``format`` are FFmpeg's names; "-" writes y4m to standard output. For streams of the
    sensing profile, ``decoder`` is linear, tv or learned (the default where ``model`` is given), ``layers`` how many
    packets of a group to look at, and ``uncertainty`` shows the deviation to be expected instead of pictures.

    Raises StreamError and what is below it, WrongModelError (names the model wanted), OutputError, UsageError.
    """
    refuse_same_file(source, destination)
    with StreamReader(source) as reader, reader.side() as side:
        pictures = decoder_for(reader.header, model, threads, SensingView(decoder, layers, uncertainty))
        info = reader.header.info
        total = sum(entry.frames for entry in reader.index()) if reader.seekable else None
        count = _Count(progress, info, total)
        with VideoSink(destination, info, codec=codec, options=options, side=side, format=format) as sink:
            for frame in pictures.frames(reader.blocks()):
                sink.write(frame)
                count.step(0)
        notes = tuple(dict.fromkeys((*side.notes, *sink.notes)))
    return DecodeReport(count.frames, info.width, info.height, _size(destination, 0), count.seconds, notes)
