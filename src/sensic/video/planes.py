"""Between PyAV's frames and our planes: views of the decoder's buffers, and conversion to 4:2:0."""

from __future__ import annotations

import av

from sensic.errors import UnsupportedError
from sensic.video.frame import Colour, Frame, Plane, chroma_shape

PIXEL_FORMATS = {8: "yuv420p", 10: "yuv420p10le"}

_NATIVE = {"yuv420p": 8, "yuvj420p": 8, "yuv420p10le": 10}
_GREY = {"gray": 8, "gray10le": 10}
_REPACKED = {"nv12": 8, "nv21": 8, "p010le": 10, "p010be": 10, "yuv420p10be": 10, "gray10be": 10}  # same samples, moved
_BT709 = 1
_LIMITED, _FULL = 1, 2  # AVColorRange


def depth_of(pixels: av.VideoFormat) -> int:
    """8 or 10: the depth in which pictures of this format are handed on."""
    known = {**_NATIVE, **_GREY, **_REPACKED}.get(pixels.name)
    if known is None:
        known = 8 if max(component.bits for component in pixels.components) <= 8 else 10
    return known


def conversion_note(pixels: av.VideoFormat) -> str | None:
    """What the user must be told about pictures of this format, if anything is lost."""
    name = pixels.name
    if name in _NATIVE or name in _REPACKED:
        return None
    if name in _GREY:
        return f"{name} is stored as 4:2:0 with empty chroma"
    matrix = " with the BT.709 matrix" if pixels.is_rgb or _has_palette(pixels) else ""
    alpha = "; transparency is not kept" if any(component.is_alpha for component in pixels.components) else ""
    return f"{name} is converted to 4:2:0, {depth_of(pixels)} bits per sample{matrix}{alpha}"


def colour_of(frame: av.VideoFrame) -> Colour:
    """The colour of the planes that ``planes_of`` returns for this frame."""
    full_range = {_LIMITED: False, _FULL: True}.get(int(frame.color_range))
    if frame.format.name.startswith("yuvj"):
        full_range = True
    matrix = int(frame.colorspace)
    if frame.format.is_rgb or _has_palette(frame.format):
        matrix, full_range = _BT709, False
    return Colour(int(frame.color_primaries) or 2, int(frame.color_trc) or 2, matrix, full_range)


def planes_of(frame: av.VideoFrame) -> tuple[Plane, Plane, Plane]:
    """Luma and chroma, read-only; views of the frame's own memory where it is 4:2:0 already."""
    depth = depth_of(frame.format)
    if frame.format.name in _GREY:
        import numpy as np

        luma = _view(frame, 0, depth)
        rows, columns = chroma_shape(luma.shape[0], luma.shape[1])
        chroma: Plane = np.full((rows, columns), 1 << (depth - 1), luma.dtype)
        return luma, chroma, chroma
    if frame.format.name not in _NATIVE:
        frame = _to_420(frame, depth)
    return _view(frame, 0, depth), _view(frame, 1, depth), _view(frame, 2, depth)


def samples_of(data: bytes | memoryview, bits: int) -> Plane:
    """All samples in a buffer, in one row: bytes up to 8 bits, else little-endian 16-bit words."""
    import numpy as np

    return np.frombuffer(data, np.uint8) if bits <= 8 else np.frombuffer(data, np.dtype("<u2"))


def frame_of(planes: tuple[Plane, Plane, Plane], depth: int) -> av.VideoFrame:
    """A new PyAV frame holding a copy of the planes."""
    height, width = planes[0].shape
    frame = av.VideoFrame(width, height, PIXEL_FORMATS[depth])
    for index, plane in enumerate(planes):
        _writable_view(frame, index, depth)[:] = plane
    return frame


def picture_of(frame: Frame) -> av.VideoFrame:
    """A frame as PyAV's, samples copied, with its time and colour."""
    picture = frame_of(frame.planes, frame.depth)
    picture.pts, picture.time_base, picture.duration = frame.pts, frame.time_base, frame.duration or 0
    colour = frame.colour
    picture.color_primaries, picture.color_trc, picture.colorspace = colour.primaries, colour.transfer, colour.matrix
    picture.color_range = {None: 0, False: _LIMITED, True: _FULL}[colour.full_range]
    return picture


def _to_420(frame: av.VideoFrame, depth: int) -> av.VideoFrame:
    rgb = frame.format.is_rgb or _has_palette(frame.format)
    # swscale maps ranges on its own account unless told that source and target agree
    values_stay = (_FULL, _FULL) if colour_of(frame).full_range or len(frame.planes) == 1 else (_LIMITED, _LIMITED)
    ranges = (_FULL, _LIMITED) if rgb else values_stay
    try:
        return frame.reformat(
            format=PIXEL_FORMATS[depth],
            threads=1,  # several overwrite the first samples of one another's rows in pictures of odd width
            interpolation="BICUBIC",
            src_color_range=ranges[0],
            dst_color_range=ranges[1],
            dst_colorspace=_BT709 if rgb else None,
        )
    except (av.FFmpegError, ValueError) as error:
        raise UnsupportedError(f"pictures of format {frame.format.name} can't be converted to 4:2:0") from error


def _view(frame: av.VideoFrame, index: int, depth: int) -> Plane:
    view = _writable_view(frame, index, depth)
    view.flags.writeable = False  # the decoder still predicts from this memory
    return view


def _writable_view(frame: av.VideoFrame, index: int, depth: int) -> Plane:
    plane = frame.planes[index]
    rows = samples_of(memoryview(plane), depth).reshape(plane.height, -1)[:, : plane.width]
    return rows[::-1] if plane.line_size < 0 else rows


def _has_palette(pixels: av.VideoFormat) -> bool:
    return bool(pixels.has_palette)


def frame_of_bytes(data: bytes, pixels: av.VideoFormat) -> av.VideoFrame:
    """A PyAV frame from planar samples without padding, in the order of the components."""
    frame = av.VideoFrame(pixels.width, pixels.height, pixels.name)
    offset = 0
    for plane, component in zip(frame.planes, pixels.components, strict=True):
        rows = samples_of(memoryview(plane), component.bits).reshape(plane.height, -1)[:, : plane.width]
        end = offset + rows.size * rows.itemsize
        rows[:] = samples_of(data[offset:end], component.bits).reshape(rows.shape)
        offset = end
    return frame
