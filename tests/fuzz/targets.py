"""What is fuzzed: readers of bytes that anybody may have written. Each may raise Sensic's own errors, and no others."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from sensic.container import Block, FrameRecord, StreamHeader, StreamReader
from sensic.container.integers import CRC_BYTES, seal
from sensic.errors import ModelError, SensicError
from sensic.model import Model
from sensic.model.manifest import parse_manifest
from sensic.model.untrusted import check_graph
from sensic.sensing.packets import Packet, join, split
from sensic.sensing.settings import SensingSettings

CORPUS = Path(__file__).parent / "corpus"
NOWHERE = Path(__file__).parent / "nowhere"


@dataclass(frozen=True)
class Target:
    """``read`` is fed; ``seeds`` to begin with, beside those in the corpus. ``sealed`` says that the bytes end in a
    checksum, which mutations repair, ``json`` that they are a text in JSON, whose values mutations change."""

    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    sealed: bool = False
    json: bool = False

    def __call__(self, data: bytes) -> None:
        """Raises only what must not happen."""
        with contextlib.suppress(SensicError):
            self.read(data)


def _container(data: bytes) -> None:
    with StreamReader(data) as reader:
        assert sum(1 for _ in reader.survivors()) <= len(data)
    with StreamReader(data) as reader:
        reader.index()


def _header(data: bytes) -> None:
    header = StreamHeader.unpack(data)
    if header.profile == "sensing":
        SensingSettings.unpack(header.model)
    StreamHeader.unpack(header.pack())


def _block(data: bytes) -> None:
    block = Block.unpack(data)
    assert Block.unpack(block.pack()) == block


def _model(data: bytes) -> None:
    """All that a manifest is asked about before its files, which are not there."""
    model = Model(NOWHERE, "0" * 64, parse_manifest(data, NOWHERE))
    assert repr(model)
    uses: list[Callable[[], object]] = [
        lambda: model.sizes,
        lambda: model.integers,
        *(lambda position=position: model.frame_quality(32, position) for position in range(3)),
        *(lambda name=name: model.graph(name) for name in model.graphs),
    ]
    for use in uses:
        with contextlib.suppress(ModelError):
            use()


def _streams() -> list[bytes]:
    from tests.container.streams import make_blocks, make_stream

    vectors = (path.read_bytes() for path in (Path(__file__).parents[1] / "vectors").glob("*.mkv"))
    return [make_stream(make_blocks(3, size=20)), *(data for data in vectors if len(data) < 2000)]


def _headers() -> list[bytes]:
    from tests.container.streams import make_header

    return [make_header().pack(), make_header(tags={"title": "a" * 50}).pack()]


def _blocks() -> list[bytes]:
    frames = tuple(FrameRecord(n * n, n) for n in range(4))
    return [Block(frames, True, b"payload").pack(), Block((FrameRecord(3),), False, b"", 2, True).pack()]


def _manifests() -> list[bytes]:
    """One with files of its own, and one that is made of a model that ships."""
    own = (Path(__file__).parents[1] / "vectors" / "model" / "manifest.json").read_bytes()
    step = {"int8.safetensors": {"bytes": 1, "sha256": "0" * 64}}
    return [own, json.dumps({**json.loads(own), "files": step, "base": Model.default().id}).encode()]


def _graphs() -> list[bytes]:
    from tests.small_model import small_model

    return [small_model().graph("hyper")]


TARGETS: Mapping[str, Target] = {
    "container": Target(_container, _streams),
    "header": Target(_header, _headers, sealed=True),
    "block": Target(_block, _blocks, sealed=True),
    "packets": Target(split, lambda: [join([Packet(0, 30, b"abc"), Packet(3, 63, b"", True)])], sealed=True),
    "manifest": Target(_model, _manifests, json=True),
    "graph": Target(lambda data: check_graph(data, "a file"), _graphs),
}


def repaired(data: bytes) -> bytes:
    """With the checksum that its last bytes should be."""
    return seal(data[:-CRC_BYTES])


_ODD: tuple[Any, ...] = (
    *(None, True, 0, 1, -1, 4097, 1 << 70, 0.5, float("inf"), float("nan")),
    *("", "0" * 64, "a.onnx", "../a", "a\0", [], [0], {}, {"a": 0}, {"bytes": 1, "sha256": "0" * 64}),
)
_KEYS = ("base", "bytes", "files", "format", "intra", "int8.safetensors", "listen.onnx", "write.onnx", "paint.onnx")


def changed_json(data: bytes, seed: int) -> bytes | None:
    """With one of its values replaced, removed, repeated or moved elsewhere; None where it is no JSON."""
    dice = Random(seed)
    try:
        top = [json.loads(data)]
    except (ValueError, RecursionError):
        return None
    places = list(_places(top))
    holder, key = dice.choice(places)
    kind = dice.randrange(5)
    if kind == 0:
        value = dice.choice(_ODD)
    elif kind == 1:
        other, which = dice.choice(places)
        value = json.loads(json.dumps(other[which]))  # a copy, as there are no circles in JSON
    else:
        value = holder[key]
    if kind == 2 and holder is not top:
        del holder[key]
    elif kind == 3 and isinstance(holder, dict):
        holder[dice.choice(_KEYS)] = value
    elif kind == 4 and isinstance(holder, list) and holder is not top:
        holder.insert(key, value)
    else:
        holder[key] = value
    return json.dumps(top[0]).encode()


def _places(holder: Any) -> Iterator[tuple[Any, Any]]:
    """Every value in a tree of JSON: what it is in, and at which index or key."""
    for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from _places(holder[key])
