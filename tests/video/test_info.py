from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.errors import DamagedError, UsageError
from sensic.video import Chapter, Colour, VideoInfo

POSITIVE = st.builds(Fraction, st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
TAGS = st.dictionaries(TEXT, TEXT, max_size=3)
CODE = st.integers(0, 255)
HDR = {
    "mastering_display": {
        "primaries": [[[17, 25], [73, 250]], [[53, 200], [69, 100]], [[3, 20], [3, 50]]],
        "white_point": [[3127, 10_000], [329, 1000]],
        "luminance": [[1, 10_000], [1000, 1]],
    },
    "content_light": {"maximum": 1000, "average": 400},
    "ambient_viewing": {"illuminance": [314, 1], "white_point": [[1, 3], [1, 3]]},
}
INFOS = st.builds(
    VideoInfo,
    width=st.integers(1, 65_535),
    height=st.integers(1, 65_535),
    depth=st.sampled_from([8, 10]),
    time_base=POSITIVE,
    rate=st.none() | POSITIVE,
    sample_aspect_ratio=st.none() | POSITIVE,
    rotation=st.sampled_from([-180, -90, 0, 90, 180, 270]),
    display_matrix=st.none() | st.tuples(*[st.integers(-(2**31), 2**31 - 1)] * 9),
    colour=st.builds(Colour, CODE, CODE, CODE, st.sampled_from([None, False, True])),
    chroma_location=st.integers(0, 6),
    field_order=st.sampled_from(["progressive", "tff", "bff"]),
    hdr=st.sampled_from([{}, HDR, {"content_light": HDR["content_light"]}]),
    tags=TAGS,
    stream_tags=TAGS,
    chapters=st.lists(
        st.builds(Chapter, st.integers(0, 2**60), st.integers(0, 2**60), POSITIVE, st.integers(0, 2**60), TAGS),
        max_size=3,
    ).map(tuple),
    frame_count=st.none() | st.integers(0, 2**40),
    duration=st.none() | POSITIVE,
    source_format=TEXT,
    notes=st.lists(TEXT, max_size=3).map(tuple),
)


@given(INFOS)
def test_json_and_back_is_exact(info: VideoInfo) -> None:
    assert VideoInfo.from_json(info.to_json()) == info
    assert VideoInfo.from_json(info.to_json().encode()) == info


def test_defaults_cost_nothing() -> None:
    assert json.loads(VideoInfo(64, 48).to_json()) == {"width": 64, "height": 48}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*VideoInfo.__dataclass_fields__, "unknown"])


@given(st.dictionaries(FIELDS, VALUES, max_size=4))
def test_other_json_is_damage_or_valid(values: dict[str, object]) -> None:
    try:
        info = VideoInfo.from_json(json.dumps({"width": 64, "height": 48, **values}))
    except DamagedError:
        return
    assert VideoInfo.from_json(info.to_json()) == info


@given(st.binary(max_size=30))
def test_other_bytes_are_damage(data: bytes) -> None:
    with pytest.raises(DamagedError):
        VideoInfo.from_json(data)


@pytest.mark.parametrize(
    "values",
    [
        {"width": 0},
        {"height": 65_536},
        {"width": True},
        {"depth": 12},
        {"time_base": [0, 1]},
        {"time_base": [1, 0]},
        {"rate": [-25, 1]},
        {"rate": [1 << 31, 1]},
        {"rate": "25"},
        {"rotation": 45},
        {"display_matrix": [1, 2, 3]},
        {"display_matrix": [1 << 31] * 9},
        {"field_order": "mixed"},
        {"colour": {"matrix": 300}},
        {"tags": {"title": 5}},
        {"stream_tags": [["language", "eng"]]},
        {"chapters": [{"start": 0, "end": 1}]},
        {"chapters": [{"start": 1 << 63, "end": 1, "time_base": [1, 1]}]},
        {"hdr": {"content_light": {"maximum": 1000}}},
        {"hdr": {"content_light": {"maximum": "much", "average": 1}}},
        {"hdr": {"mastering_display": {"luminance": [[1, 0], [1, 1]]}}},
        {"hdr": {"mastering_display": {"white_point": [[1, 1], [1, 1]]}}},
        {"hdr": {"something": {}}},
        {"notes": [1]},
    ],
)
def test_values_that_make_no_sense_are_damage(values: dict[str, object]) -> None:
    with pytest.raises(DamagedError):
        VideoInfo.from_json(json.dumps({"width": 64, "height": 48, **values}))


def test_deep_nesting_is_damage() -> None:
    with pytest.raises(DamagedError):
        VideoInfo.from_json('{"hdr":' + "[" * 100_000 + "]" * 100_000 + "}")


def test_constructing_nonsense_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="progressive, tff, bff"):
        VideoInfo(64, 48, field_order="top")
