"""Sensic itself, run as its own program like every other coder."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from sensic import __version__
from sensic.codec.settings import effort_of
from sensic.container import StreamReader
from sensic.errors import EvaluationError, UsageError
from sensic.evaluation.clips import Clip
from sensic.evaluation.coders.files import frame_bytes, packet_bits, require_size
from sensic.evaluation.coders.protocol import Decoded, Encoded
from sensic.evaluation.process import Usage, run
from sensic.model import Model
from sensic.model.model import DEFAULT, QUALITIES, SENSING
from sensic.sensing import SensingSettings

FORMS = ("sensic[:MODEL][@PRESET]", "sensing[:1|2|4][:OPERATOR][@linear|tv|learned|MODEL]")
SETTINGS = (0.0, 16.0, 32.0, 47.0, 63.0)  # the whole scale of qualities
SENSING_SETTINGS = (12.0, 20.0, 28.0, 36.0, 44.0)  # where most footage takes 0.05 to 1.5 bits per pixel
DEFAULT_PRESET, WHT = "medium", "wht"


class SensicCoder:
    """A Coder. ``words`` is the rest of its specification: a model's name or folder, ``@`` and a preset, both or none.

    Raises UsageError for an unknown preset, ModelError where there is no such model.
    """

    settings = SETTINGS

    def __init__(self, words: str = "") -> None:
        name, at, preset = words.rpartition("@")
        if not at or Path(words).is_dir():
            name, preset = words, DEFAULT_PRESET
        effort_of(preset)
        self.model, self._preset = Model.load(name or None), preset
        self._chosen = ["--model", str(self.model.directory.resolve())] if name else []
        self.spec = f"sensic:{words if name else DEFAULT + words}" if words else "sensic"
        self.version = f"sensic {__version__}, model {self.model.name} {self.model.id}"

    def encode(self, clip: Clip, out: Path, setting: float, *, gop: int, threads: int) -> Encoded:
        options = ["--gop", str(gop), "--preset", self._preset, "--threads", str(threads), *self._chosen]
        return _encode(self.spec, clip, out, setting, threads, options)

    def decode(self, stream: Path, out: Path, *, clip: Clip, threads: int) -> Decoded:
        return _decode(self.spec, stream, out, clip, threads, self._chosen)


class SensingCoder:
    """A Coder: the profile sensing, which has no groups of ``gop`` frames but measures 1, 2 or 4 (the default) by
    themselves. ``words`` is the rest of its specification: that number, the operator (wht is the default), ``@`` and
    the decoder, which is linear (the default), tv, learned (the one that ships) or the folder of another learned one.

    Raises UsageError for what it can't measure and models of another kind, ModelError where there is no such model.
    """

    settings = SENSING_SETTINGS

    def __init__(self, words: str = "") -> None:
        measured, _, decoder = words.partition("@")
        number, operator = re.fullmatch(r"(\d*):?(.*)", measured).groups()  # type: ignore[union-attr]  # fits anything
        decoder = decoder or "linear"
        chosen = SensingSettings(operator=operator or WHT, frames=int(number or 4))
        self._decoder, self.version = ["--decoder", decoder], f"sensic {__version__}"
        if decoder not in ("linear", "tv"):
            model = Model.load(SENSING if decoder == "learned" else decoder)
            if not model.is_sensing:
                raise UsageError(f"{decoder} is no model of the profile sensing")
            self._decoder = ["--decoder", "learned", "--model", str(model.directory.resolve())]
            self.version += f", model {model.name} {model.id}"
        self._options = ["--profile", "sensing", "--frames", str(chosen.frames), "--operator", chosen.operator]
        shown = f":{chosen.operator}" if chosen.operator != WHT else ""
        self.spec = f"sensing:{chosen.frames}{shown}@{decoder}"

    def encode(self, clip: Clip, out: Path, setting: float, *, gop: int, threads: int) -> Encoded:
        return _encode(self.spec, clip, out, setting, threads, self._options)

    def decode(self, stream: Path, out: Path, *, clip: Clip, threads: int) -> Decoded:
        return _decode(self.spec, stream, out, clip, threads, self._decoder)


def _encode(spec: str, clip: Clip, out: Path, setting: float, threads: int, options: Sequence[str]) -> Encoded:
    if setting != int(setting) or not 0 <= setting < QUALITIES:
        raise UsageError(f"a quality of sensic is a whole number from 0 to {QUALITIES - 1}, not {setting:g}")
    told = out.with_name(f"{out.name}.json")
    words = ["encode", str(clip.path.absolute()), str(out.absolute()), "-q", f"{setting:g}", *options, "--json"]
    try:
        usage, shown = _run(words, threads, told)
        report = json.loads(told.read_text(encoding="utf-8").splitlines()[-1])
    finally:
        told.unlink(missing_ok=True)
    packets = packet_bits(out)
    bits = shares(packets, _frames_of_packets(out), report["frame_bits"])
    if len(bits) != clip.info.frames:
        raise EvaluationError(f"{spec} wrote {len(bits)} of {clip.info.frames} frames")
    return Encoded(out, usage, shown, out.stat().st_size, int(sum(packets)) // 8, bits)


def _decode(spec: str, stream: Path, out: Path, clip: Clip, threads: int, options: Sequence[str]) -> Decoded:
    pictures = out.with_name(f"{out.name}.y4m")
    words = ["decode", str(stream.absolute()), str(pictures.absolute()), "--threads", str(threads), *options, "--quiet"]
    try:
        usage, shown = _run(words, threads)
        strip_y4m(pictures, out, frame_bytes(clip.info))
    finally:
        pictures.unlink(missing_ok=True)
    require_size(spec, out, clip.info)
    return Decoded(out, usage, shown)


def strip_y4m(source: Path, out: Path, size: int) -> None:
    """The pictures of a y4m file, ``size`` bytes each, without the line before each of them."""
    with source.open("rb") as reader, out.open("wb") as writer:
        reader.readline()
        while reader.readline():
            writer.write(reader.read(size))


def shares(packets: Sequence[float], frames: Sequence[int], ideal: Sequence[float]) -> list[float]:
    """Bits of each frame. A packet of Sensic's is one entropy-coded run of all the frames of a group, so that its bits
    are split in proportion to the ``ideal`` code lengths of its frames, which the encoder tells."""
    rest, bits = iter(ideal), list[float]()
    for packet, count in zip(packets, frames, strict=True):
        lengths = list(islice(rest, count))
        bits += [packet * length / sum(lengths) for length in lengths]
    return bits


def _frames_of_packets(path: Path) -> list[int]:
    with StreamReader(path) as reader:
        return [entry.frames for entry in reader.index()]


def _run(words: Sequence[str], threads: int, output: Path | None = None) -> tuple[Usage, list[str]]:
    """What the command took, and how it is shown. --threads is of the networks; OpenCV would take every core."""
    limit = {"OPENCV_FOR_THREADS_NUM": str(threads)}
    usage = run([sys.executable, "-P", "-m", "sensic.cli", *words], env=limit, output=output, name="sensic")
    shown = (Path(word).name if Path(word).is_absolute() else word for word in words)
    return usage, [*(f"{name}={value}" for name, value in limit.items()), "sensic", *shown]
