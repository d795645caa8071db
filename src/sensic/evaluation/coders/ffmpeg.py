"""Reference encoders, each run by FFmpeg's own program as someone would on the command line.

Defaults of the encoder but for what makes the conditions alike: closed groups of equal length without intra frames at
scene cuts, the number of threads, no text about the encoder in the stream. The rate follows from a constant quality.
What a codec can't hold is brought into a form that it can, and back after decoding, without touching a sample of the
picture: an odd side is padded, and 8 bits become 10 and again 8 for VVenC, which codes nothing else.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sensic.errors import EvaluationError, UnsupportedError, UsageError
from sensic.evaluation.clips import PIXEL_FORMATS, Clip
from sensic.evaluation.coders.files import packet_bits, require_size
from sensic.evaluation.coders.protocol import Decoded, Encoded
from sensic.evaluation.process import Usage, ffmpeg, run
from sensic.evaluation.results import ClipInfo

PSNR = "psnr"  # the word in a specification
X26X = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
QUIET = {"SVT_LOG": "1"}  # SVT-AV1 prints to stderr by itself: errors only
# The leanest file that FFmpeg writes, some 400 bytes, as Sensic's has no index, no room for one and no tags either.
MATROSKA = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-write_crc32", "0", "-live", "1")


@dataclass(frozen=True)
class Request:
    """What the options of an encoder are made from."""

    preset: str
    setting: str
    gop: int
    threads: int
    psnr: bool


@dataclass(frozen=True)
class Family:
    """One encoder of FFmpeg's. ``settings`` from worst to best cover what Sensic's qualities do, about 28 to 40 dB;
    ``lowest`` and ``highest`` bound them. ``version`` finds the encoder's own in what it says. ``depths`` are what it
    takes, ``even`` whether it refuses odd sides, ``tunable`` whether it does anything for the eye by default."""

    encoder: str
    presets: tuple[str, ...]
    preset: str
    settings: tuple[float, ...]
    lowest: float
    highest: float
    version: str
    options: Callable[[Request], list[str]]
    whole: bool = True  # settings are whole numbers
    depths: tuple[int, ...] = (8, 10)
    even: bool = False
    tunable: bool = False
    passes: int = 1
    late: bool = False  # gives its header after the first frame, for which a file would keep 500 bytes free


def _x264(r: Request) -> list[str]:
    private = f"keyint={r.gop}:min-keyint={r.gop}:scenecut=0:open-gop=0:threads={r.threads}"
    quiet = ["-bsf:v", "filter_units=remove_types=6"]  # SEI: some 700 bytes of settings as text, and nothing else
    return ["-preset", r.preset, "-crf", r.setting, "-x264-params", private, *quiet, *_tune(r)]


def _x265(r: Request) -> list[str]:
    # info=0 leaves out some 2 kB of settings as text.
    closed = f"keyint={r.gop}:min-keyint={r.gop}:scenecut=0:open-gop=0"
    private = f"{closed}:pools={r.threads}:info=0:log-level=error"
    return ["-preset", r.preset, "-crf", r.setting, "-x265-params", private, *_tune(r)]


def _tune(r: Request) -> list[str]:
    return ["-tune", "psnr"] if r.psnr else []


def _svtav1(r: Request) -> list[str]:
    # FFmpeg's own -crf ends at 63. lp is a level of parallelism, about the number of threads.
    private = f"crf={r.setting}:irefresh-type=2:scd=0:lp={min(r.threads, 6)}"
    return ["-preset", r.preset, "-g", str(r.gop), "-svtav1-params", private]


def _aom(r: Request) -> list[str]:
    return ["-cpu-used", r.preset, *_libvpx(r)]


def _vp9(r: Request) -> list[str]:
    return ["-deadline", "good", "-cpu-used", r.preset, *_libvpx(r)]


def _libvpx(r: Request) -> list[str]:
    group = ["-g", str(r.gop), "-keyint_min", str(r.gop)]
    return ["-crf", r.setting, "-b:v", "0", *group, "-row-mt", "1", "-threads", str(r.threads)]


def _vvenc(r: Request) -> list[str]:
    # Its other kinds of intra frame come after pictures that are shown earlier, in the first group too.
    group = f"intraperiod={r.gop}:decodingrefreshtype=idr_no_radl"
    quality = ["-preset", r.preset, "-qp", r.setting, "-qpa", "0" if r.psnr else "1"]
    return [*quality, "-vvenc-params", group, "-threads", str(r.threads)]


def _jpeg(r: Request) -> list[str]:
    # "unofficial" is the range of video, 16 to 235, which JFIF doesn't know.
    return ["-q:v", r.setting, "-qmin", "1", "-strict", "unofficial", "-threads", str(r.threads)]


def _numbers(last: int) -> tuple[str, ...]:
    return tuple(map(str, range(last + 1)))


FAMILIES = {
    "x264": Family(
        "libx264", X26X, "medium", (40, 35, 30, 25, 20), 0, 51, r"264 - core (\d+)", _x264,
        whole=False, even=True, tunable=True,
    ),
    "x265": Family(
        "libx265", X26X, "medium", (42, 37, 32, 27, 22), 0, 51, r"HEVC encoder version (\S+)", _x265,
        whole=False, even=True, tunable=True,
    ),
    "svtav1": Family(
        "libsvtav1", _numbers(13), "6", (69, 62, 54, 44, 30), 1, 70, r"SVT-AV1 Encoder Lib (\S+)", _svtav1
    ),
    "vvenc": Family(
        "libvvenc", ("faster", "fast", "medium", "slow", "slower"), "medium", (47, 42, 37, 32, 27), 0, 63,
        r"libvvenc version: (\S+)", _vvenc, depths=(10,), even=True, tunable=True,
    ),
    "vp9": Family(
        "libvpx-vp9", _numbers(5), "2", (63, 57, 50, 42, 30), 0, 63, r"\[libvpx-vp9 @ \w+\] (v\S+)", _vp9, passes=2
    ),
    "aom": Family(
        "libaom-av1", _numbers(8), "4", (63, 57, 50, 42, 30), 0, 63, r"\[libaom-av1 @ \w+\] (v\S+)", _aom,
        passes=2, late=True,
    ),
    "jpeg": Family("mjpeg", (), "", (31, 18, 10, 6, 3), 1, 31, r"libavcodec +(\d+\. *\d+\. *\d+)", _jpeg, depths=(8,)),
}  # fmt: skip


def _form(name: str, family: Family) -> str:
    """How it is written in a specification, with what may be left out in brackets."""
    first, last = family.presets[:1], family.presets[-1:]
    preset = f"[:{first[0]}…{last[0]}]" if first else ""
    return name + preset + (f"[:{PSNR}]" if family.tunable else "")


FORMS = tuple(_form(name, family) for name, family in FAMILIES.items())


class FFmpegCoder:
    """A Coder of FAMILIES. ``words`` is the rest of its specification: a preset, ``psnr``, both or none.

    Raises UsageError, naming what is allowed; EvaluationError where this FFmpeg lacks the encoder.
    """

    def __init__(self, name: str, words: str = "") -> None:
        self._name, self._family = name, FAMILIES[name]
        self._preset, self._psnr = _preset_of(name, words)
        self.spec = ":".join(word for word in (name, self._preset, PSNR * self._psnr) if word)
        self.settings = self._family.settings
        self.version = f"{name} {version(self._family.encoder, self._family.version)}"

    def encode(self, clip: Clip, out: Path, setting: float, *, gop: int, threads: int) -> Encoded:
        family, info = self._family, clip.info
        self._require(setting)
        if not set(family.depths) & {info.depth, 10}:
            raise UnsupportedError(f"{self.spec} codes {family.depths[0]} bits, and {info.name} has {info.depth}")
        request = Request(self._preset, f"{setting:g}", gop, threads, self._psnr)
        pixels = ["-pix_fmt", PIXEL_FORMATS[_coded_depth(family, info)]]
        video = ["-map", "0:v:0", *_filters(self._padding(info)), *pixels, "-fps_mode", "passthrough"]
        encoder = ["-c:v", family.encoder, *family.options(request)]
        beginning = [*_start(threads), "-r", info.rate, "-i", str(clip.path.absolute()), *video, *encoder]
        with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
            usage, shown = _run(_passes(family, beginning, out.absolute(), Path(scratch).absolute()))
        bits = packet_bits(out)
        if len(bits) != info.frames:
            raise EvaluationError(f"{self.spec} wrote {len(bits)} of {info.frames} frames")
        return Encoded(out, usage, shown, out.stat().st_size, int(sum(bits)) // 8, bits)

    def decode(self, stream: Path, out: Path, *, clip: Clip, threads: int) -> Decoded:
        info = clip.info
        filters = []
        if _coded_depth(self._family, info) != info.depth:
            filters.append("zscale=dither=none")  # rounds; swscale would spread the error as noise
        filters.append(f"format={PIXEL_FORMATS[info.depth]}")
        if self._padding(info):
            filters.append(f"crop={info.width}:{info.height}:0:0:exact=1")
        video = ["-map", "0:v:0", *_filters(filters), "-fps_mode", "passthrough"]
        raw = ["-c:v", "rawvideo", "-f", "rawvideo", str(out.absolute())]
        usage, shown = _run([[*_start(threads), "-i", str(stream.absolute()), *video, *raw]])
        require_size(self.spec, out, info)
        return Decoded(out, usage, shown)

    def _require(self, setting: float) -> None:
        family = self._family
        if not family.lowest <= setting <= family.highest or (family.whole and setting != int(setting)):
            kind = "whole number" if family.whole else "number"
            raise UsageError(
                f"a setting of {self.spec} is a {kind} from {family.lowest:g} to {family.highest:g}, not {setting:g}"
            )

    def _padding(self, info: ClipInfo) -> list[str]:
        """A filter that makes both sides even, where they must be, by repeating the last row and column of luma; chroma
        has as many samples either way. FFmpeg's filters would cut an odd row off 4:2:0, hence luma alone."""
        right, bottom = info.width % 2, info.height % 2
        if not self._family.even or not (right or bottom):
            return []
        luma = f"pad={info.width + right}:{info.height + bottom},fillborders=right={right}:bottom={bottom}:mode=smear"
        whole = f"mergeplanes=map1s=1:map2s=2:format={PIXEL_FORMATS[info.depth]}"
        return [f"extractplanes=y+u+v[y][u][v];[y]{luma}[l];[l][u][v]{whole}"]


def _preset_of(name: str, words: str) -> tuple[str, bool]:
    """The preset that the words of a specification ask for, and whether PSNR is tuned for."""
    family, rest = FAMILIES[name], words.split(":") if words else []
    psnr = family.tunable and rest[-1:] == [PSNR]
    presets = rest[:-1] if psnr else rest
    if len(presets) > 1 or (presets and presets[0] not in family.presets):
        allowed = f"has the presets {', '.join(family.presets)}" if family.presets else "has no presets"
        tuning = f", and then :{PSNR}" if family.tunable else ""
        raise UsageError(f"{name} {allowed}{tuning}; {name}:{words} is none of them")
    return presets[0] if presets else family.preset, psnr


def _coded_depth(family: Family, info: ClipInfo) -> int:
    return info.depth if info.depth in family.depths else family.depths[0]


def _passes(family: Family, beginning: list[str], out: Path, scratch: Path) -> list[list[str]]:
    """The commands that an encoding takes; between them, files lie in ``scratch``."""
    audio, file = ["-map", "0:a?", "-c:a", "copy"], [*MATROSKA, "-f", "matroska"]
    if family.passes == 1:
        return [[*beginning, *audio, *file, str(out)]]
    log = ["-passlogfile", str(scratch / "pass")]
    first = [*beginning, "-pass", "1", *log, "-f", "null", "-"]
    if not family.late:
        return [first, [*beginning, "-pass", "2", *log, *audio, *file, str(out)]]
    stream = scratch / f"{out.stem}.whole.mkv"
    second = [*beginning, "-pass", "2", *log, *audio, "-f", "matroska", str(stream)]
    return [first, second, [*_start(1), "-i", str(stream), "-map", "0", "-c", "copy", *file, str(out)]]


def _start(threads: int) -> list[str]:
    return [ffmpeg(), "-nostdin", "-hide_banner", "-v", "error", "-y", "-threads", str(threads)]


def _filters(filters: list[str]) -> list[str]:
    return ["-vf", ",".join(filters)] if filters else []


def _run(commands: list[list[str]]) -> tuple[Usage, list[str]]:
    """The commands one after the other; what they took, and how they are shown: paths by their names only."""
    usages = [run(command, env=QUIET, name="ffmpeg") for command in commands]
    shown: list[str] = []
    for command in commands:
        shown += ["&&"] * bool(shown) + ["ffmpeg", *(_shown(word) for word in command[1:])]
    return sum(usages[1:], usages[0]), shown


def _shown(word: str) -> str:
    return Path(word).name if Path(word).is_absolute() else word


@cache
def version(encoder: str, pattern: str) -> str:
    """An encoder's own version and FFmpeg's, asked by coding two small grey pictures.

    Raises EvaluationError where the encoder is missing or does not work.
    """
    pictures = ["-f", "lavfi", "-i", "color=gray:size=64x64:rate=25", "-frames:v", "2"]
    command = [ffmpeg(), "-nostdin", "-v", "verbose", *pictures, "-c:v", encoder, "-y", "-f", "matroska", os.devnull]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EvaluationError(f"ffmpeg can't be run: {error}") from error
    found = re.search(r"ffmpeg version (\S+)", asked.stderr)
    program = f"FFmpeg {found[1] if found else 'of an unknown version'}"
    if "Unknown encoder" in asked.stderr:
        raise EvaluationError(f"{encoder} is missing in {program} ({command[0]})")
    if asked.returncode:
        raise EvaluationError(f"{encoder} does not work in {program}: {asked.stderr.strip().splitlines()[-1]}")
    own = re.search(pattern, asked.stderr)
    return f"{own[1].replace(' ', '') if own else 'of an unknown version'}, {program}"
