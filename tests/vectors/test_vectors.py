"""Frozen streams decode for ever, to the same symbols, on every backend."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sensic.codec.decoder import Decoder
from sensic.container import StreamReader
from sensic.model import Model
from sensic.runtime import INTEGER_GRAPHS, OnnxBackend
from sensic.runtime.openvino import OpenVinoBackend
from sensic.runtime.reference import ReferenceBackend
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
