"""YUV4MPEG2: raw pictures with a one-line header, the format of pipes between video programs.

Written is 4:2:0 with 8 or 10 bits; read is every sampling that FFmpeg knows of, converted as files are. Nothing is
read ahead of the picture asked for, and every picture is flushed, so both ends of a pipe can be live.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av

from sensic.errors import InputError, OutputError, UnsupportedError, UsageError
from sensic.video.frame import Colour, Frame, Plane, chroma_shape
from sensic.video.info import MAX_SIDE, VideoInfo
from sensic.video.planes import conversion_note, depth_of, frame_of_bytes, picture_of, planes_of, samples_of

MAGIC = b"YUV4MPEG2"
_FRAME = b"FRAME"
MAX_LINE = 1024  # of a header; real ones have about 60 bytes
MAX_FRAME_BYTES = 1 << 30

_SAMPLINGS = {  # the C tag: (pixel format, chroma location as in VideoInfo)
    "420": ("yuv420p", 2),
    "420jpeg": ("yuv420p", 2),
    "420mpeg2": ("yuv420p", 1),
    "420paldv": ("yuv420p", 3),
    "420p9": ("yuv420p9le", 0),
    "420p10": ("yuv420p10le", 0),
    "420p12": ("yuv420p12le", 0),
    "420p14": ("yuv420p14le", 0),
    "420p16": ("yuv420p16le", 0),
    "411": ("yuv411p", 0),
    "422": ("yuv422p", 0),
    "422p9": ("yuv422p9le", 0),
    "422p10": ("yuv422p10le", 0),
    "422p12": ("yuv422p12le", 0),
    "422p14": ("yuv422p14le", 0),
    "422p16": ("yuv422p16le", 0),
    "444": ("yuv444p", 0),
    "444alpha": ("yuva444p", 0),
    "444p9": ("yuv444p9le", 0),
    "444p10": ("yuv444p10le", 0),
    "444p12": ("yuv444p12le", 0),
    "444p14": ("yuv444p14le", 0),
    "444p16": ("yuv444p16le", 0),
    "mono": ("gray", 0),
    "mono9": ("gray9le", 0),
    "mono10": ("gray10le", 0),
    "mono12": ("gray12le", 0),
    "mono16": ("gray16le", 0),
}
_WRITTEN_SAMPLING = {0: "420jpeg", 1: "420mpeg2", 2: "420jpeg", 3: "420paldv"}
_FIELD_ORDERS = {"p": "progressive", "?": "progressive", "t": "tff", "b": "bff", "m": "tff"}


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    def write(self, data: bytes | memoryview, /) -> int | None: ...

    def flush(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header line: ``pixels`` is FFmpeg's name of the layout, ``rate`` None where the line has 0:0."""

    width: int
    height: int
    rate: Fraction | None
    pixels: str
    chroma_location: int
    interlacing: str
    sample_aspect_ratio: Fraction | None
    full_range: bool | None


def parse_header(line: bytes) -> Header:
    """The header line, without its newline. Raises InputError, or UnsupportedError for an unknown sampling."""
    magic, *words = line.decode("ascii", "replace").split(" ")
    if magic.encode() != MAGIC:
        raise InputError("not a y4m stream")
    tags = {word[0]: word[1:] for word in words if word and word[0] != "X"}
    extras = [word for word in words if word.startswith("X")]
    width, height = _side(tags, "W"), _side(tags, "H")
    sampling = tags.get("C", "420jpeg")
    if sampling not in _SAMPLINGS:
        raise UnsupportedError(f"y4m sampling C{sampling} is unknown; known: {', '.join(_SAMPLINGS)}")
    interlacing = tags.get("I", "p")
    if interlacing not in _FIELD_ORDERS:
        raise InputError(f"y4m interlacing I{interlacing} is unknown; known: {', '.join(_FIELD_ORDERS)}")
    full_range = {"XCOLORRANGE=FULL": True, "XCOLORRANGE=LIMITED": False}
    known = [full_range[extra] for extra in extras if extra in full_range]
    return Header(
        width,
        height,
        _ratio(tags.get("F", "0:0")),
        *_SAMPLINGS[sampling],
        interlacing,
        _ratio(tags.get("A", "0:0")),
        known[0] if known else None,
    )


def _side(tags: dict[str, str], tag: str) -> int:
    text = tags.get(tag, "")
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 1 <= int(text) <= MAX_SIDE:
        raise InputError(f"y4m header: {tag}{text} is not a size from 1 to {MAX_SIDE}")
    return int(text)


def _ratio(text: str) -> Fraction | None:
    match = re.fullmatch(r"([0-9]{1,10}):([0-9]{1,10})", text)
    if match is None:
        raise InputError(f"y4m header: {text!r} is not a ratio like 30000:1001")
    numerator, denominator = int(match[1]), int(match[2])
    return Fraction(numerator, denominator) if numerator and denominator else None


class Y4MReader:
    """Reads a y4m stream from a binary file object, one picture at a time.

    ``info`` is known once constructed. A rate missing from the header is taken as 25. Raises InputError for a stream
    that is no y4m or ends inside a picture.
    """

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._count = 0  # of pictures before the next
        header = parse_header(self._read_line("header"))
        pixels = av.VideoFormat(header.pixels, header.width, header.height)
        if _frame_bytes(pixels) > MAX_FRAME_BYTES:
            raise InputError(f"y4m pictures of {header.width}x{header.height} are too large")
        self._pixels = pixels
        self._colour = Colour(full_range=header.full_range)
        try:
            self.info = _info_of(header, pixels, self._colour)
        except UsageError as error:
            raise InputError(f"y4m header: {error}") from error

    def __iter__(self) -> Iterator[Frame]:
        size = _frame_bytes(self._pixels)
        while marker := self._read_line(f"frame {self._count}", may_end=True):
            if marker != _FRAME and not marker.startswith(_FRAME + b" "):
                raise InputError(f"y4m stream is damaged before frame {self._count}")
            yield self._frame(self._read_exactly(size, self._count), self._count)
            self._count += 1

    origin = 0

    def skip_to(self, ticks: int) -> None:
        """Begin with picture ``ticks``, in a file that can seek and whose pictures have no parameters of their own;
        else with the first."""
        if ticks <= 0 or not isinstance(self._file, io.BufferedReader):
            return
        start = self._file.tell()
        place = start + ticks * (len(_FRAME) + 1 + _frame_bytes(self._pixels))
        self._file.seek(place)
        found = self._file.read(len(_FRAME) + 1) == _FRAME + b"\n"
        self._file.seek(place if found else start)
        self._count = ticks if found else 0

    jump = skip_to

    def pictures(self) -> Iterator[av.VideoFrame]:
        """The same as 4:2:0 pictures of PyAV, for filters."""
        return (picture_of(frame) for frame in self)

    def _frame(self, data: bytes, index: int) -> Frame:
        info = self.info
        if self._pixels.name == "yuv420p" or self._pixels.name == "yuv420p10le":
            planes = _split(data, info.height, info.width, info.depth)
        else:
            picture = frame_of_bytes(data, self._pixels)
            if self._colour.full_range:
                picture.color_range = 2
            planes = planes_of(picture)
        if info.depth == 10 and int(planes[0].max()) > 1023:
            raise InputError(f"y4m frame {index} has samples of more than 10 bits")
        try:
            return Frame(*planes, info.depth, index, info.time_base, 1, self._colour)
        except UsageError as error:
            raise InputError(f"y4m frame {index}: {error}") from error

    def _read_line(self, where: str, may_end: bool = False) -> bytes:
        line = bytearray()
        while (byte := self._file.read(1)) != b"\n":
            if not byte:
                if may_end and not line:
                    return b""
                raise InputError(f"the y4m stream ends inside the line of {where}" if line else "the source is empty")
            line += byte
            if len(line) > MAX_LINE or (len(line) == len(MAGIC) and where == "header" and line != MAGIC):
                raise InputError("not a y4m stream" if where == "header" else f"y4m stream is damaged before {where}")
        return bytes(line)

    def _read_exactly(self, size: int, index: int) -> bytes:
        """``size`` bytes, asked for in steps so that a lying header allocates nothing that doesn't arrive."""
        parts: list[bytes] = []
        missing = size
        while missing:
            part = self._file.read(min(missing, 1 << 22))
            if not part:
                raise InputError(f"the y4m stream ends inside frame {index}: {missing} bytes are missing")
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _info_of(header: Header, pixels: av.VideoFormat, colour: Colour) -> VideoInfo:
    notes = []
    if header.rate is None:
        notes.append("the y4m stream gives no frame rate; 25 frames/s is assumed")
    if note := conversion_note(pixels):
        notes.append(note)
    if header.interlacing == "m":
        notes.append("mixed interlacing is treated as interlaced, top field first")
    elif _FIELD_ORDERS[header.interlacing] != "progressive":
        notes.append(interlaced_note(_FIELD_ORDERS[header.interlacing]))
    rate = header.rate or Fraction(25)
    return VideoInfo(
        width=header.width,
        height=header.height,
        depth=depth_of(pixels),
        time_base=1 / rate,
        rate=rate,
        sample_aspect_ratio=header.sample_aspect_ratio,
        colour=colour,
        chroma_location=header.chroma_location,
        field_order=_FIELD_ORDERS[header.interlacing],
        source_format=header.pixels,
        notes=tuple(notes),
    )


def interlaced_note(field_order: str) -> str:
    first = {"tff": "top", "bff": "bottom"}[field_order]
    return f"interlaced ({first} field first); coded as whole frames and flagged"


def _frame_bytes(pixels: av.VideoFormat) -> int:
    """Size of one picture in the stream: all components, planar, no padding."""
    return sum(c.width * c.height * (1 if c.bits <= 8 else 2) for c in pixels.components)


def _split(data: bytes, height: int, width: int, depth: int) -> tuple[Plane, Plane, Plane]:
    samples = samples_of(data, depth)
    rows, columns = chroma_shape(height, width)
    luma, chroma = height * width, rows * columns
    return (
        samples[:luma].reshape(height, width),
        samples[luma : luma + chroma].reshape(rows, columns),
        samples[luma + chroma :].reshape(rows, columns),
    )


class Y4MWriter:
    """Writes 4:2:0 pictures to a binary file object, flushed one by one.

    ``rate`` is frames per second: a y4m stream has no timestamps. Raises OutputError.
    """

    def __init__(self, file: Writable, info: VideoInfo, rate: Fraction) -> None:
        self._file = file
        aspect = info.sample_aspect_ratio
        sampling = _WRITTEN_SAMPLING.get(info.chroma_location, "420jpeg") if info.depth == 8 else "420p10 XYSCSS=420P10"
        words = [
            MAGIC.decode(),
            f"W{info.width} H{info.height} F{rate.numerator}:{rate.denominator}",
            {"progressive": "Ip", "tff": "It", "bff": "Ib"}[info.field_order],
            f"A{aspect.numerator}:{aspect.denominator}" if aspect else "A0:0",
            f"C{sampling}",
        ]
        if info.colour.full_range is not None:
            words.append("XCOLORRANGE=FULL" if info.colour.full_range else "XCOLORRANGE=LIMITED")
        self._put(" ".join(words).encode() + b"\n")

    def write(self, frame: Frame) -> None:
        self._put(b"FRAME\n")
        for plane in frame.planes:
            rows = plane.astype(plane.dtype.newbyteorder("<"), order="C", copy=False)
            self._put(rows.data.cast("B"))
        self._flush()

    def _put(self, data: bytes | memoryview) -> None:
        """All of ``data``: an unbuffered file may take less than it is given."""
        rest = memoryview(data)
        try:
            while rest:
                taken = self._file.write(rest)
                rest = rest[len(rest) if taken is None else taken :]
        except OSError as error:
            raise OutputError(f"can't write: {error.strerror or error}") from error

    def _flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            raise OutputError(f"can't write: {error.strerror or error}") from error
