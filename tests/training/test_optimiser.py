from __future__ import annotations

import pytest
import torch
from torch import nn

from sensic.networks.layers import Block
from sensic.training.optimiser import Muon, Optimiser, add_residual_dropout, averaged, is_matrix, orthogonalise
from sensic.training.recipe import Optimiser as Settings
from tests.small_model import small_vae


def with_gradients(module: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 8, 24), (2, 24, 8)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_muon_is_pytorchs_muon() -> None:
    """Up to the bfloat16 that torch.optim.Muon computes in; with the layout and all shapes that we have."""
    torch.manual_seed(0)
    shapes = [(24, 8, 1, 1), (8, 24, 1, 1), (8, 24, 1, 1), (16, 8, 2, 2)]
    ours = [nn.Parameter(torch.randn(s).contiguous(memory_format=torch.channels_last)) for s in shapes]
    theirs = [nn.Parameter(p.detach().permute(0, 2, 3, 1).flatten(1).clone()) for p in ours]
    mine, reference = Muon(ours, lr=0.1), torch.optim.Muon(theirs, lr=0.1, weight_decay=0)
    for _ in range(3):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.permute(0, 2, 3, 1).flatten(1)
        mine.step()
        reference.step()
    for p, q in zip(ours, theirs, strict=True):
        difference = p.detach().permute(0, 2, 3, 1).flatten(1) - q.detach()
        assert difference.norm() < 0.02 * 0.3 * q.numel() ** 0.5


def test_layout_does_not_matter() -> None:
    torch.manual_seed(0)
    value, gradient = torch.randn(8, 4, 3, 3), torch.randn(8, 4, 3, 3)
    results = []
    for layout in (torch.contiguous_format, torch.channels_last):
        parameter = nn.Parameter(value.clone().contiguous(memory_format=layout))
        parameter.grad = gradient.clone()
        Muon([parameter], lr=0.1).step()
        results.append(parameter.detach())
    assert torch.allclose(*results, atol=1e-6)
    assert not torch.allclose(results[0], value, atol=1e-3)


def test_matrices_go_to_muon_and_the_rest_to_adamw() -> None:
    vae = small_vae()
    optimiser = Optimiser(vae, Settings())
    with_gradients(vae, 0)
    optimiser.step(1.0)
    names = {tuple(key.rsplit(":", 1)) for key in optimiser.tensors()}
    for name, parameter in vae.named_parameters():
        assert ((name, "momentum") in names) == is_matrix(parameter)
        assert ((name, "exp_avg") in names) == (not is_matrix(parameter))


def test_without_muon_adamw_takes_all() -> None:
    vae = small_vae()
    optimiser = Optimiser(vae, Settings(muon=0.0))
    with_gradients(vae, 0)
    optimiser.step(1.0)
    assert len(optimiser.tensors()) == 3 * len(list(vae.parameters()))


def test_what_is_frozen_stays() -> None:
    vae = small_vae()
    vae.requires_grad_(False)
    vae.prior.requires_grad_(True)
    before = {name: value.clone() for name, value in vae.state_dict().items()}
    optimiser = Optimiser(vae, Settings())
    with_gradients(vae, 0)
    optimiser.step(1.0)
    changed = {name for name, value in vae.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("prior.") for name in changed)


@pytest.mark.parametrize("settings", [Settings(), Settings(muon=0.0)])
def test_a_restored_optimiser_goes_on_exactly(settings: Settings) -> None:
    straight, stopped = (small_vae().to(memory_format=torch.channels_last) for _ in range(2))
    a, b = Optimiser(straight, settings), Optimiser(stopped, settings)
    for seed in range(4):
        if seed == 2:
            kept = {name: value.contiguous().clone() for name, value in b.tensors().items()}
            b = Optimiser(stopped, settings)
            b.restore(kept)
        for vae, optimiser in ((straight, a), (stopped, b)):
            with_gradients(vae, seed)
            optimiser.clip()
            optimiser.step(0.5)
    for p, q in zip(straight.parameters(), stopped.parameters(), strict=True):
        assert torch.equal(p, q)


def test_state_of_another_optimiser_is_left_out() -> None:
    vae = small_vae()
    muon, adamw = Optimiser(vae, Settings()), Optimiser(vae, Settings(muon=0.0))
    with_gradients(vae, 0)
    muon.step(1.0)
    adamw.restore(muon.tensors())
    with_gradients(vae, 1)
    adamw.step(1.0)


def test_clipping_bounds_the_whole_gradient() -> None:
    vae = small_vae()
    optimiser = Optimiser(vae, Settings(clip=0.5))
    with_gradients(vae, 0)
    assert optimiser.clip() > 1
    total = torch.stack([p.grad.norm() for p in vae.parameters() if p.grad is not None]).norm()
    assert float(total) == pytest.approx(0.5, rel=1e-3)


def test_the_average_follows_quickly_at_first_and_slowly_later() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 1.0)
    average = averaged(module, 0.1)
    expected = 1.0
    for step in range(1, 600):
        nn.init.constant_(module.weight, float(step % 7))
        average.update_parameters(module)
        weight = 1.0 if step == 1 else max(0.1, 50 / (step + 50))
        expected += (step % 7 - expected) * weight
        assert next(average.module.parameters()).item() == pytest.approx(expected, rel=1e-4)


def test_residual_dropout_drops_in_training_only() -> None:
    torch.manual_seed(0)
    vae = small_vae()
    block = next(m for m in vae.modules() if isinstance(m, Block))
    x = torch.randn(1, 16, 8, 8)
    plain = block(x)
    add_residual_dropout(vae, 0.5)
    vae.train()
    assert not torch.allclose(block(x), plain)
    vae.eval()
    assert torch.equal(block(x), plain)
