from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensic.codec.frames import read_quality, write_quality, write_repeat
from sensic.entropy import SymbolDecoder, SymbolEncoder

qualities = st.integers(0, 63)


@given(st.lists(st.tuples(qualities, st.none() | qualities), max_size=20))
def test_qualities_and_repeats(frames: list[tuple[int, int | None]]) -> None:
    coder, repeated = SymbolEncoder(), False
    for expected, quality in frames:
        if quality is None:
            write_repeat(coder, expected, repeated=repeated)
        else:
            write_quality(coder, quality, expected, repeated=repeated)
        repeated = quality is None
    reader, repeated = SymbolDecoder(coder.finish()), False
    for expected, quality in frames:
        assert read_quality(reader, expected, repeats=True, repeated=repeated) == quality
        repeated = quality is None
    reader.finish()


@given(st.lists(st.tuples(qualities, st.none() | qualities), max_size=20))
def test_without_repeats_it_is_the_expected_quality(frames: list[tuple[int, int | None]]) -> None:
    """In a block of version 1, or a first frame."""
    coder = SymbolEncoder()
    for expected, quality in frames:
        if quality is None:
            write_repeat(coder, expected, repeated=False)
        else:
            write_quality(coder, quality, expected)
    reader = SymbolDecoder(coder.finish())
    for expected, quality in frames:
        wanted = expected if quality is None else quality
        assert read_quality(reader, expected, repeats=False, repeated=False) == wanted


def test_one_repeat_is_eighteen_bits_and_others_nearly_nothing() -> None:
    coder = SymbolEncoder()
    write_repeat(coder, 32, repeated=False)
    assert 17.9 < coder.bits < 18.1
    for _ in range(30):
        write_repeat(coder, 32, repeated=True)
    assert coder.bits < 21
