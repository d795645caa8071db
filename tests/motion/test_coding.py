from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensic.entropy.coder import SymbolDecoder, SymbolEncoder
from sensic.errors import DamagedError
from sensic.motion import LIMIT, Field, MotionCoder
from sensic.motion.coding import passes

KINDS = ("still", "pan", "jitter", "noise", "corners", "zoom", "objects")


def field_of(kind: str, height: int, width: int, generator: np.random.Generator) -> Field:
    shape = (2, height, width)
    field = np.zeros(shape, np.int64)
    if kind == "pan":
        field += generator.integers(-LIMIT, LIMIT + 1, (2, 1, 1))
    elif kind == "jitter":
        field += generator.integers(-2, 3, shape)
    elif kind == "noise":
        field += generator.integers(-LIMIT, LIMIT + 1, shape)
    elif kind == "corners":
        field += generator.choice([-LIMIT, LIMIT], shape)
    elif kind == "zoom":
        field += np.stack(np.meshgrid(np.arange(width), np.arange(height))) * 2 - 20
    elif kind == "objects":
        field[:, height // 3 : height // 2, width // 4 :] = generator.integers(-60, 61, (2, 1, 1))
    return np.clip(field, -LIMIT, LIMIT).astype(np.int16)


def coded(fields: Sequence[Field]) -> tuple[bytes, float]:
    motion, coder = MotionCoder(*fields[0].shape[1:]), SymbolEncoder()
    for field in fields:
        motion.encode(field, coder)
        assert np.array_equal(motion.previous, field)
    return coder.finish(), coder.bits


def decoded(data: bytes, shape: tuple[int, int], count: int) -> list[Field]:
    motion, coder = MotionCoder(*shape), SymbolDecoder(data)
    fields = [motion.decode(coder) for _ in range(count)]
    coder.finish()
    return fields


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=5),
    st.integers(0, 2**32 - 1),
)
@example(1, 1, ["noise", "corners", "still"], 0)
@example(1, 40, ["noise", "corners", "still"], 0)
@example(40, 1, ["corners", "noise"], 0)
def test_what_is_written_is_read(height: int, width: int, kinds: list[str], seed: int) -> None:
    generator = np.random.default_rng(seed)
    fields = [field_of(kind, height, width, generator) for kind in kinds]
    data, _ = coded(fields)
    for wanted, got in zip(fields, decoded(data, (height, width), len(fields)), strict=True):
        assert got.dtype == np.int16
        assert np.array_equal(wanted, got)


@given(st.integers(1, 70), st.integers(1, 70))
def test_every_block_is_visited_once_after_its_neighbours(height: int, width: int) -> None:
    known = np.zeros(height * width, np.bool_)
    for part in passes(height, width):
        own = part.neighbours == part.blocks
        assert (known[part.neighbours] | own).all()
        assert not known[part.blocks].any()
        known[part.blocks] = True
    assert known.all()


def test_reset_makes_a_group_independent() -> None:
    generator = np.random.default_rng(3)
    fields = [field_of(kind, 18, 22, generator) for kind in ("jitter", "objects", "zoom")]
    motion, coder = MotionCoder(18, 22), SymbolEncoder()
    for field in fields:
        motion.encode(field, coder)
    motion.reset()
    again = SymbolEncoder()
    for field in fields:
        motion.encode(field, again)
    assert again.finish() == coder.finish() == coded(fields)[0]


def test_a_still_scene_costs_next_to_nothing() -> None:
    still = [np.zeros((2, 18, 22), np.int16)] * 31
    _, bits = coded(still)
    assert bits / (31 * 352 * 288) < 1e-5  # the goal is 5e-4


def test_a_few_moving_blocks_in_a_still_scene_are_cheap() -> None:
    """Akiyo: nothing moves but a head, now and then."""
    generator = np.random.default_rng(0)
    fields = []
    for _ in range(31):
        field = np.zeros((2, 18, 22), np.int16)
        field[:, 6:9, 10:12] = generator.integers(-3, 4, (2, 1, 1))
        fields.append(field)
    _, bits = coded(fields)
    assert bits / (31 * 352 * 288) < 5e-4


def test_a_steady_pan_is_paid_once() -> None:
    pan = np.full((2, 45, 80), 23, np.int16)
    _, first = coded([pan])
    _, whole = coded([pan] * 31)
    assert first < 500
    assert whole - first < 40


def test_statistics_learn() -> None:
    """The same kind of field gets cheaper from one to the next."""
    generator = np.random.default_rng(1)
    fields = [field_of("jitter", 30, 40, generator) for _ in range(10)]
    lengths = np.diff([0, *(coded(fields[: n + 1])[1] for n in range(10))])
    assert lengths[-1] < 0.9 * lengths[0]


def test_measure_foretells_and_changes_nothing() -> None:
    generator = np.random.default_rng(2)
    motion, coder = MotionCoder(12, 20), SymbolEncoder()
    for kind in ("zoom", "jitter", "jitter", "noise"):
        field, before = field_of(kind, 12, 20, generator), coder.bits
        foretold = motion.measure(field)
        assert motion.measure(field) == foretold
        motion.encode(field, coder)
        assert coder.bits - before == pytest.approx(foretold)


def test_what_was_measured_is_written_as_if_it_was_not() -> None:
    generator = np.random.default_rng(3)
    motion, coder = MotionCoder(12, 20), SymbolEncoder()
    plain, plain_coder = MotionCoder(12, 20), SymbolEncoder()
    for kind in ("zoom", "jitter", "jitter", "noise"):
        field, other = field_of(kind, 12, 20, generator), field_of("jitter", 12, 20, generator)
        motion.measure(field), motion.copy().encode(field, SymbolEncoder()), motion.measure(other)
        motion.encode(field, coder)
        plain.encode(field, plain_coder)
        assert np.array_equal(motion.previous, field)
    assert coder.finish() == plain_coder.finish()


def test_vectors_out_of_range_are_refused() -> None:
    field = np.zeros((2, 3, 4), np.int16)
    field[1, 2, 3] = LIMIT + 1
    with pytest.raises(ValueError, match=str(LIMIT)):
        MotionCoder(3, 4).encode(field, SymbolEncoder())
    with pytest.raises(ValueError, match="shape"):
        MotionCoder(3, 5).encode(field[:, :, :4] * 0, SymbolEncoder())


@given(st.binary(min_size=4, max_size=400), st.integers(1, 12), st.integers(1, 12))
def test_nonsense_is_read_as_some_field_or_refused(data: bytes, height: int, width: int) -> None:
    motion, coder = MotionCoder(height, width), SymbolDecoder(data[: len(data) // 4 * 4])
    with suppress(DamagedError):  # and nothing else
        for _ in range(3):
            assert np.abs(motion.decode(coder)).max() <= LIMIT
