"""Frozen streams decode for ever, to the same symbols, on every backend."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from sensic.container import Block, FrameRecord
from sensic.model import Model
from sensic.runtime import INTEGER_GRAPHS, Backend, OnnxBackend
from sensic.runtime.openvino import OpenVinoBackend
from sensic.runtime.reference import ReferenceBackend
from tests.motion.test_coding import KINDS, coded, field_of
from tests.vectors import sensing_stranger, stranger
from tests.vectors.make import SOUND, STREAMS, footage
from tests.vectors.streams import (
    HERE,
    PATHS,
    frames_of,
    is_sensing,
    measured_hash,
    symbol_hash,
    symbols_of,
    thumbnail,
)

MODEL = Model.load(HERE / "model")


class NumPyBackend:
    """The integer networks as the specification has them, and the others by ONNX's own evaluator: no native code but
    NumPy's."""

    def __init__(self) -> None:
        self._integers = ReferenceBackend(MODEL)
        self._graphs: dict[str, ReferenceEvaluator] = {}

    def run(self, graph: str, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
        if graph in INTEGER_GRAPHS:
            return self._integers.run(graph, inputs)
        if graph not in self._graphs:
            self._graphs[graph] = ReferenceEvaluator(onnx.load(io.BytesIO(MODEL.graph(graph))))
        return tuple(self._graphs[graph].run(None, dict(inputs)))


BACKENDS: dict[str, Backend] = {
    "onnxruntime": OnnxBackend(MODEL, 1),
    "openvino": OpenVinoBackend(MODEL, 1, INTEGER_GRAPHS),
    "reference": ReferenceBackend(MODEL),
}
NEURAL = [path for path in PATHS if not is_sensing(path)]
SENSING = [path for path in PATHS if is_sensing(path)]
TOLERANCE = 1
"""How much a sample may differ between what computes the floating-point networks, in steps of 8 or 10 bits."""


def expected(path: Path) -> Any:
    return json.loads(path.with_suffix(".json").read_text())


def test_no_stream_is_missing() -> None:
    assert {path.stem for path in PATHS} == set(STREAMS)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("path", NEURAL, ids=lambda path: path.stem)
def test_symbols(path: Path, backend: str) -> None:
    assert symbols_of(path, MODEL, BACKENDS[backend]) == expected(path)["symbols"]


@pytest.mark.parametrize("path", SENSING, ids=lambda path: path.stem)
def test_measurements(path: Path) -> None:
    assert symbols_of(path, MODEL, BACKENDS["onnxruntime"]) == expected(path)["symbols"]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_pictures(path: Path) -> None:
    frames = frames_of(path, MODEL, BACKENDS["onnxruntime"])
    assert len(frames) == expected(path)["frames"]
    assert np.allclose(thumbnail(frames), expected(path)["means"], atol=0.5)


@pytest.mark.parametrize("path", NEURAL, ids=lambda path: path.stem)
def test_numpy_alone_decodes_the_same_pictures(path: Path) -> None:
    pairs = zip(frames_of(path, MODEL, BACKENDS["onnxruntime"]), frames_of(path, MODEL, NumPyBackend()), strict=True)
    for one, other in pairs:
        for a, b in zip(one.planes, other.planes, strict=True):
            assert int(np.abs(a.astype(int) - b.astype(int)).max()) <= TOLERANCE


def test_whole_measurements_are_the_pictures() -> None:
    frames = frames_of(HERE / "v1-sensing-mcu.mkv", MODEL, BACKENDS["onnxruntime"])
    for frame, shot in zip(frames, footage("v1-sensing-mcu"), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(frame.planes, shot.planes, strict=True))


def test_the_sound_is_there() -> None:
    with av.open(str(HERE / "v1-sound.mkv")) as video:
        (stream,) = video.streams.audio
        assert sum(frame.samples for frame in video.decode(stream)) == SOUND


@pytest.mark.parametrize("path", NEURAL, ids=lambda path: path.stem)
def test_a_stranger_who_knows_only_the_specification_decodes_the_same_symbols(path: Path) -> None:
    frames = list(stranger.Decoder(path, HERE / "model").frames())
    assert len(frames) == expected(path)["frames"]
    found: Any = (SimpleNamespace(record=frame, **frame._asdict()) for frame in frames)
    assert symbol_hash(found) == expected(path)["symbols"]


@pytest.mark.parametrize("path", SENSING, ids=lambda path: path.stem)
def test_a_stranger_decodes_the_same_measurements(path: Path) -> None:
    assert measured_hash(sensing_stranger.Decoder(path).packets()) == expected(path)["symbols"]


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
