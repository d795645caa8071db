"""Pictures in and out: frames with exact times, what is known of a video, and the streams beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensic.lazy import when_used

if TYPE_CHECKING:
    from sensic.video.atomic import AtomicFile, check_folder, lock_file
    from sensic.video.filters import Filters
    from sensic.video.frame import Colour, Frame
    from sensic.video.graph import Cut, filtered
    from sensic.video.index import FrameIndex, Stretch
    from sensic.video.info import Chapter, VideoInfo
    from sensic.video.side import SideStreams, SideWriter
    from sensic.video.sink import VideoSink, container_of
    from sensic.video.source import VideoSource

__all__ = [
    "AtomicFile",
    "Chapter",
    "Colour",
    "Cut",
    "Filters",
    "Frame",
    "FrameIndex",
    "SideStreams",
    "SideWriter",
    "Stretch",
    "VideoInfo",
    "VideoSink",
    "VideoSource",
    "check_folder",
    "container_of",
    "filtered",
    "lock_file",
]

# Loaded when first used: what is known of a video needs no FFmpeg.
__getattr__, __dir__ = when_used(
    __name__,
    {
        "sensic.video.atomic": ("AtomicFile", "check_folder", "lock_file"),
        "sensic.video.filters": ("Filters",),
        "sensic.video.frame": ("Colour", "Frame"),
        "sensic.video.graph": ("Cut", "filtered"),
        "sensic.video.index": ("FrameIndex", "Stretch"),
        "sensic.video.info": ("Chapter", "VideoInfo"),
        "sensic.video.side": ("SideStreams", "SideWriter"),
        "sensic.video.sink": ("VideoSink", "container_of"),
        "sensic.video.source": ("VideoSource",),
    },
)
