from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.errors import UsageError
from sensic.video import Colour, Frame
from tests.video.media import planes

SIDES = st.integers(1, 40)


@given(SIDES, SIDES, st.sampled_from([8, 10]), st.integers(-(2**40), 2**40))
def test_planes_of_the_right_sizes_make_a_frame(height: int, width: int, depth: int, pts: int) -> None:
    frame = Frame(*planes(height, width, depth), depth, pts, Fraction(1001, 30_000))
    assert (frame.width, frame.height) == (width, height)
    assert frame.time == pts * Fraction(1001, 30_000)
    assert f"y=[{height}, {width}]" in repr(frame)


@given(SIDES, SIDES, st.sampled_from([0, 1, 2]), st.sampled_from([(1, 0), (0, 1), (-1, 0), (0, -1)]))
def test_a_plane_of_another_size_is_refused(height: int, width: int, index: int, change: tuple[int, int]) -> None:
    y, u, v = planes(2 * height, 2 * width, 8)
    wrong = [y, u, v]
    shape = wrong[index].shape
    wrong[index] = np.zeros((shape[0] + change[0], shape[1] + change[1]), np.uint8)
    if index == 0 and -1 in change and 0 not in wrong[0].shape:
        # one row or column less of luma asks for the same chroma
        Frame(*wrong, 8, 0, Fraction(1))
    else:
        with pytest.raises(UsageError):
            Frame(*wrong, 8, 0, Fraction(1))


@pytest.mark.parametrize(
    ("depth", "dtype"), [(8, np.uint16), (10, np.uint8), (8, np.int8), (10, np.int16), (8, np.float32)]
)
def test_samples_have_the_type_of_the_depth(depth: int, dtype: type) -> None:
    y, u, v = (np.zeros((2, 2), dtype), np.zeros((1, 1), dtype), np.zeros((1, 1), dtype))
    with pytest.raises(UsageError, match="depth"):
        Frame(y, u, v, depth, 0, Fraction(1))


@pytest.mark.parametrize("index", [0, 1, 2])
def test_ten_bits_end_at_1023(index: int) -> None:
    values = planes(4, 4, 10)
    values[index][0, 0] = 1024
    with pytest.raises(UsageError, match="1023"):
        Frame(*values, 10, 0, Fraction(1))


@pytest.mark.parametrize(("depth", "base", "duration"), [(9, 1, 1), (8, 0, 1), (8, -1, 1), (8, 1, -1)])
def test_depth_time_base_and_duration_are_checked(depth: int, base: int, duration: int) -> None:
    with pytest.raises(UsageError):
        Frame(*planes(2, 2, 8), depth, 0, Fraction(base), duration)


@pytest.mark.parametrize("values", [{"primaries": -1}, {"transfer": 256}, {"matrix": 2.0}, {"full_range": "yes"}])
def test_colour_takes_code_points(values: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Colour(**values)
