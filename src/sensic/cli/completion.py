"""What the shell offers for the values of options. Fast: nothing heavy is imported before it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

PRESETS = ("realtime", "fast", "medium", "slow", "best")
METRICS = ("psnr", "ssim", "msssim", "vmaf", "xpsnr", "flicker")
CODERS = ("sensic", "sensing", "x264", "x265", "svtav1", "vvenc", "vp9", "aom", "jpeg")


def words(*values: str) -> Callable[[str], list[str]]:
    """Offers these."""

    def complete(incomplete: str) -> list[str]:
        return [value for value in values if value.startswith(incomplete)]

    return complete


def several(*values: str) -> Callable[[str], list[str]]:
    """Offers these with commas between, none of them twice."""

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        taken = before.split(",")
        return [before + comma + value for value in values if value.startswith(last) and value not in taken]

    return complete


def models(incomplete: str) -> list[str]:
    """Models that ship, and folders with one in them."""
    return sorted({*_shipped(incomplete), *_folders(incomplete)})


def codecs(incomplete: str) -> list[str]:
    """FFmpeg's encoders of video."""
    import av

    names = sorted(name for name in av.codecs_available if name.startswith(incomplete))
    return [name for name in names if _encodes_video(name)]


def containers(incomplete: str) -> list[str]:
    """FFmpeg's containers that can be written."""
    import av

    return sorted(name for name in av.formats_available if name.startswith(incomplete) and _is_written(name))


presets = words(*PRESETS)
metrics = several(*METRICS)
coders = several(*CODERS)
devices = words("auto", "cpu", "cuda")


def _shipped(incomplete: str) -> Iterator[str]:
    import sensic

    return (name for name in sensic.Model.shipped() if name.startswith(incomplete))


def _folders(incomplete: str) -> Iterator[str]:
    """Folders below which there is a model; a shell offers no others once something is offered."""
    parent = Path(incomplete if incomplete.endswith("/") else Path(incomplete).parent)
    try:
        entries = list(parent.iterdir())
    except OSError:
        return
    for entry in entries:
        if str(entry).startswith(incomplete) and (entry / "manifest.json").is_file():
            yield str(entry)


def _encodes_video(name: str) -> bool:
    import av

    try:
        return av.Codec(name, "w").type == "video"
    except ValueError:  # can only be decoded
        return False


def _is_written(name: str) -> bool:
    import av

    try:
        return av.ContainerFormat(name).is_output
    except ValueError:
        return False
