"""The pictures of the user guide, made of the bundled clip: ``python -m benchmarks.guide``.

The clip is of Big Buck Bunny, © Blender Foundation, CC BY 3.0 (demo/LICENCE.md), and so are pictures made of it.
"""

from __future__ import annotations

import os
import pty
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

import sensic

CLIP = Path("demo/bunny.mp4")
IMAGES = Path("docs/images")
QUALITIES = (8, 32, 56)
FRAME, CROP = 20, (110, 40, 390, 320)  # left, top, right, bottom
_COLUMNS, _LINE, _GAP = 96, 18, 10


def picture(path: Path, number: int) -> Image.Image:
    """A frame of any video."""
    with av.open(str(path)) as container:
        for count, frame in enumerate(container.decode(video=0)):
            if count == number:
                return Image.fromarray(np.asarray(frame.to_ndarray(format="rgb24")))
    raise SystemExit(f"{path} has no frame {number}")


def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_manager.findfont(name), size)


def qualities(folder: Path) -> Image.Image:
    """The same part of a picture at three qualities, beside the source."""
    source = picture(CLIP, FRAME)
    tiles, labels = [source.crop(CROP)], [f"source: {CLIP.stat().st_size / 1000:.0f} kB"]
    for quality in QUALITIES:
        stream, back = folder / f"q{quality}.mkv", folder / f"q{quality}-decoded.mkv"
        report = sensic.encode(CLIP, stream, quality=quality)
        sensic.decode(stream, back)
        tiles.append(picture(back, FRAME).crop(CROP))
        labels.append(f"-q {quality}: {report.file_bytes / 1000:.0f} kB")
    width, height = tiles[0].size
    sheet = Image.new("RGB", (len(tiles) * (width + 4) - 4, height + 28), "white")
    draw = ImageDraw.Draw(sheet)
    for number, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        sheet.paste(tile, (number * (width + 4), 28))
        draw.text((number * (width + 4) + 4, 4), label, "black", font("DejaVu Sans", 16))
    return sheet


def on_terminal(command: Sequence[str]) -> str:
    """What a program writes to a terminal."""
    child, terminal = pty.fork()
    if not child:
        os.environ.update(TERM="xterm", COLUMNS=str(_COLUMNS))
        os.execvp(command[0], list(command))
    written = b""
    try:
        while part := os.read(terminal, 1 << 16):
            written += part
    except OSError:  # that is how a terminal ends
        pass
    os.waitpid(child, 0)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.decode())


def progress(folder: Path) -> Image.Image:
    """A terminal in the middle of an encode, and at its end."""
    words = ["encode", str(CLIP), "bunny.mkv"]
    text = on_terminal([sys.executable, "-m", "sensic.cli", "encode", str(CLIP), str(folder / "bunny.mkv")])
    bars = [line for line in re.split(r"[\r\n]+", text) if "bpp" in line]
    last = [line for line in re.split(r"[\r\n]+", text) if "bits per pixel" in line][-1]
    command = "$ sensic " + " ".join(words)
    lines = [command, bars[len(bars) // 2], "", command, last]
    mono = font("DejaVu Sans Mono", 13)
    width = round(max(mono.getlength(line) for line in lines)) + 2 * _GAP
    sheet = Image.new("RGB", (width, _LINE * len(lines) + 2 * _GAP), "#1c1c1c")
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(lines):
        place = (_GAP, _GAP + _LINE * number)
        draw.text(place, line, "#e0e0e0" if line.startswith("$") else "#98c379", mono)
    return sheet


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        qualities(Path(folder)).save(IMAGES / "guide-quality.jpg", quality=85)
        progress(Path(folder)).quantize(32).save(IMAGES / "guide-progress.png", optimize=True)


if __name__ == "__main__":
    main()
