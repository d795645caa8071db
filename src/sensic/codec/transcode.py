"""Whole files: encode and decode."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from sensic.cluster import whole_workers
from sensic.codec.concealment import Concealment
from sensic.codec.decoder import Decoder
from sensic.codec.encoder import Encoder
from sensic.codec.engine import DEFAULT_BACKEND, load_backend
from sensic.codec.groups import side_by_side
from sensic.codec.profiles import PROFILES, SensingView, check_for, decoder_for
from sensic.codec.rated import Rated, Verdict
from sensic.codec.reports import DecodeReport, EncodeReport, Progress, ProgressCallback
from sensic.codec.settings import EncoderSettings, effort_of
from sensic.codec.target import RateTarget
from sensic.codec.work import Work, encode_in_chunks
from sensic.container import DEFAULT_LIMITS, Limits, StreamHeader, StreamReader, StreamWriter
from sensic.errors import InputError, UsageError
from sensic.model import Model
from sensic.sensing import SensingEncoder, SensingSettings
from sensic.video import Filters, SideStreams, VideoInfo, VideoSink, VideoSource

Source = str | Path | BinaryIO
Destination = str | Path | BinaryIO
ON_ERROR = ("fail", "conceal")


def refuse_same_file(source: object, destination: object) -> None:
    """Raises UsageError where writing would destroy what is being read."""
    paths = [x for x in (source, destination) if isinstance(x, str | Path) and x != "-" and os.path.exists(x)]
    if len(paths) == 2 and os.path.samefile(*paths):
        raise UsageError(f"{destination} is the input; write the output to another file")


def expected_frames(info: VideoInfo) -> int | None:
    """As the source says, or its duration and rate do; None where neither is known."""
    if info.frame_count is None and info.duration is not None and info.rate is not None:
        return round(info.duration * info.rate)
    return info.frame_count


class _Count:
    """Counts frames as they pass and tells the caller."""

    def __init__(self, callback: ProgressCallback | None, info: VideoInfo, total: int | None = None) -> None:
        self._callback, self._start, self.frames = callback, time.monotonic(), 0
        self._total = expected_frames(info) if total is None else total
        self._pixels = info.width * info.height

    def step(self, written: int) -> None:
        self.frames += 1
        if self._callback is not None:
            total = None if self._total is None else max(self._total, self.frames)
            self._callback(Progress(self.frames, total, written, self.seconds, pixels=self._pixels))

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
    backend: str = DEFAULT_BACKEND,
    profile: str = "neural",
    sensing: SensingSettings | None = None,
    filters: Filters | None = None,
    rate: RateTarget | None = None,
    workers: int = 1,
    resume: bool = False,
    cluster: str | None = None,
    progress: ProgressCallback | None = None,
) -> EncodeReport:
    """Encode any video that FFmpeg reads into a Sensic stream (Matroska).

    ``source`` and ``destination`` are paths, binary file objects, or "-" for standard input (y4m) and output.
    ``quality`` goes from 0 (smallest) to 63 (best), ``gop`` is the distance of independent groups in frames (1 to 600),
    ``preset`` a name (realtime, fast, medium, slow, best) or 0 to 9: how hard the encoder searches. ``low_latency``
    writes and flushes every frame by itself. ``model`` is a shipped model's name or a model directory. Audio,
    subtitles, chapters and metadata are copied. ``filters`` is what is done to the pictures before (``Filters``);
    a trim applies to all streams. ``backend`` computes the networks: onnxruntime, openvino, openvino-bf16, pytorch or
    cuda (docs/performance.md). ``rate`` is a bitrate, a size or a buffer to keep (``RateTarget``): the first two
    decide the quality, and ``quality`` then means nothing.

    With ``workers`` above 1, ``resume`` or ``cluster`` (auto or ray://HOST:PORT) a file is encoded in chunks of whole
    groups by processes with one thread each; finished chunks wait in OUT.parts beside the output. ``resume`` goes on
    with those of an encode that was broken off. The bytes don't depend on how many workers there are, nor on where or
    when a chunk was encoded, but differ from those of an encode that isn't chunked wherever a group begins elsewhere.

    ``profile`` "sensing" codes integer measurements as ``sensing`` says, with neither model nor search: ``gop``,
    ``preset``, ``model`` and ``threads`` then mean nothing; ``low_latency`` measures every frame by itself.

    Raises UsageError, InputError, OutputError, ModelError, BackendError, ClusterError, TargetError. A path that can't
    be completed is not left behind.

    >>> report = encode("holiday.mp4", "out.mkv", quality=20, preset="fast")
    >>> report.frames, report.width, report.height, report.quality
    (6, 320, 180, 20)
    """
    settings, work = EncoderSettings(quality, gop, effort_of(preset), low_latency), Work(workers, resume, cluster)
    check_options(profile, sensing, rate, work, threads, backend)
    refuse_same_file(source, destination)
    rated = None if rate is None else Rated(rate, source, filters, settings, Model.load(model), threads, progress)
    if work.is_chunked:
        return encode_in_chunks(
            source, destination, model=Model.load(model), settings=settings, filters=filters, rated=rated, work=work,
            progress=progress,
        )  # fmt: skip
    if profile == "sensing":
        start = start_sensing(sensing, settings)
    else:
        start = start_neural(model, threads, settings, rated, backend)
    with VideoSource(source, filters) as video, SideStreams(source, video.cut) as side:
        info = video.info
        header, encoder = start(video)
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
    size = _size(destination, writer.bytes_written)
    kept = rated.verdict(writer.packet_bytes, size) if rated else Verdict()
    return EncodeReport(
        encoder.frames, info.width, info.height, header.quality, header.model.hex(), size, writer.payload_bytes,
        sum(encoder.bits.values()), dict(encoder.bits), count.seconds, (*notes, *kept.notes),
        tuple(b - a for a, b in pairwise(totals)), kept.bitrate,
    )  # fmt: skip


def check_options(
    profile: str,
    sensing: SensingSettings | None,
    rate: RateTarget | None,
    work: Work,
    threads: int | None,
    backend: str,
) -> None:
    """Raises UsageError where they contradict each other."""
    if profile not in PROFILES:
        raise UsageError(f"profile is one of {', '.join(PROFILES)}, not {profile!r}")
    if sensing is not None and profile != "sensing":
        raise UsageError("settings of the profile sensing are for that profile")
    if rate is not None and profile != "neural":
        raise UsageError(f"a rate target doesn't go with the profile {profile}")
    if work.is_chunked and profile != "neural":
        raise UsageError(f"workers, cluster and resume are for the profile neural, not {profile}")
    if work.is_chunked:
        _check_one_thread(threads)
    if backend != DEFAULT_BACKEND and (work.is_chunked or profile != "neural"):
        raise UsageError(
            f"workers, cluster, resume and the profile sensing go with {DEFAULT_BACKEND} only, not {backend}"
        )


Start = Callable[[VideoSource], tuple[StreamHeader, Encoder | SensingEncoder]]


def start_neural(
    model: str | Path | Model | None,
    threads: int | None,
    settings: EncoderSettings,
    rated: Rated | None,
    backend: str = DEFAULT_BACKEND,
) -> Start:
    loaded = Model.load(model)

    def start(video: VideoSource) -> tuple[StreamHeader, Encoder]:
        info, control, chosen = video.info, None, settings
        if rated is not None:
            control = rated.start(video, expected_frames(info))
            chosen = replace(settings, quality=rated.quality)
        header = StreamHeader(bytes.fromhex(loaded.id), chosen.quality, chosen.gop, info, chosen.low_latency)
        computing = load_backend(loaded, threads, name=backend)
        return header, Encoder(loaded, computing, info.width, info.height, chosen, rate=control)

    return start


def start_sensing(sensing: SensingSettings | None, settings: EncoderSettings) -> Start:
    if sensing is None:
        sensing = SensingSettings(frames=1) if settings.low_latency else SensingSettings()
    if settings.low_latency and sensing.frames > 1:
        raise UsageError(f"low latency measures every frame by itself: frames is 1 then, not {sensing.frames}")

    def start(video: VideoSource) -> tuple[StreamHeader, SensingEncoder]:
        header = StreamHeader(
            sensing.pack(), settings.quality, sensing.frames, video.info, settings.low_latency, profile="sensing"
        )
        return header, SensingEncoder(sensing, video.info.depth, settings.quality)

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
    precision: str = "float",
    backend: str = DEFAULT_BACKEND,
    on_error: str = ON_ERROR[0],
    workers: int = 1,
    limits: Limits = DEFAULT_LIMITS,
    progress: ProgressCallback | None = None,
) -> DecodeReport:
    """Decode a Sensic stream into any container and codec that FFmpeg writes; lossless (FFV1, or y4m) by default.

    ``codec``, ``options`` and ``format`` are FFmpeg's names; "-" writes y4m to standard output. For streams of the
    sensing profile, ``decoder`` is linear, tv or learned (the default where ``model`` is given), ``layers`` how many
    packets of a group to look at, and ``uncertainty`` shows the deviation to be expected instead of pictures.

    ``precision`` int8 computes pictures in 8-bit integers, also those of streams that were made in float: faster, but
    0 to 0.5 dB worse (over 1 dB by the end of a group at worst). auto tries for a moment which is faster here.
    ``backend`` is as in ``encode``; symbols are the same with any, pictures differ in the last bits.

    A damaged stream is an error, and nothing is written; with ``on_error`` "conceal" everything that is whole is
    decoded, the last good picture, moved on, stands in for what is lost, and the report's ``concealed`` tells where. A
    damaged header remains an error. ``limits`` is what the stream may ask for.

    ``workers`` groups of pictures are decoded at a time, each with one thread in its networks: for machines with more
    cores than two. The pictures are the same, those of so many groups are held in memory, 1 GiB at most.

    Raises StreamError and what is below it, WrongModelError (names the model wanted), OutputError, UsageError.

    >>> decode("holiday.mkv", "back.mp4", codec="libx264", options={"crf": "16"}).frames
    6
    """
    refuse_same_file(source, destination)
    concealment: Concealment | None = None
    with StreamReader(source, limits=limits) as reader, side_of(reader, on_error) as side:
        check_workers(workers, reader.header.profile, on_error, threads, backend)
        pictures = decoder_for(
            reader.header, model, threads if workers == 1 else 1, SensingView(decoder, layers, uncertainty), precision,
            backend,
        )  # fmt: skip
        info = reader.header.info
        if on_error == "fail":
            total = sum(entry.frames for entry in reader.index()) if reader.seekable else None
            if workers > 1 and isinstance(pictures, Decoder):
                frames = side_by_side(pictures, reader.blocks(), workers)
            else:
                frames = pictures.frames(reader.blocks())
        else:
            concealment = Concealment(pictures, reader.header, check_for(pictures))
            total, frames = None, concealment.frames(reader.survivors())
        count = _Count(progress, info, total)
        with VideoSink(destination, info, codec=codec, options=options, side=side, format=format) as sink:
            for frame in frames:
                sink.write(frame)
                count.step(0)
        notes = tuple(dict.fromkeys((*side.notes, *sink.notes)))
    return DecodeReport(
        count.frames, info.width, info.height, _size(destination, 0), count.seconds, notes,
        tuple(concealment.intervals) if concealment else (),
    )  # fmt: skip


def check_workers(workers: int, profile: str, on_error: str, threads: int | None, backend: str) -> None:
    """Raises UsageError where several workers can't decode."""
    if whole_workers(workers) == 1:
        return
    if profile != "neural" or on_error != "fail" or backend != DEFAULT_BACKEND:
        raise UsageError(f"workers are for whole streams of the profile neural, decoded with {DEFAULT_BACKEND}")
    _check_one_thread(threads)


def _check_one_thread(threads: int | None) -> None:
    if threads not in (None, 1):
        raise UsageError(f"each worker has one thread: give workers or threads, not {threads} threads")


def side_of(reader: StreamReader, on_error: str) -> SideStreams:
    """Sound and subtitles; none where they are damaged too, and that is not to be an error. Raises UsageError."""
    if on_error not in ON_ERROR:
        raise UsageError(f"on_error is one of {', '.join(ON_ERROR)}, not {on_error!r}")
    try:
        return reader.side()
    except InputError as error:
        if on_error == "fail":
            raise
        side = SideStreams("-")
        side.notes.append(f"sound and subtitles are lost: {error}")
        return side
