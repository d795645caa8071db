"""Blocks in, frames out: what the packets say of the measurements, and three ways to make pictures of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import tee
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.container import Block, FrameRecord, StreamHeader
from sensic.errors import DamagedError, UsageError
from sensic.model import Model
from sensic.model.model import SENSING
from sensic.sensing import contexts, golomb, linear, total_variation
from sensic.sensing.bins import Bins, rounded
from sensic.sensing.concealment import concealed
from sensic.sensing.layout import layers
from sensic.sensing.learned import LearnedDecoder, Recovered, deviation_map
from sensic.sensing.linear import Points
from sensic.sensing.operators import Transform, WalshHadamard
from sensic.sensing.packets import Packet, split
from sensic.sensing.prediction import Geometry
from sensic.sensing.quantiser import Quantiser
from sensic.sensing.settings import SensingSettings
from sensic.video import Frame
from sensic.video.frame import chroma_shape

DECODERS = ("linear", "tv", "learned")

Planes = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
PlaneBins = tuple[Bins, Bins, Bins]


class PacketDecoder:
    """Packets of a group to the bins of its measurements, for pictures ``height`` × ``width`` of ``depth`` bits."""

    def __init__(self, settings: SensingSettings, height: int, width: int, depth: int) -> None:
        self._operator, self._depth = settings.built, depth
        self._layers = layers(self._operator)
        self._read = golomb.decode if settings.mcu else contexts.decode
        block = self._operator.block
        y, u, v = (
            (-(-rows // block), -(-columns // block))
            for rows, columns in ((height, width), *[chroma_shape(height, width)] * 2)
        )
        self._geometry = Geometry((y, u, v))

    def bins(self, packets: Iterable[Packet]) -> PlaneBins:
        """Of Y, U and V; of each layer the first packet counts. Raises DamagedError for symbols no encoder writes."""
        y, u, v = (self._nothing(shape) for shape in self._geometry.shapes)
        seen: set[int] = set()
        for packet in packets:
            if packet.layer in seen or packet.layer >= len(self._layers):
                continue
            seen.add(packet.layer)
            layer = self._layers[packet.layer]
            bands = [band for sub in layer for band in sub.bands]
            quantiser = Quantiser(self._operator, self._depth, packet.quality)
            arrived = np.zeros(self._operator.bands, np.bool_)
            arrived[bands] = True
            for bins, symbols in zip((y, u, v), self.symbols(packet), strict=True):
                found = quantiser.bins(symbols, arrived)
                bins.low[bands], bins.high[bands] = found.low[bands], found.high[bands]
                bins.step[bands], bins.arrived[bands] = found.step[bands], True
        return y, u, v

    def symbols(self, packet: Packet) -> list[NDArray[np.int32]]:
        """Of Y, U and V: [bands, h, w], 0 outside the packet's layer. Raises DamagedError."""
        first_mean = Quantiser(self._operator, self._depth, packet.quality).first_mean
        return self._read(self._layers[packet.layer], packet.body, self._operator.bands, self._geometry, first_mean)

    def _nothing(self, shape: tuple[int, int]) -> Bins:
        size = (self._operator.bands, *shape)
        most = np.iinfo(np.int32).max // 4
        low, high = np.full(size, -most, np.int32), np.full(size, most, np.int32)
        return Bins(low, high, np.full(size[0], most, np.int64), np.zeros(size[0], np.bool_))


@dataclass(frozen=True)
class _Group:
    records: tuple[FrameRecord, ...]
    bins: PlaneBins


class SensingDecoder:
    """Decodes the blocks of a stream. ``decoder`` is linear, tv (total variation; needs scikit-image) or learned (by
    ``model``, or the one that ships); None is learned for ``model`` or ``uncertainty``, else linear. Only ``keep``
    layers of each group are looked at (None: all). With ``uncertainty`` the learned decoder shows, instead of pictures,
    the deviation to be expected of each sample: white is 16 8-bit levels or more.

    Raises UsageError, DamagedError, ModelError, BackendError.
    """

    def __init__(
        self,
        header: StreamHeader,
        decoder: str | None = None,
        *,
        model: Model | None = None,
        threads: int | None = None,
        keep: int | None = None,
        uncertainty: bool = False,
    ) -> None:
        self._info, self._settings = header.info, SensingSettings.unpack(header.model)
        self._operator = self._settings.built
        most = len(layers(self._operator))
        if decoder is None:
            decoder = "learned" if model is not None or uncertainty else "linear"
        if decoder not in DECODERS:
            raise UsageError(f"decoder is one of {', '.join(DECODERS)}, not {decoder!r}")
        if keep is not None and not 1 <= keep <= most:
            raise UsageError(f"layers is 1 to {most} in this stream, not {keep}")
        if uncertainty and decoder != "learned":
            raise UsageError("only the learned decoder knows how uncertain it is")
        if decoder == "learned":
            model = Model.load(SENSING) if model is None else model
        elif model is not None:
            raise UsageError(f"the learned decoder takes a model, {decoder} takes none")
        if decoder == "tv" and not isinstance(self._operator, Transform):
            raise UsageError("the decoder tv is for the operators wht and learned_ternary")
        if decoder == "learned" and not isinstance(self._operator, WalshHadamard):
            raise UsageError(f"the learned decoder is for the operator wht, not {self._operator.kind}: try linear")
        self._keep, self._uncertainty = most if keep is None else keep, uncertainty
        self._learned = LearnedDecoder(model, threads or 0) if model is not None else None
        self._decoder = decoder
        self._packets = PacketDecoder(self._settings, self._info.height, self._info.width, self._info.depth)

    def frames(self, blocks: Iterable[Block]) -> Iterator[Frame]:
        """Frames in order."""
        return self.received((block.frames, split(block.payload)) for block in blocks)

    def received(self, groups: Iterable[tuple[tuple[FrameRecord, ...], Iterable[Packet]]]) -> Iterator[Frame]:
        """Frames of groups of which only some packets came."""
        known = (self._group(records, packets) for records, packets in groups)
        for group, planes in self._learned_planes(known) if self._learned else self._planes(known):
            yield from self._frames(group.records, planes)

    def _group(self, records: tuple[FrameRecord, ...], packets: Iterable[Packet]) -> _Group:
        together = self._operator.frames
        if len(records) > together:
            raise DamagedError(f"a block has {len(records)} frames, though {together} are measured together")
        return _Group(records, self._packets.bins(packet for packet in packets if packet.layer < self._keep))

    def _planes(self, groups: Iterable[_Group]) -> Iterator[tuple[_Group, Planes]]:
        own, copy = tee(groups)
        points = concealed((group.bins for group in copy), self._operator, 1 << (self._info.depth - 1))
        for group, measured in zip(own, points, strict=True):
            y, u, v = (self._samples(*pair) for pair in zip(measured, group.bins, strict=True))
            yield group, (y, u, v)

    def _samples(self, points: Points, bins: Bins) -> NDArray[np.float64]:
        samples = linear.recover(points, self._operator)
        if self._decoder == "tv" and isinstance(self._operator, Transform):
            samples = total_variation.within_bins(samples, bins, self._operator)
        return samples

    def _learned_planes(self, groups: Iterable[_Group]) -> Iterator[tuple[_Group, Planes]]:
        assert self._learned is not None
        own, *copies = tee(groups, 4)
        depth = self._info.depth

        def recovered(plane: int, copy: Iterator[_Group]) -> Iterator[Recovered]:
            assert self._learned is not None
            return self._learned.recover((group.bins[plane] for group in copy), depth)

        streams = [recovered(plane, copy) for plane, copy in enumerate(copies)]
        for group, y, u, v in zip(own, *streams, strict=True):
            if self._uncertainty:
                shown = deviation_map(y.variance, depth).astype(np.uint16) << (depth - 8)
                empty = [np.full(one.pictures.shape, 1 << (depth - 1)) for one in (u, v)]
                yield group, (shown, empty[0], empty[1])
            else:
                planes = [self._whole(one, bins) for one, bins in zip((y, u, v), group.bins, strict=True)]
                yield group, (planes[0], planes[1], planes[2])

    def _whole(self, one: Recovered, bins: Bins) -> NDArray[np.int64]:
        assert isinstance(self._operator, WalshHadamard)
        return rounded(one.pictures, bins, self._operator, (1 << self._info.depth) - 1)[0]

    def _frames(self, records: tuple[FrameRecord, ...], planes: Planes) -> Iterator[Frame]:
        info, peak = self._info, (1 << self._info.depth) - 1
        chroma = chroma_shape(info.height, info.width)
        whole = [
            np.clip(np.rint(plane[:, : shape[0], : shape[1]]), 0, peak).astype(np.uint8 if peak < 256 else np.uint16)
            for plane, shape in zip(planes, ((info.height, info.width), chroma, chroma), strict=True)
        ]
        for number, record in enumerate(records):
            y, u, v = (plane[number] for plane in whole)
            yield Frame(y, u, v, info.depth, record.pts, info.time_base, record.duration, info.colour)
