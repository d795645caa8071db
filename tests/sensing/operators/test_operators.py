"""Operators are what the specification says: exact, orthogonal, the same for a seed on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from sensic.errors import UsageError
from sensic.sensing.operators import Cacti, LearnedTernary, Operator, Scrambled, WalshHadamard, operator
from sensic.sensing.operators.generator import SplitMix64
from sensic.sensing.operators.ternary import MATRIX, Additions, parsed
from sensic.sensing.operators.walsh_hadamard import hadamard

MODEL = "25b3c88888170d6ad246613dee84e850"
MASKS = np.random.default_rng(5).integers(0, 2, (8, 32, 48)).astype(np.uint8)
OPERATORS: list[Operator] = [
    WalshHadamard(1),
    WalshHadamard(2),
    WalshHadamard(4),
    Scrambled(seed=3),
    Scrambled(seed=2**64 - 1, measurements=100, frames=2),
    Cacti(MASKS),
    LearnedTernary(1),
    LearnedTernary(2),
    LearnedTernary(4),
]


def name(one: Operator) -> str:
    return f"{one.kind}-{one.frames}"


@pytest.mark.parametrize("one", OPERATORS, ids=name)
@settings(max_examples=20)
@given(data=st.data())
def test_adjoint(one: Operator, data: st.DataObject) -> None:
    """⟨A x, y⟩ = ⟨x, Aᵀ y⟩, exactly, for all integers."""
    group = (one.frames, 32, 48)
    x = data.draw(arrays(np.int64, group, elements=st.integers(0, 1023)))
    measured = one.forward(x)
    assert measured.dtype == np.int32
    y = data.draw(arrays(np.int64, measured.shape, elements=st.integers(-(2**18), 2**18)))
    back = one.adjoint(y)
    assert back.shape == group
    assert np.sum(measured.astype(np.int64) * y) == np.sum(x * back)


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_walsh_hadamard_is_orthogonal(frames: int) -> None:
    one = WalshHadamard(frames)
    x = np.random.default_rng(frames).integers(0, 1024, (2, 3, frames, 16, 24))
    assert one.gain == 64 * frames
    np.testing.assert_array_equal(one.adjoint(one.forward(x)), one.gain * x)
    y = np.random.default_rng(0).integers(-(2**17), 2**17, (one.bands, 2, 3))
    np.testing.assert_array_equal(one.forward(one.adjoint(y)), one.gain * y)


def test_scrambled_is_orthogonal() -> None:
    whole, few = Scrambled(7, frames=2), Scrambled(7, 60)
    x = np.random.default_rng(1).integers(0, 1024, (2, 32, 16))
    np.testing.assert_array_equal(whole.adjoint(whole.forward(x)), 256 * x)
    y = np.random.default_rng(2).integers(-(2**17), 2**17, (60, 2, 3))
    np.testing.assert_array_equal(few.forward(few.adjoint(y)), 256 * y)


def test_bands_are_in_order_of_sequency() -> None:
    """A block whose pixels are a row of the matrix gives one number, in the band of its changes of sign."""
    one = WalshHadamard(4)
    signs = {k: one.adjoint(np.eye(256)[k][:, None, None]) for k in (0, 1, 8, 64, 64 + 5 * 8 + 3, 255)}
    for band, picture in signs.items():
        t, v, u = band // 64, band // 8 % 8, band % 8
        assert set(np.unique(picture)) <= {-1, 1}
        changes = [(np.diff(picture, axis=axis) != 0).any(tuple(set(range(3)) - {axis})).sum() for axis in range(3)]
        assert changes == [t, v, u]


def test_an_overflow_is_far() -> None:
    white = np.full((4, 8, 8), 1023)
    assert WalshHadamard(4).forward(white)[0, 0, 0] == 1023 * 256


def test_a_seed_is_the_same_everywhere() -> None:
    """The numbers of Vigna's splitmix64.c for this seed, and what follows from them."""
    generator = SplitMix64(1234567)
    assert [generator.next() for _ in range(5)] == [
        6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821,
    ]  # fmt: skip
    ramp = np.arange(256).reshape(1, 16, 16)
    assert Scrambled(1234567).forward(ramp)[:6, 0, 0].tolist() == [128, 776, 304, 3964, 2764, -2968]
    assert sorted(SplitMix64(9).permutation(256)) == list(range(256))


def test_seeds_differ() -> None:
    x = np.random.default_rng(0).integers(0, 256, (1, 16, 16))
    assert (Scrambled(1).forward(x) != Scrambled(2).forward(x)).any()
    assert (Cacti.seeded(1, 8, 16).masks != Cacti.seeded(2, 8, 16).masks).any()


@pytest.mark.parametrize(("sparsity", "measurements"), [(8, 96), (20, 160)])
def test_sparse_signals_come_back_from_few_scrambled_measurements(sparsity: int, measurements: int) -> None:
    """Orthogonal matching pursuit finds every block of few pixels out of fewer measurements than pixels."""
    one, generator = Scrambled(11, measurements), np.random.default_rng(sparsity)
    matrix = one.forward(np.eye(256, dtype=np.int64).reshape(256, 1, 16, 16))[..., 0, 0].T  # [measurements, 256]
    for _ in range(20):
        signal = np.zeros(256)
        signal[generator.choice(256, sparsity, replace=False)] = generator.integers(50, 256, sparsity)
        y = one.forward(signal.reshape(1, 16, 16).astype(np.int64))[:, 0, 0].astype(np.float64)
        support: list[int] = []
        residual, weights = y, np.zeros(0)
        for _ in range(2 * sparsity):
            if np.abs(residual).max() < 1e-6:
                break
            support.append(int(np.abs(matrix.T @ residual).argmax()))
            weights = np.linalg.lstsq(matrix[:, support].astype(np.float64), y)[0]
            residual = y - matrix[:, support] @ weights
        found = np.zeros(256)
        found[support] = weights
        np.testing.assert_allclose(found, signal, atol=1e-6)


@pytest.mark.parametrize(
    "one", [WalshHadamard(4), Scrambled(3, 100, 2), Cacti.seeded(4, 3, 16), LearnedTernary(4)], ids=name
)
def test_a_spec_is_all_it_takes(one: Operator) -> None:
    again = operator(one.spec)
    x = np.random.default_rng(0).integers(0, 256, (one.frames, 16, 16))
    np.testing.assert_array_equal(again.forward(x), one.forward(x))
    assert again.spec == one.spec


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"kind": "fourier"}, "wht, scrambled, cacti, learned_ternary"),
        ({}, "wht, scrambled"),
        ({"kind": "wht", "seed": 3}, "wht has frames, not seed"),
        ({"kind": "wht", "frames": 3}, "1, 2, 4"),
        ({"kind": "wht", "frames": "4"}, "whole number"),
        ({"kind": "scrambled", "measurements": 257}, "1 to 256"),
        ({"kind": "scrambled", "seed": -1}, "0 to 2"),
        ({"kind": "cacti", "frames": 0}, "1 to 256"),
        ({"kind": "learned_ternary", "frames": 3}, "1, 2, 4"),
        ({"kind": "learned_ternary", "model": "ab" * 16}, "that ships is"),
    ],
)
def test_what_is_no_operator(spec: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        operator(spec)


@pytest.mark.parametrize("one", OPERATORS, ids=name)
def test_shapes_that_do_not_fit(one: Operator) -> None:
    with pytest.raises(UsageError, match=r"\[\.\.\., "):
        one.forward(np.zeros((one.frames, 32, 41), np.int64))
    with pytest.raises(UsageError, match=r"\[\.\.\., "):
        one.adjoint(np.zeros((one.bands + 1, 4, 6), np.int64))


def test_masks_of_zeros_and_ones() -> None:
    one = Cacti(MASKS)
    frames = np.random.default_rng(3).integers(0, 256, MASKS.shape)
    np.testing.assert_array_equal(one.forward(frames)[0], (frames * MASKS).sum(0))
    np.testing.assert_array_equal(one.energy, MASKS.sum(0))
    with pytest.raises(UsageError, match="masks are"):
        Cacti(MASKS[0])


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_learned_rows_are_orthogonal(frames: int) -> None:
    one = LearnedTernary(frames)
    x = np.random.default_rng(frames).integers(0, 1024, (3, frames, 16, 24))
    np.testing.assert_allclose(one.inverse(one.forward(x)), x, rtol=0, atol=1e-9)
    y = np.random.default_rng(0).integers(-(2**17), 2**17, (one.bands, 2, 3))
    np.testing.assert_array_equal(one.forward(one.adjoint(y)), one.norms[:, None, None] * y)
    assert one.norms[0] == one.gain
    np.testing.assert_array_equal(one.forward(x)[:, 0], WalshHadamard(frames).forward(x)[:, 0])


def test_the_learned_matrix_never_changes() -> None:
    """Streams name it by this hash."""
    assert LearnedTernary(4).model == MODEL
    entries = parsed(MATRIX)
    assert LearnedTernary(1, entries).model == MODEL
    assert set(np.unique(entries)) == {-1, 0, 1}


def _orthogonal(seed: int) -> NDArray[np.int64]:
    """A matrix that is no transform of pictures: halves of rows permuted and turned, the first row left."""
    rng = np.random.default_rng(seed)
    rows = parsed(MATRIX) if seed % 2 else hadamard(8)
    return np.concatenate([rows[:1], rng.permutation(rows[1:]) * rng.choice([-1, 1], (7, 1))])


@given(st.integers(0, 2**31))
def test_additions_make_the_matrix(seed: int) -> None:
    """The chain of additions computes just what the matrix does, and in no more of them than entry by entry."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(-1, 2, (8, 8))
    matrix[:, 0] += (matrix == 0).all(1)
    chain = Additions(matrix)
    x = rng.integers(-1000, 1000, (3, 8, 2))
    np.testing.assert_array_equal(chain(x, 1), np.einsum("ij,njk->nik", matrix, x))
    assert chain.count <= np.abs(matrix).sum()


@given(st.integers(0, 2**31))
def test_any_orthogonal_matrix_will_do(seed: int) -> None:
    matrix = _orthogonal(seed)
    one = LearnedTernary(2, matrix)
    x = np.random.default_rng(seed).integers(0, 256, (2, 8, 16))
    y = one.forward(x)
    blocks = x.reshape(2, 8, 2, 8).transpose(2, 0, 1, 3)
    both = np.stack([blocks[:, 0] + blocks[:, 1], blocks[:, 0] - blocks[:, 1]], 1)
    np.testing.assert_array_equal(y[:, 0].T, (matrix @ both @ matrix.T).reshape(2, 128))
    np.testing.assert_allclose(one.inverse(y), x, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        (2 * np.ones((8, 8)), "of -1, 0 and 1"),
        (np.ones((4, 4)), "8 by 8"),
        (np.eye(8), "first row of 1"),
        (np.ones((8, 8)), "orthogonal"),
    ],
    ids=["two", "small", "identity", "ones"],
)
def test_what_is_no_matrix(matrix: NDArray[np.int64], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        LearnedTernary(1, matrix)
