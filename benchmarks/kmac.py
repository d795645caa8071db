"""kMAC per luma sample of every network of a model: ``python -m benchmarks.kmac``.

The decoder runs every network but ``analysis``; the encoder runs all. Writes ``kmac.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from sensic.evaluation import macs
from sensic.model import Model


def main(
    model: Annotated[str | None, typer.Option(help="Name or folder of a model.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for kmac.json.")] = Path("benchmarks/out"),
) -> None:
    chosen = Model.load(model)
    counts = macs.per_pixel(chosen)
    sides = {side: counts.pop(side) for side in ("decoder", "encoder")}
    out.mkdir(parents=True, exist_ok=True)
    record = {"model": {"name": chosen.name, "id": chosen.id}, "kmac_per_pixel": counts, **sides}
    (out / "kmac.json").write_text(json.dumps(record, indent=1) + "\n")
    typer.echo("| network | kMAC per pixel |\n|---|---:|")
    for name, count in (*counts.items(), *((f"**{side}**", count) for side, count in sides.items())):
        typer.echo(f"| {name} | {count:.2f} |")


if __name__ == "__main__":
    typer.run(main)
