"""What is looked up in the files that coders write."""

from __future__ import annotations

from pathlib import Path

import av

from sensic.errors import EvaluationError
from sensic.evaluation.results import ClipInfo


def packet_bits(path: Path) -> list[float]:
    """Bits of each packet of the video in a file, in the order of presentation."""
    with av.open(str(path)) as reader:
        packets = [(packet.pts, packet.size) for packet in reader.demux(video=0) if packet.size]
    return [8.0 * size for _, size in sorted(packets, key=lambda packet: packet[0] or 0)]


def frame_bytes(info: ClipInfo) -> int:
    """Of one raw picture."""
    luma, chroma = info.width * info.height, ((info.width + 1) // 2) * ((info.height + 1) // 2)
    return (luma + 2 * chroma) * (1 if info.depth == 8 else 2)


def require_size(spec: str, raw: Path, info: ClipInfo) -> None:
    """Raises EvaluationError where raw pictures are not all of a clip's."""
    wanted, found = info.frames * frame_bytes(info), raw.stat().st_size
    if found != wanted:
        raise EvaluationError(f"{spec} decoded {found} bytes of {info.name}, not the {wanted} of {info.frames} frames")
