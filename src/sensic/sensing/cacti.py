"""Snapshot compressive imaging: a video out of pictures that each hold several frames, seen through masks.

The files are those of the field's benchmark: ``meas`` [H, W] or [H, W, snapshots], ``mask`` [H, W, frames of a
snapshot] and, to compare with, ``orig`` [H, W, frames]; samples are 0 to 255.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensic.errors import InputError, UsageError
from sensic.sensing.matlab import read_arrays
from sensic.sensing.operators import Cacti
from sensic.sensing.recoveries import RECOVERIES, Recovery, chosen
from sensic.video import Colour, Frame, VideoInfo, VideoSink

PEAK = 255
MAX_FRAMES, MAX_SIDE = 256, 8192
"""Of a snapshot."""


@dataclass(frozen=True)
class Snapshots:
    """``measurements`` [snapshots, H, W] in sample values, ``operator``, and ``original`` [frames, H, W] if known."""

    measurements: NDArray[Any]
    operator: Cacti
    original: NDArray[Any] | None = None

    @classmethod
    def read(cls, measurement: str | Path, mask: str | Path | None = None) -> Snapshots:
        """From one MATLAB file, or two. Raises InputError for what doesn't belong together."""
        arrays = read_arrays(measurement, ("meas", "mask", "orig"))
        if mask is not None:
            arrays |= read_arrays(mask, ("mask",))
        for name, file in (("meas", measurement), ("mask", mask or measurement)):
            if name not in arrays:
                raise InputError(f"{file} has no array named {name}; it has {', '.join(arrays)}")
        measurements, original = _stack("meas", arrays["meas"]), arrays.get("orig")
        operator = _operator(_stack("mask", arrays["mask"]))
        if measurements.shape[1:] != operator.masks.shape[1:]:
            raise InputError(f"meas is of {_size(measurements)} pixels, but mask of {_size(operator.masks)}")
        count = len(measurements) * operator.frames
        if original is not None:
            original = _stack("orig", original)
            if len(original) < count or _size(original) != _size(measurements):
                raise InputError(
                    f"orig has {len(original)} frames of {_size(original)}; "
                    f"meas and mask make {count} of {_size(measurements)}"
                )
            original = original[:count]
        return cls(measurements, operator, original)


@dataclass(frozen=True)
class RecoverProgress:
    """``turns`` of ``total`` are done after ``seconds``; ``snapshot`` of ``snapshots`` is being recovered."""

    turns: int
    total: int
    snapshot: int
    snapshots: int
    seconds: float


ProgressCallback = Callable[[RecoverProgress], None]


@dataclass(frozen=True)
class RecoverReport:
    """``decoder`` is the one that was used; ``psnr`` is that of each written frame against ``orig`` in dB, empty where
    there is none."""

    frames: int
    width: int
    height: int
    snapshots: int
    seconds: float
    decoder: str
    psnr: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def mean_psnr(self) -> float | None:
        """The mean over all frames, as the field reports it."""
        return sum(self.psnr) / len(self.psnr) if self.psnr else None


def recover(
    measurement: str | Path,
    destination: str | Path,
    *,
    mask: str | Path | None = None,
    decoder: str | None = None,
    model: str | Path | None = None,
    uncertainty: bool = False,
    iterations: int | None = None,
    weight: float | None = None,
    peak: float = PEAK,
    rate: Fraction = Fraction(25),
    threads: int = 0,
    progress: ProgressCallback | None = None,
) -> RecoverReport:
    """Recover the video behind the snapshots of a MATLAB file, and write it, 8 bits, grey, lossless.

    ``mask`` is the file with the masks where ``measurement`` has none. ``decoder`` is one of ``RECOVERIES``:
    ``learned`` takes a ``model`` (name or directory; default: the one that ships), ``tv`` (GAP-TV) ``iterations`` (60)
    and ``weight`` (0.1). Without a choice it is the one whose options are given, else ``learned`` for masks of zeros
    and ones and up to 16 frames in a snapshot. With ``uncertainty`` pictures of the deviation that the learned decoder
    expects are written: black is certain, white 16 levels of 255 or more.

    ``peak`` is white in the measurements' scale, ``rate`` the frames per second to write; "-" writes y4m to standard
    output. Raises InputError, OutputError, ModelError, BackendError and UsageError (also for a missing library). The
    destination appears whole or not at all.
    """
    if not 0 < peak < float("inf"):
        raise UsageError(f"the peak is what white is in the file, above 0, not {peak}")
    if not 0 < rate <= 1000:
        raise UsageError(f"the rate is up to 1000 frames per second, not {rate}")
    for source in (measurement, mask):
        if source is not None and os.path.exists(destination) and os.path.samefile(source, destination):
            raise UsageError(f"{destination} is the input; write the output to another file")
    begin = time.monotonic()
    snapshots = Snapshots.read(measurement, mask)
    wanted = {"model": model, "uncertainty": uncertainty or None, "iterations": iterations, "weight": weight}
    given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    name = chosen(snapshots.operator, decoder, given)
    recovery = RECOVERIES[name](snapshots.operator, threads, **given)
    count, height, width = snapshots.measurements.shape
    frames = count * snapshots.operator.frames
    colour = Colour(full_range=True)
    info = VideoInfo(width, height, time_base=1 / rate, rate=rate, colour=colour, frame_count=frames)
    psnr: list[float] = []
    with VideoSink(destination, info) as sink:
        for index, picture in enumerate(_pictures(snapshots, recovery, peak, progress)):
            if snapshots.original is not None and not uncertainty:
                psnr.append(_psnr(picture, snapshots.original[index] * (255 / peak)))
            sink.write(_grey(picture, index, info))
    seconds = time.monotonic() - begin
    return RecoverReport(frames, width, height, count, seconds, name, tuple(psnr), tuple(sink.notes))


def _pictures(
    snapshots: Snapshots, recovery: Recovery, peak: float, progress: ProgressCallback | None
) -> Iterator[NDArray[np.uint8]]:
    """Each [H, W], snapshot after snapshot."""
    begin, count = time.monotonic(), len(snapshots.measurements)
    for index, snapshot in enumerate(snapshots.measurements):

        def turn(done: int, index: int = index) -> None:
            if progress is not None:
                turns, seconds = index * recovery.turns + done, time.monotonic() - begin
                progress(RecoverProgress(turns, count * recovery.turns, index + 1, count, seconds))

        yield from recovery(snapshot / peak, turn)


def _operator(masks: NDArray[Any]) -> Cacti:
    if len(masks) > MAX_FRAMES or max(masks.shape[1:]) > MAX_SIDE:
        raise InputError(
            f"a snapshot has up to {MAX_FRAMES} frames and {MAX_SIDE} pixels on a side, "
            f"not {len(masks)} frames of {_size(masks)}"
        )
    if masks.min() < 0 or masks.max() <= 0:
        raise InputError("mask has weights of 0 and more, and some above 0")
    return Cacti(masks.astype(np.uint8) if np.isin(masks, (0, 1)).all() else masks)


def _stack(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """MATLAB's [H, W] or [H, W, n] as [n, H, W]."""
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise InputError(f"{name} is [H, W] or [H, W, n], not {list(array.shape)}")
    return np.ascontiguousarray(np.moveaxis(array.reshape(*array.shape[:2], -1), -1, 0))


def _size(stack: NDArray[Any]) -> str:
    return f"{stack.shape[2]}x{stack.shape[1]}"


def _psnr(picture: NDArray[np.uint8], original: NDArray[Any]) -> float:
    error = float(np.mean(np.square(picture - original.astype(np.float64))))
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def _grey(picture: NDArray[np.uint8], index: int, info: VideoInfo) -> Frame:
    chroma = np.full(((info.height + 1) // 2, (info.width + 1) // 2), 128, np.uint8)
    return Frame(picture, chroma, chroma, 8, index, info.time_base, 1, info.colour)
