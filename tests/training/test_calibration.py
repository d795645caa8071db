from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import sensic
from sensic.codec.encoder import Encoder
from sensic.codec.settings import EncoderSettings
from sensic.model import Model
from sensic.runtime import OnnxBackend
from sensic.training import export_model, export_weights
from sensic.training.calibration import CountingTables, count_symbols
from sensic.training.prepare import Prepared
from sensic.video import Frame
from tests.small_model import small_model, small_vae


def size(model: Model, prepared: Prepared) -> int:
    """Bytes of the first clip."""
    y, uv = prepared.y[0], prepared.uv[0]
    frames = [
        Frame(np.array(y[t]), np.array(uv[t, 0]), np.array(uv[t, 1]), 8, t, Fraction(1, 25)) for t in range(len(y))
    ]
    encoder = Encoder(model, OnnxBackend(model, 1), y.shape[2], y.shape[1], EncoderSettings(quality=20))
    return sum(len(block.payload) for block in encoder.blocks(frames))


def test_tables_that_were_counted_code_the_same_footage_in_fewer_bytes(
    prepared: list[Prepared], tmp_path: Path
) -> None:
    plain, clip = small_model(), (prepared[0].y[0], prepared[0].uv[0])
    told: list[float] = []
    export_model(
        small_vae(),
        tmp_path / "fitted",
        name="fitted",
        facts={"licence": "Apache-2.0"},
        calibrate=lambda model: count_symbols(model, [clip], qualities=(20, 40), progress=told.append),
    )
    fitted = Model.load(tmp_path / "fitted")
    assert told == [0.5, 1.0]
    assert size(fitted, prepared[0]) < 0.99 * size(plain, prepared[0])
    assert fitted.graph("synthesis") == plain.graph("synthesis")


def test_everything_coded_is_counted(prepared: list[Prepared]) -> None:
    model = small_model()
    seen = count_symbols(model, [(prepared[0].y[0][:2], prepared[0].uv[0][:2])], qualities=(30,))
    _, height, width = prepared[0].y[0].shape
    latent = model.sizes["latent"] * height * width // 256
    hyper = model.sizes["hyper"] * -(-height // 64) * -(-width // 64)
    attempts, rest = divmod(int(seen.sum()), latent + hyper)
    assert rest == 0
    assert attempts >= 3  # two pictures, there and back; what the encoder tries and drops counts as well


def test_counting_changes_no_stream(prepared: list[Prepared]) -> None:
    model = small_model()
    before = size(model, prepared[0])
    watched = Model(model.directory, model.id, model.manifest)
    watched.__dict__["tables"] = CountingTables(
        *[model.integers[f"tables.{k}"] for k in ("radius", "frequencies", "cost")]
    )
    assert size(watched, prepared[0]) == before


def test_calibrating_needs_packs(tmp_path: Path, packs: Path) -> None:
    with pytest.raises(sensic.UsageError, match="name packs"):
        export_weights(small_model().directory, tmp_path / "m", calibrate=1)
    model = export_weights(small_model().directory, tmp_path / "m", calibrate=2, packs=[packs])
    assert not np.array_equal(model.tables.cost, small_model().tables.cost)
    again = export_weights(model.directory, tmp_path / "again", name="m")
    assert again.id == model.id  # what was counted once stays
