"""What Matroska says about the video besides its frames: the track, colour, HDR, rotation, chapters and tags.

All of it also travels exactly in Sensic's own header; here it is for other software to see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from sensic.container import ebml
from sensic.container.header import StreamHeader
from sensic.video import Chapter, VideoInfo

CODEC = "V_SENSIC"
APPLICATION = "Sensic"
TITLE_TAG = "title"
_VIDEO_TRACK = 1
_INTERLACED, _PROGRESSIVE = 1, 2
_FIELD_ORDERS = {"tff": 1, "bff": 6}
_SITINGS = {1: (1, 2), 2: (2, 2), 3: (1, 1), 4: (2, 1)}  # FFmpeg's chroma location: Matroska's horizontal, vertical


def file_start() -> bytes:
    """The EBML header. Version 2 is the first with SimpleBlock, version 4 with colour."""
    return ebml.master(
        ebml.EBML,
        ebml.text(ebml.DOC_TYPE, "matroska"),
        ebml.unsigned(ebml.DOC_TYPE_VERSION, 4),
        ebml.unsigned(ebml.DOC_TYPE_READ_VERSION, 2),
    )


def segment_info(title: str = "", *, duration: bool) -> bytes:
    """The Info element, timestamps in milliseconds; its last four bytes are the ``duration``, if wanted, still zero."""
    parts = [ebml.text(ebml.MUXING_APP, APPLICATION), ebml.text(ebml.WRITING_APP, APPLICATION)]
    if title:
        parts.append(ebml.text(ebml.TITLE, title))
    return ebml.master(ebml.INFO, *parts, ebml.real(ebml.DURATION, 0.0) if duration else b"")


def track_entry(header: StreamHeader, number: int) -> bytes:
    """The TrackEntry of the Sensic stream."""
    language = header.info.stream_tags.get("language")
    rate = header.info.rate
    parts = [
        ebml.unsigned(ebml.TRACK_NUMBER, number),
        ebml.unsigned(ebml.TRACK_UID, number),
        ebml.unsigned(ebml.TRACK_TYPE, _VIDEO_TRACK),
        ebml.text(ebml.CODEC_ID, CODEC),
        ebml.element(ebml.CODEC_PRIVATE, header.pack()),
        _video(header.info),
    ]
    if language:
        parts.append(ebml.text(ebml.LANGUAGE, language))
    if rate and header.low_latency:  # the duration of a block, which here is a frame
        parts.append(ebml.unsigned(ebml.DEFAULT_DURATION, round(10**9 / rate)))
    return ebml.master(ebml.TRACK_ENTRY, *parts)


def _video(info: VideoInfo) -> bytes:
    parts = [ebml.unsigned(ebml.PIXEL_WIDTH, info.width), ebml.unsigned(ebml.PIXEL_HEIGHT, info.height)]
    if info.sample_aspect_ratio not in (None, 1):
        parts.append(ebml.unsigned(ebml.DISPLAY_WIDTH, max(1, round(info.width * info.sample_aspect_ratio))))
        parts.append(ebml.unsigned(ebml.DISPLAY_HEIGHT, info.height))
    if info.field_order in _FIELD_ORDERS:
        parts.append(ebml.unsigned(ebml.FLAG_INTERLACED, _INTERLACED))
        parts.append(ebml.unsigned(ebml.FIELD_ORDER, _FIELD_ORDERS[info.field_order]))
    colour = _colour(info)
    if colour:
        parts.append(ebml.master(ebml.COLOUR, *colour))
    if info.rotation:
        turn = ebml.real(ebml.PROJECTION_ROLL, float((info.rotation + 180) % 360 - 180))
        parts.append(ebml.master(ebml.PROJECTION, ebml.unsigned(ebml.PROJECTION_TYPE, 0), turn))
    return ebml.master(ebml.VIDEO, *parts)


def _colour(info: VideoInfo) -> list[bytes]:
    colour = info.colour
    codes = ((ebml.MATRIX, colour.matrix), (ebml.TRANSFER, colour.transfer), (ebml.PRIMARIES, colour.primaries))
    parts = [ebml.unsigned(number, code) for number, code in codes if code != 2]
    if colour.full_range is not None:
        parts.append(ebml.unsigned(ebml.RANGE, 2 if colour.full_range else 1))
    if info.chroma_location in _SITINGS:
        horizontal, vertical = _SITINGS[info.chroma_location]
        parts.append(ebml.unsigned(ebml.SITING_HORIZONTAL, horizontal))
        parts.append(ebml.unsigned(ebml.SITING_VERTICAL, vertical))
    light = info.hdr.get("content_light")
    if light:
        parts += [ebml.unsigned(ebml.MAX_CLL, light["maximum"]), ebml.unsigned(ebml.MAX_FALL, light["average"])]
    mastering = _mastering(info.hdr.get("mastering_display", {}))
    return parts + ([ebml.master(ebml.MASTERING, *mastering)] if mastering else [])


def _mastering(display: Mapping[str, Any]) -> list[bytes]:
    parts = []
    if "primaries" in display:
        points = [*display["primaries"], display["white_point"]]
        coordinates = [coordinate for point in points for coordinate in point]
        parts += [
            ebml.real(number, _ratio(value)) for number, value in zip(ebml.CHROMATICITIES, coordinates, strict=True)
        ]
    if "luminance" in display:
        low, high = display["luminance"]
        parts += [ebml.real(ebml.LUMINANCE_MAX, _ratio(high)), ebml.real(ebml.LUMINANCE_MIN, _ratio(low))]
    return parts


def _ratio(value: Iterable[int]) -> float:
    numerator, denominator = value
    return numerator / denominator


def chapters(entries: Iterable[Chapter]) -> bytes:
    """The Chapters element, or nothing."""
    atoms = [_chapter(entry, number) for number, entry in enumerate(entries, 1)]
    return ebml.master(ebml.CHAPTERS, ebml.master(ebml.EDITION, *atoms)) if atoms else b""


def _chapter(entry: Chapter, number: int) -> bytes:
    parts = [
        ebml.unsigned(ebml.CHAPTER_UID, number),
        ebml.unsigned(ebml.CHAPTER_START, _nanoseconds(entry.start * entry.time_base)),
        ebml.unsigned(ebml.CHAPTER_END, _nanoseconds(entry.end * entry.time_base)),
    ]
    if "title" in entry.tags:
        title = (ebml.text(ebml.CHAPTER_STRING, entry.tags["title"]), ebml.text(ebml.CHAPTER_LANGUAGE, "und"))
        parts.append(ebml.master(ebml.CHAPTER_DISPLAY, *title))
    return ebml.master(ebml.CHAPTER_ATOM, *parts)


def _nanoseconds(seconds: Fraction) -> int:
    return max(0, round(seconds * 10**9))


def tags(values: Mapping[str, str], others: Iterable[bytes] = ()) -> bytes:
    """The Tags element for the whole file (but for the title, which has its place in Info), with Tag elements of
    ``others``; or nothing."""
    simple = [
        ebml.master(ebml.SIMPLE_TAG, ebml.text(ebml.TAG_NAME, name.upper()), ebml.text(ebml.TAG_STRING, value))
        for name, value in values.items()
        if name != TITLE_TAG
    ]
    own = [ebml.master(ebml.TAG, ebml.element(ebml.TARGETS, b""), *simple)] if simple else []
    return ebml.master(ebml.TAGS, *own, *others) if own or others else b""
