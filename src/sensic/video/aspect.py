"""The shape of pixels in a Matroska file that FFmpeg wrote for PyAV.

Matroska states it as the size to show the picture at, which FFmpeg takes from a field that PyAV can't set; it writes
"unknown" instead, and leaves a few void bytes in the same track. That is room enough to put the size in afterwards,
with nothing else in the file moving.
"""

from __future__ import annotations

import zlib
from fractions import Fraction
from pathlib import Path

from sensic.video import ebml

_EBML, _SEGMENT, _TRACKS, _ENTRY, _VIDEO = 0x1A45DFA3, 0x18538067, 0x1654AE6B, 0xAE, 0xE0
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_CHECKSUM_HEAD = b"\xbf\x84"
_HEAD_BYTES = 1 << 20  # tracks are near the start, before the first picture


def set_pixel_aspect(path: Path, width: int, height: int, aspect: Fraction) -> bool:
    """Make the video track of a finished file show its pictures with this sample aspect ratio.

    Returns whether it could be done; if not, the file is as it was. Raises OSError.
    """
    with open(path, "r+b") as file:
        head = file.read(_HEAD_BYTES)
        try:
            start, length = _find_tracks(head)
            changed = _changed_tracks(head[start : start + length], *_shown(width, height, aspect))
        except ValueError:
            return False
        if len(changed) != length:
            return False
        file.seek(start)
        file.write(changed)
    return True


def _shown(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The size in pixels to show a picture at: one side stretched, to the nearest pixel, below 2**16."""
    shown = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    return min(max(shown[0], 1), 0xFFFF), min(max(shown[1], 1), 0xFFFF)


def _find_tracks(head: bytes) -> tuple[int, int]:
    number, at, length = ebml.read_head(head, 0)
    if number != _EBML:
        raise ValueError("not Matroska")
    while number != _TRACKS:
        number, at, length = ebml.read_head(head, at if number == _SEGMENT else at + length)
    if at + length > len(head):
        raise ValueError("the tracks are not near the start")
    return at, length


def _changed_tracks(tracks: bytes, width: int, height: int) -> bytes:
    """The body of Tracks, of the same length, with the display size and a new checksum."""
    changed, at = tracks, 0
    while at < len(tracks):
        number, start, length = ebml.read_head(tracks, at)
        at = start + length
        if number == _ENTRY:
            changed = changed[:start] + _changed_entry(tracks[start:at], width, height) + changed[at:]
    if changed[:2] == _CHECKSUM_HEAD:  # it comes first and covers the rest
        changed = _CHECKSUM_HEAD + zlib.crc32(changed[6:]).to_bytes(4, "little") + changed[6:]
    return changed


def _changed_entry(entry: bytes, width: int, height: int) -> bytes:
    """The body of TrackEntry, of the same length. Raises ValueError where there is no room."""
    fields = list(ebml.children(entry))
    if _VIDEO not in dict(fields):
        return entry
    old = (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)
    video = b"".join(ebml.short(n, body) for n, body in ebml.children(dict(fields)[_VIDEO]) if n not in old)
    for number, side in ((_DISPLAY_WIDTH, width), (_DISPLAY_HEIGHT, height)):
        video += ebml.short(number, side.to_bytes(2, "big"))
    rest = b"".join(ebml.short(n, body) for n, body in fields if n not in (_VIDEO, ebml.VOID))
    changed = rest + ebml.short(_VIDEO, video)
    return changed + ebml.void(len(entry) - len(changed))
