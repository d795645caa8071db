"""``sensic data``: footage for training."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensic.cli import arguments, console, plans
from sensic.cli.command import Command, Group
from sensic.cli.progress import display
from sensic.errors import UsageError

if TYPE_CHECKING:
    from sensic.training import BuildReport

data = typer.Typer(
    name="data", cls=Group, no_args_is_help=True, add_completion=False, help="Make training packs from footage."
)


@data.callback()
def _data() -> None:
    """Make training packs from footage."""  # a callback keeps `build` a word of its own while it is the only command


@data.command(cls=Command, no_args_is_help=True)
def build(
    folders: Annotated[list[str], typer.Argument(metavar="FOLDER", help="Folders of videos, or videos.")],
    output: Annotated[str, typer.Option("--out", "-o", metavar="PACKS", help="Folder for the packs.")],
    size: Annotated[str, typer.Option("--size", metavar="WxH", help="Multiples of 16.")] = "448x256",
    depth: Annotated[int, typer.Option("--depth", metavar="BITS", help="8 or 10 bits per sample.")] = 8,
    fps: Annotated[float | None, typer.Option("--fps", metavar="N", help="Change the frame rate.")] = None,
    interpolate: Annotated[
        bool, typer.Option("--interpolate/--decimate", help="Make up pictures at exactly --fps, or leave some out.")
    ] = False,
    frames: Annotated[int, typer.Option("--frames", metavar="N", help="Pictures per clip.")] = 12,
    clips_per_shot: Annotated[int, typer.Option(metavar="N", help="At most; 0: as many as there are.")] = 4,
    max_clips: Annotated[int | None, typer.Option(metavar="N", help="Stop at so many clips.")] = None,
    gap: Annotated[float, typer.Option(metavar="S", help="Seconds between clips of one shot.")] = 1.0,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="CLIP", help="Test clips, or folders of them; repeatable.")
    ] = None,
    threshold: Annotated[
        int, typer.Option(metavar="BITS", help="Drop a clip whose hash is so near to one taken (of 64; -1: never).")
    ] = 8,
    test_threshold: Annotated[int, typer.Option(metavar="BITS", help="The same for test clips.")] = 14,
    cut: Annotated[float, typer.Option(metavar="SCORE", help="scdet's score of a cut, 0 to 100.")] = 10.0,
    static: Annotated[
        float, typer.Option(metavar="STEPS", help="Drop a clip whose pictures differ by less (mean, of 255).")
    ] = 0.15,
    licence: Annotated[str | None, typer.Option(metavar="TEXT", help="Licence of the footage.")] = None,
    sources: Annotated[
        str | None, typer.Option(metavar="FILE", help="Table with columns file, source, licence (tab-separated).")
    ] = None,
    crf: Annotated[float, typer.Option(metavar="N", help="x265's quality of the packs; less is better.")] = 12.0,
    lossless: Annotated[bool, typer.Option("--lossless", help="Packs without loss, several times larger.")] = False,
    dry_run: arguments.DryRun = False,
    as_json: arguments.Json = False,
    quiet: arguments.Quiet = False,
) -> None:
    """Find shots, choose clips, write packs. Run it again after an interruption: it goes on."""
    from sensic import training

    settings = training.BuildSettings(
        size=_size(size),
        depth=depth,
        fps=fps,
        interpolate=interpolate,
        frames=frames,
        clips_per_shot=clips_per_shot or None,
        max_clips=max_clips,
        gap=gap,
        duplicates=threshold,
        excluded=test_threshold,
        cut=cut,
        static=static,
        crf=None if lossless else crf,
    )
    options: dict[str, Any] = {"exclude": exclude or (), "licence": licence, "sources": sources}
    if dry_run:
        plans.show_build(training.plan_packs(folders, output, settings, **options), as_json=as_json, quiet=quiet)
        return
    with display(quiet=quiet, as_json=as_json) as show:
        report = training.build_packs(folders, output, settings, **options, progress=show)
    if as_json:
        console.record("built", **report.to_json())
        return
    if not quiet:
        console.notes(report.notes)
    _tell(report)


def _tell(report: BuildReport) -> None:
    clips, packs = _counted(report.clips, "clip"), _counted(len(report.packs), "pack")
    print(f"{clips} in {packs}, {console.amount(report.bytes)}, from {report.used} of {_counted(report.files, 'file')}")
    dropped = ", ".join(f"{count} {kind}" for kind, count in report.counts.items())
    if dropped:
        print(f"dropped: {dropped}; each with its reason: {report.output / 'report.md'}")
    print(f"a picture of the clips: {report.sheet}")


def _counted(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if match is None:
        raise UsageError(f"--size is WIDTHxHEIGHT, like 448x256, not {text!r}")
    return int(match[1]), int(match[2])
