"""Which metadata says something of the video, and not of the file it came in."""

from __future__ import annotations

from collections.abc import Mapping

_OF_THE_CONTAINER = {"major_brand", "minor_version", "compatible_brands", "encoder", "software"}
_OF_THE_STREAM = {"encoder", "handler_name", "vendor_id", "duration", "rotate", "timecode"}
_STATISTICS = ("_statistics", "bps", "number_of_", "mpeg_")


def container_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Tags of the whole file, as found."""
    return {key: value for key, value in metadata.items() if key.lower() not in _OF_THE_CONTAINER}


def stream_tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Tags of one stream, without what its container or encoder wrote for itself."""
    return {
        key.lower() if key.lower() == "language" else key: value
        for key, value in metadata.items()
        if key.lower() not in _OF_THE_STREAM
        and not key.lower().startswith(_STATISTICS)
        and (key.lower(), value) != ("language", "und")
    }
