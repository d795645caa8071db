from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sensic.codec.frames import read_quality, write_quality, write_repeat
from sensic.entropy import SymbolDecoder, SymbolEncoder

qualities = st.integers(0, 63)


@given(st.lists(st.tuples(qualities, st.none() | qualities), max_size=20), st.booleans())
def test_qualities_and_repeats(frames: list[tuple[int, int | None]], new: bool) -> None:
    """What repeats in a block of version 2 is the expected quality in one of version 1, or in a first frame."""
    coder = SymbolEncoder()
    for expected, quality in frames:
        if quality is None:
            write_repeat(coder, expected)
        else:
            write_quality(coder, quality, expected)
    reader = SymbolDecoder(coder.finish())
    for expected, quality in frames:
        wanted = expected if quality is None and not new else quality
        assert read_quality(reader, expected, new) == wanted
    reader.finish()


def test_a_repeat_is_eighteen_bits() -> None:
    coder = SymbolEncoder()
    write_repeat(coder, 32)
    assert 17.9 < coder.bits < 18.1
