from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensic.training.data.crops import cover, crop, offsets

sides = st.integers(2, 5000)
blocks = st.integers(2, 60).map(lambda n: 16 * n)


@given(width=sides, height=sides, size=st.tuples(blocks, blocks))
def test_what_covers_is_never_larger_than_the_footage_nor_smaller_than_the_crop(
    width: int, height: int, size: tuple[int, int]
) -> None:
    covering = cover(width, height, size)
    if width < size[0] or height < size[1]:
        assert covering is None
        return
    assert covering is not None
    assert covering[0] % 2 == covering[1] % 2 == 0
    assert size[0] <= covering[0] <= width + 1  # an odd side becomes even
    assert size[1] <= covering[1] <= height + 1
    assert covering[0] == size[0] or covering[1] == size[1]
    places = offsets(covering, size)
    assert len(set(places)) == len(places)
    for x, y in places:
        assert x % 2 == y % 2 == 0
        assert 0 <= x <= covering[0] - size[0]
        assert 0 <= y <= covering[1] - size[1]


def test_a_vertical_video_gives_several_crops_the_middle_one_first() -> None:
    assert offsets((448, 796), (448, 256)) == [(0, 270), (0, 0), (0, 540)]
    assert offsets((456, 256), (448, 256)) == [(4, 0)]
    assert offsets((448, 256), (448, 256)) == [(0, 0)]


def test_chroma_is_cut_out_where_luma_is() -> None:
    y, u = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64), np.arange(24 * 32, dtype=np.uint16).reshape(24, 32)
    luma, blue, red = crop((y, u, u + 1), (6, 10), (32, 16))
    assert luma[0, 0] == y[10, 6]
    assert luma.shape == (16, 32)
    assert blue[0, 0] == u[5, 3]
    assert np.array_equal(red, blue + 1)
    assert blue.shape == (8, 16)
