"""A stream description that carries HDR metadata into an output container.

PyAV sets a stream's colour and rotation but not its mastering display or content light level. It does copy them from
the stream of an input, so we make one: the header of a Matroska file, in memory, with the metadata in its track. The
element numbers are those of RFC 9559.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import av

from sensic.video.ebml import element, real, unsigned

_CODECS = {
    "ffv1": b"V_FFV1",
    "libx264": b"V_MPEG4/ISO/AVC",
    "libx265": b"V_MPEGH/ISO/HEVC",
    "libvpx-vp9": b"V_VP9",
    "libsvtav1": b"V_AV1",
}
_EBML, _DOC_TYPE, _DOC_VERSION, _DOC_READ_VERSION = 0x1A45DFA3, 0x4282, 0x4287, 0x4285
_SEGMENT, _INFO, _TIMESTAMP_SCALE, _TRACKS, _CLUSTER, _TIMESTAMP = (
    0x18538067,
    0x1549A966,
    0x2AD7B1,
    0x1654AE6B,
    0x1F43B675,
    0xE7,
)
_ENTRY, _NUMBER, _UID, _TYPE, _CODEC_ID, _CODEC_PRIVATE = 0xAE, 0xD7, 0x73C5, 0x83, 0x86, 0x63A2
_VIDEO, _WIDTH, _HEIGHT, _COLOUR = 0xE0, 0xB0, 0xBA, 0x55B0
_MATRIX, _RANGE, _TRANSFER, _PRIMARIES, _MAX_CLL, _MAX_FALL, _MASTERING = (
    0x55B1,
    0x55B9,
    0x55BA,
    0x55BB,
    0x55BC,
    0x55BD,
    0x55D0,
)
_CHROMATICITIES, _WHITE, _LUMINANCE_MAX, _LUMINANCE_MIN = (0x55D1, 0x55D3, 0x55D5), 0x55D7, 0x55D9, 0x55DA


def can_carry(codec: str, hdr: Mapping[str, Any]) -> bool:
    """Whether ``hdr_template`` helps: there is static HDR metadata, and the codec is one it knows."""
    return codec in _CODECS and bool({"mastering_display", "content_light"} & hdr.keys())


def hdr_template(codec: str, encoder: av.VideoCodecContext, hdr: Mapping[str, Any]) -> av.container.InputContainer:
    """An open input whose only stream describes what ``encoder`` (open already) writes, with ``hdr``.

    Close it when the output has been written.
    """
    full = {1: 1, 2: 2}.get(int(encoder.color_range), 0)
    colour = (
        unsigned(_MATRIX, int(encoder.colorspace))
        + unsigned(_RANGE, full)
        + unsigned(_TRANSFER, int(encoder.color_trc))
        + unsigned(_PRIMARIES, int(encoder.color_primaries))
        + _content_light(hdr.get("content_light", {}))
        + _mastering(hdr.get("mastering_display", {}))
    )
    video = unsigned(_WIDTH, encoder.width) + unsigned(_HEIGHT, encoder.height) + element(_COLOUR, colour)
    entry = (
        unsigned(_NUMBER, 1)
        + unsigned(_UID, 1)
        + unsigned(_TYPE, 1)
        + element(_CODEC_ID, _CODECS[codec])
        + (element(_CODEC_PRIVATE, encoder.extradata) if encoder.extradata else b"")
        + element(_VIDEO, video)
    )
    segment = (
        element(_INFO, unsigned(_TIMESTAMP_SCALE, 1_000_000))
        + element(_TRACKS, element(_ENTRY, entry))
        + element(_CLUSTER, unsigned(_TIMESTAMP, 0))
    )
    head = element(_DOC_TYPE, b"matroska") + unsigned(_DOC_VERSION, 4) + unsigned(_DOC_READ_VERSION, 2)
    return av.open(io.BytesIO(element(_EBML, head) + element(_SEGMENT, segment)), "r", format="matroska")


def _content_light(light: Mapping[str, int]) -> bytes:
    return unsigned(_MAX_CLL, light["maximum"]) + unsigned(_MAX_FALL, light["average"]) if light else b""


def _mastering(display: Mapping[str, Any]) -> bytes:
    body = b""
    if "primaries" in display:
        for number, point in zip(_CHROMATICITIES, display["primaries"], strict=True):
            body += _point(number, point)
        body += _point(_WHITE, display["white_point"])
    if "luminance" in display:
        minimum, maximum = display["luminance"]
        body += _real(_LUMINANCE_MAX, maximum) + _real(_LUMINANCE_MIN, minimum)
    return element(_MASTERING, body) if body else b""


def _point(number: int, point: list[list[int]]) -> bytes:
    return _real(number, point[0]) + _real(number + 1, point[1])


def _real(number: int, fraction: list[int]) -> bytes:
    return real(number, float(Fraction(*fraction)))
