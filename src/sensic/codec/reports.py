"""What the operations on files tell: progress while they run, a report at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sensic.container import StreamHeader

if TYPE_CHECKING:
    from sensic.sensing import SensingSettings


@dataclass(frozen=True)
class Progress:
    """``frames`` of ``total`` (None: unknown) are done after ``seconds``; ``bytes`` is what an encoder
    expects to have written so far (0 while decoding). ``kept`` of the frames were done by an earlier encode, which this
    one goes on with. ``stage`` is "coding", "reading" while the source is looked through beforehand, or "first pass" of
    two. ``pixels`` are those of a frame's luma (0: not told)."""

    frames: int
    total: int | None
    bytes: int
    seconds: float
    kept: int = 0
    stage: str = "coding"
    pixels: int = 0

    @property
    def frames_per_second(self) -> float:
        return (self.frames - self.kept) / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """None where the total isn't known."""
        speed = self.frames_per_second
        return (self.total - self.frames) / speed if self.total and speed else None

    @property
    def predicted_bytes(self) -> float | None:
        """Of all pictures, if the rest takes as much for each; None while decoding, or where the total isn't known."""
        return self.bytes * self.total / self.frames if self.total and self.bytes and self.frames else None

    @property
    def bits_per_pixel(self) -> float | None:
        """So far; None while decoding."""
        pixels = self.frames * self.pixels
        return 8 * self.bytes / pixels if self.bytes and pixels else None


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class EncodeReport:
    """``estimated_bits`` is the ideal code length under the model's probabilities, ``bits`` the same by part
    (motion, z, y, other; in the sensing profile layers, as coded) and ``frame_bits`` by frame; ``file_bytes`` counts
    everything, side streams included. ``bitrate`` of the pictures (bits per second, with what the container adds) is
    told where a rate was asked for."""

    frames: int
    width: int
    height: int
    quality: int
    model: str
    file_bytes: int
    payload_bytes: int
    estimated_bits: float
    bits: Mapping[str, float]
    seconds: float
    notes: tuple[str, ...] = ()
    frame_bits: tuple[float, ...] = ()
    bitrate: float | None = None

    @property
    def bits_per_pixel(self) -> float:
        """Payload bits per luma pixel."""
        return 8 * self.payload_bytes / max(1, self.frames * self.width * self.height)


@dataclass(frozen=True)
class Concealed:
    """Something was wrong with a stream, and ``reason`` says what was seen first.

    ``frames`` pictures of the output, from number ``first`` on, stand in for what is lost, from ``start`` seconds of
    the stream to ``end``; None where the stream is cut short, so that nobody knows how much is missing.
    """

    first: int
    frames: int
    start: float
    end: float | None
    reason: str


@dataclass(frozen=True)
class DecodeReport:
    """How decoding went: what was written, in how many seconds, what the user must be told, and, with ``on_error``
    "conceal", what was concealed."""

    frames: int
    width: int
    height: int
    file_bytes: int
    seconds: float
    notes: tuple[str, ...] = ()
    concealed: tuple[Concealed, ...] = ()


@dataclass(frozen=True)
class VerifyReport:
    """Every checksum held and every frame was decoded. ``psnr`` (Y, U, V in dB; infinite when equal) compares with the
    reference, if one was given; ``sha256`` is over the decoded planes, y, u, v of each frame, samples little-endian."""

    frames: int
    groups: int
    seconds: float
    sha256: str
    psnr: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class StreamInfo:
    """What a stream says of itself, found without decoding. ``duration`` in seconds; ``streams`` names the others."""

    header: StreamHeader
    file_bytes: int | None
    payload_bytes: int
    frames: int
    groups: int
    duration: Fraction
    streams: tuple[str, ...] = field(default=())

    @property
    def sensing(self) -> SensingSettings | None:
        """How it was measured, in the sensing profile. Raises StreamError where that makes no sense."""
        if self.header.profile != "sensing":
            return None
        from sensic.sensing import SensingSettings

        return SensingSettings.unpack(self.header.model)

    def to_json(self) -> dict[str, Any]:
        header = self.header
        sensing = {"sensing": asdict(self.sensing)} if self.sensing else {}
        return {
            "format_version": header.version,
            "profile": header.profile,
            "model": header.model.hex(),
            "quality": header.quality,
            "gop": header.gop,
            "low_latency": header.low_latency,
            "frames": self.frames,
            "groups": self.groups,
            "seconds": float(self.duration),
            "file_bytes": self.file_bytes,
            "payload_bytes": self.payload_bytes,
            "streams": list(self.streams),
            "video": json.loads(header.info.to_json()),
            **sensing,
        }
