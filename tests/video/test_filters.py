"""The texts of filters: what they mean, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sensic import Filters
from sensic.errors import UsageError
from sensic.video.filters import Crop, Mark, Scale, Span


def seconds(value: str) -> Mark:
    return Mark(None, Fraction(value))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("5:10", Span(seconds("5"), seconds("10"))),
        ("0.5:", Span(seconds("0.5"), None)),
        (":2.25", Span(None, seconds("2.25"))),
        ("120f:240f", Span(Mark(120, None), Mark(240, None))),
        ("120f:10", Span(Mark(120, None), seconds("10"))),
        ("0:01:05.250:0:02:00", Span(seconds("65.25"), seconds("120"))),
        ("0:01:05:90", Span(seconds("65"), seconds("90"))),
        ("1:02:03-4:00:00", Span(seconds("3723"), seconds("14400"))),
        (":0:00:05", Span(None, seconds("5"))),
    ],
)
def test_trim(text: str, span: Span) -> None:
    assert Filters(trim=text).trimmed == span


@given(st.integers(0, 10**7), st.integers(1, 10**7), st.sampled_from(":-"))
def test_every_clock_is_read(start: int, length: int, sign: str) -> None:
    """Milliseconds as h:mm:ss.mmm."""

    def clock(milliseconds: int) -> str:
        minutes, rest = divmod(milliseconds, 60_000)
        return f"{minutes // 60}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"

    span = Filters(trim=clock(start) + sign + clock(start + length)).trimmed
    assert span == Span(Mark(None, Fraction(start, 1000)), Mark(None, Fraction(start + length, 1000)))


def test_crop_and_scale_and_rate() -> None:
    filters = Filters(crop="1280:720:0:10", scale="-2:360:area", fps="30000/1001")
    assert filters.cropped == Crop(1280, 720, 0, 10)
    assert filters.scaled == Scale(-2, 360, "area")
    assert filters.rate == Fraction(30000, 1001)
    assert Filters(crop="20:10").cropped == Crop(20, 10, None, None)
    assert Filters(scale="20:10").scaled == Scale(20, 10, "lanczos")


@pytest.mark.parametrize(
    ("wrong", "allowed"),
    [
        ({"trim": ""}, "START:END"),
        ({"trim": ":"}, "START:END"),
        ({"trim": "5"}, "START:END"),
        ({"trim": "0:00:05"}, "START:END"),
        ({"trim": "a:b"}, "START:END"),
        ({"trim": "0:01:75:90"}, "START:END"),
        ({"trim": "1:02:03:04"}, "2 ways; write START-END"),
        ({"trim": "10:5"}, "end comes after"),
        ({"trim": "5f:5f"}, "end comes after"),
        ({"trim": ":0"}, "end comes after"),
        ({"deinterlace": "yes"}, "auto, always, fields"),
        ({"crop": "20"}, "W:H:X:Y"),
        ({"crop": "20:0"}, "W:H:X:Y"),
        ({"crop": "20:10:5"}, "W:H:X:Y"),
        ({"crop": "-2:10"}, "W:H:X:Y"),
        ({"scale": "-2:-2"}, "-2 or -1"),
        ({"scale": "0:-2"}, "-2 or -1"),
        ({"scale": "640"}, "-2 or -1"),
        ({"scale": "70000:2"}, "65535"),
        ({"scale": "64:48:magic"}, "lanczos, bicubic"),
        ({"fps": "fast"}, "30000/1001"),
        ({"fps": "0"}, "30000/1001"),
        ({"fps": "25/0"}, "30000/1001"),
        ({"fps": "1e9"}, "1000"),
        ({"fps_mode": "interpolate"}, "give fps too"),
        ({"fps": "25", "fps_mode": "blend"}, "drop-duplicate, interpolate"),
        ({"depth": 12}, "8 or 10"),
    ],
)
def test_what_is_wrong_is_refused_and_what_is_allowed_named(wrong: dict[str, str], allowed: str) -> None:
    with pytest.raises(UsageError) as caught:
        Filters(**wrong)  # type: ignore[arg-type]
    assert allowed in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet="0123456789:-.f", max_size=16))
def test_no_text_does_anything_but_be_refused_or_read(text: str) -> None:
    try:
        start, end = Filters(trim=text).trimmed
    except UsageError:
        return
    assume(start is not None and end is not None)
    assert start is not None
    assert end is not None
    if start.seconds is not None and end.seconds is not None:
        assert start.seconds < end.seconds
