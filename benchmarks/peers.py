"""Other people's codecs on the same clips, by the commands that run them: ``python -m benchmarks.peers PEERS CLIPS``.

What the file of peers looks like, and how to run CompressAI's ssf2020 and DCVC-RT, is in ``docs/peers.md``. Streams are
files that the codec wrote, counted in bytes; pictures are what it decoded to raw 4:2:0, compared like everybody's.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.progress import evaluating
from sensic.errors import EvaluationError, UsageError
from sensic.evaluation import Clip, Coder, Decoded, Encoded, Results, evaluate, run, write_report

INFO = ("width", "height", "depth", "frames", "rate")
PLACES = ("clip", *INFO, "gop", "threads", "setting", "source", "stream", "decoded")


@dataclass(frozen=True)
class CommandCoder:
    """A coder that is two commands, with PLACES in braces: ``source`` and ``decoded`` are files of raw planar 4:2:0 (of
    10 bits: two bytes for each sample, little-endian), ``stream`` is what is counted, all of it payload. Bits of single
    frames are not known and are spread evenly. ``timed`` says whether the commands really do the work.
    """

    spec: str
    version: str
    settings: tuple[float, ...]
    encoder: str
    decoder: str
    timed: bool = True

    def encode(self, clip: Clip, out: Path, setting: float, *, gop: int, threads: int) -> Encoded:
        source = out.with_name("source.yuv")
        write_raw(clip, source)
        words = self._words(self.encoder, clip, threads=threads, setting=setting, gop=gop, source=source, stream=out)
        usage = run(words)
        if not out.is_file():
            raise EvaluationError(f"{words[0]} wrote no file {{stream}}")
        # The decoder is told what can't be read from a stream of any kind, but nothing of the pictures.
        out.with_suffix(".setting").write_text(f"{setting} {gop}", encoding="utf-8")
        size = out.stat().st_size
        return Encoded(out, usage, _shown(words), size, size, [8 * size / clip.info.frames] * clip.info.frames)

    def decode(self, stream: Path, out: Path, *, clip: Clip, threads: int) -> Decoded:
        setting, gop = stream.with_suffix(".setting").read_text(encoding="utf-8").split()
        words = self._words(
            self.decoder, clip, threads=threads, setting=float(setting), gop=int(gop), stream=stream, decoded=out
        )
        usage = run(words)
        if not out.is_file():
            raise EvaluationError(f"{words[0]} wrote no file {{decoded}}")
        return Decoded(out, usage, _shown(words))

    def _words(self, command: str, clip: Clip, *, setting: float, **values: object) -> list[str]:
        info = clip.info
        known = {name: getattr(info, name) for name in INFO}
        try:
            return [w.format(**known, clip=info.name, setting=f"{setting:g}", **values) for w in shlex.split(command)]
        except (KeyError, IndexError, ValueError) as error:
            allowed = ", ".join(PLACES)
            raise UsageError(f"{self.spec}: {error} in {command!r}; in braces may stand {allowed}") from error


def write_raw(clip: Clip, path: Path) -> None:
    """The clip's frames as raw planar 4:2:0."""
    with path.open("wb") as file:
        for planes in clip.frames():
            for plane in planes:
                file.write(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).data)


def _shown(words: list[str]) -> list[str]:
    return [Path(word).name if Path(word).is_absolute() else word for word in words]


def read(path: Path) -> list[CommandCoder]:
    """The coders of a TOML file. Raises UsageError where it is not of that form."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return [_coder(name, table) for name, table in tables.items()]
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"{path}: {error}; docs/peers.md shows what it looks like") from error


def _coder(name: str, table: Mapping[str, Any]) -> CommandCoder:
    values = {**table, "settings": tuple(float(value) for value in table.get("settings", ()))}
    return CommandCoder(name, encoder=values.pop("encode", ""), decoder=values.pop("decode", ""), **values)


def without_times(results: Results, coders: list[CommandCoder]) -> Results:
    """Where commands only fetch what was made elsewhere, how long they took says nothing about the codec."""
    fetched = {one.spec for one in coders if not one.timed}
    measurements = [replace(m, runs=[]) if m.coder in fetched else m for m in results.measurements]
    return replace(results, measurements=measurements)


def main(
    peers: Annotated[Path, typer.Argument(help="How to run them (TOML).", exists=True)],
    sources: Annotated[list[Path], typer.Argument(help="Videos, 4:2:0 of 8 or 10 bits.", exists=True)],
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("benchmarks/out/peers"),
    against: Annotated[str, typer.Option(help="Other coders, as in sensic evaluate.")] = "sensic,x265:medium",
    frames: Annotated[int | None, typer.Option(help="Of each clip; all by default.", min=1)] = None,
    gop: Annotated[int, typer.Option(help="Frames per group; 0 is one group.", min=0)] = 0,
    repeats: Annotated[int, typer.Option(help="How often each is timed.", min=1)] = 1,
    threads: Annotated[int, typer.Option(help="Of every coder that takes them.", min=1)] = 2,
) -> None:
    found = read(peers)
    coders: list[str | Coder] = [*found, *against.split(",")]
    with evaluating() as show:
        results = evaluate(
            sources, coders, out=out, frames=frames, gop=gop or None, repeats=repeats, threads=threads, progress=show
        )
    results = without_times(results, found)
    results.write(out / "results.json")
    typer.echo(write_report(results, out, pictures=out / "pictures"))
    for failure in results.failures:
        typer.echo(f"failed: {failure.clip} {failure.coder}: {failure.message}", err=True)
    raise typer.Exit(1 if results.failures else 0)


if __name__ == "__main__":
    typer.run(main)
