"""Packs made ready for training: planes and motion in files that are mapped into memory.

Decoding and searching costs about a second per clip, once; a run then reads what it needs from the mapped files.
Everything is kept under the pack's own hash, and what was finished before a kill is not done again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from sensic.codec.reports import Progress, ProgressCallback
from sensic.errors import OutputError
from sensic.motion import BLOCK, Candidates, MotionSearch
from sensic.training.data.pack import Pack, Samples, open_packs
from sensic.video import AtomicFile

Luma = NDArray[np.uint8]
Motion = NDArray[np.int8]

LEVELS = ((8, 12), (28, 35), (50, 75))
"""Codec quality that a level of motion stands for, and the JPEG quality that gives about the same PSNR: the search
refers to the neighbouring source picture coded so, since a decoded one would need a model."""
FARTHEST = 120
"""Quarter pixels; farther candidates are cut to it, so that motion fits int8."""
EFFORT = 5
CHUNK = 64
"""Clips whose motion is kept at a time: what a kill costs at most."""
_MOTION_VERSION = 1  # raise when the search or LEVELS change what comes out
_STALE = 600.0  # seconds: a half-written file that nobody touched for so long has lost its writer


@dataclass(frozen=True)
class Prepared:
    """The clips of one pack, mapped read-only.

    ``y`` [N, T, H, W] and ``uv`` [N, T, 2, H/2, W/2] are uint8 or uint16 (``depth`` 8 or 10); ``motion`` int8
    [Q, 2, N, T, 2, H/16, W/16] is in quarter pixels, x first, at the Q qualities of ``LEVELS`` (Q is 0 where no motion
    was wanted). Direction 0 predicts
    picture t from t-1 (nothing at 0), direction 1 predicts t from t+1 (nothing at the last).
    """

    y: Samples
    uv: Samples
    motion: Motion
    depth: int
    path: Path
    sha256: str

    @property
    def clips(self) -> int:
        return len(self.y)

    def vectors(self, level: int, clip: int, target: int, source: int) -> Motion:
        """The field [2, H/16, W/16] that predicts picture ``target`` of a clip from its neighbour ``source``."""
        if abs(target - source) != 1:
            raise ValueError(f"motion is known between neighbours only, not from {source} to {target}")
        field: Motion = self.motion[level, 0 if target > source else 1, clip, target]
        return field


def prepare(
    packs: Sequence[str | Path], cache: str | Path, progress: ProgressCallback | None = None, *, motion: bool = True
) -> list[Prepared]:
    """Decode packs and, if ``motion`` is wanted, search it, once; folders stand for the packs in them.

    The results lie in ``cache``, a directory per pack; a clip of 12 pictures of 448 × 256 with 8 bits takes 2.1 MB.
    After a kill the next call goes on; at most the work on 64 clips is lost. ``progress`` counts pictures that are
    ready. Raises PackError where a pack can't be used, OutputError where the cache can't be written.
    """
    opened = open_packs(packs)
    tick = _Ticker(progress, sum(pack.clips * pack.frames for pack in opened))
    try:
        return [_prepared(pack, Path(cache), tick, motion) for pack in opened]
    except OSError as error:
        raise OutputError(f"can't write to {cache}: {error.strerror or error}") from error


class _Ticker:
    """Hands on how many pictures are done. What was done earlier counts, but not towards the speed."""

    def __init__(self, callback: ProgressCallback | None, total: int) -> None:
        self._callback, self._total, self._done, self._start = callback, total, 0, time.monotonic()

    def __call__(self, pictures: int = 0) -> None:
        self._done += pictures
        if self._callback is not None:
            self._callback(Progress(self._done, self._total, 0, time.monotonic() - self._start))

    def skip(self, pictures: int) -> None:
        self._total -= pictures


def _prepared(pack: Pack, cache: Path, tick: _Ticker, wanted: bool) -> Prepared:
    folder = cache / f"{pack.path.stem}-{pack.sha256[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    y, uv = _planes(pack, folder, tick)
    if wanted:
        motion = _motion(pack, y, folder, tick)
    else:
        motion = np.zeros((0, 2, pack.clips, pack.frames, 2, pack.height // BLOCK, pack.width // BLOCK), np.int8)
        tick(pack.clips * pack.frames)
    return Prepared(y, uv, motion, pack.depth, pack.path, pack.sha256)


def _planes(pack: Pack, folder: Path, tick: _Ticker) -> tuple[Samples, Samples]:
    kind: np.dtype[Any] = np.dtype(np.uint8 if pack.depth == 8 else np.uint16)
    n, t, h, w = pack.clips, pack.frames, pack.height, pack.width
    wanted = {folder / "y.npy": (n, t, h, w), folder / "uv.npy": (n, t, 2, h // 2, w // 2)}
    if any(_mapped(path, shape, kind) is None for path, shape in wanted.items()):
        _decode(pack, wanted, kind, tick)
    y, uv = (_mapped(path, shape, kind) for path, shape in wanted.items())
    if y is None or uv is None:
        raise OutputError(f"{folder} could not be read back")
    return y, uv


def _decode(pack: Pack, wanted: Mapping[Path, tuple[int, ...]], kind: np.dtype[Any], tick: _Ticker) -> None:
    """Write luma and chroma of all clips, clip by clip."""
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(AtomicFile(path)) for path in wanted]
        for file, shape in zip(files, wanted.values(), strict=True):
            npy.write_array_header_1_0(file.file, _header(shape, kind))
        for clip in pack.read():
            for file, part in zip(files, clip, strict=True):
                _write(file, part)
            tick()


def _motion(pack: Pack, y: Samples, folder: Path, tick: _Ticker) -> Motion:
    n, t, h, w = pack.clips, pack.frames, pack.height // BLOCK, pack.width // BLOCK
    kind: np.dtype[Any] = np.dtype(np.int8)
    name = f"motion-v{_MOTION_VERSION}"
    whole = folder / f"{name}.npy"
    found = _mapped(whole, (len(LEVELS), 2, n, t, 2, h, w), kind)
    if found is not None:
        tick.skip(n * t)
        return found
    parts = {folder / f"{name}.{first:06}.npy": slice(first, min(first + CHUNK, n)) for first in range(0, n, CHUNK)}
    joined = np.concatenate([_motion_part(path, y[at], tick) for path, at in parts.items()], 2)
    _save(whole, joined)
    for path in parts:
        path.unlink(missing_ok=True)
    mapped = _mapped(whole, joined.shape, kind)
    return joined if mapped is None else mapped


def _motion_part(path: Path, clips: Samples, tick: _Ticker) -> Motion:
    """The motion [Q, 2, n, T, 2, H/16, W/16] of some clips [n, T, H, W], from the file or into it."""
    n, t, h, w = clips.shape
    found = _mapped(path, (len(LEVELS), 2, n, t, 2, h // BLOCK, w // BLOCK), np.dtype(np.int8))
    if found is not None:
        tick.skip(n * t)
        return np.array(found)  # so that the file is free to go
    motions = []
    for motion in _searched(clips):
        motions.append(motion)
        tick(t)
    part = np.stack(motions, 2)
    _save(path, part)
    return part


def _searched(clips: Samples) -> Iterator[Motion]:
    """The motion [Q, 2, T, 2, H/16, W/16] of every clip [T, H, W]."""
    search = MotionSearch(clips.shape[3], clips.shape[2], EFFORT)
    for clip in clips:
        with _one_thread():
            yield clip_motion(_luma8(clip), search)


def clip_motion(clip: Luma, search: MotionSearch) -> Motion:
    """Both directions at every level of a clip's luma [T, H, W]: int8 [Q, 2, T, 2, H/16, W/16], quarter pixels."""
    count, height, width = clip.shape
    pairs = [(t, t - 1) for t in range(1, count)], [(t, t + 1) for t in range(count - 2, -1, -1)]
    flows = [{t: _near(search.flow(clip[t], clip[s])) for t, s in order} for order in pairs]
    out = np.zeros((len(LEVELS), 2, count, 2, height // BLOCK, width // BLOCK), np.int8)
    for level, (quality, jpeg) in enumerate(LEVELS):
        references = [_coded(picture, jpeg) for picture in clip]
        for direction, order in enumerate(pairs):
            last = np.zeros(out.shape[3:], np.int16)
            for t, source in order:
                last = search.choose(clip[t], references[source], flows[direction][t], last, quality)
                out[level, direction, t] = last
    return out


def _near(candidates: Candidates) -> Candidates:
    return Candidates({size: np.clip(f, -FARTHEST, FARTHEST) for size, f in candidates.fields.items()})


def _coded(picture: Luma, quality: int) -> Luma:
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def _luma8(clip: Samples) -> Luma:
    return np.ascontiguousarray(clip if clip.dtype == np.uint8 else clip >> 2, np.uint8)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """DIS flow depends on the number of OpenCV's threads, and caches must not differ between machines."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _header(shape: tuple[int, ...], kind: np.dtype[Any]) -> dict[str, object]:
    return {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": shape}


def _write(file: AtomicFile, array: Samples | Motion) -> None:
    left = np.ascontiguousarray(array).data.cast("B")
    while left:  # an unbuffered file may take less than it is given
        left = left[file.file.write(left) :]


def _save(path: Path, array: Motion) -> None:
    with AtomicFile(path) as file:
        npy.write_array_header_1_0(file.file, _header(array.shape, array.dtype))
        _write(file, array)


def _mapped(path: Path, shape: tuple[int, ...], kind: np.dtype[Any]) -> NDArray[Any] | None:
    """The array in a file, mapped; None where there is none, or another."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape and array.dtype == kind else None


def _sweep(folder: Path) -> None:
    """Remove what killed writers left, but not what another process is writing now."""
    for path in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE:
                path.unlink()
