from __future__ import annotations

import numpy as np
import pytest
import torch

from sensic.codec.quantisation import cheapest
from sensic.entropy import ScaleTables
from sensic.entropy.tables import COST_STEPS, build_tables
from sensic.networks.codec import Parameters, VideoVAE, scale_value
from sensic.training.lanes import Lanes
from sensic.training.losses import distortion
from sensic.training.prepare import Prepared
from sensic.training.sequence import Objective, State, Window, _Symbols, symbol_bits, unroll
from tests.small_model import SIZE, small_vae

OBJECTIVE = Objective(distortion("mse"))
TABLES = ScaleTables(**build_tables())


@pytest.fixture
def vae() -> VideoVAE:
    return small_vae()


@pytest.fixture
def window(prepared: list[Prepared]) -> Window:
    return Lanes(prepared, lanes=2, crop=64, frames=4, seed=1, size=SIZE, group=(3, 9)).next()


def parts(window: Window, *, at: int) -> tuple[Window, Window]:
    first, second = ({k: v[:, s] for k, v in vars(window).items()} for s in (slice(0, at), slice(at, None)))
    return Window(**first), Window(**second)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_two_windows_are_one_window(vae: VideoVAE, window: Window, at: int) -> None:
    whole, end = unroll(vae, window, None, OBJECTIVE, train=False)
    first, second = parts(window, at=at)
    a, middle = unroll(vae, first, None, OBJECTIVE, train=False)
    b, last = unroll(vae, second, middle, OBJECTIVE, train=False)
    assert torch.allclose(whole.rate, torch.cat([a.rate, b.rate], 1))
    assert torch.allclose(whole.distortion, torch.cat([a.distortion, b.distortion], 1))
    assert all(torch.equal(x, y) for x, y in zip(end, last, strict=True))


def test_what_starts_a_group_forgets_everything(vae: VideoVAE, window: Window) -> None:
    window.starts[:, 2] = True
    _, second = parts(window, at=2)
    whole, end = unroll(vae, window, None, OBJECTIVE, train=False)
    alone, other = unroll(vae, second, None, OBJECTIVE, train=False)
    assert torch.allclose(whole.rate[:, 2:], alone.rate)
    assert all(torch.equal(x, y) for x, y in zip(end, other, strict=True))


def test_lanes_do_not_see_each_other(vae: VideoVAE, window: Window) -> None:
    together, _ = unroll(vae, window, None, OBJECTIVE, train=False)
    for i in (0, 1):
        one = Window(**{k: v[i : i + 1] for k, v in vars(window).items()})
        alone, _ = unroll(vae, one, None, OBJECTIVE, train=False)
        assert torch.allclose(alone.rate[0], together.rate[i], rtol=1e-4)
        assert torch.allclose(alone.distortion[0], together.distortion[i], rtol=1e-4)


def test_training_reaches_every_weight_and_the_state_carries_no_gradient(vae: VideoVAE, window: Window) -> None:
    outcome, state = unroll(vae, window, None, OBJECTIVE)
    outcome.loss.backward()
    assert not any(v.requires_grad for v in (*state, outcome.rate, outcome.distortion))
    untouched = {n for n, p in vae.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert untouched <= {"prior.p_b.0.d.w", "prior.v_emb.b"}, untouched
    assert all(m.held is None for m in vae.modules() if hasattr(m, "held"))


def test_a_step_lowers_the_loss_of_its_own_window(vae: VideoVAE, window: Window) -> None:
    optimiser = torch.optim.Adam(vae.parameters(), 1e-3)
    losses = []
    for _ in range(8):
        optimiser.zero_grad()
        outcome, _ = unroll(vae, window, None, OBJECTIVE)
        outcome.loss.backward()
        optimiser.step()
        losses.append(outcome.loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_lower_precision_is_for_pixels_only(vae: VideoVAE, window: Window) -> None:
    exact, _ = unroll(vae, window, None, OBJECTIVE, train=False)
    rough, state = unroll(vae, window, None, OBJECTIVE, train=False, precision=torch.bfloat16)
    assert torch.allclose(exact.distortion, rough.distortion, rtol=0.1)
    steps = state.memory * 16
    assert torch.equal(steps, steps.round())


def test_symbols_are_those_of_the_encoder() -> None:
    generator = torch.Generator().manual_seed(5)
    value = 6 * torch.randn(1, 3, 40, 50, generator=generator)
    mean = torch.randint(-8, 9, value.shape, generator=generator) / 8
    index = torch.randint(0, 64, value.shape, generator=generator).float()
    ours = _Symbols.cheapest(value, Parameters(mean, index), torch.tensor(20.0)).sent.flatten().numpy()
    theirs = cheapest((value - mean).flatten().numpy(), index.flatten().numpy().astype(np.uint8), TABLES, 20.0)
    assert np.mean(ours != theirs) < 1e-3  # float32 and float64 at the very edge
    assert np.abs(ours - theirs).max() <= 1


@pytest.mark.parametrize("index", [0, 5, 20, 40, 63])
def test_bits_are_those_of_the_tables(index: int) -> None:
    sizes = torch.arange(0, 12).float()
    ours = symbol_bits(sizes, scale_value(torch.full_like(sizes, index)))
    theirs = TABLES.cost[index, :12] / COST_STEPS
    sign = np.r_[0.0, np.ones(11)]  # costs are those of a magnitude: of the two signs together
    likely = np.asarray(theirs) < 12  # beyond, the tables' floor for the improbable begins
    assert np.allclose((ours.numpy() - sign)[likely], theirs[likely], atol=0.1) or np.allclose(
        ours.numpy()[likely], theirs[likely], atol=0.1
    )


def test_distance_of_lambdas() -> None:
    weight, share = OBJECTIVE.weights(torch.tensor([0.0, 0.5, 1.0]))
    assert weight.tolist() == pytest.approx([4e-4, (4e-4 * 3e-2) ** 0.5, 3e-2], rel=1e-4)
    assert share[1] == pytest.approx(1)
    assert share[0] > 1 > share[2]


def test_a_blank_state_is_what_the_first_frame_sees(vae: VideoVAE, window: Window) -> None:
    a, _ = unroll(vae, window, None, OBJECTIVE, train=False)
    b, _ = unroll(vae, window, State.blank(vae, window), OBJECTIVE, train=False)
    assert torch.equal(a.rate, b.rate)
