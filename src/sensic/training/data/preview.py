"""What a build of packs would look at, with everything checked that can be checked before; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sensic.errors import InputError, PackError
from sensic.training.data.build import check_output, videos
from sensic.training.data.manifest import Provenance
from sensic.training.data.settings import BuildSettings
from sensic.video import VideoSource, check_folder


@dataclass(frozen=True)
class PackPlan:
    """``files`` can be read as video, ``excluded`` are test clips that nothing may look like; ``unusable`` tells, by
    file, why others would be dropped."""

    files: tuple[str, ...]
    excluded: tuple[str, ...]
    unusable: dict[str, str]
    output: str
    settings: BuildSettings

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def plan_packs(
    folders: Sequence[str | Path],
    output: str | Path,
    settings: BuildSettings | None = None,
    *,
    exclude: Sequence[str | Path] = (),
    licence: str | None = None,
    sources: str | Path | None = None,
) -> PackPlan:
    """Open every video that ``build_packs`` would look at with the same arguments; no picture is decoded.

    Raises PackError where there is nothing to use, the table ``sources`` can't be read, or ``output`` holds other
    videos; OutputError where it can't be written.
    """
    Provenance.read(licence, sources)
    found = videos([Path(folder) for folder in folders], Path(output))
    if not found:
        raise PackError(f"there is no video in {', '.join(map(str, folders))}")
    excluded = videos([Path(folder) for folder in exclude], Path(output))
    check_output(Path(output))
    check_folder(Path(output))
    unusable = {name: reason for name, path in found.items() if (reason := _reason(path))}
    files = tuple(name for name in found if name not in unusable)
    return PackPlan(files, tuple(excluded), unusable, str(output), settings or BuildSettings())


def _reason(path: Path) -> str:
    """Why it is no video; empty where it is one."""
    try:
        with VideoSource(path):
            return ""
    except InputError as error:
        return str(error)
