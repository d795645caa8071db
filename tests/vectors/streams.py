"""The frozen streams, and the sums that are frozen with them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sensic.codec.decoder import Decoded, Decoder
from sensic.container import StreamReader
from sensic.model import Model
from sensic.runtime import Backend
from sensic.sensing import SensingDecoder, SensingSettings
from sensic.sensing.decoder import PacketDecoder
from sensic.sensing.packets import split
from sensic.video import Frame

HERE = Path(__file__).parent
PATHS = sorted(HERE.glob("*.mkv"))


def is_sensing(path: Path) -> bool:
    return "sensing" in path.stem


class Measured(Protocol):
    """Symbols of a packet: its layer and quality, and Y, U, V."""

    @property
    def layer(self) -> int: ...
    @property
    def quality(self) -> int: ...
    @property
    def planes(self) -> Iterable[NDArray[Any]]: ...


class _Packet:
    def __init__(self, layer: int, quality: int, planes: list[NDArray[np.int32]]) -> None:
        self.layer, self.quality, self.planes = layer, quality, planes


def symbols_of(path: Path, model: Model, backend: Backend) -> str:
    """The hash of the symbols of a stream, decoded by Sensic."""
    with StreamReader(path) as reader:
        if not is_sensing(path):
            return symbol_hash(Decoder(model, backend, reader.header).symbols(reader.blocks()))
        info = reader.header.info
        decoder = PacketDecoder(SensingSettings.unpack(reader.header.model), info.height, info.width, info.depth)
        packets = (packet for block in reader.blocks() for packet in split(block.payload))
        return measured_hash(_Packet(packet.layer, packet.quality, decoder.symbols(packet)) for packet in packets)


def frames_of(path: Path, model: Model, backend: Backend) -> list[Frame]:
    with StreamReader(path) as reader:
        decoder = SensingDecoder(reader.header) if is_sensing(path) else Decoder(model, backend, reader.header)
        return list(decoder.frames(reader.blocks()))


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


def measured_hash(packets: Iterable[Measured]) -> str:
    """SHA-256 over layer, quality and symbols (bands × rows × columns of Y, U, V) of every packet."""
    digest = hashlib.sha256()
    for packet in packets:
        digest.update(bytes([packet.layer, packet.quality]))
        for plane in packet.planes:
            digest.update(plane.astype("<i4").tobytes())
    return digest.hexdigest()


def thumbnail(frames: list[Frame]) -> list[list[float]]:
    """Mean of each plane of each frame: pixels may differ in the last bit between machines, means hardly."""
    return [[round(float(plane.mean()), 2) for plane in frame.planes] for frame in frames]
