"""Both coders of symbols: what is written is read, whatever it is, and what is damaged is noticed or harmless."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensic.errors import DamagedError
from sensic.sensing import contexts, golomb, range_coder
from sensic.sensing.layout import layers
from sensic.sensing.operators import LearnedTernary, Operator, Scrambled, WalshHadamard
from sensic.sensing.prediction import Geometry, Symbols

CODERS = pytest.mark.parametrize("coder", [contexts, golomb], ids=["range", "golomb"])
OPERATORS: list[Operator] = [
    WalshHadamard(1),
    WalshHadamard(2),
    WalshHadamard(4),
    LearnedTernary(4),
    Scrambled(1, 50, 2),
]
SHAPES = [((1, 1), (1, 1)), ((2, 3), (1, 2)), ((5, 4), (3, 2)), ((1, 9), (1, 5))]


def random_planes(operator: Operator, geometry: Geometry, seed: int, density: float, scale: int) -> list[Symbols]:
    generator = np.random.default_rng(seed)
    planes = []
    for shape in geometry.shapes:
        size = (operator.bands, *shape)
        values = np.rint(generator.laplace(0, scale, size)) * (generator.random(size) < density)
        planes.append(np.clip(values, -(2**18), 2**18).astype(np.int32))
    return planes


@CODERS
@settings(max_examples=40)
@given(
    st.sampled_from(OPERATORS),
    st.sampled_from(SHAPES),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    st.sampled_from([1, 3, 500, 100_000]),
)
def test_round_trip(
    coder: ModuleType, operator: Operator, shapes: tuple[tuple[int, int], ...], seed: int, density: float, scale: int
) -> None:
    geometry = Geometry((shapes[0], shapes[1], shapes[1]))
    planes = random_planes(operator, geometry, seed, density, scale)
    found = [np.zeros_like(plane) for plane in planes]
    for layer in layers(operator):
        body = coder.encode(layer, planes, geometry, 300)
        assert not body.endswith(b"\0")
        decoded = coder.decode(layer, body, operator.bands, geometry, 300)
        inside = [band for sub in layer for band in sub.bands]
        for sum_so_far, plane in zip(found, decoded, strict=True):
            assert not np.delete(plane, inside, 0).any()
            sum_so_far += plane
    for one, plane in zip(found, planes, strict=True):
        np.testing.assert_array_equal(one, plane)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda one: f"{one.kind}-{one.frames}")
def test_every_band_is_in_one_layer(operator: Operator) -> None:
    bands = [band for layer in layers(operator) for sub in layer for band in sub.bands]
    assert sorted(bands) == list(range(operator.bands))
    assert all(1 <= len(sub.bands) <= 16 for layer in layers(operator) for sub in layer)


def test_the_first_layers_are_the_coarse_picture() -> None:
    """Without the last layers of single frames, every 2 × 2 (4 × 4) pixels have their mean."""
    operator = WalshHadamard(1)
    x = np.random.default_rng(0).integers(0, 256, (1, 16, 16))
    y = operator.forward(x)
    for count, block in ((2, 2), (1, 4)):
        kept = np.zeros_like(y)
        bands = [band for layer in layers(operator)[:count] for sub in layer for band in sub.bands]
        kept[bands] = y[bands]
        coarse = operator.adjoint(kept.astype(np.float64)) / operator.gain
        means = x.reshape(1, 16 // block, block, 16 // block, block).mean((2, 4))
        np.testing.assert_allclose(coarse, means.repeat(block, 1).repeat(block, 2))


@CODERS
@given(st.binary(max_size=200), st.sampled_from(OPERATORS))
def test_anything_decodes_or_is_damaged(coder: ModuleType, body: bytes, operator: Operator) -> None:
    geometry = Geometry(((3, 2), (2, 1), (2, 1)))
    for layer in layers(operator):
        try:
            planes = coder.decode(layer, body, operator.bands, geometry, 0)
        except DamagedError:
            continue
        assert [plane.shape[1:] for plane in planes] == list(geometry.shapes)


@CODERS
def test_symbols_beyond_all_measure(coder: ModuleType) -> None:
    """All ones: the longest number there is, then a longer one."""
    geometry = Geometry(((8, 8), (4, 4), (4, 4)))
    body = bytes(40_000) if coder is contexts else b"\xff" * 40_000
    with pytest.raises(DamagedError):
        coder.decode(layers(WalshHadamard(4))[0], body, 256, geometry, 1 << 19)


@given(st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 1)), max_size=400))
def test_range_coder(decisions: list[tuple[int, int]]) -> None:
    start = [32768, 256, 65280, 31]
    body = range_coder.encode([c for c, _ in decisions], [b for _, b in decisions], list(start))
    bit, raw = range_coder.decoder(body, list(start))
    assert [raw(1) if context < 0 else bit(context) for context, _ in decisions] == [b for _, b in decisions]


def test_a_carry_runs_through_many_bytes() -> None:
    """Bits that are almost certain not to be 1 leave low just below a power of two, for long; then it passes it."""
    generator = np.random.default_rng(0)
    for _ in range(200):
        bits = (generator.random(300) < generator.choice([0.001, 0.01, 0.999])).astype(int).tolist()
        places = generator.choice([-1, 0], 300, p=[0.05, 0.95]).tolist()
        body = range_coder.encode(places, bits, [31])
        bit, raw = range_coder.decoder(body, [31])
        assert [raw(1) if place < 0 else bit(0) for place in places] == bits


def test_likely_bits_are_cheap() -> None:
    bits = (np.random.default_rng(1).random(20_000) < 0.02).astype(int).tolist()
    size = 8 * len(range_coder.encode([0] * len(bits), bits, [32768]))
    entropy = -20_000 * (0.02 * np.log2(0.02) + 0.98 * np.log2(0.98))
    assert entropy < size < 1.1 * entropy
