"""Frozen streams decode for ever, to the same symbols, on every backend."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sensic.codec.decoder import Decoder
from sensic.container import Block, FrameRecord, StreamReader
from sensic.model import Model
from sensic.runtime import INTEGER_GRAPHS, OnnxBackend
from sensic.runtime.openvino import OpenVinoBackend
from sensic.runtime.reference import ReferenceBackend
from tests.motion.test_coding import KINDS, coded, field_of
from tests.vectors import stranger
from tests.vectors.make import HERE, STREAMS, symbol_hash, thumbnail

MODEL = Model.load(HERE / "model")
BACKENDS = {
    "onnxruntime": OnnxBackend(MODEL, 1),
    "openvino": OpenVinoBackend(MODEL, 1, INTEGER_GRAPHS),
    "reference": ReferenceBackend(MODEL),
}
PATHS = sorted(HERE.glob("*.mkv"))


def test_no_stream_is_missing() -> None:
    assert {path.stem for path in PATHS} == set(STREAMS)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_symbols(path: Path, backend: str) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    with StreamReader(path) as reader:
        decoder = Decoder(MODEL, BACKENDS[backend], reader.header)
        assert symbol_hash(decoder.symbols(reader.blocks())) == expected["symbols"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_pictures(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    with StreamReader(path) as reader:
        frames = list(Decoder(MODEL, BACKENDS["onnxruntime"], reader.header).frames(reader.blocks()))
    assert len(frames) == expected["frames"]
    assert np.allclose(thumbnail(frames), expected["means"], atol=0.5)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_stranger_who_knows_only_the_specification_decodes_the_same_symbols(path: Path) -> None:
    expected = json.loads(path.with_suffix(".json").read_text())
    frames = list(stranger.Decoder(path, HERE / "model").frames())
    assert len(frames) == expected["frames"]
    assert symbol_hash(SimpleNamespace(record=frame, **frame._asdict()) for frame in frames) == expected["symbols"]


@pytest.mark.parametrize(("height", "width"), [(1, 40), (17, 33), (9, 5)])
def test_a_stranger_decodes_motion_of_larger_pictures(height: int, width: int) -> None:
    """The frozen streams are small: they hardly have blocks in the coarse passes."""
    generator = np.random.default_rng(0)
    fields = [field_of(kind, height, width, generator) for kind in KINDS]
    for _ in range(3):
        moved = np.where(generator.random((height, width)) < 0.2, generator.integers(-40, 41, (2, height, width)), 0)
        fields += [np.clip(fields[-1] + moved, -480, 480).astype(np.int16)] * 2
    coder, motion = stranger.Coder(coded(fields)[0]), stranger.Motion(height, width)
    assert all(np.array_equal(motion.decode(coder), field) for field in fields)
    assert not coder.words.read()


@pytest.mark.parametrize(
    "times",
    [
        [(-7, None)],
        [(0, 5), (9, None), (11, 0)],
        [(3, 4), (7, 1), (8, 1)],
        [(0, 2), (2, 2), (5, 2)],
        [(1 << 40, None), ((1 << 40) + 300, None)],
    ],
)
def test_a_stranger_reads_times(times: list[tuple[int, int | None]]) -> None:
    block = Block(tuple(FrameRecord(*time) for time in times), True, b"payload", sequence=200)
    read = stranger.parse_block(block.pack(), 200)
    assert read == (True, [pts for pts, _ in times], [duration for _, duration in times], b"payload", False)
