"""Ablations on footage and networks small enough for a test; what the rows show is not the point here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks import ablations
from benchmarks.ablations import ADAPTIVE, REFERENCE, SETUPS, Bench, Result, Run, bd_rate, cost, markdown
from benchmarks.recurrent import HIDDEN, RecurrentVAE, displaced
from sensic.networks.codec import VideoVAE
from sensic.training.losses import distortion
from sensic.training.prepare import Prepared, prepare
from sensic.training.sequence import Objective, Window, unroll
from tests.small_model import SIZE
from tests.training.conftest import panning_clip, write_pack


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they bring to networks this small, and everything on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> list[Prepared]:
    folder = tmp_path_factory.mktemp("packs")
    return prepare([write_pack(folder / "a.mkv", [panning_clip(seed) for seed in range(3)])], folder / "cache")


def window(lanes: int = 2, frames: int = 3) -> Window:
    generator = torch.Generator().manual_seed(0)
    starts = torch.zeros(lanes, frames, dtype=torch.bool)
    starts[:, 0] = True
    return Window(
        torch.rand(lanes, frames, 96, 4, 6, generator=generator) - 0.5,
        torch.randint(-20, 20, (lanes, frames, 2, 2, 3), generator=generator).float(),
        starts,
        torch.full((lanes, frames), 0.5),
    )


def result(loss: float = 1.0, worse: float = 1.0) -> Result:
    rate = [worse * 0.1 * 2**i for i in range(5)]
    return Result(loss, 2 * loss, rate, [30.0 + 2 * i for i in range(5)], [10.0 + i for i in range(5)], 0.5)


def test_features_move_along_the_vectors() -> None:
    """A vector of 16 pixels, 64 quarters, is two steps at 1/8 resolution."""
    features = torch.rand(1, 3, 8, 8)
    motion = torch.zeros(1, 2, 4, 4)
    assert torch.allclose(displaced(features, motion), features, atol=1e-5)
    motion[:, 0] = 64
    assert torch.allclose(displaced(features, motion)[..., :6], features[..., 2:], atol=1e-5)


def test_a_recurrent_codec_starts_as_one_without_and_remembers_what_it_has_seen() -> None:
    torch.manual_seed(0)
    vae = RecurrentVAE(SIZE)
    plain = VideoVAE(SIZE)
    plain.load_state_dict({k: v for k, v in vae.state_dict().items() if k in plain.state_dict()})
    objective = Objective(distortion())
    outcomes = [ablations.code(v, window(), None, objective, train=False)[0].loss for v in (vae, plain)]
    assert torch.equal(*outcomes)
    with torch.no_grad():
        vae.h_in.weight.normal_()
    assert not torch.equal(ablations.code(vae, window(), None, objective, train=False)[0].loss, outcomes[1])
    assert vae.hidden is not None
    assert vae.hidden.shape == (2, HIDDEN, 4, 6)


def test_gradients_reach_the_recurrent_state_and_end_with_the_window() -> None:
    torch.manual_seed(0)
    vae, objective = RecurrentVAE(SIZE), Objective(distortion())
    torch.nn.init.normal_(vae.h_in.weight)
    for _ in range(2):
        outcome, _ = ablations.code(vae, window(), None if vae.hidden is None else unroll_state(vae), objective)
        outcome.loss.backward()
    assert vae.fresh.weight.grad is not None
    assert vae.fresh.weight.grad.abs().max() > 0


def unroll_state(vae: RecurrentVAE) -> ablations.State:
    return unroll(VideoVAE(SIZE), window(), None, Objective(distortion()), train=False)[1]


def test_rows_are_trained_measured_and_not_run_twice(
    prepared: list[Prepared], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablations, "QUALITIES", (4, 28, 52))
    bench = Bench(tmp_path, Run(2, 12, 32, 0, ("hash",)), prepared, 1, "cpu", SIZE)
    names = [REFERENCE, "gru", ADAPTIVE]
    ticks: list[int] = []
    for name in names:
        bench.row(name, lambda: ticks.append(1))
    assert len(ticks) == bench.work(names)
    text = bench.report()
    assert all(SETUPS[n].title in text for n in names[:2])
    assert "bytes of the same pictures" in text
    record = json.loads((tmp_path / "ablations.json").read_text())
    assert len(record["rows"][REFERENCE]["rate"]) == 3
    assert record["rows"]["random"] is None
    assert (tmp_path / "ablations.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(ablations, "train", None)
    bench.row(REFERENCE, lambda: None)
    other = Bench(tmp_path, Run(3, 12, 32, 0, ("hash",)), prepared, 1, "cpu", SIZE)
    assert other.result(REFERENCE) is None  # another length is another result


def test_the_prior_can_be_left_blind_to_the_quality() -> None:
    basis = torch.eye(384), torch.ones(384)
    blind, seeing = (ablations.build(SETUPS[n], 0, basis, SIZE) for n in ("blind", REFERENCE))
    assert not blind.prior.q_emb.requires_grad
    assert not blind.prior.q_emb.any()
    assert seeing.prior.q_emb.requires_grad


def test_what_is_held_out_is_not_trained_on(prepared: list[Prepared], tmp_path: Path) -> None:
    bench = Bench(tmp_path, Run(2, 12, 32, 0, ("hash",)), prepared, 1, "cpu", SIZE)
    held, trained = ({tuple(c) for c in clips.tolist()} for clips in (bench.held_out.clips, bench.clips))
    assert len(held) == 1
    assert not held & trained


def test_the_table_compares_with_the_reference() -> None:
    assert bd_rate(result(), result(worse=1.2), "psnr") == pytest.approx(20)
    assert bd_rate(result(), Result(1, 1, [1, 1, 1, 1, 1], [30.0] * 5, [1.0] * 5, 1), "ssim") == "none"
    assert cost(([110, 220], [100, 200])) == pytest.approx(10)
    rows = {REFERENCE: result(), "random": result(2.0, 1.5)}
    text = markdown(Run(9, 12, 128, 0, ()), rows, ([110], [100]))
    assert "| random weights, no KLT | 2.0000 | 4.0000 | +50.0% | +50.0% | 0.6000, 34.00 dB | 0.50 |" in text
    assert "+10.0% (bytes" in text


def test_every_row_differs_from_the_reference_in_one_thing() -> None:
    first = vars(SETUPS[REFERENCE])
    for name, setup in SETUPS.items():
        changed = [k for k, v in vars(setup).items() if v != first[k] and k != "title"]
        assert len(changed) == (name != REFERENCE)
        assert 12 % setup.frames == 0  # every row can see the same number of pictures
