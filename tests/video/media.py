"""Small videos for the tests, made with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sensic.video import Frame, VideoInfo
from sensic.video.frame import chroma_shape

TICKS = Fraction(1, 90_000)
VARIABLE = (0, 3600, 3700, 10_000, 20_000, 20_101, 29_000)


def planes(height: int, width: int, depth: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    dtype = np.uint8 if depth == 8 else np.uint16
    shapes = ((height, width), chroma_shape(height, width), chroma_shape(height, width))
    y, u, v = (random.integers(0, 1 << depth, shape).astype(dtype) for shape in shapes)
    return y, u, v


def frames(info: VideoInfo, times: Sequence[int]) -> list[Frame]:
    return [
        Frame(*planes(info.height, info.width, info.depth, index), info.depth, pts, info.time_base, None, info.colour)
        for index, pts in enumerate(times)
    ]


def picture(pixels: str, width: int, height: int, seed: int = 0) -> av.VideoFrame:
    """A picture of noise in any of FFmpeg's formats."""
    frame = av.VideoFrame(width, height, pixels)
    random = np.random.default_rng(seed)
    for plane, component in zip(frame.planes, frame.format.components, strict=False):
        words = np.frombuffer(plane, np.uint8 if component.bits <= 8 else np.uint16)
        words[:] = random.integers(0, 1 << component.bits, words.size)
    return frame


def write_pictures(
    path: Path,
    pixels: str = "yuv420p",
    times: Sequence[int] = VARIABLE,
    *,
    codec: str = "ffv1",
    width: int = 64,
    height: int = 48,
    time_base: Fraction = TICKS,
) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.time_base = time_base
        for index, pts in enumerate(times):
            frame = picture(pixels, width, height, index)
            frame.pts, frame.time_base = pts, time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def write_with_sound(path: Path, *, subtitles: str | None = "subrip", delay: int = 0, attachment: bool = False) -> None:
    """25 frames in one second, AAC in German delayed by so many samples, two English subtitles."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height = 64, 48
        audio = output.add_stream("aac", rate=44_100)
        audio.metadata["language"] = "deu"
        text = output.add_mux_stream(subtitles, time_base=Fraction(1, 1000)) if subtitles else None
        if attachment:
            output.add_attachment("font.ttf", "font/ttf", b"a font")
        if text is not None:
            text.metadata["language"] = "eng"
        for index in range(25):
            frame = picture("yuv420p", 64, 48, index)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for index in range(30):
            sound = av.AudioFrame.from_ndarray(np.full((2, 1024), index / 100, np.float32), "fltp", "stereo")
            sound.sample_rate, sound.pts, sound.time_base = 44_100, delay + 1024 * index, Fraction(1, 44_100)
            output.mux(audio.encode(sound))
        output.mux(audio.encode(None))
        for start, words in ((100, "Grüße"), (500, "<i>farewell</i>")) if text is not None else ():
            data = words.encode()
            packet = av.Packet(len(data).to_bytes(2, "big") + data if subtitles == "mov_text" else data)
            packet.pts = packet.dts = start
            packet.duration, packet.time_base, packet.stream, packet.is_keyframe = 300, Fraction(1, 1000), text, True
            output.mux(packet)


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """Time and contents of the packets of the first stream of this kind, without empty subtitles."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        found = [(p.pts * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]
    return [(time, data) for time, data in found if data != b"\0\0"]


def same_pictures(one: Sequence[Frame], other: Sequence[Frame]) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a, b) for f, g in zip(one, other, strict=True) for a, b in zip(f.planes, g.planes, strict=True)
    )
