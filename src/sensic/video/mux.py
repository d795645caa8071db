"""Encoding and muxing with PyAV, metadata included as far as it goes."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from sensic.errors import InputError, OutputError, UsageError
from sensic.video.aspect import set_pixel_aspect
from sensic.video.demux import ContainerReader
from sensic.video.frame import Frame
from sensic.video.info import VideoInfo
from sensic.video.planes import PIXEL_FORMATS, picture_of
from sensic.video.side import SideStreams, SideWriter
from sensic.video.template import can_carry, hdr_template

_LOSSLESS = (  # the first that the container takes
    ("ffv1", {"level": "3", "slicecrc": "1"}),
    ("libx264", {"qp": "0", "preset": "medium"}),
    ("libvpx-vp9", {"lossless": "1"}),
)
_QUIET = {"libx265": {"x265-params": "log-level=error"}}
_EVEN_ONLY = {"libx264", "libx265", "libsvtav1"}
_FIELD_ORDER = {"progressive": 1, "tff": 2, "bff": 3}  # AVFieldOrder
_CHROMA_LOCATION = {1: "left", 2: "center", 3: "topleft", 4: "top", 5: "bottomleft", 6: "bottom"}
_INTERLACED_DCT, _GLOBAL_HEADER, _FRAME_DURATION = 1 << 18, 1 << 22, 1 << 8  # AV_CODEC_FLAG_*
_ASPECT_TOLERANCE = Fraction(1, 100)  # Matroska states whole pixels
_EXACT_FROM_ZERO = {"matroska", "webm", "mp4", "mov", "ipod"}  # hold negative times, so nothing need be shifted


class ContainerWriter:
    """Encodes frames into a container on a binary file object. The caller owns the file."""

    def __init__(
        self,
        file: BinaryIO | io.FileIO,
        container: str,
        info: VideoInfo,
        codec: str | None,
        options: dict[str, str],
        side: SideStreams | None,
    ) -> None:
        self._file = file
        self._info = info
        self._notes: list[str] = []
        self._template: av.container.InputContainer | None = None
        self._output = _open_output(file, container, info, side)
        try:
            codec, defaults = (codec, _QUIET.get(codec, {})) if codec else _lossless(self._output, info)
            if codec in _EVEN_ONLY and (info.width % 2 or info.height % 2):
                raise OutputError(f"{codec} takes no odd picture sizes ({info.width}x{info.height}); FFV1 in .mkv does")
            self.codec: str | None = codec
            with _output_errors():
                self._encoder = self._open_stream(codec, {**defaults, **options})
                self._side = SideWriter(self._output, side)
                self._describe()
            self._fields = _field_graph(info)
        except BaseException:
            self.abort()
            raise
        self._first: Fraction | None = None
        self._previous: Fraction | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self._notes, *self._side.notes)

    def write(self, frame: Frame) -> None:
        picture = picture_of(frame)
        picture.duration = frame.duration or self._usual_duration(frame)
        self._previous = frame.time
        if self._first is None:
            self._begin(frame.time)
        with _output_errors():
            if self._fields is not None:
                self._fields.vpush(picture)
                picture = self._fields.vpull()
            self._side.write_until(frame.time)
            self._mux(picture)

    def _begin(self, first: Fraction) -> None:
        """The header isn't written yet. No container tells of pictures before time 0: then all times shift."""
        self._first = first
        if first < 0:
            self._output.container_options["avoid_negative_ts"] = "make_non_negative"

    def close(self) -> None:
        with _output_errors():
            self._mux(None)
            self._side.write_until(None)
            self._output.close()
            self._file.flush()
        self._close_template()

    def abort(self) -> None:
        with contextlib.suppress(Exception):
            self._output.close()
        self._close_template()

    def complete(self, path: Path) -> None:
        """Correct the closed file where PyAV couldn't write what is known, then read it and note what it lost."""
        aspect = self._info.sample_aspect_ratio
        if self._output.format.name == "matroska" and aspect not in (None, 1):
            with _output_errors():
                set_pixel_aspect(path, self._info.width, self._info.height, aspect)
        self._compare(path)

    def _compare(self, path: Path) -> None:
        try:
            reader = ContainerReader(str(path))
        except InputError as error:
            raise OutputError(f"what was written can't be read back: {error}") from error
        try:
            self._notes += _losses(self._info, reader.info, self._output.format.name)
            first = next(iter(reader))
            if self._first is not None and abs(first.time - self._first) > first.time_base:
                shift = float(first.time - self._first)
                self._notes.append(f"{self._output.format.name} shifts all times by {shift:+.3f} s")
            elif self._info.time_base % first.time_base:
                self._notes.append(f"{self._output.format.name} rounds times to {first.time_base} s")
        finally:
            reader.close()

    def _mux(self, picture: av.VideoFrame | None) -> None:
        for packet in self._encoder.encode(picture):
            packet.stream = self._stream
            self._output.mux_one(packet)

    def _usual_duration(self, frame: Frame) -> int:
        """At least 1: MP4 doesn't show a last frame that lasts no time."""
        if self._info.rate:
            return max(1, round(1 / (self._info.rate * frame.time_base)))
        return 1 if self._previous is None else max(1, round((frame.time - self._previous) / frame.time_base))

    def _open_stream(self, codec: str, options: dict[str, str]) -> av.VideoCodecContext:
        """The encoder, and ``_stream`` described like it."""
        info = self._info
        if can_carry(codec, info.hdr):
            encoder = _video(av.CodecContext.create(codec, "w"), codec)
            encoder.flags |= _GLOBAL_HEADER
        else:
            self._stream: Any = self._output.add_stream(codec, rate=info.rate or 25)
            encoder = _video(self._stream.codec_context, codec)
        self._configure(encoder, options)
        try:
            encoder.open()
        except av.FFmpegError as error:
            asked = " ".join(f"{key}={value}" for key, value in options.items()) or "its defaults"
            raise OutputError(f"{codec} refuses {info.width}x{info.height}, {info.depth} bits with {asked}") from error
        if encoder.options:
            raise UsageError(f"{codec} has no option {', '.join(sorted(encoder.options))}")
        if can_carry(codec, info.hdr):
            self._template = hdr_template(codec, encoder, info.hdr)
            self._stream = self._output.add_stream_from_template(self._template.streams.video[0], opaque=True)
        self._stream.time_base = info.time_base
        return encoder

    def _configure(self, encoder: av.VideoCodecContext, options: dict[str, str]) -> None:
        info, colour = self._info, self._info.colour
        encoder.width, encoder.height = info.width, info.height
        encoder.pix_fmt = PIXEL_FORMATS[info.depth]
        encoder.time_base = info.time_base
        encoder.framerate = info.rate or Fraction(0)
        encoder.thread_type = "AUTO"
        encoder.thread_count = 0
        encoder.color_primaries, encoder.color_trc = colour.primaries, colour.transfer
        encoder.colorspace = colour.matrix
        encoder.color_range = {None: 0, False: 1, True: 2}[colour.full_range]
        encoder.field_order = _FIELD_ORDER[info.field_order]
        encoder.flags |= _FRAME_DURATION | (0 if info.field_order == "progressive" else _INTERLACED_DCT)
        if info.sample_aspect_ratio:
            encoder.sample_aspect_ratio = info.sample_aspect_ratio
        if info.field_order == "bff":
            options = {"x264-params": "bff=1", **options} if encoder.name == "libx264" else options
        if info.chroma_location in _CHROMA_LOCATION:
            options = {"chroma_sample_location": _CHROMA_LOCATION[info.chroma_location], **options}
        encoder.options = options

    def _describe(self) -> None:
        """Rotation, tags and chapters."""
        info = self._info
        if info.display_matrix:
            self._stream.set_display_matrix(info.display_matrix)
        elif info.rotation:
            self._stream.set_display_rotation(info.rotation)
        self._stream.metadata.update(info.stream_tags)
        self._output.metadata.update(info.tags)
        self._output.set_chapters(
            [
                {
                    "id": chapter.id,
                    "start": chapter.start,
                    "end": chapter.end,
                    "time_base": chapter.time_base,
                    "metadata": dict(chapter.tags),
                }
                for chapter in info.chapters
            ]
        )

    def _close_template(self) -> None:
        if self._template is not None:
            self._template.close()


def _open_output(
    file: BinaryIO | io.FileIO, container: str, info: VideoInfo, side: SideStreams | None
) -> av.container.OutputContainer:
    options = {}
    if container in _EXACT_FROM_ZERO:
        options["avoid_negative_ts"] = "disabled"
    if container in ("mp4", "mov", "ipod"):
        options["movflags"] = "use_metadata_tags"
        options["movie_timescale"] = str(_common_timescale(info, side))  # a stream's start is rounded to it
    try:
        return av.open(file, "w", format=container, container_options=options, buffer_size=1 << 18)
    except ValueError as error:
        raise UsageError(f"PyAV writes no container {container!r}: {error}") from error


def _common_timescale(info: VideoInfo, side: SideStreams | None) -> int:
    """Ticks per second that express the times of all streams, as far as they stay below the format's 2**31."""
    scale = math.lcm(1000, info.time_base.denominator)
    for template in side.templates if side else ():
        common = math.lcm(scale, template.time_base.denominator if template.time_base else 1)
        scale = common if common < 1 << 31 else scale
    return scale if scale < 1 << 31 else min(info.time_base.denominator, (1 << 31) - 1)


def _video(context: object, codec: str) -> av.VideoCodecContext:
    if not isinstance(context, av.VideoCodecContext):
        raise UsageError(f"{codec} is no video codec")
    return context


def _lossless(output: av.container.OutputContainer, info: VideoInfo) -> tuple[str, dict[str, str]]:
    odd = info.width % 2 or info.height % 2
    for codec, options in _LOSSLESS:
        unfit = (odd and codec in _EVEN_ONLY) or (info.depth == 10 and codec == "libvpx-vp9")
        if codec in output.supported_codecs and not unfit:
            return codec, options
    raise UsageError(f"{output.format.name} takes no lossless codec for this video; name a codec, or use .mkv")


def _field_graph(info: VideoInfo) -> av.filter.Graph | None:
    """A filter that marks frames as interlaced, which PyAV's frames can't be told directly."""
    if info.field_order == "progressive":
        return None
    graph = av.filter.Graph()
    pixels = av.VideoFormat(PIXEL_FORMATS[info.depth], info.width, info.height)
    source = graph.add_buffer(width=info.width, height=info.height, format=pixels, time_base=info.time_base)
    mark = graph.add("setfield", info.field_order)
    end = graph.add("buffersink")
    source.link_to(mark)
    mark.link_to(end)
    graph.configure()
    return graph


def _losses(wanted: VideoInfo, found: VideoInfo, container: str) -> Iterator[str]:
    """Sentences on the metadata that reading the file back doesn't show."""

    def lost(what: str, before: Any, after: Any) -> Iterator[str]:
        if before and before != after:
            yield f"{container} doesn't keep the {what}"

    yield from lost(f"rotation by {wanted.rotation} degrees", wanted.rotation % 360, found.rotation % 360)
    yield from lost("mirroring", wanted.display_matrix, found.display_matrix)
    aspects = Fraction(wanted.sample_aspect_ratio or 1) / (found.sample_aspect_ratio or 1)
    if abs(aspects - 1) > _ASPECT_TOLERANCE:
        yield f"{container} doesn't keep the sample aspect ratio {wanted.sample_aspect_ratio}"
    for name in ("primaries", "transfer", "matrix"):
        before, after = getattr(wanted.colour, name), getattr(found.colour, name)
        if before not in (2, after):
            yield f"{container} doesn't keep the colour {name}"
    if wanted.colour.full_range and not found.colour.full_range:
        yield f"{container} doesn't keep the full colour range"
    if wanted.field_order != found.field_order and wanted.field_order != "progressive":
        yield f"{container} doesn't keep the field order"
    yield from lost("chapters", len(wanted.chapters), len(found.chapters))
    for name in wanted.hdr.keys() - found.hdr.keys():
        yield f"{container} doesn't keep the HDR metadata ({name.replace('_', ' ')})"


@contextlib.contextmanager
def _output_errors() -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise OutputError(f"can't write: {getattr(error, 'strerror', None) or error}") from error
