"""Sound that went along: copied, or coded again and then measured."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sensic.evaluation import Clip, Encoded, evaluate
from sensic.evaluation.process import ffmpeg
from sensic.evaluation.sound import changed_sound, packets
from tests.evaluation.clips import ZlibCoder, write_clip


def convert(*words: str | Path) -> None:
    subprocess.run([ffmpeg(), "-v", "error", "-y", *map(str, words)], check=True)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A second of pictures with a tone."""
    pictures, path = write_clip(tmp_path / "silent.mkv", 25), tmp_path / "clip.mkv"
    convert("-i", pictures, "-f", "lavfi", "-i", "sine=440:duration=1:sample_rate=48000", "-c:v", "copy", path)
    return path


def test_what_was_copied_is_not_measured(source: Path, tmp_path: Path) -> None:
    convert("-i", source, "-c", "copy", tmp_path / "copied.mkv")
    assert packets(source) == packets(tmp_path / "copied.mkv")
    assert changed_sound(source, tmp_path / "copied.mkv", tmp_path / "sound.png") == {}
    assert not (tmp_path / "sound.png").exists()


def test_what_was_coded_again_is(source: Path, tmp_path: Path) -> None:
    convert("-i", source, "-c:v", "copy", "-af", "volume=-6dB", "-c:a", "flac", tmp_path / "quieter.mkv")
    found = changed_sound(source, tmp_path / "quieter.mkv", tmp_path / "sound.png")
    assert found["loudness_change"] == pytest.approx(6, abs=0.2)
    assert (tmp_path / "sound.png").read_bytes().startswith(b"\x89PNG")


class Loud(ZlibCoder):
    """Writes sound beside its pictures, in a file that holds both: the pictures behind a mark after the sound."""

    MARK = b"pictures follow"

    def encode(self, clip: Clip, out: Path, setting: float, *, gop: int, threads: int) -> Encoded:
        encoded = super().encode(clip, out, setting, gop=gop, threads=threads)
        pictures, sound = out.read_bytes(), out.with_name("coded.sound.mkv")
        convert("-i", clip.path, "-vn", "-af", "volume=-12dB", "-c:a", "flac", "-fflags", "+bitexact", sound)
        out.write_bytes(sound.read_bytes() + self.MARK + pictures)
        return Encoded(out, encoded.usage, encoded.command, out.stat().st_size, encoded.payload_bytes, encoded.bits)

    def decode(self, stream: Path, out: Path, *, clip: Clip, threads: int):  # type: ignore[no-untyped-def]
        alone = stream.with_name("pictures")
        alone.write_bytes(stream.read_bytes().split(self.MARK, 1)[1])
        return super().decode(alone, out, clip=clip, threads=threads)


def test_the_bench_measures_sound_where_it_is_asked_to(source: Path, tmp_path: Path) -> None:
    coder, out = Loud("loud", (16,)), tmp_path / "out"
    results = evaluate([source], [coder], out=out, metrics=["psnr"], frames=20, audio=True, repeats=1, threads=1)
    assert not results.failures
    assert results.clips[0].audio
    (m,) = results.measurements
    assert m.metrics["loudness_change"] == pytest.approx(12, abs=0.3)
    assert (out / "pictures" / f"{m.picture}.sound.png").exists()
    silent = evaluate([source], [ZlibCoder(settings=(16,))], out=out, metrics=["psnr"], repeats=1, threads=1)
    assert not silent.clips[0].audio
    assert "loudness" not in silent.measurements[0].metrics
