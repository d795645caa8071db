"""Loudness against the figures of EBU Tech 3341, log-mel distance against one written down a second time."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile
from numpy.typing import NDArray
from PIL import Image

from sensic.errors import EvaluationError
from sensic.evaluation.metrics import METRICS, measure_audio, spectrograms
from sensic.evaluation.process import ffmpeg, run
from tests.evaluation.footage import BUNNY

RATE = 48_000
F64 = NDArray[np.float64]


def sine(decibels: float, seconds: float = 3.0, pitch: float = 1000.0) -> F64:
    """[time]; ``decibels`` of its peak, 0 is full scale."""
    return 10 ** (decibels / 20) * np.sin(2 * np.pi * pitch * np.arange(int(seconds * RATE)) / RATE)


def chord(decibels: float = 0.0) -> F64:
    """Noise that swells and tones: something in every band."""
    random = np.random.default_rng(2)
    swell = 0.5 - 0.45 * np.cos(np.linspace(0, 12, 2 * RATE))
    tones = sum(sine(-20, 2, pitch) for pitch in (110, 660, 2750, 9000))
    return np.asarray(10 ** (decibels / 20) * (tones + 0.05 * swell * random.standard_normal(2 * RATE)))


def write(path: Path, *channels: F64) -> Path:
    scipy.io.wavfile.write(path, RATE, np.stack(channels, 1).astype(np.float32))
    return path


# "EBU Mode" minimum requirements test signals 1 and 2: a stereo sine of 1 kHz.
@pytest.mark.parametrize("decibels", [-23.0, -33.0])
def test_loudness_of_ebu_tech_3341(tmp_path: Path, decibels: float) -> None:
    tone = write(tmp_path / "tone.wav", sine(decibels), sine(decibels))
    half = write(tmp_path / "half.wav", sine(decibels), 0 * sine(decibels))
    values = measure_audio(tone, half)
    assert values["loudness_source"] == pytest.approx(decibels, abs=0.1)
    assert values["loudness"] == pytest.approx(decibels - 3.01, abs=0.1)  # one channel of two
    assert values["loudness_change"] == pytest.approx(3.01, abs=0.01)


def test_equal_sound(tmp_path: Path) -> None:
    sound = write(tmp_path / "a.wav", chord(), chord())
    values = measure_audio(sound, sound)
    assert set(values) <= set(METRICS)
    assert (values["loudness_change"], values["logmel"], values["audio_missing"]) == (0, 0, 0)


def test_sound_that_is_only_quieter(tmp_path: Path) -> None:
    loud, quiet = write(tmp_path / "a.wav", chord()), write(tmp_path / "b.wav", chord(-6))
    values = measure_audio(loud, quiet)
    assert values["loudness_change"] == pytest.approx(6, abs=0.01)
    assert values["logmel"] == pytest.approx(6, abs=0.02)


def mel_bands(count: int, size: int) -> F64:
    """Slaney's triangles [bands, frequencies]: linear to 1 kHz, then logarithmic, each of the same area."""
    step, edge = 200 / 3, 15.0  # Hz in a mel; mels at 1 kHz
    factor = np.log(6.4) / 27
    top = edge + np.log(RATE / 2 / 1000) / factor
    mels = np.linspace(0, top, count + 2)
    corners = np.where(mels < edge, mels * step, 1000 * np.exp(factor * (mels - edge)))
    frequencies = np.fft.rfftfreq(size, 1 / RATE)
    triangles = [np.interp(frequencies, corners[k : k + 3], [0, 1, 0], 0, 0) for k in range(count)]
    return np.array(triangles) * (2 / (corners[2:] - corners[:-2]))[:, None]


def log_mel_distance(source: F64, coded: F64) -> float:
    window = np.hanning(2049)[:-1]
    count = 1 + len(source) // 512
    powers = []
    for sound in (source, coded):
        centred = np.pad(sound, 1024)
        slices = np.stack([centred[512 * k : 512 * k + 2048] for k in range(count)])
        powers.append(mel_bands(128, 2048) @ (np.abs(np.fft.rfft(slices * window)) ** 2).T)
    floor = powers[0].max() / 1e8
    a, b = (10 * np.log10(np.maximum(power, floor)) for power in powers)
    return float(np.sqrt(((a - b) ** 2).mean(0)).mean())


def test_log_mel_distance_is_that_of_its_definition(tmp_path: Path) -> None:
    source, muffled = chord(), np.convolve(chord(), np.ones(5) / 5, "same")
    values = measure_audio(write(tmp_path / "a.wav", source), write(tmp_path / "b.wav", muffled))
    assert values["logmel"] == pytest.approx(log_mel_distance(source, muffled), rel=1e-3)
    assert values["logmel"] > 2


def test_coded_sound_of_a_video(tmp_path: Path) -> None:
    sound, video, coded = write(tmp_path / "a.wav", chord(), chord()), tmp_path / "a.mkv", tmp_path / "b.mkv"
    run([ffmpeg(), "-v", "error", "-i", str(BUNNY), "-i", str(sound), "-c:v", "copy", "-c:a", "flac", str(video)])
    run([ffmpeg(), "-v", "error", "-i", str(video), "-c:v", "copy", "-c:a", "libopus", "-b:a", "32k", str(coded)])
    assert measure_audio(sound, video)["logmel"] < 0.01
    values = measure_audio(video, coded)
    assert values["loudness_change"] < 1
    assert 0.5 < values["logmel"] < 15
    assert values["audio_missing"] < 0.1


def test_length_and_silence(tmp_path: Path) -> None:
    whole, part = write(tmp_path / "a.wav", sine(-20)), write(tmp_path / "b.wav", sine(-20, 2.5))
    values = measure_audio(whole, part)
    assert values["audio_missing"] == 0.5
    assert values["logmel"] < 0.5
    silence = write(tmp_path / "c.wav", 0 * sine(0))
    values = measure_audio(silence, silence)
    assert (values["loudness"], values["logmel"]) == (-70, 0)
    assert measure_audio(whole, silence)["logmel"] > 10
    json.dumps(measure_audio(silence, whole), allow_nan=False)


def test_spectrograms_are_a_picture(tmp_path: Path) -> None:
    source, coded = write(tmp_path / "a.wav", chord()), write(tmp_path / "b.wav", chord(-20))
    spectrograms(source, coded, tmp_path / "pair.png")
    spectrograms(source, source, tmp_path / "same.png")
    with Image.open(tmp_path / "pair.png") as picture, Image.open(tmp_path / "same.png") as same:
        assert picture.format == "PNG"
        assert picture.width > 500
        assert picture.tobytes() != same.tobytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "b.wav", "pair.png", "same.png"]


def test_files_without_sound_are_refused(tmp_path: Path) -> None:
    sound = write(tmp_path / "a.wav", sine(-20, 1))
    with pytest.raises(EvaluationError, match=r"bunny\.mp4 has no sound"):
        measure_audio(BUNNY, sound)
    with pytest.raises(EvaluationError, match=r"can't read .*gone\.wav"):
        measure_audio(sound, tmp_path / "gone.wav")


def test_a_missing_library_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = write(tmp_path / "a.wav", sine(-20, 1))
    monkeypatch.setitem(sys.modules, "librosa.feature", None)
    with pytest.raises(EvaluationError, match=r"needs librosa: pip install 'sensic\[eval\]'"):
        measure_audio(sound, sound)
