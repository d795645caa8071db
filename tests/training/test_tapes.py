from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from sensic.errors import PackError
from sensic.training.lanes import Lanes
from sensic.training.losses import distortion
from sensic.training.prepare import Prepared
from sensic.training.sequence import Objective, unroll
from sensic.training.tapes import Tape, TapeLanes, record, unroll_prior
from tests.small_model import SIZE, small_vae

OBJECTIVE = Objective(distortion("mse"))


def lanes_of(prepared: list[Prepared], frames: int = 4) -> Lanes:
    return Lanes(prepared, lanes=2, crop=64, frames=frames, seed=4, size=SIZE, group=(5, 9), noise=False)


@pytest.fixture
def tape(prepared: list[Prepared], tmp_path: Path) -> Tape:
    return record(small_vae(), lanes_of(prepared), OBJECTIVE, 5, tmp_path / "tape")


def test_a_tape_costs_what_its_pictures_cost(tape: Tape, prepared: list[Prepared]) -> None:
    vae = small_vae()
    whole, _ = unroll(vae, lanes_of(prepared, 20).next(), None, OBJECTIVE, train=False)
    player = TapeLanes(tape, lanes=2, frames=20, seed=0)
    player.heads = [(0, 0), (1, 0)]
    player._play = lambda i: [(i, t) for t in range(20)]  # type: ignore[method-assign]
    played, _ = unroll_prior(vae, player.next(), None, OBJECTIVE, train=False)
    assert torch.allclose(played.rate.sum(), whole.rate.sum(), rtol=5e-3)  # latents are kept in half precision


def test_only_the_prior_learns_and_it_does(tape: Tape) -> None:
    vae = small_vae()
    player = TapeLanes(tape, lanes=4, frames=5, seed=0)
    window = player.next()
    optimiser = torch.optim.Adam(vae.prior.parameters(), 3e-3)
    losses = []
    for _ in range(10):
        optimiser.zero_grad()
        outcome, state = unroll_prior(vae, window, None, OBJECTIVE)
        outcome.loss.backward()
        optimiser.step()
        losses.append(outcome.loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert not state.memory.requires_grad
    assert all(p.grad is None for n, p in vae.named_parameters() if n.startswith(("context", "synthesis")))


def test_groups_are_played_from_their_start_to_their_end(tape: Tape) -> None:
    player = TapeLanes(tape, lanes=1, frames=60, seed=2)
    steps = player._play(0)
    assert tape.starts[steps[0]]
    for here, there in pairwise(steps):
        assert there == (here[0], here[1] + 1) or tape.starts[there]


def test_a_checkpoint_goes_on(tape: Tape) -> None:
    player = TapeLanes(tape, lanes=3, frames=4, seed=1)
    player.next()
    saved = json.loads(json.dumps(player.state()))
    wanted = player.next()
    other = TapeLanes(tape, lanes=3, frames=4, seed=9)
    other.restore(saved)
    got = other.next()
    assert all(torch.equal(a, b) for a, b in zip(vars(got).values(), vars(wanted).values(), strict=True))


def test_a_recording_cut_short_is_not_opened(tape: Tape, prepared: list[Prepared], tmp_path: Path) -> None:
    (tmp_path / "tape" / "quality.npy").unlink()
    with pytest.raises(PackError, match="not a recording"):
        Tape.open(tmp_path / "tape")
