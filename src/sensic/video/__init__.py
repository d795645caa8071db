"""Pictures in and out: frames with exact times, what is known of a video, and the streams beside it."""

from sensic.video.atomic import AtomicFile
from sensic.video.frame import Colour, Frame
from sensic.video.info import Chapter, VideoInfo
from sensic.video.side import SideStreams, SideWriter
from sensic.video.sink import VideoSink
from sensic.video.source import VideoSource

__all__ = [
    "AtomicFile",
    "Chapter",
    "Colour",
    "Frame",
    "SideStreams",
    "SideWriter",
    "VideoInfo",
    "VideoSink",
    "VideoSource",
]
