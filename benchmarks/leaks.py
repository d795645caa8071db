"""A thousand encodes and decodes in one process: ``python -m benchmarks.leaks``.

A tiny clip, the profiles neural and sensing in turns, with a small model of the tests: what matters is what stays.
After a warm-up the memory of the process is read every so often, what libraries have taken of the heap and not given
back (glibc's mallinfo2), Python's blocks and objects, open files and threads. Writes ``leaks.json``.

With MALLOC_ARENA_MAX=1 in the environment threads share one heap, and what grows is not their gaps.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

import sensic
from benchmarks.progress import progress_bar
from sensic.video import Filters
from tests.vectors.streams import HERE

OPTIONS: tuple[dict[str, Any], ...] = ({"model": HERE / "model", "preset": 0, "gop": 2}, {"profile": "sensing"})
GROWS = {"bytes": "bytes in memory", "heap": "of them in the heap", "blocks": "blocks", "objects": "objects of Python"}
WARM_UP = 250
"""Until then allocators take what they keep."""


def once(clip: Path, folder: Path, number: int) -> None:
    """Encode two frames and decode them."""
    options = OPTIONS[number % len(OPTIONS)]
    filters = Filters(trim="0f:2f", scale="32:32")
    sensic.encode(clip, folder / "s.mkv", threads=1, filters=filters, **options)
    sensic.decode(folder / "s.mkv", folder / "out.y4m", model=options.get("model"), threads=1)


def kept() -> dict[str, int]:
    """What the process holds (Linux)."""
    gc.collect()
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {
        "bytes": resident, "heap": heap(), "blocks": sys.getallocatedblocks(), "objects": len(gc.get_objects()),
        "files": len(os.listdir("/proc/self/fd")), "threads": threading.active_count(),
    }  # fmt: skip


class _Mallinfo2(ctypes.Structure):
    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = tuple((name, ctypes.c_size_t) for name in _names)


def heap() -> int:
    """Bytes that libraries hold of the C heap; free gaps don't count. 0 without glibc 2.33."""
    ask = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if ask is None:
        return 0
    ask.restype = _Mallinfo2
    info = ask()
    return int(info.uordblks + info.hblkhd)


def main(
    clip: Annotated[Path, typer.Argument(help="Any video.", exists=True)] = Path("demo/bunny.mp4"),
    count: Annotated[int, typer.Option(min=100, help="Encodes, and as many decodes.")] = 1000,
    out: Annotated[Path, typer.Option(help="Folder for leaks.json.")] = Path("benchmarks/out"),
) -> None:
    """See that nothing is left behind."""
    rows: list[dict[str, int]] = []
    began = time.process_time()
    with tempfile.TemporaryDirectory() as name, progress_bar() as bar:
        for number in bar.track(range(WARM_UP + count), description="encoding"):
            once(clip, Path(name), number)
            if number >= WARM_UP - 1 and (number + 1) % 50 == 0:
                rows.append({"done": number + 1 - WARM_UP, **kept()})
    slopes = {key: float(np.polyfit([row["done"] for row in rows], [row[key] for row in rows], 1)[0]) for key in GROWS}
    record = {
        "count": count, "each": {key: round(slope, 3) for key, slope in slopes.items()},
        "first": rows[0], "last": rows[-1],
        "cpu_seconds": round(time.process_time() - began, 1), "rows": rows,
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / "leaks.json").write_text(json.dumps(record, indent=1) + "\n")
    for row in (rows[0], rows[-1]):
        held = f"{row['bytes'] / 2**20:.1f} MiB, {row['files']} files open, {row['threads']} threads"
        print(f"after {row['done']:,}: {held}")
    each = (f"{slope:+.3f} {GROWS[key]}" for key, slope in slopes.items())
    print(f"each encode and decode: {', '.join(each)}")


if __name__ == "__main__":
    typer.run(main)
