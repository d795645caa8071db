"""What is fuzzed: readers of bytes that anybody may have written. Each may raise Sensic's own errors, and no others."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sensic.container import Block, FrameRecord, StreamHeader, StreamReader
from sensic.container.integers import CRC_BYTES, seal
from sensic.errors import SensicError
from sensic.model.files import MANIFEST, read_file, read_manifest
from sensic.model.untrusted import check_graph
from sensic.sensing.packets import Packet, join, split
from sensic.sensing.settings import SensingSettings

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Target:
    """``read`` is fed; ``sealed`` says that the bytes end in a checksum, which mutations repair; ``seeds`` to begin
    with, beside those in the corpus."""

    read: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    sealed: bool = False

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
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / MANIFEST).write_bytes(data)
        _, manifest = read_manifest(Path(name))
        for file in list(manifest["files"])[:3]:
            read_file(Path(name), manifest, str(file))


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


def _graphs() -> list[bytes]:
    from tests.small_model import small_model

    return [small_model().graph("hyper")]


TARGETS: Mapping[str, Target] = {
    "container": Target(_container, _streams),
    "header": Target(_header, _headers, sealed=True),
    "block": Target(_block, _blocks, sealed=True),
    "packets": Target(split, lambda: [join([Packet(0, 30, b"abc"), Packet(3, 63, b"", True)])], sealed=True),
    "manifest": Target(
        _model, lambda: [b'{"format": 1, "name": "", "networks": {}, "quality_offsets": {}, "files": {}}']
    ),
    "graph": Target(lambda data: check_graph(data, "a file"), _graphs),
}


def repaired(data: bytes) -> bytes:
    """With the checksum that its last bytes should be."""
    return seal(data[:-CRC_BYTES])
