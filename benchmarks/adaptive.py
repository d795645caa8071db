"""What adaptive statistics gain, the same pictures coded without and with: ``python -m benchmarks.adaptive CLIPS``.

The statistics change what symbols cost and not their values, so that the pictures are equal and bytes say it all.
This opens the codec, as a stream without them is one that no decoder reads. Writes ``adaptive.json``.
"""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.progress import progress_bar
from sensic.codec.encoder import Encoder
from sensic.codec.settings import EncoderSettings
from sensic.evaluation.compare import QUALITIES
from sensic.model import Model
from sensic.runtime import OnnxBackend
from sensic.video import VideoSource


def payload(source: Path, frames: int, quality: int, model: Model, backend: OnnxBackend, *, adaptive: bool) -> int:
    """Bytes of the entropy-coded payload of the first frames of ``source``."""
    with VideoSource(source) as video:
        settings = EncoderSettings(quality=quality, gop=frames)
        encoder = Encoder(model, backend, video.info.width, video.info.height, settings, adaptive=adaptive)
        return sum(len(block.payload) for block in encoder.blocks(islice(video, frames)))


def main(
    sources: Annotated[list[Path], typer.Argument(help="Videos.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for adaptive.json.")] = Path("benchmarks/out"),
    frames: Annotated[int, typer.Option(help="Frames of each clip, in one group.", min=1)] = 32,
    model: Annotated[str | None, typer.Option(help="Name or folder of a model.")] = None,
) -> None:
    chosen = Model.load(model)
    backend = OnnxBackend(chosen, threads=2)
    rows: dict[str, dict[int, tuple[int, int]]] = {}
    with progress_bar() as bar:
        task = bar.add_task("adaptive", total=len(sources) * len(QUALITIES))
        for source in sources:
            bar.update(task, description=source.stem)
            rows[source.stem] = {}
            for quality in QUALITIES:
                without, using = (payload(source, frames, quality, chosen, backend, adaptive=a) for a in (False, True))
                rows[source.stem][quality] = (without, using)
                bar.advance(task)
    out.mkdir(parents=True, exist_ok=True)
    record = {"frames": frames, "model": {"name": chosen.name, "id": chosen.id}, "bytes_without_with": rows}
    (out / "adaptive.json").write_text(json.dumps(record, indent=1) + "\n")
    typer.echo("| clip | quality | bytes without | bytes with | change |\n|---|---:|---:|---:|---:|")
    for clip, qualities in rows.items():
        for quality, (without, using) in qualities.items():
            typer.echo(f"| {clip} | {quality} | {without} | {using} | {(using / without - 1) * 100:+.2f}% |")
    changes = [using / without - 1 for qualities in rows.values() for without, using in qualities.values()]
    typer.echo(f"| **mean** | | | | {sum(changes) / len(changes) * 100:+.2f}% |")


if __name__ == "__main__":
    typer.run(main)
