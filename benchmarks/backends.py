"""Backends next to ONNX Runtime: ``python -m benchmarks.backends CLIP``.

The clip is scaled to 720p, and its frames are encoded and decoded by every backend that this machine has, in one
process with one thread, in turns; then once more by ONNX Runtime with the model ``fast``. The figure is the ratio of
CPU times, backend to ONNX Runtime with the default model, in the same round: the median. Starting counts apart.
Writes ``backends.json``.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import cv2
import typer

from benchmarks.memory import HEIGHT, WIDTH, scaled_loop
from benchmarks.progress import progress_bar
from sensic.codec.decoder import Decoder
from sensic.codec.encoder import Encoder
from sensic.codec.engine import load_backend
from sensic.codec.settings import EncoderSettings
from sensic.container import Block, StreamHeader
from sensic.errors import BackendError
from sensic.model import Model
from sensic.runtime import BACKENDS, Backend
from sensic.video import VideoSource

Times = dict[str, list[float]]


def loaded(names: tuple[str, ...]) -> dict[str, tuple[Model, Backend, float]]:
    """Backends by name, and the CPU seconds that each took to start; those that can't compute here are left out."""
    found: dict[str, tuple[Model, Backend, float]] = {}
    for name, model in [*((name, "default") for name in names), ("onnxruntime, fast", "fast")]:
        chosen, began = Model.load(model), time.process_time()
        try:
            backend = load_backend(chosen, 1, name=name.partition(",")[0])
        except BackendError as error:
            typer.echo(f"{name}: {error}", err=True)
            continue
        found[name] = chosen, backend, time.process_time() - began
    return found


def seconds(work: Callable[[], Any]) -> float:
    """CPU seconds of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(clip: Path, backends: dict[str, tuple[Model, Backend, float]], rounds: int) -> tuple[Times, Times]:
    """CPU seconds of encoding and of decoding the clip, for each backend in each round."""
    with VideoSource(clip) as video:
        info, frames = video.info, list(video)
    settings = EncoderSettings()
    encoding: Times = {name: [] for name in backends}
    decoding: Times = {name: [] for name in backends}
    with progress_bar() as bar:
        task = bar.add_task("backends", total=rounds * len(backends))
        for _ in range(rounds):
            for name, (model, backend, _) in backends.items():
                bar.update(task, description=name)
                encoder = Encoder(model, backend, info.width, info.height, settings)
                header = StreamHeader(bytes.fromhex(model.id), settings.quality, settings.gop, info)
                blocks: list[Block] = []
                encoding[name].append(seconds(lambda e=encoder, b=blocks: b.extend(e.blocks(frames))))  # type: ignore[misc]
                decoder = Decoder(model, backend, header)
                decoding[name].append(seconds(lambda d=decoder, b=blocks: list(d.frames(b))))  # type: ignore[misc]
                bar.advance(task)
    return encoding, decoding


def main(
    clip: Annotated[Path, typer.Argument(help="Video to scale.", exists=True)],
    frames: Annotated[int, typer.Option(help="How many.")] = 8,
    rounds: Annotated[int, typer.Option(help="In each everyone has a turn.")] = 5,
    out: Annotated[Path, typer.Option(help="Folder for backends.json.")] = Path("benchmarks/out"),
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    backends = loaded(BACKENDS)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "source.mp4"
        scaled_loop(clip, source, WIDTH, HEIGHT, frames)
        encoding, decoding = measure(source, backends, rounds)
    first = next(iter(backends))
    rows = []
    lines = ["| | start, CPU s | encode, CPU ms/frame | ratio | decode, CPU ms/frame | ratio |", "|---|" + "---:|" * 5]
    for name, (_, _, start) in backends.items():
        row: dict[str, Any] = {"backend": name, "frames": frames, "start": start}
        for job, times in (("encode", encoding), ("decode", decoding)):
            row[job] = min(times[name]) / frames
            row[f"{job}_ratio"] = median(own / other for own, other in zip(times[name], times[first], strict=True))
        rows.append(row)
        cells = [f"{1000 * row[job]:.0f} | {row[f'{job}_ratio']:.2f}" for job in ("encode", "decode")]
        lines.append(f"| {name} | {start:.2f} | {' | '.join(cells)} |")
    (out / "backends.json").write_text(json.dumps({"width": WIDTH, "height": HEIGHT, "rows": rows}, indent=1) + "\n")
    typer.echo("\n".join(lines))


if __name__ == "__main__":
    typer.run(main)
