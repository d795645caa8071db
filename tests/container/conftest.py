"""Sources with side streams, made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


def _add_audio(output: av.container.OutputContainer, codec: str) -> av.AudioStream:
    stream = output.add_stream(codec, rate=48000)
    assert isinstance(stream, av.AudioStream)
    stream.layout = "mono"
    return stream


def _mux_audio(output: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    for i in range(int(seconds * 48000 / 1024)):
        samples = (np.sin(np.arange(1024) * 0.05) * 3000).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, i * 1024, Fraction(1, 48000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


@pytest.fixture
def make_source(tmp_path: Path) -> Callable[..., Path]:
    """A file with sound, a subtitle and, in Matroska, an attachment; ``video`` adds a picture."""

    def make(name: str, audio: str = "aac", subtitle: str | None = "subrip", seconds: float = 1.0) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as output:
            sound = _add_audio(output, audio)
            text = output.add_mux_stream(subtitle, time_base=Fraction(1, 1000)) if subtitle else None
            if path.suffix == ".mkv":
                output.add_attachment("notes.txt", "text/plain", b"attached")
            output.start_encoding()
            if text is not None:
                line = b"hello"
                packet = av.Packet(len(line).to_bytes(2, "big") + line if subtitle == "mov_text" else line)
                packet.stream, packet.pts, packet.dts, packet.duration = text, 200, 200, 300
                packet.time_base = Fraction(1, 1000)
                output.mux_one(packet)
            _mux_audio(output, sound, seconds)
        return path

    return make
