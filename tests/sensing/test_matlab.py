"""MATLAB files: what SciPy and h5py write is read back, and nothing in a file can make reading it expensive."""

from __future__ import annotations

import struct
import sys
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.io import savemat

from sensic.errors import InputError, UsageError
from sensic.sensing import matlab
from sensic.sensing.matlab import read_arrays

SHAPES = arrays.array_shapes(min_dims=2, max_dims=3, max_side=5)
NUMBERS = st.sampled_from(["u1", "i2", "u2", "i4", "f4", "f8"]).flatmap(
    lambda kind: arrays.arrays(
        kind, SHAPES, elements=arrays.from_dtype(np.dtype(kind), allow_nan=False, allow_infinity=False)
    )
)


def write_hdf5(path: Path, values: dict[str, Any], **options: Any) -> None:
    """As MATLAB does: a text header, then HDF5, axes the other way round."""
    with h5py.File(path, "w", userblock_size=512) as store:
        for name, array in values.items():
            store.create_dataset(name, data=np.asarray(array).T, **options)
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("matlab")


@given(array=NUMBERS, compressed=st.booleans())
def test_version_5(folder: Path, array: np.ndarray[Any, Any], compressed: bool) -> None:
    path = folder / "five.mat"
    savemat(path, {"text": "words", "meas": array, "other": {"a": 1.0}}, do_compression=compressed)
    read = read_arrays(path, ("meas", "mask"))
    assert read.keys() == {"meas"}
    np.testing.assert_array_equal(read["meas"], array)


@given(array=NUMBERS, packed=st.sampled_from([{}, {"compression": "gzip", "shuffle": True, "fletcher32": True}]))
def test_version_7_3(folder: Path, array: np.ndarray[Any, Any], packed: dict[str, Any]) -> None:
    path = folder / "seven.mat"
    write_hdf5(path, {"meas": array}, **packed)
    np.testing.assert_array_equal(read_arrays(path, ("meas",))["meas"], array)


def big_endian(name: bytes, values: list[float]) -> bytes:
    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    parts = [element(6, struct.pack(">II", 6, 0)), element(5, struct.pack(">ii", 1, len(values)))]
    parts += [element(1, name), element(9, struct.pack(f">{len(values)}d", *values))]
    return b"MATLAB 5.0".ljust(124) + b"\1\0MI" + element(14, b"".join(parts))


def test_big_endian(tmp_path: Path) -> None:
    path = tmp_path / "big.mat"
    path.write_bytes(big_endian(b"mask", [1.5, -2.0]))
    assert read_arrays(path, ("mask",))["mask"].tolist() == [[1.5, -2.0]]


@pytest.mark.parametrize("compressed", [False, True])
@given(place=st.integers(0, 1 << 16), bit=st.integers(0, 7), cut=st.booleans())
def test_damage_is_an_input_error_or_harmless(folder: Path, compressed: bool, place: int, bit: int, cut: bool) -> None:
    path = folder / "damaged.mat"
    savemat(path, {"meas": np.arange(12.0).reshape(3, 4), "mask": np.eye(3)}, do_compression=compressed)
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place] ^= 1 << bit
    path.write_bytes(content[: place + 1] if cut else content)
    try:
        found = read_arrays(path, ("meas", "mask"))
    except InputError:
        return
    assert all(array.size in (9, 12) for array in found.values())


def bomb(size: int) -> bytes:
    """A few kilobytes that say they hold four numbers, and unpack to ``size`` bytes of them."""
    head = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<IIii", 5, 8, 2, 2) + struct.pack("<HH4s", 1, 4, b"meas")
    matrix = head + struct.pack("<II", 9, size) + bytes(size)
    packed = zlib.compress(struct.pack("<II", 14, len(matrix)) + matrix, 9)
    return b"MATLAB 5.0".ljust(124) + b"\0\1IM" + struct.pack("<II", 15, len(packed)) + packed


def test_what_unpacks_to_more_than_it_says_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.mat"
    path.write_bytes(bomb(1 << 26))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="the numbers of meas are damaged"):
            read_arrays(path, ("meas",))
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_a_chunk_that_unpacks_to_more_than_it_says_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.mat"
    with h5py.File(path, "w") as store:
        dataset = store.create_dataset("meas", (4, 4), "u1", chunks=(4, 4), compression="gzip")
        dataset.id.write_direct_chunk((0, 0), zlib.compress(bytes(1 << 24), 9))
    with pytest.raises(InputError, match="meas unpacks to more than it says"):
        read_arrays(path, ("meas",))


def test_more_than_the_cap_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matlab, "MAX_ELEMENTS", 99)
    five, seven = tmp_path / "five.mat", tmp_path / "seven.mat"
    savemat(five, {"meas": np.ones((10, 10))})
    write_hdf5(seven, {"meas": np.ones((10, 10))})
    for path in (five, seven):
        with pytest.raises(InputError, match=r"meas has 10x10 numbers; 1 to 99 in all are read"):
            read_arrays(path, ("meas",))
        with pytest.raises(InputError, match="no array named mask; it has meas"):  # what isn't wanted isn't checked
            read_arrays(path, ("mask",))


def test_a_file_shows_only_what_it_holds(tmp_path: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as store:
        store["meas"] = np.ones((2, 2))
    linked, outside, virtual = (tmp_path / f"{name}.mat" for name in ("linked", "outside", "virtual"))
    with h5py.File(linked, "w") as store:
        store["meas"] = h5py.ExternalLink(secret, "meas")
    (tmp_path / "raw").write_bytes(bytes(32))
    with h5py.File(outside, "w") as store:
        store.create_dataset("meas", (2, 2), "f8", external=[(tmp_path / "raw", 0, 32)])
    with h5py.File(virtual, "w") as store:
        layout = h5py.VirtualLayout((2, 2), "f8")
        layout[:] = h5py.VirtualSource(secret, "meas", (2, 2))
        store.create_virtual_dataset("meas", layout)
    with pytest.raises(InputError, match="no array named meas; it has none at all"):
        read_arrays(linked, ("meas",))
    for path in (outside, virtual):
        with pytest.raises(InputError, match="meas is not in the file itself"):
            read_arrays(path, ("meas",))


def test_other_arrays_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    savemat(path, {"y": 1.0, "phi": 2.0})
    with pytest.raises(InputError, match="no array named meas or mask; it has y, phi"):
        read_arrays(path, ("meas", "mask"))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (np.array([[1, 1j]]), "is not an array of real numbers"),
        ("words", "is not an array of real numbers"),
        ({"a": 1.0}, "is not an array of real numbers"),
        (np.array([[1.0, np.nan]]), "not finite"),
        (np.zeros((0, 3)), "has 0x3 numbers"),
    ],
)
def test_what_is_no_picture(tmp_path: Path, value: Any, why: str) -> None:
    path = tmp_path / "x.mat"
    savemat(path, {"meas": value})
    with pytest.raises(InputError, match=f"meas.*{why}"):
        read_arrays(path, ("meas",))


def test_what_is_no_matlab_file(tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    path.write_bytes(b"MATLAB 4")
    with pytest.raises(InputError, match=r"not a MATLAB file of version 5 or 7\.3"):
        read_arrays(path, ("meas",))
    with pytest.raises(InputError, match=r"missing\.mat: No such file"):
        read_arrays(tmp_path / "missing.mat", ("meas",))


def test_a_missing_library_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_hdf5(tmp_path / "x.mat", {"meas": np.ones((2, 2))})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(UsageError, match=r"h5py: pip install 'sensic\[sensing\]'"):
        read_arrays(tmp_path / "x.mat", ("meas",))
