"""Audio, subtitles and attachments: copied from file to file as they are, packet by packet."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import av
from av.stream import Discard, Stream

from sensic.errors import InputError, OutputError
from sensic.video.demux import local_name, open_container
from sensic.video.graph import Cut
from sensic.video.tags import stream_tags
from sensic.video.y4m import MAGIC

_KEEP_NEGATIVE_TIMES = {"matroska", "webm", "mp4", "mov", "ipod"}
_ATTACHMENTS = {"matroska"}
_LATE = 10  # seconds after the end of a cut: no stream of a file lags behind another by so much
_NO_SUBTITLES = {"mpegts", "nut", "avi"}

Conversion: TypeAlias = "Callable[[av.Packet[Any]], av.Packet[Any] | None]"  # None: nothing to write


class SideStreams:
    """Every stream of a file but video: ``templates``, and their packets in the order of the file.

    Reads the file on its own, beside whoever decodes the pictures. Pipes, file objects and y4m have no side streams
    here: ``templates`` is then empty. Of a ``cut`` video only what lies in it is given, its start being time 0:
    whole packets of sound, so up to one packet's time is missing at the start; subtitles on show there are shortened.
    Raises InputError. A context manager.
    """

    def __init__(self, source: str | Path | BinaryIO, cut: Cut | None = None) -> None:
        self._cut = cut or Cut()
        self._container: av.container.InputContainer | None = None
        self._pending: av.Packet[Any] | None = None
        self.templates: tuple[Stream, ...] = ()
        self.notes: list[str] = []
        if not isinstance(source, str | Path) or not _has_streams(str(source)):
            return
        self._container = open_container(local_name(str(source)))
        for stream in self._container.streams.video:
            stream.discard = Discard.all
        self.templates = tuple(s for s in self._container.streams if s.type != "video")
        self._packets = self._demux(self._container)

    def until(self, seconds: Fraction | None) -> Iterator[av.Packet[Any]]:
        """The packets not yet taken whose time is at most ``seconds``; None: all the rest."""
        while self._container is not None:
            packet = self._pending or next(self._packets, None)
            self._pending = packet
            if packet is None or (seconds is not None and time_of(packet) > seconds):
                return
            self._pending = None
            if self._cut.end is not None:
                after = time_of(packet) - (self._cut.end - self._cut.start)
                if after > _LATE:
                    return
                if after >= 0:
                    continue
                _shorten(packet, -after)
            yield packet

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def __enter__(self) -> SideStreams:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _demux(self, container: av.container.InputContainer) -> Iterator[av.Packet[Any]]:
        moving = [stream for stream in self.templates if stream.type != "attachment"]
        if not moving:
            return
        try:
            for packet in container.demux(*moving):
                timed = packet.size and (packet.pts is not None or packet.dts is not None)
                if timed and (not self._cut.start or _moved(packet, self._cut.start)):
                    yield packet
        except av.InvalidDataError:
            self.notes.append("the source is damaged; its audio and subtitles end early")
        except (av.FFmpegError, OSError) as error:
            raise InputError(f"reading audio and subtitles failed: {error}") from error


class SideWriter:
    """Gives an output container the side streams that it can hold, and feeds them.

    Construct it before the first packet is muxed. ``notes`` says what was left out or converted.
    """

    def __init__(self, output: av.container.OutputContainer, side: SideStreams | None) -> None:
        self._output = output
        self._side = side
        self._targets: dict[int, tuple[Stream, Conversion]] = {}  # by the template's index
        self._format = output.format.name
        self._early = 0
        self._notes: list[str] = []
        for template in side.templates if side else ():
            self._add(template)

    @property
    def notes(self) -> tuple[str, ...]:
        early = [f"{self._early} audio packets before time 0 can't be held by {self._format} and were left out"]
        return (*self._notes, *(early if self._early else []), *(self._side.notes if self._side else []))

    def write_until(self, seconds: Fraction | None) -> None:
        """Mux the packets up to this time; None: all the rest. Raises OutputError."""
        for packet in self._side.until(seconds) if self._side else ():
            target = self._targets.get(packet.stream.index)
            if target is None:
                continue
            if time_of(packet) < 0 and self._format not in _KEEP_NEGATIVE_TIMES:
                self._early += 1
                continue
            stream, convert = target
            converted = convert(packet)
            if converted is not None:
                self._mux(converted, stream)

    def _mux(self, packet: av.Packet[Any], stream: Stream) -> None:
        packet.stream = stream
        try:
            self._output.mux_one(packet)
        except (av.FFmpegError, OSError) as error:
            raise OutputError(f"can't write: {getattr(error, 'strerror', None) or error}") from error

    def _add(self, template: Stream) -> None:
        name = template.codec_context.name if template.codec_context is not None else template.type
        text = _TEXT.get(name)
        convert: Conversion = _as_it_is
        try:
            if not self._may_hold(template):
                raise ValueError(f"{self._format} holds no {template.type} streams")
            if text and text.codec in self._output.supported_codecs and name not in self._output.supported_codecs:
                stream: Stream = self._output.add_mux_stream(text.codec, time_base=template.time_base)
                convert = text.convert
                self._notes.append(f"subtitle stream {template.index} is kept as plain text; its styles are lost")
            else:
                stream = self._output.add_stream_from_template(template)
                convert = _without_gaps if name == "mov_text" else convert
        except (ValueError, av.FFmpegError):
            names = (template.metadata.get(key) for key in ("title", "filename", "handler_name"))
            label = next((found for found in names if found), name)
            self._notes.append(f"{template.type} stream {template.index} ({label}) can't be kept in {self._format}")
            return
        stream.disposition = template.disposition
        stream.metadata.update(template.metadata if template.type == "attachment" else stream_tags(template.metadata))
        self._targets[template.index] = (stream, convert)

    def _may_hold(self, template: Stream) -> bool:
        """What FFmpeg would otherwise accept and then write unreadably, or refuse only with the whole file."""
        if template.type == "attachment":
            return self._format in _ATTACHMENTS
        return template.type == "audio" or (template.type == "subtitle" and self._format not in _NO_SUBTITLES)


def time_of(packet: av.Packet[Any]) -> Fraction:
    """When the packet is shown, seconds."""
    ticks = packet.pts if packet.pts is not None else packet.dts
    return Fraction(ticks or 0) * (packet.time_base or 0)


def _moved(packet: av.Packet[Any], start: Fraction) -> bool:
    """Make ``start`` time 0 for the packet; False if it lies before. What is left of a subtitle begins there."""
    missing = start - time_of(packet)
    base = packet.time_base or Fraction(1)
    shift = round(start / base)
    if missing > 0:
        if packet.stream.type != "subtitle" or (packet.duration or 0) * base <= missing:
            return False
        packet.duration = (packet.duration or 0) - round(missing / base)
        packet.pts = packet.dts = shift
    packet.pts = None if packet.pts is None else packet.pts - shift
    packet.dts = None if packet.dts is None else packet.dts - shift
    return True


def _shorten(packet: av.Packet[Any], seconds: Fraction) -> None:
    """Let a subtitle be shown no longer than this."""
    base = packet.time_base or Fraction(1)
    if packet.stream.type == "subtitle" and (packet.duration or 0) * base > seconds:
        packet.duration = max(1, round(seconds / base))


def _as_it_is(packet: av.Packet[Any]) -> av.Packet[Any] | None:
    return packet


def _without_gaps(packet: av.Packet[Any]) -> av.Packet[Any] | None:
    """Timed text (3GPP tx3g) without the empty samples that fill its pauses: a muxer makes its own."""
    return packet if _timed_text(packet) else None


def _timed_to_plain(packet: av.Packet[Any]) -> av.Packet[Any] | None:
    text = _timed_text(packet)
    return _replaced(packet, text) if text else None


def _plain_to_timed(packet: av.Packet[Any]) -> av.Packet[Any] | None:
    text = re.sub(rb"</?[a-zA-Z][^<>]{0,80}>|\{\\an\d\}", b"", bytes(packet)).strip()[:0xFFFF]
    return _replaced(packet, len(text).to_bytes(2, "big") + text) if text else None


def _timed_text(packet: av.Packet[Any]) -> bytes:
    data = bytes(packet)
    return data[2 : 2 + int.from_bytes(data[:2], "big")]


def _replaced(packet: av.Packet[Any], data: bytes) -> av.Packet[Any]:
    new: av.Packet[Any] = av.Packet(data)
    new.pts, new.dts, new.duration, new.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    new.is_keyframe = True
    return new


class _Text(NamedTuple):
    codec: str  # what it can become
    convert: Conversion


_TEXT = {
    "mov_text": _Text("subrip", _timed_to_plain),
    "srt": _Text("mov_text", _plain_to_timed),
    "subrip": _Text("mov_text", _plain_to_timed),
    "text": _Text("mov_text", _plain_to_timed),
}


def _has_streams(path: str) -> bool:
    if path == "-":
        return False
    if "://" in path or not Path(path).is_file():
        return "://" in path
    try:
        with open(path, "rb") as file:
            return file.read(len(MAGIC)) != MAGIC
    except OSError as error:
        raise InputError(f"can't read {path}: {error.strerror}") from error
