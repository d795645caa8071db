"""Where the clips of packs are from, as the tables beside the packs tell."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_COLUMNS = {"pack", "source", "licence"}


def origins(packs: Sequence[Path]) -> dict[str, Any]:
    """``sources``, the number of different ones, and ``licences``, their names with the number of clips.

    Read from tables like the ``sources.tsv`` that a build of packs writes, a line per clip, in the packs' folders;
    empty where there are none. Clips that no table names count as "not stated" only where others are named.
    """
    wanted = {pack.resolve() for pack in packs}
    lines = [line for folder in {pack.parent for pack in wanted} for line in _tables(folder, wanted)]
    if not lines:
        return {}
    return {
        "sources": len({source for source, _ in lines}),
        "licences": dict(Counter(licence or "not stated" for _, licence in lines)),
    }


def _tables(folder: Path, packs: set[Path]) -> list[tuple[str, str]]:
    """Source and licence of every clip of these packs that a table of the folder names."""
    found = []
    for path in sorted(folder.glob("*sources.tsv")):
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if set(table.fieldnames or ()) >= _COLUMNS:
                found += [(r["source"], r["licence"]) for r in table if folder / (r["pack"] or "") in packs]
    return found
