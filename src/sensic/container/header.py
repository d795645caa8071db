"""The stream header: what a decoder must know before the first block. It is the codec's private data in Matroska.

Layout (integers as in ``sensic.container.integers``)::

    2 bytes    "SN"
    byte       version, 1
    byte       quality (bits 0-5), low latency (bit 6), depth 10 instead of 8 (bit 7)
    byte       profile: 0 neural, 1 perceptual, 2 sensing
    varint     frames in a group of pictures at most, 1 to 4,096
    32 bytes   SHA-256 of the model file; in the sensing profile the operator, as in ``sensic.sensing.settings``
    varint     width, then height
    varint     numerator, then denominator of the time base in seconds, both below 2**31
    varint     numerator of the frames per second, 0 where unknown; unless 0, varint: the denominator; below 2**31
    ...        the rest of the video's description, see below; may be empty
    4 bytes    CRC-32C of everything above, little-endian

The rest is what ``VideoInfo.to_json`` says beyond the fields above, a JSON object in UTF-8. Nothing at all stands for
``{}``, otherwise a byte says how it is stored: 0 as it is, 1 as a raw deflate stream (RFC 1951) whose window starts
with ``DICTIONARY``. Frame count and duration, which are hints before encoding, are left out: the blocks know better.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from sensic.container.integers import Cursor, seal, unseal, varint
from sensic.container.limits import DEFAULT_LIMITS, Limits
from sensic.errors import DamagedError, StreamError, UsageError, VersionError
from sensic.video import VideoInfo

MAGIC = b"SN"
HEADER_VERSION = 1
PROFILES = ("neural", "perceptual", "sensing")
MODEL_BYTES = 32

DICTIONARY = (
    b'"hdr":{"ambient_viewing":{"illuminance":[3140000,10000],"white_point":[[15635,50000],[16450,50000]]},'
    b'"content_light":{"average":400,"maximum":1000},"mastering_display":{"luminance":[[1,10000],[1000,1]],'
    b'"primaries":[[[34000,50000],[16000,50000]],[[13250,50000],[34500,50000]],[[7500,50000],[3000,50000]]],'
    b'"white_point":[[15635,50000],[16450,50000]]}},"display_matrix":[65536,0,0,0,65536,0,0,0,1073741824],'
    b'"chapters":[{"end":1000,"id":1,"start":0,"tags":{"title":"Chapter 1"},"time_base":[1,1000]}],'
    b'"notes":["interlaced (top field first); coded as whole frames and flagged"," is converted to 4:2:0"],'
    b'"tags":{"artist":"","comment":"","copyright":"","com.android.version":"1","location":"+","title":"",'
    b'"rotation":-90,"source_format":"yuv444p10le","yuv422p10le","yuv422p","yuv444p","field_order":"tff",'
    b'"stream_tags":{"creation_time":"2024-01-01T00:00:00.000000Z","language":"eng"},"tags":{"creation_time":"2024-'
    b'{"chroma_location":1,"colour":{"full_range":true,"matrix":6,"primaries":5,"transfer":6},'
    b'{"colour":{"full_range":false,"matrix":9,"primaries":9,"transfer":16},"source_format":"yuv420p10le","yuvj420p",'
    b'{"colour":{"full_range":false,"matrix":1,"primaries":1,"transfer":1},"sample_aspect_ratio":[1,1],'
    b'"stream_tags":{"language":"und"}}'
)

_LOW_LATENCY, _TEN_BIT = 1 << 6, 1 << 7
_PLAIN, _DEFLATED = 0, 1
_OUTSIDE_JSON = ("width", "height", "depth", "time_base", "rate", "frame_count", "duration")


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """How the stream was coded, and what video it is.

    ``model`` is the SHA-256 of the model file or describes the operator (32 bytes), ``quality`` 0 to 63, ``gop`` 1 to
    4,096 frames. Raises UsageError for values outside these ranges.
    """

    model: bytes
    quality: int
    gop: int
    info: VideoInfo
    low_latency: bool = False
    profile: str = "neural"
    version: int = HEADER_VERSION

    def __post_init__(self) -> None:
        if len(self.model) != MODEL_BYTES:
            raise UsageError(f"a model is named by {MODEL_BYTES} bytes, not {len(self.model)}")
        if not 0 <= self.quality <= 63:
            raise UsageError(f"quality is 0 to 63, not {self.quality}")
        if not 1 <= self.gop <= DEFAULT_LIMITS.frames:
            raise UsageError(f"gop is 1 to {DEFAULT_LIMITS.frames:,} frames, not {self.gop}")
        if self.profile not in PROFILES:
            raise UsageError(f"profile is one of {', '.join(PROFILES)}, not {self.profile!r}")
        if self.version != HEADER_VERSION:
            raise UsageError(f"this Sensic writes version {HEADER_VERSION}, not {self.version}")

    def pack(self) -> bytes:
        """The bytes of the layout above. Raises LimitError for a description too long or a picture too large."""
        DEFAULT_LIMITS.check_picture(self.info.width, self.info.height)
        flags = self.quality | _LOW_LATENCY * self.low_latency | _TEN_BIT * (self.info.depth == 10)
        start = MAGIC + bytes([HEADER_VERSION, flags, PROFILES.index(self.profile)]) + varint(self.gop) + self.model
        data = seal(start + _pack_info(self.info))
        DEFAULT_LIMITS.check("bytes of the stream header", len(data), DEFAULT_LIMITS.header_bytes)
        return data

    @classmethod
    def unpack(cls, data: bytes | memoryview, limits: Limits = DEFAULT_LIMITS) -> StreamHeader:
        """The inverse of ``pack``, but for ``frame_count`` and ``duration`` of ``info``, which come back as None.

        Raises StreamError for other data, VersionError, DamagedError or LimitError.
        """
        if bytes(data[:2]) != MAGIC:
            raise StreamError("not a Sensic stream: its header starts with something else")
        if len(data) > 2 and data[2] > HEADER_VERSION:
            raise VersionError(f"stream version {data[2]}; this Sensic reads up to {HEADER_VERSION}: please update")
        limits.check("bytes of the stream header", len(data), limits.header_bytes)
        cursor = Cursor(unseal(data, "the stream header"))
        cursor.take(len(MAGIC) + 1)
        flags, profile = cursor.byte(), cursor.byte()
        if profile >= len(PROFILES):
            raise VersionError(f"profile {profile} is newer than this Sensic: please update")
        gop = cursor.varint()
        limits.check("frames of a group", gop, limits.frames)
        model = cursor.take(MODEL_BYTES)
        try:
            info = _unpack_info(cursor, 10 if flags & _TEN_BIT else 8, limits)
            return cls(model, flags & 63, gop, info, bool(flags & _LOW_LATENCY), PROFILES[profile])
        except (UsageError, ZeroDivisionError) as error:
            raise DamagedError(f"the stream header makes no sense: {error}") from error


def _pack_info(info: VideoInfo) -> bytes:
    numbers = [info.width, info.height, info.time_base.numerator, info.time_base.denominator]
    numbers += [info.rate.numerator, info.rate.denominator] if info.rate else [0]
    rest = {name: value for name, value in json.loads(info.to_json()).items() if name not in _OUTSIDE_JSON}
    return b"".join(map(varint, numbers)) + _pack_json(rest)


def _unpack_info(cursor: Cursor, depth: int, limits: Limits) -> VideoInfo:
    width, height = cursor.varint(), cursor.varint()
    limits.check_picture(width, height)
    time_base = Fraction(cursor.varint(), cursor.varint())
    numerator = cursor.varint()
    rate = Fraction(numerator, cursor.varint()) if numerator else None
    rest = _unpack_json(cursor, limits)
    if any(name in rest for name in _OUTSIDE_JSON):
        raise DamagedError("the stream header says the same thing twice")
    described = VideoInfo.from_json(json.dumps({"width": width, "height": height, **rest}))
    return replace(described, depth=depth, time_base=time_base, rate=rate)


def _pack_json(rest: dict[str, Any]) -> bytes:
    if not rest:
        return b""
    plain = json.dumps(rest, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    DEFAULT_LIMITS.check("bytes of the video's description", len(plain), DEFAULT_LIMITS.header_bytes)
    deflate = zlib.compressobj(9, wbits=-15, zdict=DICTIONARY)
    deflated = deflate.compress(plain) + deflate.flush()
    return bytes([_DEFLATED]) + deflated if len(deflated) < len(plain) else bytes([_PLAIN]) + plain


def _unpack_json(cursor: Cursor, limits: Limits) -> dict[str, Any]:
    if not cursor.left:
        return {}
    form, data = cursor.byte(), cursor.take(cursor.left)
    if form not in (_PLAIN, _DEFLATED):
        raise VersionError(f"the stream header stores its description in form {form}, newer than this Sensic")
    try:
        rest = json.loads(_inflate(data, limits) if form == _DEFLATED else data)
    except (ValueError, RecursionError, zlib.error) as error:
        raise DamagedError(f"the description of the video is damaged: {error}") from error
    if not isinstance(rest, dict):
        raise DamagedError("the description of the video is damaged: not an object")
    return rest


def _inflate(data: bytes, limits: Limits) -> bytes:
    inflate = zlib.decompressobj(wbits=-15, zdict=DICTIONARY)
    plain = inflate.decompress(data, limits.header_bytes + 1)
    limits.check("bytes of the video's description", len(plain), limits.header_bytes)
    if not inflate.eof or inflate.unused_data:
        raise DamagedError("the description of the video is damaged: it is cut short or too long")
    return plain
