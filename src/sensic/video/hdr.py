"""HDR metadata of a decoded frame as plain values, exact.

::

    {"mastering_display": {"primaries": [[x, y], [x, y], [x, y]],   # red, green, blue; CIE 1931
                           "white_point": [x, y],
                           "luminance": [minimum, maximum]},        # candela per square metre
     "content_light": {"maximum": 1000, "average": 400},            # candela per square metre
     "ambient_viewing": {"illuminance": lux, "white_point": [x, y]}}

where every x, y and luminance is a fraction, [numerator, denominator].
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import av
    from av.sidedata.sidedata import SideData, SideDataContainer

Metadata = dict[str, Any]

_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "mastering_display": {"primaries": (3, 2, 2), "white_point": (2, 2), "luminance": (2, 2)},
    "content_light": {"maximum": (), "average": ()},
    "ambient_viewing": {"illuminance": (2,), "white_point": (2, 2)},
}


def check_hdr(metadata: Mapping[str, Any]) -> None:
    """Raise ValueError or TypeError unless ``metadata`` has the form above; keys not listed there are refused."""
    for name, value in metadata.items():
        for key, shape in _SHAPES[name].items():
            if key in value:
                _check_shape(value[key], shape)
        if not value.keys() <= _SHAPES[name].keys():
            raise ValueError(f"{name} has unknown entries")
    display = metadata.get("mastering_display", {})
    if ("primaries" in display) != ("white_point" in display):
        raise ValueError("primaries and white point go together")
    if not all({"maximum", "average"} <= light.keys() for light in [metadata.get("content_light")] if light):
        raise ValueError("content light has a maximum and an average")


def _check_shape(value: Any, shape: tuple[int, ...]) -> None:
    """``value`` is lists nested as ``shape`` says, of integers below 2**32; a last dimension of 2 is a fraction."""
    if not shape:
        if not isinstance(value, int) or isinstance(value, bool) or not -(1 << 31) <= value < 1 << 32:
            raise ValueError("not a number of HDR metadata")
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        raise ValueError("HDR metadata is not in its form")
    for item in value:
        _check_shape(item, shape[1:])
    if shape == (2,) and value[1] <= 0:
        raise ValueError("a fraction's denominator is positive")


def hdr_of(frame: av.VideoFrame) -> Metadata:
    """What the frame's side data says; {} if nothing. The layouts are FFmpeg's libavutil structures."""
    found: Metadata = {}
    for data in side_data_of(frame):
        reader = _READERS.get(data.type.name)
        if reader is not None:
            name, read = reader
            value = read(bytes(data))
            if value:
                found[name] = value
    return found


def side_data_of(frame: av.VideoFrame) -> list[SideData]:
    """What a frame carries beside its samples."""
    data = cast("SideDataContainer", frame.side_data)
    return [data[index] for index in range(len(data))]


def _fractions(raw: bytes, count: int) -> list[list[int]]:
    numbers = struct.unpack_from(f"={2 * count}i", raw)
    return [[numbers[2 * i], max(numbers[2 * i + 1], 1)] for i in range(count)]


def _mastering_display(raw: bytes) -> Metadata:
    """AVMasteringDisplayMetadata: ten AVRational, then whether primaries and luminance are set."""
    f = _fractions(raw, 10)
    has_primaries, has_luminance = struct.unpack_from("=2i", raw, 80)
    value: Metadata = {}
    if has_primaries:
        value |= {"primaries": [f[0:2], f[2:4], f[4:6]], "white_point": f[6:8]}
    if has_luminance:
        value |= {"luminance": f[8:10]}
    return value


def _content_light(raw: bytes) -> Metadata:
    maximum, average = struct.unpack_from("=2I", raw)
    return {"maximum": maximum, "average": average}


def _ambient_viewing(raw: bytes) -> Metadata:
    illuminance, x, y = _fractions(raw, 3)
    return {"illuminance": illuminance, "white_point": [x, y]}


_READERS = {
    "MASTERING_DISPLAY_METADATA": ("mastering_display", _mastering_display),
    "CONTENT_LIGHT_LEVEL": ("content_light", _content_light),
    "AMBIENT_VIEWING_ENVIRONMENT": ("ambient_viewing", _ambient_viewing),
}
