"""What an encode or decode would do, with everything checked that can be checked before; nothing is written."""

from __future__ import annotations

import io
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sensic.codec.engine import DEFAULT_BACKEND
from sensic.codec.inspection import described
from sensic.codec.profiles import SensingView, decoder_for
from sensic.codec.rated import Rated
from sensic.codec.settings import EncoderSettings, effort_of
from sensic.codec.target import RateTarget
from sensic.codec.transcode import (
    ON_ERROR,
    Destination,
    Source,
    check_options,
    check_workers,
    expected_frames,
    refuse_same_file,
    side_of,
    start_neural,
    start_sensing,
)
from sensic.codec.work import Work, check_chunks
from sensic.container import DEFAULT_LIMITS, Limits, StreamReader, StreamWriter
from sensic.errors import OutputError
from sensic.model import Model
from sensic.sensing import SensingSettings
from sensic.video import Filters, SideStreams, VideoInfo, VideoSink, VideoSource, container_of


@dataclass(frozen=True)
class EncodePlan:
    """What ``sensic.encode`` would do. ``info`` is of the pictures as they would be coded, after ``filters``.

    ``frames`` (None: nothing tells) is a hint of the source's; ``groups`` at least so many, as cuts begin groups too.
    ``quality`` is where a ``rate`` would begin. ``model`` and ``model_id`` are None in the profile sensing. ``streams``
    names the others, ``notes`` what the user must be told, and ``replaces`` says that the destination exists.
    """

    source: str
    destination: str
    info: VideoInfo
    frames: int | None
    groups: int | None
    profile: str
    quality: int
    gop: int
    effort: int
    low_latency: bool
    model: str | None
    model_id: str | None
    rate: RateTarget | None
    filters: Filters | None
    workers: int
    cluster: str | None
    streams: tuple[str, ...]
    replaces: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DecodePlan:
    """What ``sensic.decode`` would do. ``frames`` and ``groups`` are None for a pipe; ``container`` and ``codec`` are
    FFmpeg's names, ``codec`` None where the pictures are written raw; else as in ``EncodePlan``."""

    source: str
    destination: str
    info: VideoInfo
    frames: int | None
    groups: int | None
    profile: str
    quality: int
    model_id: str | None
    container: str
    codec: str | None
    streams: tuple[str, ...]
    replaces: bool
    notes: tuple[str, ...]


def plan_encode(
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
) -> EncodePlan:
    """Check what ``sensic.encode`` would check before it begins, with the same arguments, and say what it would do.

    The source is opened and the model loaded; nothing is coded and nothing written. A pipe loses its beginning.
    Raises what ``encode`` would.

    >>> plan = plan_encode("holiday.mp4", "out.mkv", gop=4)
    >>> plan.frames, plan.groups, plan.model, plan.replaces
    (6, 2, 'default', False)
    """
    settings, work = EncoderSettings(quality, gop, effort_of(preset), low_latency), Work(workers, resume, cluster)
    check_options(profile, sensing, rate, work, threads, backend)
    refuse_same_file(source, destination)
    if work.is_chunked:
        check_chunks(source, destination, settings, work)
    loaded = Model.load(model) if profile == "neural" else None
    rated = rate and loaded and Rated(rate, source, filters, settings, loaded, threads)
    start = start_neural(loaded, threads, settings, None, backend) if loaded else start_sensing(sensing, settings)
    with VideoSource(source, filters) as video, SideStreams(source, video.cut) as side:
        info, frames = video.info, expected_frames(video.info)
        header, _ = start(video)
        if rated:
            settings = replace(settings, quality=_first_quality(rated, video, frames))
        with StreamWriter(io.BytesIO(), header, side) as writer:
            notes = tuple(dict.fromkeys((*video.notes, *side.notes, *writer.notes)))
            streams = tuple(map(described, side.templates))
            writer.abort()
    return EncodePlan(
        source=_named(source),
        destination=_named(destination),
        info=info,
        frames=frames,
        groups=None if frames is None else math.ceil(frames / header.gop),
        profile=profile,
        quality=settings.quality,
        gop=header.gop,
        effort=settings.effort,
        low_latency=settings.low_latency,
        model=loaded.name if loaded else None,
        model_id=loaded.id if loaded else None,
        rate=rate,
        filters=filters,
        workers=workers,
        cluster=cluster,
        streams=streams,
        replaces=_check_destination(destination),
        notes=notes,
    )


def plan_decode(
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
) -> DecodePlan:
    """Check what ``sensic.decode`` would check before it begins, with the same arguments, and say what it would do.

    Every checksum of a file is checked, the model is loaded, codec and container are opened; nothing is decoded and
    nothing written. With ``on_error`` "conceal" nobody knows how many frames there are. A pipe loses its beginning.
    Raises what ``decode`` would.

    >>> plan = plan_decode("holiday.mkv", "back.mp4", codec="libx264")
    >>> plan.frames, plan.container, plan.codec
    (6, 'mp4', 'libx264')
    """
    refuse_same_file(source, destination)
    with StreamReader(source, limits=limits) as reader, side_of(reader, on_error) as side:
        header = reader.header
        check_workers(workers, header.profile, on_error, threads, backend)
        decoder_for(header, model, threads, SensingView(decoder, layers, uncertainty), precision, backend)
        index = reader.index() if reader.seekable and on_error == "fail" else None
        container = container_of(destination, format)
        sink = VideoSink(io.BytesIO(), header.info, codec=codec, options=options, side=side, format=container)
        try:
            notes = tuple(dict.fromkeys((*header.info.notes, *side.notes, *sink.notes)))
            chosen, streams = sink.codec, tuple(map(described, side.templates))
        finally:
            sink.abort()
    neural = header.profile == "neural"
    return DecodePlan(
        source=_named(source),
        destination=_named(destination),
        info=header.info,
        frames=None if index is None else sum(entry.frames for entry in index),
        groups=None if index is None else sum(entry.starts_group for entry in index),
        profile=header.profile,
        quality=header.quality,
        model_id=header.model.hex() if neural else None,
        container=container,
        codec=chosen,
        streams=streams,
        replaces=_check_destination(destination),
        notes=notes,
    )


def _first_quality(rated: Rated, video: VideoSource, frames: int | None) -> int:
    """Where rate control begins, of two passes the first. Raises TargetError for what can't be reached."""
    if rated.target.passes == 2 and rated.target.max_size is not None and frames is None:
        return rated.settings.quality  # the first pass will count the frames
    return replace(rated, target=replace(rated.target, passes=1)).plan(video.info, video.cut, frames).quality


def _named(file: object) -> str:
    return str(file) if isinstance(file, str | Path) else str(getattr(file, "name", type(file).__name__))


def _check_destination(destination: Destination) -> bool:
    """Whether it exists. Raises OutputError where it could not be written; asks only, and tries nothing."""
    if not isinstance(destination, str | Path) or destination == "-":
        return False
    path = Path(os.path.realpath(destination))
    try:
        found = path.stat()
    except FileNotFoundError:
        found = None
    except OSError as error:
        raise OutputError(f"can't write {destination}: {error.strerror}") from error
    if found and stat.S_ISDIR(found.st_mode):
        raise OutputError(f"can't write {destination}: Is a directory")
    # A file is written beside its destination and renamed; what is no regular file is written directly.
    place = path if found and not stat.S_ISREG(found.st_mode) else path.parent
    if not place.exists():
        raise OutputError(f"can't write {destination}: No such file or directory")
    if not os.access(place, os.W_OK):
        raise OutputError(f"can't write {destination}: Permission denied")
    return found is not None
