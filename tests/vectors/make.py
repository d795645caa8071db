"""Make the frozen streams: ``python -m tests.vectors.make`` adds those that do not exist yet, and touches no other.

A stream that has been released is never made again; a new version of the format adds streams beside the old ones. They
use a model of their own (``model/``), so that training the default model leaves them alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np

from sensic.codec.encoder import Encoder
from sensic.codec.settings import EncoderSettings
from sensic.container import StreamHeader, StreamWriter
from sensic.model import Model
from sensic.runtime import OnnxBackend
from sensic.sensing import SensingEncoder, SensingSettings
from sensic.video import Frame, SideStreams
from tests.codec.pictures import info, pictures
from tests.small_model import small_model
from tests.vectors.streams import HERE, frames_of, symbols_of, thumbnail

# name: frames, width, height, depth, settings (with the quality of those that don't have one)
STREAMS: dict[str, tuple[int, int, int, int, EncoderSettings | tuple[SensingSettings, int]]] = {
    "v1-groups": (9, 64, 48, 8, EncoderSettings(quality=32, gop=4)),
    "v1-odd-10bit": (5, 37, 29, 10, EncoderSettings(quality=50, gop=32)),
    "v1-low-latency": (6, 48, 32, 8, EncoderSettings(quality=12, gop=3, low_latency=True)),
    "v1-one-frame": (1, 16, 16, 8, EncoderSettings(quality=63)),
    "v1-lowest": (8, 80, 64, 8, EncoderSettings(quality=0, gop=8)),
    "v1-one-pixel": (3, 1, 1, 8, EncoderSettings(quality=40)),
    "v2-repeats": (7, 64, 48, 8, EncoderSettings(quality=30, gop=32)),
    "v1-sound": (6, 48, 32, 8, EncoderSettings(quality=24, gop=3)),
    "v1-sensing-wht": (6, 41, 27, 10, (SensingSettings(), 40)),
    "v1-sensing-ternary": (3, 32, 24, 8, (SensingSettings("learned_ternary", 2, protect=True), 30)),
    "v1-sensing-scrambled": (2, 32, 32, 8, (SensingSettings("scrambled", 1, seed=5, measurements=60), 44)),
    "v1-sensing-mcu": (3, 35, 24, 8, (SensingSettings(frames=1, mcu=True), 63)),
    "v1-sensing-mcu-ternary": (4, 24, 16, 10, (SensingSettings("learned_ternary", 4, mcu=True), 20)),
}
SHOWN = {"v2-repeats": 3}
"""How often every picture is shown."""
SOUND = 4800
"""Samples of v1-sound: a tone of 440 Hz."""


def footage(name: str) -> Iterator[Frame]:
    count, width, height, depth, _ = STREAMS[name]
    shown = SHOWN.get(name, 1)
    for number, frame in enumerate(pictures(-(-count // shown), width, height, depth)):
        for again in range(number * shown, min(number * shown + shown, count)):
            yield replace(frame, pts=100 * again)


def sound(path: Path) -> Path:
    """A file of a tone."""
    with av.open(str(path), "w", format="matroska") as output:
        stream = output.add_stream("flac", rate=48_000, layout="mono", format="s16")
        samples = np.rint(8000 * np.sin(2 * np.pi * 440 / 48_000 * np.arange(SOUND))).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def make(name: str, model: Model, backend: OnnxBackend, scratch: Path) -> None:
    _, width, height, depth, chosen = STREAMS[name]
    described = info(width, height, depth)
    coder: Encoder | SensingEncoder
    if isinstance(chosen, EncoderSettings):
        header = StreamHeader(bytes.fromhex(model.id), chosen.quality, chosen.gop, described, chosen.low_latency)
        coder = Encoder(model, backend, width, height, chosen)
    else:
        settings, quality = chosen
        header = StreamHeader(settings.pack(), quality, settings.frames, described, profile="sensing")
        coder = SensingEncoder(settings, depth, quality)
    side = SideStreams(sound(scratch / "sound.mka")) if name == "v1-sound" else None
    with StreamWriter(HERE / f"{name}.mkv", header, side) as writer:
        for block in coder.blocks(footage(name)):
            writer.write(block)


def main() -> None:
    if not (HERE / "model").exists():
        shutil.copytree(small_model().directory, HERE / "model")
        (HERE / "model" / "weights.safetensors").unlink()
    model = Model.load(HERE / "model")
    backend = OnnxBackend(model, 1)
    for name in STREAMS:
        path = HERE / f"{name}.mkv"
        if path.exists():
            continue
        with TemporaryDirectory() as scratch:
            make(name, model, backend, Path(scratch))
        frames = frames_of(path, model, backend)
        expected = {"frames": len(frames), "symbols": symbols_of(path, model, backend), "means": thumbnail(frames)}
        path.with_suffix(".json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
