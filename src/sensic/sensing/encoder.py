"""The light encoder: frames in, blocks of packets out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from sensic.container import Block, FrameRecord
from sensic.sensing import contexts, golomb
from sensic.sensing.layout import layers
from sensic.sensing.packets import Packet, join
from sensic.sensing.prediction import Geometry, Symbols
from sensic.sensing.quantiser import Quantiser
from sensic.sensing.settings import SensingSettings
from sensic.video import Frame


class SensingEncoder:
    """Encodes pictures of one size and depth at ``quality`` 0 to 63. ``bits`` sums the bodies' by part: layer 0, 1, ….

    Raises UsageError.
    """

    def __init__(self, settings: SensingSettings, depth: int, quality: int) -> None:
        self._settings, self._operator, self._quality = settings, settings.built, quality
        self.quantiser = Quantiser(self._operator, depth, quality)
        self.layers = layers(self._operator)
        self._code = golomb.encode if settings.mcu else contexts.encode
        self.bits = {f"layer {number}": 0.0 for number in range(len(self.layers))}
        self.frames = 0

    def blocks(self, frames: Iterable[Frame], on_frame: Callable[[], None] = lambda: None) -> Iterator[Block]:
        """A block for each group of frames. ``on_frame`` is called after every frame."""
        source = iter(frames)
        while group := tuple(islice(source, self._settings.frames)):
            packets = self.packets(group)
            records = tuple(FrameRecord(frame.pts, frame.duration) for frame in group)
            yield Block(records, True, join(packets))
            for _ in group:
                for packet in packets:
                    if not packet.repeated:
                        self.bits[f"layer {packet.layer}"] += 8 * len(packet.body) / len(group)
                self.frames += 1
                on_frame()

    def packets(self, group: Sequence[Frame]) -> list[Packet]:
        """The packets of a group of frames; the last of too few is repeated."""
        symbols, geometry = self.symbols(group)
        packets = [
            Packet(number, self._quality, self._code(layer, symbols, geometry, self.quantiser.first_mean))
            for number, layer in enumerate(self.layers)
        ]
        if self._settings.protect:
            packets.append(Packet(0, self._quality, packets[0].body, repeated=True))
        return packets

    def symbols(self, group: Sequence[Frame]) -> tuple[list[Symbols], Geometry]:
        """What the quantiser makes of a group: symbols [bands, h, w] of Y, U and V."""
        filled = [*group, *[group[-1]] * (self._settings.frames - len(group))]
        planes = [np.stack([frame.planes[plane] for frame in filled]) for plane in range(3)]
        measured = [self._operator.forward(padded(plane, self._operator.block)) for plane in planes]
        y, u, v = (one.shape[1:] for one in measured)
        geometry = Geometry(((y[0], y[1]), (u[0], u[1]), (v[0], v[1])))
        return [self.quantiser.symbols(one) for one in measured], geometry


def padded(planes: NDArray[np.generic], block: int) -> NDArray[np.int32]:
    """[frames, H, W] with the right and bottom edge repeated up to multiples of ``block``."""
    _, height, width = planes.shape
    return np.pad(planes.astype(np.int32), ((0, 0), (0, -height % block), (0, -width % block)), "edge")
