"""Arrays of numbers out of MATLAB files, version 5 and 7.3, from people one doesn't know.

Version 5 is read here: SciPy makes 1.7 GB of a file of 1.5 MB that says it holds four numbers, and damage crashes it.
Version 7.3 is HDF5, and read by h5py. Sizes are checked before anything is allocated or unpacked.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from sensic.errors import InputError, SensicError, UsageError

MAX_ELEMENTS = 1 << 27
"""Of one array; 1 GiB as MATLAB's doubles."""

_HEADER = 128
_PIECE = 1 << 20
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMERIC_CLASSES = range(6, 16)  # double, single and the integers; cells, structures, text and sparse arrays are others
_COMPLEX = 0x08
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_GZIP, _FILTERS = 1, {1, 2, 3}  # gzip, shuffle, Fletcher's checksum: those that MATLAB writes
_SLACK = 64  # bytes of a checksum behind a chunk


def read_arrays(path: str | Path, wanted: Collection[str]) -> dict[str, NDArray[Any]]:
    """Those of the arrays ``wanted`` that a file has, by name, axes in MATLAB's order.

    Raises InputError for a file that can't be read, has none of them (says what it has), or has one that isn't of
    finite real numbers, ``MAX_ELEMENTS`` of them at most; UsageError where h5py is missing.
    """
    try:
        with open(path, "rb") as file:
            beginning = file.read(_HEADER)
            file.seek(0)
            if beginning.startswith(b"MATLAB 7.3") or beginning.startswith(_HDF5_MAGIC):
                arrays, names = _read_hdf5(file, wanted)
            elif beginning.startswith(b"MATLAB 5"):
                arrays, names = _read_version_5(file, wanted)
            else:
                raise InputError("it is not a MATLAB file of version 5 or 7.3")
        if not arrays:
            raise InputError(f"it has no array named {' or '.join(wanted)}; it has {', '.join(names) or 'none at all'}")
    except (InputError, OSError) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise InputError(f"can't read {path}: {reason}") from error
    except (struct.error, zlib.error) as error:
        raise InputError(f"can't read {path}: it is damaged") from error
    return arrays


class _Bytes(Protocol):
    def read(self, count: int, /) -> bytes: ...


class _Unpacked:
    """The next ``length`` bytes of a file, a zlib stream, unpacked only as far as it is read."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._length, self._stream = file, length, zlib.decompressobj()

    def read(self, count: int, /) -> bytes:
        parts: list[bytes] = []
        while count and not self._stream.eof:
            packed = self._stream.unconsumed_tail or self._file.read(min(self._length, _PIECE))
            self._length -= len(packed) - len(self._stream.unconsumed_tail)
            part = self._stream.decompress(packed, count)
            if not packed and not part:
                break
            parts.append(part)
            count -= len(part)
        return b"".join(parts)


def _read_version_5(file: BinaryIO, wanted: Collection[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    end = file.seek(0, 2)
    file.seek(_HEADER - 2)
    order = {b"IM": "<", b"MI": ">"}.get(file.read(2))
    if order is None:
        raise InputError("its header is damaged")
    arrays: dict[str, NDArray[Any]] = {}
    names: list[str] = []
    while file.tell() < end:
        kind, length = _unpack(order + "II", file)
        after = file.tell() + length
        if after > end:
            raise InputError("it is cut short")
        part: _Bytes = _Unpacked(file, length) if kind == _COMPRESSED else file
        if kind == _COMPRESSED:
            kind, length = _unpack(order + "II", part)
        if kind == _MATRIX:
            name, array = _read_matrix(part, order, wanted)
            names.append(name)
            if array is not None:
                arrays[name] = array
        file.seek(after)
    return arrays, names


def _read_matrix(part: _Bytes, order: str, wanted: Collection[str]) -> tuple[str, NDArray[Any] | None]:
    """The name of a matrix; the array too if its name is ``wanted``."""
    flags = struct.unpack(order + "II", _small(part, order, 8))[0]
    lengths = _small(part, order, 4 * 32)
    shape = struct.unpack(f"{order}{len(lengths) // 4}i", lengths)
    name = _small(part, order, 64).decode("ascii", "replace")
    if name not in wanted:
        return name, None
    if flags & 0xFF not in _NUMERIC_CLASSES or flags >> 8 & _COMPLEX:
        raise InputError(f"{name} is not an array of real numbers")
    count = _check_size(name, shape)
    kind, length, inside = _tag(part, order)
    if kind not in _TYPES or length != count * np.dtype(_TYPES[kind]).itemsize:
        raise InputError(f"the numbers of {name} are damaged")
    numbers = inside[:length] if inside else _exactly(part, length)
    return name, _finite(name, np.frombuffer(numbers, order + _TYPES[kind]).reshape(shape, order="F"))


def _tag(part: _Bytes, order: str) -> tuple[int, int, bytes]:
    """Type and length of an element, and its bytes where they are so few that they are in the tag."""
    first = _unpack(order + "I", part)[0]
    rest = _exactly(part, 4)
    if first >> 16:
        return first & 0xFFFF, min(first >> 16, 4), rest
    return first, struct.unpack(order + "I", rest)[0], b""


def _small(part: _Bytes, order: str, most: int) -> bytes:
    """An element of a matrix's header, of ``most`` bytes at most; what fills it up to 8 bytes is skipped."""
    _, length, inside = _tag(part, order)
    if inside:
        return inside[:length]
    if length > most:
        raise InputError("an array's header is damaged")
    return _exactly(part, length + -length % 8)[:length]


def _unpack(layout: str, part: _Bytes) -> tuple[Any, ...]:
    return struct.unpack(layout, _exactly(part, struct.calcsize(layout)))


def _exactly(part: _Bytes, count: int) -> bytes:
    found = part.read(count)
    if len(found) != count:
        raise InputError("it is cut short")
    return found


def _read_hdf5(file: BinaryIO, wanted: Collection[str]) -> tuple[dict[str, NDArray[Any]], list[str]]:
    try:
        import h5py
    except ImportError as error:
        raise UsageError("MATLAB files of version 7.3 need h5py: pip install 'sensic[sensing]'") from error
    with _damage(), h5py.File(file, "r") as store:
        # Links to other files are not followed: what a file may show is what it holds.
        names = [name for name in store if isinstance(store.get(name, getlink=True), h5py.HardLink)]
        chosen = {name: store[name] for name in wanted if name in names}
        for name, dataset in chosen.items():
            if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "iuf":
                raise InputError(f"{name} is not an array of real numbers")
            _check_dataset(name, dataset)
        return {name: _finite(name, np.asarray(dataset[()]).T) for name, dataset in chosen.items()}, names


def _check_dataset(name: str, dataset: Any) -> None:
    """Raises InputError for what is not within this file and the caps, packed or unpacked."""
    if dataset.shape is None or dataset.is_virtual or dataset.external:
        raise InputError(f"{name} is not in the file itself")
    _check_size(name, dataset.shape)
    if dataset.chunks is None:
        return
    allowed = _check_size(f"a part of {name}", dataset.chunks) * dataset.dtype.itemsize + _SLACK
    identity, creation = dataset.id, dataset.id.get_create_plist()
    filters = {creation.get_filter(index)[0] for index in range(creation.get_nfilters())}
    if not filters <= _FILTERS:
        raise InputError(f"{name} is compressed by something other than gzip")
    for index in range(identity.get_num_chunks() if _GZIP in filters else 0):
        _, packed = identity.read_direct_chunk(identity.get_chunk_info(index).chunk_offset)
        if len(zlib.decompressobj().decompress(packed, allowed + 1)) > allowed:
            raise InputError(f"{name} unpacks to more than it says")


def _check_size(name: str, shape: tuple[int, ...]) -> int:
    count = math.prod(int(length) for length in shape)
    if count > MAX_ELEMENTS or min(shape, default=0) < 1:
        sizes = "x".join(str(length) for length in shape)
        raise InputError(f"{name} has {sizes} numbers; 1 to {MAX_ELEMENTS:,} in all are read")
    return count


def _finite(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(array).all():
        raise InputError(f"{name} has numbers that are not finite")
    return array


@contextmanager
def _damage() -> Iterator[None]:
    """h5py raises anything at all for a damaged file."""
    try:
        yield
    except (SensicError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"it is damaged: {error}") from error
