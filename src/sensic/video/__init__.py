"""Pictures in and out: frames with exact times, what is known of a video, and the streams beside it."""

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
