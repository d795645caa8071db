"""What a coder did to the sound that went along with the pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av

from sensic.evaluation.metrics import measure_audio, spectrograms


def changed_sound(reference: Path, coded: Path, picture: Path) -> dict[str, float]:
    """Metrics of the sound of ``coded`` and a ``picture`` of both spectrograms; nothing where it was only copied.

    Raises EvaluationError where a file has no sound, or it can't be decoded.
    """
    if packets(reference) == packets(coded):
        return {}
    values = measure_audio(reference, coded)
    spectrograms(reference, coded, picture)
    return values


def packets(path: Path) -> str:
    """SHA-256 of the first audio stream as it is coded; of nothing where there is none."""
    digest = hashlib.sha256()
    with av.open(str(path)) as reader:
        if reader.streams.audio:
            for packet in reader.demux(audio=0):
                digest.update(bytes(packet))
    return digest.hexdigest()
