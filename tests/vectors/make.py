"""Make the frozen streams: ``python -m tests.vectors.make`` adds those that do not exist yet, and touches no other.

A stream that has been released is never made again; a new version of the format adds streams beside the old ones. They
use a model of their own (``model/``), so that training the default model leaves them alone.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from sensic.codec.decoder import Decoded, Decoder
from sensic.codec.encoder import Encoder
from sensic.codec.settings import EncoderSettings
from sensic.container import StreamHeader, StreamReader, StreamWriter
from sensic.model import Model
from sensic.runtime import OnnxBackend
from sensic.video import Frame
from tests.codec.pictures import info, pictures
from tests.small_model import small_model

HERE = Path(__file__).parent
# name: frames, width, height, depth, settings
STREAMS: dict[str, tuple[int, int, int, int, EncoderSettings]] = {
    "v1-groups": (9, 64, 48, 8, EncoderSettings(quality=32, gop=4)),
    "v1-odd-10bit": (5, 37, 29, 10, EncoderSettings(quality=50, gop=32)),
    "v1-low-latency": (6, 48, 32, 8, EncoderSettings(quality=12, gop=3, low_latency=True)),
    "v1-one-frame": (1, 16, 16, 8, EncoderSettings(quality=63)),
    "v1-lowest": (8, 80, 64, 8, EncoderSettings(quality=0, gop=8)),
    "v1-one-pixel": (3, 1, 1, 8, EncoderSettings(quality=40)),
    "v2-repeats": (7, 64, 48, 8, EncoderSettings(quality=30, gop=32)),
}
SHOWN = {"v2-repeats": 3}
"""How often every picture is shown."""


def footage(name: str) -> Iterator[Frame]:
    count, width, height, depth, _ = STREAMS[name]
    shown = SHOWN.get(name, 1)
    for number, frame in enumerate(pictures(-(-count // shown), width, height, depth)):
        for again in range(number * shown, min(number * shown + shown, count)):
            yield replace(frame, pts=100 * again)


def symbol_hash(decoded: Iterator[Decoded]) -> str:
    """SHA-256 over everything that entropy decoding yields: times, qualities, motion, latents (in 1/8)."""
    digest = hashlib.sha256()
    for item in decoded:
        digest.update(np.array([item.record.pts, item.record.duration or -1, item.quality], "<i8").tobytes())
        if item.motion is not None:
            digest.update(item.motion.astype("<i2").tobytes())
        if item.latent is not None:
            digest.update((item.latent * 8).astype("<i4").tobytes())
    return digest.hexdigest()


def thumbnail(frames: list[Frame]) -> list[list[float]]:
    """Mean of each plane of each frame: pixels may differ in the last bit between machines, means hardly."""
    return [[round(float(plane.mean()), 2) for plane in frame.planes] for frame in frames]


def main() -> None:
    if not (HERE / "model").exists():
        shutil.copytree(small_model().directory, HERE / "model")
        (HERE / "model" / "weights.safetensors").unlink()
    model = Model.load(HERE / "model")
    backend = OnnxBackend(model, 1)
    for name, (count, width, height, depth, settings) in STREAMS.items():
        path = HERE / f"{name}.mkv"
        if path.exists():
            continue
        described = info(width, height, depth)
        header = StreamHeader(bytes.fromhex(model.id), settings.quality, settings.gop, described, settings.low_latency)
        with StreamWriter(path, header) as writer:
            for block in Encoder(model, backend, width, height, settings).blocks(footage(name)):
                writer.write(block)
        with StreamReader(path) as reader:
            symbols = symbol_hash(Decoder(model, backend, reader.header).symbols(reader.blocks()))
        with StreamReader(path) as reader:
            frames = list(Decoder(model, backend, reader.header).frames(reader.blocks()))
        expected = {"frames": count, "symbols": symbols, "means": thumbnail(frames)}
        path.with_suffix(".json").write_text(json.dumps(expected) + "\n")


if __name__ == "__main__":
    main()
