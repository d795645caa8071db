"""``sensic export``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sensic.cli import arguments, console
from sensic.cli.progress import View, display


class ExportView(View):
    """Of a share 0..1."""

    def text(self, progress: float) -> str:
        return f"counting symbols, {progress:.0%}"

    def fields(self, progress: float) -> dict[str, Any]:
        return {"task": "calibrating", "share": round(progress, 4)}

    def position(self, progress: float) -> tuple[float, float | None]:
        return progress, 1.0


def export(
    source: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, or a file of weights.")],
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="The model directory to make.")],
    name: Annotated[str | None, typer.Option("--name", help="The model's name; DIR's by default.")] = None,
    facts: Annotated[
        str | None, typer.Option("--facts", metavar="FILE", help="What the card is to tell beside, TOML or JSON.")
    ] = None,
    packs: Annotated[
        list[str] | None,
        typer.Option("--packs", metavar="PATH", help="What it was trained on, where RUN doesn't tell."),
    ] = None,
    calibrate: Annotated[
        int | None,
        typer.Option("--calibrate", min=0, help="Clips to code, so that symbol tables fit; as the run's recipe says."),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Of the model RUN: its pixel networks in 8-bit integers, fitted to --packs.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the model that is there.")] = False,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Make a model directory of trained weights: ONNX graphs, integer tables, golden vector, card."""
    from sensic.training import export_weights

    if not quiet and not as_json:
        console.status(f"exporting {source}")
    given: dict[str, Any] = {
        "name": name, "facts": facts, "packs": packs or (), "calibrate": calibrate, "int8": int8, "force": force,
    }  # fmt: skip
    with display(quiet=quiet, as_json=as_json, view=ExportView()) as show:
        model = export_weights(source, out, progress=show, **given)
    if as_json:
        console.record("exported", directory=str(model.directory), id=model.id, name=model.name)
    elif not quiet:
        console.status(f"{model.directory}: model {model.name} ({model.id[:16]}), golden vector reproduced")
