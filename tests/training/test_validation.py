from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sensic import PackError
from sensic.networks.codec import unpack
from sensic.training.logs import Logs, read_log
from sensic.training.losses import distortion
from sensic.training.plots import draw_run
from sensic.training.prepare import Prepared
from sensic.training.reports import Point, ValidationResult
from sensic.training.sequence import Objective, unroll
from sensic.training.validation import HeldOut, clip_window, everything, saved_rate, split, validate
from tests.small_model import small_model, small_vae

OBJECTIVE = Objective(distortion("mse"))


def names(prepared: Sequence[Any], clips: NDArray[np.int64]) -> set[tuple[str, int]]:
    return {(prepared[pack].sha256, int(clip)) for pack, clip in clips}


@given(st.floats(0.2, 0.8), st.permutations(["one", "two", "three"]), st.integers(1, 3))
def test_a_clip_is_on_one_side_whatever_else_there_is(share: float, packs: list[str], count: int) -> None:
    whole = [SimpleNamespace(sha256=name, clips=60) for name in ("one", "two", "three")]
    some = [SimpleNamespace(sha256=name, clips=60) for name in packs[:count]]
    training, held = split(whole, share)  # type: ignore[arg-type]
    assert len(training) + len(held) == 180
    assert len(held) == pytest.approx(180 * share, abs=45)
    found = split(some, share)  # type: ignore[arg-type]
    assert names(some, found[0]) <= names(whole, training)
    assert names(some, found[1]) <= names(whole, held)


def test_at_least_one_clip_is_held_out_and_one_is_left(prepared: list[Prepared]) -> None:
    assert len(split(prepared, 1e-9)[1]) == 1
    assert len(split(prepared, 1 - 1e-9)[0]) == 1
    assert len(split(prepared, 0.0)[1]) == 0
    assert len(everything(prepared)) == sum(one.clips for one in prepared)
    with pytest.raises(PackError, match="no clips"):
        split([], 0.1)


def test_a_window_holds_the_clip_at_the_qualities_of_an_encoder(prepared: list[Prepared]) -> None:
    one = prepared[0]
    window = clip_window(one, 1, [0, 30, 60], 5, [-3, 1, -3, 4])
    y, uv = unpack(window.pictures[2])
    assert np.array_equal(((y + 0.5) * 255).round().numpy()[:, 0].astype(np.uint8), one.y[1])
    assert np.array_equal(((uv + 0.5) * 255).round().numpy().astype(np.uint8), one.uv[1])
    assert window.starts.sum() == 3
    for lane, quality in enumerate((0, 30, 60)):
        expected = [small_model().frame_quality(quality, position) for position in range(12)]
        assert [round(63 * q) for q in window.quality[lane].tolist()] == expected
    assert np.array_equal(window.motion[0].numpy(), one.motion[0, 0, 1])
    assert np.array_equal(window.motion[2].numpy(), one.motion[2, 0, 1])


def test_ten_bits(prepared: list[Prepared]) -> None:
    one = prepared[0]
    ten = replace(one, y=one.y.astype(np.uint16) * 4, uv=one.uv.astype(np.uint16) * 4, depth=10)
    a, b = (clip_window(p, 0, [30], 5, [0]).pictures for p in (one, ten))
    assert torch.allclose(a, b, atol=4 / 1023)


def test_validation_is_the_mean_of_what_unrolling_gives(prepared: list[Prepared]) -> None:
    vae = small_vae()
    held = HeldOut(prepared, np.array([[0, 0], [1, 0]]))
    found = validate(vae, held, [10, 40], OBJECTIVE)
    assert found is not None
    loss, points = found
    outcomes = [
        unroll(vae, clip_window(prepared[p], c, [10, 40], 9, [-4, 0, -4, 5]), None, OBJECTIVE, train=False)[0]
        for p, c in ((0, 0), (1, 0))
    ]
    assert loss == pytest.approx(np.mean([float(o.loss) for o in outcomes]), rel=1e-5)
    rates = torch.stack([o.rate.mean(1) for o in outcomes]).mean(0)
    assert [p.bpp for p in points] == pytest.approx(rates.tolist(), rel=1e-5)
    assert [p.quality for p in points] == [10, 40]
    assert all(5 < p.psnr < 60 for p in points)
    assert found == validate(vae, held, [10, 40], OBJECTIVE)
    assert all(p.grad is None for p in vae.parameters())


def test_psnr_is_reported_whatever_the_loss(prepared: list[Prepared]) -> None:
    held = HeldOut(prepared, np.array([[0, 0]]))
    plain = validate(small_vae(), held, [30], OBJECTIVE)
    other = validate(small_vae(), held, [30], Objective(lambda decoded, target: decoded.mean((1, 2, 3)) * 0))
    assert plain is not None
    assert other is not None
    assert other[1] == plain[1]
    assert other[0] < plain[0]


def test_validation_can_be_given_up(prepared: list[Prepared]) -> None:
    held = HeldOut(prepared, np.array([[0, 0], [0, 1]]))
    done: list[int] = []
    assert validate(small_vae(), held, [30], OBJECTIVE, tick=lambda n: done.append(n) or n < 1) is None  # type: ignore[func-returns-value]
    assert done == [1]


def result(step: int, factor: float) -> ValidationResult:
    points = tuple(Point(q, 0.01 * 1.1**q * factor, 28.0 + 0.2 * q) for q in (4, 16, 28, 40, 52))
    return ValidationResult(step, 60.0, factor, points)


def test_saved_rate() -> None:
    assert saved_rate(result(0, 1.0), result(9, 0.9)) == pytest.approx(-10, abs=0.01)
    flat = ValidationResult(9, 1.0, 1.0, tuple(Point(q, 0.1, 70.0) for q in range(5)))
    assert saved_rate(result(0, 1.0), flat) is None
    assert saved_rate(flat, flat) is None


def test_the_picture_of_a_run(tmp_path: Path) -> None:
    results = [result(0, 1.0), result(100, 0.8), result(200, 0.9)]
    for count in (1, 2, 3):
        pixels = draw_run(tmp_path / "rd.png", results[:count], 100 if count > 1 else 0)
        assert pixels.dtype == np.uint8
        assert pixels.std() > 10
        assert (tmp_path / "rd.png").read_bytes().startswith(b"\x89PNG")


def test_results_survive_json() -> None:
    assert ValidationResult.of(json.loads(json.dumps(result(3, 0.7).to_dict()))) == result(3, 0.7)


def test_logs_drop_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    log = Logs(tmp_path, 0, tensorboard=False)
    for step in (1, 2, 3):
        log.write("training", step, loss=float("nan") if step == 2 else 1.0)
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"type": "training", "st')  # cut short by a kill
    log = Logs(tmp_path, 2, tensorboard=False)
    log.write("training", 3, loss=2.0)
    log.close()
    entries = read_log(tmp_path / "log.jsonl")
    assert [(entry["step"], entry["loss"]) for entry in entries] == [(1, 1.0), (2, None), (3, 2.0)]
