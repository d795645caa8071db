"""How far coded sound is from its source: loudness, and distance between log-mel spectra."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from numpy.typing import NDArray

from sensic.errors import EvaluationError
from sensic.evaluation.metrics.metric import Metric
from sensic.evaluation.process import ffmpeg, run

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AUDIO_METRICS = {
    "loudness_source": Metric("LUFS", None, "loudness of the source"),
    "loudness": Metric("LUFS", None, "loudness"),
    "loudness_change": Metric("LU", False, "change of loudness"),
    "logmel": Metric("dB", False, "log-mel distance"),
    "audio_missing": Metric("s", False, "sound missing or too much"),
}
RATE = 48_000
WINDOW, HOP, BANDS = 2048, 512, 128
RANGE = 80.0  # dB below the source's loudest band; what is quieter counts as silence
SILENCE = -70.0  # LUFS; the gate of EBU R 128, below which nothing counts

Samples = NDArray[np.float32]


def measure_audio(reference: Path, coded: Path) -> dict[str, float]:
    """The first sound of two files compared, by the names of ``METRICS``.

    ``loudness`` is integrated over the file (EBU R 128, by FFmpeg), -70 LUFS for silence; ``loudness_change`` is
    absolute. ``logmel`` is the distance of the spectra in dB: of 128 mel bands (librosa's) of a window of 43 ms, the
    root of the mean squared difference, averaged over time; channels are mixed, and what is 80 dB below the source's
    loudest band counts as silence. ``audio_missing`` is by how many seconds the lengths differ; what is compared is
    what both have.

    Raises EvaluationError where a file has no sound, can't be read, or librosa is missing.
    """
    source, after = _loudness(reference), _loudness(coded)
    ours, theirs = _samples(coded), _samples(reference)
    a, b = _log_mel(theirs, ours)
    return {
        "loudness_source": round(source, 3),
        "loudness": round(after, 3),
        "loudness_change": round(abs(after - source), 3),
        "logmel": round(float(np.mean(np.sqrt(np.mean((a - b) ** 2, axis=0)))), 4),
        "audio_missing": round(abs(len(theirs) - len(ours)) / RATE, 4),
    }


def spectrograms(reference: Path, coded: Path, picture: Path) -> None:
    """A PNG of both log-mel spectrograms and their difference. Raises like ``measure_audio``."""
    from matplotlib.figure import Figure

    source, after = _log_mel(_samples(reference), _samples(coded))
    top = float(source.max())
    figure = Figure(figsize=(9, 7), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, sharey=True)
    _draw(panels[0], source, "source", (top - RANGE, top), "magma")
    _draw(panels[1], after, "coded", (top - RANGE, top), "magma")
    _draw(panels[2], after - source, "coded − source", (-20, 20), "RdBu_r")
    panels[2].set_xlabel("seconds")
    partial = picture.with_name(f".{picture.name}.partial")
    figure.savefig(partial, format="png", dpi=110)
    os.replace(partial, picture)


def _draw(panel: Axes, spectrum: Samples, title: str, limits: tuple[float, float], colours: str) -> None:
    extent = (0, spectrum.shape[1] * HOP / RATE, 0, BANDS)
    shown = panel.imshow(
        spectrum, aspect="auto", origin="lower", extent=extent, vmin=limits[0], vmax=limits[1], cmap=colours
    )
    panel.set(title=title, ylabel="mel band")
    panel.figure.colorbar(shown, ax=panel, label="dB")


def _loudness(path: Path) -> float:
    """Integrated, in LUFS."""
    with tempfile.TemporaryDirectory(prefix="sensic-audio-") as scratch:
        measured = "ebur128=metadata=1,ametadata=mode=print:key=lavfi.r128.I:file=loudness.txt"
        _decode(path, ["-af", measured, "-f", "null", "-"], Path(scratch))
        lines = Path(scratch, "loudness.txt").read_text().split()
    values = [float(line.removeprefix("lavfi.r128.I=")) for line in lines if line.startswith("lavfi.r128.I=")]
    return max(values[-1], SILENCE) if values and np.isfinite(values[-1]) else SILENCE


def _samples(path: Path) -> Samples:
    """Mixed to one channel at 48 kHz, 1 is full scale."""
    with tempfile.TemporaryDirectory(prefix="sensic-audio-") as scratch:
        _decode(path, ["-ac", "1", "-ar", str(RATE), "-f", "f32le", "samples"], Path(scratch))
        samples = np.fromfile(Path(scratch, "samples"), "<f4")
    if len(samples) == 0:
        raise EvaluationError(f"no sound of {path} could be decoded")
    return samples


def _decode(path: Path, output: list[str], directory: Path) -> None:
    """FFmpeg's decoding of the first sound, run in ``directory``."""
    try:
        with av.open(str(path)) as reader:
            if not reader.streams.audio:
                raise EvaluationError(f"{path} has no sound")
    except (OSError, av.FFmpegError) as error:
        raise EvaluationError(f"can't read {path}: {error}") from error
    run(
        [ffmpeg(), "-nostdin", "-v", "error", "-i", str(path.absolute()), "-map", "0:a:0", *output],
        cwd=directory,
        name="ffmpeg",
    )


def _log_mel(reference: Samples, coded: Samples) -> tuple[Samples, Samples]:
    """Both spectra in dB [bands, time], as long as the shorter and not below the source's floor."""
    try:
        from librosa.feature import melspectrogram
    except ImportError:
        raise EvaluationError("comparing sound needs librosa: pip install 'sensic[eval]'") from None
    length = min(len(reference), len(coded))
    powers = [
        melspectrogram(y=samples[:length], sr=RATE, n_fft=WINDOW, hop_length=HOP, n_mels=BANDS)
        for samples in (reference, coded)
    ]
    loudest = float(max(powers[0].max(), 1e-10))
    floor = loudest * 10 ** (-RANGE / 10)
    source, after = (10 * np.log10(np.maximum(power, floor)) for power in powers)
    return source, after
