"""What lies beside the packs: where every clip is from, what was dropped and why."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensic.errors import PackError
from sensic.training.data.work import Drop, read_json, write_json
from sensic.video import AtomicFile

NAME, REPORT = "packs.json", "report.json"

KINDS = {
    "unreadable": "can't be read as video",
    "tiny": "smaller than the pack's picture (nothing is enlarged)",
    "same file": "the same bytes as a file before it",
    "short": "shots shorter than a clip",
    "static": "clips in which nothing moves",
    "uneven": "clips with pauses in a variable frame rate",
    "duplicate": "clips that look like one already taken",
    "test": "clips that look like a test clip",
    "enough": "clips beyond the number asked for",
}
"""What things are dropped for, in the order in which they are told."""


@dataclass(frozen=True)
class ClipSource:
    """A line of the manifest: the clip at ``index`` of ``pack`` is from ``file`` at ``start`` seconds, ``fps`` pictures
    per second; ``offset`` is where it was cut out of the scaled picture. ``file_*`` describe the whole file."""

    pack: str
    index: int
    file: str
    source: str
    licence: str
    start: float
    fps: float
    offset: tuple[int, int]
    hashes: list[str]
    file_sha256: str
    file_size: tuple[int, int]
    file_depth: int
    file_fps: float


@dataclass(frozen=True)
class BuildReport:
    """What a build made and what it dropped. ``packs`` and ``sheet`` (a picture of the clips) lie in ``output``."""

    output: Path
    packs: tuple[Path, ...]
    clips: int
    files: int
    used: int
    bytes: int
    seconds: float
    dropped: tuple[Drop, ...] = ()
    notes: tuple[str, ...] = ()
    sheet: Path | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How much was dropped, by kind."""
        counted = Counter(drop.kind for drop in self.dropped)
        return {kind: counted[kind] for kind in KINDS if counted[kind]}

    def to_json(self) -> dict[str, Any]:
        values = dataclasses.asdict(self)
        values["output"], values["packs"] = str(self.output), [pack.name for pack in self.packs]
        values["sheet"] = self.sheet and self.sheet.name
        return {**values, "counts": self.counts}

    @classmethod
    def read(cls, output: Path) -> BuildReport | None:
        """The report of a finished build."""
        values = read_json(output / REPORT)
        if values is None:
            return None
        del values["counts"]
        values["output"], values["packs"] = output, tuple(output / name for name in values["packs"])
        values["dropped"] = tuple(Drop(**drop) for drop in values["dropped"])
        values["notes"], values["sheet"] = tuple(values["notes"]), values["sheet"] and output / values["sheet"]
        return cls(**values)

    def write(self) -> None:
        """report.json, and report.md to read."""
        with AtomicFile(self.output / "report.md") as file:
            file.file.write(self.text().encode())
        write_json(self.output / REPORT, self.to_json())

    def text(self) -> str:
        """Markdown: what was made, counts, and every single thing dropped."""
        lines = [
            "# Training packs",
            "",
            f"{self.clips} clips in {len(self.packs)} packs ({self.bytes / 1e6:.1f} MB), from {self.used} of "
            f"{self.files} files. Where each is from: `{NAME}`.",
            "",
            f"![The clips]({self.sheet.name})" if self.sheet else "",
            "",
            "## Dropped",
            "",
            *(f"- {count} × {kind}: {KINDS[kind]}" for kind, count in self.counts.items()),
            *([] if self.dropped else ["Nothing."]),
            "",
            *(["## Notes", "", *(f"- {note}" for note in self.notes), ""] if self.notes else []),
        ]
        if self.dropped:
            lines += ["## Every one", "", "| file | at | kind | why |", "|---|---|---|---|"]
            lines += [f"| {_cell(d.source)} | {_time(d.start)} | {d.kind} | {_cell(d.reason)} |" for d in self.dropped]
        return "\n".join(lines) + "\n"


def write_manifest(
    output: Path, key: str, settings: Mapping[str, Any], packs: Sequence[Any], clips: Sequence[ClipSource]
) -> None:
    """packs.json, and the same as a table of four columns, sources.tsv."""
    with AtomicFile(output / "sources.tsv") as file:
        rows = ["pack\tclip\tsource\tlicence", *(f"{c.pack}\t{c.index}\t{c.source}\t{c.licence}" for c in clips)]
        file.file.write(("\n".join(rows) + "\n").encode())
    values = {"version": 1, "key": key, "settings": settings, "packs": packs}
    write_json(output / NAME, {**values, "clips": [dataclasses.asdict(clip) for clip in clips]})


@dataclass(frozen=True)
class Provenance:
    """Where files are from and what licence they have: a table of the user's, or one licence for all."""

    licence: str = "not stated"
    table: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, licence: str | None, table: str | Path | None) -> Provenance:
        """``table`` is tab-separated with columns file, source, licence; a file is named by its path from the folder
        given, or by its name. Raises PackError."""
        rows: dict[str, tuple[str, str]] = {}
        if table is not None:
            try:
                with open(table, newline="", encoding="utf-8") as file:
                    reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                    if "file" not in (reader.fieldnames or ()):
                        raise PackError(f"{table} has no column named file (file, source, licence; tab-separated)")
                    for row in reader:
                        rows[row["file"]] = (row.get("source") or "", row.get("licence") or "")
            except (OSError, UnicodeDecodeError) as error:
                raise PackError(f"can't read {table}: {error}") from error
        return cls(licence or "not stated", rows)

    def of(self, name: str) -> tuple[str, str]:
        """Source and licence of a file named FOLDER/path."""
        path = name.split("/", 1)[-1]
        source, licence = next((self.table[n] for n in (name, path, Path(name).name) if n in self.table), ("", ""))
        return _cell(source or name), _cell(licence or self.licence)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f} s"
